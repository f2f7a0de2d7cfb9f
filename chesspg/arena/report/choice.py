"""Which policy looks at the games of a PGN file. Imports no torch, so that mistakes are reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import chess.pgn

from chesspg.arena import roster
from chesspg.arena.records.split import headers_of, split
from chesspg.arena.records.text import TextFile
from chesspg.games.chess import VARIANTS, Chess


def policy_for(path: Path, named: str = "") -> tuple[str, str]:
    """The policy that looks at the games of a file, and why that one; the reason is empty for one that was named.

    By default it is the one that `play` takes, of those that play the game of the file's first game.
    Raises ValueError if there is none, or if what was named is not a policy; OSError if the file can't be read.
    """
    if named:
        _, options = roster.policy_of(named)
        if "random" in options:
            raise ValueError(f"--policy must be a policy without random moves, got {named[:80]!r}")
        roster.game_of([named])
        return named, ""
    first = next(iter(split(TextFile(path))), None)
    wanted = game_name(headers_of(first.tags) if first else {})
    default = roster.default_player(lambda game: game.name == wanted, wanted)
    if default is None:
        raise ValueError(f"no policy that plays {wanted[:80]}, the game of {path}; name one with --policy")
    return default


def game_name(headers: Mapping[str, str]) -> str:
    """The name of the game that a PGN's tags say: that of a variant of chess, else what stands there."""
    said = headers.get("Variant", "").strip()
    known = chess.pgn.Headers({"Variant": said} if said else {})
    try:
        board, chess960 = known.variant(), known.is_chess960()
    except ValueError:
        return said
    variants = (name for name, kind in VARIANTS.items() if kind is board and (name == "chess960") == chess960)
    return next((Chess(name).name for name in variants), said)
