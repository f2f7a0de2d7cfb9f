"""Files that ship with the code: recipes, policies, the ladder. Imports little, so that an engine answers at once."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def shipped_files(folder: str, suffix: str) -> dict[str, Path]:
    """The files that ship in `configs` or `checkpoints`, by bare name; run folders in there are left out."""
    inside = (PACKAGE / "configs").is_dir()  # in a wheel; in a checkout they lie beside the package
    home = PACKAGE if inside else PACKAGE.parent
    return {path.stem: path for path in sorted((home / folder).glob(f"*{suffix}")) if path.is_file()}


def shipped_policies() -> dict[str, Path]:
    return shipped_files("checkpoints", ".safetensors")


def shipped_names() -> str:
    """The end of a message to a user who named none of them."""
    return f"policies that ship: {', '.join(shipped_policies()) or 'none'}"
