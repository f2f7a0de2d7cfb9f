"""The rules of standard chess, compiled by numba: one row of arrays per game, always seen from the mover's side.

Every board is the 14 words of encoding.PLANES. A move is made from the mover's side and then the board is turned
upside down, so that pawns have one direction and no branch depends on the color. All code of the rules is in this
file, because numba's cache looks only at the file of a function when it decides whether to compile it again; inputs.py,
which uses some of it, makes a hash of this file a part of its keys.
"""

# mypy: allow-untyped-defs
# numba infers the types of compiled functions; type hints would not be checked by anything.

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import chess
import numpy as np
from numba import types
from numpy.typing import NDArray

from chesspg.games.compiling import (
    ONE,
    ZERO,
    U,
    announced,
    cached,
    compiled,
    inlined,
    instruction,
    lowest,
    numba_cuda,
    popcount,
    span,
)

# No value comes from a module of the package that may change, because numba's cache would not notice it.
ACTIONS = 328  # room for the actions of a game, see encoding.MAX_LEGAL
KEYS = 132  # most keys of a game: the last 128, enough because of the fifty-move rule, and room for blocks of 4
QUEENING = 1 << 13  # set in a recorded action that promotes to a queen, because the action alone does not show it
LEGAL, KNOWN = range(2)  # columns of Rows.offsets
CLOCK, FULLMOVE = range(2)  # columns of Rows.counters
ONGOING, CHECKMATE, STALEMATE, MATERIAL, THREEFOLD, FIFTY = range(6)  # indices into Chess.reasons


class Rows(NamedTuple):
    """N games. A ply reads one set of rows and writes another. Ragged arrays hold game after game without gaps."""

    planes: NDArray[np.uint64]  # [N, 14] see encoding.PLANES
    offsets: NDArray[np.int64]  # [N + 1, 2] game i has actions[offsets[i, 0]:offsets[i + 1, 0]], and keys likewise
    actions: NDArray[np.int16]  # [N · ACTIONS] the legal actions, ascending within a game
    keys: NDArray[np.uint64]  # [N · KEYS] hashes of the positions since the last capture or pawn move
    counters: NDArray[np.int64]  # [N, 2] halfmoves without progress, move number
    scalars: NDArray[np.uint8]  # [N, 2] see encoding.SCALARS
    outcome: NDArray[np.int8]  # [N] for player 0
    reason: NDArray[np.uint8]  # [N] why the game is over, an index into Chess.reasons
    player: NDArray[np.int8]  # [N] the player to move

    @staticmethod
    def empty(count: int) -> Rows:
        """Room for N games."""
        rows = Rows(
            np.empty((count, 14), np.uint64),
            np.empty((count + 1, 2), np.int64),
            np.empty(count * ACTIONS, np.int16),
            np.empty(count * KEYS, np.uint64),
            np.empty((count, 2), np.int64),
            np.empty((count, 2), np.uint8),
            np.empty(count, np.int8),
            np.empty(count, np.uint8),
            np.empty(count, np.int8),
        )
        rows.offsets[0] = 0
        return rows


TWO, THREE, FIVE, SIX, SEVEN, EIGHT, NINE = map(U, (2, 3, 5, 6, 7, 8, 9))
QUEEN, SIXTEEN, FLIP, SQUARES, PLAIN = U(4), U(16), U(56), U(63), U(4096)
EVERY = U(chess.BB_ALL)
NOT_A, NOT_H = U(chess.BB_ALL ^ chess.BB_FILE_A), U(chess.BB_ALL ^ chess.BB_FILE_H)
NOT_AB, NOT_GH = NOT_A & (NOT_A << U(1)), NOT_H & (NOT_H >> U(1))
RANK_1, RANK_3, RANK_7 = U(chess.BB_RANK_1), U(chess.BB_RANK_3), U(chess.BB_RANK_7)
LIGHT, DARK = U(chess.BB_LIGHT_SQUARES), U(chess.BB_DARK_SQUARES)
KINGSIDE_EMPTY, KINGSIDE_SAFE = U(0x60), U(0x70)  # f1 g1; e1 f1 g1
QUEENSIDE_EMPTY, QUEENSIDE_SAFE = U(0x0E), U(0x1C)  # b1 c1 d1; c1 d1 e1
A1, H1 = U(1), U(0x80)
KINGSIDE_ROOK, QUEENSIDE_ROOK = U(0xA0), U(0x09)  # h1 and f1; a1 and d1


def _table(rows: Any) -> NDArray[np.uint64]:
    return np.array(rows, dtype=np.uint64)


