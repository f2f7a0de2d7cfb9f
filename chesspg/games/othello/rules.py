"""The rules of Othello as operations on words, for whole batches in numpy; rows.py compiles them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chesspg.games.stones.rules import NumpyRules, Players, Word, Words

SIZE = 8
PASS = SIZE * SIZE  # the action after those of the squares
# The most legal actions of any position. From the new stone, a line leads over at least one stone of the other player
# to an own one. The last step of that line, from the own stone to its neighbor, is that of no other legal action, and a
# stone has at most 8 neighbors. So with L legal actions both players have at least L / 8 stones, and 51 such squares
# would need 7 stones of each, 65 squares in all.
MAX_LEGAL = 50
ONGOING, NO_MOVE = range(2)  # indices into Othello.reasons

# Square 8 · row + column is a bit. The functions of words below are compiled by numba too.
U = np.uint64
ZERO, ONE, SIX, SQUARES = U(0), U(1), U(6), U(63)
ACROSS, UP, RISING, FALLING = U(1), U(SIZE), U(SIZE + 1), U(SIZE - 1)  # the distance of neighbors by direction
INSIDE = U(0x7E7E7E7E7E7E7E7E)  # the columns between the first and the last, in which a line across has neighbors
LAST = SQUARES  # the highest bit


def _bits(*squares: str) -> np.uint64:
    return U(sum(1 << SIZE * (int(square[1]) - 1) + "abcdefgh".index(square[0]) for square in squares))


def ahead(stones: Word, through: Word, step: Word) -> Word:
    """The squares of `through` that follow a stone without a gap, going up by `step`, by Kogge and Stone.

    See chessprogramming.org/Kogge-Stone_Algorithm. A line has at most six squares between two stones.
    """
    found = through & (stones << step)
    found |= through & (found << step)
    pairs = through & (through << step)
    found |= pairs & (found << (step + step))
    return found | (pairs & (found << (step + step)))


def behind(stones: Word, through: Word, step: Word) -> Word:
    """The same going down."""
    found = through & (stones >> step)
    found |= through & (found >> step)
    pairs = through & (through >> step)
    found |= pairs & (found >> (step + step))
    return found | (pairs & (found >> (step + step)))


def ends(own: Word, through: Word, step: Word) -> Word:
    """The squares behind the other player's stones in one direction and its opposite."""
    return (ahead(own, through, step) << step) | (behind(own, through, step) >> step)


def places(own: Word, other: Word) -> Word:
    """The squares on which a stone turns others over."""
    inside = other & INSIDE
    straight = ends(own, inside, ACROSS) | ends(own, other, UP)
    return (straight | ends(own, inside, RISING) | ends(own, inside, FALLING)) & ~(own | other)


def closed(own: Word, through: Word, stone: Word, step: Word) -> Word:
    """The other player's stones between a new stone and an own one, in one direction and its opposite."""
    up, down = ahead(stone, through, step), behind(stone, through, step)
    above, below = own & (up << step), own & (down >> step)  # the own stone, one bit or none
    # The negative of one bit has the highest bit, so this is all ones, or zero where there is no own stone.
    return (up & (ZERO - ((ZERO - above) >> LAST))) | (down & (ZERO - ((ZERO - below) >> LAST)))


def turned(own: Word, other: Word, stone: Word) -> Word:
    """The stones that a new one turns over."""
    inside = other & INSIDE
    straight = closed(own, inside, stone, ACROSS) | closed(own, other, stone, UP)
    return straight | closed(own, inside, stone, RISING) | closed(own, inside, stone, FALLING)


def placed(action: Word) -> Word:
    """The square of an action, none for a pass."""
    return (ONE - (action >> SIX)) << (action & SQUARES)


# Each corner as the number of its square, with the two squares beside it and the one diagonally before it.
CORNERS = (
    (U(0), _bits("b1", "a2"), _bits("b2")),
    (U(7), _bits("g1", "h2"), _bits("g2")),
    (U(56), _bits("a7", "b8"), _bits("b7")),
    (U(63), _bits("h7", "g8"), _bits("g7")),
)
CORNER = _bits("a1", "h1", "a8", "h8")


def given(occupied: Word) -> tuple[Word, Word]:
    """The squares beside the free corners, and those diagonally before them."""
    beside, before = occupied & ZERO, occupied & ZERO
    for corner, edges, diagonal in CORNERS:
        free = ((occupied >> corner) & ONE) - ONE  # all ones, or zero where the corner is taken
        beside |= edges & free
        before |= diagonal & free
    return beside, before


class OthelloRules(NumpyRules):
    """The four words of a state: the stones of the mover and of the other, and the squares where each could play."""

    def play(self, words: Words, player: Players, actions: NDArray[np.int64]) -> Words:
        own, other = words[:, 0], words[:, 1]
        stone = placed(actions.astype(np.uint64))
        turns = turned(own, other, stone)
        return state(other ^ turns, own | stone | turns)

    def judge(self, words: Words, player: Players) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
        over = words[:, 2] | words[:, 3] == 0
        own, other = np.bitwise_count(words[:, :2]).astype(np.int64).T
        outcome = over * (1 - 2 * player) * np.sign(own - other)
        return outcome.astype(np.int8), np.where(over, NO_MOVE, ONGOING).astype(np.uint8)

    def mask(self, words: Words, player: Players) -> NDArray[np.bool_]:
        free = (words[:, 2, None] >> np.arange(SIZE * SIZE, dtype=np.uint64)) & ONE != 0
        return np.concatenate((free, words[:, 2, None] == 0), axis=1)

    def see(self, words: Words, player: Players) -> Words:
        return words[:, :, None].copy()

    def weigh(self, words: Words, player: Players) -> NDArray[np.float32]:
        own, other, mine, theirs = words.T
        beside, before = given(own | other)
        worth = _more(mine, theirs) + 20 * _more(own & CORNER, other & CORNER)
        worth -= 3 * _more(own & beside, other & beside) + 8 * _more(own & before, other & before)
        return ((1 - 2 * player) * worth).astype(np.float32)


def state(own: Words, other: Words) -> Words:
    """[N, 4] the words of states, from the stones of the movers and of the others."""
    return np.stack((own, other, places(own, other), places(other, own)), axis=1)


def _more(first: Words, second: Words) -> NDArray[np.int64]:
    """[N] by how many squares the first words have more than the second."""
    return np.bitwise_count(first).astype(np.int64) - np.bitwise_count(second)
