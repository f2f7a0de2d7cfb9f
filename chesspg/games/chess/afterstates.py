"""The features of legal moves, compiled by numba; `chesspg.policy.afterstates` explains them."""

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

from chesspg.games.chess import inputs, kernels
from chesspg.games.chess.encoding import PLAIN_ACTIONS
from chesspg.games.chess.inputs import hanging, look
from chesspg.games.chess.kernels import EIGHT, FIVE, SIX, TWO
from chesspg.games.compiling import ONE, ZERO, U, cached, compiled, inlined, numba_cuda, popcount, span

WORDS = 46  # planes and maps of a position, in the order of inputs.py
THREADS = 64  # per block of a CUDA grid; each takes one move
E1, A8, PLAIN = U(4), U(56), U(PLAIN_ACTIONS)  # two squares, and the first underpromotion
AT_A1, AT_C1, AT_D1, AT_F1, AT_G1, AT_H1 = (U(1 << square) for square in (0, 2, 3, 5, 6, 7))


@inlined
def play(planes, row, action, child):
    """Write the planes after a legal move to child[0], from the same side of the board.

    Returns the word of the square that the piece enters, which piece it is, and which one it captures, or 6.
    """
    for plane in span(14):
        child[ZERO, plane] = planes[row, plane]
    source, target, becomes = action >> SIX, action & U(63), U(4)
    if action >= PLAIN:
        lane = (action - PLAIN) // U(3)
        source, target = U(48) + lane // U(3), U(55) + lane // U(3) + lane % U(3)
        becomes = ONE + (action - PLAIN) % U(3)
    leaves, enters = ONE << source, ONE << target
    piece = captured = SIX
    for kind in span(6):
        if planes[row, kind] & leaves:
            piece = kind
        if planes[row, SIX + kind] & enters:
            captured = kind
            child[ZERO, SIX + kind] ^= enters
    if piece == ZERO and planes[row, U(13)] & enters:  # en passant
        captured = ZERO
        child[ZERO, SIX] ^= enters >> EIGHT
    child[ZERO, piece] ^= leaves
    takes_rook = piece == FIVE and planes[row, U(3)] & enters != ZERO  # castling in Chess960
    if takes_rook or (piece == FIVE and source == E1 and target in (SIX, TWO)):
        short = target > source
        child[ZERO, U(3)] &= ~(enters if takes_rook else AT_H1 if short else AT_A1)
        child[ZERO, U(3)] |= AT_F1 if short else AT_D1
        if takes_rook:
            enters = AT_G1 if short else AT_C1
    child[ZERO, becomes if piece == ZERO and target >= A8 else piece] |= enters
    return enters, piece, captured


@inlined
def judge(planes, row, action, child, words, seen, place):
    """Write the features of a move to seen[row, place]; child and words have room for one position."""
    enters, piece, captured = play(planes, row, action, child)
    look(child, ZERO, words, ZERO)
    hanging(words, ZERO)
    ours = theirs = attacked = attacked_by_other = goes = replies = hangs = ZERO
    for kind in span(6):
        ours |= words[ZERO, kind]
        theirs |= words[ZERO, SIX + kind]
        attacked |= words[ZERO, U(14) + TWO * kind]
        attacked_by_other |= words[ZERO, U(15) + TWO * kind]
    for kind in span(4):
        goes |= words[ZERO, U(16) + TWO * kind]
        replies |= words[ZERO, U(17) + TWO * kind]
    free = ~(ours | theirs)
    goes = (goes & ~ours) | (words[ZERO, U(14)] & theirs) | (words[ZERO, ZERO] << EIGHT & free)
    replies = (replies & ~theirs) | (words[ZERO, U(15)] & ours) | (words[ZERO, SIX] >> EIGHT & free)
    for kind in span(5):
        hangs |= words[ZERO, U(34) + TWO * kind]
        seen[row, place, kind] = popcount(words[ZERO, U(34) + TWO * kind])
        seen[row, place, FIVE + kind] = popcount(words[ZERO, U(35) + TWO * kind])
        seen[row, place, U(10) + kind] = captured == kind
    for kind in span(6):
        seen[row, place, U(15) + kind] = piece == kind
    king = words[ZERO, U(11)]
    seen[row, place, U(21)] = hangs & enters != ZERO
    seen[row, place, U(22)] = attacked_by_other & enters != ZERO
    seen[row, place, U(23)] = attacked & enters != ZERO
    seen[row, place, U(24)] = attacked & king != ZERO
    seen[row, place, U(25)] = popcount(words[ZERO, U(44)])
    seen[row, place, U(26)] = popcount(words[ZERO, U(45)])
    seen[row, place, U(27)] = popcount(goes)
    seen[row, place, U(28)] = popcount(replies)
    seen[row, place, U(29)] = popcount(attacked & (king | words[ZERO, U(25)]))
    seen[row, place, U(30)] = (attacked & king) | words[ZERO, U(45)] | replies == ZERO


# numba's cache looks only at the file of a function and at the variables that it takes from a function around it, here
# `version`: a hash of the two files of chess whose functions are compiled into those below.
_FILES = (Path(kernels.__file__), Path(inputs.__file__))
VERSION = int.from_bytes(hashlib.sha256(b"".join(path.read_bytes() for path in _FILES)).digest()[:4])


@cache
def _loop(version: int = VERSION) -> Any:
    """The loop on the CPU, compiled at its first call."""

    @compiled
    def fill(planes, legal, child, words, seen):
        _ = version
        for row in span(len(planes)):
            for place in span(legal.shape[1]):
                if legal[row, place] < 0:
                    break
                judge(planes, row, U(legal[row, place]), child, words, seen, place)

    return fill


def fill(planes: NDArray[np.uint64], legal: NDArray[np.int16], seen: NDArray[np.uint8]) -> None:
    """Write the features of the legal moves of N positions.

    Args:
        planes: [N, 14] words.
        legal: [N, M] legal actions, −1 after a position's last.
        seen: [N, M, 31] where they are written; unchanged after a position's last action.
    """
    _loop()(planes, legal, np.empty((1, 14), np.uint64), np.empty((1, WORDS), np.uint64), seen)


@cache
def grid(version: int = VERSION) -> Any:
    """The kernel for CUDA, compiled at its first launch, with one thread for every place in the lists of actions."""
    cuda = numba_cuda()

    def fill(planes, legal, seen):
        _ = version
        child, words = cuda.local.array((1, 14), types.uint64), cuda.local.array((1, WORDS), types.uint64)
        number, places = U(cuda.grid(1)), U(legal.shape[1])
        row, place = number // places, number % places
        if row < U(len(planes)) and legal[row, place] >= 0:
            judge(planes, row, U(legal[row, place]), child, words, seen, place)

    return cached(fill, cuda.jit)


def fill_on_cuda(planes: Any, legal: Any, seen: Any, stream: int) -> None:
    """`fill` on the current CUDA device, without waiting for it.

    Args:
        planes: [N, 14] words of type int64, as any object with `__cuda_array_interface__`; likewise the others.
        legal: [N, M] as for `fill`.
        seen: [N, M, 31] as for `fill`.
        stream: The address of the CUDA stream; 0 is the default stream.
    """
    cuda = numba_cuda()
    words, legal, seen = (cuda.as_cuda_array(array) for array in (planes, legal, seen))
    if count := legal.size:
        on = cuda.external_stream(stream) if stream else 0
        grid()[-(-count // THREADS), THREADS, on](words.view(np.uint64), legal, seen)
