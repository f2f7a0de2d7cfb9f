"""How a training ends early: signals, a second training, a full disk, a missing folder, a loss of nan."""

from __future__ import annotations

import errno
import os
import queue
import re
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from preloaded import Started
from tensorboard.summary.writer.record_writer import RecordWriter
from training_runs import assert_same_weights, end_of, metrics, rollouts, train, wait_for

from chesspg.learning import losses
from chesspg.training.checkpoints import read_checkpoint

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"),
]

Start = Callable[..., Started]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_by_a_signal(
    number: signal.Signals, folder: Path, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    run = folder / "run"
    process = start(*shlex.split("--config small.yaml --run run --trainer.max_epochs 100000 --data.games 256"))
    wait_for(process, lambda: len(rollouts(run)) >= 2)
    process.send_signal(number)
    out, error, code = end_of(process)
    assert code == 128 + number
    assert "Traceback" not in error
    assert "\nstopped; go on with\npython -m chesspg.train --resume run\n" in out
    assert out.endswith("\nplay it with\npython -m chesspg.play run\n")
    done = read_checkpoint(run / "last.ckpt")["chesspg"]["played"]["rollouts"]
    assert train(f"--resume run --trainer.max_epochs {done + 1}") == 0
    assert [int(row["epoch"]) for row in rollouts(run)] == list(range(done + 1))
    assert capsys.readouterr().out.endswith("play it with\npython -m chesspg.play run\n")


def test_two_trainings_in_one_folder(folder: Path, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder / "run"
    process = start(*shlex.split("--config small.yaml --run run --trainer.max_epochs 100000"))
    wait_for(process, lambda: (run / "last.ckpt").is_file())
    assert train("--resume run") == 2
    assert capsys.readouterr().err == "error: a training is at work in run; wait for its end, or stop it\n"
    before = len(rollouts(run))
    wait_for(process, lambda: len(rollouts(run)) > before)
    process.kill()
    process.wait()
    done = read_checkpoint(run / "last.ckpt")["chesspg"]["played"]["rollouts"]
    assert train(f"--resume run --trainer.max_epochs {done + 1}") == 0  # a kill releases the lock


def test_two_trainings_begun_at_once_in_one_folder(folder: Path, start: Start) -> None:
    line = shlex.split("--config small.yaml --run run --trainer.max_epochs 1")
    ends = [end_of(process) for process in [start(*line) for _ in range(3)]]
    assert sorted(code for _, _, code in ends) == [0, 2, 2]
    for _, error, code in ends:
        if code:
            assert error in (
                "error: a training is at work in run; wait for its end, or stop it\n",
                "error: run exists already; name another folder, or continue it with --resume run\n",
            )
    assert len(rollouts(folder / "run")) == 1


def test_an_interrupt_while_logging_waits_for_what_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard's writer has a thread, and a lock that an exception would leave held."""
    put = queue.Queue.put
    waiting: list[bool] = []

    def interrupted(self: queue.Queue[Any], *args: Any, **kwargs: Any) -> None:
        if not waiting and rollouts(folder / "run"):
            waiting.append(True)
            signal.raise_signal(signal.SIGINT)
            waiting.append(False)  # the signal did not interrupt this
        put(self, *args, **kwargs)

    monkeypatch.setattr(queue.Queue, "put", interrupted)
    assert train("--config small.yaml --run run --trainer.max_epochs 100000") == 130
    assert waiting == [True, False]


@pytest.mark.parametrize(
    ("named", "rollouts_done"),
    [("config.yaml", 0), ("metrics.csv", 1), ("last.ckpt", 1), ("last.safetensors", 1), ("best.ckpt", 2),
     ("games/rollout-000000.pgn", 0), ("games/against-previous-000012.pgn", 1), ("pool/000002", 1)],
)  # fmt: skip
def test_a_full_disk_is_one_line_and_the_run_goes_on_with_room(
    named: str,
    rollouts_done: int,
    folder: Path,
    straight: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if Path(named).name in path and len(rollouts(folder / "full")) >= rollouts_done:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        synced(descriptor)

    synced = os.fsync
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert train("--config small.yaml --run full") == 2
    assert not list((folder / "full").rglob("*.tmp"))
    resumable = (folder / "full/last.ckpt").is_file()
    assert resumable or rollouts_done == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert re.match(rf"error: full/{named}.*: No space left on device", lines[0])
    if named != "config.yaml":  # before it, nothing is written
        assert ("go on with  python -m chesspg.train --resume full" if resumable else "starts it again") in lines[0]

    assert train("--resume full" if resumable else "--config small.yaml --run full") == 0
    assert_same_weights(straight, folder / "full")
    assert metrics(straight) == metrics(folder / "full")


def test_a_full_disk_under_another_thread_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(self: RecordWriter, data: bytes) -> None:
        if rollouts(folder / "run"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, data)

    write = RecordWriter.write
    with monkeypatch.context() as patch:
        patch.setattr(RecordWriter, "write", full)
        assert train("--config small.yaml --run run") == 2
    assert capsys.readouterr().err == (
        "error: run/events.out.tfevents: No space left on device; go on with  python -m chesspg.train --resume run\n"
    )
    assert train("--resume run") == 0


def _replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


GONE: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (shutil.rmtree, "run: the run's folder was moved or deleted\n"),
    "renamed": (lambda run: run.rename("moved"), "run: the run's folder was moved or deleted\n"),
    "a checkpoint that is a folder": (lambda run: _replace_by_folder(run / "last.ckpt"),
                                      "run/last.ckpt: Is a directory"),
    "a policy that is a folder": (lambda run: _replace_by_folder(run / "last.safetensors"),
                                  "run/last.safetensors: Is a directory; go on with"),
    "metrics that are a folder": (lambda run: _replace_by_folder(run / "metrics.csv"),
                                  "run/metrics.csv: Is a directory; go on with"),
}  # fmt: skip


@pytest.mark.parametrize("case", GONE)
def test_a_run_whose_folder_is_taken_away_ends_with_one_line(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def take_away_in_the_third_rollout(*arguments: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 2 * 12 + 1:  # 2 passes × 3 updates × 2 micro-batches
            take(folder / "run")
        return clipped(*arguments)

    take, said = GONE[case]
    clipped, calls = losses.clipped_ratio_loss, 0
    monkeypatch.setattr(losses, "clipped_ratio_loss", take_away_in_the_third_rollout)
    assert train("--config small.yaml --run run") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {said}")
    assert error.count("\n") == 1
    if case in ("deleted", "renamed"):
        assert not (folder / "run/config.yaml").exists()
        assert not list(folder.glob("run/*.ckpt"))


def test_a_nan_stops_the_run_and_spares_the_checkpoint(
    folder: Path, straight: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = 0

    def nan_in_the_third_rollout(*arguments: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return clipped(*arguments) * (float("nan") if calls > 2 * 12 else 1)  # 2 passes × 3 updates × 2 micro-batches

    clipped = losses.clipped_ratio_loss
    with monkeypatch.context() as patch:
        patch.setattr(losses, "clipped_ratio_loss", nan_in_the_third_rollout)
        assert train("--config small.yaml --run run") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: the gradient is nan in rollout 3; the weights were not changed")
    assert error.count("\n") == 1

    saved = np.load(folder / "run/failed-rollout-0.npz", allow_pickle=False)
    assert len(saved["positions"]) == 32
    assert saved["positions"][0].startswith("3/3/3 x moves ")
    assert saved["reward"].shape == (32,)
    assert len(saved["log_prob"]) == len(saved["counts"]) <= saved["length"].sum()
    assert saved["counts"].sum() == len(saved["actions"])  # of the legal ones

    assert read_checkpoint(folder / "run/last.ckpt")["chesspg"]["played"]["rollouts"] == 2
    assert train("--resume run") == 0
    assert_same_weights(straight, folder / "run")
