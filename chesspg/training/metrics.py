"""The metrics of a rollout and of the updates that learned from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from chesspg.selfplay.rollout import Rollout
from chesspg.training.batches import Batch


class RolloutMetrics:
    """Collects the metrics of one rank between two reports. docs/metrics.md explains each metric."""

    def __init__(self) -> None:
        self._means: dict[str, tuple[Tensor | float, int]] = {}  # for metrics of updates: weighted sum and weight
        self._maxima: dict[str, Tensor] = {}
        self._facts: dict[str, tuple[float, str | int]] = {}  # for metrics of the rollout, as `_facts` returns them
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
        self._facts = _facts(rollout, reasons) | {"advantage_variance": (advantage_variance, 1)}
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
            weighted[name] = (value, 1 / ranks) if isinstance(reduce, str) else (value * reduce, float(reduce))
        if self._facts:
            weighted["learned_plies_per_s"] = (self._plies / max(self._seconds, 1e-9), 1 / ranks)
        if not weighted:
            return {}
        totals, counts = gather(torch.tensor([list(weighted.values())], dtype=exact)).sum(dim=0).T
        # No game may have ended in a segment; then what is a mean over games is left out.
        weighed = zip(weighted, (totals / counts).tolist(), counts.tolist(), strict=True)
        means = {name: mean for name, mean, count in weighed if count}
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


def _facts(rollout: Rollout, reasons: tuple[str, ...]) -> dict[str, tuple[float, str | int]]:
    """The metrics of a rollout: the value, and how ranks are combined, by a mean with this weight or by a `sum`."""
    ended = rollout.ended  # segments count a game in the rollout in which it ends
    outcome, reason, games = rollout.outcome[ended], rollout.reason[ended], int(ended.sum())
    facts: dict[str, tuple[float, str | int]] = {"sampled_plies_per_s": (rollout.played / rollout.seconds, "sum")}
    per_game = {
        "seat_0_wins": outcome == 1,
        "seat_1_wins": outcome == -1,
        "draws": (outcome == 0) & (reason != 0),
        "truncated": reason == 0,
        "reward": rollout.reward[ended],
        "length": rollout.length[ended],
        **{f"ended/{name}": reason == number for number, name in enumerate(reasons[1:], start=1)},
    }
    for name, values in per_game.items():
        facts[name] = (float(values.mean()) if games else 0.0, games)
    if rollout.occupancy is not None:
        facts["occupancy"] = (rollout.occupancy, 1)
    return facts
