"""The input of a network for chess, compiled by numba: planes, maps and counters, square by square.

For each position, 36 or 48 channels per square: the 14 planes, the 20 or 32 maps of `chesspg.policy.attacks` in their
order, and the two counters. The numbers are written as their bits, so that one function serves every floating-point
type. A loop runs it over the positions on the CPU, and a grid on CUDA.
"""

# mypy: allow-untyped-defs
# numba infers the types of compiled functions; type hints would not be checked by anything.

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from chesspg.games.chess import kernels
from chesspg.games.chess.kernels import (
    EIGHT,
    FIVE,
    NINE,
    NOT_A,
    NOT_AB,
    NOT_GH,
    NOT_H,
    SEVEN,
    SIX,
    SIXTEEN,
    THREE,
    TWO,
    falling,
    rising,
)
from chesspg.games.compiling import ONE, ZERO, U, cached, compiled, inlined, numba_cuda, span

ATTACKS = 34  # planes and attack maps; a wider input also has the twelve words of `hanging`
COUNTERS = 2
PER_BLOCK = 32  # positions per block of a CUDA grid: one warp finds their attacks, then all threads write
THREADS = 256  # per block


@inlined
def straight(sliders, free):
    """The squares that rooks attack."""
    east = rising(sliders, free & NOT_A, ONE) & NOT_A
    west = falling(sliders, free & NOT_H, ONE) & NOT_H
    return east | west | rising(sliders, free, EIGHT) | falling(sliders, free, EIGHT)


@inlined
def slanted(sliders, free):
    """The squares that bishops attack."""
    east = rising(sliders, free & NOT_A, NINE) | falling(sliders, free & NOT_A, SEVEN)
    west = rising(sliders, free & NOT_H, SEVEN) | falling(sliders, free & NOT_H, NINE)
    return (east & NOT_A) | (west & NOT_H)


@inlined
def jumps(knights):
    """The squares that knights attack."""
    near = ((knights >> ONE) & NOT_H) | ((knights << ONE) & NOT_A)
    far = ((knights >> TWO) & NOT_GH) | ((knights << TWO) & NOT_AB)
    return (near << SIXTEEN) | (near >> SIXTEEN) | (far << EIGHT) | (far >> EIGHT)


@inlined
def around(kings):
    """The squares that a king attacks."""
    rank = kings | ((kings >> ONE) & NOT_H) | ((kings << ONE) & NOT_A)
    return (rank | (rank << EIGHT) | (rank >> EIGHT)) ^ kings


@inlined
def ahead(pawns):
    """The squares that pawns of the mover attack."""
    return ((pawns & NOT_A) << SEVEN) | ((pawns & NOT_H) << NINE)


@inlined
def behind(pawns):
    """The squares that pawns of the opponent attack."""
    return ((pawns & NOT_H) >> SEVEN) | ((pawns & NOT_A) >> NINE)


@inlined
def look(planes, row, words, place):
    """Write the planes and the attack maps of one position to words[place]."""
    occupied = ZERO
    for plane in span(12):
        occupied |= planes[row, plane]
    for plane in span(14):
        words[place, plane] = planes[row, plane]
    free = ~occupied
    words[place, U(14)], words[place, U(15)] = ahead(planes[row, ZERO]), behind(planes[row, SIX])
    words[place, U(26)], words[place, U(27)] = ahead(planes[row, FIVE]), behind(planes[row, U(11)])
    for side in span(2):
        first = SIX * side
        queens, king = planes[row, first + U(4)], planes[row, first + FIVE]
        words[place, U(16) + side] = jumps(planes[row, first + ONE])
        words[place, U(18) + side] = slanted(planes[row, first + TWO], free)
        words[place, U(20) + side] = straight(planes[row, first + THREE], free)
        words[place, U(22) + side] = straight(queens, free) | slanted(queens, free)
        words[place, U(24) + side] = around(king)
        words[place, U(28) + side] = jumps(king)
        words[place, U(30) + side] = slanted(king, free)
        words[place, U(32) + side] = straight(king, free)


