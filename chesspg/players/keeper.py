"""A process between chesspg and an engine that leaves none of the engine's processes behind.

    python keeper.py FD COMMAND ARGUMENT…

It runs the command and ends with its exit code. It kills every process that came of the command when the command
ends, when it is sent SIGTERM, and when nobody holds the other end of the pipe FD any more: whoever started it has
closed that end or is gone, killed by SIGKILL for instance. No handler has to run there, so nothing can go wrong there.

On Linux the keeper adopts the orphans among its descendants (PR_SET_CHILD_SUBREAPER), those in sessions of their own
included, and kills its children until it has none. Elsewhere it kills the engine's process group. Out of reach remain
programs that run as another user (setuid), and processes that a service starts on the engine's behalf.

It runs by its path, with `python -I -S`, and imports only what is quick to import.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

CANT_RUN = "can't be run: "  # how the line begins that says so
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # prctl(2)
ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) if sys.platform != "win32" else ()


def main() -> NoReturn:
    lifeline, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(lifeline, False)
    prctl = _prctl()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *ENDINGS):
        signal.signal(number, lambda *_: None)
    engine = os.fork()
    if engine == 0:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # should the keeper itself be killed
        _become(command)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # the engine's alone
        os.dup2(nothing, stream)
    status, ended = None, False
    while status is None and not ended:
        ready = select.select([lifeline, woken], [], [])[0]
        came = os.read(woken, 64) if woken in ready else b""
        ended = lifeline in ready or any(number in came for number in ENDINGS)
        status = _reap().get(engine)
    _kill_all(engine)
    _end_like(status or 0)


def _prctl() -> Callable[[int, int], object]:
    """The system call of that name; where there is none, one that does nothing."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        call = ctypes.CDLL(None).prctl
        return lambda option, value: call(option, value, 0, 0, 0)
    return lambda option, value: None


def _become(command: list[str]) -> NoReturn:
    """Turn this process into the engine, with the signals as a shell would leave them."""
    os.setpgid(0, 0)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execv(command[0], command)
    except OSError as error:
        os.write(2, f"{CANT_RUN}{error.strerror}\n".encode())
    os._exit(126)


def _reap() -> dict[int, int]:
    """The wait status of each child that has ended."""
    ended: dict[int, int] = {}
    with contextlib.suppress(ChildProcessError):
        while (one := os.waitpid(-1, os.WNOHANG))[0]:
            ended[one[0]] = one[1]
    return ended


def _kill_all(engine: int) -> None:
    """Kill what came of the engine, until nothing of it is left or what is left is not ours to kill."""
    with contextlib.suppress(OSError):
        os.killpg(engine, signal.SIGKILL)
    pause = 0.001
    while True:
        _reap()
        killed = 0
        for child in _children():
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
                killed += 1
        if not killed:
            return
        time.sleep(pause)  # killed processes end in their own time, and their children come to us then
        pause = min(2 * pause, 0.1)


def _children() -> list[int]:
    """Children of this process, found in /proc; none where there is no such folder."""
    own, found = str(os.getpid()).encode(), []
    with contextlib.suppress(OSError):
        for name in filter(str.isdecimal, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                # "pid (program) state parent …"
                if file.read().rpartition(b")")[2].split()[1] == own:
                    found.append(int(name))
    return found


def _end_like(status: int) -> NoReturn:
    """End as the engine has ended."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the engine's own dump is enough
        with contextlib.suppress(OSError):  # SIGKILL has no handler to reset
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code % 256)


if __name__ == "__main__":
    main()
