"""Running trials as processes, a few at a time, with one thread each."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from chesspg.storage.lock import at_work
from studies.estimators.plan import Trial

PAUSE = 0.2  # seconds between two checks of a process


def train_all(trials: Sequence[Trial], at_once: int, on_end: Callable[[Trial], None]) -> None:
    """Start or resume all trials that are not finished.

    If the training of a trial fails, the others go on. After a KeyboardInterrupt no process is left, and each trial
    keeps what it had learned at its last checkpoint.

    Args:
        trials: The trials.
        at_once: The number of trainings at the same time.
        on_end: Called with each trial that has ended, finished or not.
    """
    # Trials whose processes survived a killed comparison come last, because they have to be waited for.
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
    """Start the training of a trial, with one thread. Its output goes into the log of the trial."""
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
