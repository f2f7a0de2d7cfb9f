"""Refuses callbacks that monitor a score of an evaluation and would read it when it is not new."""

from __future__ import annotations

import math
from collections.abc import Set

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint


def callbacks_of(trainer: pl.Trainer) -> list[Callback]:
    """The Trainer's callbacks."""
    return trainer.callbacks  # type: ignore[attr-defined, no-any-return]  # untyped in Lightning


def refuse_stale_monitors(trainer: pl.Trainer, metrics: Set[str], stale: bool, interval: int) -> None:
    """Raise ValueError for a callback that would read a score more often than there is a new one.

    Args:
        trainer: The Trainer that is to fit.
        metrics: The names of the scores.
        stale: Whether matches are rarer than validations, or than epochs where there is no validation.
        interval: Rollouts between matches.
    """
    for callback in callbacks_of(trainer):
        monitor = getattr(callback, "monitor", None)
        # Whether they look at the end of each epoch, validated or not; the attributes have no public name.
        each = [getattr(callback, f"_{what}_on_train_epoch_end", None) for what in ("check", "save")]
        too_often = stale or (interval > 1 and True in each)
        if isinstance(callback, EarlyStopping | ModelCheckpoint) and monitor in metrics and too_often:
            raise ValueError(_advice(type(callback).__name__, str(monitor)))


def slow_down_schedulers(trainer: pl.Trainer, metrics: Set[str], stale: bool) -> None:
    """Make ReduceLROnPlateau read a score only when there is a new one.

    Args:
        trainer: The Trainer that begins to fit.
        metrics: The names of the scores.
        stale: Whether matches are rarer than validations.

    Raises:
        ValueError: Matches are rarer than validations, and a scheduler monitors their score.
    """
    for config in trainer.lr_scheduler_configs:
        if config.reduce_on_plateau and config.interval == "epoch" and config.monitor in metrics:
            if stale:
                raise ValueError(_advice("ReduceLROnPlateau", str(config.monitor)))
            config.frequency = math.lcm(config.frequency, trainer.check_val_every_n_epoch or 1)


def _advice(monitoring: str, metric: str) -> str:
    return (
        f"{monitoring} monitors {metric!r} but would look more often than EvaluationMatch plays; set how often by "
        "Trainer(check_val_every_n_epoch=…), leave every_n_rollouts at 1, and give the data a val_dataloader and the "
        "module a validation_step"
    )