def _slanted(square: int, rising: bool) -> int:
    """The diagonal (rising) or antidiagonal through `square`, without it."""
    file, rank = chess.square_file(square), chess.square_rank(square)
    both = chess.SquareSet(chess.BB_DIAG_ATTACKS[square][0])
    return sum(1 << s for s in both if ((chess.square_file(s) - file) * (chess.square_rank(s) - rank) > 0) == rising)


KNIGHT, KING = _table(chess.BB_KNIGHT_ATTACKS), _table(chess.BB_KING_ATTACKS)
FILES = _table([chess.BB_FILE_ATTACKS[s][0] for s in chess.SQUARES])
DIAGONALS = _table([_slanted(s, rising=True) for s in chess.SQUARES])
ANTIDIAGONALS = _table([_slanted(s, rising=False) for s in chess.SQUARES])
RANKS = _table(  # [occupancy of the six squares between the edges, file] attacks along the first rank
    [[chess.BB_RANK_ATTACKS[file][inner << 1 & chess.BB_RANK_MASKS[file]] for file in range(8)] for inner in range(64)]
)
STRAIGHT = _table([chess.BB_RANK_ATTACKS[s][0] | chess.BB_FILE_ATTACKS[s][0] for s in chess.SQUARES])
SLANTED = DIAGONALS | ANTIDIAGONALS
# [piece + 6·color, or 12 for castling, or 13 for en passant; square as White sees it]
ZOBRIST = np.random.default_rng(0).integers(1, 2**64, (14, 64), dtype=np.uint64)
BLACK = U(0x9E3779B97F4A7C15)  # Black to move
VALUES = _table([1, 3, 3, 5, 9, 0])  # see encoding.PIECE_VALUES

turned = instruction(lambda builder, word: builder.bswap(word))  # the board upside down, because each byte is a rank


@inlined
def hashed(line, square):
    """An entry of ZOBRIST. Code for CUDA has a copy of a table for each function that reads it, so no other does."""
    return ZOBRIST[line, square]


@inlined
def ray(occupied, line, bit):
    """Attacks along a line by hyperbola quintessence: subtract the slider from the blockers, from both ends.

    See chessprogramming.org/Hyperbola_Quintessence.
    """
    forward = occupied & line
    backward = turned(forward) - turned(bit)
    return ((forward - bit) ^ turned(backward)) & line


@inlined
def rook_attacks(square, occupied):
    """The word of squares that a rook on a square attacks."""
    first = square & FLIP
    rank = RANKS[(occupied >> (first + ONE)) & SQUARES, square & SEVEN] << first
    return rank | ray(occupied, FILES[square], ONE << square)


@inlined
def bishop_attacks(square, occupied):
    """The word of squares that a bishop on a square attacks."""
    bit = ONE << square
    return ray(occupied, DIAGONALS[square], bit) | ray(occupied, ANTIDIAGONALS[square], bit)


@inlined
def through(first, second):
    """The line through two squares, without the first of them; nothing if they are on no line."""
    file, diagonal, antidiagonal = FILES[first], DIAGONALS[first], ANTIDIAGONALS[first]
    rank = STRAIGHT[first] ^ file
    line = file & (ZERO - ((file >> second) & ONE))
    line |= rank & (ZERO - ((rank >> second) & ONE))
    line |= diagonal & (ZERO - ((diagonal >> second) & ONE))
    return line | (antidiagonal & (ZERO - ((antidiagonal >> second) & ONE)))


@inlined
def between(first, second):
    """The squares between two squares; nothing if they are on no line.

    See chessprogramming.org/Square_Attacked_By.
    """
    both = (EVERY << first) ^ (EVERY << second)
    file = (second & SEVEN) - (first & SEVEN)
    rank = ((second | SEVEN) - first) >> THREE
    line = ((file & SEVEN) - ONE) & U(0x0001010101010100)
    line += (((rank & SEVEN) - ONE) >> U(58)) << ONE
    line += (((rank - file) & U(15)) - ONE) & U(0x0040201008040200)
    line += (((rank + file) & U(15)) - ONE) & U(0x0002040810204080)
    return (line * (both & (ZERO - both))) & both


@inlined
def rising(sliders, free, shift):
    """The squares that all sliders attack in one direction, shifting left, by Kogge and Stone.

    It has no loop, so the processor has no branch to predict.
    """
    sliders |= free & (sliders << shift)
    free &= free << shift
    sliders |= free & (sliders << (shift + shift))
    free &= free << (shift + shift)
    return (sliders | (free & (sliders << (shift << TWO)))) << shift


