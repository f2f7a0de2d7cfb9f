"""Othello beside a slow one, in numpy and compiled."""

from __future__ import annotations

import numpy as np
import pytest

from chesspg.games.game import Game, Legal, square_names
from chesspg.games.othello import Othello
from chesspg.games.othello.rules import PASS, places, turned

START = "8/8/8/3ox3/3xo3/8/8/8 x"
SQUARES = square_names((8, 8))


class InNumpy(Othello):
    """Without numba."""

    compiled = None


BOTH = pytest.mark.parametrize("game", [Othello(), InNumpy()], ids=["compiled", "numpy"])


def flips(own: set[int], other: set[int], square: int) -> set[int]:
    """The stones that a stone on a free square turns over, found by walking from it in each direction."""
    found = set()
    for up in (-1, 0, 1):
        for right in (-1, 0, 1):
            line, (row, column) = [], divmod(square, 8)
            while (up or right) and 0 <= (row := row + up) < 8 and 0 <= (column := column + right) < 8:
                if 8 * row + column in own:
                    found.update(line)
                if 8 * row + column not in other:
                    break
                line.append(8 * row + column)
    return found


def squares(word: int) -> set[int]:
    return {square for square in range(64) if word >> square & 1}


def some(legal: Legal, rng: np.random.Generator) -> np.ndarray:
    return legal.take((rng.random(len(legal)) * legal.counts).astype(np.int64))


def test_the_same_stones_as_by_walking() -> None:
    rng = np.random.default_rng(1)
    words = rng.integers(0, 2**64, (60, 3), dtype=np.uint64)
    words[30:, 0] |= words[30:, 2]  # half of the boards nearly full
    own, other = words[:, 0] & words[:, 1], words[:, 0] & ~words[:, 1]
    for one, two, found in zip(own.tolist(), other.tolist(), places(own, other).tolist(), strict=True):
        mine, theirs = squares(one), squares(two)
        expected = {square: flips(mine, theirs, square) for square in squares(~(one | two))}
        assert squares(found) == {square for square, line in expected.items() if line}
        placed = np.array([1 << square for square in expected], np.uint64)
        lines = turned(np.full_like(placed, one), np.full_like(placed, two), placed)
        assert [squares(line) for line in lines.tolist()] == list(expected.values())


@BOTH
def test_the_known_numbers_of_games(game: Game) -> None:
    """See http://www.aartbik.com/MISC/reversi.html. The first pass is at depth 9."""
    games, counts = game.start(1), []
    for _ in range(7):
        legal = games.observe().legal
        games = games[np.repeat(np.arange(len(games)), legal.counts)]
        games.play(legal.actions)
        counts.append(len(games))
    assert counts == [4, 12, 56, 244, 1396, 8200, 55092]


def test_the_same_games_in_numpy_and_compiled() -> None:
    pytest.importorskip("numba", reason="numba is not installed")
    rng = np.random.default_rng(2)
    games, others = Othello().start(100), InNumpy().start(100)
    passes = 0
    while len(games):
        ours, theirs = games.observe(), others.observe()
        np.testing.assert_array_equal(ours.planes, theirs.planes)
        np.testing.assert_array_equal(ours.player, theirs.player)
        np.testing.assert_array_equal(ours.legal.actions, theirs.legal.actions)
        np.testing.assert_array_equal(ours.legal.offsets, theirs.legal.offsets)
        np.testing.assert_array_equal(games.heuristic(), others.heuristic())
        actions = some(ours.legal, rng)
        passes += int((actions == PASS).sum())
        games.play(actions)
        others.play(actions)
        ended, expected = games.outcomes(), others.outcomes()
        np.testing.assert_array_equal(ended.outcome, expected.outcome)
        np.testing.assert_array_equal(ended.reason, expected.reason)
        games, others = games[~ended.over], others[~ended.over]
    assert passes > 20


