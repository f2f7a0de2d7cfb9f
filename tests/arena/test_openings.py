"""Random openings: as long as wanted, none over, all different where there are enough, the same from one seed."""

from __future__ import annotations

import pytest

from chesspg.arena.openings import Unplayable, default_plies, random_openings
from chesspg.games.chess import Chess
from chesspg.games.game import split_position
from chesspg.games.tic_tac_toe import TicTacToe


def test_length_and_determinism() -> None:
    openings = random_openings(Chess(), 20, 8, seed=3)
    assert [len(split_position(opening)[1]) for opening in openings] == [8] * 20
    assert len(set(openings)) == 20
    assert random_openings(Chess(), 20, 8, seed=3) == openings
    assert random_openings(Chess(), 5, 8, seed=3) == openings[:5]  # more games are the same games and more
    assert not set(random_openings(Chess(), 20, 8, seed=4)) & set(openings)


def test_games_that_ended_are_drawn_again() -> None:
    """After 7 random plies half of all games of tic-tac-toe are over."""
    openings = random_openings(TicTacToe(), 60, 7, seed=0)
    outcomes = TicTacToe().start(openings).outcomes()
    assert not outcomes.over.any()
    assert {len(split_position(opening)[1]) for opening in openings} == {7}
    assert random_openings(TicTacToe(), 20, 7, seed=0) == openings[:20]  # what one needs changes no other


def test_all_different_while_there_are_enough() -> None:
    assert len(set(random_openings(TicTacToe(), 9, 1, seed=0))) == 9
    assert len(set(random_openings(TicTacToe(), 12, 1, seed=0))) == 9


def test_no_plies_no_opening() -> None:
    assert random_openings(TicTacToe(), 3, 0, seed=0) == ["3/3/3 x"] * 3


def test_a_length_no_game_reaches() -> None:
    with pytest.raises(Unplayable, match="tic-tac-toe hardly ever lasts 9 random plies"):
        random_openings(TicTacToe(), 2, 9, seed=0)


def test_defaults() -> None:
    assert default_plies(Chess()) == 8
    assert default_plies(TicTacToe()) == 1
