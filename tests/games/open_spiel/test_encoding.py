"""The planes and scalars of OpenSpiel's games have everything that OpenSpiel shows to the mover."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from chesspg.games.game import Observation
from chesspg.games.open_spiel import OpenSpiel
from chesspg.games.open_spiel.encoding import LAYOUTS
from chesspg.games.open_spiel.loading import misfits

pyspiel = pytest.importorskip("pyspiel")
NAMES = [kind.short_name for kind in pyspiel.registered_games() if not misfits(kind)]
FACTORS = {"oware": 48, "mancala": 1, "quoridor": 1, "cursor_go": 100, "chess": 101, "antichess": 101}


def unpacked(game: OpenSpiel, seen: Observation) -> NDArray[np.uint8]:
    """[N, P, squares] the bits of the planes."""
    bits = np.unpackbits(seen.planes.view(np.uint8), axis=2, bitorder="little")
    return bits[:, :, : game.board[0] * game.board[1]]


@pytest.mark.parametrize("name", NAMES)
def test_the_encoding_has_every_number_of_the_tensor(name: str) -> None:
    game, rng = OpenSpiel(name), np.random.default_rng(0)
    games = game.start(2)
    for _ in range(60):
        seen = games.observe()
        bits = unpacked(game, seen)
        for row in range(len(games)):
            state = games.states[row]
            assert seen.player[row] == state.current_player()
            assert seen.scalars[row, 0] == seen.player[row]
            tensor = np.array(state.observation_tensor(state.current_player()), np.float32)
            channels = tensor.reshape(len(game.planes) + len(game.scalars) - 1, -1)
            for plane, bit in zip(game.planes, bits[row], strict=True):
                np.testing.assert_array_equal(channels[int(plane.split()[1])], bit)
            for scalar, number in list(zip(game.scalars, seen.scalars[row].tolist(), strict=True))[1:]:
                [value] = set(channels[int(scalar.split()[1])].tolist())  # the same on all squares
                units = {2, FACTORS.get(name, 16)} if scalar == "channel 13" else {FACTORS.get(name, 16)}
                assert any(abs(value * unit - number) < 1e-3 for unit in units), (scalar, value, number)
        games.play(seen.legal.take((rng.random(len(games)) * seen.legal.counts).astype(np.int64)))
        if games.outcomes().over.any():
            break


@pytest.mark.parametrize("name", [*LAYOUTS, "hex(swap=True)", "havannah(swap=True)"])
def test_an_action_changes_the_square_or_the_column_of_its_number(name: str) -> None:
    game, rng = OpenSpiel(name), np.random.default_rng(1)
    blocks = {"cells": game.board[0] * game.board[1], "columns": game.board[1]}
    assert sum(blocks.get(block, 1) for block in game.action_layout) == game.num_actions
    games = game.start(1)
    for _ in range(5):
        seen = games.observe()
        action = int(rng.choice(seen.legal.actions))
        games.play(np.array([action]))
        changed = (unpacked(game, seen) != unpacked(game, games.observe())).any(axis=(0, 1)).nonzero()[0]
        if action < blocks[game.action_layout[0]]:
            assert action in (changed if game.action_layout[0] == "cells" else changed % game.board[1])


def test_where_actions_are_not_places_there_is_no_layout() -> None:
    assert [OpenSpiel(name).action_layout for name in ("breakthrough", "nim", "chess", "pentago")] == [()] * 4


def test_sizes() -> None:
    assert OpenSpiel("breakthrough(rows=6,columns=5)").board == (6, 5)
    assert OpenSpiel("gomoku").board == (15, 15)
    assert OpenSpiel("gomoku(dims=3,size=5)").board == (1, 125)
    assert OpenSpiel("nim").board == (1, 39)
    oware = OpenSpiel("oware")
    assert (oware.board, oware.planes) == ((1, 14), ())
    assert list(oware.scalars.values()) == [1, *[48] * 14]
