"""From scores to Elo, with honest intervals: pure functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal, NamedTuple

Z = NormalDist().inv_cdf(0.975)  # of a two-sided 95% interval
BOUND = 1200.0  # Elo differences are cut off here, at a score of 0.999; no match here could show more
FEW = 10  # degrees of freedom, from which on an expansion of Student's t is good to 0.2%
SCORES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of a pair of games

Pentanomial = tuple[int, int, int, int, int]


class Interval(NamedTuple):
    low: float
    high: float


class Sprt(NamedTuple):
    """A sequential probability ratio test so far."""

    llr: float  # log of the likelihood of H1 over that of H0
    lower: float  # at or below it H0 is accepted
    upper: float  # at or above it H1 is accepted
    decision: Literal["accept", "reject"] | None  # what becomes of H1; None: undecided


def elo(score: float) -> float:
    """The Elo difference 400 · log₁₀(s / (1 − s)) of an expected score s in [0, 1], Elo (1978), cut off at ±BOUND."""
    if not 0 <= score <= 1:
        raise ValueError(f"a score must be between 0 and 1, got {score}")
    if score in (0, 1):
        return BOUND if score else -BOUND
    return max(-BOUND, min(BOUND, 400 * math.log10(score / (1 - score))))


def expected_score(difference: float) -> float:
    """The inverse of `elo`: 1 / (1 + 10^(−d / 400))."""
    return 1 / (1 + 10 ** (-difference / 400))


def effective_games(pairs: Sequence[float]) -> float:
    """How many independent won-or-lost games would determine the score as well as these pairs do.

    A mean of n won-or-lost games has variance s(1 − s)/n; the mean of P pairs has σ²/P. Equal where

        n = P · s(1 − s) / σ²

    More than 2P when there are draws or when an opening favors one color: then pairs vary less than coin flips.
    s and σ² are taken with one pseudo pair of two fair coin flips added (scores 0, ½, 1 with weights ¼, ½, ¼),
    so that pairs that are all alike, all wins or all draws, leave a finite n.

    Args:
        pairs: [P] the mean score of each pair of games, of one opening with colors swapped, in [0, 1].

    Returns:
        n.
    """
    mean, variance = _moments(pairs, pseudo=1)
    return (len(pairs) + 1) * mean * (1 - mean) / variance


def wilson(score: float, games: float, z: float = Z) -> Interval:
    """The interval of a fraction s out of n, Wilson (1927): all p with |s − p| ≤ z √(p(1 − p)/n); within [0, 1]."""
    shrink = 1 + z * z / games
    center = (score + z * z / (2 * games)) / shrink
    half = z * math.sqrt(score * (1 - score) / games + z * z / (4 * games * games)) / shrink
    return Interval(min(score, max(0.0, center - half)), max(score, min(1.0, center + half)))  # but for rounding


def student(freedom: int) -> float:
    """Student's t for a two-sided 95% interval: exact below FEW, then z and two terms of Fisher and Cornish (1960).

    Python's library has no Student's t, and scipy, which has, would be a dependency of 100 MB for this one number.
    """
    if freedom < FEW:
        low, high = 0.0, math.pi / 2
        for _ in range(60):
            theta = (low + high) / 2
            low, high = (theta, high) if _within(theta, freedom) < 0.95 else (low, theta)
        return math.sqrt(freedom) * math.tan(low)
    first = (Z**3 + Z) / (4 * freedom)
    return Z + first + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * freedom**2)


def _within(theta: float, freedom: int) -> float:
    """P(|t| ≤ √ν tan θ) for ν degrees of freedom, Abramowitz and Stegun (1964), 26.7.3 and 26.7.4."""
    odd = freedom % 2
    term, total = math.cos(theta) ** odd, 0.0
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= math.cos(theta) ** 2 * (power + 1) / (power + 2)
    share = math.sin(theta) * total
    return 2 / math.pi * (theta + share) if odd else share


def score_interval(pairs: Sequence[float], distinct: float = 1.0) -> Interval:
    """The 95% interval of a score: Wilson's, for the effective number of games, and so within [0, 1].

    As their variance is itself estimated from P pairs and the pseudo pair, t with P degrees of freedom replaces z.

    Args:
        pairs: [P] the pairs' scores.
        distinct: The fraction of games that differ from all others. A game played twice adds nothing, so that a
            hundred copies of two games weigh as much as the two.

    Returns:
        The interval, which the score lies in.
    """
    return wilson(math.fsum(pairs) / len(pairs), max(1.0, effective_games(pairs) * distinct), student(len(pairs)))


def mean_score_interval(scores: Sequence[float], games: float) -> Interval:
    """The 95% interval of the mean m of several players' scores, such as runs of several seeds; within [0, 1].

    Wilson's, with Student's t, for the number n of won-or-lost games whose mean is as uncertain as that of K scores of
    variance s²:

        n = m(1 − m) / (s² / K)

    For scores that differ little it is m ± t s/√K. If all scores are equal, as where every run won everything, it is
    Wilson's for their games.

    Args:
        scores: [K] the players' scores, in [0, 1], K being at least 2.
        games: How many games each of them played.

    Returns:
        The interval, which the mean lies in.
    """
    count = len(scores)
    mean = math.fsum(scores) / count
    variance = math.fsum((score - mean) ** 2 for score in scores) / (count - 1) / count
    if variance == 0:
        return wilson(mean, count * games)
    return wilson(mean, mean * (1 - mean) / variance, student(count - 1))


def pentanomial(pairs: Sequence[float]) -> Pentanomial:
    """How many of the pairs [P] made 0, ½, 1, 1½ and 2 points in their two games."""
    n0, n1, n2, n3, n4 = (sum(pair == score for pair in pairs) for score in SCORES)
    return n0, n1, n2, n3, n4


def sprt(
    pairs: Sequence[float], elo0: float, elo1: float, alpha: float = 0.05, beta: float = 0.05, distinct: float = 1.0
) -> Sprt:
    """The generalized SPRT of H1, A is elo1 stronger than B, against H0, elo0, as Fishtest and fastchess have it.

    With n the pentanomial counts (0.001 for a 0), N = Σ nᵢ, p̂ = n / N and a the scores of a pair,

        LLR = Σ nᵢ log(p¹ᵢ / p⁰ᵢ),    pʰᵢ = p̂ᵢ / (1 + θ (aᵢ − sₕ)),    sₕ = 1 / (1 + 10^(−eloₕ / 400))

    where θ solves Σ p̂ᵢ (aᵢ − sₕ) / (1 + θ (aᵢ − sₕ)) = 0: pʰ is the likeliest distribution of mean sₕ.
    The bounds log(β / (1 − α)) and log((1 − β) / α) are Wald's (1945).
    Source: Van den Bergh, Comments on Normalized Elo (cantate.be/Fishtest), proposition 1.1.

    Args:
        pairs: [P] the pairs' scores.
        elo0: The difference under H0.
        elo1: The difference under H1.
        alpha: The largest probability that H1 is accepted although H0 holds.
        beta: The largest probability that H1 is rejected although it holds.
        distinct: As for `score_interval`.

    Returns:
        The test so far.

    Raises:
        ValueError: Not elo0 < elo1, or one of them is not within ±BOUND.
    """
    if not -BOUND <= elo0 < elo1 <= BOUND:
        raise ValueError(f"elo0 and elo1 must be within ±{BOUND:g}, the lower first, got {elo0:g} and {elo1:g}")
    counts = [count or 1e-3 for count in pentanomial(pairs)]
    p0, p1 = (_likeliest(counts, expected_score(difference)) for difference in (elo0, elo1))
    llr = distinct * math.fsum(n * math.log(b / a) for n, a, b in zip(counts, p0, p1, strict=True))
    lower, upper = math.log(beta / (1 - alpha)), math.log((1 - beta) / alpha)
    return Sprt(llr, lower, upper, "accept" if llr >= upper else "reject" if llr <= lower else None)


def likelihood_of_superiority(pairs: Sequence[float], distinct: float = 1.0) -> float:
    """How likely it is that A is the stronger player: Φ((s − ½) / √(σ² / P)), as in fastchess.

    A normal approximation: for few or lopsided pairs `score_interval` is more reliable. If all pairs are alike, the
    pseudo pair of `effective_games` is added.

    Args:
        pairs: [P] the pairs' scores.
        distinct: As for `score_interval`.

    Returns:
        A probability.
    """
    mean, variance = _moments(pairs, pseudo=int(len(set(pairs)) == 1))
    return NormalDist(0.5, math.sqrt(variance / (len(pairs) * distinct))).cdf(mean)


def normalized_elo(pairs: Sequence[float]) -> float:
    """The score's distance from ½ in standard deviations of a game, (s − ½) / √(2σ²), times 800 / ln 10.

    How many games it takes to tell the players apart depends on it alone, whatever the share of draws. If all
    pairs are alike, the pseudo pair of `effective_games` is added.
    Source: Van den Bergh, Normalized Elo (cantate.be/Fishtest), and fastchess.
    """
    mean, variance = _moments(pairs, pseudo=int(len(set(pairs)) == 1))
    return (mean - 0.5) / math.sqrt(2 * variance) * 800 / math.log(10)


def _moments(pairs: Sequence[float], pseudo: int) -> tuple[float, float]:
    """Mean and variance of the pairs' scores [P], with `pseudo` pairs of scores (0, ½, ½, 1) / 4 added."""
    if not pairs:
        raise ValueError("a score needs at least one pair of games, got no pair")
    count = len(pairs) + pseudo
    mean = (math.fsum(pairs) + 0.5 * pseudo) / count
    square = (math.fsum(pair * pair for pair in pairs) + 0.375 * pseudo) / count  # ¼ · 0² + ½ · ½² + ¼ · 1²
    return mean, square - mean * mean


def _likeliest(counts: Sequence[float], s: float) -> list[float]:
    """Of all distributions over SCORES with mean s, the one under which the counts are likeliest."""
    total = math.fsum(counts)
    low, high = -1 / (1 - s), 1 / s  # where every probability is positive; the sum falls from ∞ to −∞ in between
    for _ in range(60):
        theta = (low + high) / 2
        slope = math.fsum(n * (a - s) / (1 + theta * (a - s)) for n, a in zip(counts, SCORES, strict=True))
        low, high = (theta, high) if slope > 0 else (low, theta)
    return [n / total / (1 + theta * (a - s)) for n, a in zip(counts, SCORES, strict=True)]
