"""Commands as processes of their own that need not import torch and Lightning, which takes seconds in each.

They are forked from a server that has imported the libraries, but nothing of chesspg. Everything else is as in
`python …`: the command has its own modules, folder, streams, signals and exit code. Standard input is empty.
"""

from __future__ import annotations

import atexit
import os
import runpy
import shutil
import subprocess
import sys
import weakref
from multiprocessing import get_context
from pathlib import Path
from tempfile import mkdtemp

ROOT = Path(__file__).parents[2]
SERVER = get_context("forkserver" if hasattr(os, "fork") else "spawn")
SERVER.set_forkserver_preload(["torch", "pytorch_lightning.cli", "pytorch_lightning.loggers", "numba", "chess"])


class Started:
    """A running command, with what tests need of subprocess.Popen.

    Args:
        folder: Its working directory.
        arguments: Those of Python: a script, or `-m` and a module, and their own.
        log: A file for what it prints on both streams, to which it is appended.
    """

    def __init__(self, folder: Path, *arguments: str, log: Path | None = None) -> None:
        said = Path(mkdtemp())
        weakref.finalize(self, shutil.rmtree, said)
        self._streams = (log, log) if log else (said / "out", said / "error")
        for stream in self._streams:
            stream.touch()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self._process = SERVER.Process(target=_execute, args=(folder, arguments, environment, self._streams))
        self._process.start()

    def __enter__(self) -> Started:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        assert self._process.pid
        os.kill(self._process.pid, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("the command", timeout or 0.0)
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it has printed on standard output and on standard error, after its end."""
        self.wait(timeout)
        out, error = self._streams
        return out.read_text(), error.read_text()


def python(folder: Path, *arguments: str, timeout: float = 250) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments in a folder, to its end."""
    started = Started(folder, *arguments)
    out, error = started.communicate(timeout)
    return subprocess.CompletedProcess(arguments, started.wait(), out, error)


def _execute(folder: Path, arguments: tuple[str, ...], environment: dict[str, str], streams: tuple[Path, Path]) -> None:
    for number, stream in zip((1, 2), streams, strict=True):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    libraries = [path for path in sys.path if path.startswith((sys.prefix, sys.base_prefix))]
    sys.path[:] = [str(folder), str(ROOT), *libraries]
    module = arguments[0] == "-m"
    sys.argv[:] = arguments[1:] if module else arguments
    try:
        if module:
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # multiprocessing does not
