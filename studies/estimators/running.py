"""Trials as processes of their own, a few at a time, one thread each."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from chesspg.storage.lock import at_work
from studies.estimators.plan import Trial

PAUSE = 0.2  # seconds between two looks at a process


def train_all(trials: Sequence[Trial], at_once: int, on_end: Callable[[Trial], None]) -> None:
    """Begin or go on with those of the trials that are not finished, and call `on_end` with each that ends.

    A trial may end without being finished, if its training failed; the others go on. After a KeyboardInterrupt no
    process is left; each trial keeps what it had learned by its last rollout.
    """
    # Those that a killed comparison left at work come last: their processes are waited for.
    waiting = sorted((trial for trial in trials if not trial.finished), key=lambda trial: at_work(trial.folder))
    stop = threading.Event()
    with ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(_train, trial, stop) for trial in waiting]
        try:
            for future in as_completed(futures):
                on_end(future.result())
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


def start(trial: Trial) -> subprocess.Popen[bytes]:
    """A process that trains, with one thread, and writes what it prints into the trial's log."""
    command = [sys.executable, "-m", "chesspg.train", *trial.command()]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with trial.log.open("ab") as log:
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _train(trial: Trial, stop: threading.Event) -> Trial:
    while at_work(trial.folder) and not stop.wait(PAUSE):
        pass
    if not trial.finished and not stop.is_set():
        with start(trial) as process:
            while process.poll() is None:
                if stop.wait(PAUSE):
                    process.terminate()
                    break
    return trial
