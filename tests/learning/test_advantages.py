"""Advantages and baselines against a closed form or a slow obvious loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from chesspg.learning.advantages import (
    Advantages,
    Sample,
    generalized_advantages,
    leave_one_out,
    moments,
    normalized,
    returns,
    weigh,
)

# --- Returns and leave-one-out ---------------------------------------------------------------------------------------


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
def test_leave_one_out_against_a_loop(games: list[tuple[float, int]]) -> None:
    reward = torch.tensor([r for r, _ in games], dtype=torch.float64)
    group = torch.tensor([g for _, g in games])
    others = [[r for j, (r, g) in enumerate(games) if g == group[i] and j != i] for i in range(len(games))]
    if not all(others):
        with pytest.raises(ValueError, match="at least two games"):
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


# --- Generalized advantages ------------------------------------------------------------------------------------------


def generalized_advantages_by_recursion(
    value: list[float], reward: list[float], game: list[int], player: list[int], lambda_: float, discount: float
) -> list[float]:
    """Âₜ = δₜ ± γⁿλ Âₜ₊₁ from a game's last ply to its first, in plain Python."""
    result = [0.0] * len(value)
    for g in range(len(reward)):
        plies = [t for t in range(len(value)) if game[t] == g]
        for k in reversed(range(len(plies))):
            t = plies[k]
            if k == len(plies) - 1:
                result[t] = (reward[g] if player[t] == 0 else -reward[g]) - value[t]
            else:
                following = plies[k + 1]
                worth = discount * discount if player[following] == player[t] else -discount
                result[t] = worth * value[following] - value[t] + lambda_ * worth * result[following]
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


@given(PLIES, REWARDS, st.floats(0, 1), st.floats(0.1, 1))
def test_generalized_advantages_against_the_recursion(
    plies: list[tuple[int, int, float]], rewards: list[float], lambda_: float, discount: float
) -> None:
    value, reward, game, player = as_tensors(plies, rewards)
    lists = value.tolist(), rewards, game.tolist(), player.tolist()
    wanted = generalized_advantages_by_recursion(*lists, lambda_, discount)
    advantage = generalized_advantages(value, reward, game, player, lambda_, discount)
    assert advantage.tolist() == pytest.approx(wanted, abs=1e-12)


@given(PLIES, REWARDS)
def test_lambda_one_is_the_return_minus_the_value(plies: list[tuple[int, int, float]], rewards: list[float]) -> None:
    value, reward, game, player = as_tensors(plies, rewards)
    advantage = generalized_advantages(value, reward, game, player, 1.0)
    torch.testing.assert_close(advantage, returns(reward, game, player) - value, rtol=0, atol=1e-12)


def test_generalized_advantages_by_hand() -> None:
    # Game 0: plies of 0, 1, 1; game 1: two plies of player 0, the opponent's between them not stored. Interleaved.
    value = torch.tensor([0.5, 0.25, -0.5, 0.75, 0.125])
    game = torch.tensor([0, 1, 0, 1, 0])
    player = torch.tensor([0, 0, 1, 0, 1])
    reward = torch.tensor([1.0, -1.0])
    # λ = 0, so Â = δ. Game 0: −(−0.5) − 0.5 = 0; +0.125 − (−0.5) = 0.625; −1 − 0.125 = −1.125.
    #                  Game 1: +0.75 − 0.25 = 0.5; −1 − 0.75 = −1.75.
    delta = generalized_advantages(value, reward, game, player, 0.0)
    assert delta.tolist() == [0.0, 0.5, 0.625, -1.75, -1.125]
    # λ = 1/2. Game 0: 0.625 + ½ (−1.125) = 0.0625; 0 − ½ · 0.0625 = −0.03125. Game 1: 0.5 + ½ (−1.75) = −0.375.
    half = generalized_advantages(value, reward, game, player, 0.5)
    assert half.tolist() == [-0.03125, -0.375, 0.0625, -1.75, -1.125]


