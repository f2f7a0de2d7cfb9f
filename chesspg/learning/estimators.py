"""The policy gradient: from the log-probabilities of sampled plies and the rewards of their games to a loss.

    ∇θ E_{x~p(x|θ)}[f(x)] = E_{x~p(x|θ)}[ f(x) ∇θ log p(x|θ) ]          Williams (1992)

x is a whole game and log p(x|θ) = Σₜ log π(aₜ|sₜ) + a part without θ. `docs/derivation.md` walks through it.

Shapes: N plies stored, of some number of games. An advantage Âₜ belongs to the mover of its ply; rewards belong to
player 0, and `game` [N] says which game a ply is of. Losses are minimised, entropy is positive.
"""

from __future__ import annotations

import torch
from torch import Tensor


def log_likelihood_loss(log_prob: Tensor, advantage: Tensor) -> Tensor:
    """−Σₜ log π(aₜ|sₜ) · Âₜ, the log-likelihood-weighted reward, Williams (1992).

    Summed over the plies given; divided by the number of games it is minus the surrogate whose gradient estimates
    that of the expected reward. log_prob [N] with gradient, advantage [N] without.
    """
    return -(log_prob * advantage.detach()).sum()


def clipped_ratio_loss(log_prob: Tensor, sampled_log_prob: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """−Σₜ min(rₜ Âₜ, clip(rₜ, 1 − ε, 1 + ε) Âₜ) with rₜ = π(aₜ|sₜ) / π_sampled(aₜ|sₜ), Schulman et al. (2017), eq. 7.

    Biased, in exchange for using a rollout more than once. All [N]; sampled_log_prob as stored at sampling.
    """
    advantage = advantage.detach()
    ratio = (log_prob - sampled_log_prob.detach()).exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).sum()


def value_loss(value: Tensor, target: Tensor) -> Tensor:
    """Σₜ (v(sₜ) − Gₜ)². Both [N]; the target is the return of the mover."""
    return (value - target.detach()).square().sum()


def returns(reward: Tensor, game: Tensor, player: Tensor) -> Tensor:
    """[N] Gₜ: the reward of the game for the mover of the ply. Undiscounted: a game pays once, at its end.

    reward [games] for player 0, game [N], player [N] 0 or 1.
    """
    sign: Tensor = 1 - 2 * player.to(reward.dtype)
    return reward[game.long()] * sign


def leave_one_out(reward: Tensor, group: Tensor) -> Tensor:
    """[games] the mean reward of the *other* games of the same group: an unbiased baseline, Kool et al. (2019).

    A game's own reward is not in its baseline, so E[b ∇ log p] = 0. Groups are games of the same start and seats.
    reward [games] for player 0, group [games]. Raises ValueError if a group has one game only.
    """
    _, member, size = torch.unique(group, return_inverse=True, return_counts=True)
    if (size < 2).any():
        raise ValueError(
            "the leave_one_out baseline needs two games at least of every start and pair of seats; "
            f"{int((size < 2).sum())} of {len(size)} groups have one"
        )
    total = torch.zeros(len(size), dtype=reward.dtype, device=reward.device).index_add_(0, member, reward)
    others: Tensor = size[member] - 1
    return (total[member] - reward) / others


def generalised_advantages(value: Tensor, reward: Tensor, game: Tensor, player: Tensor, lambda_: float) -> Tensor:
    """[N] Σₖ λᵏ δₜ₊ₖ with δₜ = ±v(sₜ₊₁) − v(sₜ), and Gₜ − v(sₜ) at a game's last ply, Schulman et al. (2016), γ = 1.

    Two players share a game, so what follows is worth + where the next stored ply has the same mover and − where it
    has the other. λ = 1 is Gₜ − v(sₜ), unbiased if v does not depend on what was sampled; below 1 it is biased by
    the errors of v and varies less.
    value [N] of each mover, reward [games], game [N], player [N]; a game's plies in their order, games interleaved at
    will.
    """
    order = torch.argsort(game, stable=True)
    advantage = returns(reward, game, player).to(value.dtype)[order] - value[order]  # right where a game ends
    game, player, value = game[order], player[order], value[order]
    follows = torch.zeros(len(game), dtype=torch.bool, device=game.device)
    follows[:-1] = game[1:] == game[:-1]  # the next stored ply is of the same game
    sign = torch.ones_like(value)
    sign[:-1][player[1:] != player[:-1]] = -1
    delta = torch.where(follows, sign * value.roll(-1) - value, advantage)
    # All games' k-th plies from the end at once: as many steps as the longest game has plies.
    ends = torch.nonzero(~follows).squeeze(1)
    lengths = torch.diff(ends, prepend=ends.new_full((1,), -1))
    advantage = delta.clone()
    for step in range(1, int(lengths.max()) if len(lengths) else 0):
        at = ends[lengths > step] - step
        advantage[at] = delta[at] + lambda_ * sign[at] * advantage[at + 1]
    result = torch.empty_like(advantage)
    result[order] = advantage
    return result


def standardised(advantage: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """[N] (Â − mean) / (deviation + 1e−8) with moments over a whole rollout.

    Biased: the moments depend on the sampled plies. Never within one game, where the only reward is the last.
    """
    return (advantage - mean) / (deviation + 1e-8)
