"""The solver of Connect Four beside a search of everything, and the share of a policy that is known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba", reason="numba is not installed")

from chesspg.games.connect_four import ConnectFour
from chesspg.games.stones.batch import StoneGames
from chesspg.players.player import Choice, Turn
from studies.connect_four import Solver, sample, share_kept


def searched(games: StoneGames) -> int:
    """The value of one game for player 0, by a search of every game that may follow."""
    outcomes = games.outcomes()
    if outcomes.over[0]:
        return int(outcomes.outcome[0])
    seen = games.observe()
    children = games[np.zeros(len(seen.legal.actions), np.int64)]
    children.play(seen.legal.actions)
    values = [searched(children[[i]]) for i in range(len(children))]
    return min(values) if seen.player[0] else max(values)


def late(rng: np.random.Generator) -> StoneGames:
    """A position with at most five free squares that is not over."""
    while True:
        games = ConnectFour().start(1)
        for _ in range(37):
            if not games.outcomes().over[0]:
                games.play(rng.choice(games.observe().legal.actions, 1))
        if not games.outcomes().over[0]:
            return games


@pytest.mark.slow
def test_the_solver_agrees_with_a_search_of_everything() -> None:
    rng, solver = np.random.default_rng(1), Solver()
    values = []
    for _ in range(25):
        games = late(rng)
        sign = 1 - 2 * int(games.state.player[0])
        values.append(searched(games))
        assert solver.values(games).tolist() == [sign * values[-1]]
    assert set(values) == {-1, 0, 1}


@pytest.mark.slow
def test_the_share_of_players_that_know_the_values() -> None:
    games, values = sample(5, 3)

    class Knows:
        def __init__(self, sign: int) -> None:
            self.sign = sign

        def choose(self, turn: Turn) -> Choice:
            return Choice(np.array([int(np.argmax(self.sign * worth)) for worth in values]))

    assert share_kept(Knows(1), games, values) == 1
    assert share_kept(Knows(-1), games, values) == 0
