"""What all commands share: mistakes in one line, interrupts, and files known to be writable before the work."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

MISTAKE = 2  # exit code when the user asked for what can't be
INTERRUPTED = 130  # as shells have it: 128 + SIGINT


def fail(message: object) -> NoReturn:
    """Say what is wrong in one line on standard error and end with exit code 2."""
    sys.stdout.flush()
    print("error:", " ".join(str(message).split()), file=sys.stderr)
    raise SystemExit(MISTAKE)


@contextmanager
def one_line_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turn a mistake of the user's, any ValueError or OSError unless `kinds` says which, into one line and exit code 2.

    To be put around reading what the user gave and nothing more: elsewhere such an error is a bug of ours.
    """
    mistakes = kinds or (ValueError, OSError)
    try:
        yield
    except mistakes as error:
        if isinstance(error, OSError) and error.filename and error.strerror:
            fail(f"{error.filename}: {error.strerror}")
        fail(error)


@contextmanager
def polite_interrupt(message: str = "interrupted") -> Iterator[None]:
    """Turn Ctrl-C into one line and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"\n{message}", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None


@contextmanager
def interrupt_later() -> Iterator[None]:
    """Have a first Ctrl-C wait for the end of the block; a second comes at once.

    To be put around what shares a lock with another thread: a KeyboardInterrupt there may leave the lock held for good.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is None:
        yield  # no other thread is ever interrupted; and what was not set from Python could not be set again
        return
    came = False

    def first(*_: object) -> None:
        nonlocal came
        came = True
        signal.signal(signal.SIGINT, handler)

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)


class Busy(ValueError):
    """Another process is at work where this one would write."""


@contextmanager
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
        raise ValueError(f"{lock.parent} is on a file system without locks; another would do") from None
    try:
        yield
    finally:
        held.release()


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        fail(f"{message}; {self.prog} --help says more")


def check_writable(path: str | Path) -> None:
    """Raise OSError or ValueError if a file could not be written at `path`. Changes nothing there."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; a file's name would do")
    if not path.parent.is_dir():
        raise ValueError(f"{path}: there is no folder {path.parent}; one that exists would do")
    # Files are written beside their place and then moved there, so the folder must be writable, not the file.
    probe = path.with_name(f".{path.name}.{os.getpid()}.probe")
    try:
        probe.touch(exist_ok=False)
    except OSError as error:
        raise ValueError(f"{path} can't be written: {error.strerror}") from None
    probe.unlink()
