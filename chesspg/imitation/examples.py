"""The plies of shards as batches in random order; some games are held out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from chesspg.games.randomness import Randomness
from chesspg.imitation.recorded import Recorded, read_arrays

HELD_OUT = 0.05  # share of the games that are held out
MOST_HELD_OUT = 32_768  # the most plies of a validation
TOGETHER = 8  # shards that are shuffled together: 100 MB


class Examples:
    """Batches of the plies in shards: of plies to learn from, and of plies of held-out games.

    Args:
        paths: Shards, as `Recorded.save` writes them.
        batch: Plies per batch.
        seed: Seed of the order, and of the choice of held-out games.

    Raises:
        ValueError: There are fewer than two games, or a shard is damaged.
    """

    def __init__(self, paths: Sequence[Path], batch: int = 512, seed: int = 0) -> None:
        self.batch = batch
        self.seed = seed
        apart = max(1, math.ceil(len(paths) / TOGETHER))
        self._groups = [list(paths[first::apart]) for first in range(apart)]  # from all parts of the data
        games = [[read_arrays(path, "game")["game"] for path in group] for group in self._groups]
        # At least one game is held out, however few there are.
        self._share = max(HELD_OUT, min(float(self._uniforms(one).min()) for group in games for one in group))
        self.held_out = self._held_out(paths)
        sizes = [sum(int((~self.is_held_out(one)).sum()) for one in group) for group in games]
        self.plies = sum(sizes)  # to learn from
        if not self.plies:
            raise ValueError("expected at least 2 games, to learn from and to hold out, got 1")
        self.batches = sum(math.ceil(size / batch) for size in sizes)  # per epoch

    def epoch(self, number: int, first: int = 0) -> Iterator[Recorded[Tensor]]:
        """The batches of an epoch. Each ply to learn from is in one of them.

        The order depends on the seed and the number of the epoch alone.

        Args:
            number: The number of the epoch.
            first: The number of the batch to begin with.
        """
        rng = Randomness(self.seed, number).generator()
        for group in rng.permutation(len(self._groups)):
            recorded = Recorded.concatenate([Recorded.load(path) for path in self._groups[group]])
            rows = rng.permutation(np.flatnonzero(~self.is_held_out(recorded.plies.game)))
            for part in np.array_split(rows, math.ceil(len(rows) / self.batch)) if len(rows) else ():
                if first:
                    first -= 1
                else:
                    yield recorded[part].to()

    def validation(self) -> list[NDArray[np.int64]]:
        """The rows of `held_out` in each batch of a validation."""
        return np.array_split(np.arange(len(self.held_out)), math.ceil(len(self.held_out) / self.batch))

    def is_held_out(self, games: NDArray[np.int64]) -> NDArray[np.bool_]:
        """[N] whether the games with these numbers [N] are held out."""
        held: NDArray[np.bool_] = self._uniforms(games) <= self._share
        return held

    def _uniforms(self, games: NDArray[np.int64]) -> NDArray[np.float64]:
        return Randomness(self.seed).uniforms(games, 0)

    def _held_out(self, paths: Sequence[Path]) -> Recorded[NDArray[Any]]:
        """Plies of held-out games from random shards, at most MOST_HELD_OUT."""
        parts: list[Recorded[NDArray[Any]]] = []
        for shard in Randomness(self.seed).generator().permutation(len(paths)):
            if sum(map(len, parts)) >= MOST_HELD_OUT:
                break
            recorded = Recorded.load(paths[shard])
            parts.append(recorded[self.is_held_out(recorded.plies.game)])
        return Recorded.concatenate(parts)[np.arange(min(MOST_HELD_OUT, sum(map(len, parts))))]
