"""Any game of OpenSpiel for two players who move in turn, without chance and hidden information."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.capabilities import OpenSpielRules
from chesspg.games.game import Game, IllegalAction, Indices, Legal, Observation, Outcomes, join_position, split_position
from chesspg.games.open_spiel.encoding import Encoding
from chesspg.games.open_spiel.loading import load

START = "startpos"
_COLORS = re.compile(r"\x1b\[[\d;]*m")  # with which some games color their boards


class OpenSpiel(Game):
    """A game of OpenSpiel (Lanctot et al., 2019, https://arxiv.org/abs/1908.09453), played one by one.

    The actions are those of OpenSpiel. The observation is what OpenSpiel shows to the mover. In most games that is the
    same for both players, so a scalar has the number of the mover.

    Args:
        name: The name of the game in OpenSpiel, with parameters if it needs any: `breakthrough(rows=6,columns=6)`.

    Raises:
        ValueError: OpenSpiel is not installed; there is no such game; it has another number of players, chance or
            hidden information, or players who move at the same time; or it does not take the parameters.
    """

    encoding_version = 1
    reasons = ("ongoing", "win", "draw")
    seats = ("player 0", "player 1")

    def __init__(self, name: str) -> None:
        self.name, self.rules = load(name)
        self.encoding = Encoding(self.rules)
        self.board = self.encoding.board
        self.planes = self.encoding.planes
        self.scalars = self.encoding.scalars
        self.num_actions = self.rules.num_distinct_actions()
        self.action_layout = self.encoding.action_layout
        self.open_spiel = OpenSpielRules(self.name, np.tile(np.arange(self.num_actions), (2, 1)))

    def __reduce__(self) -> tuple[type[OpenSpiel], tuple[str]]:
        return type(self), (self.name,)  # what OpenSpiel observes with can't be copied

    @property
    def init_args(self) -> dict[str, Any]:
        return {"name": self.name}

    def start(self, positions: int | Sequence[str]) -> OpenSpielGames:
        if isinstance(positions, int):
            return OpenSpielGames(self, [self.rules.new_initial_state() for _ in range(positions)])
        return OpenSpielGames(self, [self._read(position) for position in positions])

    def render(self, position: str) -> str:
        state = self._read(position)
        lines = _COLORS.sub("", str(state)).expandtabs().splitlines()
        lines = ["".join(c if c.isprintable() else "?" for c in line).rstrip() for line in lines]
        moves = split_position(position)[1]
        return "\n".join([*lines, *(f"last move: {move}" for move in moves[-1:])])

    def parse_move(self, position: str, text: str) -> int:
        state = self._read(position)
        action = _action(state, _written(text))
        if action is None:
            known = list(_names(state).values())
            some = f"{', '.join(known[:10])}{', …' if len(known) > 10 else ''}"
            raise ValueError(f"unknown move {text!r:.80}; expected one of {some}" if known else "the game is over")
        return action

    def move_name(self, position: str, action: int) -> str:
        return _name(self._read(position), action)

    def _read(self, position: str) -> Any:
        """The state of a position (pyspiel.State). Raises ValueError, which names the position."""
        start, moves = split_position(position)
        if start != START:
            raise ValueError(
                f"{_quoted(position)} is not a position of {self.name}; "
                f"expected {START}, or {START} moves and the moves"
            )
        state = self.rules.new_initial_state()
        for move in moves:
            action = _action(state, move)
            if action is None:
                raise ValueError(f"{_quoted(position)} is not a position of {self.name}: {move} is illegal")
            state.apply_action(action)
        return state


class OpenSpielGames:
    """N games of OpenSpiel.

    Args:
        game: Their game.
        states: [N] their states (pyspiel.State), which nothing else may change.
    """

    def __init__(self, game: OpenSpiel, states: list[Any]) -> None:
        self.game = game
        self.states = states
        self._legal: list[list[int] | None] = [None] * len(states)  # [N] the legal actions, where they are known

    def __len__(self) -> int:
        return len(self.states)

    def observe(self) -> Observation:
        legal = [self._legal_of(row) for row in range(len(self))]
        # A game that is over has no mover; that it is player 0 is a convention.
        players = np.array([max(state.current_player(), 0) for state in self.states], np.int8)
        actions = np.fromiter(chain.from_iterable(legal), np.int16)
        offsets = np.zeros(len(legal) + 1, np.int64)
        np.cumsum([len(some) for some in legal], out=offsets[1:])
        return Observation(*self.game.encoding.encode(self.states, players), players, Legal(actions, offsets))

    def play(self, actions: NDArray[np.integer[Any]]) -> None:
        if len(actions) != len(self):
            raise ValueError(f"play needs one action for each of {len(self)} games, got {len(actions)} actions")
        chosen = np.asarray(actions).tolist()
        for row, action in enumerate(chosen):
            if action not in self._legal_of(row):
                raise IllegalAction(f"game {row}: action {action} is illegal in {self.position(row)}")
        for state, action in zip(self.states, chosen, strict=True):
            state.apply_action(action)
        self._legal = [None] * len(self)

    def outcomes(self) -> Outcomes:
        over = np.array([state.is_terminal() for state in self.states], bool)
        outcome = np.zeros(len(self), np.int8)
        for row in np.flatnonzero(over).tolist():
            outcome[row] = np.sign(self.states[row].player_return(0))
        return Outcomes(outcome, np.where(over, np.where(outcome == 0, 2, 1), 0).astype(np.uint8))

    def __getitem__(self, indices: Indices) -> OpenSpielGames:
        rows = np.arange(len(self))[indices].tolist()
        games = OpenSpielGames(self.game, [self.states[row].clone() for row in rows])
        games._legal = [self._legal[row] for row in rows]
        return games

    def position(self, index: int) -> str:
        return join_position(START, self.moves(index))

    def moves(self, index: int) -> list[str]:
        state, names = self.game.rules.new_initial_state(), list[str]()
        for action in self.states[index].history():
            names.append(_name(state, action))
            state.apply_action(action)
        return names

    def _legal_of(self, row: int) -> list[int]:
        """The legal actions of a game, ascending; they are computed once per ply, because it takes long."""
        legal = self._legal[row]
        if legal is None:
            legal = self._legal[row] = self.states[row].legal_actions()
        return legal


def _quoted(text: str) -> str:
    """A text in quotation marks; a backslash, which moves of hive have, stays one."""
    return f"'{text}'" if text.isprintable() else repr(text)


def _written(text: str) -> str:
    """A move as one word: moves of a position have spaces between them."""
    return "_".join(text.split())


def _name(state: Any, action: int) -> str:
    """The name of an action of the mover."""
    return _written(state.action_to_string(state.current_player(), action))


def _names(state: Any) -> dict[int, str]:
    """The names of all legal actions."""
    return {action: _name(state, action) for action in state.legal_actions()}


def _action(state: Any, name: str) -> int | None:
    """The legal action with this name."""
    return next((action for action in state.legal_actions() if _name(state, action) == name), None)
