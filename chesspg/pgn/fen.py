"""FENs as people and programs write them."""

from __future__ import annotations

from chesspg.games.capabilities import Notation
from chesspg.games.game import Game


def notation_of(game: Game) -> Notation:
    """The notation by which FEN, EPD and PGN are read.

    Raises:
        ValueError: The game has none.
    """
    if game.notation is None:
        raise ValueError(f"{game.name} has no FEN, EPD or PGN that can be read; expected a game with a notation: chess")
    return game.notation


def read_fen(text: str, notation: Notation) -> str:
    """A FEN by the standard, of one as loose as the notation reads it and whose clocks may be `-` or `?`.

    Args:
        text: The FEN.
        notation: That of the rules by which a game is to begin there.

    Returns:
        The FEN in its usual form.

    Raises:
        ValueError: No game can begin there.
    """
    fields = text.split()
    for k, clock in ((4, "0"), (5, "1")):
        if len(fields) > k and fields[k] in ("-", "–", "—", "?"):
            fields[k] = clock
    return notation.to_board(" ".join(fields)).fen()
