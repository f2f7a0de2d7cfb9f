"""Runs as processes of their own, a few at a time, one thread each."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import islice

from chesspg.storage.lock import at_work
from studies.estimators.plan import Run

PAUSE = 0.2  # seconds between two looks at the processes


def train_all(runs: Sequence[Run], at_once: int, on_end: Callable[[Run], None]) -> None:
    """Begin or go on with those of the runs that are not finished, and call `on_end` with each that ends.

    A run may end without being finished, when its training failed; the others go on. After a KeyboardInterrupt no
    process is left; each run keeps what it had learned by its last rollout.
    """
    waiting = [run for run in runs if not run.finished]
    going: dict[Run, subprocess.Popen[bytes]] = {}
    try:
        while waiting or going:
            # One that the training of a killed comparison is still at work on is waited for.
            free = (run for run in waiting if not at_work(run.folder))
            for run in list(islice(free, at_once - len(going))):
                waiting.remove(run)
                if run.finished:
                    on_end(run)
                else:
                    going[run] = _start(run)
            time.sleep(PAUSE)
            for run in [run for run, process in going.items() if process.poll() is not None]:
                del going[run]
                on_end(run)
    finally:
        for process in going.values():
            process.terminate()
        for process in going.values():
            process.wait()


def _start(run: Run) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "chesspg.train", *run.command()]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with run.log.open("ab") as log:
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
