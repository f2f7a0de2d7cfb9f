"""The network with action values against its definition, and one update against the loss of the paper by hand."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from chesspg import Advantages, ConnectFour, Loss, PolicyGradient, SelfPlay, TicTacToe
from chesspg.learning.advantages import generalized_advantages
from chesspg.policy import names
from chesspg.policy.networks import Network
from chesspg.policy.policy import Policy, to_tensors
from studies.q_head import ActionValueLearning, QHead

BODIES = {
    "MLP": (TicTacToe(), {"class_path": "chesspg.MLP", "init_args": {"hidden": [8]}}),
    "BoardNet": (ConnectFour(), {"class_path": "chesspg.BoardNet", "init_args": {"channels": 4, "blocks": 1}}),
}


@pytest.fixture(params=BODIES)
def policy(request: pytest.FixtureRequest) -> Policy:
    torch.manual_seed(0)
    game, body = BODIES[request.param]
    return Policy(game, QHead(game, body, alpha=0.2, beta=0.3))


def test_it_plays_the_improved_policy_and_expects_its_value(policy: Policy) -> None:
    network = policy.network
    assert isinstance(network, QHead)
    # Two games, one of them two plies later, so that in tic-tac-toe its list of actions has padding.
    games = policy.game.start(2)
    later = games[[1]]
    for action in (0, 1):
        later.play(torch.tensor([action]).numpy())
    for each in (games, later):
        inputs = to_tensors(each.observe())
        padded = (*inputs[:2], torch.nn.functional.pad(inputs[2], (0, 2), value=-1))
        count = inputs[2].shape[1]
        logits, action_value = (one[:, :count] for one in network.heads(*padded))
        assert action_value.abs().max() < 1
        distribution = policy(*padded)
        unnormalized = ((action_value + 0.3 * logits.log_softmax(1)) / (0.2 + 0.3)).exp()
        wanted = unnormalized / unnormalized.sum(1, keepdim=True)
        torch.testing.assert_close(distribution.probs[:, :count], wanted, rtol=0, atol=1e-6)
        assert (distribution.probs[:, count:] == 0).all()
        assert distribution.value is not None
        torch.testing.assert_close(distribution.value, (wanted * action_value).sum(1), rtol=0, atol=1e-6)


def test_it_is_built_again_from_a_file(policy: Policy) -> None:
    built = names.build(names.describe(policy.network), Network, policy.game)
    assert [p.shape for p in built.parameters()] == [p.shape for p in policy.network.parameters()]
    assert (built.alpha, built.beta) == (0.2, 0.3)


def module(hidden: int, optimizer: Any) -> PolicyGradient:
    return ActionValueLearning(
        TicTacToe(),
        partial(QHead, body={"class_path": "chesspg.MLP", "init_args": {"hidden": [hidden]}}, alpha=0.1),
        optimizer,
        advantages=Advantages(baseline="value", value_lambda=0.8),
        loss=Loss(average="plies", value_weight=0.5),
    )


def fit(trained: PolicyGradient, data: SelfPlay, rollouts: int) -> None:
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    pl.Trainer(max_epochs=rollouts, accelerator="cpu", enable_model_summary=False, **silent).fit(trained, data)


def test_one_update_is_a_step_down_the_loss_of_the_paper() -> None:
    """With SGD, the change of the weights is −lr · ∇ mean(−Σ π′ log π + (Q − G)² / 2)."""
    data = SelfPlay(TicTacToe(), games=16, seed=3)
    torch.manual_seed(1)
    trained = module(8, partial(torch.optim.SGD, lr=0.1))
    network = trained.policy.network
    assert isinstance(network, QHead)
    before = {name: weight.clone() for name, weight in network.named_parameters()}
    taken: list[torch.Tensor] = []
    weigh = trained.weigh

    def spy(rollout):  # type: ignore[no-untyped-def]
        plies = rollout.recorded.to()
        game_of, player, reward = plies.game, plies.player, torch.from_numpy(rollout.reward)
        distribution = trained.policy(plies.planes, plies.scalars, plies.legal)
        value, probs = distribution.value.detach(), distribution.probs.detach()
        goal = generalized_advantages(value, reward, game_of, player, 0.8) + value
        logits, action_value = network.heads(plies.planes, plies.scalars, plies.legal)
        log_pi = logits.masked_fill(plies.legal < 0, -1e9).log_softmax(1)
        played = action_value[torch.arange(len(plies)), plies.choice.long()]
        loss = (-(probs * log_pi).sum(1) + 0.5 * (played - goal) ** 2).mean()
        taken.extend(torch.autograd.grad(loss, list(network.parameters())))
        return weigh(rollout)

    trained.weigh = spy  # type: ignore[method-assign]
    fit(trained, data, rollouts=1)
    for (name, weight), slope in zip(network.named_parameters(), taken, strict=True):
        torch.testing.assert_close(weight.detach(), before[name] - 0.1 * slope, rtol=0, atol=1e-6)
        assert slope.abs().max() > 0


@pytest.mark.slow
def test_it_learns_to_complete_three_in_a_row() -> None:
    torch.manual_seed(1)
    game = TicTacToe()
    trained = module(64, partial(torch.optim.Adam, lr=0.01))
    fit(trained, SelfPlay(game, games=128, updates=8, seed=1), rollouts=30)
    games = game.start(["xx1/oo1/3 x", "1oo/1xx/3 o"])
    observation = games.observe()
    choice = trained.policy.observe(observation).mode().numpy()
    games.play(observation.legal.actions[observation.legal.offsets[:-1] + choice])
    assert games.outcomes().outcome.tolist() == [1, -1]
