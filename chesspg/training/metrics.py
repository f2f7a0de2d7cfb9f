"""The metrics of a rollout and of the updates that learned from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chesspg.selfplay.rollout import Rollout
from chesspg.training.batches import Batch


class RolloutMetrics:
    """Collects the metrics of one rank between two reports. docs/metrics.md explains each metric."""

    def __init__(self) -> None:
        self._means: dict[str, tuple[Tensor | float, int]] = {}  # for metrics of updates: weighted sum and weight
        self._maxima: dict[str, Tensor] = {}
        self._facts: dict[str, tuple[float, str]] = {}  # for metrics of the rollout: value, and how ranks are combined
        self._clock = time.perf_counter()
        self._plies, self._seconds = 0, 0.0  # of learning since the rollout; each pass counts

    @property
    def pending(self) -> bool:
        """Whether a rollout has not been reported yet."""
        return bool(self._facts)

    def clear(self) -> None:
        """Forget what has not been reported yet."""
        self._means, self._maxima, self._facts = {}, {}, {}

    def begin(self, rollout: Rollout, reasons: tuple[str, ...], advantage_variance: float) -> None:
        """Record a rollout. Learning from it begins now.

        Args:
            rollout: The rollout.
            reasons: `Game.reasons` of its game.
            advantage_variance: The variance of its advantages over all ranks.
        """
        self._facts = _facts(rollout, reasons) | {"advantage_variance": (advantage_variance, "mean")}
        self._clock, self._plies, self._seconds = time.perf_counter(), 0, 0.0

    def note(self, name: str, total: Tensor, count: int = 1) -> None:
        """Add to a mean over the rollout's updates.

        Lightning's own means would take a tenth of the time of a small network's update.

        Args:
            name: The name of the metric.
            total: [] the sum of the values to add.
            count: The number of values.
        """
        before, counted = self._means.get(name, (0.0, 0))
        self._means[name] = before + total.detach(), counted + count

    def note_maximum(self, name: str, values: Tensor) -> None:
        """Add to a maximum over the rollout's updates.

        Args:
            name: The name of the metric.
            values: [n] the values to add, n ≥ 1.
        """
        largest = values.detach().max()
        before = self._maxima.get(name)
        self._maxima[name] = largest if before is None else largest.maximum(before)

    def learned(self, plies: int) -> float:
        """Record that a number of plies were learned from.

        Returns:
            The seconds since the last call.
        """
        seconds = time.perf_counter() - self._clock
        self._clock += seconds
        self._plies += plies
        self._seconds += seconds
        return seconds

    def take(self, gather: Callable[[Tensor], Tensor], ranks: int, exact: torch.dtype) -> dict[str, float]:
        """All metrics over all ranks; empty if there was neither a rollout nor an update.

        Args:
            gather: From [n, …] of each rank to [ranks · n, …] of all.
            ranks: The number of ranks.
            exact: The floating-point type of the sums.
        """
        weighted = {name: (float(total), float(count)) for name, (total, count) in self._means.items()}
        for name, (value, reduce) in self._facts.items():
            weighted[name] = (value, 1.0 if reduce == "mean" else 1 / ranks)
        if self._facts:
            weighted["learned_plies_per_s"] = (self._plies / max(self._seconds, 1e-9), 1 / ranks)
        if not weighted:
            return {}
        totals, counts = gather(torch.tensor([list(weighted.values())], dtype=exact)).sum(dim=0).T
        means = dict(zip(weighted, (totals / counts).tolist(), strict=True))
        if not self._maxima:
            return means
        largest = gather(torch.tensor([[float(one) for one in self._maxima.values()]], dtype=exact)).amax(dim=0)
        return means | dict(zip(self._maxima, largest.tolist(), strict=True))


def plies_in(batch: Any) -> int:
    """The number of a rollout's plies in a batch, or in several batches that CombinedLoader has put together."""
    if isinstance(batch, Batch):
        return len(batch.plies)
    parts = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, list | tuple) else ()
    return sum(map(plies_in, parts))


def _facts(rollout: Rollout, reasons: tuple[str, ...]) -> dict[str, tuple[float, str]]:
    """The metrics of a rollout: each value, and how ranks are combined."""
    facts = {
        "seat_0_wins": (float((rollout.outcome == 1).mean()), "mean"),
        "seat_1_wins": (float((rollout.outcome == -1).mean()), "mean"),
        "draws": (float(((rollout.outcome == 0) & ~rollout.truncated).mean()), "mean"),
        "truncated": (float(rollout.truncated.mean()), "mean"),
        "reward": (float(rollout.reward.mean()), "mean"),
        "length": (float(rollout.length.mean()), "mean"),
        "sampled_plies_per_s": (float(rollout.length.sum()) / rollout.seconds, "sum"),
    }
    if rollout.occupancy is not None:
        facts["occupancy"] = (rollout.occupancy, "mean")
    for number, reason in enumerate(reasons[1:], start=1):
        facts[f"ended/{reason}"] = (float(np.mean(rollout.reason == number)), "mean")
    return facts
