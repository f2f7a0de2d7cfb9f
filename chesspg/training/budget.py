"""When a run is over: after so many plies, so that runs of different rollouts can be compared."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback


class PlyBudget(Callback):
    """Ends training with the first rollout by which `plies` were played, those of opponents among them.

    A run that goes on after that ends before its next rollout. To be listed before callbacks that do something at the
    end, as `EvaluationMatch` does.
    """

    def __init__(self, plies: int) -> None:
        if plies < 1:
            raise ValueError(f"plies is {plies}; it must be 1 or more")
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
