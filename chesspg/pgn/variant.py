"""Which game a PGN is of. Where no Variant tag says so, it is chess."""

from __future__ import annotations

from collections.abc import Mapping

import chess
import chess.pgn

from chesspg.games.chess import VARIANTS
from chesspg.games.chess.notation import ChessNotation

NAMES = tuple(ChessNotation(variant).name for variant in VARIANTS)  # of the chess that chesspg plays


def rules_of(headers: Mapping[str, str]) -> tuple[type[chess.Board], bool]:
    """The rules that the Variant tag names, as the class of their boards, and whether it is Chess960.

    Raises:
        ValueError: python-chess knows no such variant.
    """
    said = headers.get("Variant", "").strip()
    known = chess.pgn.Headers({"Variant": said} if said else {})
    return known.variant(), known.is_chess960()


def game_name(headers: Mapping[str, str]) -> str:
    """The name of the game: that of a variant of chess, else what the Variant tag says."""
    said = headers.get("Variant", "").strip()
    try:
        board, chess960 = rules_of(headers)
    except ValueError:
        return said
    fit = (name for name, kind in VARIANTS.items() if kind is board and (name == "chess960") == chess960)
    return next((ChessNotation(name).name for name in fit), said)
