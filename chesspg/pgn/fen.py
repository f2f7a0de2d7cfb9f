"""FENs as people and programs write them."""

from __future__ import annotations

from chesspg.games.chess import Chess


def read_fen(text: str, game: Chess) -> str:
    """A FEN by the standard, of one as loose as `Chess.to_board` reads it and whose clocks may be `-` or `?`.

    Args:
        text: The FEN.
        game: The rules by which a game is to begin there.

    Returns:
        The FEN in its usual form.

    Raises:
        ValueError: No game can begin there.
    """
    fields = text.split()
    for k, clock in ((4, "0"), (5, "1")):
        if len(fields) > k and fields[k] in ("-", "–", "—", "?"):
            fields[k] = clock
    return game.to_board(" ".join(fields)).fen()
