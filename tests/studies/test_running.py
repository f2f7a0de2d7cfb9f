"""Trials as processes: several at once, each reported when it ends, and none left over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from chesspg.storage.lock import sole_writer
from studies.estimators import running
from studies.estimators.plan import Trial
from studies.estimators.running import train_all


def trials(home: Path, count: int) -> list[Trial]:
    return [Trial(home, "tic_tac_toe", "plain", seed, 10) for seed in range(1, count + 1)]


def test_a_number_at_once_and_none_that_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finish: Callable[[Trial], None]
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    most = 0

    def start(trial: Trial) -> subprocess.Popen[bytes]:
        nonlocal most
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.3)"]))
        most = max(most, sum(process.poll() is None for process in started))
        return started[-1]

    monkeypatch.setattr(running, "start", start)
    every, ended = trials(tmp_path, 6), []
    finish(every[2])
    train_all(every, 2, ended.append)
    assert sorted(trial.seed for trial in ended) == [1, 2, 4, 5, 6]
    assert most == 2


def test_what_a_killed_comparison_left_at_work_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finish: Callable[[Trial], None]
) -> None:
    orphan, other = trials(tmp_path, 2)
    (done,) = trials(tmp_path / "elsewhere", 1)
    finish(done)
    orphan.folder.mkdir(parents=True)
    held, ended = ExitStack(), []
    held.enter_context(sole_writer(orphan.folder))

    def start(trial: Trial) -> subprocess.Popen[bytes]:
        assert trial == other
        return subprocess.Popen([sys.executable, "-c", ""])

    def end(trial: Trial) -> None:
        ended.append(trial)
        if trial == other:
            shutil.copytree(done.folder, orphan.folder, dirs_exist_ok=True)
            held.close()

    monkeypatch.setattr(running, "start", start)
    train_all([orphan, other], 1, end)
    assert ended == [other, orphan]


def test_no_process_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start(trial: Trial) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return started[-1]

    monkeypatch.setattr(running, "start", start)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        train_all(trials(tmp_path, 3), 2, lambda trial: None)
    assert time.monotonic() - began < 30
    assert len(started) == 2
    assert all(process.returncode == -signal.SIGTERM for process in started)


def test_a_process_has_one_thread_and_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (trial,) = trials(tmp_path, 1)
    trial.folder.parent.mkdir()
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    asked: dict[str, object] = {}

    def popen(command: list[str], **options: object) -> None:
        asked.update(options, command=command)

    monkeypatch.setattr(subprocess, "Popen", popen)
    running.start(trial)
    assert asked["env"]["OMP_NUM_THREADS"] == "1"  # type: ignore[index]
    assert asked["command"] == [sys.executable, "-m", "chesspg.train", *trial.command()]
    assert asked["stdout"].name == str(trial.log)  # type: ignore[attr-defined]
