"""A ladder as computed from its results: the next match, and the whole table as JSON values."""

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

SHIPPED, OWN = "shipped", "own"  # scales: that of the ladder that ships, or one from these games alone
CHUNK = 40  # games played together: enough for a batch, and few enough to lose when interrupted
# Counts in a row. Forfeits are the games that the player of the row, or A, gave up.
COUNTS = ("games", "wins", "draws", "losses", "truncated", "forfeits")


def next_match(
    results: Results, entries: Sequence[Entry], games: int, within: float, fixed: Mapping[str, Rating]
) -> tuple[str, str, int] | None:
    """Choose the next match.

    Args:
        results: The results so far.
        entries: The players of the ladder.
        games: Greatest number of games of each player whose rating is not fixed.
        within: Half the width in Elo of an interval that is narrow enough.
        fixed: Ratings that stay, by key.

    Returns:
        The keys of the two players and the number of games; None if all intervals are narrow enough or no games are
        left.
    """
    keys = [one.key for one in entries]
    left = {key: 0 if key in fixed else games - results.games(key) for key in keys}
    tired = {key for key in keys if left[key] < 2}
    meetings = results.meetings()
    anchor, fixed = _scale(meetings, keys, fixed)
    here = {key: rating for key, rating in fixed.items() if key in keys}
    for key in keys:  # first, each player to be rated meets two players whose ratings stay
        met = [seen for meeting in meetings if (seen := seen_from(key, meeting)) and seen.b in fixed]
        few = len({meeting.b for meeting in met}) < 2
        met = [meeting for meeting in met if meeting.b in here]
        if few and key not in fixed and left[key] >= 2 and (lonely(met, here) or (here and not met)):
            return key, next_opponent(met, here, CHUNK), min(CHUNK, left[key]) // 2 * 2
    target = within
    # Planning assumes symmetric intervals. Those that are reported are not symmetric and may be slightly wider, so the
    # target shrinks until they are narrow enough too.
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
    """Compute the whole ladder.

    Args:
        results: The results.
        entries: The players of the ladder.
        fixed: Ratings that stay, by key.

    Returns:
        The table as JSON values. `players` are sorted by rating, the highest first and those without a rating last; the
        field `against` has the number of games against each opponent, or None if the rating stays. `misfits` are
        players whose games against two opponents give contradicting ratings, see `model.misfit`.
    """
    names = {one.key: one.player for one in entries}
    met = results.meetings()
    meetings = [meeting for meeting in met if meeting.a in names and meeting.b in names]
    anchor, fixed = _scale(met, list(names), fixed)
    rated = rate(met, anchor, fixed=fixed)  # other players in the file connect them too
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
    """Return whether this version or an earlier one wrote a file as the JSON of a ladder."""
    return json_has(path, {"game", "conditions", "anchor", "players", "meetings", "cycles"})


def scale_name(table: dict[str, Any]) -> str:
    """Name the scale of a ladder, for example as the label of an axis."""
    if table["scale"] == SHIPPED:
        return "Elo on the scale of the ladder that ships"
    return f"Elo with {table['anchor']} at 0, on a scale of these games alone"


def seen_from(key: str, meeting: Meeting) -> Meeting | None:
    """A meeting with the player of this key as A; None if it is between two other players."""
    a, b, pairs, distinct = meeting
    if key not in (a, b):
        return None
    return meeting if a == key else Meeting(b, a, [1 - pair for pair in pairs], distinct)


def misfit_row(one: Entry, found: Sequence[tuple[str, Rating]]) -> dict[str, Any]:
    """The row of a player whose games no single rating fits; `found` is from `model.misfit`."""
    return {"player": one.player, "alone": [{"against": name, **alone._asdict()} for name, alone in found]}


def opponents_of(results: Results, key: str, opponents: Collection[str]) -> dict[str, int]:
    """Count the games of a player against each of some opponents.

    Args:
        results: The results.
        key: Key of the player.
        opponents: Keys of the opponents.

    Returns:
        Number of games by the opponent's name, the largest first.
    """
    counted: dict[str, int] = {}
    for chunk in results.chunks:
        for mine, other in ((chunk.a, chunk.b), (chunk.b, chunk.a)):
            if mine == key and other in opponents:
                name = results.entries[other].player
                counted[name] = counted.get(name, 0) + chunk.games
    return dict(sorted(counted.items(), key=lambda item: -item[1]))


def tally(results: Results, key: str, opponents: Collection[str]) -> dict[str, int]:
    """Count the results of a player against some opponents.

    Args:
        results: The results.
        key: Key of the player.
        opponents: Keys of the opponents.

    Returns:
        The numbers by name, see COUNTS.
    """
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
    """The row of a player, with its rating, the counts of all its games and its games against each opponent."""
    rated = rating._asdict() if rating else dict.fromkeys(Rating._fields)
    counts = {**counted, "score": _score(counted)}
    return {"player": one.player, **rated, **counts, "facts": one.facts, "key": one.key, "against": against}


def meeting_row(a: str, b: str, counted: dict[str, int], distinct: float) -> dict[str, Any]:
    """The row of all games of A against B, of which the fraction `distinct` differ from each other."""
    score = {"a": a, "b": b, "score": _score(counted)}
    return score | counted | {"distinct_games": round(distinct * counted["games"])}


def highest_first(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort rows by rating, the highest first and those without a rating last."""
    return sorted(rows, key=lambda row: math.inf if row["rating"] is None else -row["rating"])


def _scale(
    meetings: Sequence[Meeting], keys: Sequence[str], fixed: Mapping[str, Rating]
) -> tuple[str, Mapping[str, Rating]]:
    """The player whose rating is 0, and those ratings that stay to which games connect the players `keys`.

    If there are none, the rating 0 is that of `random` if games connect it with one of the players, else of the first.
    """
    groups = [group for group in components(meetings, [*keys, *fixed]) if set(group) & set(keys)]
    near = {key: rating for key, rating in fixed.items() if any(key in group for group in groups)}
    if near:
        return ANCHOR, near
    return ANCHOR if set(components(meetings, [ANCHOR, *keys])[0]) & set(keys) else keys[0], {}


def _score(counted: dict[str, int]) -> float | None:
    return (counted["wins"] + counted["draws"] / 2) / counted["games"] if counted["games"] else None
