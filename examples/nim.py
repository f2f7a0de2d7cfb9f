"""A game of your own, with Nim as an example: 21 sticks, take one to three; the player who takes the last one wins.

In the folder of this file:

    python nim.py                                                     check that it keeps the contract
    python -m chesspg.train --config small_game --data.game nim.Nim   train a policy

`chesspg/games/game.py` describes what each method must do, and `capabilities.py` beside it what a game may also offer.
All methods work on a batch of N games at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.contract import check
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
)

STICKS = 21
NAMES = ("1", "2", "3")  # names of the actions 0, 1 and 2: the number of sticks to take
BOARD = (1, STICKS)  # rows and columns; one square per stick


@dataclass
class NimGames:
    """N games: the sticks that are left, the player to move, and the start and the moves as text."""

    sticks: NDArray[np.int64]  # [N] sticks that are left
    player: NDArray[np.int8]  # [N] the player to move, 0 or 1
    starts: list[str]  # [N] the start of each game, such as "21 0": the sticks and the player to move
    played: list[list[str]]  # [N] the moves since the start

    def __len__(self) -> int:
        return len(self.sticks)

    def observe(self) -> Observation:
        # One plane of one 64-bit word, [N, 1, 1]: bit k is square k, counted from the bottom left, row by row.
        plane = (np.uint64(1) << self.sticks.astype(np.uint64)) - np.uint64(1)  # one bit per stick that is left
        scalars = np.empty((len(self), 0), np.uint8)  # [N, 0] counters that no plane can hold: this game has none
        # The legal actions of all games in one array, ascending within a game, and the offsets at which games begin.
        counts = np.minimum(self.sticks, 3)  # 0 when no stick is left: a game that is over must have no legal action
        offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)  # [N + 1]
        actions = (np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)).astype(np.int16)
        return Observation(plane[:, None, None], scalars, self.player.copy(), Legal(actions, offsets))

    def play(self, actions: NDArray[np.integer[Any]]) -> None:
        if len(actions) != len(self):
            raise ValueError(f"play needs one action for each of {len(self)} games, got {len(actions)} actions")
        # All actions are checked before the first is played. A loop is fast enough for a game as small as this one.
        for game, action in enumerate(actions.tolist()):
            if not 0 <= action < min(self.sticks[game], 3):
                raise IllegalAction(f"game {game}: action {action} is illegal with {self.sticks[game]} sticks left")
        self.sticks = self.sticks - actions - 1  # a new array: arrays that observe() returned must not change
        self.player = 1 - self.player
        for moves, action in zip(self.played, actions.tolist(), strict=True):
            moves.append(NAMES[action])

    def outcomes(self) -> Outcomes:
        over = self.sticks == 0
        # 1 if player 0 has won and -1 if player 1 has. The winner has moved last, so the loser is the player to move.
        outcome = np.where(over, 2 * self.player - 1, 0).astype(np.int8)
        return Outcomes(outcome, over.astype(np.uint8))  # the reason is an index into Nim.reasons

    def __getitem__(self, indices: Indices) -> NimGames:
        rows = np.arange(len(self))[indices]  # works for lists, slices and masks
        return NimGames(
            self.sticks[rows], self.player[rows], [self.starts[i] for i in rows], [self.played[i].copy() for i in rows]
        )

    def position(self, index: int) -> str:
        return join_position(self.starts[index], self.played[index])  # such as "21 0 moves 3 1"

    def moves(self, index: int) -> list[str]:
        return self.played[index].copy()


class Nim(Game):
    """One heap of sticks. Player 0 begins."""

    name = "nim"
    encoding_version = 1  # raise it when the meaning of planes, scalars or actions changes
    board = BOARD
    planes = ("sticks",)  # the comma makes it a tuple
    scalars: Mapping[str, int] = {}
    num_actions = 3
    reasons = ("ongoing", "the last stick was taken")

    def start(self, positions: int | Sequence[str]) -> NimGames:
        texts = [f"{STICKS} 0"] * positions if isinstance(positions, int) else list(positions)
        games = NimGames(np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int8), [], [])
        for i, text in enumerate(texts):
            start, moves = split_position(text)
            sticks, _, player = start.partition(" ")
            if not (sticks.isdecimal() and 1 <= int(sticks) <= STICKS and player in ("0", "1")):
                raise ValueError(f"{text!r} is not a position of nim; expected one such as '{STICKS} 0'")
            one = NimGames(np.array([int(sticks)]), np.array([int(player)], np.int8), [start], [[]])
            for move in moves:
                if move not in NAMES[: one.sticks[0]]:
                    raise ValueError(f"{text!r} is not a position of nim: {move} is illegal")
                one.play(np.array([NAMES.index(move)]))
            games.sticks[i], games.player[i] = one.sticks[0], one.player[0]
            games.starts.append(start)
            games.played.append(one.played[0])
        return games

    def render(self, position: str) -> str:
        left = int(self.start([position]).sticks[0])
        return draw_board(BOARD, ["|"] * left + [EMPTY] * (STICKS - left))

    def parse_move(self, position: str, text: str) -> int:
        names = NAMES[: self.start([position]).sticks[0]]
        if text not in names:
            raise ValueError(f"{text!r} is not legal; expected one of {', '.join(names) or 'none, the game is over'}")
        return names.index(text)

    def move_name(self, position: str, action: int) -> str:
        return NAMES[action]


if __name__ == "__main__":
    # Known positions; add drawn=[…] if games can be drawn.
    won = {"won_by_first": ["3 0 moves 3"], "won_by_second": ["4 0 moves 1 3"]}
    print(check(Nim(), **won, starts=["20 1"], unreadable=["22 0"]))
