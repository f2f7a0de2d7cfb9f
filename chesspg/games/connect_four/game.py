"""Connect Four: the players take turns to drop stones into seven columns; four in a line win."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chesspg.games.capabilities import OpenSpielRules
from chesspg.games.connect_four.rules import BOTTOM, COLUMNS, ROWS, ConnectFourRules, U, four, threats
from chesspg.games.stones.game import StoneGame
from chesspg.games.stones.rules import NumpyRules

if TYPE_CHECKING:  # it imports numba
    from chesspg.games.stones.compiled import StoneKernels


class ConnectFour(StoneGame):
    """Connect Four on six rows and seven columns. Player 0 is x; a move is the letter of a column.

    A network also sees the threats of each player, the free squares that would complete a line of four; the squares
    that a stone dropped now would reach; and the rows in which a threat is worth more to the mover, which are the odd
    ones for player 0 and the even ones for player 1.

    The heuristic counts 8 for each threat, 2 for a stone in the middle column and 1 for a stone beside that column.
    """

    name = "connect four"
    encoding_version = 1
    board = (ROWS, COLUMNS)
    planes = ("own", "opponent", "own threats", "opponent's threats", "playable", "own rows")
    num_actions = max_legal = COLUMNS
    action_layout = ("columns",)
    reasons = ("ongoing", "four in a line", "board full")
    open_spiel = OpenSpielRules("connect_four", np.tile(np.arange(COLUMNS), (2, 1)))
    initial = "7/7/7/7/7/7 x"
    typed = "a column, a to g"

    def begin(self, first: int, second: int, player: int) -> Sequence[int]:
        both = first | second
        if both & ~(both << COLUMNS | int(BOTTOM)):
            raise ValueError("a stone has nothing under it")
        if all(four(U(stones)) for stones in (first, second)):
            raise ValueError("both players have four in a line")
        own, other = (U(second), U(first)) if player else (U(first), U(second))
        return tuple(int(word) for word in (own, other, threats(own, other), threats(other, own)))

    def stones(self, words: Sequence[int], player: int) -> tuple[int, int]:
        own, other, *_ = words
        return (other, own) if player else (own, other)

    def move_text(self, action: int, player: int) -> str:
        return "abcdefg"[action]

    def numpy_rules(self) -> NumpyRules:
        return ConnectFourRules()

    def kernels(self) -> StoneKernels:
        from chesspg.games.connect_four.rows import KERNELS

        return KERNELS
