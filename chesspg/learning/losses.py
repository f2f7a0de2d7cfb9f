"""From log-probabilities and what weighs them to the loss: minus its gradient estimates that of the expected reward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor


def log_likelihood_loss(log_prob: Tensor, advantage: Tensor) -> Tensor:
    """−Σₜ log π(aₜ|sₜ) · Âₜ, the log-likelihood weighted by the reward, Williams (1992).

    Divided by the number of games it is minus the surrogate whose gradient estimates that of the expected reward.

    Args:
        log_prob: [N] log π(aₜ|sₜ), with gradient.
        advantage: [N] Âₜ; no gradient flows through it.

    Returns:
        [] the sum over the plies given.
    """
    return -(log_prob * advantage.detach()).sum()


def clipped_ratio_loss(log_prob: Tensor, sampled_log_prob: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """−Σₜ min(rₜ Âₜ, clip(rₜ, 1 − ε, 1 + ε) Âₜ) with rₜ = π(aₜ|sₜ) / π_sampled(aₜ|sₜ), Schulman et al. (2017), eq. 7.

    Biased, in exchange for using a rollout more than once.

    Args:
        log_prob: [N] log π(aₜ|sₜ), with gradient.
        sampled_log_prob: [N] log π_sampled(aₜ|sₜ), as stored when the action was sampled.
        advantage: [N] Âₜ; no gradient flows through it.
        clip: ε.

    Returns:
        [] the sum over the plies given.
    """
    advantage = advantage.detach()
    ratio = (log_prob - sampled_log_prob.detach()).exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).sum()


def value_loss(value: Tensor, target: Tensor) -> Tensor:
    """Σₜ (v(sₜ) − Gₜ)².

    Args:
        value: [N] v(sₜ), with gradient.
        target: [N] Gₜ, the return of the mover.

    Returns:
        [] the sum over the plies given.
    """
    return (value - target.detach()).square().sum()


def entropy(probs: Tensor, log_probs: Tensor) -> Tensor:
    """[N] H(π(·|sₜ)) = −Σₐ π(a|sₜ) log π(a|sₜ), in nats; positive.

    Args:
        probs: [N, M] π of each legal action, 0 after a position's last.
        log_probs: [N, M] log π, finite everywhere.
    """
    return -(probs * log_probs).sum(dim=1)


def kl_divergence(probs: Tensor, log_probs: Tensor, reference: Tensor) -> Tensor:
    """[N] KL(π ‖ π_reference) = Σₐ π(a|sₜ) (log π(a|sₜ) − log π_reference(a|sₜ)), in nats.

    Args:
        probs: [N, M] π of each legal action, 0 after a position's last.
        log_probs: [N, M] log π, finite everywhere.
        reference: [N, M] log π_reference, finite everywhere.
    """
    return (probs * (log_probs - reference)).sum(dim=1)


class Terms(NamedTuple):
    """The terms of a loss, each summed over N plies."""

    total: Tensor  # [] what is minimized, before the division by games or plies
    policy: Tensor  # [] −Σₜ log π(aₜ|sₜ) · Âₜ, or the clipped ratio's loss
    entropy: Tensor  # [] Σₜ H(π(·|sₜ))
    value_error: Tensor | None  # [] Σₜ (v(sₜ) − Gₜ)²; None without a value head
    kl: Tensor | None  # [] Σₜ KL(π ‖ π_init); None without a policy to stay near


@dataclass(frozen=True)
class Loss:
    """The policy gradient's loss and what is added to it. Without a value head the defaults are the formula itself.

    Args:
        clip: ε of the clipped ratio (PPO), for rollouts that are used more than once. Biased. None is the formula.
        average: Divide by the number of games (unbiased), or by the number of plies (biased: then each ply of a long
            game weighs less).
        entropy_weight: Weight of the entropy bonus per ply. Biased above 0.
        value_weight: Weight of the value head's squared error per ply. The value head shares its body with the
            policy, so that its error also changes the policy's step. Without a value head there is no such term.
        kl_weight: Weight of KL(π ‖ π_init) per ply, in nats: it keeps the policy near the one it started from. Biased
            above 0.

    Raises:
        ValueError: `average` is neither.
    """

    clip: float | None = None
    average: Literal["games", "plies"] = "games"
    entropy_weight: float = 0.0
    value_weight: float = 0.5
    kl_weight: float = 0.0

    def __post_init__(self) -> None:
        if self.average not in ("games", "plies"):
            raise ValueError(f"average must be games or plies, got {self.average!r:.40}")

    def __call__(
        self,
        log_prob: Tensor,
        sampled_log_prob: Tensor,
        advantage: Tensor,
        entropy: Tensor,
        value: Tensor | None = None,
        return_: Tensor | None = None,
        kl: Tensor | None = None,
    ) -> Terms:
        """The terms for N plies.

        Args:
            log_prob: [N] log π(aₜ|sₜ), with gradient.
            sampled_log_prob: [N] the same when the action was sampled.
            advantage: [N] Âₜ.
            entropy: [N] H(π(·|sₜ)).
            value: [N] v(sₜ), if the network has a value head.
            return_: [N] Gₜ, the value's target.
            kl: [N] KL(π ‖ π_init), if there is a policy to stay near.

        Returns:
            The terms. `total` is to be multiplied by `weight`.

        Raises:
            ValueError: There is a value without a return.
        """
        if self.clip is None:
            policy = log_likelihood_loss(log_prob, advantage)
        else:
            policy = clipped_ratio_loss(log_prob, sampled_log_prob, advantage, self.clip)
        entropy_sum = entropy.sum()
        total = policy - self.entropy_weight * entropy_sum
        error = divergence = None
        if value is not None:
            if return_ is None:
                raise ValueError("return_ must be given with a value, which learns from it")
            error = value_loss(value, return_)
            total = total + self.value_weight * error
        if kl is not None:
            divergence = kl.sum()
            total = total + self.kl_weight * divergence
        return Terms(total, policy, entropy_sum, error, divergence)

    def weight(self, games: int, plies: int, parts: int) -> float:
        """What the terms of one micro-batch are multiplied by.

        A rollout is handed out in parts = U·K·R micro-batches: U updates of K micro-batches on each of R ranks.
        Lightning averages an update's gradient over its K·R micro-batches, so that the update gets U / games · Σ total
        over the plies that it sees, which are a U-th of all. For U = 1 this is the formula's Σ total / games; for more
        updates it is an estimate of it by a random part of the plies.

        Args:
            games: The number of games in the rollout.
            plies: The number of stored plies in the rollout.
            parts: The number of micro-batches in which the rollout is handed out once, over all ranks.
        """
        return parts / (games if self.average == "games" else plies)