def test_a_discount_counts_turns() -> None:
    # Game 0: plies of 0, 1, 0, all stored, and won by 0 with the last; game 1: two plies of player 1, who loses.
    game, player = torch.tensor([0, 1, 0, 1, 0]), torch.tensor([0, 1, 1, 1, 0])
    reward = torch.tensor([1.0, 1.0])
    # λ = 1 and v = 0, so Â is the return, γ for each turn before the last stored ply: 1, −½, ¼ and −1, −¼.
    none = generalized_advantages(torch.zeros(5), reward, game, player, 1.0, discount=0.5)
    assert none.tolist() == [0.25, -0.25, -0.5, -1.0, 1.0]
    # A value that is right leaves nothing at any λ.
    assert generalized_advantages(none, reward, game, player, 0.7, discount=0.5).tolist() == [0, 0, 0, 0, 0]


def test_generalized_advantages_of_nothing() -> None:
    nothing = torch.empty(0)
    assert generalized_advantages(nothing, torch.ones(3), nothing.int(), nothing.int(), 0.9).shape == (0,)


def test_a_value_that_is_right_leaves_only_the_surprise() -> None:
    # A drawn game known to be drawn: nothing to learn, at any λ.
    value, reward = torch.zeros(4), torch.zeros(1)
    game, player = torch.zeros(4).int(), torch.tensor([0, 1, 0, 1])
    assert generalized_advantages(value, reward, game, player, 0.7).tolist() == [0, 0, 0, 0]
    # Won for player 0 and known to be: v = ±1 by mover.
    value = torch.tensor([1.0, -1.0, 1.0, -1.0])
    assert generalized_advantages(value, torch.ones(1), game, player, 0.7).tolist() == [0, 0, 0, 0]


# --- Normalizing -----------------------------------------------------------------------------------------------------


def test_normalized() -> None:
    advantage = torch.tensor([1.0, 2.0, 3.0, 6.0], dtype=torch.float64)
    # Mean 3, deviation √((4 + 1 + 0 + 9) / 4) = √3.5.
    result = normalized(advantage, advantage.mean(), advantage.std(correction=0))
    assert result.tolist() == pytest.approx([-2 / 3.5**0.5, -1 / 3.5**0.5, 0, 3 / 3.5**0.5])
    # All alike: zeros and not NaN.
    alike = torch.ones(3)
    assert normalized(alike, alike.mean(), alike.std(correction=0)).tolist() == [0, 0, 0]


def test_moments_are_those_of_all_ranks() -> None:
    advantage = torch.tensor([1.0, 2.0, 3.0, 6.0])
    mean, variance = moments(advantage, lambda one: one)
    assert (mean.item(), variance.item()) == (3.0, 3.5)
    # Another rank has 0 and 4: six numbers, Σ = 16, Σ² = 66.
    other = torch.tensor([[2.0, 4.0, 16.0]], dtype=torch.float64)
    mean, variance = moments(advantage, lambda one: torch.cat((one, other)))
    assert mean.item() == pytest.approx(16 / 6)
    assert variance.item() == pytest.approx(66 / 6 - (16 / 6) ** 2)


# --- Baselines by name, and one's own --------------------------------------------------------------------------------

# Games 0 and 1 of one start, game 2 and 3 of another; won, lost, won and drawn for player 0.
REWARD, GROUP = torch.tensor([1.0, -1.0, 1.0, 0.0]), torch.tensor([0, 0, 1, 1])
GAME, PLAYER = torch.tensor([0, 1, 2, 3, 0, 2]), torch.tensor([0, 0, 0, 0, 1, 1])
RETURN = [1.0, -1.0, 1.0, 0.0, -1.0, -1.0]
VALUE = torch.tensor([0.5, 0.25, 0.0, -0.5, 0.125, -1.0])
SAMPLE = Sample(REWARD, GROUP, GAME, PLAYER, VALUE, past_reward=0.25)


@pytest.mark.parametrize(
    ("advantages", "expected"),
    [
        (Advantages(), RETURN),
        (Advantages("none"), RETURN),
        (Advantages("running_mean"), [0.75, -1.25, 0.75, -0.25, -0.75, -0.75]),  # 0.25 for player 0, −0.25 for player 1
        (Advantages("leave_one_out"), [2.0, -2.0, 1.0, -1.0, -2.0, -1.0]),  # −1, 1; 0, 1 for player 0
        (Advantages("value"), [0.5, -1.25, 1.0, 0.5, -1.125, 0.0]),
        # Game 0: −0.125 − 0.5; game 2: 1 − 0. The last ply of each game is its return minus its value.
        (Advantages("value", gae_lambda=0.0), [-0.625, -1.25, 1.0, 0.5, -1.125, 0.0]),
    ],
)
def test_advantages_by_hand(advantages: Advantages, expected: list[float]) -> None:
    assert advantages(SAMPLE).tolist() == expected
    weight, variance = weigh(SAMPLE, advantages)
    assert weight.tolist() == expected
    assert variance == pytest.approx(torch.tensor(expected).var(correction=0).item())


