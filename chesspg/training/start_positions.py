"""The positions from which the games of self-play start."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import Game, Games, Starts
from chesspg.games.randomness import Randomness

REMEMBERED = 100_000  # starts of games in slots: slots that share them need them at different times


class StartPositions:
    """The positions from which games start: the initial one, some in turn, or one sampled for each game.

    Args:
        game: The rules.
        starts: As for `SelfPlay`.
    """

    def __init__(self, game: Game, starts: Starts | Sequence[str] | None) -> None:
        self.game = game
        self.starts = list(starts) if isinstance(starts, Sequence) else starts
        self._sampled: dict[tuple[int, int, int], str] = {}  # the latest for slots, by seed, number of the game, start

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
        keys = [(seed, *key) for key in zip(number.tolist(), self.numbers(slot).tolist(), strict=True)]
        sampled = self._sampled
        lacking = {key: row for row, key in enumerate(keys) if key not in sampled}
        rows = np.fromiter(lacking.values(), np.int64)
        for rollout in np.unique(number[rows]).tolist():
            some = rows[number[rows] == rollout]
            texts = self.texts(slot[some], Randomness(seed, rollout))
            sampled.update(zip([keys[row] for row in some.tolist()], texts, strict=True))
        found = [sampled[key] for key in keys]
        for key in list(islice(sampled, max(0, len(sampled) - REMEMBERED))):
            del sampled[key]
        return found

    def start(self, texts: list[str]) -> Games:
        """Start games from texts of positions; '' stands for the initial one."""
        if not any(texts):
            return self.game.start(len(texts))
        initial = self.game.start(1).position(0)
        places: dict[str, int] = {}  # each text is read once
        rows = [places.setdefault(text or initial, len(places)) for text in texts]
        return self.game.start(list(places))[np.array(rows)]
