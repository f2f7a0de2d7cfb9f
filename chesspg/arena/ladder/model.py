"""A ladder: from who met whom and how it went to ratings with intervals, and to who should meet next. Pure functions.

The model is Bradley and Terry's with Davidson's draws (1970), ν fixed at 2. With d the difference of two ratings,

    s = 1 / (1 + 10^(−d / 400)),    P(win) = s²,    P(draw) = 2s(1 − s),    P(loss) = (1 − s)²

ν is 2 because there, and only there, the expected score is Elo's own curve s: a rating difference means the same here
as in a match, and the estimate depends on scores alone (its maximum is where each player's expected score equals the
one it made). A ν fitted to all would follow who happens to meet, and the scale with it: 85% of the games of two random
movers are drawn, 5% of others (docs/ladder.md). And so the likelihood's curvature gives no intervals;
they come from how much pairs of games vary, so that draws and colour-swapped openings count for what they are worth.

There is no term for the first mover's advantage: each opening is played with both colours, and to first order that
cancels it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chesspg.arena.elo import BOUND, Z, effective_games, score_interval, student
from chesspg.storage.shipped import shipped_files

LOGIT = 400 / math.log(10)  # Elo in one natural logit
ANCHOR = "random"  # whose rating is 0
INTERVAL = "A 95% interval is the sampling error of these games; against other opponents the rating may differ by more."
PRIOR = 800 / LOGIT  # how far a player that has met nobody may be from the others, in planning only
TOLERANCE = 0.02 / LOGIT  # of an interval's ends

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Meeting(NamedTuple):
    """The games of two players. Colours are swapped within a pair, on one opening."""

    a: str
    b: str
    pairs: Sequence[float]  # [P] A's mean score in each pair of games, in [0, 1]
    distinct: float = 1.0  # the share of games that differ from all others; a game played twice tells nothing new


class Rating(NamedTuple):
    """In Elo, with its 95% interval: the sampling error of the games, given whom they were played against."""

    rating: float
    low: float
    high: float


def rate(
    meetings: Iterable[Meeting],
    anchor: str | None = None,
    wanted: Collection[str] | None = None,
    fixed: Mapping[str, Rating] | None = None,
) -> dict[str, Rating]:
    """The rating of every player whom games connect with the scale.

    The estimate is the likelihood's maximum with Firth's (1993) correction, which adds half a win and half a loss a
    free rating, where the information is; for two players it is 400 log₁₀((W + ½)/(L + ½)), finite whoever won all.
    The interval of a rating is all values that a score test keeps: the others are fitted to the value, and the player's
    score must lie within t standard errors, of variance as of its pairs, of the expected. For two players it is
    Wilson's, as in `ratings.score_interval`. An end is never more than 1200 Elo beyond all opponents: a bound, which
    says that nothing is known beyond.

    The errors of fixed ratings are part of the intervals of the others. To first order the errors eₖ move a rating by
    Σ gₖ eₖ, with gₖ the share of the fixed player's games in the information. However the errors hang together, and
    those of one ladder nearly move as one, Σ |gₖ| hₖ bounds this, hₖ the intervals' half widths. So the score test
    keeps a value if the games would move the rating by at most √((t standard errors)² + (Σ |gₖ| hₖ)²).

    Args:
        meetings: The games.
        anchor: Whose rating is 0; `random` if it played and else the first player, if not given.
        wanted: The players to rate, all if not given.
        fixed: Players whose ratings stay as they are, and make the scale in the anchor's place.

    Returns:
        Ratings by player, those that are fixed or the anchor's among them.
    """
    games = _Games(meetings, fixed or ([] if anchor is None else [anchor]))
    if not games.players:
        return {}
    kept = games.scale(anchor, fixed)
    connected = games.connected(games.still)
    free = connected & ~games.still
    theta = games.fit(games.start(), free)
    ratings = {}
    for i in np.flatnonzero(connected):
        player = games.players[i]
        if wanted is None or player in wanted:
            ratings[player] = games.interval(theta, free, int(i)) if free[i] else kept[player]
    return ratings


def performance(meetings: Sequence[Meeting], ratings: Mapping[str, float | Rating]) -> Rating:
    """The rating of one player from its games against rated ones, whose ratings stay as they are, as of `rate`.

    Args:
        meetings: The games, in all of which the player is A.
        ratings: Of the opponents at least: a number, which is taken as exact, or a rating with its interval.

    Returns:
        The player's rating.

    Raises:
        ValueError: There are no games, not one player A, or an opponent without a rating.
    """
    met = _merged(meetings)
    names = {meeting.a for meeting in meetings}
    if len(names) != 1 or not met:
        raise ValueError(f"{len(names)} players with games; a performance is that of exactly one")
    unrated = sorted({meeting.b for meeting in meetings if meeting.b not in ratings})
    if unrated:
        raise ValueError(f"{', '.join(unrated)} without a rating; known are {', '.join(ratings)}")
    (name,) = names
    return rate(met, wanted=names, fixed={meeting.b: _with_interval(ratings[meeting.b]) for meeting in met})[name]


def misfit(meetings: Sequence[Meeting], ratings: Mapping[str, float | Rating]) -> list[tuple[str, Rating]]:
    """Two opponents by whose games a player would have different ratings, so that no single rating fits its games.

    Args:
        meetings: The games, in all of which the player is A.
        ratings: Of the opponents at least, as of `performance`.

    Returns:
        The two opponents, each with the player's rating by the games against it alone, the lower rating first; empty
        if all such intervals overlap.
    """
    alone = [(meeting.b, performance([meeting], ratings)) for meeting in _merged(meetings)]
    if len(alone) < 2:
        return []
    low, high = min(alone, key=lambda one: one[1].high), max(alone, key=lambda one: one[1].low)
    return [low, high] if low[1].high < high[1].low else []


def components(meetings: Iterable[Meeting], players: Iterable[str]) -> list[list[str]]:
    """Players in groups that games connect, the group of the first player first. Ratings mean nothing across groups."""
    games = _Games(meetings, players)
    groups: list[list[str]] = []
    left = np.ones(len(games.players), bool)
    while left.any():
        group = games.connected(np.arange(len(left)) == np.flatnonzero(left)[0])
        groups.append([player for player, inside in zip(games.players, group, strict=True) if inside])
        left &= ~group
    return groups


def cycles(meetings: Iterable[Meeting]) -> list[tuple[str, str, str]]:
    """Triples in which A beats B, B beats C and C beats A, each beyond its 95% interval: no ladder can show them."""
    beats = set()
    for meeting in _merged(meetings):
        low, high = score_interval(meeting.pairs, meeting.distinct)
        if low > 0.5:
            beats.add((meeting.a, meeting.b))
        elif high < 0.5:
            beats.add((meeting.b, meeting.a))
    players = sorted({player for pair in beats for player in pair})
    found = []
    for triple in combinations(players, 3):
        for a, b, c in (triple, (triple[0], triple[2], triple[1])):
            if {(a, b), (b, c), (c, a)} <= beats:
                found.append((a, b, c))
    return found


def next_pairing(
    meetings: Iterable[Meeting],
    players: Sequence[str],
    games: int,
    *,
    within: float = 0.0,
    tired: Collection[str] = (),
    anchor: str | None = None,
    fixed: Mapping[str, Rating] | None = None,
) -> tuple[str, str] | None:
    """Who should meet for the next `games` games: the two whose games narrow the intervals most.

    Narrow is the sum of the variances of the ratings in `players` whose interval is not yet ± `within` Elo. By Sherman
    and Morrison (1950) games of information w = n s(1 − s)/φ between a and b lower it by

        Σᵢ w (Cᵢₐ − Cᵢᵦ)² / (1 + w v),    v = Cₐₐ + Cᵦᵦ − 2Cₐᵦ

    with C the covariance of the ratings so far, φ the pairs' variance in units of two coin flips, and s(1 − s) averaged
    over what is not known of the difference. Before its first game a player may be anywhere within ±800 Elo (one
    standard deviation) of the others' mean.

    Args:
        meetings: The games so far.
        players: Who may meet.
        games: How many games the two will play.
        within: Half the width of an interval that is narrow enough.
        tired: Players who play on only with somebody who is not tired.
        anchor: As of `rate`.
        fixed: As of `rate`.

    Returns:
        The two players; None if every interval is narrow or nobody is left to play.
    """
    table = _Games(meetings, [*players, *(fixed or ([] if anchor is None else [anchor]))])
    table.scale(anchor, fixed)
    connected = table.connected(table.still)
    free = ~table.still
    theta = table.fit(table.start(), free & connected)
    theta[~connected] = theta[connected].mean()
    _, variance = _expected(table.x @ theta)
    information = (table.x.T * (table.n * variance / table.phi)) @ table.x
    precision = information + np.eye(len(theta)) / PRIOR**2
    covariance = np.zeros_like(precision)
    covariance[np.ix_(free, free)] = np.linalg.inv(precision[np.ix_(free, free)])
    lean = np.abs(covariance @ information) @ table.halves
    half = np.hypot(Z * np.sqrt(np.diag(covariance)), lean) * LOGIT
    wide = [i for i, player in enumerate(table.players) if player in players and half[i] > within]
    phi = {(a, b): table.phi[k] for k, (a, b) in enumerate(table.pairings)}
    best, choice = 0.0, None
    able = [i for i, player in enumerate(table.players) if player in players]
    for a, b in combinations(able, 2):
        if table.players[a] in tired and table.players[b] in tired:
            continue
        v = covariance[a, a] + covariance[b, b] - 2 * covariance[a, b]
        w = games * _information(theta[a] - theta[b], v) / phi.get((a, b), phi.get((b, a), 1.0))
        gain = float(w * np.square(covariance[wide, a] - covariance[wide, b]).sum() / (1 + w * v))
        if gain > best:
            best, choice = gain, (table.players[a], table.players[b])
    return choice


def next_opponent(meetings: Sequence[Meeting], ratings: Mapping[str, float | Rating], games: int) -> str:
    """Which of the rated ones should meet a player for its next games.

    The one after whose games the rating's variance, as of `performance`, is expected to be smallest,

        1/Σw + (Σ wₖ hₖ/z / Σw)²

    with w as in `next_pairing`: who is about as strong, and whose own rating is well known. A player that has met one
    of them alone meets another one next: no two players differ in strength alone, so no rating is to depend on one
    opponent.

    Args:
        meetings: The games so far, in all of which the player is A.
        ratings: Of all who may be met, as of `performance`.
        games: How many games they will play.

    Returns:
        The opponent.
    """
    theta, precision, lean = 0.0, 1 / PRIOR**2, 0.0
    phi: dict[str, float] = {}
    known = {player: _with_interval(rating) for player, rating in ratings.items()}
    others = known.keys() - {meeting.b for meeting in meetings}
    able = [player for player in known if player in others or not lonely(meetings, ratings)]
    if meetings:
        theta = performance(meetings, ratings).rating / LOGIT
        table = _Games(meetings)
        for (a, b), n, one in zip(table.pairings, table.n, table.phi, strict=True):
            player = table.players[b if table.players[a] == meetings[0].a else a]
            phi[player] = float(one)
            w = float(n * _expected(np.array(theta - known[player].rating / LOGIT))[1] / one)
            precision, lean = precision + w, lean + w * _half(known[player]) / Z
    else:
        theta = sum(rating.rating for rating in known.values()) / len(known) / LOGIT

    def variance(player: str) -> float:
        w = games * _information(theta - known[player].rating / LOGIT, 1 / precision) / phi.get(player, 1.0)
        return 1 / (precision + w) + ((lean + w * _half(known[player]) / Z) / (precision + w)) ** 2

    return min(able, key=variance)


def lonely(meetings: Sequence[Meeting], ratings: Collection[str]) -> bool:
    """Whether a player, A of all `meetings`, has met only one of several rated ones."""
    return len({meeting.b for meeting in meetings}) == 1 < len(ratings)


def shipped_table() -> dict[str, Any]:
    """The ladder that ships, checkpoints/ratings.json. Empty if absent."""
    path = shipped_files("checkpoints", ".json").get("ratings")
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path else {}
    return table


def shipped_ratings() -> dict[str, Rating]:
    """The ratings on the ladder that ships with their intervals, by player string."""
    rows = shipped_table().get("players", [])
    return {row["player"]: Rating(*(row[name] for name in Rating._fields)) for row in rows}


def shipped() -> dict[str, float]:
    """The ratings on the ladder that ships, by player string."""
    return {row["player"]: row["rating"] for row in shipped_table().get("players", [])}


class _Games:
    """M pairings of K players as arrays; ratings are in logits."""

    def __init__(self, meetings: Iterable[Meeting], players: Iterable[str] = ()) -> None:
        met = _merged(meetings)
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
        known = [_with_interval(self.fixed.get(player, 0.0)) for player in self.players]
        self.halves = np.array([_half(rating) for rating in known])
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
            s, variance = _expected(self.x[used] @ theta)
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
            s, variance = _expected(self.x @ theta)
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


def _merged(meetings: Iterable[Meeting]) -> list[Meeting]:
    """One meeting a pairing, in the order of their first games; meetings without games are left out."""
    found: dict[tuple[str, str], list[Meeting]] = {}
    for meeting in meetings:
        if meeting.a == meeting.b:
            raise ValueError(f"{meeting.a} against itself tells nothing about its rating")
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


def _with_interval(rating: float | Rating) -> Rating:
    return rating if isinstance(rating, Rating) else Rating(rating, rating, rating)


def _half(rating: Rating) -> float:
    """Half the width of an interval, in logits."""
    return (rating.high - rating.low) / 2 / LOGIT


def _information(d: float, v: float) -> float:
    """s(1 − s) averaged over a difference of mean d and variance v."""
    # It is the logistic density: nearly a normal one of the same height, which a normal v widens.
    spread = v + 8 / math.pi
    return math.exp(-(d**2) / (2 * spread)) / math.sqrt(2 * math.pi * spread)


def _expected(d: Floats) -> tuple[Floats, Floats]:
    """[M] the expected scores s of differences in logits, and s(1 − s)."""
    return (1 + np.tanh(d / 2)) / 2, 1 / (4 * np.cosh(d / 2) ** 2)
