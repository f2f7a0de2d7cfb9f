"""The policy that plays if none is named, and the variant that a policy plays. Imports little, see protocol.py."""

from __future__ import annotations

import os

from chesspg.storage.run_folder import RUNS
from chesspg.storage.shipped import shipped_policies


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


def variant_of(weights: str) -> str:
    """The variant of chess in a policy file, read without the imports of `files.read_header`."""
    from pathlib import Path

    from chesspg.policy.container import read_fields

    target = weights.partition("?")[0].removeprefix("file:")
    path = Path(os.path.expanduser(target))
    if not path.exists():
        path = shipped_policies().get(target, path)
    try:
        beside = path.with_suffix(".safetensors") if path.suffix == ".ckpt" else path
        variant = read_fields(path / "last.safetensors" if path.is_dir() else beside)["game"]["init_args"]["variant"]
    except (OSError, ValueError, LookupError, TypeError):
        variant = None  # there is no such file, or it is for another game; `isready` reports it
    return variant if isinstance(variant, str) and variant.isalnum() else "standard"
