"""Starts after random plies."""

from __future__ import annotations

import numpy as np
import pytest

from chesspg.games.chess import Chess
from chesspg.games.connect_four import ConnectFour
from chesspg.games.game import Game, split_position
from chesspg.games.random_plies import RandomPlies
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe

EVERY = np.arange(200)


def plies(positions: list[str]) -> list[int]:
    return [len(split_position(text)[1]) for text in positions]


@pytest.mark.parametrize("game", [ConnectFour(), TicTacToe(), Chess()], ids=lambda game: game.name)
def test_every_number_of_plies_occurs_and_no_game_is_over(game: Game) -> None:
    positions = RandomPlies(5).positions(game, EVERY, Randomness(1, 3))
    assert set(plies(positions)) == set(range(6))
    assert len(set(positions)) > 40
    assert not game.start(positions).outcomes().over.any()


def test_games_that_would_be_over_start_before_their_end() -> None:
    lengths = plies(RandomPlies(1000).positions(TicTacToe(), EVERY, Randomness(1)))
    assert max(lengths) == 8
    assert min(lengths[i] for i in range(200)) < 8


def test_a_position_depends_on_seed_rollout_and_game_alone() -> None:
    starts, rng = RandomPlies(6), Randomness(4, 2)
    positions = starts.positions(ConnectFour(), EVERY, rng)
    assert starts.positions(ConnectFour(), EVERY[100:][::-1], rng) == positions[100:][::-1]
    assert starts.positions(ConnectFour(), EVERY, Randomness(4, 3)) != positions
    assert starts.positions(ConnectFour(), EVERY, Randomness(5, 2)) != positions


def test_games_that_share_a_start() -> None:
    positions = RandomPlies(6, alike=4).positions(ConnectFour(), EVERY, Randomness(1))
    assert all(len(set(positions[i : i + 4])) == 1 for i in range(0, 200, 4))
    assert len(set(positions)) > 20


def test_arguments_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"^most must be from 0 to 1000, got -1$"):
        RandomPlies(-1)
    with pytest.raises(ValueError, match=r"^alike must be at least 1, got 0$"):
        RandomPlies(alike=0)
