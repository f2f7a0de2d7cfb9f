"""From scores to Elo, with honest intervals: pure functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Z = 1.959963984540054  # the normal quantile of a two-sided 95 % interval
BOUND = 1200.0  # Elo differences are cut off here: score 0.999; no match of ours could tell more


class Interval(NamedTuple):
    low: float
    high: float


def elo(score: float) -> float:
    """The Elo difference 400 · log₁₀(s / (1 − s)) of an expected score s in [0, 1], Elo (1978), cut off at ±BOUND."""
    if not 0 <= score <= 1:
        raise ValueError(f"score {score} is not between 0 and 1")
    if score in (0, 1):
        return BOUND if score else -BOUND
    return max(-BOUND, min(BOUND, 400 * math.log10(score / (1 - score))))


def expected_score(difference: float) -> float:
    """The inverse of `elo`: 1 / (1 + 10^(−d / 400))."""
    return 1 / (1 + 10 ** (-difference / 400))


def effective_games(pairs: Sequence[float]) -> float:
    """How many independent won-or-lost games would tell the score as well as these pairs do.

    pairs: [P] the mean score of each pair of games, of one opening with colours swapped, in [0, 1].

    A mean of n won-or-lost games has variance s(1 − s)/n; the mean of P pairs has σ²/P. Equal where

        n = P · s(1 − s) / σ²

    More than 2P when there are draws or when an opening favours one colour: then pairs vary less than coin flips.
    s and σ² are taken with one pseudo pair of two fair coin flips added (scores 0, ½, 1 with weights ¼, ½, ¼),
    so that pairs that are all alike, all wins or all draws, leave a finite n.
    """
    if not pairs:
        raise ValueError("no pair of games, no score")
    count = len(pairs) + 1
    mean = (math.fsum(pairs) + 0.5) / count
    square = (math.fsum(pair * pair for pair in pairs) + 0.375) / count  # ¼ · 0² + ½ · ½² + ¼ · 1²
    return count * mean * (1 - mean) / (square - mean * mean)


def wilson(score: float, games: float, z: float = Z) -> Interval:
    """The interval of a share s out of n, Wilson (1927): all p with |s − p| ≤ z √(p(1 − p)/n)."""
    shrink = 1 + z * z / games
    centre = (score + z * z / (2 * games)) / shrink
    half = z * math.sqrt(score * (1 - score) / games + z * z / (4 * games * games)) / shrink
    return Interval(min(score, max(0.0, centre - half)), max(score, min(1.0, centre + half)))


def student(freedom: int) -> float:
    """Student's t for a two-sided 95 % interval: z and two terms of Fisher and Cornish (1960), 1 % low at 5."""
    first = (Z**3 + Z) / (4 * freedom)
    return Z + first + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * freedom**2)


def score_interval(pairs: Sequence[float], distinct: float = 1.0) -> Interval:
    """The 95 % interval of a score, from the pairs' scores [P]: Wilson's, for the effective number of games.

    As their variance is itself estimated from P pairs and the pseudo pair, t with P degrees of freedom replaces z.

    distinct: the share of games that differ from all others. A game played twice tells nothing new, so that a
        hundred copies of two games weigh as much as the two.
    """
    return wilson(math.fsum(pairs) / len(pairs), max(1.0, effective_games(pairs) * distinct), student(len(pairs)))
