"""Loggers: metrics.csv, which is whole at any moment and which a resumed run continues, and TensorBoard's files."""

from __future__ import annotations

import csv
import io
import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only

from chesspg.storage import atomic
from chesspg.storage.run_folder import METRICS
from chesspg.terminal.command import interrupt_later

Row = dict[str, str]
EVENTS = "events.out.tfevents"  # how the names of TensorBoard's files begin


class MetricsLogger(Logger):
    """Writes metrics.csv: one row per step and epoch, on disk as soon as it is logged.

    Metrics of the same step and epoch are merged into one row. Metrics without an epoch, such as those of an
    evaluation before training, get a separate row.

    Args:
        folder: The run's folder.
        updates: The optimizer steps of the checkpoint from which the run is resumed. Later rows are dropped, since the
            run logs them again.
    """

    def __init__(self, folder: str | Path, updates: int = 0) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.updates = updates
        self._columns: list[str] = []  # the file's
        self._keys: set[tuple[int, str]] = set()  # those of its rows
        self._last: Row = {}  # the row written last
        self._size: int | None = None  # bytes of the file as it was last written; None before that

    @property
    def name(self) -> str:
        return ""

    @property
    def version(self) -> str:
        return ""

    @property
    def save_dir(self) -> str:
        return str(self.folder)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Merge metrics into the row of a step and write it.

        Args:
            metrics: The metrics by name.
            step: The step; by default the one after the last.

        Raises:
            OSError: The file can't be written; the rows in it stay.
            ValueError: No run wrote the file, or a metric is not a number.
        """
        with interrupt_later():
            if self._size is None:
                self._write([row for row in read_metrics(self.folder) if self._is_kept(row)])
            if step is None:
                step = max((number for number, _ in self._keys), default=-1) + 1
            row = {name: _text(name, value) for name, value in metrics.items()} | {"step": str(step)}
            if _key(row) not in self._keys and row.keys() <= set(self._columns) and self._is_as_written():
                self._append(row)
            elif not row.items() <= self._last.items():  # else it is logged already
                rows = {_key(old): old for old in read_metrics(self.folder)}
                rows[_key(row)] = rows.get(_key(row), {}) | row
                self._write(list(rows.values()))

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Write nothing: a run folder has its config.yaml."""

    def _is_kept(self, row: Row) -> bool:
        """Whether the row belongs to the checkpoint: logged at one of its updates, or before the rollout after it."""
        step = int(row["step"])
        return step < self.updates or (step == self.updates and not row.get("epoch"))

    def _is_as_written(self) -> bool:
        """Whether the file is as it was last written: not after a full disk, or if another program has changed it."""
        path = self.folder / METRICS
        return path.is_file() and path.stat().st_size == self._size

    def _append(self, row: Row) -> None:
        path, line = self.folder / METRICS, _lines(self._columns, [row]).encode()
        with atomic.naming(path), path.open("ab", buffering=0) as file:
            file.write(line)
            os.fsync(file.fileno())
        assert self._size is not None
        self._size += len(line)
        self._keys.add(_key(row))
        self._last = row

    def _write(self, rows: list[Row]) -> None:
        self._columns = sorted(set().union(*rows))
        text = _lines(self._columns, [{name: name for name in self._columns}, *rows]) if rows else ""
        atomic.write_text(self.folder / METRICS, text)
        self._size = len(text.encode())
        self._keys = {_key(row) for row in rows}
        self._last = rows[-1] if rows else {}


class EventLogger(TensorBoardLogger):
    """Writes TensorBoard's files. Ctrl-C is delayed meanwhile: it could block this thread and the writer's forever."""

    def log_metrics(self, *args: Any, **kwargs: Any) -> None:
        with self._writing():
            super().log_metrics(*args, **kwargs)

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        with self._writing():
            super().log_hyperparams(*args, **kwargs)

    def save(self) -> None:
        with self._writing():
            super().save()

    def finalize(self, status: str) -> None:
        with self._writing():
            super().finalize(status)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with interrupt_later(), atomic.naming(Path(self.log_dir) / EVENTS):
            try:
                yield
            except ValueError as error:  # into which Lightning turns any error
                raise error.__cause__ if isinstance(error.__cause__, OSError) else error from None


def read_metrics(folder: str | Path) -> list[Row]:
    """Read a run's metrics.csv.

    Args:
        folder: The run's folder.

    Returns:
        The complete rows: half a row, as a kill leaves it, is left out. Empty if there is no such file.

    Raises:
        ValueError: The file is damaged, or no run wrote it.
    """
    path = Path(folder) / METRICS
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    reader = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
    try:
        if reader.fieldnames and "step" not in reader.fieldnames:
            raise ValueError(f"{path} has no column `step`, so no training wrote it; move it away to start a new one")
        return [row for row in reader if None not in row and None not in row.values() and _is_step(row["step"])]
    except csv.Error as error:
        raise ValueError(f"{path} is damaged: {error}; move it away to start a new one") from None


def _is_step(text: str) -> bool:
    return text.isdecimal() and len(text) < 20


def _key(row: Row) -> tuple[int, str]:
    """(step, epoch) of a row; the epoch is '' outside an epoch."""
    return int(row["step"]), row.get("epoch", "")


def _text(name: str, value: Any) -> str:
    """A number as it is written in metrics.csv. Raises ValueError for anything else."""
    try:
        number = value.item() if hasattr(value, "item") else value  # of a tensor
        return str(int(number) if isinstance(number, int) else float(number))
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor of several numbers
        raise ValueError(f"metric {name} must be a number, got {value!r:.80}") from None


def _lines(columns: list[str], rows: list[Row]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, columns, restval="", lineterminator="\n").writerows(rows)
    return text.getvalue()
