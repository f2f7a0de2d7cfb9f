"""Who met whom and how it went, as arrays, and the fit of ratings to them. The model is explained in model.py."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chesspg.arena.elo import BOUND, effective_games, student

LOGIT = 400 / math.log(10)  # Elo in one natural logit
ANCHOR = "random"  # whose rating is 0
TOLERANCE = 0.02 / LOGIT  # of an interval's ends

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Meeting(NamedTuple):
    """The games of two players. Colors are swapped within a pair, on one opening."""

    a: str
    b: str
    pairs: Sequence[float]  # [P] A's mean score in each pair of games, in [0, 1]
    distinct: float = 1.0  # the share of games that differ from all others; a game played twice adds nothing


class Rating(NamedTuple):
    """In Elo, with its 95% interval: the sampling error of the games, given whom they were played against."""

    rating: float
    low: float
    high: float


class Pairings:
    """M pairings of K players as arrays; ratings are in logits."""

    def __init__(self, meetings: Iterable[Meeting], players: Iterable[str] = ()) -> None:
        met = merged(meetings)
        self.players = list(dict.fromkeys([*players, *(player for meeting in met for player in meeting[:2])]))
        number = {player: k for k, player in enumerate(self.players)}
        self.pairings = [(number[meeting.a], number[meeting.b]) for meeting in met]
        self.x = np.zeros((len(met), len(self.players)))  # [M, K] 1 for A, −1 for B
        for row, (a, b) in zip(self.x, self.pairings, strict=True):
            row[a], row[b] = 1, -1
        self.fixed: Mapping[str, Rating] = {}
        self.still = np.zeros(len(self.players), bool)  # [K] whose rating stays as it is
        self.halves = np.zeros(len(self.players))  # [K] half widths of the intervals of those ratings
        pairs = np.array([len(meeting.pairs) for meeting in met], dtype=float)
        self.pairs = pairs  # [M]
        self.n = 2 * pairs * [meeting.distinct for meeting in met]  # [M] games, repeated ones once
        self.score = np.array([math.fsum(meeting.pairs) for meeting in met]) / pairs  # [M] A's
        # [M] the variance of a pair in units of that of two coin flips, s(1 − s)/2
        self.phi = np.array([2 * (len(meeting.pairs) + 1) / effective_games(meeting.pairs) for meeting in met])

    def scale(self, anchor: str | None, fixed: Mapping[str, Rating] | None) -> Mapping[str, Rating]:
        """Set whose ratings stay: those that are fixed, or the anchor's, which is 0. Returns them."""
        first = ANCHOR if ANCHOR in self.players else self.players[0]
        self.fixed = fixed or {first if anchor is None else anchor: Rating(0.0, 0.0, 0.0)}
        self.still = np.array([player in self.fixed for player in self.players])
        known = [with_interval(self.fixed.get(player, 0.0)) for player in self.players]
        self.halves = np.array([half_width(rating) for rating in known])
        return self.fixed

    def start(self) -> Floats:
        """[K] ratings from which to fit: those that stay, and for the others their mean."""
        theta = np.array([self.fixed[player].rating if player in self.fixed else 0.0 for player in self.players])
        theta[~self.still] = theta[self.still].mean()
        return theta / LOGIT

    def connected(self, origin: Bools) -> Bools:
        """[K] whom games connect with any of `origin` [K]."""
        reached = origin
        while True:
            touched = (np.abs(self.x) @ reached) > 0  # [M]
            grown = reached | ((np.abs(self.x).T @ touched) > 0)
            if np.array_equal(grown, reached):
                return reached
            reached = grown

    def fit(self, theta: Floats, free: Bools) -> Floats:
        """[K] ratings at the maximum of the corrected likelihood, by Newton's method; the others keep theirs."""
        theta = theta.copy()
        x, n = self.x[:, free], self.n
        used = (x != 0).any(axis=1)
        x, n, score = x[used], n[used], self.score[used]
        for _ in range(200 if free.any() else 0):
            s, variance = expected(self.x[used] @ theta)
            weight = n * variance
            spread = np.linalg.inv((x.T * weight) @ x)
            h = weight * np.einsum("mi,ij,mj->m", x, spread, x)  # leverages; their sum is the number of free ratings
            gradient = x.T @ (n * (score - s) + h * (0.5 - s))
            step = np.linalg.solve((x.T * ((n + h) * variance)) @ x, gradient)
            step /= max(1.0, np.abs(step).max() / 2)
            theta[free] += step
            if np.abs(step).max() < 1e-7:
                break
        return theta

    def interval(self, theta: Floats, free: Bools, i: int) -> Rating:
        """The rating of player i at the fit `theta`, and all its values that the score test keeps."""
        mine = self.x[:, i] != 0
        t = student(int(self.pairs[mine].sum()))
        others = free & (np.arange(len(free)) != i)
        row = int(np.flatnonzero(free).tolist().index(i))
        met = theta[(self.x[mine] != 0).any(axis=0) & (np.arange(len(free)) != i)]

        def error(theta: Floats) -> tuple[float, float]:
            """By how much the games would move the rating, and how much of that may be chance."""
            s, variance = expected(self.x @ theta)
            weight = self.n * variance
            x = self.x[:, free]
            spread = np.linalg.inv((x.T * weight) @ x)[row]
            shift = spread @ (x.T @ (self.n * (self.score - s)))
            deviation = np.sqrt(np.square(x @ spread) @ (weight * self.phi))
            lean = np.abs((x @ spread * weight) @ self.x) @ self.halves
            return float(shift), math.hypot(t * deviation, lean)

        def end(sign: int) -> float:
            """By secants, and by halves where those leave what is known; the test keeps no value beyond the end."""
            kept = last = float(theta[i])
            lost = sign * max(sign * kept, (sign * met).max() + BOUND / LOGIT)
            shift, chance = error(theta)
            excess = abs(shift) - chance  # above 0 where the test rejects
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
    """One meeting per pairing, in the order of their first games; meetings without games are left out."""
    found: dict[tuple[str, str], list[Meeting]] = {}
    for meeting in meetings:
        if meeting.a == meeting.b:
            raise ValueError(f"{meeting.a} against itself says nothing about its rating")
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
    return rating if isinstance(rating, Rating) else Rating(rating, rating, rating)


def half_width(rating: Rating) -> float:
    """Half the width of an interval, in logits."""
    return (rating.high - rating.low) / 2 / LOGIT


def expected(d: Floats) -> tuple[Floats, Floats]:
    """[M] the expected scores s of differences in logits, and s(1 − s)."""
    return (1 + np.tanh(d / 2)) / 2, 1 / (4 * np.cosh(d / 2) ** 2)