@BOTH
def test_the_mover_sees_whether_it_has_the_last_move(game: Game) -> None:
    rng = np.random.default_rng(3)
    games = game.start(8)
    for ply in range(9):  # there is no pass so early
        squares = games.observe().planes[:, game.planes.index("last move"), 0].tolist()
        assert squares == [2**64 - 1 if ply % 2 else 0] * 8
        games.play(some(games.observe().legal, rng))


@BOTH
def test_a_player_who_cannot_move_passes(game: Game) -> None:
    can, cannot = "xo6/8/8/8/8/8/8/8 x", "oox5/8/8/8/8/8/8/8 x"
    games = game.start([can, cannot])
    assert games.observe().legal.actions.tolist() == [SQUARES.index("c1"), PASS]
    with pytest.raises(ValueError, match=rf"^game 0: action {PASS} is illegal in {can}$"):
        games.play(np.array([PASS, PASS]))
    games = games[[1]]
    games.play(np.array([PASS]))
    assert games.position(0) == f"{cannot} moves pass"
    seen = games.observe()
    assert (seen.player.tolist(), seen.legal.actions.tolist()) == ([1], [SQUARES.index("d1")])
    games.play(seen.legal.actions)
    assert (games.outcomes().outcome.tolist(), games.outcomes().reason.tolist()) == ([-1], [1])


@BOTH
def test_the_shortest_win(game: Game) -> None:
    games = game.start([START + " moves e6 f4 e3 f6 g5 d6 e7 f5 c5"])
    assert games.outcomes().outcome.tolist() == [1]
    assert games.outcomes().reason.tolist() == [1]
    assert int(np.bitwise_count(games.observe().planes[0, 1, 0])) == 13
    with pytest.raises(ValueError, match="illegal"):
        games.play(np.array([PASS]))


@BOTH
def test_the_heuristic_of_a_stone_on_each_square(game: Othello) -> None:
    boards = [["8"] * 8 for _ in range(64)]
    for square, board in enumerate(boards):
        row, column = divmod(square, 8)
        board[row] = f"{column or ''}x{7 - column or ''}"
    edge = [20, -3, 0, 0, 0, 0, -3, 20]
    expected = [edge, [-3, -8, 0, 0, 0, 0, -8, -3], *[[0] * 8] * 4, [-3, -8, 0, 0, 0, 0, -8, -3], edge]
    games = game.start([f"{'/'.join(board)} {mover}" for board in boards for mover in "xo"])
    np.testing.assert_array_equal(games.heuristic().reshape(64, 2), np.repeat(np.ravel(expected), 2).reshape(64, 2))


@BOTH
def test_the_heuristic_of_several_stones(game: Othello) -> None:
    worth = {
        START: 0,
        "8/1x6/8/8/8/8/8/o7 x": -8 - 20,  # White has another corner
        "8/8/8/8/8/8/1x6/ox6 x": -20 - 2,  # the corner is taken; White can play on two squares
    }
    assert game.start(list(worth)).heuristic().tolist() == list(worth.values())


def test_typed_moves_and_the_board() -> None:
    game = Othello()
    assert [game.parse_move(START, text) for text in ("d3", " E6 ")] == [SQUARES.index("d3"), SQUARES.index("e6")]
    with pytest.raises(ValueError, match=r"^unknown move 'i1'; expected a square, a1 to h8, or pass$"):
        game.parse_move(START, "i1")
    with pytest.raises(ValueError, match=r"^pass is not legal in this position$"):
        game.parse_move(START, "pass")
    assert game.render(START + " moves d3").splitlines()[:6] == [
        "   a  b  c  d  e  f  g  h",
        "1  ·  ·  ·  ·  ·  ·  ·  · ",
        "2  ·  ·  ·  ·  ·  ·  ·  · ",
        "3  ·  ·  · (x) ·  ·  ·  · ",
        "4  ·  ·  ·  x  x  ·  ·  · ",
        "5  ·  ·  ·  x  o  ·  ·  · ",
    ]
