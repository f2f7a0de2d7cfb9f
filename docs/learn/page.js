"use strict";(()=>{document.title="chesspg";})();
