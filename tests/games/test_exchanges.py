"""Captures: compiled code finds the same ones as numpy."""

from __future__ import annotations

import numpy as np
import pytest

from chesspg.games.chess import Chess
from chesspg.games.chess.exchanges import ChessExchanges

STARTS = [
    "startpos",
    "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1",
    "n1n5/PPPk4/8/8/8/8/4Kppp/5N1N b - - 0 1",  # promotions with and without a capture
    "rnbqkbnr/ppp1p1pp/8/3pPp2/8/8/PPPP1PPP/RNBQKBNR w KQkq f6 0 3",  # en passant
    "8/8/3k4/2qq4/3K4/8/8/QQQ5 w - - 0 1",
]


def test_compiled_captures_are_those_of_numpy() -> None:
    pytest.importorskip("numba")
    rng, found = np.random.default_rng(0), 0
    games = Chess().start(STARTS * 20)
    compiled, plain = ChessExchanges(compiled=True), ChessExchanges(compiled=False)
    for _ in range(60):
        games = games[~games.outcomes().over]
        seen = games.observe()
        for square in (None, rng.integers(0, 64, len(seen))):
            ours, theirs = compiled.captures(seen, square), plain.captures(seen, square)
            for name, array, other in zip(ours._fields, ours, theirs, strict=True):
                assert array.dtype == other.dtype, name
                assert (array == other).all(), name
            found += len(ours.node)
        games.play(seen.legal.take((rng.random(len(seen)) * seen.legal.counts).astype(np.int64)))
    assert found > 5000
    assert [len(column) for column in compiled.captures(games[[]].observe(), None)] == [0] * 4
