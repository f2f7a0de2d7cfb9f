"""Hex compiled by numba: the functions of rules.py, one game at a time."""

# mypy: allow-untyped-defs, allow-untyped-calls
# numba infers the types of compiled functions; type hints would not be checked by anything.

from __future__ import annotations

from functools import cache

from chesspg.games.compiling import ONE, ZERO, U, inlined, lowest, popcount, span
from chesspg.games.hex import rules
from chesspg.games.hex.rules import (
    CONNECTED,
    ONGOING,
    OTHER,
    OTHER_FIRST,
    OTHER_LAST,
    OWN,
    OWN_FIRST,
    OWN_LAST,
    PLANES,
    Board,
)
from chesspg.games.stones.compiled import RowRules, StoneKernels

EIGHT, SIX, LOW = U(8), U(6), U(63)


@cache
def kernels(size):
    """The compiled rules for a board of this size, with and without swap."""
    board = Board(size)
    count, cells, side = U(board.words), board.cells, U(size)
    view = U(len(PLANES)) * count  # words of a view
    flag = view + view  # the place of the word that is 1 while a swap is possible
    room = flag + ONE  # the place of the words in which `distance` marks the cells that it has reached
    own, own_first, own_last, other, other_first, other_last = (
        U(plane) * count for plane in (OWN, OWN_FIRST, OWN_LAST, OTHER, OTHER_FIRST, OTHER_LAST)
    )
    every, first_row, last_row = board.every, board.first_row, board.last_row
    not_first_column, not_last_column = board.not_first_column, board.not_last_column
    neighbors = inlined(board.beside())

    @inlined
    def put(words, row, place, cell):
        words[row, place + (cell >> SIX)] |= ONE << (cell & LOW)

    @inlined
    def put_transposed(words, row, place, cell):
        put(words, row, place, cell % side * side + cell // side)

    @inlined
    def has(words, row, place, cell):
        return (words[row, place + (cell >> SIX)] >> (cell & LOW)) & ONE

    @inlined
    def beside(words, row, place, k):
        """Word k of the neighbors of the set at a place."""
        before = words[row, place + k - ONE] if k else ZERO
        after = words[row, place + k + ONE] if k + ONE < count else ZERO
        return neighbors(before, words[row, place + k], after, not_first_column[k], not_last_column[k])

    @inlined
    def flood(words, row, place, stones, twin):
        """Add to a set all that is connected to it by stones; and the same, transposed, to its twin if it has one."""
        more = True
        while more:
            more = False
            for k in span(count):
                new = beside(words, row, place, k) & words[row, stones + k] & ~words[row, place + k]
                words[row, place + k] |= new
                more |= new != ZERO
                while twin and new:
                    put_transposed(words, row, twin, (k << SIX) + lowest(new))
                    new &= new - ONE

    @inlined
    def join(words, row, stones, place, twin, cell, on_edge):
        """Add a stone to those that are connected to an edge, if it is, with all that it connects. Returns whether."""
        k = cell >> SIX
        if not on_edge and not (beside(words, row, place, k) >> (cell & LOW)) & ONE:
            return False
        put(words, row, place, cell)
        put_transposed(words, row, twin, cell)
        flood(words, row, place, stones, twin)
        return True

    @inlined
    def play(words, row, player, action):
        if action == cells:
            for k in span(view):
                words[row, k], words[row, view + k] = words[row, view + k], words[row, k]
            words[row, flag] = ZERO
            return 1 - player, 0, ONGOING
        cell = U(action)
        mine, theirs = (view, ZERO) if player else (ZERO, view)
        put(words, row, mine + own, cell)
        put_transposed(words, row, theirs + other, cell)
        first = join(words, row, mine + own, mine + own_first, theirs + other_first, cell, cell < side)
        last = join(words, row, mine + own, mine + own_last, theirs + other_last, cell, cell >= U(cells) - side)
        if player:
            words[row, flag] = ZERO
        if first and last:
            return 1 - player, 1 - 2 * player, CONNECTED
        return 1 - player, 0, ONGOING

    @inlined
    def legal(words, row, player, actions, place):
        mine = view if player else ZERO
        for k in span(count):
            free = every[k] & ~(words[row, mine + own + k] | words[row, mine + other + k])
            end = place + popcount(free)
            # In blocks of eight, whose loop is unrolled. What is written too much is within the room for the cells of
            # the words to come, so there are no blocks that would go too far in the last word.
            while place + (ONE if k + ONE < count else EIGHT) <= end:
                for _ in span(EIGHT):
                    actions[place] = (k << SIX) + lowest(free)
                    free &= free - ONE
                    place += ONE
            while place < end:
                actions[place] = (k << SIX) + lowest(free)
                free &= free - ONE
                place += ONE
            place = end
        if player and words[row, flag]:
            actions[place] = cells
            place += ONE
        return place

    @inlined
    def allowed(words, row, player, action):
        if action == cells:
            return player == 1 and words[row, flag] != ZERO
        if action < 0 or action > cells:
            return False
        mine, cell = view if player else ZERO, U(action)
        return not has(words, row, mine + own, cell) | has(words, row, mine + other, cell)

    @inlined
    def see(words, row, player, planes, place):
        mine = view if player else ZERO
        for k in span(view):
            planes[place, k] = words[row, mine + k]

    @inlined
    def distance(words, row, mine):
        """How many more stones the owner of a view needs to connect its edges; the number of cells if it can't."""
        won = ZERO
        for k in span(count):
            reached = words[row, mine + own_first + k]
            words[row, room + k] = reached
            won |= reached & words[row, mine + own_last + k]
        if won:
            return 0
        stones = 0
        while True:
            stones += 1
            there, before, anything = ZERO, ZERO, ZERO
            for k in span(count):
                here = words[row, room + k]
                after = words[row, room + k + ONE] if k + ONE < count else ZERO
                near = neighbors(before, here, after, not_first_column[k], not_last_column[k]) | first_row[k]
                before = here
                new = near & every[k] & ~(words[row, mine + own + k] | words[row, mine + other + k] | here)
                words[row, room + k] = here | new
                there |= new & (beside(words, row, mine + own_last, k) | last_row[k])
                anything |= new
            if there:
                return stones
            if not anything:
                return cells
            flood(words, row, room, mine + own, ZERO)

    @inlined
    def weigh(words, row, player):
        return distance(words, row, view) - distance(words, row, ZERO)

    return StoneKernels(
        f"hex {size}x{size}",
        RowRules(play, legal, allowed, see, weigh),
        files=(__file__, rules.__file__),
        planes=(len(PLANES), int(count)),
        max_legal=cells,
        sizes=(size,),
    )
