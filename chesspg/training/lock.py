"""One training a run folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from chesspg.arena.commands import Busy, only_one

# Variables by which launchers tell a process which of them it is.
RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "GROUP_RANK", "NODE_RANK")


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a run's folder. Raises Busy if one is in it, ValueError if that can't be known."""
    told = f"a training is at work in {folder}; wait for its end, or stop it"
    # The other ranks are of the same training.
    with only_one(folder / ".lock", told) if is_rank_zero() else contextlib.nullcontext():
        yield


def at_work(folder: Path) -> bool:
    """Whether a training is at work in a run's folder."""
    if not folder.is_dir():
        return False
    try:
        with sole_writer(folder):
            return False
    except Busy:
        return True
    except (ValueError, OSError):  # no locks there; who wants to train there will be told
        return False


def is_rank_zero() -> bool:
    """Before Lightning knows."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)
