"""Elo and its interval: worked numbers, limits, and how often the truth lies inside."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chesspg.arena.elo import (
    BOUND,
    SCORES,
    Z,
    effective_games,
    elo,
    expected_score,
    likelihood_of_superiority,
    mean_score_interval,
    normalized_elo,
    pentanomial,
    score_interval,
    sprt,
    student,
    wilson,
)

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
    assert student(1) == pytest.approx(math.tan(0.95 * math.pi / 2))  # Cauchy's distribution
    assert student(2) == pytest.approx(0.95 * math.sqrt(2 / (1 - 0.95**2)))
    for freedom, quantile in ((3, 3.1824), (5, 2.5706), (8, 2.3060), (9, 2.2622)):  # printed tables
        assert student(freedom) == pytest.approx(quantile, abs=5e-5)
    for freedom, quantile in ((10, 2.2281), (11, 2.2010), (30, 2.0423)):
        assert student(freedom) == pytest.approx(quantile, rel=0.02 / freedom)
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
    with pytest.raises(ValueError, match="at least one pair of games, got none"):
        effective_games([])


def test_coin_flips_are_worth_their_number() -> None:
    """Games won or lost at random count as 2P games, as Wilson's interval without pairs counts them."""
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
    two = score_interval([1.0] * 50, distinct=0.02)  # two games repeated a hundred times: little is known
    assert two.low < 0.5


def independent(win: float, draw: float) -> np.ndarray:
    """How likely each score of a pair is when its two games are independent."""
    game = np.array([1 - win - draw, draw, win])
    return np.convolve(game, game)


@pytest.mark.slow
@pytest.mark.parametrize(
    "likely",
    [
        independent(0.5, 0.0),
        independent(0.3, 0.4),
        independent(0.1, 0.85),
        independent(0.8, 0.15),
        independent(0.95, 0.04),
        independent(0.6, 0.4),
        np.array([0.1, 0, 0.8, 0, 0.1]),  # the opening decides: each player wins one game of a pair
        np.array([0.05, 0.1, 0.6, 0.2, 0.05]),
    ],
    ids=["coins", "even", "drawish", "strong", "crushing", "never loses", "opening decides", "mixed"],
)
@pytest.mark.parametrize("count", [5, 20, 100])
def test_the_truth_lies_inside_nineteen_times_of_twenty(likely: np.ndarray, count: int) -> None:
    """The interval must cover 95%; 1500 simulated matches have a standard error of 0.6%, so 93% is required."""
    truth = float(HALVES @ likely)
    matches = np.random.default_rng(1).choice(HALVES, size=(1500, count), p=likely)
    inside = sum(low - 1e-12 <= truth <= high + 1e-12 for low, high in map(score_interval, matches.tolist()))
    assert inside / 1500 >= 0.93


@pytest.mark.parametrize("score", [0.1, 0.25, 0.5, 0.75, 0.9])
@pytest.mark.parametrize("drawn", [0.1, 0.5, 0.9])
def test_the_interval_is_no_wider_than_it_says(score: float, drawn: float) -> None:
    """The coverage is 95% ± 2% for 100 and for 300 pairs, in 3000 simulated matches each (standard error 0.4%)."""
    draw = drawn * 2 * min(score, 1 - score)  # at most what the score allows
    likely = independent(score - draw / 2, draw)
    rng = np.random.default_rng(2)
    for count in (100, 300):
        # The interval depends on the counts alone.
        counts, times = np.unique(rng.multinomial(count, likely, 3000), axis=0, return_counts=True)
        inside = sum(
            repeated * (low <= score <= high)
            for one, repeated in zip(counts.tolist(), times.tolist(), strict=True)
            for low, high in [score_interval(expand(one))]
        )
        assert 0.93 <= inside / 3000 <= 0.97


@pytest.mark.parametrize("score", [0.95, 0.98, 0.99])
def test_near_the_ends(score: float) -> None:
    """The coverage is at least 93% with 50 pairs, where that of the normal interval falls to 92% and 78%."""
    for draw in (0.0, 2 * (1 - score)):
        likely = independent(score - draw / 2, draw)
        counts, times = np.unique(np.random.default_rng(3).multinomial(50, likely, 4000), axis=0, return_counts=True)
        intervals = [score_interval(expand(one)) for one in counts.tolist()]
        inside = sum(t * (low <= score <= high) for t, (low, high) in zip(times.tolist(), intervals, strict=True))
        assert inside / 4000 >= 0.93


def expand(counts: Sequence[int]) -> list[float]:
    return [score for score, count in zip(SCORES, counts, strict=True) for _ in range(count)]


SCORE = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
ANY_SCORE = st.floats(0, 1)


