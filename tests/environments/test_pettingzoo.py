"""The AEC environment: PettingZoo's own tests, and each rule that its docstring names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from others import Twice
from pettingzoo.test import api_test, render_test, seed_test

from chesspg.environments.arrays import action_masks, board_arrays
from chesspg.environments.pettingzoo import BoardGameAECEnv, aec_env
from chesspg.games.chess import Chess
from chesspg.games.connect_four import ConnectFour
from chesspg.games.game import Game, IllegalAction
from chesspg.games.hex import Hex
from chesspg.games.open_spiel import OpenSpiel
from chesspg.games.othello import Othello
from chesspg.games.tic_tac_toe import SQUARES, TicTacToe

# api_test warns of what PettingZoo's own board games do too, except in games of a list of names in its source.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Observation is not a NumPy array"),
    pytest.mark.filterwarnings("ignore:Observation space for each agent probably should be"),
    pytest.mark.filterwarnings("ignore:Observation numpy array is all zeros"),  # an empty board
]


@pytest.mark.parametrize(
    "game",
    [TicTacToe(), Chess(), ConnectFour(), Othello(), Hex(5, swap=True), Twice(), OpenSpiel("breakthrough")],
    ids=lambda game: game.name,
)
def test_pettingzoo_accepts_it(game: Game, capsys: pytest.CaptureFixture[str]) -> None:
    api_test(aec_env(game), num_cycles=40)
    seed_test(lambda: aec_env(game), num_cycles=20)
    assert "Passed API test" in capsys.readouterr().out


def test_pettingzoo_accepts_what_it_draws(capsys: pytest.CaptureFixture[str]) -> None:
    render_test(lambda render_mode: aec_env(TicTacToe(), render_mode))
    assert "(x)" in capsys.readouterr().out  # in the mode human


def play(environment: Any, moves: str) -> None:
    environment.reset()
    for move in moves.split():
        environment.step(SQUARES.index(move))


@pytest.mark.parametrize(
    ("moves", "rewards"),
    [
        ("a1 b1 a2 b2 a3", (1, -1)),
        ("a1 b1 a2 b2 c3 b3", (-1, 1)),
        ("a1 b1 c1 a2 c2 b2 a3 c3 b3", (0, 0)),
    ],
)
def test_the_winner_gets_one(moves: str, rewards: tuple[int, int]) -> None:
    environment = aec_env(TicTacToe())
    play(environment, moves)
    got = {}
    for agent in environment.agent_iter():
        observation, reward, terminated, truncated, _ = environment.last()
        assert (terminated, truncated) == (True, False)
        assert not observation["action_mask"].any()
        got[agent] = reward
        environment.step(None)
    assert (got["player_0"], got["player_1"]) == rewards
    assert environment.agents == []


def test_an_agent_sees_what_the_mover_sees_and_only_the_mover_may_act() -> None:
    game = TicTacToe()
    environment = aec_env(game)
    play(environment, "a1 b2")
    seen = game.start(["3/3/3 x moves a1 b2"]).observe()
    mover, other = environment.observe("player_0"), environment.observe("player_1")
    assert environment.agent_selection == "player_0"
    for observation in (mover, other):
        np.testing.assert_array_equal(observation["observation"], board_arrays(game, seen)[0])
    np.testing.assert_array_equal(mover["action_mask"], action_masks(game, seen.legal)[0])
    assert not other["action_mask"].any()
    assert environment.observation_space("player_1").contains(other)


def test_an_agent_that_moves_twice_stays_selected() -> None:
    game = Twice()
    environment = aec_env(game)
    environment.reset()
    games = game.start(1)
    while not games.outcomes().over[0]:
        seen = games.observe()
        assert environment.agent_selection == f"player_{seen.player[0]}"
        environment.step(int(seen.legal.actions[-1]))
        games.play(seen.legal.actions[-1:])
    outcome = games.outcomes().outcome[0]
    assert environment.rewards == {"player_0": outcome, "player_1": -outcome}


def test_an_illegal_action_loses_with_a_warning_and_raises_without_wrappers(caplog: pytest.LogCaptureFixture) -> None:
    environment = aec_env(TicTacToe())
    play(environment, "a1")
    environment.step(SQUARES.index("a1"))
    assert "Illegal move made" in caplog.text
    assert environment.rewards == {"player_0": 0, "player_1": -1}
    assert all(environment.terminations.values())
    bare = BoardGameAECEnv(TicTacToe())
    play(bare, "a1")
    with pytest.raises(IllegalAction, match="action 0 is illegal"):
        bare.step(0)
    assert bare.agent_selection == "player_1"
    with pytest.raises(AssertionError, match="action is not in action space"):
        aec_of_a_new_game().step(9)


def aec_of_a_new_game() -> Any:
    environment = aec_env(TicTacToe())
    environment.reset()
    return environment


def test_another_game_begins_after_reset() -> None:
    environment = aec_env(TicTacToe())
    play(environment, "a1 b1 a2 b2 a3")
    play(environment, "c3")
    assert environment.rewards == {"player_0": 0, "player_1": 0}
    assert environment.observe("player_1")["action_mask"].sum() == 8


def test_the_board_as_text() -> None:
    environment = aec_env(TicTacToe(), render_mode="ansi")
    play(environment, "a1 b2")
    assert environment.render() == TicTacToe().render("3/3/3 x moves a1 b2")
    assert str(environment) == "tic_tac_toe_v1"
    assert environment.metadata["name"] == "tic_tac_toe_v1"
    silent = aec_of_a_new_game()
    with pytest.warns(UserWarning, match="render_mode='ansi' or 'human'"):
        assert silent.render() is None


def test_an_unknown_render_mode() -> None:
    with pytest.raises(ValueError, match="render_mode must be one of ansi, human or None, got 'rgb_array'"):
        aec_env(TicTacToe(), render_mode="rgb_array")
