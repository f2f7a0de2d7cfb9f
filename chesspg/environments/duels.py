"""Many games of a learner against one opponent; each of them can be restarted alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.environments.singles import Singles
from chesspg.games.capabilities import PartialPlay
from chesspg.games.game import Game, Observation
from chesspg.games.randomness import Randomness
from chesspg.players.player import Player, Turn
from chesspg.players.roster import player_from_string

ILLEGAL = "illegal action"  # the reason for which a game ends that the learner loses by an illegal action
TRIES = 100  # how often a game may end before the learner moves


@dataclass(frozen=True, slots=True)
class Step:
    """What the learner's actions in N games led to."""

    reward: NDArray[np.float64]  # [N] 1 if the learner has won, −1 if it has lost, else 0
    over: NDArray[np.bool_]  # [N] whether each game is over
    reason: NDArray[np.object_]  # [N] why, as text; 'ongoing' where a game goes on


class Duels:
    """N games in which the learner is to move or which are over.

    The k-th game in slot i, both from 0, has the random numbers of game k · N + i.

    Args:
        game: The game.
        count: N.
        opponent: A player string, or a player.
        seat: The player that the learner is, 0 or 1. With None it alternates: i + k modulo 2.

    Raises:
        ValueError: The seat is unknown; or as for `player_from_string`.
    """

    def __init__(self, game: Game, count: int, opponent: str | Player, seat: int | None) -> None:
        if count < 1:
            raise ValueError(f"num_envs must be at least 1, got {count}")
        if seat not in (0, 1, None):
            raise ValueError(f"seat must be 0, 1 or None for both in turn, got {seat!r}")
        self.game, self.count = game, count
        self._opponent = player_from_string(opponent, game) if isinstance(opponent, str) else opponent
        self._owned = isinstance(opponent, str)
        self._seat = seat
        self._reasons = np.array(game.reasons, dtype=object)
        self.begun = False  # whether `begin` was called

    def begin(self, seed: int) -> None:
        """Begin all games, with the random numbers of this seed."""
        count = self.count
        self.begun = True
        self._rng = Randomness(seed)
        games = self.game.start(count + 1)  # the last one is never played; new games are its copies
        # Any, because the copies of games that have PartialPlay have it too, which their type does not say.
        self._games: Any = games if isinstance(games, PartialPlay) else Singles.of(games)
        self._number = np.full(count, -1)  # [N] how many games of each slot came before
        self._learner = np.zeros(count, np.int8)  # [N] the player that the learner is
        self._ply = np.zeros(count, np.int64)  # [N]
        self._forfeits: dict[int, str] = {}  # by slot, why the opponent has given up its game
        self.renew(np.arange(count))

    def renew(self, slots: NDArray[np.integer[Any]]) -> None:
        """Begin a new game in each of these slots [n]; the opponent moves until it is the learner's turn.

        Raises:
            ValueError: The games end before the learner has moved.
        """
        for _ in range(TRIES):
            self._number[slots] += 1
            self._learner[slots] = (slots + self._number[slots]) % 2 if self._seat is None else self._seat
            self._ply[slots] = 0
            for slot in self._forfeits.keys() & set(slots.tolist()):
                del self._forfeits[slot]
            source = np.arange(self.count + 1)
            source[slots] = self.count
            self._games = self._games[source]
            self._reply()
            slots = slots[self._over()[slots]]
            if not len(slots):
                return
        why = next(iter(self._forfeits.values()), "the game is over")
        raise ValueError(f"{self.game.name} ends each time before the learner has moved: {why}")

    def step(self, actions: NDArray[np.integer[Any]], waiting: NDArray[np.bool_]) -> Step:
        """Play one action of the learner in each game, and then its opponent's until it is the learner's turn again.

        An illegal action loses the game.

        Args:
            actions: [N] one action for each game, from 0 to A − 1.
            waiting: [N] which games stay as they are. There, reward and `over` are 0, and the action is ignored.

        Raises:
            ValueError: There are more or fewer actions than games, or one is not in that range.
        """
        actions = np.asarray(actions)
        if actions.shape != (self.count,) or actions.dtype.kind not in "iu":
            raise ValueError(
                f"expected one whole number for each of {self.count} games, got an array of shape {actions.shape} "
                f"and type {actions.dtype}"
            )
        outside = (actions < 0) | (actions >= self.game.num_actions)
        if outside.any():
            raise ValueError(f"actions must be from 0 to {self.game.num_actions - 1}, got {actions[outside][0]}")
        legal = self._is_legal(actions)
        rows = np.flatnonzero(legal & ~waiting)
        self._play(rows, actions[rows])
        self._reply()
        outcomes = self._games.outcomes()
        reward = (outcomes.outcome[:-1] * (1 - 2 * self._learner)).astype(np.float64)
        reason = self._reasons[outcomes.reason[:-1]]
        reward[~legal], reason[~legal] = -1, ILLEGAL
        for slot, why in self._forfeits.items():
            reward[slot], reason[slot] = 1, why
        reward[waiting] = 0
        return Step(reward, (self._over() | ~legal) & ~waiting, reason)

    def observe(self) -> Observation:
        """[N] what the player to move sees: the learner, but in a game that is over it may be the opponent."""
        return self._seen[slice(self.count)]

    def position(self, slot: int) -> str:
        """The game in a slot as text."""
        text: str = self._games.position(slot)
        return text

    def close(self) -> None:
        """End the processes of the opponent, if it was given as a string."""
        if self._owned and (close := getattr(self._opponent, "close", None)):
            close()

    def _over(self) -> NDArray[np.bool_]:
        """[N] whether each game is over by the rules or given up by the opponent."""
        over: NDArray[np.bool_] = self._games.outcomes().over[:-1]
        over[list(self._forfeits)] = True
        return over

    def _is_legal(self, actions: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """[N] whether each action is legal."""
        legal = self._seen.legal
        slot = np.repeat(np.arange(len(legal)), legal.counts)
        found = np.zeros(len(legal), np.bool_)
        found[slot[np.append(actions, -1)[slot] == legal.actions]] = True
        return found[:-1]

    def _reply(self) -> None:
        """The opponent moves until it is the learner's turn in each game that is not over."""
        while True:
            self._seen: Observation = self._games.observe()
            seen = self._seen
            rows = np.flatnonzero(~self._over() & (seen.player[:-1] != self._learner))
            if not len(rows):
                return
            here = seen[rows]
            index = self._number[rows] * self.count + rows
            choice = self._opponent.choose(Turn(here, self._rng.uniforms(index, self._ply[rows]), self._games, rows))
            actions = here.legal.take(choice.index)
            if choice.forfeits:
                self._forfeits |= {int(rows[row]): why for row, why in choice.forfeits.items()}
                stays = np.setdiff1d(np.arange(len(rows)), list(choice.forfeits))
                rows, actions = rows[stays], actions[stays]
            self._play(rows, actions)

    def _play(self, rows: NDArray[np.integer[Any]], actions: NDArray[np.integer[Any]]) -> None:
        """Play one ply in the games of these rows [n]."""
        if not len(rows):
            return
        self._ply[rows] += 1
        self._games.play_some(rows, actions)
