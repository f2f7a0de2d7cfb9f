"""Choose who meets next: the two players whose games are expected to narrow the intervals of a ladder most."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from chesspg.arena.elo import Z
from chesspg.arena.ladder.model import performance
from chesspg.arena.ladder.pairings import LOGIT, Meeting, Pairings, Rating, expected, half_width, with_interval

PRIOR = 800 / LOGIT  # standard deviation of a rating before the first game, used for planning only


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
    """Choose the two players who should play the next `games` games.

    The choice minimizes the sum of the variances of ratings, over those `players` whose interval is still wider than
    ± `within` Elo. By Sherman and Morrison (1950), games with the information w = n s(1 − s)/φ between a and b lower it
    by

        Σᵢ w (Cᵢₐ − Cᵢᵦ)² / (1 + w v),    v = Cₐₐ + Cᵦᵦ − 2Cₐᵦ

    with C the covariance of the ratings so far, φ the variance of a pair of games divided by that of two coin flips,
    and s(1 − s) averaged over the uncertainty of the difference. The rating of a player before its first game has a
    standard deviation of 800 Elo around the mean of the others.

    Args:
        meetings: The games so far.
        players: The players who may meet.
        games: Number of games to play.
        within: Half the width in Elo of an interval that is narrow enough.
        tired: Players who have played enough; two of them never meet.
        anchor: The player whose rating is 0, as for `rate`.
        fixed: Ratings that stay, as for `rate`.

    Returns:
        The two players; None if every interval is narrow enough or no two players may meet.
    """
    table = Pairings(meetings, [*players, *(fixed or ([] if anchor is None else [anchor]))])
    table.scale(anchor, fixed)
    connected = table.connected(table.still)
    free = ~table.still
    theta = table.fit(table.start(), free & connected)
    theta[~connected] = theta[connected].mean()
    _, variance = expected(table.x @ theta)
    information = (table.x.T * (table.n * variance / table.phi)) @ table.x
    precision = information + np.eye(len(theta)) / PRIOR**2
    covariance = np.zeros_like(precision)
    covariance[np.ix_(free, free)] = np.linalg.inv(precision[np.ix_(free, free)])
    carried = np.abs(covariance @ information) @ table.halves  # [K] Σ |gₖ| hₖ, see `rate`
    half = np.hypot(Z * np.sqrt(np.diag(covariance)), carried) * LOGIT
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
    """Choose the opponent of a player among rated players.

    It is the opponent whose games are expected to leave the smallest variance of the player's rating, as computed by
    `performance`,

        1/Σw + (Σ wₖ hₖ/z / Σw)²

    with w as in `next_pairing`. This prefers opponents of about the same strength whose own rating is well known. A
    player that has met only one of them meets another one next: players differ in more than strength, so a rating
    should not depend on a single opponent.

    Args:
        meetings: The games so far, with the player as A in all of them.
        ratings: Ratings of all possible opponents, as for `performance`.
        games: Number of games to play.

    Returns:
        The opponent.
    """
    theta, precision, carried = 0.0, 1 / PRIOR**2, 0.0
    phi: dict[str, float] = {}
    known = {player: with_interval(rating) for player, rating in ratings.items()}
    others = known.keys() - {meeting.b for meeting in meetings}
    able = [player for player in known if player in others or not lonely(meetings, ratings)]
    if meetings:
        theta = performance(meetings, ratings).rating / LOGIT
        table = Pairings(meetings)
        for (a, b), n, one in zip(table.pairings, table.n, table.phi, strict=True):
            player = table.players[b if table.players[a] == meetings[0].a else a]
            phi[player] = float(one)
            w = float(n * expected(np.array(theta - known[player].rating / LOGIT))[1] / one)
            precision, carried = precision + w, carried + w * half_width(known[player]) / Z
    else:
        theta = sum(rating.rating for rating in known.values()) / len(known) / LOGIT

    def variance(player: str) -> float:
        w = games * _information(theta - known[player].rating / LOGIT, 1 / precision) / phi.get(player, 1.0)
        return 1 / (precision + w) + ((carried + w * half_width(known[player]) / Z) / (precision + w)) ** 2

    return min(able, key=variance)


def lonely(meetings: Sequence[Meeting], ratings: Collection[str]) -> bool:
    """Whether a player has met only one of several rated players.

    Args:
        meetings: The player's games, with the player as A in all of them.
        ratings: The rated players.
    """
    return len({meeting.b for meeting in meetings}) == 1 < len(ratings)


def _information(d: float, v: float) -> float:
    """The mean of s(1 − s) over a rating difference with mean d and variance v, in logits."""
    # s(1 − s) is the logistic density, close to a normal density of the same height, to which v adds its variance.
    spread = v + 8 / math.pi
    return math.exp(-(d**2) / (2 * spread)) / math.sqrt(2 * math.pi * spread)
