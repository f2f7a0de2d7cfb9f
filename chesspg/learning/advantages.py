"""From the rewards of games to Âₜ, which weighs the log-probability of each ply.

An advantage is the return of a ply's mover minus a baseline: what that mover could expect anyway. A baseline that does
not depend on the ply's own action leaves the gradient unbiased and its variance smaller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import pad


@dataclass(frozen=True)
class Sample:
    """What advantages are computed from: the games that one rank has played, and a way to the other ranks' games."""

    reward: Tensor  # [games] float32 f(x) for player 0
    group: Tensor  # [games] equal for games with the same start and the same seats, on whatever rank
    game: Tensor  # [N] index of the game of each stored ply
    player: Tensor  # [N] who moved, 0 or 1
    value: Tensor | None = None  # [N] the return that the mover expected; None without a value head
    past_reward: float = 0.0  # the mean reward of player 0 over all earlier rollouts and all ranks; 0 before the first
    gather: Callable[[Tensor], Tensor] = lambda tensor: tensor  # [n, …] of each rank to [ranks · n, …] of all
    rank: int = 0
    # [games] whose turn it is where a game goes on and its `reward` is the value of that position; −1 where it ended
    to_move: Tensor | None = None

    @property
    def return_(self) -> Tensor:
        """[N] Gₜ."""
        return returns(self.reward, self.game, self.player)


class WrongShape(ValueError):
    """The user's own baseline or advantage function does not return one number for each ply."""

    def __init__(self, function: str, sample: Sample, result: Any) -> None:
        got = f"a tensor of shape {list(result.shape)}" if isinstance(result, Tensor) else f"a {type(result).__name__}"
        super().__init__(
            f"{function} must return a tensor with one number for each of {len(sample.game)} plies, got {got}"
        )


# To [N], what the mover of each ply could expect; Any, so that the user's own function need not be annotated.
Baseline = Callable[[Sample], Any]


def returns(reward: Tensor, game: Tensor, player: Tensor) -> Tensor:
    """[N] Gₜ: the reward of the game for the mover of the ply. Undiscounted: a game pays once, at its end.

    Args:
        reward: [games] for player 0.
        game: [N] index of each ply's game.
        player: [N] who moved, 0 or 1.
    """
    sign: Tensor = 1 - 2 * player.to(reward.dtype)
    return reward[game.long()] * sign


def no_baseline(sample: Sample) -> Tensor:
    """[N] zeros: the bare formula."""
    return torch.zeros_like(sample.return_)


def running_mean_baseline(sample: Sample) -> Tensor:
    """[N] the mean reward of earlier rollouts, signed by mover. Unbiased: none of these games is in it."""
    return returns(torch.full_like(sample.reward, sample.past_reward), sample.game, sample.player)


def leave_one_out_baseline(sample: Sample) -> Tensor:
    """[N] the mean reward of the other games of the same group, on all ranks, signed by mover (RLOO). Unbiased.

    Raises:
        ValueError: A group has only one game.
    """
    games = len(sample.reward)
    mean = leave_one_out(sample.gather(sample.reward), sample.gather(sample.group))
    return returns(mean[sample.rank * games : (sample.rank + 1) * games], sample.game, sample.player)


def value_baseline(sample: Sample) -> Tensor:
    """[N] what the value head expected when the ply was sampled. Unbiased: the action was not known yet.

    Raises:
        ValueError: The network has no value head.
    """
    if sample.value is None:
        raise ValueError("the value baseline needs a network with a value head; set value: true")
    return sample.value


BASELINES: dict[str, Baseline] = {
    "none": no_baseline,
    "running_mean": running_mean_baseline,
    "leave_one_out": leave_one_out_baseline,
    "value": value_baseline,
}


