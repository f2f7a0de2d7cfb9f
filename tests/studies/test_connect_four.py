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


def late(count: int) -> StoneGames:
    """Positions with five free squares that are not over."""
    rng, games = np.random.default_rng(1), ConnectFour().start(10_000)
    for _ in range(37):
        legal = games.observe().legal
        games.play(legal.take((rng.random(len(legal)) * legal.counts).astype(np.int64)))
        games = games[~games.outcomes().over]
    return games[:count]


@pytest.mark.slow
def test_the_solver_agrees_with_a_search_of_everything() -> None:
    games = late(60)
    values = [searched(games[[i]]) for i in range(60)]
    assert Solver().values(games).tolist() == ((1 - 2 * games.state.player) * values).tolist()
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
