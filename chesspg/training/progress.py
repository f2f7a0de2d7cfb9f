"""The progress of a training: what is going on, how the learner does, what is left; on a bar or in lines."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar, Timer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from chesspg.training.budget import PlyBudget, share_done
from chesspg.training.table import fit_width, head, terminal_width

# What is shown of the last rollout or validation: of each group, the first metric that is logged.
SHOWN = {
    ("learner_reward", "reward"): "reward {:+.2f}",
    ("entropy",): "entropy {:.2f}",
    ("length",): "length {:.0f}",
    ("held_out/accuracy",): "accuracy {:.0%}",
    ("held_out/log_prob",): "log-probability {:.2f}",
}
BAR, WHAT = 8, 16  # columns of the bar, and of the text before it, which ends with `1000/1000` at most


class RolloutProgress(ProgressBar):
    """One bar for the whole run: what is going on, how the learner does, what is left of the run.

    How the learner does is shown by the reward, entropy and length of the last rollout, or by the results of the last
    validation on held-out games. The reward is that of the learner against the opponents of its pool or, if it plays
    only itself, that of player 0.

    If the output is not a terminal, there is no bar. A line is printed instead, once `every` seconds have passed since
    the last line of any kind, such as a row of evaluation scores. It can come at any time: during the games of a
    rollout or a match, and between updates.

    Args:
        every: The least number of seconds between two lines.
    """

    def __init__(self, every: float = 30.0) -> None:
        super().__init__()
        self.every = every
        self._printed_at = time.monotonic()
        self._enabled = True
        self.console = Console()
        self.bar: Progress | None = None
        self._task = TaskID(0)

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=BAR),
            TextColumn("{task.fields[done]}"),
            console=self.console,
            disable=not self.console.is_terminal or not self.is_enabled,
        )
        self._task = self.bar.add_task("playing", total=1.0, done="")
        self.bar.start()

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        self.show("learning", batch_idx, trainer.num_training_batches, done=share_done(trainer))

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if self.bar and not trainer.sanity_checking and not trainer.is_last_batch:
            self._report(trainer, module)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._report(trainer, module)

    def _report(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Show how the learner does and what is left, on the bar or in a line."""
        played = getattr(module, "played", None)
        if self.bar is None or played is None:
            return
        metrics = trainer.callback_metrics
        found = [(next((name for name in names if name in metrics), None), form) for names, form in SHOWN.items()]
        parts = [form.format(float(metrics[name])) for name, form in found if name]
        parts += [left] if (left := _left(trainer, played)) else []
        parts.append(f"{played['plies'] / max(played['seconds'], 1e-9):,.0f} plies/s")
        games = played.get("games")
        if not self.bar.disable:
            room = self.console.width - (WHAT + 1) - BAR - 2
            more = [] if games is None else [f"{games:,} games"]
            self.bar.update(self._task, completed=share_done(trainer), done=fit_width([*parts, *more], room))
        first = head(trainer.global_step, games)
        # A little early, so that this line is printed rather than one during the next rollout.
        self._line(f"{first} {fit_width(parts, terminal_width() - len(first) - 1)}", self.every * 2 / 3)

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._stop()

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        self._stop()

    def show(self, what: str, count: int, total: float, within: str = "", done: float | None = None) -> None:
        """Show what is going on and how much of it is done.

        Args:
            what: What is going on; if it is too long for the bar, its beginning is shown.
            count: How much of it is done.
            total: How much there is to do; infinite if unknown.
            within: Text before `what` in a line, where there is more room than on the bar.
            done: The fraction of the whole run that is done, in [0, 1], if known.
        """
        counted = f"{count}/{total}" if total < math.inf else f"{count}"
        if self.bar:
            room = WHAT - len(counted) - 1
            text = f"{what if len(what) <= room else f'{what[: room - 1]}…'} {counted}"
            self.bar.update(self._task, description=text, completed=done)
        share = "" if done is None else f" · {done:.0%}"
        self._line(f"{head(None, None)} {within}{what} {counted}{share}", self.every)

    def print(self, *args: Any, **kwargs: Any) -> None:
        self._printed_at = time.monotonic()
        self.console.print(*args, highlight=False, soft_wrap=True)

    @property
    def is_enabled(self) -> bool:
        return self._enabled

    def disable(self) -> None:
        self._enabled = False

    def enable(self) -> None:
        self._enabled = True

    def _line(self, text: str, after: float) -> None:
        """Print a line if there is no bar and this number of seconds has passed since the last line."""
        if self.bar and self.bar.disable and self.is_enabled and time.monotonic() - self._printed_at >= after:
            self.print(text)

    def _stop(self) -> None:
        if self.bar:
            self.bar.stop()
            self.bar = None


def watching(trainer: pl.Trainer, what: str, games: int, within: str = "") -> Callable[[int, int], None] | None:
    """A function of the numbers of games over and plies played, which shows them on the Trainer's progress bar.

    Args:
        trainer: The Trainer.
        what: What the games are for, such as `playing`.
        games: The number of games.
        within: As in `RolloutProgress.show`.

    Returns:
        The function, for `on_ply` of `play`; None if the bar is not a RolloutProgress.
    """
    bar = trainer.progress_bar_callback
    if not isinstance(bar, RolloutProgress):
        return None
    return lambda over, plies: bar.show(what, over, games, within)


def _left(trainer: pl.Trainer, played: Mapping[str, float]) -> str:
    """What is left of the run, in words; empty if nothing limits it."""
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]  # untyped in Lightning
    for callback in callbacks:
        if isinstance(callback, PlyBudget):
            return f"{max(0, callback.plies - int(played['plies'])):,} plies left"
    for callback in callbacks:
        if isinstance(callback, Timer) and (left := callback.time_remaining()) is not None:
            return f"{str(timedelta(seconds=int(max(left, 0)))).removeprefix('0:')} left"
    if not trainer.max_epochs or trainer.max_epochs < 0:
        return ""
    done = trainer.current_epoch + 1
    return (
        f"{trainer.max_epochs - done} rollouts left" if "rollouts" in played else f"epoch {done}/{trainer.max_epochs}"
    )
