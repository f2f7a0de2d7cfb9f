"""Each estimator against a closed form or a slow obvious loop, and the sign of each against one gradient step."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chesspg.learning.estimators import (
    clipped_ratio_loss,
    generalised_advantages,
    leave_one_out,
    log_likelihood_loss,
    returns,
    standardised,
    value_loss,
)
from chesspg.policy.policy import Distribution

# --- Losses ----------------------------------------------------------------------------------------------------------


def test_log_likelihood_loss_is_minus_the_weighted_sum() -> None:
    log_prob = torch.tensor([-0.5, -1.0, -2.0], requires_grad=True)
    advantage = torch.tensor([1.0, -1.0, 0.5], requires_grad=True)
    loss = log_likelihood_loss(log_prob, advantage)
    assert loss.item() == pytest.approx(-(-0.5 + 1.0 - 1.0))  # 0.5
    loss.backward()
    assert log_prob.grad is not None
    assert log_prob.grad.tolist() == [-1.0, 1.0, -0.5]
    assert advantage.grad is None  # what weighs a ply is no part of what is learned


def test_log_likelihood_loss_against_the_softmax_by_hand() -> None:
    # π = softmax(0, 0, 0) = 1/3 each. ∂ log π(0) / ∂ logits = (1 − 1/3, −1/3, −1/3), times −2 for the loss.
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    log_likelihood_loss(logits.log_softmax(0)[:1], torch.tensor([2.0])).backward()
    assert logits.grad is not None
    assert logits.grad.tolist() == pytest.approx([-4 / 3, 2 / 3, 2 / 3])


@pytest.mark.parametrize("loss", ["log_likelihood", "clipped_ratio"])
@pytest.mark.parametrize(("advantage", "rises"), [(1.0, True), (-1.0, False)])
def test_one_step_raises_a_rewarded_action_and_lowers_a_punished_one(loss: str, advantage: float, rises: bool) -> None:
    logits = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    before = logits.detach().softmax(0)
    log_prob = logits.log_softmax(0)[1:2]
    weight = torch.tensor([advantage])
    if loss == "log_likelihood":
        log_likelihood_loss(log_prob, weight).backward()
    else:
        clipped_ratio_loss(log_prob, log_prob, weight, clip=0.2).backward()
    torch.optim.SGD([logits], lr=0.1).step()
    after = logits.detach().softmax(0)
    assert bool(after[1] > before[1]) is rises
    assert bool(after[0] < before[0]) is rises
    assert bool(after[2] < before[2]) is rises


@pytest.mark.parametrize(
    ("ratio", "advantage", "slope"),
    # min(r Â, clip(r, 0.8, 1.2) Â) in r: the slope is Â, or 0 where the clipped term is the lesser and flat.
    [
        (1.0, 2.0, 2.0),
        (1.0, -2.0, -2.0),
        (1.1, 2.0, 2.0),
        (1.3, 2.0, 0.0),  # already more likely than the clip allows, and rewarded
        (1.3, -2.0, -2.0),  # punished: comes back
        (0.7, 2.0, 2.0),  # rewarded: comes back
        (0.7, -2.0, 0.0),  # already less likely than the clip allows, and punished
        (0.9, -2.0, -2.0),
    ],
)
def test_clipped_ratio_gradient(ratio: float, advantage: float, slope: float) -> None:
    sampled = torch.tensor([-1.0], dtype=torch.float64, requires_grad=True)
    log_prob = (sampled.detach() + math.log(ratio)).requires_grad_()
    weight = torch.tensor([advantage], dtype=torch.float64)
    loss = clipped_ratio_loss(log_prob, sampled, weight, clip=0.2)
    clipped = min(max(ratio, 0.8), 1.2)
    assert loss.item() == pytest.approx(-min(ratio * advantage, clipped * advantage))
    loss.backward()
    assert log_prob.grad is not None
    assert log_prob.grad.item() == pytest.approx(-slope * ratio)  # dr / d log π = r
    assert sampled.grad is None


def test_clipped_ratio_at_ratio_one_is_the_plain_gradient() -> None:
    torch.manual_seed(0)
    logits = torch.randn(50, 4, dtype=torch.float64, requires_grad=True)
    advantage = torch.randn(50, dtype=torch.float64)
    log_prob = logits.log_softmax(1)[:, 2]
    (plain,) = torch.autograd.grad(log_likelihood_loss(log_prob, advantage), logits, retain_graph=True)
    (clipped,) = torch.autograd.grad(clipped_ratio_loss(log_prob, log_prob.detach(), advantage, 0.1), logits)
    torch.testing.assert_close(clipped, plain, rtol=0, atol=1e-12)


def test_value_loss() -> None:
    value = torch.tensor([0.5, -0.25], requires_grad=True)
    target = torch.tensor([1.0, -1.0], requires_grad=True)
    loss = value_loss(value, target)
    assert loss.item() == pytest.approx(0.25 + 0.5625)  # 0.5² + 0.75²
    loss.backward()
    assert value.grad is not None
    assert value.grad.tolist() == [-1.0, 1.5]  # 2 (v − G)
    assert target.grad is None


def test_value_loss_pulls_towards_the_mean_return() -> None:
    value = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([value], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        # Three games from one state: 1, 1, −1; its value is their mean, 1/3.
        value_loss(value[[0, 0, 0]], torch.tensor([1.0, 1.0, -1.0])).backward()
        optimizer.step()
    assert value[0].item() == pytest.approx(1 / 3)
    assert value[1:].tolist() == [0, 0, 0]


def test_entropy_is_positive_and_a_bonus_on_it_raises_it() -> None:
    # Two states, of two and three actions.
    mask = torch.tensor([[True, True, False], [True, True, True]])
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)

    def entropy() -> Tensor:
        log_probs = logits.masked_fill(~mask, -1e9).log_softmax(1).masked_fill(~mask, 0.0)
        return Distribution(log_probs, mask, None).entropy()

    before = entropy()
    p = 1 / (1 + math.exp(-2))
    assert before.tolist() == pytest.approx([-p * math.log(p) - (1 - p) * math.log(1 - p), math.log(3)])
    (-before.sum()).backward()  # a bonus is subtracted from the loss
    torch.optim.SGD([logits], lr=0.1).step()
    after = entropy()
    assert after[0] > before[0]
    assert after[1].item() == pytest.approx(math.log(3))  # already the most there is


# --- What weighs a ply -----------------------------------------------------------------------------------------------


def test_returns_belong_to_the_mover() -> None:
    reward = torch.tensor([1.0, -1.0, 0.5])  # player 0 won, lost, was ahead at the cap
    game = torch.tensor([0, 0, 1, 1, 2, 2], dtype=torch.int32)
    player = torch.tensor([0, 1, 0, 1, 1, 0], dtype=torch.int8)
    assert returns(reward, game, player).tolist() == [1.0, -1.0, -1.0, 1.0, -0.5, 0.5]


def test_leave_one_out_by_hand() -> None:
    reward = torch.tensor([1.0, 0.0, -1.0, 1.0, 1.0])
    group = torch.tensor([7, 3, 7, 7, 3])
    # Group 7 holds 1, −1, 1: without each in turn 0, 1, 0. Group 3 holds 0, 1: 1, 0.
    assert leave_one_out(reward, group).tolist() == [0.0, 1.0, 1.0, 0.0, 0.0]


@given(st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 0.3, 1.0]), st.integers(0, 3)), min_size=1, max_size=30))
@settings(deadline=None)  # the machine may be busy
def test_leave_one_out_against_a_loop(games: list[tuple[float, int]]) -> None:
    reward = torch.tensor([r for r, _ in games], dtype=torch.float64)
    group = torch.tensor([g for _, g in games])
    others = [[r for j, (r, g) in enumerate(games) if g == group[i] and j != i] for i in range(len(games))]
    if not all(others):
        with pytest.raises(ValueError, match="two games at least"):
            leave_one_out(reward, group)
        return
    wanted = [sum(other) / len(other) for other in others]
    assert leave_one_out(reward, group).tolist() == pytest.approx(wanted, abs=1e-12)


def test_leave_one_out_says_how_many_groups_are_too_small() -> None:
    with pytest.raises(ValueError, match=r"1 of 2 groups have one"):
        leave_one_out(torch.tensor([1.0, 0.0, 1.0]), torch.tensor([0, 0, 1]))


def test_a_game_has_no_part_in_its_own_baseline() -> None:
    reward = torch.tensor([1.0, 0.0, -1.0, 0.25], dtype=torch.float64, requires_grad=True)
    own = torch.autograd.functional.jacobian(lambda r: leave_one_out(r, torch.zeros(4)), reward)
    assert own.diagonal().tolist() == pytest.approx([0, 0, 0, 0], abs=1e-15)  # ∂bᵢ / ∂rᵢ


def generalised_advantages_by_recursion(
    value: list[float], reward: list[float], game: list[int], player: list[int], lambda_: float
) -> list[float]:
    """Âₜ = δₜ ± λ Âₜ₊₁ from a game's last ply to its first, in plain Python."""
    result = [0.0] * len(value)
    for g in range(len(reward)):
        plies = [t for t in range(len(value)) if game[t] == g]
        for k in reversed(range(len(plies))):
            t = plies[k]
            if k == len(plies) - 1:
                result[t] = (reward[g] if player[t] == 0 else -reward[g]) - value[t]
            else:
                following = plies[k + 1]
                sign = 1 if player[following] == player[t] else -1
                result[t] = sign * value[following] - value[t] + lambda_ * sign * result[following]
    return result


