"""Openings: random ones, those that ship, those of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from chesspg.arena.openings import (
    Unplayable,
    default_plies,
    openings_from_string,
    random_openings,
    usual_openings,
)
from chesspg.games.chess import Chess
from chesspg.games.game import Game, split_position
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.pgn.positions import read_openings


def test_length_and_determinism() -> None:
    openings = random_openings(Chess(), 20, 8, seed=3)
    assert [len(split_position(opening)[1]) for opening in openings] == [8] * 20
    assert len(set(openings)) == 20
    assert random_openings(Chess(), 20, 8, seed=3) == openings
    assert random_openings(Chess(), 5, 8, seed=3) == openings[:5]  # more openings begin with the same ones
    assert not set(random_openings(Chess(), 20, 8, seed=4)) & set(openings)


def test_games_that_ended_are_drawn_again() -> None:
    """After 7 random plies half of all games of tic-tac-toe are over."""
    openings = random_openings(TicTacToe(), 60, 7, seed=0)
    outcomes = TicTacToe().start(openings).outcomes()
    assert not outcomes.over.any()
    assert {len(split_position(opening)[1]) for opening in openings} == {7}
    assert random_openings(TicTacToe(), 20, 7, seed=0) == openings[:20]  # what one slot needs changes no other


def test_all_different_while_there_are_enough() -> None:
    assert len(set(random_openings(TicTacToe(), 9, 1, seed=0))) == 9
    assert len(set(random_openings(TicTacToe(), 12, 1, seed=0))) == 9


def test_no_plies_no_opening() -> None:
    assert random_openings(TicTacToe(), 3, 0, seed=0) == ["3/3/3 x"] * 3


def test_a_length_no_game_reaches() -> None:
    with pytest.raises(Unplayable, match="hardly any game of tic-tac-toe lasts 9 random plies"):
        random_openings(TicTacToe(), 2, 9, seed=0)


def test_defaults() -> None:
    assert default_plies(Chess()) == 8
    assert default_plies(TicTacToe()) == 1
    assert usual_openings(Chess()) == "balanced"
    assert usual_openings(Chess("atomic")) == "random:8"
    assert usual_openings(TicTacToe()) == "random:1"


def test_what_ships() -> None:
    path = Chess().openings
    assert path
    openings = read_openings(path, Chess())
    assert len(openings) >= 500
    assert {len(split_position(opening)[1]) for opening in openings} == {8}
    boards = [Chess().to_board(opening) for opening in openings]
    assert len({board.epd() for board in boards}) == len(openings)  # they differ in more than the order of moves
    assert len({board.move_stack[0] for board in boards}) >= 10
    assert path.stat().st_size < 60_000
    assert "Stockfish 15.1" in path.read_text()


def test_the_order_is_the_seed_s_and_begins_again(tmp_path: Path) -> None:
    path = tmp_path / "book.epd"
    path.write_text("".join(f"4k3/8/8/8/8/8/4P3/4K3 w - - 0 {number}\n" for number in range(1, 21)))
    one = openings_from_string(str(path), Chess(), 23, seed=1)
    assert len(set(one[:20])) == 20
    assert one[20:] == one[:3]
    assert one[:20] != read_openings(path, Chess())
    assert openings_from_string(str(path), Chess(), 10, seed=1) == one[:10]
    assert openings_from_string(str(path), Chess(), 10, seed=2) != one[:10]


def test_random_ones_by_name() -> None:
    assert openings_from_string("random:3", Chess(), 4, seed=5) == random_openings(Chess(), 4, 3, seed=5)
    assert openings_from_string("random:1", TicTacToe(), 4, seed=5) == random_openings(TicTacToe(), 4, 1, seed=5)


@pytest.mark.parametrize(
    ("text", "game", "message"),
    [
        ("random:", Chess(), "PLIES in 'random:' must be a whole number from 0 to 1,000, got ''"),
        ("random:-2", Chess(), "random:-2"),
        ("random:few", TicTacToe(), "from 0 to 1,000, got 'few'"),
        ("random:1_0", Chess(), "from 0 to 1,000, got '1_0'"),
        ("random:99999999999999999999", Chess(), "from 0 to 1,000, got"),
        ("random:9", TicTacToe(), "fewer opening plies"),
        ("random", Chess(), "no such file; expected balanced, random:PLIES"),
        ("balansed", Chess(), "unknown openings 'balansed'"),
        ("", Chess(), "unknown openings ''"),
        ("balanced", Chess("atomic"), "expected random:PLIES, such as random:8"),
        ("balanced", TicTacToe(), "can't be used with tic-tac-toe; expected random:PLIES, such as random:1"),
        ("book.epd", TicTacToe(), "such as random:1"),
    ],
)
def test_names_that_won_t_do(text: str, game: Game, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        openings_from_string(text, game, 2, seed=0)


@pytest.mark.parametrize(("game", "plies"), [(TicTacToe(), 1), (TicTacToe(), 3), (Chess(), 1)])
def test_more_openings_leave_the_first_ones_as_they_are(game: Game, plies: int) -> None:
    for seed in range(5):
        assert random_openings(game, 60, plies, seed)[:12] == random_openings(game, 12, plies, seed)
