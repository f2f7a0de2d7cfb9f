"""Who plays if nobody is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chesspg.arena.ladder.shipped import shipped_ratings
from chesspg.games.game import Game
from chesspg.policy import files
from chesspg.storage.runs import RUNS
from chesspg.storage.shipped import shipped_policies


def newest_run(folder: str | Path = RUNS, wanted: Callable[[Game], bool] | None = None) -> Path | None:
    """The run folder whose last policy was saved last.

    A policy file that can't be read counts as wanted, so that whoever plays it learns of it.

    Args:
        folder: Where run folders are.
        wanted: Which games its policy may play; any by default.

    Returns:
        The run folder, None if there is none.
    """
    saved = [path for path in Path(folder).glob(f"*/last{files.SUFFIX}") if path.is_file()]
    newest_first = sorted(saved, key=lambda path: path.stat().st_mtime, reverse=True)
    return next((path.parent for path in newest_first if _plays(path, wanted)), None)


def default_player(wanted: Callable[[Game], bool] | None = None, of: str = "") -> tuple[str, str] | None:
    """Who plays if nobody is named: the newest run, else the policy that is highest on the ladder of those that ship.

    Args:
        wanted: Which games it may play; any by default.
        of: The name of these games, for the explanation.

    Returns:
        The player's string, and why it is that one; None if there is none.
    """
    runs = f"run{f' of {of}' if of else ''} under ./{RUNS}"
    run = newest_run(wanted=wanted)
    if run:
        return str(run), f"the newest {runs}"
    ratings = {name: one.rating for name, one in shipped_ratings().items()}
    rated = [name for name, path in shipped_policies().items() if name in ratings and _plays(path, wanted)]
    if not rated:
        return None
    best = max(rated, key=ratings.__getitem__)
    return best, f"no {runs}, so the strongest policy that ships, {ratings[best]:.0f} Elo on the ladder"


def _plays(path: Path, wanted: Callable[[Game], bool] | None) -> bool:
    try:
        header = files.read_header(path)
    except files.PolicyFileError:
        return True
    try:
        return wanted is None or wanted(files.header_game(header, path))
    except files.PolicyFileError:  # of a game that this process can't import, or of another version's encoding
        return False
