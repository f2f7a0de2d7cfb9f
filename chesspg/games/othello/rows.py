"""Othello compiled by numba: the functions of rules.py, one game at a time."""

# mypy: allow-untyped-defs
# numba infers the types of compiled functions; type hints would not be checked by anything.

from __future__ import annotations

import numpy as np

from chesspg.games.compiling import ONE, U, inlined, lowest, popcount, together
from chesspg.games.othello import rules
from chesspg.games.othello.rules import MAX_LEGAL, NO_MOVE, ONGOING, PASS
from chesspg.games.stones.compiled import RowRules, StoneKernels


def more(first, second):
    return np.int64(popcount(first) - popcount(second))


lead, _, _, _, places, _, turned, placed, last_move, worth = together(
    more, rules.rising, rules.falling, rules.beyond, rules.places,
    rules.enclosed, rules.turned, rules.placed, rules.last_move, rules.worth,
)  # fmt: skip


@inlined
def play(words, row, player, action):
    own, other = words[row, 0], words[row, 1]
    stone = placed(U(action))
    turns = turned(own, other, stone)
    own, other = other ^ turns, own | stone | turns
    mine, theirs = places(own, other), places(other, own)
    words[row, 0], words[row, 1], words[row, 2], words[row, 3] = own, other, mine, theirs
    player = 1 - player
    if mine | theirs:
        return player, 0, ONGOING
    ahead = lead(own, other)
    sign = np.int64(ahead > 0) - np.int64(ahead < 0)
    return player, -sign if player else sign, NO_MOVE


@inlined
def legal(words, row, player, actions, place):
    free = words[row, 2]
    if not free:
        actions[place] = PASS
        return place + ONE
    while free:
        actions[place] = lowest(free)
        place += ONE
        free &= free - ONE
    return place


@inlined
def allowed(words, row, player, action):
    if action == PASS:
        return not words[row, 2]
    return 0 <= action < PASS and (words[row, 2] >> U(action)) & ONE != 0


@inlined
def see(words, row, player, planes, place):
    for word in range(4):
        planes[place, word] = words[row, word]
    planes[place, 4] = last_move(words[row, 0], words[row, 1])


@inlined
def weigh(words, row, player):
    ahead = worth(words[row, 0], words[row, 1], words[row, 2], words[row, 3])
    return -ahead if player else ahead


KERNELS = StoneKernels(
    "othello",
    RowRules(play, legal, allowed, see, weigh),
    files=(__file__, rules.__file__),
    planes=(5, 1),
    max_legal=MAX_LEGAL,
)
