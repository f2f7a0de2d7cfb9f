"""metrics.csv: which rows a resumed run keeps, and that a kill at any moment loses none."""

from __future__ import annotations

import csv
import errno
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from chesspg.report.runs import METRICS
from chesspg.storage import atomic
from chesspg.training.checkpoints import AtomicCheckpointIO, RolloutCheckpoint
from chesspg.training.loggers import MetricsLogger, read_metrics


def rows(folder: Path) -> list[tuple[str, str, str]]:
    with (folder / METRICS).open(newline="") as file:
        return [(row["step"], row.get("loss", ""), row.get("score", "")) for row in csv.DictReader(file)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """An evaluation before training, three rollouts of four updates, another evaluation with the second."""
    logger = MetricsLogger(tmp_path)
    logger.log_metrics({"score": 0.5}, 0)
    for step, more in ((3, {}), (7, {"score": 0.75}), (11, {})):
        logger.log_metrics({"loss": step / 4, **more}, step)
    assert rows(tmp_path) == [("0", "", "0.5"), ("3", "0.75", ""), ("7", "1.75", "0.75"), ("11", "2.75", "")]
    return tmp_path


@pytest.mark.parametrize(("updates", "kept"), [(0, 1), (4, 2), (8, 3), (12, 4), (100, 4)])
def test_a_run_that_goes_on_keeps_the_rows_of_what_it_keeps(run: Path, updates: int, kept: int) -> None:
    before = rows(run)
    logger = MetricsLogger(run, updates)
    assert rows(run) == before  # until something is logged
    logger.log_metrics({"loss": 9.0}, 99)
    assert rows(run) == [*before[:kept], ("99", "9.0", "")]


@pytest.mark.parametrize("half", ["1.25", "1.25,,1", ",,1", "1.25\n", "1.25,,1,7\n", "1.25,,late\n"])
def test_half_a_row_is_no_row(run: Path, half: str) -> None:
    before = rows(run)
    with (run / METRICS).open("a") as file:
        file.write(half)  # of step 15, for example
    MetricsLogger(run, 12).log_metrics({"loss": 9.0}, 15)
    assert rows(run) == [*before, ("15", "9.0", "")]


def test_a_run_may_keep_nothing(tmp_path: Path) -> None:
    MetricsLogger(tmp_path).log_metrics({"loss": 0.5}, 3)
    for text in ((tmp_path / METRICS).read_text(), "", "\n", "loss,st"):
        (tmp_path / METRICS).write_text(text)
        MetricsLogger(tmp_path).log_metrics({"score": 0.5}, 3)
        assert rows(tmp_path) == [("3", "", "0.5")]


def test_what_is_logged_of_one_step_is_one_row(tmp_path: Path) -> None:
    logger = MetricsLogger(tmp_path)
    logger.log_metrics({"score": 0.5}, 0)  # before training: not the row of the first rollout
    logger.log_metrics({"loss": 1.0, "epoch": 0}, 0)
    logger.log_metrics(
        {"score": 0.75, "epoch": 1}, 1
    )  # as from a validation loop, which comes before the end of the epoch
    logger.log_metrics({"loss": 2.0, "epoch": 1}, 1)
    assert rows(tmp_path) == [("0", "", "0.5"), ("0", "1.0", ""), ("1", "2.0", "0.75")]
    before = (tmp_path / METRICS).stat()
    logger.log_metrics({"loss": torch.tensor(2.0), "epoch": 1}, 1)
    after = (tmp_path / METRICS).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)  # nothing was written
    logger.log_metrics({"loss": 3.0, "epoch": 2}, 2)
    logger.log_metrics({"score": 0.25, "epoch": 1}, 1)  # an earlier row, and not the last
    assert rows(tmp_path) == [("0", "", "0.5"), ("0", "1.0", ""), ("1", "2.0", "0.25"), ("2", "3.0", "")]


@pytest.mark.parametrize(("updates", "kept"), [(0, 1), (1, 2), (2, 3)])
def test_the_evaluation_before_training_is_part_of_the_first_checkpoint(
    tmp_path: Path, updates: int, kept: int
) -> None:
    """With one update per rollout, the first rollout also has step 0, but its row is not kept."""
    logger = MetricsLogger(tmp_path)
    logger.log_metrics({"score": 0.5}, 0)
    for epoch in range(2):
        logger.log_metrics({"loss": 1.0, "epoch": epoch}, epoch)
    before = rows(tmp_path)
    MetricsLogger(tmp_path, updates).log_metrics({"loss": 9.0, "epoch": 7}, 99)
    assert rows(tmp_path) == [*before[:kept], ("99", "9.0", "")]


def test_any_number_is_written_and_nothing_else(tmp_path: Path) -> None:
    logger = MetricsLogger(tmp_path)
    logger.log_metrics({"loss": float("nan"), "score": torch.tensor(float("-inf"))})
    logger.log_metrics({"loss": np.float32(0.5), "score": True})
    assert rows(tmp_path) == [("0", "nan", "-inf"), ("1", "0.5", "1")]
    for value in ("high", None, [1.0], torch.ones(2)):
        with pytest.raises(ValueError, match="metric loss must be a number, got"):
            logger.log_metrics({"loss": value})
    logger.log_hyperparams({"lr": 1.0})
    logger.log_graph(torch.nn.Linear(1, 1))
    logger.save()
    logger.finalize("success")
    assert len(rows(tmp_path)) == 2
    assert [path.name for path in tmp_path.iterdir()] == [METRICS]


