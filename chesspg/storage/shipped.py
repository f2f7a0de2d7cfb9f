"""Files that ship with the code: recipes, policies, the ladder. Imports little: a UCI engine must reply at once."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def shipped_files(folder: str, suffix: str) -> dict[str, Path]:
    """The shipped files in a folder such as `configs`, by bare name. Run folders in there are left out."""
    inside = (PACKAGE / "configs").is_dir()  # true in a wheel; in a checkout the folders lie beside the package
    home = PACKAGE if inside else PACKAGE.parent
    return {path.stem: path for path in sorted((home / folder).glob(f"*{suffix}")) if path.is_file()}


def shipped_policies() -> dict[str, Path]:
    """The policies that ship, by bare name."""
    return shipped_files("checkpoints", ".safetensors")


def shipped_names() -> str:
    """The policies that ship, as the end of an error message."""
    return f"policies that ship: {', '.join(shipped_policies()) or 'none'}"