def leave_one_out(reward: Tensor, group: Tensor) -> Tensor:
    """[games] the mean reward of the *other* games of the same group, Kool et al. (2019).

    A game's own reward is not in its baseline b, so E[b ∇ log p] = 0.

    Args:
        reward: [games] for player 0.
        group: [games] equal for games with the same start and the same seats.

    Raises:
        ValueError: A group has only one game.
    """
    _, member, size = torch.unique(group, return_inverse=True, return_counts=True)
    if (size < 2).any():
        raise ValueError(
            "the leave_one_out baseline needs at least two games of every start and pair of seats; "
            f"{int((size < 2).sum())} of {len(size)} groups have one"
        )
    total = torch.zeros(len(size), dtype=reward.dtype, device=reward.device).index_add_(0, member, reward)
    others: Tensor = size[member] - 1
    return (total[member] - reward) / others


def generalized_advantages(
    value: Tensor,
    reward: Tensor,
    game: Tensor,
    player: Tensor,
    lambda_: float,
    discount: float = 1.0,
    to_move: Tensor | None = None,
) -> Tensor:
    """[N] Σₖ ±γⁿλᵏ δₜ₊ₖ, δₜ = ±γⁿ v(sₜ₊₁) − v(sₜ), and Gₜ − v(sₜ) at a game's last ply, Schulman et al. (2016).

    Two players share a game, so what follows counts with + where the next stored ply has the same mover and with −
    where it has the other; n is the number of turns until then, two with the same mover and one with the other. With
    γ = 1, λ = 1 is Gₜ − v(sₜ), unbiased if v does not depend on what was sampled; below 1 it is biased by the errors of
    v and varies less.

    Args:
        value: [N] v(sₜ), what each mover expected.
        reward: [games] for player 0.
        game: [N] index of each ply's game; a game's plies are in their order, games may be interleaved.
        player: [N] who moved, 0 or 1.
        lambda_: λ in [0, 1].
        discount: γ in (0, 1], what a reward one turn later is worth.
        to_move: [games] whose turn it is where a game goes on and its reward is the value of that position, which comes
            n turns after its last stored ply; −1 where a game has ended. None if all have.
    """
    order = torch.argsort(game, stable=True)
    advantage = returns(reward, game, player).to(value.dtype)[order]
    game, player, value = game[order], player[order], value[order]
    if to_move is not None:
        next_mover = to_move[game.long()]
        turns = torch.where(next_mover == player, 2, 1)
        advantage = torch.where(next_mover < 0, advantage, advantage * discount**turns)
    advantage = advantage - value  # right at the last ply of each game
    follows = torch.zeros(len(game), dtype=torch.bool, device=game.device)
    follows[:-1] = game[1:] == game[:-1]  # the next stored ply is of the same game
    sign = torch.where(player.roll(-1) == player, 1.0, -1.0).to(value.dtype)
    worth = sign * discount ** ((3 + sign) / 2)  # ±γⁿ: the same mover is two turns later, the other one turn
    advantage = torch.where(follows, worth * value.roll(-1) - value, advantage)  # δₜ
    weight = torch.where(follows, lambda_ * worth, 0)  # of what follows the plies that are summed already
    # The sums of 1, 2, 4, … plies from each ply on, without a question to a GPU about the lengths of the games.
    for plies in (1 << bits for bits in range(max(len(game) - 1, 0).bit_length())):
        advantage = advantage + weight * pad(advantage[plies:], (0, plies))
        weight = weight * pad(weight[plies:], (0, plies))
    result = torch.empty_like(advantage)
    result[order] = advantage
    return result


