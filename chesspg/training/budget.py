"""When a run is over: by plies, time or epochs, and how much of it is done."""

from __future__ import annotations

import math

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, Timer


class PlyBudget(Callback):
    """Ends training with the first rollout by which `plies` were played, those of opponents among them.

    A run that goes on after that ends before its next rollout. To be listed before callbacks that do something at the
    end, as `EvaluationMatch` does.
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
            raise TypeError(f"{type(module).__name__} does not count what it played; PlyBudget needs a PolicyGradient")
        if played["plies"] >= self.plies:
            trainer.should_stop = True


def share_done(trainer: pl.Trainer) -> float:
    """How much of a run is done, in [0, 1]: of its plies, its time or its updates, whichever is the most."""
    played = getattr(trainer.lightning_module, "played", {})
    shares = [0.0]
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # untyped in Lightning
        if isinstance(callback, PlyBudget):
            shares.append(played.get("plies", 0) / callback.plies)
        elif isinstance(callback, Timer) and (left := callback.time_remaining()) is not None:
            shares.append(callback.time_elapsed() / (callback.time_elapsed() + max(left, 1e-9)))
    # Lightning would ask for the data before it has loaded where in them a resumed run is.
    total = math.inf if trainer.train_dataloader is None else trainer.estimated_stepping_batches
    shares.append(trainer.global_step / total if total else 0.0)
    return min(1.0, max(shares))
