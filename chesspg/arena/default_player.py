"""The player that a command takes when none is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chesspg.arena.ladder.shipped import shipped_ratings
from chesspg.games.game import Game
from chesspg.policy import files
from chesspg.storage.run_folder import RUNS
from chesspg.storage.shipped import shipped_policies


def newest_run(folder: str | Path = RUNS, wanted: Callable[[Game], bool] | None = None) -> Path | None:
    """Find the run whose policy was saved most recently.

    A policy file that can't be read counts as wanted, so that the command which opens it reports the damage.

    Args:
        folder: The folder with the run folders.
        wanted: Whether the policy's game is acceptable; every game is by default.

    Returns:
        The run folder, or None if there is none.
    """
    saved = [path for path in Path(folder).glob(f"*/last{files.SUFFIX}") if path.is_file()]
    newest_first = sorted(saved, key=lambda path: path.stat().st_mtime, reverse=True)
    return next((path.parent for path in newest_first if _plays(path, wanted)), None)


def default_player(wanted: Callable[[Game], bool] | None = None, of: str = "") -> tuple[str, str] | None:
    """Choose a player: the newest run, or else the shipped policy with the highest rating.

    Args:
        wanted: Whether a policy's game is acceptable; every game is by default.
        of: Name of the acceptable games, for the explanation.

    Returns:
        The player's string and the reason for the choice, or None if there is no such player.
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
    except files.PolicyFileError:  # its game can't be imported here, or another version encoded it
        return False
