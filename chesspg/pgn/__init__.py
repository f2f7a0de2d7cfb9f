"""Recorded games as text: PGN, EPD and FEN. Written for every game, read for games with a notation, such as chess."""