@pytest.mark.parametrize(
    ("lambda_", "expected"),
    [
        (None, RETURN),
        (1.0, RETURN),
        # Games 0 and 2 have two plies each: the first learns minus the value of the second, as the other player moved.
        (0.0, [-0.125, -1.0, 1.0, 0.0, -1.0, -1.0]),
        (0.5, [(1.0 - 0.125) / 2, -1.0, 1.0, 0.0, -1.0, -1.0]),
    ],
)
def test_value_targets_by_hand(lambda_: float | None, expected: list[float]) -> None:
    for advantages in (Advantages("value", value_lambda=lambda_), Advantages("value", 0.3, True, lambda_)):
        assert advantages.value_targets(SAMPLE).tolist() == pytest.approx(expected)
    assert torch.equal(Advantages("value", value_lambda=lambda_)(SAMPLE), Advantages("value")(SAMPLE))


def test_discounted_returns() -> None:
    # Games 0 and 2 have two plies each, of both players: the first ply of each is a turn before the end.
    discounted = [0.5, -1.0, 0.5, 0.0, -1.0, -1.0]
    advantages = Advantages("value", discount=0.5)
    assert advantages.value_targets(SAMPLE).tolist() == pytest.approx(discounted)
    assert advantages(SAMPLE).tolist() == pytest.approx(
        [g - v for g, v in zip(discounted, VALUE.tolist(), strict=True)]
    )
    # Half of the value of the second ply, which belongs to the other player.
    target = Advantages("value", value_lambda=0.0, discount=0.5).value_targets(SAMPLE)
    assert target.tolist() == pytest.approx([-0.0625, -1.0, 0.5, 0.0, -1.0, -1.0])


def test_the_value_at_a_cut_comes_a_turn_later() -> None:
    to_move = torch.tensor([0, -1, -1, 1], dtype=torch.int8)
    advantages = Advantages("value", discount=0.5)
    # Game 0 is cut after two plies, game 3 after one, and worth 1 and 0 there.
    targets = advantages.value_targets(replace(SAMPLE, to_move=to_move))
    assert targets.tolist() == pytest.approx([0.25, -1, 0.5, 0, -0.5, -1])
    undiscounted = Advantages("value", gae_lambda=0.5)
    assert torch.equal(undiscounted(replace(SAMPLE, to_move=to_move)), undiscounted(SAMPLE))


def test_the_value_at_a_cut_comes_two_turns_later_if_the_opponent_has_replied() -> None:
    # In game 0 player 1 made the last stored ply, and is to move again.
    sample = replace(SAMPLE, to_move=torch.tensor([1, -1, -1, -1], dtype=torch.int8))
    targets = Advantages("value", discount=0.5).value_targets(sample)
    assert targets.tolist() == pytest.approx([0.125, -1, 0.5, 0, -0.25, -1])
    one_step = Advantages("value", gae_lambda=0.0, value_lambda=0.0, discount=0.5).value_targets(sample)
    assert one_step[4] == pytest.approx(-0.25)


@pytest.mark.parametrize("baseline", ["none", "running_mean", "leave_one_out"])
def test_a_discount_needs_a_value(baseline: str) -> None:
    with pytest.raises(ValueError, match=rf"^discount needs the value baseline, got {baseline}$"):
        Advantages(baseline, discount=0.9)  # type: ignore[arg-type]


def test_value_targets_need_a_value() -> None:
    with pytest.raises(ValueError, match=r"^value_lambda needs the value baseline, got leave_one_out$"):
        Advantages("leave_one_out", value_lambda=0.9)


def test_a_baseline_of_ones_own() -> None:
    def half_the_return_of_player_1(sample: Sample) -> Tensor:
        return torch.where(sample.player == 1, sample.return_ / 2, 0.0)

    advantages = Advantages(half_the_return_of_player_1)
    assert advantages(SAMPLE).tolist() == [1.0, -1.0, 1.0, 0.0, -0.5, -0.5]


