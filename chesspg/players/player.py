"""The Protocol of players, the random player, the greedy one, and a mixture of a player with random moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from chesspg.games.capabilities import heuristic_or_zero
from chesspg.games.game import Games, Legal, Observation

WIN = 1e6  # what a won game is worth to the greedy player, more than any heuristic


@dataclass(frozen=True, slots=True)
class Turn:
    """N games in which it is one player's turn."""

    observation: Observation  # [N]
    uniforms: NDArray[np.float64]  # [N] a number in [0, 1) per game, the only randomness that a player may use
    games: Games  # a batch that contains the N games; to look ahead, copy them with games[rows]
    rows: NDArray[np.integer[Any]]  # [N] indices of the N games in `games`


@dataclass(frozen=True, slots=True)
class Choice:
    """The choices of a player in N games."""

    index: NDArray[np.integer[Any]]  # [N] position in each game's legal list
    log_prob: NDArray[np.float32] | None = None  # [N] log π of the choice under the distribution it was sampled from
    value: NDArray[np.float32] | None = None  # [N] the return that the mover expects, NaN where unknown
    forfeits: Mapping[int, str] = field(
        default_factory=dict
    )  # by index into the turn: why the player forfeits the game


class Player(Protocol):
    """Chooses a legal action in every game of a batch. Keeps no state between turns."""

    def choose(self, turn: Turn) -> Choice:
        """Choose one action in each of the N games of the turn."""


@runtime_checkable
class Launching(Player, Protocol):
    """A player that may compute its choice elsewhere, while the rules of other games run here."""

    @property
    def is_async(self) -> bool:
        """Whether it computes elsewhere and is cheap to call; the games are then played in two parts."""

    def launch(self, turn: Turn) -> Callable[[], Choice]:
        """Start to compute the choice. Returns a function that waits for it."""


def launcher(player: Player) -> Callable[[Turn], Callable[[], Choice]]:
    """The `launch` method of a player; for one without it, a function that calls `choose` when the choice is needed."""
    return player.launch if isinstance(player, Launching) else lambda turn: partial(player.choose, turn)


class Random:
    """Chooses every legal action with the same probability."""

    def choose(self, turn: Turn) -> Choice:
        """See `Player`."""
        counts = turn.observation.legal.counts
        index = (turn.uniforms * counts).astype(np.int64)
        return Choice(index, -np.log(counts).astype(np.float32))


class Greedy:
    """Wins if it can in one ply, else plays to the best heuristic (in chess: material), one of the best at random.

    In a game without a heuristic, all moves that neither win nor lose at once are equally good.
    """

    def choose(self, turn: Turn) -> Choice:
        """See `Player`."""
        legal = turn.observation.legal
        children = turn.games[np.repeat(turn.rows, legal.counts)]
        children.play(legal.actions)
        sign = np.repeat(1 - 2 * turn.observation.player, legal.counts)
        score = sign * (heuristic_or_zero(children) + np.float32(WIN) * children.outcomes().outcome)
        return best_at_random(score, legal, turn.uniforms)


def best_at_random(score: NDArray[np.number[Any]], legal: Legal, uniforms: NDArray[np.float64]) -> Choice:
    """Choose at random one of the actions with the highest score.

    Args:
        score: [L] a score for each legal action of all games.
        legal: [N] the legal actions.
        uniforms: [N] numbers in [0, 1).
    """
    best = np.maximum.reduceat(score, legal.offsets[:-1])
    equal = score == np.repeat(best, legal.counts)
    # With k uniform, the k-th best action of a game is where the running count of best actions reaches k + 1.
    running = np.cumsum(equal)
    before = running[legal.offsets[:-1]] - equal[legal.offsets[:-1]]
    ties = np.add.reduceat(equal, legal.offsets[:-1])
    wanted = before + (uniforms * ties).astype(np.int64) + 1
    return Choice(np.searchsorted(running, wanted) - legal.offsets[:-1], -np.log(ties).astype(np.float32))


class Mixture:
    """A player that moves at random with probability P, and otherwise as another player.

    The one uniform u of a turn decides both. If u < P, the random move is chosen by u / P; otherwise the other player
    gets (u − P) / (1 − P) as its uniform. There is no log π, because the choice of the other player alone does not
    determine it.

    Args:
        player: The other player.
        random: P, from 0 to 1.

    Raises:
        ValueError: P is out of range.
    """

    def __init__(self, player: Player, random: float) -> None:
        if not 0 <= random <= 1:
            raise ValueError(f"random must be a number from 0 to 1, got {random}")
        self.player = player
        self.random = random
        self._launch = launcher(player)

    @property
    def is_async(self) -> bool:
        """Whether the other player computes elsewhere."""
        return isinstance(self.player, Launching) and self.player.is_async

    @property
    def device(self) -> Any:
        """The torch device on which the other player computes; None if it is not bound to one."""
        return getattr(self.player, "device", None)

    def choose(self, turn: Turn) -> Choice:
        """See `Player`."""
        return self.launch(turn)()

    def launch(self, turn: Turn) -> Callable[[], Choice]:
        """See `Launching`."""
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
        """End the processes of the other player if it has any."""
        if close := getattr(self.player, "close", None):
            close()
