"""Elo and its interval: worked numbers, limits, and how often the truth lies inside."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from chesspg.arena.ratings import BOUND, Z, effective_games, elo, expected_score, score_interval, student, wilson

HALVES = np.array([0, 0.25, 0.5, 0.75, 1.0])


def test_elo_of_known_scores() -> None:
    assert elo(0.5) == 0
    assert elo(0.75) == pytest.approx(190.848, abs=1e-3)  # 400 log10(3)
    assert elo(10 / 11) == pytest.approx(400)  # ten to one
    assert elo(0.25) == -elo(0.75)
    for difference in (-350.0, 0.0, 12.5):
        assert elo(expected_score(difference)) == pytest.approx(difference)


def test_elo_is_bounded() -> None:
    assert elo(1) == elo(1 - 1e-12) == BOUND
    assert elo(0) == elo(1e-12) == -BOUND
    for score in (-0.01, 1.01, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            elo(score)


def test_wilson_of_a_textbook() -> None:
    # 81 of 263: 0.2553 to 0.3662, Newcombe (1998), table I, method 3.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    # 0 of 20: 0 to z²/(20 + z²) = 0.1611, the same table.
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)


def test_student() -> None:
    # Quantiles of printed tables, the fewer degrees of freedom the less exact.
    for freedom, quantile in ((5, 2.5706), (10, 2.2281), (30, 2.0423)):
        assert student(freedom) == pytest.approx(quantile, rel=0.05 / freedom)
    assert student(10**9) == pytest.approx(Z)


def test_effective_games_worked_out() -> None:
    # One pair 1, one pair 0, and the pseudo pair (0, ½, ½, 1)/4: mean ½, mean of squares (1 + 0.375)/3,
    # variance 0.4583 − 0.25 = 0.2083; n = 3 · 0.25 / 0.2083 = 3.6.
    assert effective_games([1, 0]) == pytest.approx(3.6)
    # 100 pairs of draws: mean ½, variance (25 + 0.375)/101 − ¼ = 0.00123762; n = 101 · ¼ / 0.00123762 = 20402.
    assert effective_games([0.5] * 100) == pytest.approx(20402)
    # 100 pairs won: mean 100.5/101, 1 − mean = 0.5/101, variance 0.375/101 − (0.5/101)²;
    # n = 101 · 0.00492599/0.00368836.
    assert effective_games([1.0] * 100) == pytest.approx(134.89, abs=0.01)
    with pytest.raises(ValueError, match="no pair"):
        effective_games([])


def test_coin_flips_are_worth_their_number() -> None:
    """Won or lost games at random: 2P games, as Wilson would count them without any pairs."""
    pairs = np.random.default_rng(0).integers(0, 2, (20000, 2)).mean(axis=1)
    assert effective_games(pairs.tolist()) == pytest.approx(40000, rel=0.03)


@pytest.mark.parametrize("pairs", list(itertools.product(HALVES.tolist(), repeat=3)) + [(x,) for x in HALVES.tolist()])
def test_never_empty_infinite_or_beside_the_score(pairs: tuple[float, ...]) -> None:
    score = sum(pairs) / len(pairs)
    low, high = score_interval(pairs)
    assert 0 <= low <= score <= high <= 1
    assert 0.05 < high - low < 1
    assert all(map(math.isfinite, (elo(low), elo(score), elo(high))))
    mirrored = score_interval([1 - pair for pair in pairs])
    assert mirrored == pytest.approx((1 - high, 1 - low))


def test_narrows_with_games_and_widens_with_copies() -> None:
    pairs = [1, 0.5, 0.5, 0, 0.75] * 8
    low, high = score_interval(pairs)
    wider = score_interval(pairs[:10])
    assert wider.low < low < high < wider.high
    copies = score_interval(pairs, distinct=0.05)
    assert copies.low < wider.low < wider.high < copies.high
    two = score_interval([1.0] * 50, distinct=0.02)  # two games a hundred times over: not much is known
    assert two.low < 0.5


def independent(win: float, draw: float) -> np.ndarray:
    """How likely each score of a pair is when its two games are independent."""
    game = np.array([1 - win - draw, draw, win])
    return np.convolve(game, game)


@pytest.mark.parametrize(
    "likely",
    [
        independent(0.5, 0.0),
        independent(0.3, 0.4),
        independent(0.1, 0.85),
        independent(0.8, 0.15),
        independent(0.95, 0.04),
        independent(0.6, 0.4),
        np.array([0.1, 0, 0.8, 0, 0.1]),  # the opening decides: colours swapped, a game each
        np.array([0.05, 0.1, 0.6, 0.2, 0.05]),
    ],
    ids=["coins", "even", "drawish", "strong", "crushing", "never loses", "opening decides", "mixed"],
)
@pytest.mark.parametrize("count", [5, 20, 100])
def test_the_truth_lies_inside_nineteen_times_of_twenty(likely: np.ndarray, count: int) -> None:
    """95 % is promised; 1500 simulated matches have a standard error of 0.6 %, so 93 % is the least."""
    truth = float(HALVES @ likely)
    matches = np.random.default_rng(1).choice(HALVES, size=(1500, count), p=likely)
    inside = sum(low - 1e-12 <= truth <= high + 1e-12 for low, high in map(score_interval, matches.tolist()))
    assert inside / 1500 >= 0.93