def test_a_function_of_ones_own_may_be_all_of_it() -> None:
    weight, variance = weigh(SAMPLE, lambda sample: sample.return_.double() * 3)
    assert weight.dtype == torch.float32
    assert weight.tolist() == [3.0, -3.0, 3.0, 0.0, -3.0, -3.0]
    assert variance == pytest.approx(9 * torch.tensor(RETURN).var(correction=0).item())


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        (torch.zeros(4), r"a tensor of shape \[4\]"),
        (torch.zeros(6, 1), r"a tensor of shape \[6, 1\]"),
        (torch.tensor(0.0), r"a tensor of shape \[\]"),
        (0.5, "a float"),
        ([0.0] * 6, "a list"),
    ],
)
def test_what_is_not_one_number_for_each_ply_is_refused(wrong: Any, got: str) -> None:
    told = rf"must return a tensor with one number for each of 6 plies, got {got}$"
    with pytest.raises(ValueError, match=f"^a baseline {told}"):
        Advantages(lambda _: wrong)(SAMPLE)
    with pytest.raises(ValueError, match=f"^an advantage function {told}"):
        weigh(SAMPLE, lambda _: wrong)


class Normalizing:
    """A function of one's own that asks to be normalized."""

    normalize = True

    def __init__(self, function: Callable[[Sample], Tensor]) -> None:
        self.function = function

    def __call__(self, sample: Sample) -> Tensor:
        return self.function(sample)


def test_the_value_baseline_needs_a_value() -> None:
    for lambda_ in (None, 0.5):
        with pytest.raises(ValueError, match="the value baseline needs a network with a value head"):
            Advantages("value", lambda_)(Sample(REWARD, GROUP, GAME, PLAYER))


def test_what_weighs_a_ply_has_no_gradient() -> None:
    value = VALUE.clone().requires_grad_()
    weight, _ = weigh(Sample(REWARD, GROUP, GAME, PLAYER, value), Advantages("value"))
    assert not weight.requires_grad


def test_weigh_normalizes_over_all_ranks() -> None:
    weight, variance = weigh(SAMPLE, Advantages(normalize=True))
    wanted = torch.tensor(RETURN, dtype=torch.float64)
    assert variance == pytest.approx(wanted.var(correction=0).item())  # before they were normalized
    assert weight.tolist() == pytest.approx(((wanted - wanted.mean()) / wanted.std(correction=0)).tolist(), abs=1e-6)
    assert weight.dtype == torch.float32
    # Beside a rank whose six plies all have the advantage 3: twelve numbers, Σ = 18 − 1, Σ² = 54 + 5.
    other = torch.tensor([[6.0, 18.0, 54.0]], dtype=torch.float64)
    shared = Sample(REWARD, GROUP, GAME, PLAYER, gather=lambda one: torch.cat((one, other)))
    weight, variance = weigh(shared, Advantages(normalize=True))
    assert variance == pytest.approx(59 / 12 - (17 / 12) ** 2)
    assert weight.tolist() == pytest.approx(((wanted - 17 / 12) / variance**0.5).tolist(), abs=1e-6)


def test_alike_advantages_are_normalized_to_zeros() -> None:
    alike = torch.full((6,), 0.1, dtype=torch.float64)  # 0.1² · 6 / 6 may fall short of 0.1²
    weight, _ = weigh(SAMPLE, Normalizing(lambda _: alike))
    assert weight.abs().max() < 1e-6


def test_leave_one_out_finds_the_others_on_other_ranks() -> None:
    """Two ranks, each with one game of every start: the other rank's is the baseline."""
    rewards, groups = torch.tensor([1.0, 0.0, -1.0, 0.5]), torch.tensor([0, 1, 0, 1])
    found = []
    for rank in range(2):
        mine = slice(2 * rank, 2 * rank + 2)
        of_all = {tuple(rewards[mine].tolist()): rewards, tuple(groups[mine].tolist()): groups}
        sample = Sample(
            rewards[mine], groups[mine], torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]),
            gather=lambda one, of_all=of_all: of_all[tuple(one.tolist())], rank=rank,
        )  # fmt: skip
        found.append(Advantages("leave_one_out")(sample).tolist())
    assert found == [[2.0, -0.5, 0.5], [-2.0, 0.5, -0.5]]
