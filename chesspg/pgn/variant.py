"""The game that a PGN records: that of its Variant tag, or chess if there is none."""

from __future__ import annotations

from collections.abc import Mapping

import chess
import chess.pgn

from chesspg.games.chess import VARIANTS
from chesspg.games.chess.notation import ChessNotation

NAMES = tuple(ChessNotation(variant).name for variant in VARIANTS)  # names of chess and its variants in chesspg


def rules_of(headers: Mapping[str, str]) -> tuple[type[chess.Board], bool]:
    """The rules that the Variant tag names: the class of their boards, and whether they are Chess960.

    Raises:
        ValueError: python-chess does not know the variant.
    """
    variant = headers.get("Variant", "").strip()
    known = chess.pgn.Headers({"Variant": variant} if variant else {})
    return known.variant(), known.is_chess960()


def game_name(headers: Mapping[str, str]) -> str:
    """The name of the game in chesspg if it is chess or a variant that chesspg plays, else the value of the tag."""
    variant = headers.get("Variant", "").strip()
    try:
        board, chess960 = rules_of(headers)
    except ValueError:
        return variant
    fit = (name for name, kind in VARIANTS.items() if kind is board and (name == "chess960") == chess960)
    return next((ChessNotation(name).name for name in fit), variant)
