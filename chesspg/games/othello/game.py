"""Othello: a new stone turns over lines of the other player's stones; whoever has more stones at the end wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chesspg.games.capabilities import OpenSpielRules, Sgf
from chesspg.games.game import square_names
from chesspg.games.othello.rules import MAX_LEGAL, PASS, SIZE, OthelloRules, state
from chesspg.games.stones.game import StoneGame
from chesspg.games.stones.rules import NumpyRules

if TYPE_CHECKING:  # it imports numba
    from chesspg.games.stones.compiled import StoneKernels

MOVES = (*square_names((SIZE, SIZE)), "pass")


class Othello(StoneGame):
    """Othello on eight rows and eight columns. Player 0 is Black, x, and moves first; a move is a square or `pass`.

    A player who can turn nothing over must pass. The game is over when neither player can turn anything
    over. The planes are the stones of the mover and of the other player, the squares on which each could play, and all
    squares if the number of free ones is odd.

    The heuristic counts 1 for each square on which a player could play, 20 for a stone in a corner, −8 for one
    diagonally next to a free corner, and −3 for one beside a free corner. Mobility is from Rosenbloom, "A
    World-Championship-Level Othello Program", Artificial Intelligence 19 (1982). Stones in corners are never turned
    over. The numbers were chosen by matches (docs/games.md).
    """

    name = "othello"
    encoding_version = 1
    board = (SIZE, SIZE)
    planes = ("own", "opponent", "own moves", "opponent moves", "last move")
    num_actions = PASS + 1
    max_legal = MAX_LEGAL
    action_layout = ("cells", "pass")
    reasons = ("ongoing", "neither player can move")
    seats = ("Black", "White")
    open_spiel = OpenSpielRules("othello", np.tile(np.arange(PASS + 1), (2, 1)))
    initial = "8/8/8/3ox3/3xo3/8/8/8 x"
    typed = "a square, a1 to h8, or pass"
    row_1_on_top = True
    sgf = Sgf(2, letters=True, words={"pass": ""})

    def begin(self, first: int, second: int, player: int) -> Sequence[int]:
        own, other = (second, first) if player else (first, second)
        words: list[int] = state(np.array([own], np.uint64), np.array([other], np.uint64))[0].tolist()
        return words

    def stones(self, words: Sequence[int], player: int) -> tuple[int, int]:
        own, other = words[:2]
        return (other, own) if player else (own, other)

    def move_text(self, action: int, player: int) -> str:
        return MOVES[action]

    def numpy_rules(self) -> NumpyRules:
        return OthelloRules()

    def kernels(self) -> StoneKernels:
        from chesspg.games.othello.rows import KERNELS

        return KERNELS
