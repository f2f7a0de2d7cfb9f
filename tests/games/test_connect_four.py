"""Connect Four beside a slow one, in numpy and compiled, on the host and on a device."""

from __future__ import annotations

import numpy as np
import pytest
from others import ConnectFour as Slow

from chesspg.games.connect_four import ConnectFour
from chesspg.games.connect_four.rules import COLUMNS, ROWS, four, threats
from chesspg.games.game import Game, IllegalAction

START = "7/7/7/7/7/7 x"


class InNumpy(ConnectFour):
    """Without numba."""

    compiled = None


def lines() -> list[int]:
    """The 69 lines of four, found square by square."""
    found = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            for up, right in (0, 1), (1, 0), (1, 1), (1, -1):
                squares = [(row + k * up, column + k * right) for k in range(4)]
                if all(r < ROWS and 0 <= c < COLUMNS for r, c in squares):
                    found.append(sum(1 << COLUMNS * r + c for r, c in squares))
    return found


@pytest.mark.parametrize("game", [ConnectFour(), InNumpy()], ids=["compiled", "numpy"])
def test_the_same_games_as_square_by_square(game: Game) -> None:
    rng = np.random.default_rng(1)
    games, slow = game.start(60), Slow().start(60)
    while len(games):
        ours, theirs = games.outcomes(), slow.outcomes()
        np.testing.assert_array_equal(ours.over, theirs.over)
        np.testing.assert_array_equal(ours.outcome, theirs.outcome)
        games, slow = games[~ours.over], slow[~ours.over]
        seen, expected = games.observe(), slow.observe()
        np.testing.assert_array_equal(seen.legal.actions, expected.legal.actions)
        np.testing.assert_array_equal(seen.legal.offsets, expected.legal.offsets)
        np.testing.assert_array_equal(seen.player, expected.player)
        actions = seen.legal.take((rng.random(len(seen)) * seen.legal.counts).astype(np.int64))
        games.play(actions)
        slow.play(actions)


@pytest.mark.parametrize("game", [ConnectFour(), InNumpy()], ids=["compiled", "numpy"])
def test_each_player_sees_the_rows_that_are_worth_more_to_it(game: Game) -> None:
    games = game.start([START, f"{START} moves a"])
    squares = [int(word) for word in games.observe().planes[:, game.planes.index("own rows"), 0]]
    for row in range(ROWS):
        own = [word >> COLUMNS * row & 2**COLUMNS - 1 for word in squares]
        assert own == ([2**COLUMNS - 1, 0] if row % 2 == 0 else [0, 2**COLUMNS - 1])


def test_lines_and_threats() -> None:
    rng, every = np.random.default_rng(2), lines()
    assert len(every) == 69
    words = rng.integers(0, 2**42, (400, 3)).astype(np.uint64)
    stones, other = words[:, 0] & words[:, 1], words[:, 2] & ~words[:, 0] & ~words[:, 1]
    for own, taken, found, free in zip(stones, other, four(stones), threats(stones, other), strict=True):
        assert bool(found) == any(int(own) & line == line for line in every)
        missing = [line & ~int(own) for line in every]
        expected = sum({hole for hole in missing if hole.bit_count() == 1 and not hole & int(taken)})
        assert int(free) == expected


@pytest.mark.parametrize("game", [ConnectFour(), InNumpy()], ids=["compiled", "numpy"])
def test_the_heuristic(game: ConnectFour) -> None:
    games = game.start([START, START + " moves d", START + " moves a a b b c", START + " moves a a b b g c"])
    assert games.heuristic().tolist() == [0, 2, 8 + 1, -1]


def test_an_illegal_move_names_the_game_and_changes_none() -> None:
    games = ConnectFour().start([START, START + " moves a a a a a a"])
    with pytest.raises(IllegalAction, match=r"^game 1: action 0 is illegal in 7/7/7/7/7/7 x moves a a a a a a$"):
        games.play(np.array([0, 0]))
    assert games.moves(0) == []
    with pytest.raises(ValueError, match=r"^play needs one action for each of 2 games, got 1 actions$"):
        games.play(np.array([0]))


def test_typed_moves_and_the_board() -> None:
    game = ConnectFour()
    assert [game.parse_move(START, text) for text in ("a", " G ")] == [0, 6]
    with pytest.raises(ValueError, match=r"^unknown move 'h'; expected a column, a to g$"):
        game.parse_move(START, "h")
    with pytest.raises(ValueError, match=r"^a is not legal in this position$"):
        game.parse_move(START + " moves a a a a a a", "a")
    assert game.render("7/7/7/7/7/3x3 o moves d d").splitlines()[-4:] == [
        "3  ·  ·  · (x) ·  ·  · ", "2  ·  ·  ·  o  ·  ·  · ", "1  ·  ·  ·  x  ·  ·  · ", "   a  b  c  d  e  f  g",
    ]  # fmt: skip


def test_unreadable_positions_say_why() -> None:
    for text, why in (
        ("7/7/7/7/x6/7 o", "a stone has nothing under it"),
        ("7/7/7/7/7 x", "expected one such as '7/7/7/7/7/7 x'"),
        (START + " moves a z", "z is illegal"),
    ):
        with pytest.raises(ValueError, match=r"^'[^']*' is not a position of connect four") as raised:
            ConnectFour().start([START, text])
        assert why in str(raised.value)
        assert repr(text) in str(raised.value)
