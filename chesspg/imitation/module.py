"""Imitation: a policy learns the moves of recorded games, its value head their results."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Timer
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from chesspg.games.randomness import Randomness
from chesspg.imitation.shards import Plies, read_arrays
from chesspg.policy.files import HEADER, header_of
from chesspg.policy.policy import Policy, words
from chesspg.training.module import NotFinite

UPDATES = 500  # between validations
WARMUP = 100  # updates in which the learning rate rises
HELD_OUT = 0.05  # of the games
MOST_HELD_OUT = 32_768  # plies that a validation looks at
TOGETHER = 8  # shards that are shuffled together: 100 MB
MONITOR = "held_out/log_prob"  # of the best policy; what is sampled from is more than its likeliest move


class Example(NamedTuple):
    """n plies of recorded games."""

    planes: Tensor  # [n, P, W] int64
    scalars: Tensor  # [n, S] uint8
    legal: Tensor  # [n, M] int16, −1 behind a ply's last legal action
    choice: Tensor  # [n] which of the legal actions was played
    result: Tensor  # [n] of the game, for the mover


class Imitation(pl.LightningModule):
    """Minimises −log π(a|s) of the moves played, and the squared error of the value against the game's result.

    AdamW; the learning rate rises over 100 updates, then falls along a cosine to 0 at the end of the run. That end is
    that of the data's passes or the limit of a Timer, whichever comes first.

    value_weight: of the value head's squared error, as in PolicyGradient.
    """

    def __init__(self, policy: Policy, lr: float = 0.002, value_weight: float = 0.5) -> None:
        super().__init__()
        self.policy = policy
        self.lr = lr
        self.value_weight = value_weight
        # Learned from, each pass counted, and how long that took.
        self.played: dict[str, float] = {"plies": 0, "seconds": 0.0}
        self.speed = 0.0  # plies a second since the last validation
        self._since = (0.0, 0.0)
        self._clock = 0.0

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), self.lr)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self._schedule(optimizer), "interval": "step"}}

    def _schedule(self, optimizer: Optimizer) -> LambdaLR:
        def share(update: int) -> float:
            return min(1.0, (update + 1) / WARMUP) * (1 + math.cos(math.pi * done(self.trainer))) / 2

        return LambdaLR(optimizer, share)

    def on_train_epoch_start(self) -> None:
        self._since = self.played["plies"], self.played["seconds"]
        self._clock = time.perf_counter()

    def training_step(self, batch: Example, batch_idx: int) -> Tensor:
        log_prob, error, _ = self._look(batch)
        now = time.perf_counter()
        self.played["plies"] += len(batch.choice)
        self.played["seconds"] += now - self._clock
        self._clock = now
        plies, seconds = self._since
        self.speed = (self.played["plies"] - plies) / max(1e-9, self.played["seconds"] - seconds)
        loss = -log_prob.mean()
        self.log("loss", loss, on_step=False, on_epoch=True)
        if error is not None:
            self.log("value_error", error.mean(), on_step=False, on_epoch=True)
            loss = loss + self.value_weight * error.mean()
        return loss

    def validation_step(self, batch: Example, batch_idx: int) -> None:
        log_prob, error, hit = self._look(batch)
        told = {"log_prob": log_prob, "accuracy": hit.float()} | ({} if error is None else {"value_error": error})
        for name, values in told.items():
            self.log(f"held_out/{name}", values.mean(), batch_size=len(values))

    def on_validation_epoch_end(self) -> None:
        told = {name: float(value) for name, value in self.trainer.callback_metrics.items()}
        if not math.isfinite(told[MONITOR]):
            raise NotFinite(f"{MONITOR} is {told[MONITOR]} after update {self.global_step}; a lower --lr would do")
        line = (
            f"update {self.global_step:>6} · {self.played['plies']:,} plies · held out: "
            f"accuracy {told['held_out/accuracy']:.1%}, log-probability {told['held_out/log_prob']:.3f}"
        )
        if "held_out/value_error" in told:
            line += f", value error {told['held_out/value_error']:.3f}"
        self.print(f"{line} · {self.speed:,.0f} plies/s")
        for name, number in self.played.items():
            self.log(f"total_{name}", float(number))

    def on_train_epoch_end(self) -> None:
        if done(self.trainer, by_time=False) == 1:
            self.trainer.should_stop = True

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["chesspg"] = {"played": self.played}
        facts = {"pretrained": True, "updates": self.trainer.global_step, **self.played}
        checkpoint[HEADER] = asdict(header_of(self.policy, facts))

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.played |= checkpoint["chesspg"]["played"]

    def _look(self, batch: Example) -> tuple[Tensor, Tensor | None, Tensor]:
        """[n] log π of the move, [n] the value's squared error, [n] whether the move is the likeliest."""
        distribution = self.policy(batch.planes, batch.scalars, batch.legal)
        value = distribution.value
        error = None if value is None else (value - batch.result).square()
        return distribution.log_prob(batch.choice), error, distribution.mode() == batch.choice


