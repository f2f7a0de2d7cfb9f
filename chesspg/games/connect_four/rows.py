"""Connect Four compiled by numba: the functions of rules.py, one game at a time."""

# mypy: allow-untyped-defs
# numba infers the types of compiled functions; type hints would not be checked by anything.

from __future__ import annotations

import numpy as np

from chesspg.games.compiling import ONE, U, inlined, popcount, span, together
from chesspg.games.connect_four import rules
from chesspg.games.connect_four.rules import BOARD, CENTER, COLUMNS, FOUR, FULL, NEAR, ONGOING
from chesspg.games.stones.compiled import RowRules, StoneKernels

playable, target, own_rows, holes, threats = together(
    rules.playable, rules.target, rules.own_rows, rules.holes, rules.threats
)
LAST = U(BOARD.bit_count() - COLUMNS)  # the first square of the top row


@inlined
def play(words, row, player, action):
    own, other, mine, theirs = words[row, 0], words[row, 1], words[row, 2], words[row, 3]
    stone = target(own | other, U(action))
    own |= stone
    words[row, 0], words[row, 1], words[row, 2], words[row, 3] = other, own, theirs & ~stone, threats(own, other)
    if mine & stone:
        return 1 - player, 1 - 2 * player, FOUR
    return 1 - player, 0, FULL if own | other == BOARD else ONGOING


@inlined
def legal(words, row, player, actions, place):
    top = (words[row, 0] | words[row, 1]) >> LAST
    for column in span(COLUMNS):
        actions[place] = column
        place += ~(top >> column) & ONE
    return place


@inlined
def allowed(words, row, player, action):
    top = (words[row, 0] | words[row, 1]) >> LAST
    return 0 <= action < COLUMNS and not (top >> U(action)) & ONE


@inlined
def see(words, row, player, planes, place):
    for word in span(4):
        planes[place, word] = words[row, word]
    planes[place, 4] = playable(words[row, 0] | words[row, 1])
    planes[place, 5] = own_rows(U(player))


@inlined
def worth(stones, free):
    return np.int64(U(8) * popcount(free) + popcount(stones & NEAR) + popcount(stones & CENTER))


@inlined
def weigh(words, row, player):
    ahead = worth(words[row, 0], words[row, 2]) - worth(words[row, 1], words[row, 3])
    return -ahead if player else ahead


KERNELS = StoneKernels(
    "connect four",
    RowRules(play, legal, allowed, see, weigh),
    files=(__file__, rules.__file__),
    planes=(6, 1),
    max_legal=COLUMNS,
)
