"""The comparison of rules with OpenSpiel's finds no difference in games that are the same, and each that is planted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chesspg.games.capabilities import OpenSpielRules
from chesspg.games.chess import Chess
from chesspg.games.connect_four import ConnectFour
from chesspg.games.game import Game
from chesspg.games.open_spiel.states import States
from chesspg.games.open_spiel.verify import verify
from chesspg.games.othello import Othello
from chesspg.games.tic_tac_toe import TicTacToe, TicTacToeGames

pytest.importorskip("pyspiel")


@pytest.mark.parametrize("game", [TicTacToe(), ConnectFour(), Othello()])
def test_the_rules_are_those_of_open_spiel(game: Game) -> None:
    reported: list[int] = []
    plies, differences = verify(game, 3000, seed=1, report=reported.append)
    assert differences == []
    assert plies == reported[-1] >= 3000


class Rotated(TicTacToe):
    """The squares have other numbers in OpenSpiel, and player 1 numbers them in yet another way."""

    open_spiel = OpenSpielRules("tic_tac_toe", np.array([[2, 5, 8, 1, 4, 7, 0, 3, 6], [0, 1, 2, 3, 4, 5, 6, 8, 7]]))


class ByColumns(TicTacToe):
    open_spiel = OpenSpielRules("tic_tac_toe", np.tile(np.array([2, 5, 8, 1, 4, 7, 0, 3, 6]), (2, 1)))


class OtherOutcome(TicTacToe):
    def start(self, positions: Any) -> Any:
        class Games(TicTacToeGames):
            def outcomes(self) -> Any:
                outcomes = super().outcomes()
                outcomes.outcome[:] = np.abs(outcomes.outcome)
                return outcomes

            def __getitem__(self, indices: Any) -> Any:
                return Games(**vars(super().__getitem__(indices)))

        return Games(**vars(super().start(positions)))


class OnFourRows(ConnectFour):
    open_spiel = OpenSpielRules("connect_four(rows=5)", ConnectFour.open_spiel.actions)


def test_differences_are_found_with_their_positions() -> None:
    assert verify(ByColumns(), 500)[1] == []
    found = verify(Rotated(), 500)[1]
    assert found[0].startswith("legal in one of the two are OpenSpiel's actions [")
    assert " moves " in found[0]
    assert any("outcome is 1, in OpenSpiel -1: 3/3/3 x moves " in one for one in verify(OtherOutcome(), 500)[1])
    assert any("legal in one of the two are OpenSpiel's actions" in one for one in verify(OnFourRows(), 2000)[1])


def test_a_game_that_open_spiel_does_not_have() -> None:
    with pytest.raises(ValueError, match="OpenSpiel plays chess by other rules or not at all; expected a game"):
        verify(Chess(), 1)


def test_states_are_those_of_the_positions() -> None:
    game = ByColumns()
    states = States(game)
    begun = game.start(["3/3/3 x moves a1 b1", "3/3/3 x moves a1 b1 c1", "3/3/3 x", "3/3/3 x moves a1 b1 c1 a2"])
    assert [states.state(begun, row).history() for row in range(4)] == [[2, 5], [2, 5, 8], [], [2, 5, 8, 1]]
    again = States(game)  # from another order, of which other positions are known
    assert [again.state(begun, row).history() for row in (3, 0, 2, 1)] == [[2, 5, 8, 1], [2, 5], [], [2, 5, 8]]


def test_only_positions_that_begin_as_open_spiel_begins_have_states() -> None:
    games = TicTacToe().start(["3/3/x2 o moves b1"])
    with pytest.raises(ValueError, match="OpenSpiel plays tic-tac-toe from '3/3/3 x' alone, not from '3/3/x2 o'"):
        States(TicTacToe()).state(games, 0)
    with pytest.raises(ValueError, match="c2 is illegal in OpenSpiel's tic-tac-toe after '3/3/3 x moves"):
        States(Rotated()).state(Rotated().start(["3/3/3 x moves b1 c2"]), 0)
