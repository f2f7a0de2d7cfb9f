"""Ctrl-C, SIGTERM and SIGHUP end a command with one line and exit code 128 + signal, from its first import on.

While a command works, the first signal raises KeyboardInterrupt, so that `with` and `finally` blocks run and finished
work is kept. A second signal ends the process at once. So does any signal before or after the work, and during an
import or a compilation, whose code may swallow the exception or crash because of it. An immediate end is as safe as
SIGKILL: files are replaced atomically, and a keeper process ends the engines.

`python -m chesspg.…` imports this module first, because until then Ctrl-C prints a traceback. So it imports almost
nothing: not even `signal`, which builds enumerations, but the C module under it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # it has no stubs
import _thread
import os
from types import FrameType

ENDINGS = tuple(int(getattr(_signal, name)) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(_signal, name))
FRAGILE = ("importlib.", "numba.", "llvmlite.")

_working = False
_came = 0
_main = 0  # the main thread


def install() -> None:
    """Handle these signals, except those that the parent process set to be ignored, as nohup does.

    The main thread must call this.
    """
    global _main
    _main = _thread.get_ident()
    for number in ENDINGS:
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, _end)


def working(yes: bool) -> None:
    """Set whether the command is at work, so that a first signal interrupts it and does not end it at once."""
    global _working
    _working = yes


def came() -> int:
    """The number of the signal that interrupted the command, 0 if none has."""
    return _came


def again() -> None:
    """Raise the signal that came once more, because the first KeyboardInterrupt was lost. Any thread may call this."""
    global _came
    number, _came = _came, 0
    if hasattr(_signal, "pthread_kill"):
        _signal.pthread_kill(_main, number)  # which wakes the main thread if it waits
    else:
        _signal.raise_signal(number)


def _end(number: int, frame: FrameType | None) -> None:
    global _came
    if _working and not _came and not _fragile(frame):
        _came = number
        raise KeyboardInterrupt
    try:
        show_cursor = "\x1b[?25h" if os.isatty(2) else ""  # a progress bar may have hidden the cursor
        os.write(2, f"{show_cursor}\ninterrupted\n".encode())
    except OSError:  # standard error is closed
        pass
    os._exit(128 + number)


def _fragile(frame: FrameType | None) -> bool:
    """Whether an import or a compilation is running."""
    while frame and not str(frame.f_globals.get("__name__")).startswith(FRAGILE):
        frame = frame.f_back
    return frame is not None
