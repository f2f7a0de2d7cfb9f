"""The noise of gradients: figures against their definitions, and gradients against autograd by hand."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from chesspg.arena.elo import student
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.selfplay.loop import play
from studies.estimators.gradients import SEED, Measured, figures, gradients, jackknife, projected
from studies.estimators.plan import fields

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    path = tmp_path / "policy.safetensors"
    files.save(path, Policy(TicTacToe(), MLP(TicTacToe(), hidden=(128, 128), value=True)))
    return path


def samples(rollouts: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """[R, 5] gradients with mean (2, 0, 0, 0, 0) and covariance 0.09·1; that of the plain ones is larger by 0.36·1."""
    rng = np.random.default_rng(seed)
    own = np.array([2.0, 0, 0, 0, 0]) + 0.3 * rng.standard_normal((rollouts, 5))
    return own, own + 0.6 * rng.standard_normal((rollouts, 5))


def test_figures_by_their_definitions() -> None:
    own, plain = samples(7, 0)

    def product(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([a[r] @ b[s] for r, s in permutations(range(len(a)), 2)]))

    reported = figures(own, plain)
    variance = [float(np.trace(np.cov(g.T))) for g in (own, plain)]
    assert reported["variance"] == pytest.approx(variance[0])
    assert reported["squared_mean"] == pytest.approx(product(own, own))
    assert reported["variance_ratio"]["value"] == pytest.approx(variance[0] / variance[1])
    assert reported["signal_to_noise"]["value"] == pytest.approx(product(own, own) / variance[0])
    cosine = product(own, plain) / (product(own, own) * product(plain, plain)) ** 0.5
    assert reported["cosine"]["value"] == pytest.approx(min(cosine, 1))
    assert cosine > 0.9


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    numbers = np.random.default_rng(3).standard_normal(12)
    reported = jackknife(lambda rows: float(numbers[rows].mean()), 12)
    half = student(11) * numbers.std(ddof=1) / 12**0.5
    assert reported == pytest.approx(
        {"value": numbers.mean(), "low": numbers.mean() - half, "high": numbers.mean() + half}
    )
    assert jackknife(lambda rows: float("nan"), 4) == {"value": None, "low": None, "high": None}


@given(value=st.floats(-3, 3), below=st.floats(0, 5), above=st.floats(0, 5), truth=st.floats(-1, 1))
def test_a_cosine_stays_a_cosine_and_loses_no_truth(value: float, below: float, above: float, truth: float) -> None:
    reported = projected({"value": value, "low": value - below, "high": value + above})
    assert -1 <= reported["low"] <= reported["value"] <= reported["high"] <= 1
    if value - below <= truth <= value + above and abs(below - above) < 1e-9:
        assert reported["low"] - 1e-9 <= truth <= reported["high"] + 1e-9
    if -1 <= value - below <= value + above <= 1:
        assert reported == pytest.approx({"value": value, "low": value - below, "high": value + above})


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    # tr Cov is 5 · 0.09 of 5 · 0.45, |E g|² is 4, the cosine 1.
    truth = {"variance_ratio": 0.2, "signal_to_noise": 4 / 0.45, "cosine": 1.0}
    held = dict.fromkeys(truth, 0)
    for seed in range(200):
        reported = figures(*samples(30, seed))
        for name, value in truth.items():
            held[name] += reported[name]["low"] <= value <= reported[name]["high"]
    assert all(count >= 0.88 * 200 for count in held.values()), held
    assert all(held[name] <= 0.99 * 200 for name in ("variance_ratio", "signal_to_noise")), (
        held
    )  # the cosine is at its end


def test_a_signal_lost_in_the_noise_is_not_told() -> None:
    own = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])  # the mean is 0, its estimate less
    reported = figures(own, own)
    assert reported["squared_mean"] == pytest.approx(-1 / 3)
    assert reported["variance"] == pytest.approx(4 / 3)
    assert reported["cosine"] == {"value": None, "low": None, "high": None}


def test_the_plain_gradient_is_that_of_the_formula(policy: Path) -> None:
    found = gradients("tic_tac_toe", "plain", policy, 3)
    ours = files.load(policy)
    games = fields("tic_tac_toe", "plain")["data.games"]
    player = PolicyPlayer(ours)
    for rollout, gradient in enumerate(found, 1):  # one was played before
        played = play(TicTacToe().start(games), (player, player), Randomness(SEED, rollout), learner=player)
        plies = played.plies.to(torch.device("cpu"))
        log_prob = ours(plies.planes, plies.scalars, plies.legal).log_prob(plies.choice)
        reward = torch.from_numpy(played.outcome.astype(np.float32))
        return_ = torch.where(plies.player == 0, 1, -1) * reward[plies.game.long()]
        loss = -(log_prob * return_).sum() / games
        wanted = torch.autograd.grad(loss, list(ours.parameters()), allow_unused=True, materialize_grads=True)
        assert gradient == pytest.approx(torch.cat([g.flatten() for g in wanted]).numpy(), abs=1e-6)


@pytest.mark.slow
def test_estimators_see_the_same_games_and_nothing_but_their_gradient(policy: Path) -> None:
    """For the clipped ratio this is the gradient of the first update, which is that of its generalized advantages."""
    wanted = gradients("tic_tac_toe", "gae_0.95", policy, 3)
    assert gradients("tic_tac_toe", "clipped", policy, 3) == pytest.approx(wanted, abs=1e-6)
    others = {name: gradients("tic_tac_toe", name, policy, 3) for name in ("plain", "running_mean", "leave_one_out")}
    for name, found in others.items():
        assert np.abs(found - wanted).max() > 1e-3, name
        assert found.shape == (3, sum(p.numel() for p in files.load(policy).parameters()))
    assert np.abs(others["plain"] - others["running_mean"]).max() > 1e-3


def test_measured_once_and_again_for_another_policy(
    tmp_path: Path, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fake(task: str, estimator: str, policy: Path, rollouts: int) -> np.ndarray:
        asked.append(estimator)
        return samples(rollouts, len(asked))[0]

    monkeypatch.setattr("studies.estimators.gradients.gradients", fake)
    measured = Measured(tmp_path, "tic_tac_toe", policy, 5)
    assert measured.games == 128
    reported = {name: measured(name) for name in ("value", "plain", "clipped")}
    assert asked == ["plain", "value", "clipped"]
    again = Measured(tmp_path, "tic_tac_toe", policy, 5)
    assert {name: again(name) for name in reported} == reported
    assert len(asked) == 3
    files.save(policy, Policy(TicTacToe(), MLP(TicTacToe(), hidden=(4,), value=True)))
    Measured(tmp_path, "tic_tac_toe", policy, 5)("plain")
    assert len(asked) == 4
