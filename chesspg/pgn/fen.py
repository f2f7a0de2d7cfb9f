"""Reading FENs as people and programs write them."""

from __future__ import annotations

from chesspg.games.capabilities import Notation
from chesspg.games.game import Game


def notation_of(game: Game) -> Notation:
    """The notation of a game, which is needed to read FEN, EPD and PGN.

    Raises:
        ValueError: The game has no notation.
    """
    if game.notation is None:
        raise ValueError(
            f"{game.name} has no notation, so FEN, EPD and PGN can't be read; expected a game such as chess"
        )
    return game.notation


def read_fen(text: str, notation: Notation) -> str:
    """Bring a FEN into its usual form.

    Args:
        text: A FEN that the notation can read; its clocks may also be `-` or `?`.
        notation: The notation of the game that is to start there.

    Returns:
        The FEN in its usual form.

    Raises:
        ValueError: No game can start there.
    """
    fields = text.split()
    for k, clock in ((4, "0"), (5, "1")):
        if len(fields) > k and fields[k] in ("-", "–", "—", "?"):
            fields[k] = clock
    return notation.to_board(" ".join(fields)).fen()