@inlined
def hanging(words, place):
    """Write which pieces hang and where the kings can go, from the planes and attack maps in words[place]."""
    for side in span(2):
        ours, other = SIX * side, ONE - side
        own = defended = attacked = ZERO
        for piece in span(6):
            own |= words[place, ours + piece]
            defended |= words[place, U(14) + TWO * piece + side]
            attacked |= words[place, U(14) + TWO * piece + other]
        by_pawns, by_rooks = words[place, U(14) + other], words[place, U(20) + other]
        by_minor = by_pawns | words[place, U(16) + other] | words[place, U(18) + other]
        loose = attacked & ~defended
        words[place, U(34) + side] = words[place, ours] & loose
        words[place, U(36) + side] = words[place, ours + ONE] & (loose | by_pawns)
        words[place, U(38) + side] = words[place, ours + TWO] & (loose | by_pawns)
        words[place, U(40) + side] = words[place, ours + THREE] & (loose | by_minor)
        words[place, U(42) + side] = words[place, ours + U(4)] & (loose | by_minor | by_rooks)
        words[place, U(44) + side] = words[place, U(24) + side] & ~(own | attacked)


# numba's cache looks only at the file of a function and at the variables that it takes from a function around it, here
# `width` and `version`. Functions of kernels.py are compiled into those below, so `version` is a hash of that file.
VERSION = int.from_bytes(hashlib.sha256(Path(kernels.__file__).read_bytes()).digest()[:4])


@cache
def _loop(width: int, version: int = VERSION) -> Any:
    """The loop on the CPU for `width` words per position, compiled at its first call."""

    @compiled
    def fill(planes, counters, one, boards, words):
        _ = version
        for row in span(len(planes)):
            look(planes, row, words, ZERO)
            if width > ATTACKS:
                hanging(words, ZERO)
            for square in span(64):
                for word in span(width):
                    boards[row, square, word] = (words[ZERO, word] & ONE) * one
                    words[ZERO, word] >>= ONE
                for counter in span(COUNTERS):
                    boards[row, square, U(width) + counter] = counters[row, counter]

    return fill


def fill(planes: NDArray[np.uint64], counters: NDArray[Any], one: int, boards: NDArray[Any]) -> None:
    """Write the input of N positions.

    Args:
        planes: [N, 14] words.
        counters: [N, 2] the scaled counters, as the bits of their floating-point numbers.
        one: The bits of the floating-point number 1.
        boards: [N, 64, 36 or 48] where the input is written, as bits.
    """
    width = boards.shape[2] - COUNTERS
    _loop(width)(planes, counters, U(one), boards, np.empty((1, width), np.uint64))


@cache
def grid(width: int, version: int = VERSION) -> Any:
    """The kernel for CUDA for `width` words per position, compiled at its first launch.

    It has one block for every PER_BLOCK positions.
    """
    cuda = numba_cuda()
    channels = width + COUNTERS

    def fill(planes, counters, one, boards):
        _ = version
        words = cuda.shared.array((PER_BLOCK, width), types.uint64)
        first, thread = U(cuda.blockIdx.x) * U(PER_BLOCK), U(cuda.threadIdx.x)
        positions = min(U(PER_BLOCK), U(len(planes)) - first)
        if thread < positions:
            look(planes, first + thread, words, thread)
            if width > ATTACKS:
                hanging(words, thread)
        cuda.syncthreads()
        for number in range(thread, positions * U(64 * channels), U(THREADS)):  # neighbors write side by side
            square, channel = number // U(channels), number % U(channels)
            place, square = square >> SIX, square & U(63)
            if channel < U(width):
                boards[first + place, square, channel] = ((words[place, channel] >> square) & ONE) * one
            else:
                boards[first + place, square, channel] = counters[first + place, channel - U(width)]

    return cached(fill, cuda.jit)


def fill_on_cuda(planes: Any, counters: Any, one: int, boards: Any, stream: int) -> None:
    """`fill` on the current CUDA device, without waiting for it.

    Args:
        planes: [N, 14] words of type int64, as any object with `__cuda_array_interface__`; likewise the others.
        counters: [N, 2] as for `fill`.
        one: As for `fill`.
        boards: [N, 64, 36 or 48] as for `fill`.
        stream: The address of the CUDA stream; 0 is the default stream.
    """
    cuda = numba_cuda()
    words, counters, boards = (cuda.as_cuda_array(array) for array in (planes, counters, boards))
    if count := len(words):
        on = cuda.external_stream(stream) if stream else 0
        grid(boards.shape[2] - COUNTERS)[-(-count // PER_BLOCK), THREADS, on](
            words.view(np.uint64), counters, U(one), boards
        )