# Any mixture of games, and movers in any order: opponents' plies are missing, some move twice, some games are empty.
PLIES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1), st.floats(-1, 1, width=32)), max_size=40)
REWARDS = st.lists(st.sampled_from([-1.0, -0.3, 0.0, 1.0]), min_size=5, max_size=5)


def as_tensors(plies: list[tuple[int, int, float]], rewards: list[float]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (
        torch.tensor([value for *_, value in plies], dtype=torch.float64),
        torch.tensor(rewards, dtype=torch.float64),
        torch.tensor([game for game, *_ in plies], dtype=torch.int32),
        torch.tensor([player for _, player, _ in plies], dtype=torch.int8),
    )


@given(PLIES, REWARDS, st.floats(0, 1))
@settings(deadline=None)
def test_generalised_advantages_against_the_recursion(
    plies: list[tuple[int, int, float]], rewards: list[float], lambda_: float
) -> None:
    value, reward, game, player = as_tensors(plies, rewards)
    wanted = generalised_advantages_by_recursion(value.tolist(), rewards, game.tolist(), player.tolist(), lambda_)
    assert generalised_advantages(value, reward, game, player, lambda_).tolist() == pytest.approx(wanted, abs=1e-12)


@given(PLIES, REWARDS)
@settings(deadline=None)
def test_lambda_one_is_the_return_minus_the_value(plies: list[tuple[int, int, float]], rewards: list[float]) -> None:
    value, reward, game, player = as_tensors(plies, rewards)
    advantage = generalised_advantages(value, reward, game, player, 1.0)
    torch.testing.assert_close(advantage, returns(reward, game, player) - value, rtol=0, atol=1e-12)


def test_generalised_advantages_by_hand() -> None:
    # Game 0: plies of 0, 1, 1; game 1: two plies of player 0, the opponent's between them not stored. Interleaved.
    value = torch.tensor([0.5, 0.25, -0.5, 0.75, 0.125])
    game = torch.tensor([0, 1, 0, 1, 0])
    player = torch.tensor([0, 0, 1, 0, 1])
    reward = torch.tensor([1.0, -1.0])
    # λ = 0, so Â = δ. Game 0: −(−0.5) − 0.5 = 0; +0.125 − (−0.5) = 0.625; −1 − 0.125 = −1.125.
    #                  Game 1: +0.75 − 0.25 = 0.5; −1 − 0.75 = −1.75.
    delta = generalised_advantages(value, reward, game, player, 0.0)
    assert delta.tolist() == [0.0, 0.5, 0.625, -1.75, -1.125]
    # λ = 1/2. Game 0: 0.625 + ½ (−1.125) = 0.0625; 0 − ½ · 0.0625 = −0.03125. Game 1: 0.5 + ½ (−1.75) = −0.375.
    half = generalised_advantages(value, reward, game, player, 0.5)
    assert half.tolist() == [-0.03125, -0.375, 0.0625, -1.75, -1.125]


def test_generalised_advantages_of_nothing() -> None:
    nothing = torch.empty(0)
    assert generalised_advantages(nothing, torch.ones(3), nothing.int(), nothing.int(), 0.9).shape == (0,)


def test_a_value_that_is_right_leaves_only_the_surprise() -> None:
    # A drawn game known to be drawn: nothing to learn, at any λ.
    value, reward = torch.zeros(4), torch.zeros(1)
    game, player = torch.zeros(4).int(), torch.tensor([0, 1, 0, 1])
    assert generalised_advantages(value, reward, game, player, 0.7).tolist() == [0, 0, 0, 0]
    # Won for player 0 and known to be: v = ±1 by mover.
    value = torch.tensor([1.0, -1.0, 1.0, -1.0])
    assert generalised_advantages(value, torch.ones(1), game, player, 0.7).tolist() == [0, 0, 0, 0]


def test_standardised() -> None:
    advantage = torch.tensor([1.0, 2.0, 3.0, 6.0], dtype=torch.float64)
    # Mean 3, deviation √((4 + 1 + 0 + 9) / 4) = √3.5.
    result = standardised(advantage, advantage.mean(), advantage.std(correction=0))
    assert result.tolist() == pytest.approx([-2 / 3.5**0.5, -1 / 3.5**0.5, 0, 3 / 3.5**0.5])
    # All alike: zeros and not NaN.
    alike = torch.ones(3)
    assert standardised(alike, alike.mean(), alike.std(correction=0)).tolist() == [0, 0, 0]
