"""Randomness without state: one uniform number for every (seed, rollout, game, ply).

The numbers come from a counter-based hash. So two ranks play the same games as one process does, a resumed run needs
no generator state, and dropping or regrouping games changes no number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike, NDArray


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

    def generators(self, stream: int, index: NDArray[np.integer[Any]]) -> list[np.random.Generator]:
        """A numpy generator for each index of a random stream.

        They are those of `np.random.default_rng((seed, rollout, stream, i))`, which would take ten times as long.

        Args:
            stream: The number of the stream, at least 2; `generator` is stream 1.
            index: [N] from 0 to 2³² − 1.

        Returns:
            [N] generators.
        """
        fixed = [word for number in (self.seed % 2**64, self.rollout, stream) for word in _words(number)]
        entropy = [np.full(len(index), word, dtype=np.uint32) for word in fixed]
        states = _seed_sequences([*entropy, index.astype(np.uint32)])
        # The type stubs of numpy know only SeedSequence here.
        return [np.random.Generator(np.random.PCG64(_Seed(state))) for state in states]  # type: ignore[arg-type]


def mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The step and finalizer of SplitMix64, Steele, Lea and Flood (2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class _Seed(ISeedSequence):
    """A SeedSequence whose state is known already."""

    def __init__(self, state: NDArray[np.uint64]) -> None:
        self.state = state  # [4]

    def generate_state(self, n_words: int, dtype: DTypeLike = np.uint32) -> NDArray[np.uint64]:
        return self.state


def _words(number: int) -> list[int]:
    """The 32-bit words of a number, the lowest first, without zeros at the end."""
    return [number >> shift & 0xFFFFFFFF for shift in range(0, max(number.bit_length(), 1), 32)]


def _seed_sequences(entropy: list[NDArray[np.uint32]]) -> NDArray[np.uint64]:
    """`np.random.SeedSequence(words).generate_state(4, np.uint64)` for many sequences of words at once.

    It is `seed_seq_fe` of O'Neill, "Developing a seed_seq Alternative" (2015), with numpy's constants.

    Args:
        entropy: At least four arrays [N], one for each word of the sequences.

    Returns:
        [N, 4] words.
    """
    keys = _keys(0x43B0D7E5, 0x931E8875)
    pool = [_hash(word, keys) for word in entropy[:4]]
    for source in range(4):
        for target in range(4):
            if source != target:
                pool[target] = _combine(pool[target], _hash(pool[source], keys))
    for word in entropy[4:]:
        pool = [_combine(target, _hash(word, keys)) for target in pool]
    keys = _keys(0x8B51F9DD, 0x58F38DED)
    return np.stack([_hash(word, keys) for word in (*pool, *pool)], axis=1).view(np.uint64)


def _keys(key: int, factor: int) -> Iterator[tuple[np.uint32, np.uint32]]:
    """The pairs of constants of successive hashes."""
    while True:
        following = key * factor % 2**32
        yield np.uint32(key), np.uint32(following)
        key = following


def _hash(x: NDArray[np.uint32], keys: Iterator[tuple[np.uint32, np.uint32]]) -> NDArray[np.uint32]:
    before, after = next(keys)
    x = (x ^ before) * after
    return x ^ (x >> np.uint32(16))


def _combine(x: NDArray[np.uint32], y: NDArray[np.uint32]) -> NDArray[np.uint32]:
    x = x * np.uint32(0xCA01F9DD) - y * np.uint32(0x4973F715)
    return x ^ (x >> np.uint32(16))