@given(score=ANY_SCORE, games=st.floats(1e-3, 1e12), z=st.floats(0.1, 64))
def test_wilson_stays_a_share(score: float, games: float, z: float) -> None:
    low, high = wilson(score, games, z)
    assert 0 <= low <= score <= high <= 1


@given(pairs=st.lists(SCORE, min_size=1, max_size=40), distinct=st.floats(0.01, 1))
def test_a_score_s_interval_stays_a_score(pairs: list[float], distinct: float) -> None:
    low, high = score_interval(pairs, distinct)
    assert 0 <= low <= math.fsum(pairs) / len(pairs) <= high <= 1
    assert low < high
    assert 0 <= likelihood_of_superiority(pairs, distinct) <= 1


@given(scores=st.lists(ANY_SCORE, min_size=2, max_size=12), games=st.integers(1, 10**6))
def test_a_mean_score_s_interval_stays_a_score(scores: list[float], games: int) -> None:
    low, high = mean_score_interval(scores, games)
    assert 0 <= low <= math.fsum(scores) / len(scores) <= high <= 1


def test_a_mean_score_s_interval_by_hand() -> None:
    # 0.4, 0.5, 0.6: s²/K = 0.01/3, so n = ¼ / (0.01/3) = 75, and Wilson's with t of two degrees of freedom.
    assert mean_score_interval([0.4, 0.5, 0.6], 400) == pytest.approx(wilson(0.5, 75, student(2)))
    # All equal, and all won: the interval is that of the games.
    assert mean_score_interval([0.5, 0.5], 200) == pytest.approx(wilson(0.5, 400))
    assert mean_score_interval([1.0, 1.0, 1.0], 400) == pytest.approx(wilson(1.0, 1200))
    assert mean_score_interval([0.05, 0.05, 0.05], 10) == pytest.approx(wilson(0.05, 30))  # their sum / 3 is not 0.05
    # Differences much smaller than the distance from 0 and 1: Student's t.
    scores = np.random.default_rng(1).normal(0.6, 0.01, 200)
    half = student(199) * scores.std(ddof=1) / 200**0.5
    low, high = mean_score_interval(scores.tolist(), 10**9)
    assert (low, high) == pytest.approx((scores.mean() - half, scores.mean() + half), abs=1e-5)


@pytest.mark.parametrize(("middle", "spread"), [(0.0, 0.1), (0.0, 0.5), (2.2, 0.5), (4.0, 0.5), (-6.0, 1.0)])
def test_the_mean_of_seeds_lies_inside_nineteen_times_of_twenty(middle: float, spread: float) -> None:
    """The interval of three runs with 400 games each, whose strengths are normally distributed in logits."""
    rng = np.random.default_rng(6)
    strengths = 1 / (1 + np.exp(-rng.normal(middle, spread, (1000, 3))))
    truth = float((1 / (1 + np.exp(-rng.normal(middle, spread, 200_000)))).mean())
    scores = rng.binomial(400, strengths) / 400
    intervals = [mean_score_interval(row, 400) for row in scores.tolist()]
    assert np.mean([low <= truth <= high for low, high in intervals]) >= 0.93


def test_pentanomial() -> None:
    assert pentanomial([1, 0.5, 0.25, 0.5, 1, 0.75, 0.5]) == (0, 1, 3, 1, 2)
    assert pentanomial([]) == (0, 0, 0, 0, 0)
    assert pentanomial(expand((4, 0, 2, 3, 1))) == (4, 0, 2, 3, 1)


@pytest.mark.parametrize(
    ("counts", "normalized", "plain", "superior"),
    [
        ((34, 54, 31 + 32, 64, 75), "57.94", "55.58", "100.00"),
        ((332, 433, 457 + 41, 333, 334), "-9.17", "-8.64", "5.05"),
        ((7895, 8757, 5485 + 200, 568, 9999), "-19.01", "-21.04", "0.00"),
    ],
)
def test_what_fastchess_prints(counts: tuple[int, ...], normalized: str, plain: str, superior: str) -> None:
    """The pentanomial examples in the tests of fastchess, to the printed digit."""
    pairs = expand(counts)
    assert f"{normalized_elo(pairs):.2f}" == normalized
    assert f"{elo(sum(pairs) / len(pairs)):.2f}" == plain
    assert f"{100 * likelihood_of_superiority(pairs):.2f}" == superior


@pytest.mark.parametrize(
    ("counts", "elo0", "elo1", "llr"),
    [
        ((223, 9863, 20279 + 1000, 10037, 246), 0.5, 2.5, "-3.07"),
        ((871, 26175, 55003 + 980, 26678, 821), 0, 2, "-4.98"),
    ],
)
def test_fastchess_s_logistic_sprt(counts: tuple[int, ...], elo0: float, elo1: float, llr: str) -> None:
    test = sprt(expand(counts), elo0, elo1)
    assert f"{test.llr:.2f}" == llr
    assert test.decision == "reject"


