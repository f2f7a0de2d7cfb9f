"""Ctrl-C, SIGTERM and SIGHUP end a command in one line, with exit code 128 + signal, from its first import on.

While a command works, the first signal raises KeyboardInterrupt, so that blocks are left in order and what was done is
kept. A second one ends the process at once; so does any signal before and after the work, and during an import or a
compilation, whose code swallows an exception or crashes by it. Files are replaced whole and engines have keepers, so
the end at once costs no more than SIGKILL would.

Imported first by `python -m chesspg.…`, as until then Ctrl-C is a traceback of Python's own. So it imports next to
nothing, and not even `signal`, which makes enumerations, but the C module beneath it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # it has no stubs
import os
from types import FrameType

ENDINGS = tuple(int(getattr(_signal, name)) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(_signal, name))
FRAGILE = ("importlib.", "numba.", "llvmlite.")

_working = False
_came = 0


def install() -> None:
    """Handle these signals, but for those that whoever started this process had it ignore, as nohup does."""
    for number in ENDINGS:
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, _end)


def working(yes: bool) -> None:
    """Say whether the command is at work, so that it is to be interrupted and not ended at once."""
    global _working
    _working = yes


def came() -> int:
    """The signal that interrupted the command, 0 if none has."""
    return _came


def again() -> None:
    """Interrupt the command once more with the signal that came, as the first KeyboardInterrupt was lost."""
    global _came
    number, _came = _came, 0
    _signal.raise_signal(number)


def _end(number: int, frame: FrameType | None) -> None:
    global _came
    if _working and not _came and not _fragile(frame):
        _came = number
        raise KeyboardInterrupt
    try:
        show_cursor = "\x1b[?25h" if os.isatty(2) else ""  # which a progress bar has hidden
        os.write(2, f"{show_cursor}\ninterrupted\n".encode())
    except OSError:  # nobody reads it
        pass
    os._exit(128 + number)


def _fragile(frame: FrameType | None) -> bool:
    """Whether an import or a compilation is going on."""
    while frame and not str(frame.f_globals.get("__name__")).startswith(FRAGILE):
        frame = frame.f_back
    return frame is not None
