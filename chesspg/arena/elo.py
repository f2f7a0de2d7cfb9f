"""Elo differences, their intervals and sequential tests from the scores of games: pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal, NamedTuple

Z = NormalDist().inv_cdf(0.975)  # normal quantile of a two-sided 95% interval
BOUND = 1200.0  # Elo differences are limited to ±BOUND, a score of 0.999: no match here is long enough to show more
FEW = 10  # from this many degrees of freedom on, an expansion of Student's t is accurate to 0.2%
SCORES = (0.0, 0.25, 0.5, 0.75, 1.0)  # possible mean scores of a pair of games

Pentanomial = tuple[int, int, int, int, int]


class Interval(NamedTuple):
    low: float
    high: float


class Sprt(NamedTuple):
    """State of a sequential probability ratio test."""

    llr: float  # log(likelihood of H1 / likelihood of H0)
    lower: float  # H0 is accepted when llr is at most this
    upper: float  # H1 is accepted when llr is at least this
    decision: Literal["accept", "reject"] | None  # about H1; None while undecided


def elo(score: float) -> float:
    """The Elo difference of an expected score s, 400 · log₁₀(s / (1 − s)), limited to ±BOUND.

    Source: Elo, The Rating of Chessplayers (1978).

    Args:
        score: s, in [0, 1].

    Returns:
        The difference in Elo.

    Raises:
        ValueError: The score is not in [0, 1].
    """
    if not 0 <= score <= 1:
        raise ValueError(f"a score must be between 0 and 1, got {score}")
    if score in (0, 1):
        return BOUND if score else -BOUND
    return max(-BOUND, min(BOUND, 400 * math.log10(score / (1 - score))))


def expected_score(difference: float) -> float:
    """The inverse of `elo`: 1 / (1 + 10^(−d / 400))."""
    return 1 / (1 + 10 ** (-difference / 400))


def effective_games(pairs: Sequence[float]) -> float:
    """The number n of independent games without draws that would determine the score as precisely as these pairs do.

    The mean of n games without draws has variance s(1 − s)/n, the mean of P pairs has σ²/P. They are equal for

        n = P · s(1 − s) / σ²

    n exceeds 2P when there are draws or when an opening favors one color, because pairs then vary less than coin flips.
    For s and σ² a pseudo pair of two fair coin flips is added (scores 0, ½, 1 with weights ¼, ½, ¼), which keeps n
    finite when all pairs have the same score.

    Args:
        pairs: [P] mean score of each pair of games, in [0, 1]. A pair is one opening played twice, seats swapped.

    Returns:
        n.

    Raises:
        ValueError: There are no pairs.
    """
    mean, variance = _moments(pairs, pseudo=1)
    return (len(pairs) + 1) * mean * (1 - mean) / variance


def wilson(score: float, games: float, z: float = Z) -> Interval:
    """Wilson's (1927) interval of a fraction s of n games: all p in [0, 1] with |s − p| ≤ z √(p(1 − p)/n).

    Args:
        score: s, in [0, 1].
        games: n, not necessarily a whole number.
        z: The quantile; 95% by default.

    Returns:
        The interval, which contains s.
    """
    shrink = 1 + z * z / games
    center = (score + z * z / (2 * games)) / shrink
    half = z * math.sqrt(score * (1 - score) / games + z * z / (4 * games * games)) / shrink
    return Interval(min(score, max(0.0, center - half)), max(score, min(1.0, center + half)))  # despite rounding


def student(freedom: int) -> float:
    """Student's t for a two-sided 95% interval: exact below FEW, then z plus two terms of Fisher and Cornish (1960).

    The standard library has no Student's t, and scipy would add 100 MB of dependencies for this one number.

    Args:
        freedom: Degrees of freedom, at least 1.

    Returns:
        The quantile.
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
    """The 95% interval of a score: Wilson's for the effective number of games, and therefore within [0, 1].

    The variance of the pairs is itself estimated, from P pairs and the pseudo pair, so t with P degrees of freedom
    replaces z.

    Args:
        pairs: [P] mean score of each pair.
        distinct: Fraction of the games that are distinct. A repeated game adds no information: a hundred copies of
            two games count as two games.

    Returns:
        The interval, which contains the score.
    """
    return wilson(math.fsum(pairs) / len(pairs), max(1.0, effective_games(pairs) * distinct), student(len(pairs)))


def mean_score_interval(scores: Sequence[float], games: float) -> Interval:
    """The 95% interval of the mean m of several players' scores, for example of runs with different seeds.

    It is Wilson's interval with Student's t, for the number n of games without draws whose mean is as uncertain as the
    mean of K scores with variance s²:

        n = m(1 − m) / (s² / K)

    For scores that differ little this is m ± t s/√K. If all scores are equal, for example because every run won every
    game, it is Wilson's interval for the games of all players together.

    Args:
        scores: [K] scores of the players, in [0, 1], with K at least 2.
        games: Number of games each player played.

    Returns:
        The interval, which lies within [0, 1] and contains the mean.
    """
    count = len(scores)
    mean = math.fsum(scores) / count
    variance = math.fsum((score - mean) ** 2 for score in scores) / (count - 1) / count
    if variance == 0 or min(scores) == max(scores):  # the mean of equal scores may be rounded
        return wilson(scores[0], count * games)
    return wilson(mean, mean * (1 - mean) / variance, student(count - 1))