def test_sprt_of_coins_is_wald_s() -> None:
    """If every pair is won or lost as a whole, only one distribution has the mean s, and the ratio is binomial."""
    s0, s1 = expected_score(-20), expected_score(60)
    test = sprt(expand((30, 0, 0, 0, 50)), -20, 60)
    assert test.llr == pytest.approx(50 * math.log(s1 / s0) + 30 * math.log((1 - s1) / (1 - s0)), abs=1e-3)
    assert (test.lower, test.upper) == pytest.approx((-math.log(19), math.log(19)))
    assert sprt([0.5], 0, 5, alpha=0.1, beta=0.2)[1:3] == pytest.approx((math.log(0.2 / 0.9), math.log(8)))


def test_sprt_against_a_search_over_all_distributions() -> None:
    """The likeliest distribution of a given mean, found by walking along the mean's own plane."""
    counts = np.array([3.0, 7, 12, 9, 5])
    best = []
    for difference in (-10, 40):
        s = expected_score(difference)
        free = np.linalg.svd(np.stack((np.ones(5), HALVES)))[2][2:]  # directions that change neither sum nor mean
        p = independent(s, 0.0) + np.array([0, 0.1, -0.2, 0.1, 0])  # one such distribution without zeros
        for _ in range(200):  # Newton's method with halving steps
            gradient, hessian = free @ (counts / p), -(free * (counts / p**2)) @ free.T
            step = -np.linalg.solve(hessian, gradient) @ free
            while (p + step <= 0).any():
                step /= 2
            p = p + step
        assert (p.sum(), HALVES @ p) == pytest.approx((1, s))
        best.append(counts @ np.log(p))
    assert sprt(expand((3, 7, 12, 9, 5)), -10, 40).llr == pytest.approx(best[1] - best[0], abs=1e-9)


def test_sprt_decides_as_often_wrongly_as_it_may() -> None:
    """Under either hypothesis, 400 matches tested every 10 pairs: at most 5% wrong plus 2.2 standard errors."""
    rng = np.random.default_rng(4)
    for difference, wrong in ((0, "accept"), (80, "reject")):
        score = expected_score(difference)
        ends = []
        for _ in range(400):
            pairs: list[float] = []
            decision = None
            while decision is None:
                pairs += rng.choice(HALVES, size=10, p=independent(score - 0.25, 0.5)).tolist()
                decision = sprt(pairs, 0, 80).decision
            ends.append(decision)
        assert ends.count(wrong) / 400 <= 0.074


@pytest.mark.parametrize("score", [0.0, 0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("count", [1, 2, 3, 100, 2001])
def test_pairs_all_alike_give_a_bound(score: float, count: int) -> None:
    pairs = [score] * count
    superior, normalized, test = likelihood_of_superiority(pairs), normalized_elo(pairs), sprt(pairs, 0, 10)
    assert 0 <= superior <= 1
    assert all(map(math.isfinite, (superior, normalized, test.llr)))
    sign = np.sign(score - 0.5)
    assert (np.sign(superior - 0.5), np.sign(normalized)) == (sign, sign)
    if count <= 3:  # little is known, so nothing is decided
        assert 0.002 < superior < 0.998
        assert test.decision is None


def test_of_few_pairs_worked_out() -> None:
    # 1 and ½: mean ¾, σ² = 1/16; (¼) / √(1/32) = √2; Φ(√2) = 0.921350.
    assert likelihood_of_superiority([1, 0.5]) == pytest.approx(0.921350, abs=1e-6)
    # and ¼ / √(1/8) · 347.4356 = 245.674.
    assert normalized_elo([1, 0.5]) == pytest.approx(0.25 / math.sqrt(1 / 8) * 347.4355855)
    # Pairs that are all drawn have no variance; with the pseudo pair the mean is still ½.
    assert (likelihood_of_superiority([0.5] * 9), normalized_elo([0.5] * 9)) == (0.5, 0)
    # Two games repeated a hundred times count as two: σ² / 2 instead of σ² / 200.
    assert likelihood_of_superiority([1, 0.5] * 100, distinct=0.01) == pytest.approx(0.921350, abs=1e-6)
    assert sprt([1, 0.5] * 100, 0, 10, distinct=0.01).llr == pytest.approx(sprt([1, 0.5] * 100, 0, 10).llr / 100)
    for figure in (likelihood_of_superiority, normalized_elo):
        with pytest.raises(ValueError, match="at least one pair of games, got none"):
            figure([])


@pytest.mark.parametrize("bounds", [(10, 0), (5, 5), (-2000, 0), (0, 1201), (math.nan, 0), (0, math.inf)])
def test_sprt_of_no_question(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="elo0 and elo1 must be within ±1200, the lower first, got "):
        sprt([0.5], *bounds)
