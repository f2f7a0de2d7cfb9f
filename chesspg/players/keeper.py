"""A process between chesspg and an engine, which makes sure that no process of the engine is left over.

    python keeper.py FD COMMAND ARGUMENT…

It runs the command and ends with its exit code. It kills all processes that the command started when the command
ends, when it receives SIGTERM, and when the other end of the pipe FD is closed. That happens too when the process that
started it ends, even by SIGKILL: no handler has to run there.

On Linux the keeper adopts orphans among its descendants (PR_SET_CHILD_SUBREAPER), including those in other sessions,
and kills its children until there are none. Elsewhere it kills the process group of the engine. It can't kill programs
that run as another user (setuid), or processes that a service starts for the engine.

It is run by its path, with `python -I -S`, and imports only modules that load quickly.
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

CANT_RUN = "can't be run: "  # the beginning of its message if the command can't be run
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # prctl(2)
ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) if sys.platform != "win32" else ()


def main() -> NoReturn:
    """Run the command, wait for its end or for the end of its owner, and kill what is left."""
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
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # in case the keeper itself is killed
        _become(command)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # only the engine keeps them
        os.dup2(nothing, stream)
    poll = select.poll()  # select itself refuses numbers from 1024 on, and a program with many engines has them
    for number in (lifeline, woken):
        poll.register(number, select.POLLIN)
    status, ended = None, False
    while status is None and not ended:
        ready = [number for number, _ in poll.poll()]
        came = os.read(woken, 64) if woken in ready else b""
        ended = lifeline in ready or any(number in came for number in ENDINGS)
        status = _reap().get(engine)
    _kill_all(engine)
    _end_like(status or 0)


def _prctl() -> Callable[[int, int], object]:
    """The system call prctl, or a function that does nothing where it does not exist."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        call = ctypes.CDLL(None).prctl
        return lambda option, value: call(option, value, 0, 0, 0)
    return lambda option, value: None


def _become(command: list[str]) -> NoReturn:
    """Turn this process into the engine, with the signal handlers that a shell would give it."""
    os.setpgid(0, 0)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execv(command[0], command)
    except OSError as error:
        os.write(2, f"{CANT_RUN}{error.strerror}\n".encode())
    os._exit(126)


def _reap() -> dict[int, int]:
    """The wait status of each child that has ended, by process id."""
    ended: dict[int, int] = {}
    with contextlib.suppress(ChildProcessError):
        while (one := os.waitpid(-1, os.WNOHANG))[0]:
            ended[one[0]] = one[1]
    return ended


def _kill_all(engine: int) -> None:
    """Kill all processes that the engine started, until none is left that may be killed."""
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
        time.sleep(pause)  # it takes a while until killed processes have ended and this one adopts their children
        pause = min(2 * pause, 0.1)


def _children() -> list[int]:
    """Children of this process, found in /proc; empty where that does not exist."""
    own, found = str(os.getpid()).encode(), []
    with contextlib.suppress(OSError):
        for name in filter(str.isdecimal, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                # The format is "pid (program) state parent …".
                if file.read().rpartition(b")")[2].split()[1] == own:
                    found.append(int(name))
    return found


def _end_like(status: int) -> NoReturn:
    """End in the same way as the engine: with its exit code or by its signal."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the core dump of the engine is enough
        with contextlib.suppress(OSError):  # SIGKILL has no handler to reset
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code % 256)


if __name__ == "__main__":
    main()
