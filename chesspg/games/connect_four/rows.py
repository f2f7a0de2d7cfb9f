"""Connect Four compiled by numba: the functions of rules.py, one game at a time."""

# mypy: allow-untyped-defs
# numba infers the types of compiled functions; type hints would not be checked by anything.

from __future__ import annotations

import numpy as np

from chesspg.games.compiling import ONE, U, inlined, popcount, span, together
from chesspg.games.connect_four import rules
from chesspg.games.connect_four.rules import BOARD, CENTER, COLUMNS, FOUR, FULL, NEAR, ONGOING
from chesspg.games.stones.compiled import RowRules, StoneKernels

target, lines, four, holes, threats = together(rules.target, rules.lines, rules.four, rules.holes, rules.threats)
LAST = U(BOARD.bit_count() - COLUMNS)  # the first square of the top row


@inlined
def play(words, row, player, action):
    own, other = words[row, 0], words[row, 1]
    own |= target(own | other, U(action))
    words[row, 0], words[row, 1] = other, own
    if four(own):
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
    planes[place, 0], planes[place, 1] = words[row, 0], words[row, 1]


@inlined
def worth(own, other):
    return np.int64(U(8) * popcount(threats(own, other)) + popcount(own & NEAR) + popcount(own & CENTER))


@inlined
def weigh(words, row, player):
    own, other = words[row, 0], words[row, 1]
    ahead = worth(own, other) - worth(other, own)
    return -ahead if player else ahead


KERNELS = StoneKernels(
    "connect four",
    RowRules(play, legal, allowed, see, weigh),
    files=(__file__, rules.__file__),
    planes=(2, 1),
    max_legal=COLUMNS,
)