class Numbers:
    """Four batches; not a DataLoader, for which Lightning would recommend workers."""

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (torch.tensor([1.0 + i]) for i in range(4))


class Line(pl.LightningModule):
    """A slope, which logs its loss per epoch and, in each validation loop, a score."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        loss = (batch - self.slope).square().sum()
        self.log("loss", loss, on_step=False, on_epoch=True, batch_size=1)
        return loss

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("score", self.slope.sum(), batch_size=1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def train_dataloader(self) -> Numbers:
        return Numbers()

    val_dataloader = train_dataloader


@pytest.mark.parametrize(("accumulate", "updates"), [(1, 4), (2, 2), (4, 1)])
@pytest.mark.parametrize("resumed", [False, True])
def test_a_validation_loop_is_in_the_row_of_its_epoch_and_of_no_other(
    accumulate: int, updates: int, resumed: bool, trainer: Callable[..., pl.Trainer], tmp_path: Path
) -> None:
    class Last(pl.Callback):
        """Notes the last row that is there when the checkpoint is written."""

        def on_save_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: Any) -> None:
            seen.append(rows(tmp_path)[-1] if (tmp_path / METRICS).exists() else ())

    seen: list[tuple[str, ...]] = []
    for epochs in (3, 6) if resumed else (6,):
        last = tmp_path / "last.ckpt" if epochs == 6 and resumed else None
        trainer(
            max_epochs=epochs,
            accumulate_grad_batches=accumulate,
            check_val_every_n_epoch=2,
            log_every_n_steps=1,
            num_sanity_val_steps=0,
            enable_checkpointing=True,
            plugins=[AtomicCheckpointIO()],
            logger=MetricsLogger(tmp_path, 3 * updates if last else 0),
            callbacks=[Last(), RolloutCheckpoint(tmp_path)],
        ).fit(Line(), ckpt_path=last, weights_only=True if last else None)
    written = rows(tmp_path)
    assert [int(row[0]) for row in written] == [updates * (epoch + 1) - 1 for epoch in range(6)]
    assert [bool(row[2]) for row in written] == [False, True, False, True, False, True]
    assert seen == [(), *written]


def test_a_kill_while_columns_are_added_loses_nothing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(path: Path, fill: object) -> None:
        raise KeyboardInterrupt

    before = (run / METRICS).read_bytes()
    logger = MetricsLogger(run, 12)
    logger.log_metrics({"loss": 9.0}, 15)
    after = (run / METRICS).read_bytes()
    monkeypatch.setattr(atomic, "write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        logger.log_metrics({"more": 1.0}, 19)
    assert (run / METRICS).read_bytes() == after
    with pytest.raises(KeyboardInterrupt):
        MetricsLogger(run, 12).log_metrics({"loss": 9.0}, 15)
    assert (run / METRICS).read_bytes() == after
    assert before in after


def test_an_interrupt_while_columns_are_added_waits(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = atomic.write_atomically

    def interrupted(path: Path, fill: Callable[[Path], object]) -> None:
        signal.raise_signal(signal.SIGINT)
        write(path, fill)

    logger = MetricsLogger(run, 12)
    logger.log_metrics({"loss": 8.0}, 12)
    monkeypatch.setattr(atomic, "write_atomically", interrupted)
    with pytest.raises(KeyboardInterrupt):
        logger.log_metrics({"loss": 9.0, "more": 1.0}, 15)
    assert rows(run)[-1] == ("15", "9.0", "")
    assert len({line.count(",") for line in (run / METRICS).read_text().splitlines()}) == 1


def test_half_a_row_of_a_full_disk_is_not_appended_to(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = MetricsLogger(run, 12)
    logger.log_metrics({"loss": 9.0}, 15)
    before = rows(run)
    with (run / METRICS).open("a") as file:
        file.write("1.5,")  # as much as there was room for
    logger.log_metrics({"loss": 10.0}, 19)
    assert rows(run) == [*before, ("19", "10.0", "")]


def test_a_full_disk_names_the_file(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    logger = MetricsLogger(run, 12)
    monkeypatch.setattr(os, "fsync", full)
    for metrics in ({"loss": 9.0}, {"more": 9.0}):
        with pytest.raises(OSError, match="No space left") as caught:
            logger.log_metrics(metrics, 15)
        assert caught.value.filename == str(run / METRICS)


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / METRICS
    for text, said in (
        ("step;loss\n3;0,75\n", "no column `step`"),
        ("step,loss\n3," + "7" * 200_000 + "\n", "damaged"),
    ):
        path.write_text(text)
        for read in (lambda: read_metrics(tmp_path), lambda: MetricsLogger(tmp_path, 4).log_metrics({"loss": 1.0}, 7)):
            with pytest.raises(ValueError, match=rf"metrics\.csv .*{said}.*; move it away to start a new one"):
                read()
        assert path.read_text() == text