def moments(advantage: Tensor, gather: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """The mean and the variance [] float64 of the advantages [N] of all ranks."""
    exact = advantage.double()
    sums = torch.stack((torch.ones_like(exact), exact, exact.square())).sum(dim=1)
    count, total, squares = gather(sums[None]).sum(dim=0)
    mean = total / count
    return mean, squares / count - mean.square()


def normalized(advantage: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """[N] (Â − mean) / (deviation + 1e−8) with moments over a whole rollout.

    Biased: the moments depend on the sampled plies. Never within one game, where the only reward is the last.
    """
    return (advantage - mean) / (deviation + 1e-8)


@dataclass(frozen=True)
class Advantages:
    """Âₜ = Gₜ − bₜ with a baseline b, or generalized advantages. The defaults are the formula itself: Âₜ = Gₜ.

    Args:
        baseline: What is subtracted from the return, without bias. `running_mean`: the mean reward over earlier
            rollouts; `leave_one_out`: the mean of the other games of the same start and seats; `value`: the value head,
            as sampled; or your own function (sample) -> [N], which a configuration names by its import path.
        gae_lambda: λ of generalized advantages with the value baseline. Biased below 1.
        normalize: Normalize to mean 0 and deviation 1 over the rollout. Biased.
        value_lambda: λ of the returns that the value head learns, TD(λ): generalized advantages with this λ plus v(sₜ),
            Sutton and Barto (2018), section 12.1. None for the reward of the game, which is λ = 1. It changes what the
            head learns and not what the advantages are, so it adds no bias to the gradient except through a worse head.
        discount: γ, what a reward one turn later is worth. Below 1, a win is worth more the sooner it comes, for the
            advantages and for what the value head learns. That is another objective than the expected reward.

    Raises:
        ValueError: There is no such baseline, or gae_lambda, value_lambda or a discount is given with another one than
            `value`.
    """

    baseline: Literal["none", "running_mean", "leave_one_out", "value"] | Baseline = "none"
    gae_lambda: float | None = None
    normalize: bool = False
    value_lambda: float | None = None
    discount: float = 1.0

    def __post_init__(self) -> None:
        if not callable(self.baseline) and not (isinstance(self.baseline, str) and self.baseline in BASELINES):
            *others, last = BASELINES
            raise ValueError(f"baseline must be {', '.join(others)} or {last}, got {self.baseline!r:.40}")
        for name, left_out in (("gae_lambda", None), ("value_lambda", None), ("discount", 1)):
            if getattr(self, name) != left_out and self.baseline != "value":
                raise ValueError(f"{name} needs the value baseline, got {self.baseline}")

    @property
    def needs_value(self) -> bool:
        """Whether the network must have a value head."""
        return self.baseline == "value"

    def __call__(self, sample: Sample) -> Tensor:
        """[N] the advantages, before they are normalized."""
        if self.gae_lambda is not None or self.discount != 1:
            return self._generalized(sample, self.gae_lambda)
        baseline = BASELINES[self.baseline] if isinstance(self.baseline, str) else self.baseline
        expected = baseline(sample)
        if not isinstance(expected, Tensor) or expected.shape != sample.game.shape:
            raise WrongShape("a baseline", sample, expected)
        return sample.return_ - expected

    def value_targets(self, sample: Sample) -> Tensor:
        """[N] what the value head learns."""
        if self.value_lambda is None and self.discount == 1:
            return sample.return_
        return self._generalized(sample, self.value_lambda) + value_baseline(sample)

    def _generalized(self, sample: Sample, lambda_: float | None) -> Tensor:
        return generalized_advantages(
            value_baseline(sample),
            sample.reward,
            sample.game,
            sample.player,
            1.0 if lambda_ is None else lambda_,
            self.discount,
            sample.to_move,
        )


def weigh(sample: Sample, advantages: Callable[[Sample], Tensor]) -> tuple[Tensor, float]:
    """The weight of each ply, and the variance of the advantages.

    Args:
        sample: The games.
        advantages: From a sample to [N], such as `Advantages`; normalized if it has a true attribute `normalize`.

    Returns:
        [N] float32, without gradient; and the variance over all ranks, before advantages were normalized.

    Raises:
        WrongShape: There is not one advantage for each ply.
    """
    with torch.no_grad():
        advantage = advantages(sample)
        if not isinstance(advantage, Tensor) or advantage.shape != sample.game.shape:
            raise WrongShape("an advantage function", sample, advantage)
        mean, variance = moments(advantage, sample.gather)
        if getattr(advantages, "normalize", False):
            advantage = normalized(advantage.double(), mean, variance.clamp(min=0).sqrt())
    return advantage.float(), float(variance)
