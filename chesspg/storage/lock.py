"""Locks, so that at most one training at a time works in a run folder."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

LOCK = ".lock"
# Names of what a run writes before its first checkpoint. The policy file of that checkpoint is written after it.
_EARLY = (
    r"\.lock|\..*\.tmp|config\.yaml|init\.safetensors|metrics\.csv|hparams\.yaml|events\.out\.tfevents\..*|games|pool"
    "|lightning_logs|wandb"
)
_FIRST = (LOCK, "config.yaml")  # one of them is always there; others, such as games, may be from another program
# Environment variables in which launchers pass a process its rank.
RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "GROUP_RANK", "NODE_RANK")


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a run folder during the block.

    Raises:
        Busy: A training is at work in the folder.
        ValueError: The file system has no locks.
    """
    busy = f"a training is at work in {folder}; wait for its end, or stop it"
    # Only rank zero takes the lock, because the other ranks belong to the same training.
    with only_one(folder / LOCK, busy) if is_rank_zero() else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def new_run(folder: Path) -> Iterator[None]:
    """Make a run folder and keep other trainings out of it during the block.

    The folder of a run that ended before its first checkpoint is emptied and used again.

    Raises:
        Busy: A training is at work in the folder.
        ValueError: The folder holds anything else or can't be made.
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
    """Raise ValueError if a run can't begin in this folder because something else is there."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--run must name a new folder, got {folder}, which is something else")
    if folder.exists() and not is_unstarted(folder):
        raise ValueError(f"{folder} exists already; name another folder, or continue it with --resume {folder}")


def is_unstarted(folder: Path) -> bool:
    """Whether a folder is empty, or holds nothing but what a run writes before its first checkpoint."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return not names or (not names.isdisjoint(_FIRST) and all(re.fullmatch(_EARLY, name) for name in names))


def at_work(folder: Path) -> bool:
    """Whether a training is at work in a run folder."""
    if not folder.is_dir():
        return False
    try:
        with sole_writer(folder):
            return False
    except Busy:
        return True
    except (ValueError, OSError):  # the file system has no locks, which training reports when it starts
        return False


def is_rank_zero() -> bool:
    """Whether this process has rank zero, by its environment, so before Lightning is set up."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


class Busy(ValueError):
    """Another process is at work where this process wants to write."""


@contextlib.contextmanager
def only_one(lock: Path, busy: str = "") -> Iterator[None]:
    """Hold a lock during the block. The lock ends with its process, however the process ends.

    Args:
        lock: The lock file.
        busy: The message of Busy if another process holds the lock. Without one, wait for the lock.

    Raises:
        Busy: Another process holds the lock, and `busy` is given.
        ValueError: The file system has no locks.
    """
    from filelock import FileLock, Timeout  # imported late: it takes 75 ms, and an engine must reply at once

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
