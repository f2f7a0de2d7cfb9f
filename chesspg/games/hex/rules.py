"""The rules of Hex as operations on words, for whole batches in numpy; rows.py compiles them.

Each player has a view of the board, in which it connects the first row to the last: player 0 sees the board as it is,
player 1 sees it transposed, with rows and columns exchanged. The words of a state are the PLANES of player 0's view,
those of player 1's view, one word that is 1 while the second player may still swap, and as many words as a plane has,
which are empty here: compiled code uses them while it computes a distance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import words_of
from chesspg.games.stones.rules import NumpyRules, Players, Word, Words

ONGOING, CONNECTED = range(2)  # indices into Hex.reasons
OWN, OWN_FIRST, OWN_LAST, OTHER, OTHER_FIRST, OTHER_LAST = range(6)
PLANES = (
    "own",
    "own, connected to the first row",
    "own, connected to the last row",
    "opponent",
    "opponent, connected to the first column",
    "opponent, connected to the last column",
)
U = np.uint64
ZERO = U(0)


class Board:
    """The cells of a board, row by row, as bits of W words.

    Args:
        size: The number of rows and columns.
    """

    def __init__(self, size: int) -> None:
        self.size, self.cells, self.words = size, size * size, words_of((size, size))
        cell = np.arange(self.cells)
        row, column = divmod(cell, size)
        self.transposed = column * size + row  # [cells] the same cell in the other player's view
        self.every = self.packed(cell >= 0)
        self.first_row, self.last_row = self.packed(row == 0), self.packed(row == size - 1)
        self.not_first_column, self.not_last_column = self.packed(column > 0), self.packed(column < size - 1)

    def packed(self, cells: NDArray[np.bool_]) -> Words:
        """[W, …] the words of sets of cells [cells, …]."""
        room = np.zeros((64 * self.words, *cells.shape[1:]), np.bool_)
        room[: self.cells] = cells
        return np.packbits(room, axis=0, bitorder="little").T.copy().view("<u8").T.astype(np.uint64)

    def unpacked(self, cells: Words) -> NDArray[np.bool_]:
        """[cells, …] whether each cell is in the sets [W, …]."""
        octets = np.ascontiguousarray(cells.T).astype("<u8").view(np.uint8)
        return np.unpackbits(octets, axis=-1, count=self.cells, bitorder="little").T.astype(np.bool_)

    def beside(self) -> Callable[[Word, Word, Word, Word, Word], Word]:
        """A function that returns a word of the neighbors of a set of cells.

        A cell has up to six neighbors: those to its left and right, above and below, and above right and below left.
        The function takes three consecutive words of the set, of which the second is at the same place as the result,
        and the words of all cells that are not in the first column and of those that are not in the last.
        """
        one, size, less = U(1), U(self.size), U(self.size - 1)
        all_but_one, far, near = U(63), U(64 - self.size), U(65 - self.size)

        def beside(before: Word, here: Word, after: Word, not_first: Word, not_last: Word) -> Word:
            rows = (here << size) | (before >> far) | (here >> size) | (after << far)
            right = (here << one) | (before >> all_but_one) | (here >> less) | (after << near)
            left = (here >> one) | (after << all_but_one) | (here << less) | (before >> near)
            return rows | (right & not_first) | (left & not_last)

        return beside


class HexRules(NumpyRules):
    """Hex on a board of any size. Below, a view is an array [planes, W, N].

    Args:
        size: The number of rows and columns.
        swap: Whether the second player may swap.
    """

    def __init__(self, size: int, swap: bool) -> None:
        self.board, self.swap = Board(size), swap
        self._every, self._first_row, self._last_row = (
            cells[:, None] for cells in (self.board.every, self.board.first_row, self.board.last_row)
        )
        self.flag = 2 * len(PLANES) * self.board.words  # the place of the word for a swap
        self._beside_word = self.board.beside()

    def begin(self, first: Words, second: Words) -> Words:
        """[N, K] the states of positions.

        Args:
            first: [W, N] the cells with stones of player 0, in its own view.
            second: [W, N] those of player 1, in its own view.
        """
        one, other = self._connected(first), self._connected(second)
        views = np.array([[*one, *self._transposed(other)], [*other, *self._transposed(one)]])
        return self._words(views, np.zeros(first.shape[1], np.uint64))

    def play(self, words: Words, player: Players, actions: NDArray[np.int64]) -> Words:
        views, second = self._views(words), player == 1
        mine, other = np.where(second, views[::-1], views)
        stone = self.board.packed(np.arange(self.board.cells)[:, None] == actions)
        own = self._connected(mine[OWN] | stone, mine[OWN_FIRST], mine[OWN_LAST])
        mine = np.concatenate((own, mine[OTHER:]))
        other = np.concatenate((other[:OTHER], self._transposed(own)))
        swaps = actions == self.board.cells  # whoever swaps has the other player's view from then on
        views = np.where(second ^ swaps, (other, mine), (mine, other))
        return self._words(views, words[:, self.flag] & (player == 0))

    def judge(self, words: Words, player: Players) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
        first, second = ((view[OWN_FIRST] & view[OWN_LAST]).any(axis=0) for view in self._views(words))
        reason = np.where(first | second, CONNECTED, ONGOING).astype(np.uint8)
        return first.astype(np.int8) - second.astype(np.int8), reason

    def mask(self, words: Words, player: Players) -> NDArray[np.bool_]:
        view = self._views(words)[player, :, :, np.arange(len(player))].transpose(1, 2, 0)
        free = ~self.board.unpacked(view[OWN] | view[OTHER]).T
        swaps = (words[:, self.flag, None] & player[:, None].astype(np.uint64)).astype(np.bool_)
        return np.concatenate((free, swaps), axis=1) if self.swap else free

    def see(self, words: Words, player: Players) -> Words:
        views = words[:, : self.flag].reshape(len(words), 2, len(PLANES), self.board.words)
        return views[np.arange(len(words)), player]

    def weigh(self, words: Words, player: Players) -> NDArray[np.float32]:
        first, second = map(self._distance, self._views(words))
        return (second - first).astype(np.float32)

    def _views(self, words: Words) -> Words:
        """[2, planes, W, N] the views of both players."""
        return words[:, : self.flag].T.reshape(2, len(PLANES), self.board.words, len(words))

    def _words(self, views: Words, swappable: Words) -> Words:
        """[N, K] the states of these views; the inverse of `_views`."""
        room = np.zeros((self.board.words, len(swappable)), np.uint64)
        return np.concatenate(
            (views.reshape(2 * len(PLANES) * self.board.words, len(swappable)), swappable[None], room)
        ).T.copy()

    def _transposed(self, cells: Words) -> Words:
        """[…, W, N] cells in the other player's view."""
        board = self.board
        return np.array([board.packed(board.unpacked(one)[board.transposed]) for one in cells])

    def _connected(self, own: Words, first: Words | None = None, last: Words | None = None) -> Words:
        """[3, W, N] stones, those connected to the first row, and those connected to the last row.

        Args:
            own: [W, N] the stones.
            first: [W, N] stones that are known to be connected to the first row, if any.
            last: [W, N] likewise.
        """
        edges = (first, self._first_row), (last, self._last_row)
        return np.array(
            [own, *(self._flooded(own & row | (ZERO if known is None else known), own) for known, row in edges)]
        )

    def _flooded(self, cells: Words, inside: Words) -> Words:
        """[W, N] these cells, and those that are connected to them by cells of `inside`."""
        cells, grows = cells.copy(), np.arange(cells.shape[1])
        while len(grows):
            now = cells[:, grows]
            new = self._beside(now) & inside[:, grows] & ~now
            cells[:, grows] = now | new
            grows = grows[new.any(axis=0)]
        return cells

    def _beside(self, cells: Words) -> Words:
        """[W, N] the neighbors of sets of cells."""
        board, none = self.board, np.zeros((1, cells.shape[1]), np.uint64)
        before, after = np.concatenate((none, cells[:-1])), np.concatenate((cells[1:], none))
        columns = board.not_first_column[:, None], board.not_last_column[:, None]
        neighbors: Words = self._beside_word(before, cells, after, *columns)
        return neighbors

    def _distance(self, view: Words) -> NDArray[np.int64]:
        """[N] how many more stones the owner of a view needs to connect its edges; the number of cells if it can't."""
        own, reached, last, other = view[OWN], view[OWN_FIRST], view[OWN_LAST], view[OTHER]
        free = self._every & ~(own | other)
        goal = self._beside(last) | self._last_row
        distance = np.where((reached & last).any(axis=0), 0, self.board.cells)
        rows, stones = np.flatnonzero(distance), 0
        while len(rows):
            stones += 1
            now = reached[:, rows]
            new = (self._beside(now) | self._first_row) & free[:, rows] & ~now
            there = (new & goal[:, rows]).any(axis=0)
            distance[rows[there]] = stones
            further = new.any(axis=0) & ~there
            rows = rows[further]
            reached = reached.copy()
            reached[:, rows] = self._flooded((now | new)[:, further], own[:, rows] | new[:, further])
        return distance
