"""Each loss against a closed form or a sum by hand, and the sign of each against one gradient step."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical

from chesspg.learning.losses import (
    Loss,
    clipped_ratio_loss,
    entropy,
    kl_divergence,
    log_likelihood_loss,
    value_loss,
)
from chesspg.policy.policy import Distribution

# --- One term each ---------------------------------------------------------------------------------------------------


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


# --- Entropy and divergence ------------------------------------------------------------------------------------------


def padded(logits: Tensor, legal: list[int]) -> Distribution:
    """π = softmax over the first `legal[i]` logits [M] of each row, as a policy has it: log π is 0 after the last."""
    mask = torch.arange(logits.shape[1]) < torch.tensor(legal)[:, None]
    log_probs = logits.masked_fill(~mask, -1e9).log_softmax(1).masked_fill(~mask, 0.0)
    return Distribution(log_probs, mask, None)


def test_entropy_is_positive_and_a_bonus_on_it_raises_it() -> None:
    # Two states, of two and three actions.
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)

    def now() -> Tensor:
        distribution = padded(logits, [2, 3])
        return entropy(distribution.probs, distribution.log_probs)

    before = now()
    p = 1 / (1 + math.exp(-2))
    assert before.tolist() == pytest.approx([-p * math.log(p) - (1 - p) * math.log(1 - p), math.log(3)])
    (-before.sum()).backward()  # a bonus is subtracted from the loss
    torch.optim.SGD([logits], lr=0.1).step()
    after = now()
    assert after[0] > before[0]
    assert after[1].item() == pytest.approx(math.log(3))  # already the most there is


def test_entropy_and_divergence_against_torch_distributions() -> None:
    torch.manual_seed(0)
    legal = [1, 2, 5, 7]
    ours, theirs = (torch.randn(4, 7, dtype=torch.float64, requires_grad=True) for _ in range(2))
    pi, reference = padded(ours, legal), padded(theirs, legal)
    found = {
        "entropy": entropy(pi.probs, pi.log_probs),
        "divergence": kl_divergence(pi.probs, pi.log_probs, reference.log_probs),
    }
    own = [(Categorical(logits=a[:n]), Categorical(logits=b[:n])) for a, b, n in zip(ours, theirs, legal, strict=True)]
    wanted = {
        "entropy": torch.stack([a.entropy() for a, _ in own]),
        "divergence": torch.stack([torch.distributions.kl_divergence(a, b) for a, b in own]),
    }
    for name in found:
        torch.testing.assert_close(found[name], wanted[name], rtol=0, atol=1e-12)
        (of_found,), (of_wanted,) = (
            torch.autograd.grad(one[name].sum(), ours, retain_graph=True) for one in (found, wanted)
        )
        torch.testing.assert_close(of_found, of_wanted, rtol=0, atol=1e-12)
    assert found["entropy"][0] == found["divergence"][0] == 0  # of one action there is nothing to know
    assert (found["divergence"][1:] > 0).all()
    torch.testing.assert_close(pi.entropy(), found["entropy"], rtol=0, atol=0)  # a policy's is this one


def test_the_divergence_from_itself_is_zero_and_so_is_its_gradient() -> None:
    logits = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    pi = padded(logits, [2, 3, 4])
    divergence = kl_divergence(pi.probs, pi.log_probs, pi.log_probs.detach())
    assert divergence.tolist() == [0, 0, 0]
    divergence.sum().backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-15


# --- All terms together ----------------------------------------------------------------------------------------------

LOG_PROB, ADVANTAGE, ENTROPY = torch.tensor([-0.5, -1.0]), torch.tensor([1.0, -2.0]), torch.tensor([0.25, 0.5])
VALUE, RETURN, KL = torch.tensor([0.5, 0.5]), torch.tensor([1.0, -1.0]), torch.tensor([0.125, 0.25])


def test_the_default_loss_is_the_formula() -> None:
    terms = Loss()(LOG_PROB, LOG_PROB - 1, ADVANTAGE, ENTROPY)  # the sampled log π is of no use in it
    assert terms.total.item() == terms.policy.item() == pytest.approx(-(-0.5 + 2.0))
    assert terms.entropy.item() == pytest.approx(0.75)
    assert terms.value_error is None
    assert terms.kl is None


def test_the_terms_of_a_loss_by_hand() -> None:
    loss = Loss(entropy_weight=0.1, value_weight=2.0, kl_weight=4.0)
    terms = loss(LOG_PROB, LOG_PROB, ADVANTAGE, ENTROPY, VALUE, RETURN, KL)
    assert terms.policy.item() == pytest.approx(-1.5)
    assert terms.value_error is not None
    assert terms.kl is not None
    assert terms.value_error.item() == pytest.approx(0.25 + 2.25)  # 0.5² + 1.5²
    assert terms.kl.item() == pytest.approx(0.375)
    # The bonus is subtracted, the errors are added: −1.5 − 0.1 · 0.75 + 2 · 2.5 + 4 · 0.375.
    assert terms.total.item() == pytest.approx(4.925)


def test_a_loss_with_a_clip_is_that_of_the_clipped_ratio() -> None:
    sampled = LOG_PROB - torch.tensor([0.5, -0.1])  # ratios e^0.5, which the clip cuts to 1.2, and e^−0.1
    terms = Loss(clip=0.2)(LOG_PROB, sampled, ADVANTAGE, ENTROPY)
    assert terms.total.item() == pytest.approx(-(1.2 * 1.0 + math.exp(-0.1) * -2.0))
    assert terms.total.item() == pytest.approx(clipped_ratio_loss(LOG_PROB, sampled, ADVANTAGE, 0.2).item())


@pytest.mark.parametrize(("average", "divisor"), [("games", 4), ("plies", 30)])
@pytest.mark.parametrize("parts", [1, 3])
def test_the_weight_leaves_the_average_over_the_rollout(
    average: Literal["games", "plies"], divisor: int, parts: int
) -> None:
    """Lightning takes the mean of the micro-batches of an update; what is left is Σ / games, or Σ / plies."""
    loss = Loss(average=average)
    log_prob, advantage = torch.linspace(-3, -0.1, 30), torch.linspace(-1, 3, 30)
    entropies = torch.zeros(30)
    totals = [
        loss.weight(games=4, plies=30, parts=parts) * loss(*one).total
        for one in zip(*(x.split(30 // parts) for x in (log_prob, log_prob, advantage, entropies)), strict=True)
    ]
    wanted = log_likelihood_loss(log_prob, advantage) / divisor
    assert torch.stack(totals).mean().item() == pytest.approx(wanted.item())


def test_several_updates_have_the_weight_of_the_rollout_on_average() -> None:
    """Each of U updates gets U / games times the sum over its own plies; their mean is the whole rollout's."""
    updates, factor, plies = 3, 2, 24
    loss, order = Loss(), torch.randperm(plies, generator=torch.Generator().manual_seed(1))
    log_prob, advantage = torch.linspace(-3, -0.1, plies)[order], torch.linspace(-1, 3, plies)[order]
    weight = loss.weight(games=4, plies=plies, parts=updates * factor)
    pieces = zip(log_prob.chunk(updates * factor), advantage.chunk(updates * factor), strict=True)
    totals = torch.stack([weight * loss(piece, piece, weights, torch.zeros(4)).total for piece, weights in pieces])
    by_update = totals.view(updates, factor).mean(dim=1)  # as Lightning takes it
    first = log_likelihood_loss(log_prob[:8], advantage[:8])
    assert by_update[0].item() == pytest.approx(updates * first.item() / 4)
    assert by_update.mean().item() == pytest.approx(log_likelihood_loss(log_prob, advantage).item() / 4)
