"""The bar of a training: how much of the run is done, in the units of self-play; without a terminal, lines by time."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar, Timer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from chesspg.training.budget import PlyBudget


class RolloutProgress(ProgressBar):
    """One bar for the whole run: rollouts, games, plies per second, time left.

    Where the output is not a terminal there is no bar, but a line after the first rollout that ends `every` seconds
    after the last line, such as that of an evaluation match.
    """

    def __init__(self, every: float = 30.0) -> None:
        super().__init__()
        self.every = every
        self._said = time.monotonic()
        self._enabled = True
        self._console = Console()
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[done]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            disable=not self._console.is_terminal or not self.is_enabled,
        )
        self._task = self._bar.add_task("playing ", total=1.0, done="", left="")
        self._bar.start()

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        if self._bar:
            self._bar.update(self._task, description="learning")

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        played = getattr(module, "played", None)
        if self._bar is None or played is None:
            return
        share, left = _share_done(trainer, played["plies"])
        speed = played["plies"] / max(played["seconds"], 1e-9)
        if self._bar.disable and self.is_enabled and time.monotonic() - self._said >= self.every:
            metrics = {
                name: float(trainer.callback_metrics.get(name, math.nan)) for name in ("reward", "length", "entropy")
            }
            self.print(
                f"update {trainer.global_step:>4} · {played['games']:,} games · reward {metrics['reward']:+.2f} · "
                f"{metrics['length']:.0f} plies a game · entropy {metrics['entropy']:.2f} · {speed:,.0f} plies/s · "
                f"{left}"
            )
        self._bar.update(
            self._task,
            description="playing ",
            completed=share,
            done=f"{played['rollouts']:,} rollouts · {played['games']:,} games · {speed:,.0f} plies/s",
            left=left,
        )

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._stop()

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        self._stop()

    def print(self, *args: Any, **kwargs: Any) -> None:
        self._said = time.monotonic()
        self._console.print(*args, highlight=False, soft_wrap=True)

    @property
    def is_enabled(self) -> bool:
        return self._enabled

    def disable(self) -> None:
        self._enabled = False

    def enable(self) -> None:
        self._enabled = True

    def _stop(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None


def _share_done(trainer: pl.Trainer, plies: int) -> tuple[float, str]:
    """How much of the run is done, in [0, 1], and what is left in words."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, PlyBudget):
            return min(1.0, plies / callback.plies), f"{max(0, callback.plies - plies):,} plies left"
    timers = [callback for callback in trainer.callbacks if isinstance(callback, Timer)]  # type: ignore[attr-defined]
    for timer in timers:
        remaining = timer.time_remaining()
        if remaining is not None:
            share = timer.time_elapsed() / (timer.time_elapsed() + max(remaining, 0.0))
            return share, f"{timedelta(seconds=int(max(remaining, 0)))} left"
    if trainer.max_epochs and trainer.max_epochs > 0:
        done = trainer.current_epoch + 1
        return done / trainer.max_epochs, f"{trainer.max_epochs - done} rollouts left"
    return 0.0, ""
