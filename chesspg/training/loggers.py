"""What is logged, on disk: metrics.csv, which a kill leaves whole and a resumed run goes on with, and TensorBoard's."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter

from chesspg.arena.commands import interrupt_later
from chesspg.arena.report.runs import METRICS
from chesspg.policy.files import write_atomically


class MetricsLogger(CSVLogger):
    """A run folder's metrics.csv, each row written at once.

    updates: that a run has behind it as it goes on; what is logged of later ones is dropped, since they come again.
    """

    def __init__(self, folder: Path, updates: int = 0) -> None:
        super().__init__(folder, name="", version="", flush_logs_every_n_steps=1)
        self.updates = updates

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        self._experiment = self._experiment or _MetricsWriter(self.log_dir, self.updates)
        return self._experiment


class EventLogger(TensorBoardLogger):
    """TensorBoard's files, whose writer is a thread: Ctrl-C while the two exchange would leave them waiting forever."""

    def log_metrics(self, *args: Any, **kwargs: Any) -> None:
        with interrupt_later():
            super().log_metrics(*args, **kwargs)

    def finalize(self, status: str) -> None:
        with interrupt_later():
            super().finalize(status)


class _MetricsWriter(ExperimentWriter):
    """Lightning's, which would delete the file as it begins, and writes it anew in place where a column is added."""

    def __init__(self, folder: str, updates: int) -> None:
        super().__init__(folder)
        before = max(1, updates)  # of step 0 there is an evaluation
        rows = [row for row in read_metrics(folder) if int(row["step"]) < before]
        self.metrics_keys = sorted(set().union(*rows))
        if rows:
            self._rewrite(rows)
        else:
            Path(self.metrics_file_path).unlink(missing_ok=True)

    def _check_log_dir_exists(self) -> None:
        pass  # nothing is deleted

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        self._rewrite(read_metrics(self.log_dir))

    def _rewrite(self, rows: list[dict[str, str]]) -> None:
        def fill(temporary: Path) -> None:
            with temporary.open("w", newline="") as file:
                writer = csv.DictWriter(file, self.metrics_keys)
                writer.writeheader()
                writer.writerows(rows)

        write_atomically(self.metrics_file_path, fill)


def read_metrics(folder: str | Path) -> list[dict[str, str]]:
    """The whole rows of a run's metrics.csv, if there is one; half a row, as a kill leaves it, is none.

    Raises ValueError if it is another file.
    """
    path = Path(folder) / METRICS
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    reader = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
    if reader.fieldnames and "step" not in reader.fieldnames:
        raise ValueError(f"{path} is not as it was written, it has no column `step`; moved away it is begun anew")
    return [row for row in reader if None not in row and None not in row.values() and row["step"].isdigit()]
