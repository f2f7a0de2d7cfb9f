"""Start positions after some random plies, so that self-play of any game sees more than its favorite openings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import Game, join_position, split_position
from chesspg.games.randomness import Randomness

_APART = 0x5EED_57A7  # changes the seed, so that these are not the random numbers of the plies


class RandomPlies:
    """Starts each game after a number of random plies, which is sampled from 0 to `most`.

    A game that would end within these plies starts one ply before its end.

    Args:
        most: The most random plies.
        alike: Number of games in a row that share a start. leave_one_out needs at least two.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(self, most: int = 6, alike: int = 1) -> None:
        if not 0 <= most <= 1000:
            raise ValueError(f"most must be from 0 to 1000, got {most}")
        if alike < 1:
            raise ValueError(f"alike must be at least 1, got {alike}")
        self.most = most
        self.alike = alike

    def positions(self, game: Game, index: NDArray[np.integer[Any]], rng: Randomness) -> list[str]:
        """[n] positions with their random moves; see `Starts`."""
        start, which = np.unique(index // self.alike, return_inverse=True)
        apart = Randomness(rng.seed ^ _APART, rng.rollout)
        plies = (apart.uniforms(start, 0) * (self.most + 1)).astype(np.int64)
        texts = np.full(len(start), "", object)
        rows, games = np.arange(len(start)), game.start(len(start))
        for ply in range(self.most + 1):
            ready = plies[rows] == ply
            texts[rows[ready]] = [games.position(i) for i in np.flatnonzero(ready).tolist()]
            rows, games = rows[~ready], games[~ready]
            legal = games.observe().legal
            games.play(legal.take((apart.uniforms(start[rows], ply + 1) * legal.counts).astype(np.int64)))
            over = games.outcomes().over
            for i in np.flatnonzero(over).tolist():
                begun, moves = split_position(games.position(i))
                texts[rows[i]] = join_position(begun, moves[:-1])
            rows, games = rows[~over], games[~over]
        return [texts[i] for i in which.tolist()]
