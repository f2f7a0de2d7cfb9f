"""Kinds of games that chesspg does not ship. They are correct, so the check of the contract must accept them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import (
    EMPTY,
    Game,
    IllegalAction,
    Indices,
    Legal,
    Observation,
    Outcomes,
    draw_board,
    join_position,
    split_position,
    square_names,
    words_of,
)

# --- Connect Four, a batch as arrays ---------------------------------------------------------------------------------

ROWS, COLUMNS = 6, 7
FILES = tuple("abcdefg")
LINES = np.array(
    [
        sum(1 << COLUMNS * (row + k * up) + column + k * right for k in range(4))
        for up, right in ((0, 1), (1, 0), (1, 1), (1, -1))
        for row in range(ROWS)
        for column in range(COLUMNS)
        if row + 3 * up < ROWS and 0 <= column + 3 * right < COLUMNS
    ],
    dtype=np.uint64,
)  # [69] all fours in a row


@dataclass
class ConnectFourGames:
    """N games of Connect Four, with one word per player."""

    stones: NDArray[np.uint64]  # [N, 2] the squares of each player
    heights: NDArray[np.int64]  # [N, 7] stones in each column
    player: NDArray[np.int8]  # [N]
    starts: list[str]
    history: list[str]  # [N] the columns played, a letter each

    def __len__(self) -> int:
        return len(self.player)

    def _over(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """[N, 2] whether each player has four in a row, and [N] whether the game is over."""
        won = ((self.stones[:, :, None] & LINES) == LINES).any(axis=2)
        return won, won.any(axis=1) | (self.heights == ROWS).all(axis=1)

    def observe(self) -> Observation:
        rows = np.arange(len(self))
        planes = np.stack((self.stones[rows, self.player], self.stones[rows, 1 - self.player]), axis=1)[:, :, None]
        free = (self.heights < ROWS) & ~self._over()[1][:, None]
        offsets = np.concatenate(([0], np.cumsum(free.sum(axis=1)))).astype(np.int64)
        legal = Legal(np.nonzero(free)[1].astype(np.int16), offsets)
        return Observation(planes, np.zeros((len(self), 0), np.uint8), self.player.copy(), legal)

    def play(self, actions: NDArray[np.integer[Any]]) -> None:
        if len(actions) != len(self):
            raise ValueError(f"play needs {len(self)} actions, got {len(actions)}")
        rows, columns = np.arange(len(self)), np.asarray(actions, dtype=np.int64)
        inside = (columns >= 0) & (columns < COLUMNS)
        legal = inside & (self.heights[rows, np.where(inside, columns, 0)] < ROWS) & ~self._over()[1]
        if not legal.all():
            raise IllegalAction(f"game {int(legal.argmin())}: column {columns[legal.argmin()]} is illegal")
        self.stones = self.stones.copy()
        square = COLUMNS * self.heights[rows, columns] + columns
        self.stones[rows, self.player] |= np.uint64(1) << square.astype(np.uint64)
        self.heights = self.heights.copy()
        self.heights[rows, columns] += 1
        self.player = 1 - self.player
        self.history = [past + FILES[column] for past, column in zip(self.history, columns, strict=True)]

    def outcomes(self) -> Outcomes:
        won, over = self._over()
        outcome = won[:, 0].astype(np.int8) - won[:, 1].astype(np.int8)
        return Outcomes(outcome, np.where(won.any(axis=1), 1, 2 * over).astype(np.uint8))

    def __getitem__(self, indices: Indices) -> ConnectFourGames:
        rows = np.arange(len(self))[indices]
        starts, history = [self.starts[i] for i in rows], [self.history[i] for i in rows]
        return ConnectFourGames(self.stones[rows], self.heights[rows], self.player[rows], starts, history)

    def position(self, index: int) -> str:
        return join_position(self.starts[index], self.moves(index))

    def moves(self, index: int) -> list[str]:
        return list(self.history[index])


class ConnectFour(Game):
    """Four in a row on six rows of seven. A start is the columns filled so far, `-` for none."""

    name = "connect four"
    encoding_version = 1
    board = (ROWS, COLUMNS)
    planes = ("own", "opponent")
    scalars: Mapping[str, int] = {}
    num_actions = COLUMNS
    reasons = ("ongoing", "four in a row", "full board")

    def start(self, positions: int | Sequence[str]) -> ConnectFourGames:
        texts = ["-"] * positions if isinstance(positions, int) else list(positions)
        n = len(texts)
        games = ConnectFourGames(
            np.zeros((n, 2), np.uint64), np.zeros((n, COLUMNS), np.int64), np.zeros(n, np.int8), [""] * n, [""] * n
        )
        for i, text in enumerate(texts):
            start, moves = split_position(text)
            one = games[[i]]
            try:
                for move in [*start.removeprefix("-"), *moves]:
                    one.play(np.array([FILES.index(move)]))
            except ValueError:
                raise ValueError(f"{text!r} is not a position of connect four: {move} is illegal") from None
            games.stones[i], games.heights[i], games.player[i] = one.stones[0], one.heights[0], one.player[0]
            games.starts[i], games.history[i] = start, "".join(moves)
        return games

    def render(self, position: str) -> str:
        games = self.start([position])
        first, second = games.stones[0].tolist()
        pieces = ["x" if first >> s & 1 else "o" if second >> s & 1 else EMPTY for s in range(ROWS * COLUMNS)]
        column = FILES.index(games.history[0][-1]) if games.history[0] else -1
        return draw_board(
            self.board, pieces, [COLUMNS * (games.heights[0, column] - 1) + column] if column >= 0 else []
        )

    def parse_move(self, position: str, text: str) -> int:
        if text not in FILES:
            raise ValueError(f"{text!r} is not a column; expected one of a to g")
        if FILES.index(text) not in self.start([position]).observe().legal.actions:
            raise ValueError(f"{text} is illegal here")
        return FILES.index(text)

    def move_name(self, position: str, action: int) -> str:
        return FILES[action]


# --- One game at a time ----------------------------------------------------------------------------------------------


class State(NamedTuple):
    """A game in progress: the owner of each square, the player to move, and further state of the rules."""

    squares: tuple[int, ...]  # −1 for a free one
    mover: int = 0
    passes: int = 0
    plies: int = 0


@dataclass
class SlowGames:
    """N games by the rules of a `Rules`, played one by one, which is slow and obvious."""

    rules: Rules
    states: list[State]
    starts: list[str]
    history: list[list[int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.states)

    def observe(self) -> Observation:
        rules = self.rules
        words = words_of(rules.board)
        planes = np.zeros((len(self), 2, words), np.uint64)
        for i, state in enumerate(self.states):
            for square, owner in enumerate(state.squares):
                if owner >= 0:
                    bit = np.uint64(1) << np.uint64(square % 64)
                    planes[i, int(owner != state.mover), square // 64] |= bit
        scalars = np.array([[s.passes, min(s.plies, 255)][: len(rules.scalars)] for s in self.states], np.uint8)
        lists = [rules.actions(state) for state in self.states]
        offsets = np.cumsum([0, *map(len, lists)]).astype(np.int64)
        actions = np.array([action for actions in lists for action in actions], np.int16)
        player = np.array([state.mover for state in self.states], np.int8)
        return Observation(planes, scalars.reshape(len(self), len(rules.scalars)), player, Legal(actions, offsets))

    def play(self, actions: NDArray[np.integer[Any]]) -> None:
        if len(actions) != len(self):
            raise ValueError("a number of actions that does not fit")
        chosen = [int(action) for action in actions]
        for i, (state, action) in enumerate(zip(self.states, chosen, strict=True)):
            if action not in self.rules.actions(state):
                raise IllegalAction(f"illegal action in game {i}")
        self.states = [self.rules.after(state, action) for state, action in zip(self.states, chosen, strict=True)]
        for past, action in zip(self.history, chosen, strict=True):
            past.append(action)

    def outcomes(self) -> Outcomes:
        verdicts = [self.rules.verdict(state) for state in self.states]
        outcome, reason = np.array(verdicts, np.int64).reshape(-1, 2).T
        return Outcomes(outcome.astype(np.int8), reason.astype(np.uint8))

    def heuristic(self) -> NDArray[np.float32]:
        return np.array([self.rules.ahead(state) for state in self.states], np.float32)

    def __getitem__(self, indices: Indices) -> SlowGames:
        rows = np.arange(len(self))[indices].tolist()
        history = [self.history[i].copy() for i in rows]
        return SlowGames(self.rules, [self.states[i] for i in rows], [self.starts[i] for i in rows], history)

    def position(self, index: int) -> str:
        return join_position(self.starts[index], self.moves(index))

    def moves(self, index: int) -> list[str]:
        return [self.rules.names[action] for action in self.history[index]]


class Rules(Game):
    """A game of stones on squares, defined by four functions. Its only starts are 0 and 1, the player who begins."""

    encoding_version = 1
    planes = ("own", "opponent")
    scalars: Mapping[str, int] = {}

    def actions(self, state: State) -> list[int]:
        """The legal actions, ascending; none in a game that is over."""
        if self.verdict(state)[1]:
            return []
        return [square for square, owner in enumerate(state.squares) if owner < 0]

    def after(self, state: State, action: int) -> State:
        squares = (*state.squares[:action], state.mover, *state.squares[action + 1 :])
        return State(squares, 1 - state.mover, 0, state.plies + 1)

    def verdict(self, state: State) -> tuple[int, int]:
        """Outcome for player 0 and reason."""
        raise NotImplementedError

    def ahead(self, state: State) -> float:
        """Material of player 0 minus that of player 1."""
        return state.squares.count(0) - state.squares.count(1)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return square_names(self.board)

    def start(self, positions: int | Sequence[str]) -> SlowGames:
        texts = ["0"] * positions if isinstance(positions, int) else list(positions)
        games = SlowGames(self, [], [], [])
        for text in texts:
            start, moves = split_position(text)
            if start not in ("0", "1"):
                raise ValueError(f"not a position: {text}")
            state = State((-1,) * (self.board[0] * self.board[1]), int(start))
            for move in moves:
                if move not in self.names or self.names.index(move) not in self.actions(state):
                    raise ValueError(f"illegal move {move} in {text}")
                state = self.after(state, self.names.index(move))
            games.states.append(state)
            games.starts.append(start)
            games.history.append([self.names.index(move) for move in moves])
        return games

    def render(self, position: str) -> str:
        games = self.start([position])
        return draw_board(self.board, [EMPTY if s < 0 else "xo"[s] for s in games.states[0].squares],
                          games.history[0][-1:])  # fmt: skip

    def parse_move(self, position: str, text: str) -> int:
        legal = self.start([position]).observe().legal.actions.tolist()
        if text not in self.names or self.names.index(text) not in legal:
            raise ValueError(f"no such move: {text}")
        return self.names.index(text)

    def move_name(self, position: str, action: int) -> str:
        return self.names[action]


class Hex(Rules):
    """Player 0 connects bottom and top, player 1 left and right; one of them always succeeds."""

    reasons = ("ongoing", "connected")

    def __init__(self, size: int = 4) -> None:
        self.size, self.name = size, f"hex {size}"
        self.board, self.num_actions = (size, size), size * size

    @property
    def init_args(self) -> dict[str, Any]:
        return {"size": self.size}

    def verdict(self, state: State) -> tuple[int, int]:
        n = self.size
        for player, outcome in ((0, 1), (1, -1)):
            first = [(0, k) for k in range(n)] if player == 0 else [(k, 0) for k in range(n)]
            reached = {square for square in first if state.squares[n * square[0] + square[1]] == player}
            front = list(reached)
            while front:
                r, c = front.pop()
                if (r, c)[player] == n - 1:
                    return outcome, 1
                for r2, c2 in ((r, c + 1), (r, c - 1), (r + 1, c), (r - 1, c), (r + 1, c - 1), (r - 1, c + 1)):
                    if 0 <= r2 < n and 0 <= c2 < n and (r2, c2) not in reached and state.squares[n * r2 + c2] == player:
                        reached.add((r2, c2))
                        front.append((r2, c2))
        return 0, 0


class Placing(Rules):
    """Stones on a board of any size until it is full; more stones, or three in the bottom row, win. Passing ends it.

    Like Go in what the contract sees of it: more than 64 squares, a pass, a counter.
    """

    reasons = ("ongoing", "two passes", "full board")

    def __init__(self, rows: int = 9, columns: int = 9, passing: bool = True) -> None:
        self.board, self.passing = (rows, columns), passing
        self.name = f"placing {rows} {columns}"
        self.num_actions = rows * columns + passing
        self.scalars = {"passes": 2, "plies": 255} if passing else {}

    @property
    def init_args(self) -> dict[str, Any]:
        return {"rows": self.board[0], "columns": self.board[1], "passing": self.passing}

    @cached_property
    def names(self) -> tuple[str, ...]:
        return (*square_names(self.board), *(["pass"] if self.passing else []))

    def actions(self, state: State) -> list[int]:
        free = super().actions(state)
        return [*free, self.board[0] * self.board[1]] if self.passing and not self.verdict(state)[1] else free

    def after(self, state: State, action: int) -> State:
        if action == self.board[0] * self.board[1]:
            return State(state.squares, 1 - state.mover, state.passes + 1, state.plies + 1)
        return super().after(state, action)

    def verdict(self, state: State) -> tuple[int, int]:
        reason = 1 if state.passes == 2 else 2 if -1 not in state.squares else 0
        first, second = state.squares.count(0), state.squares.count(1)
        return (int(np.sign(first - second)) if reason else 0), reason


class Twice(Rules):
    """After a move to an odd square the same player moves again; the player who fills the last square wins."""

    name, board, num_actions = "twice", (2, 4), 8
    reasons = ("ongoing", "full board")

    def after(self, state: State, action: int) -> State:
        after = super().after(state, action)
        return after._replace(mover=state.mover) if action % 2 else after

    def ahead(self, state: State) -> float:
        """Each square has a different value."""
        return sum((1, -1)[owner] * (3 * square % 8) for square, owner in enumerate(state.squares) if owner >= 0)

    def verdict(self, state: State) -> tuple[int, int]:
        if -1 in state.squares:
            return 0, 0
        return (1 if state.squares.count(0) > 4 else -1), 1


class Othello(Rules):
    """On 4×4. A player who can't move plays a pass, an action; two passes end the game, and more stones win."""

    name, board, num_actions = "othello 4", (4, 4), 17
    reasons = ("ongoing", "nobody can move")

    @cached_property
    def names(self) -> tuple[str, ...]:
        return (*square_names(self.board), "pass")

    def _flips(self, state: State, square: int, mover: int) -> list[int]:
        if self._squares(state)[square] >= 0:
            return []
        found = []
        for dr in (-1, 0, 1):
            for dc in (-1, 0, 1):
                line, (r, c) = [], divmod(square, 4)
                while (dr or dc) and 0 <= (r := r + dr) < 4 and 0 <= (c := c + dc) < 4:
                    owner = self._squares(state)[4 * r + c]
                    if owner == mover:
                        found += line
                    if owner in (-1, mover):
                        break
                    line.append(4 * r + c)
        return found

    @staticmethod
    def _squares(state: State) -> list[int]:
        """The board begins with four stones."""
        squares = list(state.squares)
        if state.plies == 0:
            squares[5], squares[6], squares[9], squares[10] = 1, 0, 0, 1
        return squares

    def _places(self, state: State, mover: int) -> list[int]:
        return [square for square in range(16) if self._flips(state, square, mover)]

    def actions(self, state: State) -> list[int]:
        if self.verdict(state)[1]:
            return []
        return self._places(state, state.mover) or [16]

    def after(self, state: State, action: int) -> State:
        squares = self._squares(state)
        if action < 16:
            for square in (action, *self._flips(state, action, state.mover)):
                squares[square] = state.mover
        return State(tuple(squares), 1 - state.mover, 0, state.plies + 1)

    def verdict(self, state: State) -> tuple[int, int]:
        if self._places(state, 0) or self._places(state, 1):
            return 0, 0
        squares = self._squares(state)
        return int(np.sign(squares.count(0) - squares.count(1))), 1


