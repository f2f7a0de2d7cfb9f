document.title = "chesspg";
