"""What ships beside the code: recipes, policies, the ladder. Imports little, so that an engine can answer at once."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def shipped_files(folder: str, suffix: str) -> dict[str, Path]:
    """By bare name, what ships in `configs`, `checkpoints` or `docs`; a run's folder in there is none of it."""
    inside = (PACKAGE / "configs").is_dir()  # in a wheel; in a checkout they lie beside the package
    home = PACKAGE if inside else PACKAGE.parent
    return {path.stem: path for path in sorted((home / folder).glob(f"*{suffix}")) if path.is_file()}


def shipped_policies() -> dict[str, Path]:
    return shipped_files("checkpoints", ".safetensors")


def names_told() -> str:
    """For the message to somebody who named none of them."""
    return f"policies that ship: {', '.join(shipped_policies()) or 'none'}"
