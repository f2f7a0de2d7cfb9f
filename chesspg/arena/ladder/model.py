"""A ladder: from who met whom and how it went to ratings with intervals, and to who should meet next. Pure functions.

The model is Bradley and Terry's with Davidson's draws (1970), ν fixed at 2. With d the difference of two ratings,

    s = 1 / (1 + 10^(−d / 400)),    P(win) = s²,    P(draw) = 2s(1 − s),    P(loss) = (1 − s)²

ν is 2 because there, and only there, the expected score is Elo's own curve s: a rating difference means the same here
as in a match, and the estimate depends on scores alone (its maximum is where each player's expected score equals the
one it made). A ν fitted to all would follow who happens to meet, and the scale with it: 85% of the games of two random
movers are drawn, 5% of others (docs/ladder.md). And so the likelihood's curvature gives no intervals;
they come from how much pairs of games vary, so that draws and color-swapped openings count for what they are worth.

There is no term for the first mover's advantage: each opening is played with both colors, and to first order that
cancels it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from chesspg.arena.elo import score_interval
from chesspg.arena.ladder.pairings import Meeting as Meeting
from chesspg.arena.ladder.pairings import Pairings, merged, with_interval
from chesspg.arena.ladder.pairings import Rating as Rating

INTERVAL = "A 95% interval is the sampling error of these games; against other opponents the rating may differ by more."


def rate(
    meetings: Iterable[Meeting],
    anchor: str | None = None,
    wanted: Collection[str] | None = None,
    fixed: Mapping[str, Rating] | None = None,
) -> dict[str, Rating]:
    """The rating of every player whom games connect with the scale.

    The estimate is the likelihood's maximum with Firth's (1993) correction, which adds half a win and half a loss
    per free rating, where the information is; for two players it is 400 log₁₀((W + ½)/(L + ½)), finite whoever won all.
    The interval of a rating is all values that a score test keeps: the others are fitted to the value, and the player's
    score must lie within t standard errors of the expected one, with the variance of its pairs. For two players it is
    Wilson's, as in `elo.score_interval`. An end is never more than 1200 Elo beyond all opponents: a bound, which
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
        Ratings by player, with those that are fixed or the anchor's.
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
    """The rating of one player from its games against rated ones, whose ratings stay as they are; see `rate`.

    Args:
        meetings: The games, in all of which the player is A.
        ratings: Of the opponents at least: a number, which is taken as exact, or a rating with its interval.

    Returns:
        The player's rating.

    Raises:
        ValueError: There are no games, not one player A, or an opponent without a rating.
    """
    met = merged(meetings)
    names = {meeting.a for meeting in meetings}
    if len(names) != 1 or not met:
        raise ValueError(f"{len(names)} players with games; a performance is that of exactly one")
    unrated = sorted({meeting.b for meeting in meetings if meeting.b not in ratings})
    if unrated:
        raise ValueError(f"{', '.join(unrated)} without a rating; known are {', '.join(ratings)}")
    (name,) = names
    return rate(met, wanted=names, fixed={meeting.b: with_interval(ratings[meeting.b]) for meeting in met})[name]


def misfit(meetings: Sequence[Meeting], ratings: Mapping[str, float | Rating]) -> list[tuple[str, Rating]]:
    """Two opponents by whose games a player would have different ratings, so that no single rating fits its games.

    Args:
        meetings: The games, in all of which the player is A.
        ratings: Of the opponents at least, as for `performance`.

    Returns:
        The two opponents, each with the player's rating by the games against it alone, the lower rating first; empty
        if all such intervals overlap.
    """
    alone = [(meeting.b, performance([meeting], ratings)) for meeting in merged(meetings)]
    if len(alone) < 2:
        return []
    low, high = min(alone, key=lambda one: one[1].high), max(alone, key=lambda one: one[1].low)
    return [low, high] if low[1].high < high[1].low else []


def components(meetings: Iterable[Meeting], players: Iterable[str]) -> list[list[str]]:
    """Players in groups that games connect, the group of the first player first. Ratings mean nothing across groups."""
    games = Pairings(meetings, players)
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
