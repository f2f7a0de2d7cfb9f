"""Who chooses moves: the Protocol, the random mover and the greedy one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from chesspg.games.capabilities import heuristic_or_zero
from chesspg.games.game import Games, Legal, Observation


@dataclass(frozen=True, slots=True)
class Turn:
    """N games in which it is one player's turn."""

    observation: Observation  # [N]
    uniforms: NDArray[
        np.float64
    ]  # [N] one number in [0, 1) per game, the only source of randomness available to a player
    games: Games  # the batch the N games are part of; to look ahead, copy with games[rows]
    rows: NDArray[np.integer[Any]]  # [N] where in `games` they are


@dataclass(frozen=True, slots=True)
class Choice:
    """What a player chose in N games."""

    index: NDArray[np.integer[Any]]  # [N] position in each game's legal list
    log_prob: NDArray[np.float32] | None = None  # [N] log π of the choice under the distribution it was sampled from
    value: NDArray[np.float32] | None = None  # [N] the return the mover expects, NaN where it gives none
    forfeits: Mapping[int, str] = field(default_factory=dict)  # row of the turn -> why the player gives its game up


class Player(Protocol):
    """Chooses a legal action in every game of a batch. Keeps no state between turns."""

    def choose(self, turn: Turn) -> Choice: ...


@runtime_checkable
class Launching(Player, Protocol):
    """A player that may think elsewhere, while the rules of other games run here."""

    @property
    def is_async(self) -> bool:
        """Whether it thinks elsewhere, and asking it costs next to nothing: the games are then played in two parts."""

    def launch(self, turn: Turn) -> Callable[[], Choice]:
        """Begin to think; what is returned waits for the choice."""


def launcher(player: Player) -> Callable[[Turn], Callable[[], Choice]]:
    """What asks a player; who can't think elsewhere does so when the answer is wanted."""
    return player.launch if isinstance(player, Launching) else lambda turn: partial(player.choose, turn)


class Random:
    """Every legal action alike."""

    def choose(self, turn: Turn) -> Choice:
        counts = turn.observation.legal.counts
        index = (turn.uniforms * counts).astype(np.int64)
        return Choice(index, -np.log(counts).astype(np.float32))


class Greedy:
    """Wins if it can in one ply, else moves to the best heuristic (in chess: material), equals at random.

    In a game without a heuristic all moves are equal that neither win nor lose at once.
    """

    def choose(self, turn: Turn) -> Choice:
        legal = turn.observation.legal
        children = turn.games[np.repeat(turn.rows, legal.counts)]
        children.play(legal.actions)
        sign = np.repeat(1 - 2 * turn.observation.player, legal.counts)
        score = sign * (heuristic_or_zero(children) + np.float32(1e6) * children.outcomes().outcome)
        return best_at_random(score, legal, turn.uniforms)


def best_at_random(score: NDArray[np.number[Any]], legal: Legal, uniforms: NDArray[np.float64]) -> Choice:
    """In each of N games one of the actions with the highest score [L], all alike."""
    best = np.maximum.reduceat(score, legal.offsets[:-1])
    equal = score == np.repeat(best, legal.counts)
    # The k-th of a game's best actions, k uniform: where the running count of best ones reaches k + 1.
    running = np.cumsum(equal)
    before = running[legal.offsets[:-1]] - equal[legal.offsets[:-1]]
    ties = np.add.reduceat(equal, legal.offsets[:-1])
    wanted = before + (uniforms * ties).astype(np.int64) + 1
    return Choice(np.searchsorted(running, wanted) - legal.offsets[:-1], -np.log(ties).astype(np.float32))


class Mixture:
    """Another player that moves at random with a given probability: a step anywhere between it and Random.

    The turn's one uniform u decides both: below P it says, stretched to u / P, which random move; else, stretched to
    (u − P) / (1 − P), it is the other player's own. Gives no log π, which the other's answer alone does not give.
    """

    def __init__(self, player: Player, random: float) -> None:
        if not 0 <= random <= 1:
            raise ValueError(f"random must be a number from 0 to 1, got {random}")
        self.player = player
        self.random = random
        self._launch = launcher(player)

    @property
    def is_async(self) -> bool:
        return isinstance(self.player, Launching) and self.player.is_async

    def choose(self, turn: Turn) -> Choice:
        return self.launch(turn)()

    def launch(self, turn: Turn) -> Callable[[], Choice]:
        at_random = turn.uniforms < self.random
        own = np.flatnonzero(~at_random)
        index = np.empty(len(turn.rows), np.int64)
        uniforms = turn.uniforms[at_random] / self.random
        index[at_random] = (uniforms * turn.observation.legal.counts[at_random]).astype(np.int64)
        if not len(own):
            return lambda: Choice(index)
        uniforms = np.minimum((turn.uniforms[own] - self.random) / (1 - self.random), np.nextafter(1.0, 0.0))
        answer = self._launch(Turn(turn.observation[own], uniforms, turn.games, turn.rows[own]))

        def both() -> Choice:
            choice = answer()
            index[own] = choice.index
            return Choice(index, forfeits={int(own[row]): why for row, why in choice.forfeits.items()})

        return both

    def close(self) -> None:
        """End the other player's processes if it runs any."""
        if close := getattr(self.player, "close", None):
            close()
