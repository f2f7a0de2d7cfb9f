"""Imitation: a policy learns the moves of recorded games, its value head their results."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from typing import Any, Self

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from chesspg.games.game import Game
from chesspg.imitation.recorded import Recorded
from chesspg.policy import files
from chesspg.policy.networks import Network
from chesspg.policy.policy import Policy
from chesspg.training import settings
from chesspg.training.budget import share_done
from chesspg.training.module import NotFinite
from chesspg.training.packages import check_package
from chesspg.training.precision import check_precision
from chesspg.training.ranges import require

WARMUP = 100  # updates in which the learning rate rises
OPTIMIZER = partial(torch.optim.AdamW, lr=0.002)
MONITOR = "held_out/log_prob"  # chooses the best policy; not accuracy, since moves are sampled from all probabilities


class Imitation(pl.LightningModule):
    """Minimizes −log π(a|s) of the moves played, and the squared error of the value against the game's result.

    Args:
        game: The rules, from which the network takes its sizes.
        network: Builds the network from the game.
        optimizer: Builds the optimizer from the parameters; AdamW with a learning rate of 0.002 if not given.
        lr_scheduler: Builds a schedule from the optimizer; it advances once per update. If not given, the learning rate
            rises over 100 updates, then falls along a cosine to 0 at the end of the run, which the Trainer's max_epochs
            or a Timer sets, whichever comes first.
        value_weight: Weight of the value head's squared error, as in `Loss`.

    Raises:
        ValueError: `value_weight` is out of its range.
    """

    def __init__(
        self,
        game: Game,
        network: Callable[[Game], Network],
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] = OPTIMIZER,
        lr_scheduler: Callable[[Optimizer], LRScheduler] | None = None,
        value_weight: float = 0.5,
    ) -> None:
        super().__init__()
        check_package()
        require(Imitation, {"value_weight": value_weight})
        self.policy = Policy(game, network(game))
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler
        self.value_weight = float(value_weight)
        # What was learned from, counted in each epoch, and the time that took.
        self.played: dict[str, float] = {"plies": 0, "seconds": 0.0}
        self._means = _Means()  # since the last validation
        self._clock = 0.0
        settings.save(
            self,
            game=game,
            network=self.policy.network,
            optimizer=optimizer,
            lr_scheduler=lr_scheduler,
            value_weight=self.value_weight,
        )

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **arguments: Any) -> Self:
        """Load a module as it was saved, with its game, its network, its optimizer and all other settings.

        Args:
            checkpoint_path: A checkpoint file of this class, or of a subclass that takes the same arguments.
            *args: As for `LightningModule.load_from_checkpoint`.
            **arguments: Settings that replace those in the file, such as `value_weight=0.0`.

        Raises:
            ValueError: The file is not such a checkpoint, or names a class that must be passed as an argument.
        """
        given = settings.from_checkpoint(checkpoint_path, cls, arguments)
        return super().load_from_checkpoint(checkpoint_path, *args, **{"weights_only": True, **given})

    def configure_optimizers(self) -> Any:
        optimizer = self.optimizer(self.parameters())
        scheduler = (self.lr_scheduler or self._schedule)(optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _schedule(self, optimizer: Optimizer) -> LambdaLR:
        def share(update: int) -> float:
            done = share_done(self.trainer) if self._trainer else 0.0
            return min(1.0, (update + 1) / WARMUP) * (1 + math.cos(math.pi * done)) / 2

        return LambdaLR(optimizer, share)

    def setup(self, stage: str) -> None:
        check_precision(self.trainer)
        self.check(self.trainer)

    def check(self, trainer: pl.Trainer) -> None:
        """Raise ValueError for a Trainer with several devices, all of which would learn from the same batches."""
        if trainer.world_size > 1:
            raise ValueError(f"Imitation learns on one device, got {trainer.world_size}; set Trainer(devices=1)")

    def on_train_start(self) -> None:
        self._clock = time.perf_counter()

    def training_step(self, batch: Recorded[Tensor], batch_idx: int) -> Tensor:
        """The mean over the batch's plies of −log π, plus the weighted error of the value."""
        log_prob, error, _ = self._look(batch)
        now = time.perf_counter()
        plies, seconds = len(batch), now - self._clock
        self.played["plies"] += plies
        self.played["seconds"] += seconds
        self._clock = now
        loss = -log_prob.mean()
        self._means.add(plies, seconds, loss=loss, **({} if error is None else {"value_error": error.mean()}))
        return loss if error is None else loss + self.value_weight * error.mean()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.trainer.global_step >= self.trainer.estimated_stepping_batches:
            self.trainer.should_stop = True  # so that Lightning validates the last weights

    def validation_step(self, batch: Recorded[Tensor], batch_idx: int) -> None:
        log_prob, error, hit = self._look(batch)
        found = {"log_prob": log_prob, "accuracy": hit.float()} | ({} if error is None else {"value_error": error})
        for name, values in found.items():
            self.log(f"held_out/{name}", values.mean(), batch_size=len(values))

    def on_validation_epoch_end(self) -> None:
        if self.trainer.sanity_checking:
            return
        held_out = {name: float(value) for name, value in self.trainer.callback_metrics.items()}
        if not math.isfinite(held_out[MONITOR]):
            raise NotFinite(
                f"{MONITOR} is {held_out[MONITOR]} after update {self.global_step}; lower the learning rate"
            )
        line = (
            f"update {self.global_step:>6} · {self.played['plies']:,} plies · held out: "
            f"accuracy {held_out['held_out/accuracy']:.1%}, log-probability {held_out[MONITOR]:.3f}"
        )
        if "held_out/value_error" in held_out:
            line += f", value error {held_out['held_out/value_error']:.3f}"
        if not self._means.plies:  # a validation without training
            self.print(line)
            return
        self.print(f"{line} · {self._means.plies / max(1e-9, self._means.seconds):,.0f} plies/s")
        means = self._means.take()
        self.log_dict({**means, **{f"total_{name}": float(number) for name, number in self.played.items()}})

    def on_validation_end(self) -> None:
        self._clock = time.perf_counter()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["chesspg"] = {"played": self.played}
        facts = {"pretrained": True, "updates": self.trainer.global_step, **self.played}
        checkpoint[files.HEADER] = asdict(files.header_of(self.policy, facts))

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.played |= checkpoint["chesspg"]["played"]

    def _look(self, batch: Recorded[Tensor]) -> tuple[Tensor, Tensor | None, Tensor]:
        """[n] log π of the move, [n] the value's squared error, [n] whether the move is the likeliest."""
        plies = batch.plies
        assert isinstance(plies.legal, Tensor)
        distribution = self.policy(plies.planes, plies.scalars, plies.legal)
        value = distribution.value
        error = None if value is None else (value - batch.result).square()
        return distribution.log_prob(plies.choice), error, distribution.mode() == plies.choice


class _Means:
    """Means over the plies learned from since the last validation."""

    def __init__(self) -> None:
        self.plies = 0
        self.seconds = 0.0
        self._sums: dict[str, Tensor | float] = {}

    def add(self, plies: int, seconds: float, **means: Tensor) -> None:
        self.plies += plies
        self.seconds += seconds
        for name, mean in means.items():
            self._sums[name] = self._sums.get(name, 0.0) + plies * mean.detach()

    def take(self) -> dict[str, float]:
        """The means, which then start again."""
        means = {name: float(total) / self.plies for name, total in self._sums.items()}
        self.__init__()  # type: ignore[misc]
        return means
