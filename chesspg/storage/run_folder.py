"""Where run folders lie, and the names of the files in one."""

from __future__ import annotations

from pathlib import Path

RUNS = Path("checkpoints")  # parent directory of all run folders
METRICS, CONFIG, GAMES = "metrics.csv", "config.yaml", "games"


def check_no_link(path: Path) -> None:
    """Raise ValueError for a symbolic link, before the text of a file goes into a page or a card.

    In a stranger's folder it may lead to any file of yours.
    """
    if path.is_symlink():
        raise ValueError(f"{path} is a symbolic link, so its text is not shown; put the file there or delete the link")
