"""Ratings with intervals from the results of matches. Pure functions.

The model is that of Bradley and Terry with Davidson's (1970) draws and ν = 2. With d the difference of two ratings,

    s = 1 / (1 + 10^(−d / 400)),    P(win) = s²,    P(draw) = 2s(1 − s),    P(loss) = (1 − s)²

ν is 2 because for this value alone the expected score is Elo's curve s. A rating difference then means the same here as
in a match, and the estimate depends on scores alone: at its maximum the expected score of each player equals its actual
score. A fitted ν, and the scale with it, would depend on which players happen to meet: 85% of the games between two
random movers are drawn, but 5% of others (docs/ladder.md). With a fixed ν the curvature of the likelihood gives no
valid intervals. They come from the variance of pairs of games instead, which accounts for draws and for openings that
favor one color.

The model has no term for the advantage of the first move: each opening is played with both colors, which cancels the
advantage to first order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from chesspg.arena.elo import score_interval
from chesspg.arena.ladder.pairings import Meeting as Meeting
from chesspg.arena.ladder.pairings import Pairings, merged, with_interval
from chesspg.arena.ladder.pairings import Rating as Rating

INTERVAL = "95% intervals cover the sampling error of these games; against other opponents a rating may differ by more."


def rate(
    meetings: Iterable[Meeting],
    anchor: str | None = None,
    wanted: Collection[str] | None = None,
    fixed: Mapping[str, Rating] | None = None,
) -> dict[str, Rating]:
    """Rate every player that games connect with the scale, directly or through other players.

    A rating is the maximum of the likelihood with Firth's (1993) correction, which adds half a win and half a loss per
    free rating, distributed like the information. For two players it is 400 log₁₀((W + ½)/(L + ½)), which is finite
    even if one of them won every game.

    The interval of a rating contains all values that a score test accepts: the other ratings are fitted given the
    value, and the player's score must lie within t standard errors of the expected score, computed from the variance of
    its pairs. For two players this is Wilson's interval, as in `elo.score_interval`. An end lies at most 1200 Elo
    beyond all opponents; an interval that reaches this bound means that nothing is known beyond it.

    The errors of fixed ratings widen the intervals of the others. To first order, errors eₖ move a rating by Σ gₖ eₖ,
    where gₖ is the fraction of the information that comes from games with the fixed player k. Whatever the correlation
    of the errors (on one ladder it is close to 1), Σ |gₖ| hₖ bounds the shift, where hₖ is half the width of the
    interval of k. The score test therefore accepts a value if the games would move the rating by at most
    √((t standard errors)² + (Σ |gₖ| hₖ)²).

    Args:
        meetings: The games.
        anchor: The player whose rating is 0; by default `random` if it has played, or else the first player.
        wanted: The players to rate; all by default.
        fixed: Ratings that stay as they are. They define the scale, and the anchor is ignored.

    Returns:
        Ratings by player, including those that are fixed, or the anchor.

    Raises:
        ValueError: A player has met itself.
    """
    games = Pairings(meetings, fixed or ([] if anchor is None else [anchor]))
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
    """Rate one player by its games against opponents whose ratings stay as they are; see `rate`.

    Args:
        meetings: The games, with the player as A in all of them.
        ratings: Ratings of all opponents and perhaps of others. A plain number is taken as exact.

    Returns:
        The player's rating.

    Raises:
        ValueError: There are no games, there are several players A, or an opponent has no rating.
    """
    met = merged(meetings)
    names = {meeting.a for meeting in meetings}
    if len(names) != 1 or not met:
        raise ValueError(f"a performance needs games of exactly one player A, got {len(names) if met else 0} players")
    unrated = sorted({meeting.b for meeting in meetings if meeting.b not in ratings})
    if unrated:
        raise ValueError(f"no rating of {', '.join(unrated)}; rated players are {', '.join(ratings)}")
    (name,) = names
    return rate(met, wanted=names, fixed={meeting.b: with_interval(ratings[meeting.b]) for meeting in met})[name]


def misfit(meetings: Sequence[Meeting], ratings: Mapping[str, float | Rating]) -> list[tuple[str, Rating]]:
    """Find two opponents against whom a player performs so differently that no single rating fits its games.

    Args:
        meetings: The games, with the player as A in all of them.
        ratings: Ratings of all opponents, as for `performance`.

    Returns:
        The two opponents, each with the player's rating from the games against that opponent alone, the lower rating
        first. Empty if the intervals of all these ratings overlap.
    """
    alone = [(meeting.b, performance([meeting], ratings)) for meeting in merged(meetings)]
    if len(alone) < 2:
        return []
    low, high = min(alone, key=lambda one: one[1].high), max(alone, key=lambda one: one[1].low)
    return [low, high] if low[1].high < high[1].low else []


def components(meetings: Iterable[Meeting], players: Iterable[str]) -> list[list[str]]:
    """Divide players into groups that games connect; ratings can't be compared between groups.

    Args:
        meetings: The games.
        players: Players in addition to those of the games, first in the order.

    Returns:
        The groups; the first one contains the first player.
    """
    games = Pairings(meetings, players)
    groups: list[list[str]] = []
    left = np.ones(len(games.players), bool)
    while left.any():
        group = games.connected(np.arange(len(left)) == np.flatnonzero(left)[0])
        groups.append([player for player, inside in zip(games.players, group, strict=True) if inside])
        left &= ~group
    return groups


def cycles(meetings: Iterable[Meeting]) -> list[tuple[str, str, str]]:
    """Find players who beat each other in a circle, which ratings can't express.

    Args:
        meetings: The games.

    Returns:
        Triples (A, B, C) in which A beats B, B beats C and C beats A, each with a 95% interval that excludes ½.
    """
    beats = set()
    for meeting in merged(meetings):
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
