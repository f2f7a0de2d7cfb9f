"""Randomness without state: one uniform number for every (seed, rollout, game, ply).

The numbers come from a counter-based hash. So two ranks play the same games as one process does, a resumed run needs
no generator state, and dropping or regrouping games changes no number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Randomness:
    """The random numbers of one rollout, determined by the seed of the run and the index of the rollout."""

    seed: int
    rollout: int = 0

    def uniforms(self, game: NDArray[np.integer[Any]], ply: NDArray[np.integer[Any]] | int) -> NDArray[np.float64]:
        """Uniform random numbers for plies.

        Args:
            game: [N] global indices of the games.
            ply: [N] the ply of each game, or one ply for all.

        Returns:
            [N] numbers in [0, 1).
        """
        bits = mix(self.keys(game) ^ np.asarray(ply).astype(np.uint64))
        return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def keys(self, game: NDArray[np.integer[Any]]) -> NDArray[np.uint64]:
        """[N] the part of the hash that is the same for all plies of each game [N]."""
        key = mix(mix(np.array([self.seed % 2**64], dtype=np.uint64)) ^ np.uint64(self.rollout))
        return mix(key ^ game.astype(np.uint64))

    def generator(self) -> np.random.Generator:
        """A numpy generator for what is sampled once per rollout, such as the order of plies."""
        return np.random.default_rng((self.seed % 2**64, self.rollout, 1))


def mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The step and finalizer of SplitMix64, Steele, Lea and Flood (2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
