"""A policy as a player: temperature, greedy play, and the log_prob and value of its choices."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.player import Choice, Turn
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy, full_batch, to_tensors
from chesspg.selfplay.loop import play
from chesspg.selfplay.rollout import Rollout

POSITION = "3/3/3 x moves a1 b2"
COUNT = 4096
GRID = (np.arange(COUNT) + 0.5) / COUNT


@pytest.fixture
def policy() -> Policy:
    torch.manual_seed(1)
    game = TicTacToe()
    network = MLP(game, value=True)
    torch.nn.init.normal_(network.policy_head.bias)  # far from uniform
    return Policy(game, network, temperature=2.0).eval()


def ask(player: PolicyPlayer) -> Choice:
    games = TicTacToe().start([POSITION] * COUNT)
    return player.choose(Turn(games.observe(), GRID, games, np.arange(COUNT)))


def softmax(policy: Policy, temperature: float) -> np.ndarray:
    """π over the legal actions of POSITION, computed step by step."""
    observation = TicTacToe().start([POSITION]).observe()
    with torch.no_grad():
        logits = policy.network(*to_tensors(observation)).logits[0].double().numpy()
    weights = np.exp(logits / temperature)
    return weights / weights.sum()


@pytest.mark.parametrize(("given", "used"), [(None, 2.0), (0.5, 0.5), (1.0, 1.0)])
def test_samples_at_its_temperature_and_tells_the_probability(policy: Policy, given: float | None, used: float) -> None:
    choice = ask(PolicyPlayer(policy, given))
    expected = softmax(policy, used)
    assert expected.max() - expected.min() > 0.1  # a temperature would show
    assert np.bincount(choice.index, minlength=7) / COUNT == pytest.approx(expected, abs=1.5 / COUNT)
    assert choice.log_prob == pytest.approx(np.log(expected)[choice.index], abs=1e-5)
    assert policy.temperature == 2.0  # the policy itself is not changed


def test_at_zero_always_the_likeliest(policy: Policy) -> None:
    choice = ask(PolicyPlayer(policy, 0))
    assert set(choice.index.tolist()) == {int(softmax(policy, 1.0).argmax())}
    assert choice.log_prob is not None
    assert not choice.log_prob.any()  # it was certain


def test_tells_the_value_and_learns_nothing(policy: Policy) -> None:
    choice = ask(PolicyPlayer(policy))
    assert choice.value is not None
    assert choice.value.shape == (COUNT,)
    assert (np.abs(choice.value) < 1).all()
    assert all(parameter.grad is None for parameter in policy.parameters())


def test_runs_under_the_precision_it_is_given(policy: Policy) -> None:
    def half() -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16)

    seen = TicTacToe().start([POSITION]).observe()
    full = PolicyPlayer(policy).distribution(seen).log_probs
    rounded = PolicyPlayer(policy, forward_context=half).distribution(seen).log_probs
    assert rounded.dtype == torch.float32  # the softmax is not rounded
    assert 0 < (full - rounded).abs().max() < 0.05


def test_one_call_of_the_network_a_ply(policy: Policy) -> None:
    given: list[int] = []
    seen: list[int] = []
    for module, sizes in ((policy, given), (policy.network, seen)):
        module.register_forward_pre_hook(lambda _, arguments, sizes=sizes: sizes.append(len(arguments[0])))
    player = PolicyPlayer(policy)
    rollout = play(TicTacToe().start(50), (player, player), Randomness(0), learner=player)
    assert len(seen) == rollout.length.max()
    assert given[0] == 50
    assert sum(given) == len(rollout.plies)
    assert seen == [full_batch(size, policy.device) for size in given]


def test_is_launched_now_and_read_later(policy: Policy) -> None:
    """Another launch for other games in the meantime changes nothing."""
    player = PolicyPlayer(policy)
    games = TicTacToe().start([POSITION] * COUNT)
    turn = Turn(games.observe(), GRID, games, np.arange(COUNT))
    answer = player.launch(turn)
    player.launch(Turn(turn.observation[:7], GRID[:7], games, np.arange(7)))()
    later, now = answer(), player.choose(turn)
    for name in ("index", "log_prob", "value"):
        assert (getattr(later, name) == getattr(now, name)).all()
    assert later.index.dtype == np.int64
    assert not player.is_async  # playing in two parts doubles the kernel launches


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_an_accelerator_plays_the_same_games(policy: Policy) -> None:
    def rollout() -> Rollout:
        player = PolicyPlayer(policy)
        return play(TicTacToe().start(64), (player, player), Randomness(0), learner=player)

    here, there = rollout(), (policy.to("cuda"), rollout())[1]
    assert there.positions() == here.positions()
    assert (there.game == here.game).all()
    assert there.log_prob == pytest.approx(here.log_prob, abs=1e-3)
    assert there.value == pytest.approx(here.value, abs=1e-3)
