"""The rules of a game of stones for whole batches: the protocol, and a base class for rules in plain numpy.

The state of a game is K words of 64 bits, which only its rules understand, and the player to move. The players take
turns; a pass is a move.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chesspg.games.arrays import Legal

Words = NDArray[np.uint64]
Players = NDArray[np.int8]
Word = (
    Any  # an array of words of 64 bits, or in compiled code one of them: what functions of both kinds take and return
)


class Rules(Protocol):
    """Rules that play batches, compiled or in numpy."""

    def advance(
        self,
        words: Words,
        player: Players,
        outcome: NDArray[np.int8],
        reason: NDArray[np.uint8],
        rows: NDArray[np.integer[Any]],
        actions: NDArray[np.integer[Any]],
    ) -> int:
        """Play one action in some games, in place.

        Args:
            words: [N, K] the states.
            player: [N] the movers.
            outcome: [N] for player 0.
            reason: [N] why a game is over.
            rows: [n] indices of games, each at most once.
            actions: [n] one action for each of them.

        Returns:
            −1, or a game of `rows` in which the action is not legal; then the arrays must not be used any more.
        """

    def look(self, words: Words, player: Players, reason: NDArray[np.uint8]) -> tuple[Words, Legal]:
        """[N, P, W] what the movers see, and the legal actions, none in games that are over."""

    def weigh(self, words: Words, player: Players) -> NDArray[np.float32]:
        """[N] the heuristic for player 0."""


class NumpyRules(ABC):
    """Rules in plain numpy. A subclass implements the rules of one game, for all N games of a batch at once."""

    @abstractmethod
    def play(self, words: Words, player: Players, actions: NDArray[np.int64]) -> Words:
        """[N, K] the states after legal actions, as the next movers have them."""

    @abstractmethod
    def judge(self, words: Words, player: Players) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
        """[N] each: outcome for player 0, reason."""

    @abstractmethod
    def mask(self, words: Words, player: Players) -> NDArray[np.bool_]:
        """[N, A] whether each action is legal, in games that are not over."""

    @abstractmethod
    def see(self, words: Words, player: Players) -> Words:
        """[N, P, W] what the movers see."""

    @abstractmethod
    def weigh(self, words: Words, player: Players) -> NDArray[np.float32]:
        """[N] the heuristic for player 0."""

    def advance(
        self,
        words: Words,
        player: Players,
        outcome: NDArray[np.int8],
        reason: NDArray[np.uint8],
        rows: NDArray[np.integer[Any]],
        actions: NDArray[np.integer[Any]],
    ) -> int:
        """See `Rules`."""
        chosen = actions.astype(np.int64)
        before, mover = words[rows], player[rows]
        mask = self.mask(before, mover)
        inside = (chosen >= 0) & (chosen < mask.shape[1])
        legal = inside & (reason[rows] == 0) & mask[np.arange(len(rows)), np.where(inside, chosen, 0)]
        if not legal.all():
            return int(rows[np.argmin(legal)])
        after, turn = self.play(before, mover, chosen), (1 - mover).astype(np.int8)
        words[rows], player[rows] = after, turn
        outcome[rows], reason[rows] = self.judge(after, turn)
        return -1

    def look(self, words: Words, player: Players, reason: NDArray[np.uint8]) -> tuple[Words, Legal]:
        """See `Rules`."""
        mask = self.mask(words, player) & (reason == 0)[:, None]
        offsets = np.concatenate(([0], np.cumsum(mask.sum(axis=1)))).astype(np.int64)
        return self.see(words, player), Legal(np.nonzero(mask)[1].astype(np.int16), offsets)