class OnePly(Rules):
    """Player 0 takes one of three squares, which wins, draws or loses."""

    name, board, num_actions = "one ply", (3, 1), 3
    reasons = ("ongoing", "taken")

    def after(self, state: State, action: int) -> State:
        return super().after(state, action)._replace(passes=action)

    def verdict(self, state: State) -> tuple[int, int]:
        return (1 - state.passes, 1) if state.plies else (0, 0)


class Forced(Rules):
    """A game with one action, which player 1 wins after three plies, so that there is never a choice."""

    name, board, num_actions = "forced", (1, 1), 1
    reasons = ("ongoing", "over")
    scalars: Mapping[str, int] = {"passes": 1, "plies": 3}

    def actions(self, state: State) -> list[int]:
        return [] if state.plies == 3 else [0]

    def after(self, state: State, action: int) -> State:
        return State(state.squares, 1 - state.mover, 0, state.plies + 1)

    def verdict(self, state: State) -> tuple[int, int]:
        return (-1, 1) if state.plies == 3 else (0, 0)

    def render(self, position: str) -> str:
        return f"after {self.start([position]).states[0].plies} plies"


class Long(Rules):
    """The players take squares from each other until 250 plies are played, which is longer than the check plays."""

    name, board, num_actions = "long", (1, 70), 70
    reasons = ("ongoing", "a draw after 250 plies")

    def actions(self, state: State) -> list[int]:
        return [square for square, owner in enumerate(state.squares) if owner != state.mover]

    def verdict(self, state: State) -> tuple[int, int]:
        return (0, 1) if state.plies == 250 else (0, 0)
