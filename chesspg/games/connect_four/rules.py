"""The rules of Connect Four as operations on words, for whole batches in numpy; rows.py compiles them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chesspg.games.stones.rules import NumpyRules, Players, Word, Words

ROWS, COLUMNS = 6, 7
ONGOING, FOUR, FULL = range(3)  # indices into ConnectFour.reasons

# Square 7 · row + column is a bit, the bottom row first. The functions of words below are compiled by numba too.
U = np.uint64
BOARD = U((1 << ROWS * COLUMNS) - 1)
BOTTOM = U((1 << COLUMNS) - 1)
TOP = BOTTOM << U(COLUMNS * (ROWS - 1))
UP = U(COLUMNS)
FILE = U(sum(1 << COLUMNS * row for row in range(ROWS)))  # the first column
ODD_ROWS = U(sum(int(BOTTOM) << COLUMNS * row for row in range(0, ROWS, 2)))  # the first row is row 1


def _columns(first: int, last: int) -> np.uint64:
    return U(sum(int(FILE) << column for column in range(first, last + 1)))


# For each direction: the distance of neighbors, and the columns in which a line of four may begin. Beyond the top row
# there are no stones, so that lines in these directions need no limit to their rows.
ACROSS, RISING, FALLING = U(1), U(COLUMNS + 1), U(COLUMNS - 1)
LEFT, RIGHT, ANY = _columns(0, 3), _columns(3, 6), BOARD


def playable(occupied: Word) -> Word:
    """The squares that a stone dropped now would reach, one in each column that is not full."""
    return ((occupied << UP) | BOTTOM) & ~occupied & BOARD


def target(occupied: Word, column: Word) -> Word:
    """The square that a stone reaches; none in a full column."""
    return playable(occupied) & (FILE << column)


def own_rows(player: Word) -> Word:
    """All squares of the odd rows for player 0, and of the even rows for player 1.

    Player 1 gets every even square by always playing on top of the last stone, so player 0 needs a threat in an odd row
    (Allis, A Knowledge-Based Approach of Connect-Four, 1988).
    """
    return ODD_ROWS << (UP * player)


def lines(stones: Word, step: Word, begin: Word) -> Word:
    """The squares at which a line of four begins."""
    pairs = stones & (stones >> step)
    return pairs & (pairs >> (step + step)) & begin


def four(stones: Word) -> Word:
    """The squares at which a line of four begins, in any direction."""
    straight = lines(stones, ACROSS, LEFT) | lines(stones, UP, ANY)
    return straight | lines(stones, RISING, LEFT) | lines(stones, FALLING, RIGHT)


def holes(stones: Word, step: Word, begin: Word) -> Word:
    """The squares that would complete a line of four in one direction, whether they are free or not."""
    a, b, c, d = stones, stones >> step, stones >> (step + step), stones >> (step + step + step)
    low, high = c & d & begin, a & b & begin
    return (low & b) | ((low & a) << step) | ((high & d) << (step + step)) | ((high & c) << (step + step + step))


def threats(stones: Word, other: Word) -> Word:
    """The free squares that would complete a line of four."""
    straight = holes(stones, ACROSS, LEFT) | holes(stones, UP, ANY)
    slanted = holes(stones, RISING, LEFT) | holes(stones, FALLING, RIGHT)
    return (straight | slanted) & ~(stones | other) & BOARD


CENTER, NEAR = _columns(3, 3), _columns(2, 4)


class ConnectFourRules(NumpyRules):
    """The four words of a state: the squares of the mover and of the other player, and the threats of each."""

    def play(self, words: Words, player: Players, actions: NDArray[np.int64]) -> Words:
        own, other, _, theirs = words.T
        stone = target(own | other, actions.astype(np.uint64))
        placed: Words = own | stone
        return np.stack((other, placed, theirs & ~stone, threats(placed, other)), axis=1)

    def judge(self, words: Words, player: Players) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
        own, other = (four(stones) != 0 for stones in words.T[:2])
        sign = 1 - 2 * player
        full = words[:, 0] | words[:, 1] == BOARD
        reason = np.where(own | other, FOUR, np.where(full, FULL, ONGOING)).astype(np.uint8)
        return (sign * (own.astype(np.int8) - other)).astype(np.int8), reason

    def mask(self, words: Words, player: Players) -> NDArray[np.bool_]:
        top = (words[:, 0] | words[:, 1]) >> U(COLUMNS * (ROWS - 1))
        free: NDArray[np.bool_] = (top[:, None] >> np.arange(COLUMNS, dtype=np.uint64)) & U(1) == 0
        return free

    def see(self, words: Words, player: Players) -> Words:
        seen = (playable(words[:, 0] | words[:, 1]), own_rows(player.astype(np.uint64)))
        return np.concatenate((words, np.stack(seen, axis=1)), axis=1)[:, :, None]

    def weigh(self, words: Words, player: Players) -> NDArray[np.float32]:
        own, other, mine, theirs = words.T
        worth = 8 * _more(mine, theirs) + _more(own & NEAR, other & NEAR) + _more(own & CENTER, other & CENTER)
        return ((1 - 2 * player) * worth).astype(np.float32)


def _more(first: Words, second: Words) -> NDArray[np.int64]:
    """[N] by how many squares the first words have more than the second."""
    return np.bitwise_count(first).astype(np.int64) - np.bitwise_count(second)
