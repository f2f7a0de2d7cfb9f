"""A player chooses on a device what it chooses on the host, in every position and for every random number."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from table import Table, table

from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.minimax import Minimax
from chesspg.players.on_device import chooser
from chesspg.players.player import Choice, Greedy, Mixture, Player, Random, Turn
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import NetworkOutput
from chesspg.policy.policy import Policy

LAST = math.nextafter(1.0, 0.0)
OVER = ["xxx/oo1/3 o", "xox/oxo/oxo x", "3/3/ooo x"]
ENDS = [  # mate in one, a promotion, stalemate and checkmate, a single legal move
    "6k1/5ppp/8/8/8/8/8/K2R4 w - - 0 1",
    "8/P6k/8/8/8/8/8/K7 w - - 0 1",
    "7k/5Q2/6K1/8/8/8/8/8 b - - 0 1",
    "R5k1/5ppp/8/8/8/8/8/K7 b - - 0 1",
    "7k/6Q1/8/6K1/8/8/8/8 b - - 0 1",
]


class Unsure(Table):
    """Has equal logits in half of the positions, and no value in a third of them."""

    def forward(self, planes: torch.Tensor, scalars: torch.Tensor, legal: torch.Tensor) -> NetworkOutput:
        logits, value = super().forward(planes, scalars, legal)
        position = planes.flatten(1).sum(dim=1)
        assert value is not None
        return NetworkOutput(
            torch.where((position % 2 == 0)[:, None], 0.0, logits), torch.where(position % 3 == 0, torch.nan, value)
        )


class Double(Table):
    """Computes in float64."""

    def forward(self, planes: torch.Tensor, scalars: torch.Tensor, legal: torch.Tensor) -> NetworkOutput:
        logits, value = super().forward(planes, scalars, legal)
        assert value is not None
        return NetworkOutput(logits.double(), value.double())


def players_of(game: Game) -> list[Player]:
    unsure = Policy(game, Unsure(game, value=True))
    return [
        Random(),
        Greedy(),
        table(game=game),
        table(0.01, game),
        PolicyPlayer(unsure),
        PolicyPlayer(unsure, temperature=0),
        PolicyPlayer(Policy(game, Double(game, value=True))),
        *(Mixture(Greedy(), p) for p in (0.0, 0.3, 1.0)),
        Mixture(Mixture(table(game=game), 0.25), 0.5),
        Mixture(PolicyPlayer(unsure, temperature=0), 5e-324),
    ]


@cache
def positions(name: str) -> tuple[Game, list[str]]:
    """A game, and its positions after 0 to 60 random plies; some of them are over."""
    game: Game = TicTacToe() if name == "tic-tac-toe" else Chess()
    texts = list(OVER if name == "tic-tac-toe" else ENDS)
    rng = np.random.default_rng(5)
    for plies in range(60 if name == "chess" else 9):
        games = game.start(1)
        for _ in range(plies):
            if not games.outcomes().over[0]:
                legal = games.observe().legal.actions
                games.play(rng.choice(legal, 1))
        texts.append(games.position(0))
    return game, texts


def compare(game: Game, player: Player, texts: list[str], uniforms: NDArray[np.float64]) -> None:
    games = game.start(texts)
    there = game.on_device(games, len(texts), "cpu")
    there.reset(torch.ones(len(texts), dtype=torch.bool), torch.arange(len(texts)))
    choose = chooser(player)
    assert choose
    chosen = choose(there, torch.from_numpy(uniforms))
    assert ((chosen.index >= 0) & (chosen.index < game.max_legal)).all()  # also where no action is legal
    rows = np.flatnonzero(~games.outcomes().over)
    if not len(rows):
        return
    choice = player.choose(Turn(games[rows].observe(), uniforms[rows], games, rows))
    assert chosen.index[rows].tolist() == choice.index.tolist()
    for ours, theirs in ((chosen.log_prob, choice.log_prob), (chosen.value, choice.value)):
        assert (ours is None) == (theirs is None)
        if ours is not None and theirs is not None:
            assert ours.dtype == torch.float32
            np.testing.assert_allclose(ours[rows].numpy(), theirs, atol=1e-6)


def edges() -> list[float]:
    """Numbers at which a choice changes, and their neighbors."""
    at = [0.0, 0.25, 0.3, 0.5, 0.625, *(k / n for n in (3, 7, 20, 31) for k in range(1, n))]
    return sorted({max(0.0, math.nextafter(x, toward)) for x in at for toward in (0.0, x, 1.0)} | {LAST})


@pytest.mark.parametrize("name", ["tic-tac-toe", "chess"])
@pytest.mark.parametrize("which", range(12))
@settings(max_examples=15)
@given(data=st.data())
def test_host_and_device_choose_the_same(name: str, which: int, data: Any) -> None:
    if name == "chess":
        pytest.importorskip("numba")
    game, texts = positions(name)
    number = st.sampled_from(edges()) | st.floats(0, 1, exclude_max=True)
    some = data.draw(st.lists(st.tuples(st.sampled_from(texts), number), min_size=1, max_size=12))
    compare(game, players_of(game)[which], [text for text, _ in some], np.array([number for _, number in some]))


@pytest.mark.parametrize("which", range(12))
def test_every_edge_in_a_position_with_many_equal_moves(which: int) -> None:
    uniforms = np.array(edges())
    compare(TicTacToe(), players_of(TicTacToe())[which], ["3/3/3 x moves a1 b2"] * len(uniforms), uniforms)


def test_a_subclass_may_choose_differently_and_stays_on_the_host() -> None:
    class Other(Mixture):
        def choose(self, turn: Turn) -> Choice:
            return Choice(np.zeros(len(turn.rows), np.int64))

    class OtherPolicy(PolicyPlayer):
        pass

    policy = table().policy
    for player in (Other(Random(), 0.5), OtherPolicy(policy), Minimax(TicTacToe()), Mixture(Minimax(TicTacToe()), 0.1)):
        assert chooser(player) is None


def test_the_device_of_a_player_is_that_of_its_policy() -> None:
    assert table().device == torch.device("cpu")
    assert Mixture(Mixture(table(), 0.2), 0.1).device == torch.device("cpu")
    assert Mixture(Random(), 0.1).device is None
