"""The noise of an estimator's gradient, from many rollouts of one policy, computed by the same code that trains.

The learning rate is 0, so the policy does not change. With R gradients gᵣ of n games each, the unbiased estimates are

    ⟨E a, E b⟩ = Σᵣ≠ₛ aᵣ·bₛ / (R(R − 1)),    tr Cov(g) = Σ|gᵣ|²/R − ⟨E g, E g⟩

Both depend only on the matrix of inner products aᵣ·bₛ, which makes the jackknife over rollouts cheap.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Callback
from torch.optim import Optimizer

from chesspg.arena.elo import student
from chesspg.policy import files
from chesspg.runs.train_cli import TrainCLI
from studies.estimators.kept import kept
from studies.estimators.plan import PLAIN, arguments, fields, source

Floats = NDArray[np.float64]

FORMAT = 2  # version of the format of kept figures
SEED = 0  # seed of the rollouts; trials have seeds from 1
_MEASURED = {  # fields for every estimator: only the gradient of the reward, on the policy that played
    "model.optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.0}},
    "model.lr_scheduler": None,
    "model.loss.entropy_weight": 0.0,
    "model.loss.value_weight": 0.0,
    "data.updates": 1,
    "trainer.precision": "32-true",
    "trainer.callbacks": None,
    "trainer.logger": False,
    "trainer.enable_checkpointing": False,
    "trainer.enable_progress_bar": False,
    "seed_everything": SEED,
}


def gradients(task: str, estimator: str, policy: Path, rollouts: int) -> Floats:
    """The gradient of the loss for each rollout of a policy; all estimators see the same games.

    One more rollout is played first, because the running mean needs an earlier one.

    Args:
        task: The task.
        estimator: The estimator.
        policy: The run folder or file of the policy.
        rollouts: R, the number of rollouts.

    Returns:
        [R, parameters] gradients.
    """
    taken: list[torch.Tensor] = []

    class Take(Callback):
        def on_before_optimizer_step(
            self, trainer: pl.Trainer, module: pl.LightningModule, optimizer: Optimizer
        ) -> None:
            slopes = (torch.zeros_like(p) if p.grad is None else p.grad for p in module.parameters())
            taken.append(torch.cat([slope.flatten() for slope in slopes]).cpu().clone())

    wanted = {**fields(task, estimator), **_MEASURED, "trainer.max_epochs": rollouts + 1}
    with TemporaryDirectory() as folder:
        line = [*arguments(task, wanted), "--init", str(policy), "--run", f"{folder}/run"]
        run = TrainCLI.build(line)
        run.trainer.callbacks.append(Take())  # type: ignore[attr-defined]  # untyped in Lightning
        try:
            run.trainer.fit(run.model, run.datamodule)
        except SystemExit:  # raised by Lightning after Ctrl-C
            raise KeyboardInterrupt from None
    return torch.stack(taken[1:]).numpy().astype(np.float64)


class Measured:
    """Measures estimators on one policy. Figures are kept in the folder of the comparison.

    Args:
        home: The folder of the comparison.
        task: The task.
        policy: The run folder or file of the policy.
        rollouts: The number of rollouts.
    """

    def __init__(self, home: Path, task: str, policy: Path, rollouts: int) -> None:
        self.folder = home / Path(task).stem / "gradients"
        self.task = task
        self.policy = policy
        self.rollouts = rollouts
        self._digest = hashlib.sha256(files.resolve(policy).read_bytes()).hexdigest()
        self._plain: Floats | None = None

    def __call__(self, estimator: str) -> dict[str, Any]:
        """The `figures` of this estimator, compared with plain."""
        settings = {
            "format": FORMAT,
            "policy": self._digest,
            "rollouts": self.rollouts,
            **{name: fields(self.task, one) for name, one in (("own", estimator), ("plain", PLAIN))},
        }
        if (digest := source(estimator)) is not None:
            settings["source"] = digest
        return kept(self.folder / f"{estimator}.json", settings, lambda: self._measure(estimator))

    @property
    def games(self) -> int:
        """The number of games of each gradient."""
        return int(fields(self.task, PLAIN)["data.games"])

    def _measure(self, estimator: str) -> dict[str, Any]:
        if self._plain is None:
            self._plain = gradients(self.task, PLAIN, self.policy, self.rollouts)
        same = estimator == PLAIN
        own = self._plain if same else gradients(self.task, estimator, self.policy, self.rollouts)
        return figures(own, self._plain)


def figures(own: Floats, plain: Floats) -> dict[str, Any]:
    """Figures about the noise of an estimator's gradients, compared with plain.

    Args:
        own: [R, P] gradients of the estimator, R at least 3.
        plain: [R, P] gradients of plain on the same rollouts.

    Returns:
        `variance` is tr Cov(g); `squared_mean` is |E g|², whose estimate may be below 0. The others have a 95% interval
        by the jackknife over rollouts: `variance_ratio`, the variance divided by that of plain; `signal_to_noise`,
        |E g|² / tr Cov(g); `cosine`, between E g and that of plain. They are None if the signal is lost in the noise.
    """
    aa, ab, bb = own @ own.T, own @ plain.T, plain @ plain.T  # [R, R]

    def over(statistic: Callable[[Floats, Floats, Floats], float]) -> dict[str, float | None]:
        return jackknife(lambda rows: statistic(*(matrix[np.ix_(rows, rows)] for matrix in (aa, ab, bb))), len(own))

    ratio = over(lambda aa, ab, bb: math.log(_variance(aa) / _variance(bb)) if _variance(bb) > 0 else math.nan)
    return {
        "variance": _variance(aa),
        "squared_mean": _product(aa),
        "variance_ratio": {k: None if x is None else math.exp(x) for k, x in ratio.items()},
        "signal_to_noise": over(lambda aa, ab, bb: _product(aa) / _variance(aa) if _variance(aa) > 0 else math.nan),
        "cosine": projected(over(_cosine)),
    }


def _product(gram: Floats) -> float:
    """⟨E a, E b⟩ from aᵣ·bₛ [R, R], using only pairs of different rollouts, whose noise is independent."""
    rollouts = len(gram)
    return float((gram.sum() - np.trace(gram)) / (rollouts * (rollouts - 1)))


def _variance(gram: Floats) -> float:
    """tr Cov(g) from gᵣ·gₛ [R, R]."""
    return float(np.trace(gram)) / len(gram) - _product(gram)


def _cosine(aa: Floats, ab: Floats, bb: Floats) -> float:
    square = _product(aa) * _product(bb)
    return _product(ab) / math.sqrt(square) if min(_product(aa), _product(bb)) > 0 else math.nan


def projected(cosine: dict[str, float | None]) -> dict[str, float | None]:
    """Move the estimate of a cosine and its interval into [−1, 1], which noise may have taken it out of.

    The estimate becomes the nearest possible cosine. The interval moves with it, with the same half widths, and is cut
    to [−1, 1]. The true cosine is at most as far from the new estimate as from the old one, so the interval contains it
    at least as often.
    """
    value, low, high = (cosine[name] for name in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return dict.fromkeys(cosine)
    nearest = max(-1.0, min(1.0, value))
    return {"value": nearest, "low": max(-1.0, nearest - (value - low)), "high": min(1.0, nearest + (high - value))}


def jackknife(statistic: Callable[[NDArray[np.int64]], float], rollouts: int) -> dict[str, float | None]:
    """A statistic and its 95% interval by the jackknife, Efron and Stein (1981).

    numpy has no jackknife, and scipy has only the bootstrap, which needs many more resamples of [R, R] matrices.

    Args:
        statistic: A function from indices of rollouts to a number.
        rollouts: The number of rollouts.

    Returns:
        `value`, `low` and `high`, each None in place of NaN.
    """
    everyone = np.arange(rollouts)
    value = statistic(everyone)
    without = np.array([statistic(np.delete(everyone, r)) for r in everyone])
    half = student(rollouts - 1) * math.sqrt((rollouts - 1) / rollouts * np.square(without - without.mean()).sum())
    found = {"value": value, "low": value - half, "high": value + half}
    return {name: number if math.isfinite(number) else None for name, number in found.items()}
