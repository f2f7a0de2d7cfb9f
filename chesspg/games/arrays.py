"""Legal actions, observations and outcomes of N games as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = Sequence[int] | NDArray[np.integer[Any]] | NDArray[np.bool_] | slice

ONGOING = 0  # Outcomes.reason while a game is not over; the same for all games


@dataclass(frozen=True, slots=True)
class Legal:
    """The legal actions of N games, ragged: game i has actions[offsets[i]:offsets[i + 1]]."""

    actions: NDArray[np.int16]  # [L] ascending within a game
    offsets: NDArray[np.int64]  # [N + 1]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """[N] the number of legal actions of each game; 0 when it is over."""
        return self.offsets[1:] - self.offsets[:-1]

    def __getitem__(self, indices: Indices) -> Legal:
        rows = np.arange(len(self))[indices]
        counts = self.counts[rows]
        offsets = np.concatenate(([0], np.cumsum(counts)))
        shift = np.repeat(self.offsets[rows] - offsets[:-1], counts)
        return Legal(self.actions[np.arange(offsets[-1]) + shift], offsets)

    def padded(self) -> NDArray[np.int16]:
        """[N, M] the actions, with −1 after each game's last; M is the length of the longest list, at least 1."""
        counts = self.counts
        width = max(1, int(counts.max(initial=0)))
        table = np.full((len(self), width), -1, dtype=np.int16)
        table[np.arange(width) < counts[:, None]] = self.actions
        return table

    def take(self, choice: NDArray[np.integer[Any]]) -> NDArray[np.int16]:
        """[N] the action at position choice[i] of each game's list."""
        return self.actions[self.offsets[:-1] + choice]

    @staticmethod
    def concatenate(parts: Sequence[Legal]) -> Legal:
        """The lists of all parts, in order."""
        counts = [part.counts for part in parts]
        return Legal(
            np.concatenate([part.actions for part in parts]) if parts else np.empty(0, np.int16),
            np.concatenate(([0], np.cumsum(np.concatenate(counts) if counts else []))).astype(np.int64),
        )


@dataclass(frozen=True, slots=True)
class Observation:
    """What the movers of N games see, and their legal actions. A game that is over has no legal action.

    A plane is a set of squares as bits of W 64-bit words: square 64 · w + b is bit b of word w. Squares are counted row
    by row from the bottom left, a1 = 0, b1 = 1, …; bits beyond the last square are 0. The mover should see its own
    pieces on the same planes whichever player it is, and may see the board turned around, so that what is learned for
    one player holds for the other.

    Playing on does not change the arrays.
    """

    planes: NDArray[np.uint64]  # [N, P, W] with W = ⌈squares / 64⌉; bit 0 = a1, from the mover's side
    scalars: NDArray[np.uint8]  # [N, S] counters that no plane can hold, each at most its limit in Game.scalars
    player: NDArray[np.int8]  # [N] the player to move, 0 or 1
    legal: Legal  # [N] ragged

    def __len__(self) -> int:
        return len(self.player)

    def __getitem__(self, indices: Indices) -> Observation:
        return Observation(self.planes[indices], self.scalars[indices], self.player[indices], self.legal[indices])

    @staticmethod
    def concatenate(parts: Sequence[Observation]) -> Observation:
        """The games of all parts, at least one, in order."""
        return Observation(
            np.concatenate([part.planes for part in parts]),
            np.concatenate([part.scalars for part in parts]),
            np.concatenate([part.player for part in parts]),
            Legal.concatenate([part.legal for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The rules' verdicts on N games."""

    outcome: NDArray[np.int8]  # [N] 1 if player 0 has won, −1 if player 1 has, 0 if drawn or ongoing
    reason: NDArray[np.uint8]  # [N] index into Game.reasons, ONGOING while the game goes on

    @property
    def over(self) -> NDArray[np.bool_]:
        """[N] whether each game is over by the rules."""
        over: NDArray[np.bool_] = self.reason != ONGOING
        return over
