"""The policy that plays if none is named, and the variant that a policy plays. Imports little, see protocol.py."""

from __future__ import annotations

import os
from typing import Any

from chesspg.storage.run_folder import RUNS
from chesspg.storage.shipped import shipped_policies

CHESS = "chesspg.games.chess.Chess"  # its name in policy files


def default_policy() -> tuple[str, str]:
    """The policy that plays if none is named, and in parentheses the reason. Raises ValueError if there is none."""
    from chesspg.arena.default_player import default_player
    from chesspg.games.chess import Chess

    default = default_player(lambda game: isinstance(game, Chess), "chess")
    if default is None:
        raise ValueError(
            f"no policy to play: no run of chess under ./{RUNS} and no rated policy that ships; set WeightsFile "
            "to a policy file, .ckpt or run folder, or name one on the command line"
        )
    text, what = default
    return text, f" ({what})"


def check_chess(weights: str) -> None:
    """Raise ValueError if a policy file is for another game of chesspg. Nothing else is wrong with a file here."""
    name = str(_game(weights).get("class_path", CHESS))
    if name.startswith("chesspg.games.") and name.rpartition(".")[2] != CHESS.rpartition(".")[2]:
        raise ValueError(f"{weights} plays {name.rpartition('.')[2]}; expected a policy for chess")


def variant_of(weights: str) -> str:
    """The variant of chess in a policy file."""
    arguments = _game(weights).get("init_args")
    variant = arguments.get("variant") if isinstance(arguments, dict) else None
    return variant if isinstance(variant, str) and variant.isalnum() else "standard"


def _game(weights: str) -> dict[str, Any]:
    """The game in the header of a policy file, read without the imports of `files.read_header`; empty if unreadable."""
    from pathlib import Path

    from chesspg.policy.container import read_fields

    target = weights.partition("?")[0].removeprefix("file:")
    path = Path(os.path.expanduser(target))
    if not path.exists():
        path = shipped_policies().get(target, path)
    try:
        beside = path.with_suffix(".safetensors") if path.suffix == ".ckpt" else path
        game = read_fields(path / "last.safetensors" if path.is_dir() else beside)["game"]
    except (OSError, ValueError, LookupError, TypeError):
        game = None  # there is no such file, or it is damaged; `isready` reports it
    return game if isinstance(game, dict) else {}
