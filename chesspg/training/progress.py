"""The bar of a training: what is going on, how the learner does, what is left; without a terminal, lines by time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar, Timer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from chesspg.training.budget import PlyBudget
from chesspg.training.table import fitting, head, terminal_width

# Of the last rollout, each by the first of its metrics that is logged.
SHOWN = {
    ("learner_reward", "reward"): "reward {:+.2f}",
    ("entropy",): "entropy {:.2f}",
    ("length",): "length {:.0f}",
}
BAR, WHAT = 8, 16  # columns of the bar, and of the words before it, which end with `1000/1000` at most


class RolloutProgress(ProgressBar):
    """One bar for the whole run: the games under way, reward, entropy and length of the last rollout, time left.

    The reward is the learner's against the opponents of its pool or, in games against itself alone, player 0's.

    Where the output is not a terminal there is no bar, but a line whenever `every` seconds have passed since the last
    line, such as a row of evaluation scores: amid the games of a rollout or of a match, or amid the updates, too.

    Args:
        every: Seconds between lines.
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
            BarColumn(bar_width=BAR),
            TextColumn("{task.fields[done]}"),
            console=self._console,
            disable=not self._console.is_terminal or not self.is_enabled,
        )
        self._task = self._bar.add_task("playing", total=1.0, done="")
        self._bar.start()

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        self.show("learning", batch_idx, trainer.num_training_batches)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        played = getattr(module, "played", None)
        if self._bar is None or played is None:
            return
        share, left = _share_done(trainer, played["plies"])
        metrics = trainer.callback_metrics
        found = [(next((name for name in names if name in metrics), None), form) for names, form in SHOWN.items()]
        parts = [form.format(float(metrics[name])) for name, form in found if name]
        parts += [left] if left else []
        parts.append(f"{played['plies'] / max(played['seconds'], 1e-9):,.0f} plies/s")
        if not self._bar.disable:
            room = self._console.width - (WHAT + 1) - BAR - 2
            self._bar.update(self._task, completed=share, done=fitting([*parts, f"{played['games']:,} games"], room))
        first = head(trainer.global_step, played["games"])
        # A little early, so that it is rather this line than one from amid the next rollout.
        self._line(f"{first} {fitting(parts, terminal_width() - len(first) - 1)}", self.every * 2 / 3)

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._stop()

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        self._stop()

    def show(self, what: str, done: int, total: float, within: str = "") -> None:
        """Say what is going on and how far it is.

        Args:
            what: What it is; of a longer one the bar shows the beginning.
            done: How much of it is done.
            total: Of how much; infinite where nobody knows.
            within: What comes before it in a line, where there is more room than on the bar.
        """
        count = f"{done}/{total}" if total < math.inf else f"{done}"
        if self._bar:
            room = WHAT - len(count) - 1
            self._bar.update(self._task, description=f"{what if len(what) <= room else f'{what[: room - 1]}…'} {count}")
        self._line(f"{head(None, None)} {within}{what} {count}", self.every)

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

    def _line(self, text: str, after: float) -> None:
        """Print a line where there is no bar and so many seconds have passed since the last one."""
        if self._bar and self._bar.disable and self.is_enabled and time.monotonic() - self._said >= after:
            self.print(text)

    def _stop(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None


def watching(trainer: pl.Trainer, what: str, games: int, within: str = "") -> Callable[[int, int], None] | None:
    """What the Trainer's bar, if it is one of ours, is to hear after each ply: the games over and plies played so far.

    Args:
        trainer: Whose bar it is.
        what: What the games are for, such as `playing`.
        games: How many they are.
        within: As of `RolloutProgress.show`.
    """
    bar = trainer.progress_bar_callback
    if not isinstance(bar, RolloutProgress):
        return None
    return lambda over, plies: bar.show(what, over, games, within)


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
            return share, f"{str(timedelta(seconds=int(max(remaining, 0)))).removeprefix('0:')} left"
    if trainer.max_epochs and trainer.max_epochs > 0:
        done = trainer.current_epoch + 1
        return done / trainer.max_epochs, f"{trainer.max_epochs - done} rollouts left"
    return 0.0, ""
