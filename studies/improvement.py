"""From action values to a better policy, and the loss by which the policy learns to be that one.

    π′(·|s) = argmax_p  Σₐ p(a) Q(s, a) + α H(p) − β KL(p ‖ π(·|s))                 Ota et al. (2026), KLENT, eq. 2

Q(s, a) is the expected return of the mover of s after its action a. The entropy keeps π′ exploring, and the divergence
keeps it near π. This is no gradient of the expected reward: π learns π′ by cross-entropy, and Q learns returns.

K. Ota, T. Osa, M. Omura, T. Harada. Revisiting regularized policy optimization for stable and efficient reinforcement
learning in two-player games. ICML 2026, arXiv:2602.10894.
"""

from __future__ import annotations

from torch import Tensor


def improved_logits(logits: Tensor, action_value: Tensor, alpha: float, beta: float) -> Tensor:
    """[N, M] (Q(sₜ, a) + β log π(a|sₜ)) / (α + β), whose softmax over the legal actions is π′; ibid., eq. 3.

    Logits that differ from log π by a number for each position give the same π′. If α = 0, nothing keeps π′ from
    becoming certain of one action in the end; if β = 0, π plays no part in it.

    Args:
        logits: [N, M] log π of each legal action, up to a number for each position.
        action_value: [N, M] Q(sₜ, a) of each legal action.
        alpha: α, the weight of the entropy, at least 0.
        beta: β, the weight of the divergence, at least 0; α + β must be above 0.
    """
    return (action_value + beta * logits) / (alpha + beta)


def expected_value(probs: Tensor, action_value: Tensor) -> Tensor:
    """[N] Σₐ π(a|sₜ) Q(sₜ, a), the return that the mover expects.

    Args:
        probs: [N, M] π of each legal action, 0 after a position's last.
        action_value: [N, M] Q(sₜ, a), finite everywhere.
    """
    return (probs * action_value).sum(dim=1)


def cross_entropy_loss(target: Tensor, log_probs: Tensor) -> Tensor:
    """−Σₜ Σₐ π′(a|sₜ) log π(a|sₜ), least where π is π′; ibid., eq. 4.

    Args:
        target: [N, M] π′ of each legal action, 0 after a position's last; no gradient flows through it.
        log_probs: [N, M] log π, finite everywhere, with gradient.

    Returns:
        [] the sum over the plies given.
    """
    return -(target.detach() * log_probs).sum()