def done(trainer: pl.Trainer, *, by_time: bool = True) -> float:
    """How much of the run is behind us, in [0, 1]: of its passes, or of its time if that is more."""
    data = getattr(trainer, "datamodule", None)
    total = getattr(data, "total", None)
    shares = [data.update / total if data and total else 0.0]
    timers = [one for one in trainer.callbacks if isinstance(one, Timer)]  # type: ignore[attr-defined]  # untyped
    for timer in timers if by_time else ():
        left = timer.time_remaining()
        if left is not None:
            shares.append(timer.time_elapsed() / (timer.time_elapsed() + max(left, 1e-9)))
    return min(1.0, max(shares))


class RecordedGames(pl.LightningDataModule):
    """The plies of shards in random order, endlessly; some games are held out.

    An epoch is what lies between two validations, UPDATES batches or what is left of the passes, so a Trainer must
    reload it for each. Where a run is in its data is part of its checkpoint.

    paths: of shards, each as of Plies.save.
    batch: plies an update.
    passes: after which Imitation ends the run; None leaves that to the Trainer.
    seed: of the order and of which games are held out.
    """

    def __init__(self, paths: Sequence[Path], batch: int = 512, passes: int | None = None, seed: int = 0) -> None:
        super().__init__()
        self.batch = batch
        self.seed = seed
        self.update = 0  # how many were handed out
        self._stream: Iterator[Example] | None = None
        apart = max(1, math.ceil(len(paths) / TOGETHER))
        self.groups = [list(paths[first::apart]) for first in range(apart)]  # from all parts of the data
        games = [[_games(path) for path in group] for group in self.groups]
        # One game at least, however few there are.
        self.share = max(HELD_OUT, min(float(self._uniforms(one).min()) for group in games for one in group))
        self.held_out = self._held_out(paths)
        sizes = [sum(int((~self._held(one)).sum()) for one in group) for group in games]
        self.plies = sum(sizes)
        if not self.plies:
            raise ValueError("expected at least 2 games, to learn from and to hold out, got 1")
        self.pass_updates = sum(math.ceil(size / batch) for size in sizes)
        self.total = None if passes is None else passes * self.pass_updates

    def train_dataloader(self) -> _Loader:
        left = UPDATES if self.total is None else max(0, min(UPDATES, self.total - self.update))
        return _Loader(left, lambda _: self.next())

    def val_dataloader(self) -> _Loader:
        parts = np.array_split(np.arange(len(self.held_out)), math.ceil(len(self.held_out) / self.batch))
        return _Loader(len(parts), lambda number: example(self.held_out[parts[number]]))

    def state_dict(self) -> dict[str, Any]:
        return {"update": self.update}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.update = state_dict["update"]
        self._stream = None

    def next(self) -> Example:
        """The batch of the next update."""
        if self._stream is None:
            self._stream = self._from(self.update)
        self.update += 1
        return next(self._stream)

    def _from(self, update: int) -> Iterator[Example]:
        number, skip = divmod(update, self.pass_updates)
        while True:
            rng = Randomness(self.seed, number).generator()
            for group in rng.permutation(len(self.groups)):
                plies = Plies.concatenate([Plies.load(path) for path in self.groups[group]])
                rows = rng.permutation(np.flatnonzero(~self._held(plies.game)))
                for part in np.array_split(rows, math.ceil(len(rows) / self.batch)) if len(rows) else ():
                    if skip:
                        skip -= 1
                    else:
                        yield example(plies[part])
            number += 1

    def _held(self, games: NDArray[np.int64]) -> NDArray[np.bool_]:
        """[N] whether the game of a ply is held out."""
        held: NDArray[np.bool_] = self._uniforms(games) <= self.share
        return held

    def _uniforms(self, games: NDArray[np.int64]) -> NDArray[np.float64]:
        return Randomness(self.seed).uniforms(games, 0)

    def _held_out(self, paths: Sequence[Path]) -> Plies:
        """Plies of held-out games, from shards all over the data, as many as a validation looks at."""
        parts: list[Plies] = []
        for shard in Randomness(self.seed).generator().permutation(len(paths)):
            if sum(map(len, parts)) >= MOST_HELD_OUT:
                break
            plies = Plies.load(paths[shard])
            parts.append(plies[self._held(plies.game)])
        return Plies.concatenate(parts)[:MOST_HELD_OUT]


class _Loader:
    """A plain sized iterable: nothing is fetched ahead, so the data module knows what was learned from."""

    def __init__(self, length: int, batch: Callable[[int], Example]) -> None:
        self.length = length
        self.batch = batch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Example]:
        return map(self.batch, range(self.length))


def example(plies: Plies) -> Example:
    return Example(
        planes=words(plies.planes),
        scalars=torch.from_numpy(plies.scalars),
        legal=torch.from_numpy(plies.legal.padded()),
        choice=torch.from_numpy(plies.choice),
        result=torch.from_numpy(plies.result.astype(np.float32)),
    )


def _games(path: Path) -> NDArray[np.int64]:
    (games,) = read_arrays(path, "game")
    return games