@inlined
def falling(sliders, free, shift):
    """The squares that all sliders attack in one direction, shifting right."""
    sliders |= free & (sliders >> shift)
    free &= free >> shift
    sliders |= free & (sliders >> (shift + shift))
    free &= free >> (shift + shift)
    return (sliders | (free & (sliders >> (shift << TWO)))) >> shift


@inlined
def danger(planes, row, occupied):
    """The squares that the opponent attacks."""
    pawns, knights = planes[row, 6], planes[row, 7]
    bishops, rooks = planes[row, 8] | planes[row, 10], planes[row, 9] | planes[row, 10]
    near = ((knights >> ONE) & NOT_H) | ((knights << ONE) & NOT_A)
    far = ((knights >> TWO) & NOT_GH) | ((knights << TWO) & NOT_AB)
    attacked = (near << SIXTEEN) | (near >> SIXTEEN) | (far << EIGHT) | (far >> EIGHT)
    east = ((pawns & NOT_H) >> SEVEN) | rising(rooks, ~occupied & NOT_A, ONE) | rising(bishops, ~occupied & NOT_A, NINE)
    west = (
        ((pawns & NOT_A) >> NINE) | falling(rooks, ~occupied & NOT_H, ONE) | falling(bishops, ~occupied & NOT_H, NINE)
    )
    east |= falling(bishops, ~occupied & NOT_A, SEVEN)
    west |= rising(bishops, ~occupied & NOT_H, SEVEN)
    attacked |= rising(rooks, ~occupied, EIGHT) | falling(rooks, ~occupied, EIGHT)
    return attacked | (east & NOT_A) | (west & NOT_H) | KING[lowest(planes[row, 11])]


@inlined
def generate(planes, row, targets):
    """Find the legal moves of one game.

    Writes to targets [64] the words of the squares that the piece on each square may go to; targets of squares without
    a movable piece are left as they were. Clears the en passant plane unless a capture there is legal. Returns the word
    of pieces that can move, and the word of pieces that give check.
    """
    own = planes[row, 0] | planes[row, 1] | planes[row, 2] | planes[row, 3] | planes[row, 4] | planes[row, 5]
    their = planes[row, 6] | planes[row, 7] | planes[row, 8] | planes[row, 9] | planes[row, 10] | planes[row, 11]
    occupied = own | their
    bishops, rooks = planes[row, 8] | planes[row, 10], planes[row, 9] | planes[row, 10]
    king_bit = planes[row, 5]
    king = lowest(king_bit)

    checkers = (KNIGHT[king] & planes[row, 7]) | (
        (((king_bit & NOT_A) << SEVEN) | ((king_bit & NOT_H) << NINE)) & planes[row, 6]
    )
    pinned = ZERO
    snipers = (STRAIGHT[king] & rooks) | (SLANTED[king] & bishops)
    while snipers:
        sniper = lowest(snipers)
        snipers &= snipers - ONE
        blockers = between(king, sniper) & occupied
        if blockers == ZERO:
            checkers |= ONE << sniper
        elif blockers & (blockers - ONE) == ZERO:
            pinned |= blockers & own

    movers = ZERO
    reach = KING[king] & ~own
    castling = planes[row, 12] & RANK_1
    if reach | castling:
        attacked = danger(planes, row, occupied ^ king_bit)
        reach &= ~attacked
        if castling & H1 and not occupied & KINGSIDE_EMPTY and not attacked & KINGSIDE_SAFE:
            reach |= king_bit << TWO
        if castling & A1 and not occupied & QUEENSIDE_EMPTY and not attacked & QUEENSIDE_SAFE:
            reach |= king_bit >> TWO
        if reach:
            targets[king] = reach
            movers = king_bit
    en_passant = planes[row, 13]
    planes[row, 13] = ZERO
    allowed = ~own
    if checkers:
        if checkers & (checkers - ONE):
            return movers, checkers
        allowed = checkers | between(king, lowest(checkers))

    enemies, free = their & allowed, ~occupied
    pieces = planes[row, 0]
    one = (pieces << EIGHT) & free
    two = ((one & RANK_3) << EIGHT) & free & allowed
    one &= allowed
    west, east = ((pieces & NOT_A) << SEVEN) & enemies, ((pieces & NOT_H) << NINE) & enemies
    pieces = (one >> EIGHT) | (two >> SIXTEEN) | (west >> SEVEN) | (east >> NINE)
    movers |= pieces
    while pieces:
        square = lowest(pieces)
        bit = ONE << square
        pieces ^= bit
        targets[square] = (
            (one & (bit << EIGHT)) | (two & (bit << SIXTEEN)) | (west & (bit << SEVEN)) | (east & (bit << NINE))
        )
    pieces = planes[row, 1]
    while pieces:
        square = lowest(pieces)
        pieces &= pieces - ONE
        reach = KNIGHT[square] & allowed
        targets[square] = reach
        movers |= U(reach != ZERO) << square
    pieces = planes[row, 2] | planes[row, 4]
    while pieces:
        square = lowest(pieces)
        pieces &= pieces - ONE
        reach = bishop_attacks(square, occupied) & allowed
        targets[square] = reach
        movers |= U(reach != ZERO) << square
    pieces = planes[row, 3] | planes[row, 4]
    while pieces:
        square = lowest(pieces)
        pieces &= pieces - ONE
        reach = rook_attacks(square, occupied) & allowed
        reach |= targets[square] & (ZERO - ((planes[row, 4] >> square) & ONE))
        targets[square] = reach
        movers |= U(reach != ZERO) << square
    while pinned:
        square = lowest(pinned)
        pinned &= pinned - ONE
        targets[square] &= through(king, square)
        movers &= ~(U(targets[square] == ZERO) << square)
    if en_passant:
        pieces = planes[row, 0] & (((en_passant & NOT_A) >> NINE) | ((en_passant & NOT_H) >> SEVEN))
        captured = en_passant >> EIGHT
        while pieces:  # rare enough to examine the board after each capture
            square = lowest(pieces)
            bit = ONE << square
            pieces ^= bit
            then = occupied ^ bit ^ en_passant ^ captured
            unsafe = (rook_attacks(king, then) & rooks) | (bishop_attacks(king, then) & bishops)
            if not unsafe and not checkers & (planes[row, 6] | planes[row, 7]) & ~captured:
                targets[square] = en_passant | (targets[square] if movers & bit else ZERO)
                movers |= bit
                planes[row, 13] = en_passant
    return movers, checkers


