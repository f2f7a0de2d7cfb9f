"""Recorded games for the tests of imitation: tic-tac-toe in which both players take the first free square."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.imitation.recorded import Recorded
from chesspg.players.player import Random
from chesspg.selfplay.loop import play
from chesspg.selfplay.plies import Plies

GAMES = 200  # per shard


@pytest.fixture
def first_legal(tmp_path: Path) -> Callable[[int], list[Path]]:
    """Makes this number of shards, whose games begin at random positions and are all drawn."""

    def make(shards: int) -> list[Path]:
        paths = []
        for shard in range(shards):
            start = play(TicTacToe().start(GAMES), (Random(), Random()), Randomness(shard), max_plies=4)
            games = TicTacToe().start(start.positions())
            rows, parts = np.arange(GAMES), []
            while len(rows):
                keep = ~games.outcomes().over
                games, rows = games[keep], rows[keep]
                seen = games.observe()
                if len(rows):
                    first = np.zeros(len(rows), np.int16)
                    plies = Plies(seen.planes, seen.scalars, seen.player, seen.legal, first, rows + GAMES * shard)
                    parts.append(Recorded(plies, first.astype(np.int8)))
                    games.play(seen.legal.take(first))
            paths.append(tmp_path / f"{shard}.npz")
            Recorded.concatenate(parts).save(paths[-1])
        return paths

    return make


@pytest.fixture
def paths(first_legal: Callable[[int], list[Path]]) -> list[Path]:
    """Three shards."""
    return first_legal(3)
