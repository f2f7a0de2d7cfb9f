"""Captures and recaptures, which minimax follows after its last ply."""

from __future__ import annotations

from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from chesspg.games.arrays import Observation
from chesspg.games.capabilities import Captures
from chesspg.games.chess import encoding


class ChessExchanges:
    """Finds captures by arithmetic on the planes of a position.

    Args:
        compiled: Whether to use compiled code where numba is installed; it takes a sixth of the time.
    """

    def __init__(self, compiled: bool = True) -> None:
        self.compiled = compiled

    def captures(self, seen: Observation, square: NDArray[np.int64] | None) -> Captures:
        """See `Exchanges`. A capture that promotes gains the queen too; underpromotions are left out."""
        kernels = _kernels() if self.compiled else None
        return _by_kernel(kernels, seen, square) if kernels else _by_numpy(seen, square)


@cache
def _kernels() -> ModuleType | None:
    """The compiled code, or None if numba can't be used; `Chess` says why."""
    try:
        from chesspg.games.chess import kernels  # it imports numba, which takes 0.3 s
    except Exception:  # a broken numba raises anything
        return None
    return kernels


def _by_kernel(kernels: ModuleType, seen: Observation, square: NDArray[np.int64] | None) -> Captures:
    most = len(seen.legal.actions)
    node, action = np.empty(most, np.int64), np.empty(most, np.int16)
    gain, where = np.empty(most, np.float32), np.empty(most, np.int64)
    squares = np.empty(0, np.int64) if square is None else square
    legal = seen.legal
    found = kernels.captures(
        seen.planes[:, :, 0], legal.actions, legal.offsets, squares, encoding.PIECE_VALUES, node, action, gain, where
    )
    return Captures(node[:found], action[:found], gain[:found], where[:found])


def _by_numpy(seen: Observation, square: NDArray[np.int64] | None) -> Captures:
    words = seen.planes[:, :, 0]
    theirs = np.bitwise_or.reduce(words[:, 6:11], axis=1) | words[:, 13]
    if square is not None:
        theirs &= np.uint64(1) << square.astype(np.uint64)
    counts = seen.legal.counts
    hit = np.repeat(theirs, counts) >> (seen.legal.actions % 64).astype(np.uint64) & 1
    at = np.flatnonzero(hit.astype(bool) & (seen.legal.actions < encoding.PLAIN_ACTIONS))
    node, action = np.repeat(np.arange(len(seen)), counts)[at], seen.legal.actions[at]
    source, target = (part.astype(np.uint64) for part in np.divmod(action, 64))
    victims = words[node, 6:11] >> target[:, None] & 1  # [C, 5]
    pawn = words[node, 0] >> source & 1
    gain = victims @ encoding.PIECE_VALUES[:5] + pawn * (words[node, 13] >> target & 1)
    gain += pawn * (target >= 56) * (encoding.PIECE_VALUES[4] - 1)
    wins = gain > 0  # a piece other than a pawn captures nothing on the en passant square
    node, action = node[wins], action[wins]
    return Captures(node, action, gain[wins].astype(np.float32), action.astype(np.int64) % 64 ^ encoding.FLIP)