@inlined
def emit(planes, row, targets, movers, actions, count):
    """Write the actions, ascending, from actions[count] on, and return the index after the last."""
    promoting = movers & planes[row, 0] & RANK_7
    while movers:
        square = lowest(movers)
        movers &= movers - ONE
        reach = targets[square]
        base = square << SIX
        end = count + popcount(reach)
        while count < end:  # in blocks of eight: few pieces have more moves, so the end of the loop is predicted well
            for _ in range(8):
                actions[count] = base | lowest(reach)
                reach &= reach - ONE
                count += ONE
        count = end
    while promoting:
        square = lowest(promoting)
        promoting &= promoting - ONE
        reach = targets[square]
        file = square & SEVEN
        while reach:
            lane = THREE * file + (lowest(reach) & SEVEN) + ONE - file
            reach &= reach - ONE
            for piece in range(3):
                actions[count] = PLAIN + THREE * lane + U(piece)
                count += ONE
    return count


@inlined
def make(before, index, action, player, key, planes, row):
    """Write to planes[row] the board before[index] after a legal move, turned upside down.

    planes[row, 13] is then the square of a possible capture en passant; generate() checks whether it is legal. Returns
    the key without en passant, and whether the fifty-move clock starts again.
    """
    flip = FLIP if player else ZERO
    own, their = (SIX, ZERO) if player else (ZERO, SIX)
    choice = U(action)
    promoted = ZERO
    if choice >= PLAIN:
        lane = (choice - PLAIN) // THREE
        file = lane // THREE
        promoted = choice - PLAIN - THREE * lane + ONE
        source, target = U(48) + file, U(55) + file + lane - THREE * file
    else:
        source, target = choice >> SIX, choice & SQUARES
    leaves, enters = ONE << source, ONE << target
    kind, victim = ZERO, ZERO  # kinds count from 0, a pawn; victims from 1, with 0 for none
    for piece in span(6):
        mine, theirs = before[index, piece], before[index, SIX + piece]
        kind += piece * ((mine >> source) & ONE)
        victim += (piece + ONE) * ((theirs >> target) & ONE)
        planes[row, piece], planes[row, SIX + piece] = turned(theirs), turned(mine)

    planes[row, SIX + kind] ^= turned(leaves | enters)
    key ^= BLACK ^ hashed(own + kind, source ^ flip) ^ hashed(own + kind, target ^ flip)
    hit = U(victim != ZERO)  # computed without a branch, because captures can't be predicted
    planes[row, victim - hit] ^= turned(hit << target)
    key ^= hashed(their + victim - hit, target ^ flip) & (ZERO - hit)
    passing, castling = before[index, 13], before[index, 12]
    if passing:
        key ^= hashed(U(13), lowest(passing) ^ flip)
    planes[row, 13] = ZERO
    gone = leaves | enters
    if kind == ZERO:
        if enters == passing:
            planes[row, 0] ^= turned(enters >> EIGHT)
            key ^= hashed(their, (target - EIGHT) ^ flip)
        elif target - source == SIXTEEN:
            if (((enters & NOT_A) >> ONE) | ((enters & NOT_H) << ONE)) & before[index, 6]:
                planes[row, 13] = turned(leaves << EIGHT)
        elif target >= FLIP:
            promoted = promoted if promoted else QUEEN
            planes[row, 6] ^= turned(enters)
            planes[row, SIX + promoted] ^= turned(enters)
            key ^= hashed(own, target ^ flip) ^ hashed(own + promoted, target ^ flip)
    elif kind == FIVE:
        gone |= RANK_1
        if target == source + TWO:
            planes[row, NINE] ^= turned(KINGSIDE_ROOK)
            key ^= hashed(own + THREE, SEVEN ^ flip) ^ hashed(own + THREE, FIVE ^ flip)
        elif target + TWO == source:
            planes[row, NINE] ^= turned(QUEENSIDE_ROOK)
            key ^= hashed(own + THREE, ZERO ^ flip) ^ hashed(own + THREE, THREE ^ flip)
    gone &= castling
    planes[row, 12] = turned(castling ^ gone)
    while gone:
        key ^= hashed(U(12), lowest(gone) ^ flip)
        gone &= gone - ONE
    return key, kind == ZERO or victim != ZERO


