"""Captures and recaptures, which minimax follows after its last ply."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chesspg.games.arrays import Observation
from chesspg.games.capabilities import Captures
from chesspg.games.chess import encoding


class ChessExchanges:
    """Finds captures by arithmetic on the planes of a position."""

    def captures(self, seen: Observation, square: NDArray[np.int64] | None) -> Captures:
        """See `Exchanges`. A capture that promotes gains the queen too; underpromotions are left out."""
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
