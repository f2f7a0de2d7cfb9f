"""Which policy plays if none is named, and which chess a policy plays. Imports little at the top, see protocol.py."""

from __future__ import annotations

import os

from chesspg.storage import runs
from chesspg.storage.shipped import shipped_policies


def default_policy() -> tuple[str, str]:
    """The policy, and in parentheses why it is that one. Raises ValueError if there is none."""
    from chesspg.arena.default_player import default_player
    from chesspg.games.chess import Chess

    default = default_player(lambda game: isinstance(game, Chess), "chess")
    if default is None:
        raise ValueError(
            f"no policy to play: no run of chess under ./{runs.RUNS} and no rated policy that ships; set WeightsFile "
            "to a policy file, .ckpt or run folder, or name one on the command line"
        )
    text, what = default
    return text, f" ({what})"


def variant_of(weights: str) -> str:
    """The chess that a policy file says it plays, read without what `files.read_header` has to import."""
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
        variant = None  # there is no such file, or it is of another game; `isready` says so
    return variant if isinstance(variant, str) and variant.isalnum() else "standard"