@inlined
def insufficient(planes, row):
    """Whether neither side can mate, by the rule of python-chess."""
    if planes[row, 0] | planes[row, 3] | planes[row, 4] | planes[row, 6] | planes[row, 9] | planes[row, 10]:
        return False
    knights, bishops = planes[row, 1] | planes[row, 7], planes[row, 2] | planes[row, 8]
    if knights:
        return bishops == ZERO and knights & (knights - ONE) == ZERO
    return bishops & LIGHT == ZERO or bishops & DARK == ZERO


@inlined
def settle(rows, row, key, past, first, count, targets, at_action, at_key):
    """Set the legal actions, the keys, the scalars and the verdict of one game after a move or at its start.

    past[first:first + count] are the keys of the game so far. Actions and keys are written from at_action and at_key
    on. Returns the places after the last action and after the last key.
    """
    planes, clock = rows.planes, rows.counters[row, CLOCK]
    movers, checkers = generate(planes, row, targets)
    if planes[row, 13]:
        key ^= hashed(U(13), lowest(planes[row, 13]) ^ (FLIP if rows.player[row] else ZERO))
    repetitions = ZERO
    for start in span(count, 4):
        for place in span(4):
            known = past[first + start + place]
            repetitions += U(known == key) & U(start + place < count)
            rows.keys[at_key + start + place] = known
    rows.keys[at_key + count] = key
    at_key += count + ONE
    rows.scalars[row, 0] = min(clock, 100)
    rows.scalars[row, 1] = min(repetitions, TWO)

    outcome = 0
    if insufficient(planes, row):
        reason = MATERIAL
    elif clock >= 100:
        reason = FIFTY
    elif repetitions >= TWO:
        reason = THREEFOLD
    else:
        reason = ONGOING
    if movers == ZERO:
        if checkers:
            reason = CHECKMATE
            outcome = 1 if rows.player[row] else -1
        elif reason != MATERIAL:
            reason = STALEMATE
    rows.outcome[row] = outcome
    rows.reason[row] = reason
    if reason == ONGOING:
        at_action = emit(planes, row, targets, movers, rows.actions, at_action)
    return at_action, at_key


def room() -> NDArray[np.uint64]:
    """[64] an array in which generate() leaves targets for emit()."""
    return np.empty(64, np.uint64)


@compiled
def begin(rows, targets):
    """Settle every game from its planes, player and counters."""
    at_action, at_key = ZERO, ZERO
    for row in span(len(rows.player)):
        flip = FLIP if rows.player[row] else ZERO
        shift = SIX if rows.player[row] else ZERO
        key = BLACK if rows.player[row] else ZERO
        for plane in range(13):
            word = rows.planes[row, plane]
            while word:
                line = U(12) if plane == 12 else (U(plane) + shift) % U(12)
                key ^= hashed(line, lowest(word) ^ flip)
                word &= word - ONE
        at_action, at_key = settle(rows, row, key, rows.keys, ZERO, ZERO, targets, at_action, at_key)
        rows.offsets[row + ONE, LEGAL], rows.offsets[row + ONE, KNOWN] = at_action, at_key


