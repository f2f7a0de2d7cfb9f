"""The games of a ladder as arrays, and the fit of ratings to them. model.py explains the model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chesspg.arena.elo import BOUND, effective_games, student

LOGIT = 400 / math.log(10)  # Elo per natural logit
ANCHOR = "random"  # the player whose rating is 0
TOLERANCE = 0.02 / LOGIT  # accuracy of the ends of an interval, in logits

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Meeting(NamedTuple):
    """The games of two players. A pair is one opening played twice, seats swapped."""

    a: str
    b: str
    pairs: Sequence[float]  # [P] A's mean score in each pair of games, in [0, 1]
    distinct: float = 1.0  # fraction of the games that are distinct; a repeated game adds no information


class Rating(NamedTuple):
    """A rating in Elo with its 95% interval, which covers the sampling error of the games against these opponents."""

    rating: float
    low: float
    high: float


class Pairings:
    """M pairings of K players as arrays. Ratings are in logits.

    Args:
        meetings: The games; those of the same two players are merged.
        players: Players in addition to those of the games, first in the order.

    Raises:
        ValueError: A player has met itself.
    """

    def __init__(self, meetings: Iterable[Meeting], players: Iterable[str] = ()) -> None:
        met = merged(meetings)
        self.players = list(dict.fromkeys([*players, *(player for meeting in met for player in meeting[:2])]))
        number = {player: k for k, player in enumerate(self.players)}
        self.pairings = [(number[meeting.a], number[meeting.b]) for meeting in met]
        self.x = np.zeros((len(met), len(self.players)))  # [M, K] 1 for A, −1 for B
        for row, (a, b) in zip(self.x, self.pairings, strict=True):
            row[a], row[b] = 1, -1
        self.fixed: Mapping[str, Rating] = {}
        self.still = np.zeros(len(self.players), bool)  # [K] whether the rating stays as it is
        self.halves = np.zeros(len(self.players))  # [K] half widths of the intervals of these ratings, else 0
        pairs = np.array([len(meeting.pairs) for meeting in met], dtype=float)
        self.pairs = pairs  # [M] number of pairs of games
        self.n = 2 * pairs * [meeting.distinct for meeting in met]  # [M] number of distinct games
        self.score = np.array([math.fsum(meeting.pairs) for meeting in met]) / pairs  # [M] A's mean score
        # [M] variance of a pair's score, divided by the variance s(1 − s)/2 of two games without draws
        self.phi = np.array([2 * (len(meeting.pairs) + 1) / effective_games(meeting.pairs) for meeting in met])

    def scale(self, anchor: str | None, fixed: Mapping[str, Rating] | None) -> Mapping[str, Rating]:
        """Set the ratings that stay as they are and define the scale.

        Args:
            anchor: The player whose rating is 0 if nothing is fixed; by default `random`, or else the first player.
            fixed: Ratings that stay.

        Returns:
            The ratings that stay.
        """
        first = ANCHOR if ANCHOR in self.players else self.players[0]
        self.fixed = fixed or {first if anchor is None else anchor: Rating(0.0, 0.0, 0.0)}
        self.still = np.array([player in self.fixed for player in self.players])
        known = [with_interval(self.fixed.get(player, 0.0)) for player in self.players]
        self.halves = np.array([half_width(rating) for rating in known])
        return self.fixed

    def start(self) -> Floats:
        """shape [K] ratings to start a fit from: those that stay, and their mean for all others."""
        theta = np.array([self.fixed[player].rating if player in self.fixed else 0.0 for player in self.players])
        theta[~self.still] = theta[self.still].mean()
        return theta / LOGIT

    def connected(self, origin: Bools) -> Bools:
        """shape [K] whether games connect a player with any of `origin` [K]."""
        reached = origin
        while True:
            touched = (np.abs(self.x) @ reached) > 0  # [M]
            grown = reached | ((np.abs(self.x).T @ touched) > 0)
            if np.array_equal(grown, reached):
                return reached
            reached = grown

    def fit(self, theta: Floats, free: Bools) -> Floats:
        """shape [K] the ratings at the maximum of the corrected likelihood, by Newton's method.

        Args:
            theta: [K] ratings to start from.
            free: [K] which ratings are fitted; the others stay.

        Returns:
            The ratings.
        """
        theta = theta.copy()
        x, n = self.x[:, free], self.n
        used = (x != 0).any(axis=1)
        x, n, score = x[used], n[used], self.score[used]
        for _ in range(200 if free.any() else 0):
            s, variance = expected(self.x[used] @ theta)
            weight = n * variance
            spread = np.linalg.inv((x.T * weight) @ x)
            h = weight * np.einsum("mi,ij,mj->m", x, spread, x)  # leverages, whose sum is the number of free ratings
            gradient = x.T @ (n * (score - s) + h * (0.5 - s))
            step = np.linalg.solve((x.T * ((n + h) * variance)) @ x, gradient)
            step /= max(1.0, np.abs(step).max() / 2)
            theta[free] += step
            if np.abs(step).max() < 1e-7:
                break
        return theta

    def interval(self, theta: Floats, free: Bools, i: int) -> Rating:
        """The rating of one player with its interval: all values that the score test accepts.

        Args:
            theta: [K] fitted ratings.
            free: [K] which of them were fitted.
            i: Index of the player.

        Returns:
            The rating, in Elo.
        """
        mine = self.x[:, i] != 0
        t = student(int(self.pairs[mine].sum()))
        others = free & (np.arange(len(free)) != i)
        row = int(np.flatnonzero(free).tolist().index(i))
        met = theta[(self.x[mine] != 0).any(axis=0) & (np.arange(len(free)) != i)]

        def error(theta: Floats) -> tuple[float, float]:
            """How far the games would move the rating, and how much of that may be due to chance."""
            s, variance = expected(self.x @ theta)
            weight = self.n * variance
            x = self.x[:, free]
            spread = np.linalg.inv((x.T * weight) @ x)[row]
            shift = spread @ (x.T @ (self.n * (self.score - s)))
            deviation = np.sqrt(np.square(x @ spread) @ (weight * self.phi))
            carried = np.abs((x @ spread * weight) @ self.x) @ self.halves  # Σ |gₖ| hₖ, from the fixed ratings
            return float(shift), math.hypot(t * deviation, carried)

        def end(sign: int) -> float:
            """One end of the interval, by secants, or by bisection when a secant leaves the bracket."""
            # The test accepts `kept` and rejects `lost`, or `lost` is the bound.
            kept = last = float(theta[i])
            lost = sign * max(sign * kept, (sign * met).max() + BOUND / LOGIT)
            shift, chance = error(theta)
            excess = abs(shift) - chance  # positive where the test rejects
            at, value = theta, kept + sign * chance
            while abs(lost - kept) > TOLERANCE and abs(value - last) > TOLERANCE:
                if not min(kept, lost) < value < max(kept, lost):
                    value = (kept + lost) / 2
                at = at.copy()
                at[i] = value
                at = self.fit(at, others)
                shift, chance = error(at)
                before, excess = excess, abs(shift) - chance
                kept, lost = (value, lost) if excess <= 0 else (kept, value)
                slope = (excess - before) / (value - last)
                last, value = value, value - excess / slope if slope else lost
            return float(lost if abs(lost - kept) <= TOLERANCE else value)

        return Rating(float(theta[i]) * LOGIT, end(-1) * LOGIT, end(1) * LOGIT)


def merged(meetings: Iterable[Meeting]) -> list[Meeting]:
    """Merge the games of the same two players, in the order in which the players first met.

    Args:
        meetings: The games; meetings without games are left out.

    Returns:
        One meeting per pairing.

    Raises:
        ValueError: A player has met itself.
    """
    found: dict[tuple[str, str], list[Meeting]] = {}
    for meeting in meetings:
        if meeting.a == meeting.b:
            raise ValueError(f"a meeting must be of two different players, got {meeting.a} against itself")
        if not meeting.pairs:
            continue
        a, b, pairs, distinct = meeting
        if (b, a) in found:
            a, b, pairs = b, a, [1 - pair for pair in pairs]
        found.setdefault((a, b), []).append(Meeting(a, b, pairs, distinct))
    merged = []
    for (a, b), parts in found.items():
        pairs = [pair for part in parts for pair in part.pairs]
        distinct = math.fsum(part.distinct * len(part.pairs) for part in parts) / len(pairs)
        merged.append(Meeting(a, b, pairs, distinct))
    return merged


def with_interval(rating: float | Rating) -> Rating:
    """A rating with an interval, which is empty for a plain number."""
    return rating if isinstance(rating, Rating) else Rating(rating, rating, rating)


def half_width(rating: Rating) -> float:
    """Half the width of an interval, in logits."""
    return (rating.high - rating.low) / 2 / LOGIT


def expected(d: Floats) -> tuple[Floats, Floats]:
    """shapes [M], [M] expected scores s of rating differences in logits, and s(1 − s)."""
    return (1 + np.tanh(d / 2)) / 2, 1 / (4 * np.cosh(d / 2) ** 2)
