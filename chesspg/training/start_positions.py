"""The positions from which the games of self-play start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import Game, Games, Starts
from chesspg.games.randomness import Randomness


class StartPositions:
    """The positions from which games start: the initial one, some in turn, or one sampled for each game.

    Args:
        game: The rules.
        starts: As for `SelfPlay`.
    """

    def __init__(self, game: Game, starts: Starts | Sequence[str] | None) -> None:
        self.game = game
        self.starts = list(starts) if isinstance(starts, Sequence) else starts

    @property
    def in_turn(self) -> int:
        """The number of positions from which games start in turn."""
        return len(self.starts) if isinstance(self.starts, list) else 1

    def numbers(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """[n] the number of the start of each game with these indices [n]. Sampled starts count as different."""
        if self.starts is None or isinstance(self.starts, list):
            return index % self.in_turn
        return index // getattr(self.starts, "alike", 1)

    def texts(self, index: NDArray[np.int64], rng: Randomness) -> list[str]:
        """[n] the starts of the games with these indices [n] in the rollout with these random numbers."""
        if self.starts is None:
            return [""] * len(index)
        if isinstance(self.starts, list):
            return [self.starts[i % len(self.starts)] for i in index]
        return self.starts.positions(self.game, index, rng)

    def texts_of_slots(self, slot: NDArray[np.int64], number: NDArray[np.int64], seed: int) -> list[str]:
        """[n] the starts of the games with these numbers [n] in slots [n]; see `play_segment`."""
        if self.starts is None or isinstance(self.starts, list):
            return self.texts(slot + number, Randomness(seed))
        found = np.empty(len(slot), object)
        for rollout in np.unique(number).tolist():
            rows = np.flatnonzero(number == rollout)
            found[rows] = self.texts(slot[rows], Randomness(seed, rollout))
        return list(found)

    def start(self, texts: list[str]) -> Games:
        """Start games from texts of positions; '' stands for the initial one."""
        if not any(texts):
            return self.game.start(len(texts))
        initial = self.game.start(1).position(0)
        places: dict[str, int] = {}  # each text is read once
        rows = [places.setdefault(text or initial, len(places)) for text in texts]
        return self.game.start(list(places))[np.array(rows)]
