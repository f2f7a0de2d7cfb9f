"""One training a run folder: a lock that ends with its process, however that ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

# Variables by which launchers tell a process which of them it is.
RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "GROUP_RANK", "NODE_RANK")


class AtWork(ValueError):
    """A training is at work in a run's folder."""


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a run's folder. Raises AtWork if one is in it, ValueError if that can't be known."""
    lock = FileLock(folder / ".lock")
    if is_rank_zero():  # the other ranks are of the same training
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise AtWork(f"a training is at work in {folder}; wait for its end, or stop it") from None
        except NotImplementedError:
            raise ValueError(f"{folder} is on a file system without locks; another would do") from None
    try:
        yield
    finally:
        lock.release()


def at_work(folder: Path) -> bool:
    """Whether a training is at work in a run's folder."""
    if not folder.is_dir():
        return False
    try:
        with sole_writer(folder):
            return False
    except AtWork:
        return True
    except (ValueError, OSError):  # no locks there; who wants to train there will be told
        return False


def is_rank_zero() -> bool:
    """Before Lightning knows."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)
