"""Tic-tac-toe, which is small enough to enumerate, so that the mathematics can be checked exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.capabilities import OpenSpielRules
from chesspg.games.game import (
    EMPTY,
    Game,
    Games,
    IllegalAction,
    Indices,
    Legal,
    Observation,
    Outcomes,
    draw_board,
    join_position,
    split_position,
    square_names,
)

if TYPE_CHECKING:
    from chesspg.games.device import DeviceGames

BOARD = (3, 3)
SQUARES = square_names(BOARD)  # a1 to c3, in the order of their bits
FULL = 0b111_111_111
LINES = np.array([0o7, 0o70, 0o700, 0o111, 0o222, 0o444, 0o421, 0o124], dtype=np.uint64)
EMPTY_START = "3/3/3 x"
REASONS = ("ongoing", "three in a row", "full board")


@dataclass
class TicTacToeGames:
    """N games of tic-tac-toe, with two words per game: the squares of each player."""

    stones: NDArray[np.uint64]  # [N, 2] the squares of player 0 (x) and player 1 (o)
    player: NDArray[np.int8]  # [N] the player to move
    starts: list[str]  # [N] the start of each game, as text
    history: list[list[int]] = field(default_factory=list)  # [N] the actions since the start

    def __len__(self) -> int:
        return len(self.player)

    def observe(self) -> Observation:
        rows = np.arange(len(self))
        own, other = self.stones[rows, self.player], self.stones[rows, 1 - self.player]
        free = self._free()
        counts = free.sum(axis=1)
        actions = np.nonzero(free)[1].astype(np.int16)
        offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        planes = np.stack((own, other), axis=1)[:, :, None]
        return Observation(planes, np.empty((len(self), 0), np.uint8), self.player.copy(), Legal(actions, offsets))

    def play(self, actions: NDArray[np.integer[Any]]) -> None:
        if len(actions) != len(self):
            raise ValueError(f"play needs one action for each of {len(self)} games, got {len(actions)} actions")
        self.play_some(np.arange(len(self)), actions)

    def play_some(self, rows: NDArray[np.integer[Any]], actions: NDArray[np.integer[Any]]) -> None:
        """See `PartialPlay`."""
        actions = np.asarray(actions, dtype=np.int64)
        in_range = (actions >= 0) & (actions < 9)
        legal = in_range & self._free()[rows, np.where(in_range, actions, 0)]
        if not legal.all():
            first = int(np.argmin(legal))
            index = int(rows[first])
            raise IllegalAction(f"game {index}: action {actions[first]} is illegal in {self.position(index)}")
        self.stones[rows, self.player[rows]] |= np.uint64(1) << actions.astype(np.uint64)
        self.player[rows] = 1 - self.player[rows]
        for row, action in zip(rows.tolist(), actions.tolist(), strict=True):
            self.history[row].append(action)

    def outcomes(self) -> Outcomes:
        won = ((self.stones[:, :, None] & LINES) == LINES).any(axis=2)  # [N, 2]
        full = (self.stones[:, 0] | self.stones[:, 1]) == FULL
        outcome = won[:, 0].astype(np.int8) - won[:, 1].astype(np.int8)
        reason = np.where(won.any(axis=1), 1, np.where(full, 2, 0)).astype(np.uint8)
        return Outcomes(outcome, reason)

    def __getitem__(self, indices: Indices) -> TicTacToeGames:
        rows = np.arange(len(self))[indices]
        return TicTacToeGames(
            self.stones[rows], self.player[rows], [self.starts[i] for i in rows], [self.history[i].copy() for i in rows]
        )

    def position(self, index: int) -> str:
        return join_position(self.starts[index], self.moves(index))

    def moves(self, index: int) -> list[str]:
        return [SQUARES[action] for action in self.history[index]]

    def _free(self) -> NDArray[np.bool_]:
        """[N, 9] whether each square may be taken; none in a game that is over."""
        taken = self.stones[:, 0] | self.stones[:, 1]
        empty = (taken[:, None] >> np.arange(9, dtype=np.uint64)) & np.uint64(1) == 0
        free: NDArray[np.bool_] = empty & ~self.outcomes().over[:, None]
        return free


class TicTacToe(Game):
    """Three in a row on a 3×3 board. Player 0 is x."""

    name = "tic-tac-toe"
    encoding_version = 1
    board = BOARD
    planes = ("own", "opponent")
    scalars: Mapping[str, int] = {}
    num_actions = max_legal = 9
    action_layout = ("cells",)
    reasons = REASONS
    seats = ("x", "o")
    open_spiel = OpenSpielRules("tic_tac_toe", np.tile(np.arange(9), (2, 1)))

    def start(self, positions: int | Sequence[str]) -> TicTacToeGames:
        texts = [EMPTY_START] * positions if isinstance(positions, int) else list(positions)
        starts, histories = zip(*map(split_position, texts), strict=True) if texts else ((), ())
        stones, players = zip(*map(_read, starts), strict=True) if texts else ((), ())
        games = TicTacToeGames(
            np.array(stones, dtype=np.uint64).reshape(-1, 2),
            np.array(players, dtype=np.int8),
            list(starts),
            [[] for _ in texts],
        )
        for index, moves in enumerate(histories):
            one = games[[index]]
            try:
                for move in moves:
                    one.play(np.array([SQUARES.index(move)]))
            except ValueError:  # not a square, already taken, or after the end
                raise ValueError(f"{texts[index]!r} is not a position of tic-tac-toe: {move} is illegal") from None
            games.stones[index], games.player[index] = one.stones[0], one.player[0]
            games.history[index] = one.history[0]
        return games

    def on_device(self, starts: Games, slots: int, device: str) -> DeviceGames:
        """See `Game.on_device`; plays on every device."""
        from chesspg.games.tic_tac_toe_device import TicTacToeOnDevice  # it imports torch

        return TicTacToeOnDevice(self, starts.observe(), LINES, slots, device)

    def render(self, position: str) -> str:
        games = self.start([position])
        x, o = games.stones[0].tolist()
        pieces = ["x" if x >> square & 1 else "o" if o >> square & 1 else EMPTY for square in range(9)]
        return draw_board(BOARD, pieces, games.history[0][-1:])

    def parse_move(self, position: str, text: str) -> int:
        if text not in SQUARES:
            raise ValueError(f"unknown square {text!r}; expected one of {' '.join(SQUARES)}")
        action = SQUARES.index(text)
        if action not in self.start([position]).observe().legal.actions:
            raise ValueError(f"{text} is not free")
        return action

    def move_name(self, position: str, action: int) -> str:
        return SQUARES[action]


def _read(start: str) -> tuple[tuple[int, int], int]:
    """The stones and the mover of a start such as `x2/1o1/3 x`: rank 3 comes first, a digit counts free squares."""
    board, _, mover = start.partition(" ")
    ranks = ["".join("." * int(c) if c in "123" else c for c in rank) for rank in reversed(board.split("/"))]
    if [len(rank) for rank in ranks] != [3, 3, 3] or set(board) - set("xo123/") or mover not in ("x", "o"):
        raise ValueError(f"{start!r} is not a position of tic-tac-toe; expected one such as {EMPTY_START!r}")
    x, o = (sum(1 << square for square, c in enumerate("".join(ranks)) if c == player) for player in "xo")
    return (x, o), "xo".index(mover)
