"""Who chooses moves: the Protocol, the random mover and the greedy one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import Games, Observation


@dataclass(frozen=True, slots=True)
class Turn:
    """N games in which it is one player's turn."""

    observation: Observation  # [N]
    uniforms: NDArray[np.float64]  # [N] one number in [0, 1) a game: all the chance a player may use
    games: Games  # the batch the N games are part of; to look ahead, copy with games[rows]
    rows: NDArray[np.integer[Any]]  # [N] where in `games` they are


@dataclass(frozen=True, slots=True)
class Choice:
    """What a player chose in N games."""

    index: NDArray[np.integer[Any]]  # [N] position in each game's legal list
    log_prob: NDArray[np.float32] | None = None  # [N] log π of the choice under what it was drawn from
    value: NDArray[np.float32] | None = None  # [N] the return the mover expects


class Player(Protocol):
    """Chooses a legal action in every game of a batch. Keeps no state between turns."""

    def choose(self, turn: Turn) -> Choice: ...


@runtime_checkable
class Launching(Player, Protocol):
    """A player that may think elsewhere, while the rules of other games run here."""

    @property
    def accelerated(self) -> bool:
        """Whether it does think elsewhere."""

    def launch(self, turn: Turn) -> Callable[[], Choice]:
        """Begin to think; what is returned waits for the choice."""


class Random:
    """Every legal action alike."""

    def choose(self, turn: Turn) -> Choice:
        counts = turn.observation.legal.counts
        index = (turn.uniforms * counts).astype(np.int64)
        return Choice(index, -np.log(counts).astype(np.float32))


class Greedy:
    """Wins if it can in one ply, else takes the most material after its ply, equals at random."""

    def choose(self, turn: Turn) -> Choice:
        legal = turn.observation.legal
        children = turn.games[np.repeat(turn.rows, legal.counts)]
        children.play(legal.actions)
        sign = np.repeat(1 - 2 * turn.observation.player, legal.counts)
        score = sign * (children.material() + np.float32(1e6) * children.outcomes().outcome)
        best = np.maximum.reduceat(score, legal.offsets[:-1])
        equal = score == np.repeat(best, legal.counts)
        # The k-th of a game's best actions, k uniform: where the running count of best ones reaches k + 1.
        running = np.cumsum(equal)
        before = running[legal.offsets[:-1]] - equal[legal.offsets[:-1]]
        ties = np.add.reduceat(equal, legal.offsets[:-1])
        wanted = before + (turn.uniforms * ties).astype(np.int64) + 1
        return Choice(np.searchsorted(running, wanted) - legal.offsets[:-1], -np.log(ties).astype(np.float32))
