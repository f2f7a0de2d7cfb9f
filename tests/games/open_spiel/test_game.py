"""Games of OpenSpiel keep the contract, and are copied, read and shown."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from chesspg.games.contract import check
from chesspg.games.open_spiel import OpenSpiel

pytest.importorskip("pyspiel")
SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "name",
    [
        "connect_four(rows=4,columns=4,x_in_row=3)",
        "quoridor(board_size=3)",  # with counters on a board
        *(
            pytest.param(name, marks=SLOW)  # a second each
            for name in (
                "mancala",  # without planes
                "nim",  # without a board
                "dots_and_boxes(num_rows=1)",  # players move several times in a row
                "go(board_size=3)",  # with a pass
                "hex(board_size=3,swap=True)",
                "breakthrough(rows=4,columns=3)",
                "clobber(rows=3,columns=3)",
                "y(board_size=4)",
            )
        ),
    ],
)
def test_games_keep_the_contract(name: str) -> None:
    assert "keeps the contract" in check(OpenSpiel(name))


def test_outcomes_and_texts() -> None:
    game = OpenSpiel("tic_tac_toe")
    won, lost, drawn, begun = (
        "startpos moves x(0,0) o(1,0) x(0,1) o(1,1) x(0,2)",
        "startpos moves x(0,0) o(1,0) x(0,1) o(1,1) x(2,2) o(1,2)",
        "startpos moves x(0,0) o(0,1) x(0,2) o(1,0) x(1,1) o(2,0) x(1,2) o(2,2) x(2,1)",
        "startpos moves x(1,1)",
    )
    games = game.start([won, lost, drawn, begun])
    assert games.outcomes().outcome.tolist() == [1, -1, 0, 0]
    assert [game.reasons[reason] for reason in games.outcomes().reason] == ["win", "win", "draw", "ongoing"]
    assert [games.position(row) for row in range(4)] == [won, lost, drawn, begun]
    assert game.render(begun) == "...\n.x.\n...\nlast move: x(1,1)"
    assert game.move_name(begun, 0) == "o(0,0)"
    assert game.parse_move(begun, " o(0,0) ") == 0
    with pytest.raises(ValueError, match=r"unknown move 'x\(0,0\)'; expected one of o\(0,0\), .*o\(2,2\)$"):
        game.parse_move(begun, "x(0,0)")
    with pytest.raises(ValueError, match=r"'startpos moves x.1,1. x.1,1.' is not a position of tic_tac_toe: x.1,1. is"):
        game.start([f"{begun} x(1,1)"])
    with pytest.raises(ValueError, match=r"'x' is not a position of tic_tac_toe; expected startpos, or startpos moves"):
        game.start(["x"])


def test_moves_with_spaces_are_written_as_one_word() -> None:
    game = OpenSpiel("nim")
    position = game.start(1).position(0)
    action = game.parse_move(position, "pile:2, take:1;")
    assert game.move_name(position, action) == "pile:2,_take:1;"
    games = game.start(1)
    games.play(np.array([action]))
    assert games.position(0) == "startpos moves pile:2,_take:1;"


def test_a_board_is_shown_without_its_colors() -> None:
    game = OpenSpiel("twixt")
    assert "\x1b" in str(game.rules.new_initial_state())
    assert "\x1b" not in game.render("startpos")


def test_a_game_is_copied_and_pickled_by_its_name() -> None:
    game = OpenSpiel("breakthrough(columns=5)")
    for twin in (copy.deepcopy(game), pickle.loads(pickle.dumps(game))):
        assert twin.name == game.name
        np.testing.assert_array_equal(twin.start(1).observe().planes, game.start(1).observe().planes)


def test_the_rules_of_a_game_that_may_go_on_forever_end_it() -> None:
    game, rng = OpenSpiel("lines_of_action(max_game_length=30)"), np.random.default_rng(0)
    games = game.start(4)
    for _ in range(30):
        games = games[~games.outcomes().over]
        legal = games.observe().legal
        games.play(legal.take((rng.random(len(games)) * legal.counts).astype(np.int64)))
    assert games.outcomes().over.all()