@inlined
def is_among(actions, first, last, action):
    """Whether an action is in actions[first:last], all compared at once, which is faster than a search."""
    small, found = np.int16(action), False
    for place in range(U(first), U(last)):
        found |= actions[place] == small
    return found and action == small


@inlined
def moved(source, first, count, target, place):
    """target[place:place + count] = source[first:first + count]."""
    for step in span(count):
        target[place + step] = source[first + step]


@inlined
def keep(before, index, count, after, row, at_action, at_key):
    """Copy `count` consecutive games. Returns the places of the next game's actions and keys."""
    actions, keys = U(before.offsets[index, LEGAL]), U(before.offsets[index, KNOWN])
    for game in span(count):
        for plane in span(14):
            after.planes[row + game, plane] = before.planes[index + game, plane]
    for game in span(count):
        for column in span(2):
            after.counters[row + game, column] = before.counters[index + game, column]
            after.scalars[row + game, column] = before.scalars[index + game, column]
    for game in range(ONE, count + ONE):
        after.offsets[row + game, LEGAL] = before.offsets[index + game, LEGAL] + at_action - actions
        after.offsets[row + game, KNOWN] = before.offsets[index + game, KNOWN] + at_key - keys
    moved(before.outcome, index, count, after.outcome, row)
    moved(before.reason, index, count, after.reason, row)
    moved(before.player, index, count, after.player, row)
    next_action, next_key = U(after.offsets[row + count, LEGAL]), U(after.offsets[row + count, KNOWN])
    moved(before.actions, actions, next_action - at_action, after.actions, at_action)
    moved(before.keys, keys, next_key - at_key, after.keys, at_key)
    return next_action, next_key


@compiled
def copy(before, indices, after):
    """after[i] = before[indices[i]]. Runs of consecutive indices are copied as a whole."""
    row = at_action = at_key = ZERO
    while row < U(len(indices)):
        index, count = U(indices[row]), ONE
        while row + count < U(len(indices)) and U(indices[row + count]) == index + count:
            count += ONE
        at_action, at_key = keep(before, index, count, after, row, at_action, at_key)
        row += count


@compiled
def advance(before, actions, after, record, checked, targets, first, last):
    """Play one action in each game from `first` to `last` − 1; an action of −1 plays nothing.

    Writes the games to `after` and the actions to `record`. The ragged parts begin at first · ACTIONS and first · KEYS.
    Returns −1, or the first game whose action is not legal if `checked`.
    """
    at_action, at_key = U(first) * U(ACTIONS), U(first) * U(KEYS)
    for row in range(U(first), U(last)):
        action = actions[row]
        record[row] = action
        if action < 0:
            at_action, at_key = keep(before, row, ONE, after, row, at_action, at_key)
            continue
        legal, last_legal = before.offsets[row, LEGAL], before.offsets[row + ONE, LEGAL]
        if checked and not is_among(before.actions, legal, last_legal, action):
            return np.int64(row)
        if action < 4096 and (action & 63) >= 56 and (before.planes[row, 0] >> U(action >> 6)) & ONE:
            record[row] = action | QUEENING
        player, end = before.player[row], U(before.offsets[row + ONE, KNOWN])
        key, progress = make(before.planes, row, action, player, before.keys[end - ONE], after.planes, row)
        after.counters[row, CLOCK] = 0 if progress else before.counters[row, CLOCK] + 1
        after.counters[row, FULLMOVE] = before.counters[row, FULLMOVE] + player
        after.player[row] = 1 - player
        count = ZERO if progress else min(end - U(before.offsets[row, KNOWN]), U(127))
        at_action, at_key = settle(after, row, key, before.keys, end - count, count, targets, at_action, at_key)
        after.offsets[row + ONE, LEGAL], after.offsets[row + ONE, KNOWN] = at_action, at_key
    return -1


@compiled
def leaves(boards, actions, counts, played, depth, targets):
    """Perft: the number of games of `depth` >= 1 plies from boards[0]; the other arrays are scratch space."""
    total, ply = ZERO, 0
    entering = True
    while ply >= 0:
        if entering:
            movers, _ = generate(boards, ply, targets)
            if ply == depth - 1:  # moves of the last ply are only counted
                promoting = boards[ply, 0] & RANK_7
                while movers:
                    square = lowest(movers)
                    movers &= movers - ONE
                    total += popcount(targets[square]) << (TWO * ((promoting >> square) & ONE))
                ply -= 1
                entering = False
                continue
            counts[ply] = emit(boards, ply, targets, movers, actions[ply], ZERO)
            played[ply] = 0
        if played[ply] == counts[ply]:
            ply -= 1
            entering = False
            continue
        make(boards, ply, actions[ply, played[ply]], ply & 1, ZERO, boards, ply + 1)
        played[ply] += 1
        ply += 1
        entering = True
    return total


