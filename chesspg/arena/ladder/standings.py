"""A ladder from its results: who meets next, and all figures, for JSON."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chesspg.arena.ladder.entries import Entry
from chesspg.arena.ladder.model import components, cycles, misfit, rate
from chesspg.arena.ladder.pairings import ANCHOR, Meeting, Rating
from chesspg.arena.ladder.results import Results
from chesspg.arena.ladder.scheduling import lonely, next_opponent, next_pairing
from chesspg.storage.outputs import json_has

SHIPPED, OWN = "shipped", "own"  # scales: with the ratings of the ladder that ships, or by these games alone
CHUNK = 40  # games played in one go: enough for a batch, few enough to lose
COUNTS = ("games", "wins", "draws", "losses", "truncated", "forfeits")  # the last: games that A gave up


def next_match(
    results: Results, entries: Sequence[Entry], games: int, within: float, fixed: Mapping[str, Rating]
) -> tuple[str, str, int] | None:
    """The keys of the two who meet next, and for how many games; None if all intervals are narrow or no games left.

    Args:
        results: The results so far.
        entries: The players of the ladder.
        games: How many games each player gets whose rating is not fixed.
        within: Half the width of an interval that is narrow enough.
        fixed: Ratings that stay, by key.
    """
    keys = [one.key for one in entries]
    left = {key: 0 if key in fixed else games - results.games(key) for key in keys}
    tired = {key for key in keys if left[key] < 2}
    meetings = results.meetings()
    anchor, fixed = _scale(meetings, keys, fixed)
    here = {key: rating for key, rating in fixed.items() if key in keys}
    for key in keys:  # whose rating does not stay first meets two of those whose ratings do
        met = [seen for meeting in meetings if (seen := seen_from(key, meeting)) and seen.b in fixed]
        few = len({meeting.b for meeting in met}) < 2
        met = [meeting for meeting in met if meeting.b in here]
        if few and key not in fixed and left[key] >= 2 and (lonely(met, here) or (here and not met)):
            return key, next_opponent(met, here, CHUNK), min(CHUNK, left[key]) // 2 * 2
    target = within
    # Planning takes intervals for symmetric; those that are reported are not, and may be a little wider.
    while True:
        found = next_pairing(meetings, keys, CHUNK, within=target, tired=tired, anchor=anchor, fixed=fixed)
        if found is not None:
            return (*found, min(CHUNK, max(left[found[0]], left[found[1]])) // 2 * 2)
        rated = rate(meetings, anchor, keys, fixed)
        narrow = all(key in rated and rated[key].high - rated[key].low <= 2 * within for key in keys)
        if narrow or len(tired) == len(keys) or target < within / 4:
            return None
        target *= 0.97


def standings(results: Results, entries: Sequence[Entry], fixed: Mapping[str, Rating]) -> dict[str, Any]:
    """All figures of these players, for JSON.

    Args:
        results: The results.
        entries: The players of the ladder.
        fixed: Ratings that stay, by key.

    Returns:
        The table, its players with the highest first and the unrated last. `against` of a player says how many games
        against whom its rating is from; it is None for a rating that stays. `misfits` are players with two opponents
        whose games speak for different ratings.
    """
    names = {one.key: one.player for one in entries}
    met = results.meetings()
    meetings = [meeting for meeting in met if meeting.a in names and meeting.b in names]
    anchor, fixed = _scale(met, list(names), fixed)
    rated = rate(met, anchor, fixed=fixed)  # others in the file connect them too
    rows = []
    misfits = []
    for one in entries:
        against = None if one.key in fixed else opponents_of(results, one.key, results.entries)
        rows.append(player_row(one, rated.get(one.key), tally(results, one.key, results.entries), against))
        if against is not None and one.key in rated:
            oriented = [seen for meeting in met if (seen := seen_from(one.key, meeting))]
            found = [(results.entries[key].player, alone) for key, alone in misfit(oriented, rated)]
            misfits += [misfit_row(one, found)] if found else []
    return {
        "game": results.game,
        "conditions": results.conditions,
        "scale": SHIPPED if fixed else OWN,
        "anchor": results.entries[anchor].player if anchor in results.entries else names.get(anchor, anchor),
        "players": highest_first(rows),
        "meetings": [
            meeting_row(names[a], names[b], tally(results, a, {b}), distinct) for a, b, _, distinct in meetings
        ],
        "cycles": [[names[key] for key in cycle] for cycle in cycles(meetings)],
        "misfits": misfits,
    }


def is_ladder(path: Path) -> bool:
    """Whether a file is JSON of a ladder, of this or an earlier version."""
    return json_has(path, {"game", "conditions", "anchor", "players", "meetings", "cycles"})


def scale_name(table: dict[str, Any]) -> str:
    """What the numbers of a ladder are, as the name of an axis."""
    if table["scale"] == SHIPPED:
        return "Elo on the scale of the ladder that ships"
    return f"Elo with {table['anchor']} at 0, on a scale of these games alone"


def seen_from(key: str, meeting: Meeting) -> Meeting | None:
    """A meeting of this player, with the player as A; None if it is of two others."""
    a, b, pairs, distinct = meeting
    if key not in (a, b):
        return None
    return meeting if a == key else Meeting(b, a, [1 - pair for pair in pairs], distinct)


def misfit_row(one: Entry, found: Sequence[tuple[str, Rating]]) -> dict[str, Any]:
    """What is written of a player that no single rating fits."""
    return {"player": one.player, "alone": [{"against": name, **alone._asdict()} for name, alone in found]}


def opponents_of(results: Results, key: str, opponents: Collection[str]) -> dict[str, int]:
    """How many games a player had against each of these, which are given by key and returned by name, most first."""
    counted: dict[str, int] = {}
    for chunk in results.chunks:
        for mine, other in ((chunk.a, chunk.b), (chunk.b, chunk.a)):
            if mine == key and other in opponents:
                name = results.entries[other].player
                counted[name] = counted.get(name, 0) + chunk.games
    return dict(sorted(counted.items(), key=lambda item: -item[1]))


def tally(results: Results, key: str, opponents: Collection[str]) -> dict[str, int]:
    """What came of all games of a player against these, by key."""
    counted = dict.fromkeys(COUNTS, 0)
    for chunk in results.chunks:
        first = chunk.a == key
        if (first and chunk.b in opponents) or (chunk.b == key and chunk.a in opponents):
            won, lost = (chunk.wins, chunk.losses) if first else (chunk.losses, chunk.wins)
            counts = (chunk.games, won, chunk.draws, lost, chunk.truncated, chunk.forfeits[not first])
            for name, count in zip(COUNTS, counts, strict=True):
                counted[name] += count
    return counted


def player_row(
    one: Entry, rating: Rating | None, counted: dict[str, int], against: dict[str, int] | None
) -> dict[str, Any]:
    """What is written of a player and all its games."""
    rated = rating._asdict() if rating else dict.fromkeys(Rating._fields)
    counts = {**counted, "score": _score(counted)}
    return {"player": one.player, **rated, **counts, "facts": one.facts, "key": one.key, "against": against}


def meeting_row(a: str, b: str, counted: dict[str, int], distinct: float) -> dict[str, Any]:
    """What is written of two who met and all games of A against B, a share of them distinct."""
    score = {"a": a, "b": b, "score": _score(counted)}
    return score | counted | {"distinct_games": round(distinct * counted["games"])}


def highest_first(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sorted by rating, the unrated last."""
    return sorted(rows, key=lambda row: math.inf if row["rating"] is None else -row["rating"])


def _scale(
    meetings: Sequence[Meeting], keys: Sequence[str], fixed: Mapping[str, Rating]
) -> tuple[str, Mapping[str, Rating]]:
    """Whose rating is 0, and the ratings that stay, if games connect any of them with these players.

    If not, 0 is `random` if it is one of these or earlier games connect it with one, else the first.
    """
    groups = [group for group in components(meetings, [*keys, *fixed]) if set(group) & set(keys)]
    near = {key: rating for key, rating in fixed.items() if any(key in group for group in groups)}
    if near:
        return ANCHOR, near
    return ANCHOR if set(components(meetings, [ANCHOR, *keys])[0]) & set(keys) else keys[0], {}


def _score(counted: dict[str, int]) -> float | None:
    return (counted["wins"] + counted["draws"] / 2) / counted["games"] if counted["games"] else None
