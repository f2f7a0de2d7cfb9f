"""The improved policy against a numerical maximization of its objective, and the cross-entropy against its slope."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from chesspg.learning.losses import entropy, kl_divergence
from studies.improvement import cross_entropy_loss, expected_value, improved_logits

torch.manual_seed(0)
LOG_PI = torch.randn(5, 4, dtype=torch.float64).log_softmax(1)  # π in five positions with four legal actions each
Q = torch.rand(5, 4, dtype=torch.float64) * 2 - 1
WEIGHTS = [(0.03, 0.1), (0.5, 0.1), (0.0, 0.2), (0.3, 0.0)]  # α and β


def objective(log_probs: Tensor, alpha: float, beta: float) -> Tensor:
    """[N] Σₐ p(a) Q(s, a) + α H(p) − β KL(p ‖ π)."""
    probs = log_probs.exp()
    bonus = alpha * entropy(probs, log_probs) - beta * kl_divergence(probs, log_probs, LOG_PI)
    return expected_value(probs, Q) + bonus


def improved(alpha: float, beta: float) -> Tensor:
    """[N, M] log π′."""
    return improved_logits(LOG_PI, Q, alpha, beta).log_softmax(1)


@pytest.mark.parametrize(("alpha", "beta"), WEIGHTS)
def test_the_improved_policy_is_what_a_numerical_maximization_finds(alpha: float, beta: float) -> None:
    logits = torch.zeros_like(Q, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [logits], max_iter=1000, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = -objective(logits.log_softmax(1), alpha, beta).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[arg-type]
    torch.testing.assert_close(logits.detach().softmax(1), improved(alpha, beta).exp(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("alpha", "beta"), WEIGHTS)
def test_no_other_policy_is_better(alpha: float, beta: float) -> None:
    """The maximum is (α + β) log Σₐ exp((Q + β log π) / (α + β))."""
    best = objective(improved(alpha, beta), alpha, beta)
    exact = (alpha + beta) * improved_logits(LOG_PI, Q, alpha, beta).logsumexp(1)
    torch.testing.assert_close(best, exact, rtol=0, atol=1e-12)
    others = torch.randn(1000, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 3
    for other in others.log_softmax(2):
        assert (objective(other, alpha, beta) < best).all()


def test_the_policy_stays_as_it_is_where_the_divergence_weighs_all() -> None:
    torch.testing.assert_close(improved(0.03, 1e9), LOG_PI, rtol=0, atol=1e-8)


def test_the_policy_plays_no_part_without_the_divergence() -> None:
    torch.testing.assert_close(improved(0.3, 0.0), (Q / 0.3).log_softmax(1), rtol=0, atol=1e-12)


def test_logits_may_differ_from_log_probabilities_by_a_number() -> None:
    shifted = improved_logits(LOG_PI + torch.arange(5.0)[:, None], Q, 0.03, 0.1).log_softmax(1)
    torch.testing.assert_close(shifted, improved(0.03, 0.1), rtol=0, atol=1e-12)


def test_improving_again_and_again_ends_at_the_softmax_of_the_action_values() -> None:
    """With Q fixed, the distance of log π to Q / α shrinks by β / (α + β) each time; ibid., appendix C."""
    alpha, beta = 0.2, 0.1
    log_pi, goal = LOG_PI, (Q / alpha).log_softmax(1)
    for step in range(1, 30):
        log_pi = improved_logits(log_pi, Q, alpha, beta).log_softmax(1)
        ratios = (log_pi - goal).diff(dim=1)  # log-ratios, in which no normalization is left
        torch.testing.assert_close(ratios, (1 / 3) ** step * (LOG_PI - goal).diff(dim=1), rtol=0, atol=1e-12)
    torch.testing.assert_close(log_pi, goal, rtol=0, atol=1e-12)


def test_expected_value_by_hand() -> None:
    probs, action_value = torch.tensor([[0.25, 0.75, 0.0]]), torch.tensor([[1.0, -1.0, 9.0]])  # the last is padding
    assert expected_value(probs, action_value).tolist() == [-0.5]


def test_cross_entropy_by_hand_and_its_slope() -> None:
    """The slope at the logits is π − π′, and 0 in the padding."""
    target = torch.tensor([[0.25, 0.75, 0.0], [0.5, 0.25, 0.25]], dtype=torch.float64, requires_grad=True)
    logits = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True, True, False], [True, True, True]])
    log_probs = logits.masked_fill(~mask, -1e9).log_softmax(1)
    loss = cross_entropy_loss(target, log_probs)
    by_hand = -sum(p * q for p, q in zip(target.flatten().tolist(), log_probs.flatten().tolist(), strict=True))
    assert loss.item() == pytest.approx(by_hand)
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, (log_probs.exp() - target).detach(), rtol=0, atol=1e-12)
    assert target.grad is None