@compiled
def captures(planes, actions, offsets, squares, values, node, action, gain, square):
    """Find the captures in every game, see exchanges.py.

    Writes each capture's game to `node`, and its `action`, `gain` and `square`; returns their number. `squares` has the
    one square of each game, or is empty if all squares are wanted. `values` are those of the five pieces but the king.
    """
    count = ZERO
    for row in span(len(offsets) - 1):
        theirs = planes[row, 13]
        for piece in span(5):
            theirs |= planes[row, SIX + piece]
        if len(squares):
            theirs &= ONE << U(squares[row])
        if theirs == ZERO:
            continue
        for place in range(U(offsets[row]), U(offsets[row + ONE])):
            choice = U(actions[place])
            target = choice & SQUARES
            if choice >= PLAIN or not (theirs >> target) & ONE:
                continue
            won = values[0] * 0
            for piece in span(5):
                won += values[piece] * ((planes[row, SIX + piece] >> target) & ONE)
            if (planes[row, 0] >> (choice >> SIX)) & ONE:
                won += values[0] * ((planes[row, 13] >> target) & ONE)
                if target >= FLIP:
                    won += values[QUEEN] - values[0]
            if won > 0:  # a piece other than a pawn captures nothing on the en passant square
                node[count], action[count], gain[count], square[count] = row, choice, won, target ^ FLIP
                count += ONE
    return count


# Games on a device: one function per row, which a loop calls on the CPU and a grid of threads on CUDA.


class Slots(NamedTuple):
    """Games on a device. Unlike in Rows, each slot has room of its own in the arrays that are ragged there."""

    planes: Any  # [slots, 14] uint64
    counts: Any  # [slots, 2] int64 the number of legal actions and of keys
    actions: Any  # [slots · ACTIONS] int16 the legal actions of slot i from i · ACTIONS on; −1 after the last
    keys: Any  # [slots · KEYS] uint64 likewise
    counters: Any  # [slots, 1] int64 halfmoves without progress
    scalars: Any  # [slots, 2] uint8
    outcome: Any  # [slots] int8
    reason: Any  # [slots] uint8
    player: Any  # [slots] int8
    illegal: Any  # [slots] bool


@inlined
def end_list(slots, row, count):
    """Set the number of legal actions in a slot, and −1 after the last."""
    first = row * U(ACTIONS)
    for place in range(count, max(U(slots.counts[row, LEGAL]), count + SEVEN)):  # emit() writes up to seven too many
        slots.actions[first + place] = -1
    slots.counts[row, LEGAL] = count


@inlined
def fill_row(slots, row, games, index, legal, actions, known, keys):
    """Copy games[index] to a slot. Its actions are from `legal` on, its keys from `known` on."""
    for plane in span(14):
        slots.planes[row, plane] = games.planes[index, plane]
    moved(games.actions, legal, actions, slots.actions, row * U(ACTIONS))
    end_list(slots, row, actions)
    moved(games.keys, known, keys, slots.keys, row * U(KEYS))
    slots.counts[row, KNOWN] = keys
    slots.counters[row, CLOCK] = games.counters[index, CLOCK]
    for column in span(2):
        slots.scalars[row, column] = games.scalars[index, column]
    slots.outcome[row], slots.reason[row] = games.outcome[index], games.reason[index]
    slots.player[row] = games.player[index]


@inlined
def reset_row(slots, row, starts, start):
    """Begin a game in a slot from starts[start]; a number that is out of range counts as the nearest."""
    index = U(min(max(start, 0), len(starts.player) - 1))
    legal, known = U(starts.offsets[index, LEGAL]), U(starts.offsets[index, KNOWN])
    actions, keys = U(starts.offsets[index + ONE, LEGAL]) - legal, U(starts.offsets[index + ONE, KNOWN]) - known
    fill_row(slots, row, starts, index, legal, actions, known, keys)
    slots.illegal[row] = False


@inlined
def step_row(slots, row, action, board, targets):
    """Play one ply in a slot, or set `illegal`. board [1, 14] and targets [64] are scratch space of this row."""
    first, known = row * U(ACTIONS), row * U(KEYS)
    if not is_among(slots.actions, first, first + U(slots.counts[row, LEGAL]), action):
        slots.illegal[row] = True
        return
    for plane in span(14):
        board[0, plane] = slots.planes[row, plane]
    player, count = slots.player[row], U(slots.counts[row, KNOWN])
    key, progress = make(board, 0, action, player, slots.keys[known + count - ONE], slots.planes, row)
    slots.counters[row, CLOCK] = 0 if progress else slots.counters[row, CLOCK] + 1
    slots.player[row] = 1 - player
    # A game with more than 100 keys is over by the fifty-move rule, so there is room for another one.
    count = ZERO if progress else count
    end, at_key = settle(slots, row, key, slots.keys, known, count, targets, first, known)
    end_list(slots, row, end - first)
    slots.counts[row, KNOWN] = at_key - known


