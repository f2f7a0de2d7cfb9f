"""OpenSpiel's search as a player: it finds wins, plays the same again, and says which games it can't play."""

from __future__ import annotations

import numpy as np
import pytest

from chesspg.games.chess import Chess
from chesspg.games.connect_four import ConnectFour
from chesspg.games.game import Game
from chesspg.games.open_spiel import OpenSpiel
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.mcts import MCTS
from chesspg.players.player import Player, Random, Turn
from chesspg.players.roster import player_from_string
from chesspg.selfplay.loop import play

pytest.importorskip("pyspiel")


def turn(game: Game, positions: list[str], uniforms: list[float]) -> Turn:
    games = game.start(positions)
    return Turn(games.observe(), np.array(uniforms), games, np.arange(len(games)))


def test_it_wins_or_blocks_in_one_ply() -> None:
    game = ConnectFour()
    positions = ["7/7/7/7/7/7 x moves a b a b a b", "7/7/7/7/7/7 x moves a b a b a"]
    player = player_from_string("mcts?simulations=100", game)
    choice = player.choose(turn(game, positions, [0.1, 0.9]))
    assert choice.index.tolist() == [0, 0]


@pytest.mark.parametrize("game", [TicTacToe(), OpenSpiel("breakthrough(rows=4,columns=4)")])
def test_it_beats_random_moves_and_plays_the_same_again(game: Game) -> None:
    player = player_from_string("mcts?simulations=50", game)
    seats: list[tuple[Player, Player]] = [(player, Random()), (Random(), player)]
    first, second, again = (play(game.start(12), seat, Randomness(3, 1)) for seat in (*seats, seats[0]))
    assert (first.outcome.mean() - second.outcome.mean()) / 2 > 0.7
    np.testing.assert_array_equal(first.outcome, again.outcome)
    np.testing.assert_array_equal(first.length, again.length)


def test_other_random_numbers_give_other_moves() -> None:
    game = OpenSpiel("hex(board_size=5)")
    uniforms = np.linspace(0, 1, 20, endpoint=False).tolist()
    choice = player_from_string("mcts?simulations=5", game).choose(turn(game, ["startpos"] * 20, uniforms))
    assert len(set(choice.index.tolist())) > 3


def test_a_game_from_another_start_is_given_up() -> None:
    game = TicTacToe()
    choice = MCTS(game, 10).choose(turn(game, ["3/3/3 x", "3/1x1/3 o"], [0.1, 0.9]))
    assert list(choice.forfeits) == [1]
    assert choice.forfeits[1] == "OpenSpiel plays tic-tac-toe from '3/3/3 x' alone, not from '3/1x1/3 o'"


def test_games_that_open_spiel_does_not_have_are_refused() -> None:
    for game in (None, Chess()):
        with pytest.raises(ValueError, match="OpenSpiel plays chess by other rules or not at all; expected a game"):
            player_from_string("mcts", game)
    with pytest.raises(ValueError, match=r"simulations in 'mcts\?simulations=0' must be a whole number from 1 to"):
        player_from_string("mcts?simulations=0", TicTacToe())
    with pytest.raises(ValueError, match="simulations must be at least 1, got 0"):
        MCTS(TicTacToe(), 0)
