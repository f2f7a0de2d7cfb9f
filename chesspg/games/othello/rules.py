"""The rules of Othello as operations on words, for whole batches in numpy; rows.py compiles them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.stones.rules import NumpyRules, Players, Word, Words

SIZE = 8
PASS = SIZE * SIZE  # the action after those of the squares
# A bound on the legal actions of any position. Each has a line from the new stone, over stones of the other player, to
# an own stone. The last two stones of the line are neighbors, and no other legal action has a line that ends with these
# two. A stone has at most 8 neighbors, so with L legal actions each player has at least L / 8 stones: 7 if L is 51, but
# 51 + 7 + 7 squares are more than 64.
MAX_LEGAL = 50
ONGOING, NO_MOVE = range(2)  # indices into Othello.reasons

# Square 8 · row + column is a bit. The functions of words below are compiled by numba too.
U = np.uint64
ZERO, ONE, SIX, SQUARES = U(0), U(1), U(6), U(63)
ACROSS, UP, RISING, FALLING = U(1), U(SIZE), U(SIZE + 1), U(SIZE - 1)  # the distance of neighbors by direction
HALVES = (U(32), U(16), U(8), U(4), U(2), U(1))
INSIDE = U(
    0x7E7E7E7E7E7E7E7E
)  # columns b to g: only there can a stone lie between two others, unless above one of them


def _bits(*squares: str) -> np.uint64:
    return U(sum(1 << SIZE * (int(square[1]) - 1) + "abcdefgh".index(square[0]) for square in squares))


def rising(stones: Word, through: Word, step: Word) -> Word:
    """The squares of `through` that follow a stone without a gap, going up by `step`, by Kogge and Stone.

    See chessprogramming.org/Kogge-Stone_Algorithm. There are at most six squares between two stones of a line.
    """
    found = through & (stones << step)
    found |= through & (found << step)
    pairs = through & (through << step)
    found |= pairs & (found << (step + step))
    return found | (pairs & (found << (step + step)))


def falling(stones: Word, through: Word, step: Word) -> Word:
    """The same, going down by `step`."""
    found = through & (stones >> step)
    found |= through & (found >> step)
    pairs = through & (through >> step)
    found |= pairs & (found >> (step + step))
    return found | (pairs & (found >> (step + step)))


def beyond(own: Word, through: Word, step: Word) -> Word:
    """The squares right after the other player's stones that follow an own stone, up and down by `step`."""
    return (rising(own, through, step) << step) | (falling(own, through, step) >> step)


def places(own: Word, other: Word) -> Word:
    """The free squares on which a stone of the mover turns others over."""
    inside = other & INSIDE
    straight = beyond(own, inside, ACROSS) | beyond(own, other, UP)
    return (straight | beyond(own, inside, RISING) | beyond(own, inside, FALLING)) & ~(own | other)


def enclosed(own: Word, through: Word, stone: Word, step: Word) -> Word:
    """The other player's stones between a new stone and an own one, up and down by `step`."""
    up, down = rising(stone, through, step), falling(stone, through, step)
    above, below = own & (up << step), own & (down >> step)  # the own stone at the end: one bit, or none
    # The negative of one bit has the highest bit, so this is all ones, or zero where no own stone is at the end.
    return (up & (ZERO - ((ZERO - above) >> SQUARES))) | (down & (ZERO - ((ZERO - below) >> SQUARES)))


def turned(own: Word, other: Word, stone: Word) -> Word:
    """The stones that a new one turns over; none without a new one."""
    inside = other & INSIDE
    straight = enclosed(own, inside, stone, ACROSS) | enclosed(own, other, stone, UP)
    return straight | enclosed(own, inside, stone, RISING) | enclosed(own, inside, stone, FALLING)


def placed(action: Word) -> Word:
    """The square of an action as a bit; none for a pass."""
    return (ONE - (action >> SIX)) << (action & SQUARES)


def last_move(own: Word, other: Word) -> Word:
    """All squares if the number of free ones is odd, else none; the mover then has the last move if nobody passes."""
    free = ~(own | other)
    for half in HALVES:
        free = free ^ (free >> half)  # in the end, the lowest bit is the parity of all bits
    return ZERO - (free & ONE)


def more(first: Word, second: Word) -> Any:
    """By how many squares the first word has more than the second; rows.py has its own."""
    return np.bitwise_count(first).astype(np.int64) - np.bitwise_count(second)


CORNER = _bits("a1", "h1", "a8", "h8")
# Each corner by the number of its square, with the two squares beside it and the one diagonally next to it.
CORNERS = (
    (U(0), _bits("b1", "a2"), _bits("b2")),
    (U(7), _bits("g1", "h2"), _bits("g2")),
    (U(56), _bits("a7", "b8"), _bits("b7")),
    (U(63), _bits("h7", "g8"), _bits("g7")),
)


def worth(own: Word, other: Word, mine: Word, theirs: Word) -> Any:
    """The heuristic for the mover, see `Othello`; the arguments are the words of a state."""
    beside, before = ZERO, ZERO  # the squares next to free corners
    for corner, edges, diagonal in CORNERS:
        free = (((own | other) >> corner) & ONE) - ONE  # all ones, or zero where the corner is taken
        beside = beside | (edges & free)
        before = before | (diagonal & free)
    risks = 3 * more(own & beside, other & beside) + 8 * more(own & before, other & before)
    return more(mine, theirs) + 20 * more(own & CORNER, other & CORNER) - risks


class OthelloRules(NumpyRules):
    """A state has four words: the stones of the mover and of the other player, and the squares where each can play."""

    def play(self, words: Words, player: Players, actions: NDArray[np.int64]) -> Words:
        own, other = words[:, 0], words[:, 1]
        stone = placed(actions.astype(np.uint64))
        turns = turned(own, other, stone)
        return state(other ^ turns, own | stone | turns)

    def judge(self, words: Words, player: Players) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
        over = words[:, 2] | words[:, 3] == 0
        outcome = over * (1 - 2 * player) * np.sign(more(words[:, 0], words[:, 1]))
        return outcome.astype(np.int8), np.where(over, NO_MOVE, ONGOING).astype(np.uint8)

    def mask(self, words: Words, player: Players) -> NDArray[np.bool_]:
        free = (words[:, 2, None] >> np.arange(SIZE * SIZE, dtype=np.uint64)) & ONE != 0
        return np.concatenate((free, words[:, 2, None] == 0), axis=1)

    def see(self, words: Words, player: Players) -> Words:
        last = last_move(words[:, :1], words[:, 1:2])
        return np.concatenate((words, last), axis=1)[:, :, None]

    def weigh(self, words: Words, player: Players) -> NDArray[np.float32]:
        ahead: NDArray[np.int64] = worth(*words.T)
        return ((1 - 2 * player) * ahead).astype(np.float32)


def state(own: Words, other: Words) -> Words:
    """[N, 4] the words of states, from the stones of the movers and of the other players."""
    return np.stack((own, other, places(own, other), places(other, own)), axis=1)
