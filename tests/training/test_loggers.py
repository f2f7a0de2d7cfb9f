"""metrics.csv: what a resumed run keeps, and that no moment can lose it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from chesspg.arena.report.runs import METRICS
from chesspg.training import loggers
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
        file.write(half)  # of a step 15, say
    MetricsLogger(run, 12).log_metrics({"loss": 9.0}, 15)
    assert rows(run) == [*before, ("15", "9.0", "")]


def test_a_run_may_keep_nothing(tmp_path: Path) -> None:
    MetricsLogger(tmp_path).log_metrics({"loss": 0.5}, 3)
    for text in ((tmp_path / METRICS).read_text(), "", "\n", "loss,st"):
        (tmp_path / METRICS).write_text(text)
        MetricsLogger(tmp_path).log_metrics({"score": 0.5}, 3)
        assert rows(tmp_path) == [("3", "", "0.5")]


def test_a_kill_while_columns_are_added_loses_nothing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(path: Path, fill: object) -> None:
        raise KeyboardInterrupt

    before = (run / METRICS).read_bytes()
    logger = MetricsLogger(run, 12)
    logger.log_metrics({"loss": 9.0}, 15)
    after = (run / METRICS).read_bytes()
    monkeypatch.setattr(loggers, "write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        logger.log_metrics({"more": 1.0}, 19)
    assert (run / METRICS).read_bytes() == after
    with pytest.raises(KeyboardInterrupt):
        MetricsLogger(run, 12).log_metrics({"loss": 9.0}, 15)
    assert (run / METRICS).read_bytes() == after
    assert before in after


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path, text = tmp_path / METRICS, "step;loss\n3;0,75\n"
    path.write_text(text)
    for read in (lambda: read_metrics(tmp_path), lambda: MetricsLogger(tmp_path, 4).log_metrics({"loss": 1.0}, 7)):
        with pytest.raises(ValueError, match="no column `step`; moved away it is begun anew"):
            read()
    assert path.read_text() == text
