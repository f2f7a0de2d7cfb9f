"""What self-play requires of a Trainer, and the interfaces by which callbacks and modules take part in it."""

from __future__ import annotations

import inspect
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import GradientAccumulationScheduler
from torch import Tensor

from chesspg.learning.advantages import returns
from chesspg.selfplay.rollout import Rollout
from chesspg.training.fitting import in_fast_dev_run


@runtime_checkable
class RolloutListener(Protocol):
    """A callback or a module that reads each rollout before it is learned from. It must not change the rollout."""

    def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Rollout) -> None:
        """Look at this rank's games of the rollout just played."""


@runtime_checkable
class Weigher(Protocol):
    """A module that weighs the plies of a rollout itself, as `PolicyGradient` does.

    For any other module each ply is weighed by the return of its mover.
    """

    def weigh(self, rollout: Rollout) -> Tensor:
        """[N] the weight of each stored ply of this rank's games."""


def weights_of(module: pl.LightningModule, rollout: Rollout) -> Tensor:
    """[N] the weight of each stored ply of this rank's games: the module's own or, by default, the mover's return."""
    return module.weigh(rollout) if isinstance(module, Weigher) else _returns(rollout)


def value_targets_of(module: pl.LightningModule, rollout: Rollout) -> Tensor:
    """[N] what a value head learns from each stored ply: what the module says or, by default, the mover's return."""
    targets = getattr(module, "value_targets", None)
    return targets(rollout) if callable(targets) else _returns(rollout)


def _returns(rollout: Rollout) -> Tensor:
    game, player = map(torch.as_tensor, (rollout.recorded.game, rollout.recorded.player))
    return returns(torch.from_numpy(rollout.reward).to(game.device), game, player)


def require_hook(listener: Any) -> None:
    """Raise ValueError for a callback or a module whose hook on_rollout takes other arguments."""
    try:
        if isinstance(listener, RolloutListener):
            inspect.signature(listener.on_rollout).bind(None, None, None)
    except TypeError:
        raise ValueError(
            f"{type(listener).__name__}.on_rollout must take (trainer, pl_module, rollout) since version 0.2"
        ) from None


def require_whole_rollouts(trainer: pl.Trainer, updates: int) -> None:
    """Raise ValueError for a Trainer that would not take every batch of a rollout, or would divide by another number.

    Args:
        trainer: The Trainer that is to fit.
        updates: Optimizer steps per rollout.
    """
    batches = updates * trainer.accumulate_grad_batches
    if batches < 1:
        raise ValueError(f"accumulate_grad_batches must be at least 1, got {trainer.accumulate_grad_batches}")
    overfit: float = trainer.overfit_batches  # type: ignore[attr-defined]  # untyped in Lightning
    if overfit:
        raise ValueError(
            f"Trainer(overfit_batches={overfit}) can't be used with SelfPlay, which plays new games for each "
            "rollout; leave it out"
        )
    limit = trainer.limit_train_batches
    if not in_fast_dev_run(trainer) and (limit if isinstance(limit, int) else int(limit * batches)) < batches:
        raise ValueError(
            f"Trainer(limit_train_batches={limit}) would take only a part of each rollout's {batches} batches, which "
            "changes the gradient; leave it out and set the size of a rollout by SelfPlay(games=…)"
        )
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # Trainer.callbacks is untyped
        if isinstance(callback, GradientAccumulationScheduler):
            other = sorted(set(callback.scheduling.values()) - {trainer.accumulate_grad_batches})
            if other:
                raise ValueError(
                    f"GradientAccumulationScheduler would change accumulate_grad_batches from "
                    f"{trainer.accumulate_grad_batches} to {other[0]} while a rollout is still cut for the former; "
                    "use Trainer(accumulate_grad_batches=…), which must stay the same"
                )