def pentanomial(pairs: Sequence[float]) -> Pentanomial:
    """shape [5] how many of the pairs [P] scored 0, ½, 1, 1½ and 2 points in their two games."""
    n0, n1, n2, n3, n4 = (sum(pair == score for pair in pairs) for score in SCORES)
    return n0, n1, n2, n3, n4


def sprt(
    pairs: Sequence[float], elo0: float, elo1: float, alpha: float = 0.05, beta: float = 0.05, distinct: float = 1.0
) -> Sprt:
    """The generalized sequential probability ratio test of Fishtest and fastchess.

    H1 says that A is elo1 stronger than B, H0 that it is elo0 stronger. With n the pentanomial counts (0.001 in place
    of 0), N = Σ nᵢ, p̂ = n / N and a the possible scores of a pair,

        LLR = Σ nᵢ log(p¹ᵢ / p⁰ᵢ),    pʰᵢ = p̂ᵢ / (1 + θ (aᵢ − sₕ)),    sₕ = 1 / (1 + 10^(−eloₕ / 400))

    where θ solves Σ p̂ᵢ (aᵢ − sₕ) / (1 + θ (aᵢ − sₕ)) = 0: pʰ is the most likely distribution with mean sₕ.
    The bounds log(β / (1 − α)) and log((1 − β) / α) are Wald's (1945).
    Source: Van den Bergh, Comments on Normalized Elo (cantate.be/Fishtest), proposition 1.1.

    Args:
        pairs: [P] mean score of each pair.
        elo0: Elo difference under H0.
        elo1: Elo difference under H1.
        alpha: Largest probability of accepting H1 although H0 holds.
        beta: Largest probability of rejecting H1 although it holds.
        distinct: Fraction of the games that are distinct, as for `score_interval`.

    Returns:
        The state of the test after these pairs.

    Raises:
        ValueError: elo0 is not below elo1, or one of them is not within ±BOUND.
    """
    if not -BOUND <= elo0 < elo1 <= BOUND:
        raise ValueError(f"elo0 and elo1 must be within ±{BOUND:g}, the lower first, got {elo0:g} and {elo1:g}")
    counts = [count or 1e-3 for count in pentanomial(pairs)]
    p0, p1 = (_likeliest(counts, expected_score(difference)) for difference in (elo0, elo1))
    llr = distinct * math.fsum(n * math.log(b / a) for n, a, b in zip(counts, p0, p1, strict=True))
    lower, upper = math.log(beta / (1 - alpha)), math.log((1 - beta) / alpha)
    return Sprt(llr, lower, upper, "accept" if llr >= upper else "reject" if llr <= lower else None)


def likelihood_of_superiority(pairs: Sequence[float], distinct: float = 1.0) -> float:
    """The probability that A is the stronger player, Φ((s − ½) / √(σ² / P)), as in fastchess.

    This is a normal approximation; for few pairs or scores near 0 or 1 `score_interval` is more reliable. If all pairs
    have the same score, the pseudo pair of `effective_games` is added.

    Args:
        pairs: [P] mean score of each pair.
        distinct: Fraction of the games that are distinct, as for `score_interval`.

    Returns:
        The probability.

    Raises:
        ValueError: There are no pairs.
    """
    mean, variance = _moments(pairs, pseudo=int(len(set(pairs)) == 1))
    return NormalDist(0.5, math.sqrt(variance / (len(pairs) * distinct))).cdf(mean)


def normalized_elo(pairs: Sequence[float]) -> float:
    """The distance of the score from ½ in standard deviations of one game, (s − ½) / √(2σ²), times 800 / ln 10.

    It alone determines how many games show which player is stronger, whatever the fraction of draws. If all pairs have
    the same score, the pseudo pair of `effective_games` is added.
    Source: Van den Bergh, Normalized Elo (cantate.be/Fishtest), and fastchess.

    Args:
        pairs: [P] mean score of each pair.

    Returns:
        The normalized Elo difference.

    Raises:
        ValueError: There are no pairs.
    """
    mean, variance = _moments(pairs, pseudo=int(len(set(pairs)) == 1))
    return (mean - 0.5) / math.sqrt(2 * variance) * 800 / math.log(10)


def _moments(pairs: Sequence[float], pseudo: int) -> tuple[float, float]:
    """Mean and variance of the scores of the pairs [P] and `pseudo` more pairs of two fair coin flips each."""
    if not pairs:
        raise ValueError("a score needs at least one pair of games, got none")
    count = len(pairs) + pseudo
    mean = (math.fsum(pairs) + 0.5 * pseudo) / count
    square = (math.fsum(pair * pair for pair in pairs) + 0.375 * pseudo) / count  # ¼ · 0² + ½ · ½² + ¼ · 1²
    return mean, square - mean * mean


def _likeliest(counts: Sequence[float], s: float) -> list[float]:
    """shape [5] the distribution over SCORES with mean s under which the counts [5] are most likely."""
    total = math.fsum(counts)
    low, high = -1 / (1 - s), 1 / s  # every probability is positive in between, where the sum falls from ∞ to −∞
    for _ in range(60):
        theta = (low + high) / 2
        slope = math.fsum(n * (a - s) / (1 + theta * (a - s)) for n, a in zip(counts, SCORES, strict=True))
        low, high = (theta, high) if slope > 0 else (low, theta)
    return [n / total / (1 + theta * (a - s)) for n, a in zip(counts, SCORES, strict=True)]
