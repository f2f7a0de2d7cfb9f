"""A ladder from a book of results: who meets next, and everything there is to tell, for JSON."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from chesspg.arena.ladder.book import Book, Entry
from chesspg.arena.ladder.rating import ANCHOR, Meeting, Rating, components, cycles, next_pairing, rate

CHUNK = 40  # games played in one go: enough for a batch, few enough to lose
COUNTS = ("games", "wins", "draws", "losses", "truncated", "forfeits")  # the last: games that A gave up


def choose(book: Book, entries: Sequence[Entry], games: int, within: float) -> tuple[str, str, int] | None:
    """The keys of the two who meet next, and for how many games; None if all intervals are narrow or no games left."""
    keys = [one.key for one in entries]
    left = {key: games - book.games(key) for key in keys}
    tired = {key for key in keys if left[key] < 2}
    meetings = book.meetings()
    anchor = _anchor(meetings, keys)
    target = within
    # Planning takes intervals for symmetric; those that are told are not, and may be a little wider.
    while (found := next_pairing(meetings, keys, CHUNK, within=target, tired=tired, anchor=anchor)) is None:
        rated = rate(meetings, anchor, keys)
        narrow = all(key in rated and rated[key].high - rated[key].low <= 2 * within for key in keys)
        if narrow or len(tired) == len(keys) or target < within / 4:
            return None
        target *= 0.97
    return (*found, min(CHUNK, max(left[found[0]], left[found[1]])) // 2 * 2)


def standings(book: Book, entries: Sequence[Entry]) -> dict[str, Any]:
    """Everything there is to tell about these players, for JSON: the highest first, the unrated last."""
    names = {one.key: one.player for one in entries}
    met = book.meetings()
    meetings = [meeting for meeting in met if meeting.a in names and meeting.b in names]
    anchor = _anchor(met, list(names))
    rated = rate(met, anchor, names)  # others in the book connect them too
    return {
        "game": book.game,
        "conditions": book.conditions,
        "anchor": book.entries[anchor].player if anchor in book.entries else names[anchor],
        "players": highest_first(row(one, rated.get(one.key), record(book, one.key, book.entries)) for one in entries),
        "meetings": [crossed(names[a], names[b], record(book, a, {b}), distinct) for a, b, _, distinct in meetings],
        "cycles": [[names[key] for key in cycle] for cycle in cycles(meetings)],
    }


def record(book: Book, key: str, opponents: Collection[str]) -> dict[str, int]:
    """What came of all games of a player against these, by key."""
    counted = dict.fromkeys(COUNTS, 0)
    for chunk in book.chunks:
        first = chunk.a == key
        if (first and chunk.b in opponents) or (chunk.b == key and chunk.a in opponents):
            won, lost = (chunk.wins, chunk.losses) if first else (chunk.losses, chunk.wins)
            counts = (chunk.games, won, chunk.draws, lost, chunk.truncated, chunk.forfeits[not first])
            for name, count in zip(COUNTS, counts, strict=True):
                counted[name] += count
    return counted


def row(one: Entry, rating: Rating | None, counted: dict[str, int]) -> dict[str, Any]:
    """What is told of a player and all its games."""
    rated = rating._asdict() if rating else dict.fromkeys(Rating._fields)
    return {"player": one.player, **rated, **counted, "score": _score(counted), "facts": one.facts}


def crossed(a: str, b: str, counted: dict[str, int], distinct: float) -> dict[str, Any]:
    """What is told of two who met and all games of A against B, a share of them distinct."""
    told = {"a": a, "b": b, "score": _score(counted)}
    return told | counted | {"distinct_games": round(distinct * counted["games"])}


def highest_first(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sorted by rating, the unrated last."""
    return sorted(rows, key=lambda row: math.inf if row["rating"] is None else -row["rating"])


def _anchor(meetings: Sequence[Meeting], keys: Sequence[str]) -> str:
    """`random` if it is one of these or earlier games connect it with one, else the first."""
    return ANCHOR if set(components(meetings, [ANCHOR, *keys])[0]) & set(keys) else keys[0]


def _score(counted: dict[str, int]) -> float | None:
    return (counted["wins"] + counted["draws"] / 2) / counted["games"] if counted["games"] else None
