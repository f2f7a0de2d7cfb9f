"""A batch made of batches of one game, for rules that can't advance some games while the others wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.capabilities import heuristic_or_zero
from chesspg.games.game import Games, Indices, Legal, Observation, Outcomes


class Singles:
    """N games that have `PartialPlay`, by a loop over the games that advance.

    Args:
        games: [N] batches of one game, which nothing else may change.
    """

    def __init__(self, games: Sequence[Games]) -> None:
        self._games = list(games)
        self._seen: list[Observation | None] = [None] * len(games)  # [N] observations of one game, where known

    @classmethod
    def of(cls, games: Games) -> Singles:
        """Copies of all games of a batch."""
        return cls([games[[index]] for index in range(len(games))])

    def __len__(self) -> int:
        return len(self._games)

    def observe(self) -> Observation:
        seen = [self._look(index) for index in range(len(self))]
        return Observation(
            np.concatenate([one.planes for one in seen]),
            np.concatenate([one.scalars for one in seen]),
            np.concatenate([one.player for one in seen]),
            Legal.concatenate([one.legal for one in seen]),
        )

    def play(self, actions: NDArray[np.integer[Any]]) -> None:
        self.play_some(np.arange(len(self)), actions)

    def play_some(self, rows: NDArray[np.integer[Any]], actions: NDArray[np.integer[Any]]) -> None:
        """See `PartialPlay`. The actions must be legal; before one that is not, other games may have been changed."""
        for row, action in zip(rows.tolist(), actions.tolist(), strict=True):
            self._games[row].play(np.array([action]))
            self._seen[row] = None

    def outcomes(self) -> Outcomes:
        each = [one.outcomes() for one in self._games]
        return Outcomes(np.concatenate([one.outcome for one in each]), np.concatenate([one.reason for one in each]))

    def heuristic(self) -> NDArray[np.float32]:
        """See `Heuristic`; 0 in a game without one, as players take it there."""
        values = np.zeros(len(self), np.float32)
        for index, one in enumerate(self._games):
            values[index : index + 1] = heuristic_or_zero(one)
        return values

    def __getitem__(self, indices: Indices) -> Singles:
        chosen = np.arange(len(self))[indices].tolist()
        copies = Singles([self._games[index][[0]] for index in chosen])
        copies._seen = [self._seen[index] for index in chosen]
        return copies

    def position(self, index: int) -> str:
        return self._games[index].position(0)

    def moves(self, index: int) -> list[str]:
        return self._games[index].moves(0)

    def _look(self, index: int) -> Observation:
        seen = self._seen[index]
        if seen is None:
            seen = self._seen[index] = self._games[index].observe()
        return seen
