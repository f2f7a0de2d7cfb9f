"""Proof of the gradient: the real sampler and the real loss against games enumerated to the last one.

Everything is float64. `docs/derivation.md` names the test behind each of its lines.

(a) One seat frozen: the sampled gradient is ∇θ J(θ, φ), or −∇φ J(θ, φ) for the learner on seat 1.
(b) Self-play: it is ∇θ J(θ, φ) − ∇φ J(θ, φ) at φ = θ, the gradient of J(θ, sg θ) − J(sg θ, θ).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from chesspg.games.game import (
    Game,
    Games,
    IllegalAction,
    Indices,
    Legal,
    Observation,
    Outcomes,
    join_position,
    split_position,
)
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.learning.advantages import Advantages, generalized_advantages, leave_one_out, normalized, returns
from chesspg.learning.losses import Loss, clipped_ratio_loss, log_likelihood_loss, value_loss
from chesspg.learning.rewards import adjudicated
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.selfplay.loop import play
from chesspg.selfplay.plies import Plies
from chesspg.selfplay.rollout import Rollout
from chesspg.training.batches import StoredRollout
from chesspg.training.module import PolicyGradient

# --- A second game, so that it isn't tic-tac-toe only ----------------------------------------------------------------


class MatchingGames:
    """N games of matching, each the list of its numbers."""

    def __init__(self, numbers: list[list[int]]) -> None:
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def observe(self) -> Observation:
        words = [sum(1 << 3 * ply + number for ply, number in enumerate(row)) for row in self.numbers]
        player = [0 if not row or row == [2] else 1 for row in self.numbers]
        legal = [self._legal(row) for row in self.numbers]
        return Observation(
            np.array(words, dtype=np.uint64).reshape(-1, 1, 1),
            np.empty((len(self), 0), np.uint8),
            np.array(player, dtype=np.int8),
            Legal(
                np.array([action for row in legal for action in row], dtype=np.int16),
                np.cumsum([0, *map(len, legal)], dtype=np.int64),
            ),
        )

    def play(self, actions: NDArray[np.integer[Any]]) -> None:
        for row, action in zip(self.numbers, actions.tolist(), strict=True):
            if action not in self._legal(row):
                raise IllegalAction(f"{action} is illegal after {row}")
        for row, action in zip(self.numbers, actions.tolist(), strict=True):
            row.append(action)

    def outcomes(self) -> Outcomes:
        verdicts = [self._verdict(row) for row in self.numbers]
        return Outcomes(
            np.array([outcome for outcome, _ in verdicts], dtype=np.int8),
            np.array([reason for _, reason in verdicts], dtype=np.uint8),
        )

    def heuristic(self) -> NDArray[np.float32]:
        return np.array([row[-1] - row[0] if row else 0 for row in self.numbers], dtype=np.float32)

    def __getitem__(self, indices: Indices) -> MatchingGames:
        return MatchingGames([self.numbers[i].copy() for i in np.arange(len(self))[indices]])

    def position(self, index: int) -> str:
        return join_position("empty", self.moves(index))

    def moves(self, index: int) -> list[str]:
        return [str(number) for number in self.numbers[index]]

    @staticmethod
    def _verdict(row: list[int]) -> tuple[int, int]:
        if len(row) == 2 and row[0] == row[1]:
            return (-1 if row[0] == 1 else 1), 1
        return ((1, 0, -1)[sum(row) % 3], 2) if len(row) == 3 else (0, 0)

    @classmethod
    def _legal(cls, row: list[int]) -> range:
        return range(0 if cls._verdict(row)[1] else 2 if row[1:] == [0] else 3)


class Matching(Game):
    """Players write down numbers from 0 to 2: player 0, then who began with 2 goes on, else player 1; then player 1.

    So a player may move twice in a row, either of them, and a game has two plies or three. Two equal numbers at the
    start end it, won for player 0, but for two ones. After three numbers the sum modulo 3 tells: 0 won, 1 drawn, 2
    lost for player 0. After a 0 on the second place only 0 and 1 may follow.
    """

    name = "matching"
    encoding_version = 1
    board = (3, 3)  # a row for each ply
    planes = ("numbers",)
    scalars: Mapping[str, int] = {}
    num_actions = 3
    reasons = ("ongoing", "equal numbers", "three numbers")

    def start(self, positions: int | Sequence[str]) -> MatchingGames:
        texts = ["empty"] * positions if isinstance(positions, int) else positions
        return MatchingGames([[int(move) for move in split_position(text)[1]] for text in texts])

    def render(self, position: str) -> str:
        return position

    def parse_move(self, position: str, text: str) -> int:
        return int(text)

    def move_name(self, position: str, action: int) -> str:
        return str(action)


# --- Settings: a game small enough, and who learns in it -------------------------------------------------------------

SEED = 1
GAMES = 2**13  # a rollout
ROLLOUTS = 8
BLOCK = 32  # games that share a baseline, and that a rollout of the variance's table has

# Late enough to have some hundred games, early enough that both sides have something to win and to lose.
FIVE_FREE, THREE_FREE, O_TO_MOVE = "x1o/3/xo1 x", "xo1/1x1/oxo x", "x1o/1o1/1xx o"


@dataclass(frozen=True)
class Case:
    """What is played, and which seat learns: 0, 1, or None for both."""

    name: str
    game: Game
    starts: tuple[str, ...]  # equally often
    seat: int | None
    temperature: float = 1.0
    max_plies: int | None = None
    material_weight: float = 0.0


CASES = [
    Case("tic-tac-toe, learner on seat 0", TicTacToe(), (FIVE_FREE, THREE_FREE), seat=0),
    Case("tic-tac-toe, learner on seat 1", TicTacToe(), (FIVE_FREE, O_TO_MOVE), seat=1, temperature=1.5),
    Case("tic-tac-toe, self-play", TicTacToe(), (FIVE_FREE, O_TO_MOVE), seat=None, temperature=0.8),
    Case("matching, learner on seat 0", Matching(), ("empty",), seat=0),
    Case("matching, self-play", Matching(), ("empty",), seat=None),
    # Stopped after two plies and adjudicated: another f(x), the same formula.
    Case("matching, self-play, capped", Matching(), ("empty",), seat=None, max_plies=2, material_weight=0.5),
]


class Setting:
    """A case with its policies, all of its games, and rollouts of it."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.policy = make_policy(case.game, 1, case.temperature, value=True)
        self.opponent = make_policy(case.game, 2).requires_grad_(False)
        fit_value(self.policy, self.sample(10_000, 1024))  # a rollout that no test looks at again

    @cached_property
    def every(self) -> Rollout:
        """All games there are, each once, with the plies of both seats."""
        case = self.case
        starts = [
            list(every_game(case.game.start([start]), case.max_plies, case.material_weight)) for start in case.starts
        ]
        games = [game for start in starts for game in start]
        plies = [(number, seen, choice) for number, (path, _) in enumerate(games) for seen, choice in path]
        reward = np.array([reward for _, reward in games], dtype=np.float32)
        return Rollout(
            Plies(
                planes=np.concatenate([seen.planes for _, seen, _ in plies]),
                scalars=np.concatenate([seen.scalars for _, seen, _ in plies]),
                player=np.concatenate([seen.player for _, seen, _ in plies]),
                legal=Legal.concatenate([seen.legal for _, seen, _ in plies]),
                choice=np.array([choice for *_, choice in plies], dtype=np.int16),
                game=np.array([number for number, *_ in plies], dtype=np.int32),
                log_prob=np.zeros(len(plies), np.float32),
            ),
            outcome=np.sign(reward).astype(np.int8),
            reason=np.ones(len(games), np.uint8),
            reward=reward,
            length=np.array([len(path) for path, _ in games], dtype=np.int32),
            group=np.repeat(np.arange(len(starts), dtype=np.int32), [len(start) for start in starts]),
            finished=[],
        )

    @cached_property
    def learns(self) -> Tensor:
        """[N] bool: the plies of `every` that the learner makes."""
        player = torch.from_numpy(self.every.plies.player)
        return torch.ones_like(player, dtype=torch.bool) if self.case.seat is None else player == self.case.seat

    def probability(self, *seats: Policy) -> Tensor:
        """[games] p(x) of every game with these policies on the two seats."""
        player = torch.from_numpy(self.every.plies.player)
        log_prob = torch.where(player == 0, log_probs(seats[0], self.every), log_probs(seats[1], self.every))
        return sum_by_game(log_prob, self.every).exp() / len(self.case.starts)

    def expected_reward(self, *seats: Policy) -> Tensor:
        """J(θ, φ) = Σ p(x|θ, φ) f(x), the sum over all games there are."""
        return (self.probability(*seats) * torch.from_numpy(self.every.reward).double()).sum()

    @cached_property
    def seats(self) -> tuple[Policy, Policy]:
        """The policies that play; a frozen copy where autograd must not look."""
        seat = self.case.seat
        return (self.opponent if seat == 1 else self.policy), (self.opponent if seat == 0 else self.policy)

    def objective(self) -> Tensor:
        """What autograd is to differentiate: the reward the learner wants, or both seats' wants in self-play."""
        policy, opponent = self.policy, self.opponent
        if self.case.seat == 0:
            return self.expected_reward(policy, opponent)
        if self.case.seat == 1:
            return -self.expected_reward(opponent, policy)
        frozen = copy.deepcopy(policy).requires_grad_(False)  # sg θ
        return self.expected_reward(policy, frozen) - self.expected_reward(frozen, policy)

    @cached_property
    def exact(self) -> Tensor:
        """[P] the gradient that all estimates are held against."""
        return gradient(self.objective(), self.policy)

    def sample(self, rollout: int, games: int = GAMES, policy: Policy | None = None) -> Rollout:
        """A rollout from the real loop; blocks of `BLOCK` games in a row are grouped by their start."""
        case, learner, opponent = self.case, PolicyPlayer(policy or self.policy), PolicyPlayer(self.opponent)
        start = np.arange(games) % len(case.starts)
        rollout = play(
            case.game.start(case.starts)[start],
            (opponent if case.seat == 1 else learner, opponent if case.seat == 0 else learner),
            Randomness(SEED, rollout),
            learner=learner,
            max_plies=case.max_plies,
            reward=partial(adjudicated, weight=case.material_weight),
        )
        return replace(rollout, group=(np.arange(games) // BLOCK * len(case.starts) + start).astype(np.int32))

    @cached_property
    def samples(self) -> list[Sample]:
        return [Sample(self.policy, self.sample(rollout)) for rollout in range(ROLLOUTS)]


class Sample:
    """A rollout with the gradient of each of its plies.

    The loss is linear in Â, so that one ∇ log π(a|s) for every distinct ply gives the gradient of any part of the
    rollout under any advantage. `test_the_real_loss_has_this_gradient` holds it against the loss itself.
    """

    def __init__(self, policy: Policy, rollout: Rollout) -> None:
        self.rollout = rollout
        plies, rows = rollout.plies, ply_rows(rollout)
        _, first, self.kind = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        self.of_kind = ply_gradients(policy, rollout, first)  # [kinds, P]
        self.reward, self.game, self.player = (
            torch.from_numpy(array) for array in (rollout.reward.astype(np.float64), plies.game, plies.player)
        )
        assert plies.value is not None
        self.value = torch.from_numpy(plies.value).double()
        self.group = torch.from_numpy(rollout.group)

    def block_gradients(self, advantage: Tensor, block: int) -> Tensor:
        """[games / block, P] 1/block Σ Â ∇ log π over each block of games in a row."""
        kinds, blocks = len(self.of_kind), self.rollout.games // block
        cell = self.game.long() // block * kinds + torch.from_numpy(self.kind)
        weight = torch.zeros(blocks * kinds, dtype=torch.float64).index_add(0, cell, advantage)
        return weight.view(blocks, kinds) @ self.of_kind / block


def make_policy(game: Game, seed: int, temperature: float = 1.0, value: bool = False) -> Policy:
    """A small network in float64, far enough from uniform that moves differ in probability."""
    torch.manual_seed(seed)
    policy = Policy(game, MLP(game, hidden=[6], value=value), temperature).double()
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.mul_(2)
    return policy


def fit_value(policy: Policy, rollout: Rollout) -> None:
    """Teach the value head alone: right enough to lower the variance, wrong enough for λ < 1 to show its bias."""
    assert isinstance(policy.network, MLP)
    assert policy.network.value_head is not None
    optimizer = torch.optim.Adam(policy.network.value_head.parameters(), lr=0.1)
    for _ in range(60):
        value = policy.observe(observation(rollout)).value
        assert value is not None
        optimizer.zero_grad()
        (value_loss(value, returns_of(rollout)) / len(rollout.plies)).backward()
        optimizer.step()
    policy.zero_grad()


def every_game(
    games: Games, max_plies: int | None, material_weight: float, ply: int = 0
) -> Iterator[tuple[list[tuple[Observation, int]], float]]:
    """Every way on from one position: what was seen and chosen on it, and the reward f(x) at its end."""
    outcomes = games.outcomes()
    if outcomes.over[0]:
        yield [], float(outcomes.outcome[0])
    elif ply == max_plies:
        yield [], material_weight and material_weight * float(np.sign(games.heuristic()[0]))
    else:
        seen = games.observe()
        for choice, action in enumerate(seen.legal.actions):
            child = games[[0]]
            child.play(np.array([action]))
            for path, reward in every_game(child, max_plies, material_weight, ply + 1):
                yield [(seen, choice), *path], reward


def observation(rollout: Rollout) -> Observation:
    plies = rollout.plies
    assert isinstance(plies.legal, Legal)
    return Observation(plies.planes, plies.scalars, plies.player, plies.legal)


def returns_of(rollout: Rollout) -> Tensor:
    """[N] float64 the reward of the game for the mover of each ply."""
    reward, game, player = map(torch.from_numpy, (rollout.reward, rollout.plies.game, rollout.plies.player))
    return returns(reward.double(), game, player)


def log_probs(policy: Policy, rollout: Rollout) -> Tensor:
    """[N] log π(aₜ|sₜ) of all plies, computed anew."""
    return policy.observe(observation(rollout)).log_prob(torch.from_numpy(rollout.plies.choice))


def sum_by_game(x: Tensor, rollout: Rollout) -> Tensor:
    """[games] of [N]."""
    return torch.zeros(rollout.games, dtype=x.dtype).index_add(0, torch.from_numpy(rollout.plies.game), x)


def gradient(scalar: Tensor, policy: Policy, retain_graph: bool = False, create_graph: bool = False) -> Tensor:
    """[P] the gradient in all parameters in a row; 0 where there is none, as in a value head."""
    parameters = list(policy.parameters())
    parts = torch.autograd.grad(
        scalar, parameters, retain_graph=retain_graph, create_graph=create_graph, materialize_grads=True
    )
    return torch.cat([part.flatten() for part in parts])


def ply_gradients(policy: Policy, rollout: Rollout, plies: NDArray[np.integer[Any]]) -> Tensor:
    """[len(plies), P] ∇ log π(aₜ|sₜ) of each of these plies."""
    chosen = policy.observe(observation(rollout)[plies]).log_prob(torch.from_numpy(rollout.plies.choice[plies]))
    return torch.stack([gradient(one, policy, retain_graph=True) for one in chosen])


def loss_gradient(policy: Policy, rollout: Rollout, advantage: Tensor) -> Tensor:
    """[P] minus the gradient of the real loss over a rollout: an estimate of what `Setting.exact` is."""
    return -gradient(log_likelihood_loss(log_probs(policy, rollout), advantage) / rollout.games, policy)


def cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def setting(request: pytest.FixtureRequest) -> Setting:
    return Setting(request.param)


# --- The formula, exactly --------------------------------------------------------------------------------------------


def test_probabilities_of_all_games_sum_to_one(setting: Setting) -> None:
    assert setting.probability(*setting.seats).sum().item() == pytest.approx(1, abs=1e-12)


def test_log_derivative(setting: Setting) -> None:
    """∇ Σ p(x|θ) f(x) = Σ p(x|θ) f(x) ∇ log p(x|θ), where only the learner's moves have a share in log p.

    In self-play each ply has the reward of its mover for f.
    """
    every = setting.every
    p = setting.probability(*setting.seats).detach()
    by_player = returns_of(every)
    weighed = p[every.plies.game] * by_player * log_probs(setting.policy, every) * setting.learns
    torch.testing.assert_close(gradient(weighed.sum(), setting.policy), setting.exact, rtol=0, atol=1e-9)
    assert setting.exact.norm() > 0.02  # no comparison of nothing with nothing


def test_the_gradient_is_the_slope_of_the_objective(setting: Setting) -> None:
    """Autograd itself against a difference quotient along the gradient, the other seat held where it was."""
    step, direction = 1e-5, setting.exact / setting.exact.norm()
    frozen = copy.deepcopy(setting.policy)

    def objective(distance: float) -> float:
        moved = copy.deepcopy(frozen)
        torch.nn.utils.vector_to_parameters(
            torch.nn.utils.parameters_to_vector(frozen.parameters()) + distance * direction, moved.parameters()
        )
        first = setting.expected_reward(moved, setting.opponent if setting.case.seat == 0 else frozen)
        second = setting.expected_reward(setting.opponent if setting.case.seat == 1 else frozen, moved)
        return {0: first, 1: -second, None: first - second}[setting.case.seat].item()

    slope = (objective(step) - objective(-step)) / (2 * step)
    assert slope == pytest.approx(setting.exact.norm().item(), rel=1e-6)


def test_temperature_is_part_of_the_policy(setting: Setting) -> None:
    """π = softmax(logits / T): logits twice as large at T = 2 are the same policy."""
    warmer = copy.deepcopy(setting.policy)
    warmer.temperature *= 2
    assert isinstance(warmer.network, MLP)
    with torch.no_grad():
        for parameter in warmer.network.policy_head.parameters():
            parameter.mul_(2)
    torch.testing.assert_close(
        log_probs(warmer, setting.every), log_probs(setting.policy, setting.every), rtol=0, atol=1e-12
    )


def test_the_mean_of_the_score_is_zero(setting: Setting) -> None:
    """Σ p(x|θ) ∇ log p(x|θ) = ∇ Σ p(x|θ) = ∇ 1 = 0: why a baseline changes nothing in the mean."""
    p = setting.probability(*setting.seats).detach()
    score = gradient(
        (p[setting.every.plies.game] * log_probs(setting.policy, setting.every) * setting.learns).sum(), setting.policy
    )
    torch.testing.assert_close(score, torch.zeros_like(score), rtol=0, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("seat", [0, None])
def test_self_play_follows_the_gradient_of_no_scalar(seat: int | None) -> None:
    """A gradient's Jacobian ∂gᵢ / ∂θⱼ is symmetric. With the other seat frozen ours is; in self-play it is not."""
    setting = Setting(Case("matching", Matching(), ("empty",), seat))
    every, policy = setting.every, setting.policy
    score = [gradient(one, policy, create_graph=True, retain_graph=True) for one in log_probs(policy, every)]
    p = setting.probability(*setting.seats)  # in self-play θ is on both seats: p moves with it
    g = (p[every.plies.game] * returns_of(every) * setting.learns) @ torch.stack(score)
    torch.testing.assert_close(g.detach(), setting.exact, rtol=0, atol=1e-9)
    jacobian = torch.stack([gradient(one, policy, retain_graph=True) for one in g])
    asymmetry = (jacobian - jacobian.T).norm() / jacobian.norm()
    assert asymmetry < 1e-12 if seat == 0 else asymmetry > 0.1


# --- The real sampler and the real loss ------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_sampler_draws_games_as_often_as_they_are_likely(setting: Setting) -> None:
    """Pearson's χ² over all games there are: mean k − 1, standard deviation √(2 (k − 1))."""
    every, played = setting.every, setting.samples[0].rollout
    names = [game_name(every, number, setting.learns.numpy()) for number in range(every.games)]
    likely: dict[bytes, float] = {}
    for name, p in zip(names, setting.probability(*setting.seats).tolist(), strict=True):
        likely[name] = likely.get(name, 0.0) + p  # games that differ in the opponent's plies alone may look alike
    order = np.argsort(played.plies.game, kind="stable")
    ends = np.searchsorted(played.plies.game[order], np.arange(played.games + 1))
    rows = ply_rows(played)[order]
    counts = dict.fromkeys(likely, 0)
    for number in range(played.games):
        counts[rows[ends[number] : ends[number + 1]].tobytes() + played.reward[number].tobytes()] += 1
    expected = np.array(list(likely.values())) * played.games
    chi2 = float(((np.array(list(counts.values())) - expected) ** 2 / expected).sum())
    freedom = len(expected) - 1
    assert abs(chi2 - freedom) < 4 * (2 * freedom) ** 0.5


def ply_rows(rollout: Rollout) -> NDArray[np.int64]:
    plies = rollout.plies
    return np.column_stack((plies.planes.reshape(len(plies), -1).astype(np.int64), plies.choice))


def game_name(rollout: Rollout, number: int, stored: NDArray[np.bool_]) -> bytes:
    rows = ply_rows(rollout)[(rollout.plies.game == number) & stored]
    return bytes(rows.tobytes() + rollout.reward[number].tobytes())


@pytest.mark.slow
def test_the_real_loss_has_this_gradient(setting: Setting) -> None:
    """Autograd through the real loss over a whole rollout, against the sum of the gradients of its plies."""
    for sample in setting.samples[:2]:
        advantage = returns_of(sample.rollout)
        real = loss_gradient(setting.policy, sample.rollout, advantage)
        torch.testing.assert_close(sample.block_gradients(advantage, GAMES)[0], real, rtol=0, atol=1e-12)
        torch.testing.assert_close(sample.block_gradients(advantage, BLOCK).mean(0), real, rtol=0, atol=1e-12)


def test_sampled_gradient_converges(setting: Setting, record_property: Callable[[str, object], None]) -> None:
    """Its error falls as 1/√n from n = 32 to n = 4096 games, and it points the right way at the end, n = 65536.

    The 65536 games are cut into 2048, …, 16 independent estimates of n games each. 1/√n is a slope of −1/2 over 2.1
    decades; the error at the largest n, from 16 estimates, is known to some 10%, which moves the slope by 0.02.
    """
    sizes = [2**k for k in range(5, 13)]
    errors = []
    for size in sizes:
        blocks = torch.cat(
            [
                sample.block_gradients(returns(sample.reward, sample.game, sample.player), size)
                for sample in setting.samples
            ]
        )
        errors.append(float((blocks - setting.exact).square().sum(1).mean().sqrt()))  # root mean square
    slope = float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])
    # The real loss at the largest n of all.
    mean = torch.stack(
        [loss_gradient(setting.policy, sample.rollout, returns_of(sample.rollout)) for sample in setting.samples]
    ).mean(0)
    record_property("errors", dict(zip(sizes, errors, strict=True)))
    record_property("slope", slope)
    record_property("cosine", cosine(mean, setting.exact))
    print(f"\nslope {slope:.3f}, cosine {cosine(mean, setting.exact):.5f}, error {errors[0]:.3f} … {errors[-1]:.4f}")
    assert -0.6 < slope < -0.4
    assert cosine(mean, setting.exact) > 0.99


def test_the_error_is_the_exact_variance_over_n(setting: Setting) -> None:
    """E‖ĝ − g‖² = (E‖f(x) ∇ log p(x|θ)‖² − ‖g‖²) / n, the expectation over all games of each start, averaged.

    Starts are taken in turn and not at random, hence a variance within each of them.
    """
    every = setting.every
    rows = np.flatnonzero(setting.learns.numpy())
    weighed = returns_of(every)[rows][:, None] * ply_gradients(setting.policy, every, rows)
    of_game = torch.zeros(every.games, weighed.shape[1], dtype=torch.float64)
    of_game.index_add_(0, torch.from_numpy(every.plies.game[rows]), weighed)  # f(x) ∇ log p(x|θ)
    starts = len(setting.case.starts)
    p = setting.probability(*setting.seats).detach() * starts  # given the start
    variances = []
    for start in range(starts):
        of_start = torch.from_numpy(every.group == start)
        mean = p[of_start] @ of_game[of_start]
        variances.append(p[of_start] @ of_game[of_start].square().sum(1) - mean.square().sum())
    exact = float(torch.stack(variances).mean())
    advantages = [returns(sample.reward, sample.game, sample.player) for sample in setting.samples]
    blocks = [
        sample.block_gradients(advantage, BLOCK) for sample, advantage in zip(setting.samples, advantages, strict=True)
    ]
    sampled = float((torch.cat(blocks) - setting.exact).square().sum(1).mean()) * BLOCK
    assert sampled == pytest.approx(exact, rel=0.05)


UNBIASED = ("none", "running_mean", "leave_one_out", "value", "generalized_1")


def advantage_of(sample: Sample, baseline: str, running_mean: Tensor) -> Tensor:
    """[N] Â. running_mean [games]: of player 0's reward over the rollouts before that of each game."""
    reward, game, player, value = sample.reward, sample.game, sample.player, sample.value
    match baseline:
        case "none":
            return returns(reward, game, player)
        case "running_mean":
            return returns(reward - running_mean, game, player)
        case "leave_one_out":
            return returns(reward - leave_one_out(reward, sample.group), game, player)
        case "value":
            return returns(reward, game, player) - value
        case "generalized_1":
            return generalized_advantages(value, reward, game, player, 1.0)
        case "generalized_0":
            return generalized_advantages(value, reward, game, player, 0.0)
    raise ValueError(baseline)


def moments(setting: Setting, baseline: str) -> tuple[Tensor, Tensor, float]:
    """[P] mean, [P] its standard error, and the variance summed over components, times BLOCK and so that of one game.

    Each block of games is a rollout of its own.
    """
    rewards = torch.cat([sample.reward for sample in setting.samples]).view(-1, BLOCK).mean(1)
    before = (rewards.cumsum(0) - rewards) / torch.arange(len(rewards)).clamp(min=1)  # 0 for the first
    gradients = [
        sample.block_gradients(advantage_of(sample, baseline, running_mean), BLOCK)
        for sample, running_mean in zip(setting.samples, before.repeat_interleave(BLOCK).split(GAMES), strict=True)
    ]
    blocks = torch.cat(gradients)
    return blocks.mean(0), blocks.std(0) / len(blocks) ** 0.5, float(blocks.var(0).sum()) * BLOCK


@pytest.mark.parametrize("baseline", UNBIASED)
def test_baseline_is_unbiased(setting: Setting, baseline: str, record_property: Callable[[str, object], None]) -> None:
    """Every component of the mean over 2048 rollouts of 32 games within 4 standard errors of the exact gradient."""
    mean, error, variance = moments(setting, baseline)
    record_property("variance", variance)
    print(f"\n{setting.case.name}: {baseline}: variance a game {variance:.4f}")
    # Parameters without any gradient (a unit that never fires) have neither error nor deviation.
    assert ((mean - setting.exact).abs() <= 4 * error + 1e-12).all()


def test_leave_one_out_leaves_no_noise_where_every_game_is_won() -> None:
    """From here x wins whatever is played. Nothing can be learned; the plain estimator says so only in the mean."""
    setting = Setting(Case("x wins", TicTacToe(), ("xox/oxo/3 x",), seat=None))
    sample = Sample(setting.policy, setting.sample(0, 256))
    zero = torch.zeros(())
    assert setting.exact.norm() < 1e-12
    assert sample.block_gradients(advantage_of(sample, "none", zero), BLOCK).norm(dim=1).min() > 0.01
    assert advantage_of(sample, "leave_one_out", zero).abs().max() == 0


def test_sampling_shows_the_bias_of_lambda_zero(setting: Setting) -> None:
    """The same measure that passes the unbiased ones finds the biased one out."""
    if setting.case.max_plies:
        pytest.skip("of two plies the fitted value is too nearly right for sampling to tell; the exact test below does")
    mean, error, _ = moments(setting, "generalized_0")
    assert ((mean - setting.exact).abs() / (error + 1e-12)).max() > 8


# --- Unbiased or biased, exactly -------------------------------------------------------------------------------------


def expected_gradient(setting: Setting, advantage: Tensor) -> Tensor:
    """[P] Σ p(x) Σₜ Âₜ ∇ log π(aₜ|sₜ) through the real loss. advantage [plies of every]."""
    p = setting.probability(*setting.seats).detach()[setting.every.plies.game]
    mine = setting.learns
    return -gradient(
        log_likelihood_loss(log_probs(setting.policy, setting.every)[mine], (p * advantage)[mine]), setting.policy
    )


def learner_plies(setting: Setting) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """value [N], reward [games], game [N] and player [N] of the learner's plies of every game."""
    every, mine = setting.every, setting.learns
    value = setting.policy.observe(observation(every)).value
    assert value is not None
    return (
        value.detach()[mine],
        torch.from_numpy(every.reward).double(),
        torch.from_numpy(every.plies.game)[mine],
        torch.from_numpy(every.plies.player)[mine],
    )


def spread(setting: Setting, advantage: Tensor) -> Tensor:
    """The learner's plies among all plies."""
    return torch.zeros(len(setting.every.plies), dtype=torch.float64).masked_scatter(setting.learns, advantage)


def turned(estimate: Tensor, exact: Tensor) -> float:
    """The part of an estimate that is no multiple of the exact gradient, relative: a learning rate can't undo it."""
    return float((estimate - (estimate @ exact) / (exact @ exact) * exact).norm() / estimate.norm())


def test_in_expectation_baselines_change_nothing(setting: Setting) -> None:
    value, reward, game, player = learner_plies(setting)
    for advantage in (
        returns(reward, game, player),
        returns(reward - 0.37, game, player),  # any constant, signed by mover
        returns(reward, game, player) - 5,  # unsigned would do as well
        returns(reward, game, player) - value,
        generalized_advantages(value, reward, game, player, 1.0),
    ):
        torch.testing.assert_close(
            expected_gradient(setting, spread(setting, advantage)), setting.exact, rtol=0, atol=1e-9
        )


@pytest.mark.parametrize("lambda_", [0.0, 0.5, 0.9])
def test_generalized_advantages_are_biased_below_lambda_one(setting: Setting, lambda_: float) -> None:
    value, reward, game, player = learner_plies(setting)
    advantage = generalized_advantages(value, reward, game, player, lambda_)
    assert turned(expected_gradient(setting, spread(setting, advantage)), setting.exact) > 1e-4


@pytest.mark.parametrize("lambda_", [0.5, 1.0])
def test_discounted_advantages_are_biased(setting: Setting, lambda_: float) -> None:
    value, reward, game, player = learner_plies(setting)
    advantage = generalized_advantages(value, reward, game, player, lambda_, discount=0.8)
    assert turned(expected_gradient(setting, spread(setting, advantage)), setting.exact) > 1e-4


def test_generalized_advantages_are_unbiased_with_the_true_value() -> None:
    """The bias below λ = 1 is that of v: with v(s) = E[G | s] and no ply missing, δ has the same mean at each state."""
    setting = Setting(Case("matching", Matching(), ("empty",), seat=None))
    every = setting.every
    p = setting.probability(*setting.seats).detach()
    _, reward, game, player = learner_plies(setting)
    state = torch.from_numpy(np.unique(every.plies.planes.reshape(-1), return_inverse=True)[1])
    weight = torch.zeros(int(state.max()) + 1, dtype=torch.float64).index_add(0, state, p[every.plies.game])
    total = torch.zeros_like(weight).index_add(0, state, p[every.plies.game] * returns(reward, game, player))
    true_value = (total / weight)[state]
    for lambda_ in (0.0, 0.5):
        advantage = generalized_advantages(true_value, reward, game, player, lambda_)
        torch.testing.assert_close(expected_gradient(setting, advantage), setting.exact, rtol=0, atol=1e-9)


def expected_over_pairs(setting: Setting, weigh: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Tensor:
    """[P] the expectation over rollouts of two games: Σ p(x) p(y) Σₜ wₜ ∇ log π(aₜ|sₜ).

    `weigh` takes rewards [2], game [n] and player [n] of two games' plies to a weight for each ply.
    """
    every = setting.every
    p = setting.probability(*setting.seats).detach()
    _, reward, game, player = learner_plies(setting)
    plies = [torch.nonzero(game == x).squeeze(1) for x in range(every.games)]
    weights = torch.zeros(len(game), dtype=torch.float64)
    for x in range(every.games):
        for y in range(every.games):
            both = torch.cat((plies[x], plies[y]))
            which = torch.cat((torch.zeros_like(plies[x]), torch.ones_like(plies[y])))
            # Not +=, which would count a ply once where x and y are the same game.
            weights.index_add_(0, both, p[x] * p[y] * weigh(reward[[x, y]], which, player[both]))
    rows = np.flatnonzero(setting.learns.numpy())
    return weights @ ply_gradients(setting.policy, every, rows)


@pytest.fixture(scope="module")
def matching() -> Setting:
    return Setting(CASES[4])


def test_in_expectation_leave_one_out_changes_nothing(matching: Setting) -> None:
    """Two games: each is the other's baseline, though it depends on what was sampled."""

    def weigh(reward: Tensor, game: Tensor, player: Tensor) -> Tensor:
        return returns(reward - leave_one_out(reward, torch.zeros(2)), game, player) / 2

    torch.testing.assert_close(expected_over_pairs(matching, weigh), matching.exact, rtol=0, atol=1e-9)


def test_the_mean_of_all_games_is_a_biased_baseline(matching: Setting) -> None:
    """With a game's own reward in it, a baseline takes 1/n of the gradient away: half of it, of two games."""

    def weigh(reward: Tensor, game: Tensor, player: Tensor) -> Tensor:
        return returns(reward - reward.mean(), game, player) / 2

    torch.testing.assert_close(expected_over_pairs(matching, weigh), matching.exact / 2, rtol=0, atol=1e-9)


def test_averages_over_plies_are_biased(matching: Setting) -> None:
    """Divided by the plies of the rollout and not by its games, long games count for less than short ones."""

    def weigh(reward: Tensor, game: Tensor, player: Tensor) -> Tensor:
        return returns(reward, game, player) / len(game)

    assert turned(expected_over_pairs(matching, weigh), matching.exact) > 0.01


def test_normalized_advantages_are_biased(matching: Setting) -> None:
    def weigh(reward: Tensor, game: Tensor, player: Tensor) -> Tensor:
        advantage = returns(reward, game, player)
        return normalized(advantage, advantage.mean(), advantage.std(correction=0)) / 2

    assert turned(expected_over_pairs(matching, weigh), matching.exact) > 0.01


@pytest.mark.parametrize("kind", ["entropy", "divergence"])
def test_a_bonus_at_the_positions_met_is_biased(setting: Setting, kind: str) -> None:
    """It is no multiple of the gradient of J, nor the gradient of J + c E[Σ H]: which states come is not in it."""
    every, mine, c = setting.every, setting.learns, 0.1
    distribution = setting.policy.observe(observation(every))
    if kind == "entropy":
        told = distribution.entropy()
    else:  # −KL from another policy, which is near enough to have the same moves
        start = copy.deepcopy(setting.policy)
        with torch.no_grad():
            for parameter in start.parameters():
                parameter.mul_(0.5)
            log_probs_there = start.observe(observation(every)).log_probs
        told = -(distribution.probs * (distribution.log_probs - log_probs_there)).sum(dim=1)
    moving = setting.probability(*setting.seats)
    bonus = gradient(c * ((moving.detach()[every.plies.game] * told)[mine]).sum(), setting.policy, retain_graph=True)
    both = gradient(c * ((moving[every.plies.game] * told)[mine]).sum(), setting.policy)
    assert turned(setting.exact + bonus, setting.exact) > 0.01
    assert (both - bonus).norm() > 0.01 * bonus.norm()


def test_reuse_with_a_clipped_ratio_is_biased(setting: Setting) -> None:
    """The first use has the exact gradient; after one step the sampled games are those of another policy."""
    every, mine = setting.every, setting.learns
    old = copy.deepcopy(setting.policy)
    sampled = log_probs(old, every).detach()
    p = setting.probability(*setting.seats).detach()[every.plies.game]
    advantage = p * returns_of(every)  # p ≥ 0 may be moved into the minimum
    new = Setting(setting.case)

    def clipped() -> Tensor:
        loss = clipped_ratio_loss(log_probs(new.policy, every)[mine], sampled[mine], advantage[mine], clip=0.1)
        return -gradient(loss, new.policy)

    torch.testing.assert_close(clipped(), setting.exact, rtol=0, atol=1e-9)
    with torch.no_grad():
        vector = torch.nn.utils.parameters_to_vector(old.parameters()) + 0.5 * setting.exact / setting.exact.norm()
        torch.nn.utils.vector_to_parameters(vector, new.policy.parameters())
    assert turned(clipped(), new.exact) > 0.01


# --- One update ------------------------------------------------------------------------------------------------------

# b2 wins at once; after b3 the other side has only b2, and wins. One decision, so that its two probabilities are all
# that the loss can change. x to move there with too few stones is not legal chess, but is a game that begins there.
WIN_OR_LOSE = {0: "o1x/x1o/xoo x", 1: "x1o/o1x/oxx o"}


def updated(policy: Policy, rollout: Rollout, advantage: Tensor, rate: float) -> Policy:
    """A copy after one update of plain SGD on the real loss."""
    policy = copy.deepcopy(policy)
    optimizer = torch.optim.SGD(policy.parameters(), lr=rate)
    (log_likelihood_loss(log_probs(policy, rollout), advantage) / rollout.games).backward()
    optimizer.step()
    return policy


@pytest.mark.parametrize("mover", [0, 1])
@pytest.mark.parametrize("sampled", ["both", "wins only", "losses only"])
def test_one_update_raises_rewarded_moves_and_lowers_punished_ones(mover: int, sampled: str) -> None:
    game = TicTacToe()
    policy = make_policy(game, 3)
    player = PolicyPlayer(policy)
    start = game.start([WIN_OR_LOSE[mover]])
    win, lose = policy.observe(start.observe()).probs[0].tolist()  # b2 comes before b3
    # The opponent's only move after b3 is certain: its log-probability is 0 and so is its gradient.
    rollout = play(start[np.zeros(64, np.int64)], (player, player), Randomness(SEED), learner=player)
    won = rollout.reward == (1 if mover == 0 else -1)
    assert 0 < won.sum() < 64
    keep = {"both": np.ones(64, np.bool_), "wins only": won, "losses only": ~won}[sampled]
    advantage = returns_of(rollout) * torch.from_numpy(keep[rollout.plies.game])
    new_win, new_lose = updated(policy, rollout, advantage, rate=0.05).observe(start.observe()).probs[0].tolist()
    assert new_win > win + 1e-4
    assert new_lose < lose - 1e-4


def test_one_update_raises_the_objective(setting: Setting) -> None:
    """Also in self-play: the new policy against the old one, on both seats, has more than nothing."""
    old, seat = copy.deepcopy(setting.policy), setting.case.seat
    rollout = setting.samples[0].rollout
    new = updated(old, rollout, returns_of(rollout), rate=0.1)
    first = setting.expected_reward(new, setting.opponent if seat == 0 else old)
    second = setting.expected_reward(setting.opponent if seat == 1 else old, new)
    assert {0: first, 1: -second, None: first - second}[seat] > setting.objective() + 1e-4


# --- The module ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("baseline", ["none", "running_mean", "leave_one_out", "value"])
def test_the_module_learns_by_this_gradient(
    setting: Setting, baseline: Literal["none", "running_mean", "leave_one_out", "value"]
) -> None:
    """`PolicyGradient` as wired, on two rollouts in a row and each in two parts, against the loss proven above."""
    game, network = setting.case.game, copy.deepcopy(setting.policy.network)
    module = PolicyGradient(
        game,
        lambda _: network,
        temperature=setting.case.temperature,
        advantages=Advantages(baseline),
        loss=Loss(value_weight=0),
    )
    running_mean = torch.zeros(())
    for number in range(2):
        sample = Sample(setting.policy, setting.sample(number, 128))
        rollout = sample.rollout
        advantage = advantage_of(sample, baseline, running_mean)
        running_mean = sample.reward.mean()
        plies, host = len(rollout.plies), torch.device("cpu")
        stored = StoredRollout(
            rollout, module.weigh(rollout), module.value_targets(rollout), host, rollout.games, plies, parts=2
        )
        rows = np.array_split(np.arange(plies), 2)
        # Lightning divides by the number of parts.
        loss = torch.stack([module.training_step(stored.batch(part), 0) for part in rows]).sum() / 2
        torch.testing.assert_close(
            -gradient(loss, module.policy),
            loss_gradient(setting.policy, rollout, advantage),
            rtol=0,
            atol=1e-6,  # advantages are stored in float32
        )


# --- What was stored -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("game", [TicTacToe(), Matching()], ids=lambda game: game.name)
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_stored_log_probabilities_are_those_of_the_update(game: Game, dtype: torch.dtype, temperature: float) -> None:
    """The loop sees a shrinking batch at each ply, the update all plies at once: equal to float32's rounding."""
    policy = make_policy(game, 5, temperature, value=True).to(dtype)
    player = PolicyPlayer(policy)
    rollout = play(game.start(200), (player, player), Randomness(SEED), learner=player)
    anew = log_probs(policy, rollout)
    value = policy.observe(observation(rollout)).value
    assert anew.dtype == dtype
    assert value is not None
    torch.testing.assert_close(torch.from_numpy(rollout.plies.log_prob), anew.float(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(torch.from_numpy(rollout.plies.value), value.float(), rtol=1e-6, atol=1e-6)