@inlined
def branch_row(slots, after, child, board, targets):
    """Write to after[child] the game of a slot after one of its legal actions, or as it is if there is none.

    The children of slot i begin at i · ACTIONS.
    """
    row = child // U(ACTIONS)
    legal, known = row * U(ACTIONS), row * U(KEYS)
    actions, keys = U(slots.counts[row, LEGAL]), U(slots.counts[row, KNOWN])
    after.counts[child, LEGAL] = ACTIONS  # the memory is new, so end_list() has to fill the whole row
    fill_row(after, child, slots, row, legal, actions, known, keys)
    after.illegal[child] = slots.illegal[row]
    if child - legal < actions:
        step_row(after, child, slots.actions[child], board, targets)


@inlined
def material_row(slots, row):
    """Material of player 0 minus that of player 1, as encoding.material counts it."""
    own, their = ZERO, ZERO
    for piece in span(6):
        own += VALUES[piece] * popcount(slots.planes[row, piece])
        their += VALUES[piece] * popcount(slots.planes[row, SIX + piece])
    return np.int64(their - own) if slots.player[row] else np.int64(own - their)


@compiled
def reset_slots(slots, starts, chosen, rows):
    """Begin a game in slot i from starts[chosen[i]] where rows[i]."""
    for row in span(len(rows)):
        if rows[row]:
            reset_row(slots, row, starts, chosen[row])


@compiled
def step_slots(slots, actions, alive, board, targets):
    """Play actions[i] in slot i where alive[i]."""
    for row in span(len(alive)):
        if alive[row]:
            step_row(slots, row, actions[row], board, targets)


@compiled
def branch_slots(slots, after, board, targets):
    """Write all children of all slots to after [slots · ACTIONS]."""
    for child in span(len(after.player)):
        branch_row(slots, after, child, board, targets)


@compiled
def weigh_slots(slots, material):
    """material[i] = the material in slot i."""
    for row in span(len(material)):
        material[row] = material_row(slots, row)


class Grid(NamedTuple):
    """The four functions above for CUDA, with one thread for each slot or child."""

    reset_slots: Any
    step_slots: Any
    branch_slots: Any
    weigh_slots: Any


@cache
def grid() -> Grid:
    """The kernels for CUDA, which are compiled at their first launch and cached on disk like those for the CPU."""
    cuda = numba_cuda()

    def reset_slots(slots, starts, chosen, rows):
        row = cuda.grid(1)
        if row < len(rows) and rows[row]:
            reset_row(slots, U(row), starts, chosen[row])

    def step_slots(slots, actions, alive):
        row = cuda.grid(1)
        if row < len(alive) and alive[row]:
            board, targets = cuda.local.array((1, 14), types.uint64), cuda.local.array(64, types.uint64)
            step_row(slots, U(row), actions[row], board, targets)

    def branch_slots(slots, after):
        child = cuda.grid(1)
        if child < len(after.player):
            board, targets = cuda.local.array((1, 14), types.uint64), cuda.local.array(64, types.uint64)
            branch_row(slots, after, U(child), board, targets)

    def weigh_slots(slots, material):
        row = cuda.grid(1)
        if row < len(material):
            material[row] = material_row(slots, U(row))

    return Grid(*(cached(kernel, cuda.jit) for kernel in (reset_slots, step_slots, branch_slots, weigh_slots)))


@cache
def ready() -> None:
    """Compile all kernels for playing, or load them from the cache, so that this happens once and is announced."""
    with announced("chess"):
        rows, twin = Rows.empty(1), Rows.empty(1)
        rows.planes[:], rows.counters[:], rows.player[:] = 0, 0, 0
        rows.planes[0, 5], rows.planes[0, 11], rows.planes[0, 3] = 1, 1 << 63, 1 << 15
        begin(rows, room())
        copy(rows, np.zeros(1, np.int64), twin)
        record = np.empty(1, np.int16)
        advance(twin, twin.actions[:1].astype(np.int64), rows, record, True, room(), 0, 1)
        none, gains = np.empty(0, np.int64), np.empty(0, np.float32)
        captures(rows.planes, rows.actions, rows.offsets[:1, LEGAL].copy(), none, gains, none, record, gains, none)
