"""Floor 1: the rules of games and their encoding. numpy and chess only, never torch."""
