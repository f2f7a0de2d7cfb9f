"""When a run ends, by plies, time or epochs, and what fraction of it is done."""

from __future__ import annotations

import math

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, Timer


class PlyBudget(Callback):
    """Ends training after the rollout in which the number of plies played reaches `plies`.

    A resumed run that has reached it ends before its next rollout. List this callback before those that act at the end
    of a run, such as `EvaluationMatch`.

    Args:
        plies: The number of plies, those of opponents included.

    Raises:
        ValueError: `plies` is below 1.
        TypeError: While fitting, the module does not count plies.
    """

    def __init__(self, plies: int) -> None:
        if plies < 1:
            raise ValueError(f"plies must be at least 1, got {plies}")
        self.plies = plies

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._end(trainer, module)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._end(trainer, module)

    def _end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        played = getattr(module, "played", None)
        if played is None:
            raise TypeError(
                f"PlyBudget needs a module that counts plies, such as PolicyGradient, got {type(module).__name__}"
            )
        if played["plies"] >= self.plies:
            trainer.should_stop = True


def share_done(trainer: pl.Trainer) -> float:
    """The fraction of a run that is done, in [0, 1]: of its plies, its time or its updates, whichever is largest."""
    played = getattr(trainer.lightning_module, "played", {})
    shares = [0.0]
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # untyped in Lightning
        if isinstance(callback, PlyBudget):
            shares.append(played.get("plies", 0) / callback.plies)
        elif isinstance(callback, Timer) and (left := callback.time_remaining()) is not None:
            shares.append(callback.time_elapsed() / (callback.time_elapsed() + max(left, 1e-9)))
    # Before there is a loader, Lightning would load the data without a resumed run's position in them.
    total = math.inf if trainer.train_dataloader is None else trainer.estimated_stepping_batches
    shares.append(trainer.global_step / total if total else 0.0)
    return min(1.0, max(shares))
