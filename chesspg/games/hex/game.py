"""Hex: the players take turns to place stones on a board of hexagons; the first to connect their own two edges wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chesspg.games.capabilities import OpenSpielRules, Sgf
from chesspg.games.game import STONES, square_names
from chesspg.games.hex.rules import OTHER, OWN, PLANES, HexRules
from chesspg.games.stones.game import StoneGame
from chesspg.games.stones.rules import NumpyRules

if TYPE_CHECKING:  # it imports numba
    from chesspg.games.stones.compiled import StoneKernels

SMALLEST, LARGEST = 3, 19


class Hex(StoneGame):
    """Hex. Black, player 0 or x, connects the top row to the bottom row; White, player 1 or o, connects left to right.

    A cell is named by the letter of its column and the number of its row, from the top: a1 is at the top left, where
    the board has an acute corner. Each player sees the board in such a way that it connects the first row to the last,
    so White sees rows and columns exchanged. The actions are the cells as the mover sees them. A draw is impossible.

    With `swap`, White may answer the first move with `swap`, action size · size: Black's stone is replaced with one of
    White in the mirrored cell, c2 with b3. White then has the position that Black had.

    The heuristic is the number of stones that the opponent needs to connect its edges by the shortest way that is
    left, minus the number that the player needs (van Rijswijck, Search and Evaluation in Hex, 2002).

    Args:
        size: The number of rows and columns, from 3 to 19.
        swap: Whether White may swap.

    Raises:
        ValueError: The size is out of range.
    """

    encoding_version = 1
    planes = PLANES
    view = "Each player connects the first row to the last: for player 1, rows and columns are exchanged."
    reasons = ("ongoing", "edges connected")
    row_1_on_top = True
    sides = STONES
    seats = ("Black", "White")
    sgf = Sgf(11, words={"swap": "swap-pieces"})

    def __init__(self, size: int = 11, swap: bool = False) -> None:
        if not SMALLEST <= size <= LARGEST:
            raise ValueError(f"size must be between {SMALLEST} and {LARGEST}, got {size}")
        self.size, self.swap = size, swap
        self.name = f"hex {size}x{size}{' with swap' if swap else ''}"
        self.board = (size, size)
        self.num_actions = size * size + swap
        self.action_layout = ("cells", "swap") if swap else ("cells",)
        self.initial = "/".join([str(size)] * size) + " x"
        cells = square_names(self.board)
        self.typed = f"a cell, a1 to {cells[-1]}{', or swap' if swap else ''}"
        self._rules = HexRules(size, swap)
        order = [*range(size * size)], self._rules.board.transposed.tolist()  # the cells as each player sees them
        self._moves: list[list[str]] = [[*(cells[cell] for cell in seen), "swap"] for seen in order]
        swaps = [size * size] if swap else []
        actions = np.array([[*seen, *swaps] for seen in order])
        self.open_spiel = OpenSpielRules(f"hex(board_size={size},swap={swap})", actions)

    @property
    def max_legal(self) -> int:
        return self.size**2

    @property
    def init_args(self) -> dict[str, Any]:
        return {"size": self.size, "swap": self.swap}

    def begin(self, first: int, second: int, player: int) -> Sequence[int]:
        board = self._rules.board
        cells = [
            np.array([stones >> cell & 1 for cell in range(board.cells)], np.bool_)[:, None]
            for stones in (first, second)
        ]
        [words] = self._rules.begin(board.packed(cells[0]), board.packed(cells[1][board.transposed]))
        swappable = self.swap and not second and first.bit_count() == player
        words[self._rules.flag] = swappable
        return [int(word) for word in words]

    def stones(self, words: Sequence[int], player: int) -> tuple[int, int]:
        count = self._rules.board.words
        first, second = (words[plane * count : (plane + 1) * count] for plane in (OWN, OTHER))
        return _joined(first), _joined(second)

    def move_text(self, action: int, player: int) -> str:
        return self._moves[player][action]

    def numpy_rules(self) -> NumpyRules:
        return self._rules

    def kernels(self) -> StoneKernels:
        from chesspg.games.hex.rows import kernels

        compiled: StoneKernels = kernels(self.size)
        return compiled


def _joined(words: Sequence[int]) -> int:
    """The bits of several words as one number."""
    return sum(word << 64 * k for k, word in enumerate(words))
