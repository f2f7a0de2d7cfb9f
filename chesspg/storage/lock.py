"""One training a run folder."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

LOCK = ".lock"
# What a run writes before its first checkpoint. The policy file of that checkpoint comes after it.
_EARLY = (
    r"\.lock|\..*\.tmp|config\.yaml|init\.safetensors|metrics\.csv|hparams\.yaml|events\.out\.tfevents\..*|games|pool"
    "|lightning_logs|wandb"
)
# Variables by which launchers tell a process which of them it is.
RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "GROUP_RANK", "NODE_RANK")


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a run's folder. Raises Busy if one is in it, ValueError if that can't be known."""
    busy = f"a training is at work in {folder}; wait for its end, or stop it"
    # The other ranks are of the same training.
    with only_one(folder / LOCK, busy) if is_rank_zero() else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def new_run(folder: Path) -> Iterator[None]:
    """Make a run's folder, or empty that of a run that was ended before its first checkpoint, as its sole writer.

    Raises Busy if a training is in it, ValueError if it holds anything else or can't be made.
    """
    check_new(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)  # another training may make it at the same time
    except OSError as error:
        raise ValueError(f"--run: the folder {folder} can't be made: {error.strerror}") from None
    with sole_writer(folder):
        check_new(folder)
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()
        yield


def check_new(folder: Path) -> None:
    """Raise ValueError if a run can't begin in a folder, since something else is there."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--run must name a folder to make, got {folder}, which is something else")
    if folder.exists() and not is_unstarted(folder):
        raise ValueError(f"{folder} exists already; name another folder, or go on with it by --resume {folder}")


def is_unstarted(folder: Path) -> bool:
    """Whether a folder holds at most what a run writes before its first checkpoint."""
    return folder.is_dir() and all(re.fullmatch(_EARLY, path.name) for path in folder.iterdir())


def at_work(folder: Path) -> bool:
    """Whether a training is at work in a run's folder."""
    if not folder.is_dir():
        return False
    try:
        with sole_writer(folder):
            return False
    except Busy:
        return True
    except (ValueError, OSError):  # no locks there, which is reported to whoever trains there
        return False


def is_rank_zero() -> bool:
    """Before Lightning knows."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


class Busy(ValueError):
    """Another process is at work where this one would write."""


@contextlib.contextmanager
def only_one(lock: Path, busy: str = "") -> Iterator[None]:
    """Hold a lock file, which ends with its process, however that ends.

    Raises Busy with these words if another process holds it, or waits if there are none. Raises ValueError where the
    file system has no locks.
    """
    from filelock import FileLock, Timeout  # takes 75 ms, which an engine has not before its first answer

    held = FileLock(lock)
    try:
        held.acquire(blocking=not busy)
    except Timeout:
        raise Busy(busy) from None
    except NotImplementedError:
        raise ValueError(f"{lock.parent} is on a file system without locks; choose a folder on another one") from None
    try:
        yield
    finally:
        held.release()
