"""A batch of games of stones on the host."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import IllegalAction, Indices, Observation, Outcomes, join_position
from chesspg.games.history import Chosen, History, Played, packed, story
from chesspg.games.stones.rules import Players, Rules, Words


class Start(NamedTuple):
    """Where a game began."""

    text: str
    player: int


class State(NamedTuple):
    """N games as arrays, which do not change when the games go on."""

    words: Words  # [N, K]
    player: Players  # [N]
    outcome: NDArray[np.int8]  # [N] for player 0
    reason: NDArray[np.uint8]  # [N]

    def take(self, rows: NDArray[np.integer[Any]]) -> State:
        """The games at these indices."""
        words = self.words.take(rows, axis=0)  # for [N, K], `words[rows]` takes twenty times as long
        return State(words, self.player[rows], self.outcome[rows], self.reason[rows])

    def copied(self) -> State:
        """A copy of all arrays."""
        return State(self.words.copy(), self.player.copy(), self.outcome.copy(), self.reason.copy())


class Named(Protocol):
    """The texts of a game."""

    def move_text(self, action: int, player: int) -> str:
        """The name of a player's action."""


class StoneGames:
    """N games of stones on the host.

    Args:
        game: Names the moves.
        rules: Plays them.
        state: The games as arrays.
        history: Their starts and moves.
    """

    def __init__(self, game: Named, rules: Rules, state: State, history: History[Start]) -> None:
        self._game, self._rules, self._state, self._history = game, rules, state, history

    def __len__(self) -> int:
        return len(self._state.player)

    @property
    def state(self) -> State:
        """The games as arrays."""
        return self._state

    def observe(self) -> Observation:
        state = self._state
        planes, legal = self._rules.look(state.words, state.player, state.reason)
        return Observation(planes, np.empty((len(self), 0), np.uint8), state.player.copy(), legal)

    def play(self, actions: NDArray[np.integer[Any]]) -> None:
        self.play_some(np.arange(len(self)), actions)

    def play_some(self, rows: NDArray[np.integer[Any]], actions: NDArray[np.integer[Any]]) -> None:
        """See `PartialPlay`."""
        if len(actions) != len(rows):
            raise ValueError(f"play needs one action for each of {len(rows)} games, got {len(actions)} actions")
        rows = np.arange(len(self))[rows]  # raises IndexError, where compiled code would write beyond its arrays
        after = self._state.copied()
        chosen = np.asarray(actions).astype(np.int64)
        refused = self._rules.advance(*after, rows, chosen)
        if refused >= 0:
            action = int(chosen[rows == refused][0])
            raise IllegalAction(f"game {refused}: action {action} is illegal in {self.position(refused)}")
        record = np.full(len(self), -1, np.int16)
        record[rows] = chosen
        self._state, self._history = after, packed(Played(self._history, record))

    def outcomes(self) -> Outcomes:
        return Outcomes(self._state.outcome.copy(), self._state.reason.copy())

    def heuristic(self) -> NDArray[np.float32]:
        """See `Heuristic`."""
        return self._rules.weigh(self._state.words, self._state.player)

    def __getitem__(self, indices: Indices) -> StoneGames:
        rows = np.arange(len(self))[indices]
        chosen = Chosen(self._history, rows.astype(np.int32))
        return StoneGames(self._game, self._rules, self._state.take(rows), chosen)

    def position(self, index: int) -> str:
        start, _ = story(self._history, range(len(self))[index])
        return join_position(start.text, self.moves(index))

    def moves(self, index: int) -> list[str]:
        start, actions = story(self._history, range(len(self))[index])
        return [self._game.move_text(action, start.player ^ ply & 1) for ply, action in enumerate(actions)]
