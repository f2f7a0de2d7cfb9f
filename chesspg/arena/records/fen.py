"""FENs as people and programs write them."""

from __future__ import annotations

import chess

from chesspg.games.chess import Chess

DASHES = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")


def read_fen(text: str, game: Chess) -> str:
    """A FEN by the standard: castling rights in its order, no en passant square that can't be one, clocks as numbers.

    Raises ValueError if no game can begin there, or if it is of Chess960 and the game is not.
    """
    fields = text.translate(DASHES).rstrip("; ").split()
    if len(fields) > 2 and set(fields[2]) <= set("KQkq"):
        fields[2] = "".join(right for right in "KQkq" if right in fields[2])
    ranks = {"w": "6", "b": "3"}
    if len(fields) > 3 and fields[3] in chess.SQUARE_NAMES and fields[3][1] != ranks.get(fields[1]):
        fields[3] = "-"
    for k, clock in ((4, "0"), (5, "1")):
        if len(fields) > k and fields[k] in ("-", "?"):
            fields[k] = clock
    fen = " ".join(fields)
    game.to_board(fen)
    if game.variant == "standard":
        board = chess.Board(fen)
        lost = board.castling_rights != board.clean_castling_rights() and not set(fields[2]) <= set("KQkq")
        if board.has_chess960_castling_rights() or lost:
            raise ValueError("its castling rights are of Chess960")
    return fen
