"""Newcomers on the ladder that ships: rated by their own games against its players, whose ratings stay."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from operator import mul
from pathlib import Path
from typing import Any

from chesspg.arena.ladder.book import Book, Entry, policy_path
from chesspg.arena.ladder.rating import Meeting, Rating, next_opponent, performance, shipped_table
from chesspg.arena.ladder.standings import CHUNK, COUNTS, crossed, highest_first, record, row
from chesspg.games.game import Game
from chesspg.policy import files
from chesspg.policy.container import parse_json

# What a row of the ladder's JSON holds; no number is as large as MOST.
MOST = 1e15
_MAYBE = (int, float, type(None))
_COUNTED = {**dict.fromkeys(COUNTS, (int,)), "score": _MAYBE}
PLAYER = {"player": (str,), **dict.fromkeys(Rating._fields, _MAYBE), **_COUNTED, "facts": (dict,)}
MEETING = {"a": (str,), "b": (str,), **_COUNTED}


def opponents(names: Collection[str], game: Game, conditions: Mapping[str, Any]) -> dict[str, Rating]:
    """Whom newcomers of these names meet: all on the ladder that ships but policies, whose names may change meaning.

    Raises ValueError if none of that game and under these conditions ships, or if a newcomer is one of them.
    """
    table = shipped_table()
    if not table or table["game"] != files.describe(game):
        raise ValueError(f"no ladder of {game.name} ships; without --fixed its players would make one")
    if table["conditions"] != conditions:
        told = f"{json.dumps(table['conditions'])}, not {json.dumps(conditions)}"
        raise ValueError(f"the ladder that ships has conditions {told}; the same ones would do")
    fixed = {
        rated["player"]: Rating(rated["rating"], rated["low"], rated["high"])
        for rated in table["players"]
        if policy_path(rated["player"]) is None
    }
    for name in names:
        if name in fixed:
            raise ValueError(
                f"{name} is on the ladder that ships and no policy, so its rating stays; a newcomer would do"
            )
    return fixed


def choose(
    book: Book, entries: Sequence[Entry], fixed: Mapping[str, Rating], games: int, within: float
) -> tuple[str, str, int] | None:
    """Which newcomer's key meets whom of `fixed` next, and for how many games; None if all have games or are narrow."""
    for one in entries:
        met = _meetings(book, one.key, fixed)
        left = games - sum(2 * len(meeting.pairs) for meeting in met)
        rating = performance(met, fixed) if met else None
        if left >= 2 and not (rating and rating.high - rating.low <= 2 * within):
            return one.key, next_opponent(met, fixed, CHUNK), min(CHUNK, left) // 2 * 2
    return None


def standings(book: Book, entries: Sequence[Entry], fixed: Mapping[str, Rating], path: Path | None) -> dict[str, Any]:
    """The ladder of `base` with the newcomers in place of their namesakes; what is told of all others stays."""
    table = base(path, [one.player for one in entries])
    names = _names(book, fixed)
    for one in entries:
        met = _meetings(book, one.key, fixed)
        rating = performance(met, fixed) if met else None
        table["players"].append(row(one, rating, record(book, one.key, names)))
        for text in dict.fromkeys(meeting.b for meeting in met):
            keys = [key for key, name in names.items() if name == text]
            pairs, distinct = zip(*((len(m.pairs), m.distinct) for m in met if m.b == text), strict=True)
            share = sum(map(mul, pairs, distinct)) / sum(pairs)
            table["meetings"].append(crossed(one.player, text, record(book, one.key, keys), share))
    return table | {"players": highest_first(table["players"])}


def base(path: Path | None, names: Collection[str]) -> dict[str, Any]:
    """The ladder in this file, which newcomers are added to, or that which ships; without anybody of these names.

    Raises ValueError if the file holds anything but the ladder that ships and more newcomers.
    """
    ships = _without(shipped_table(), names)
    if path is None or not path.exists():
        return ships
    try:
        table = _without(parse_json(path.read_text(encoding="utf-8")), names)
        same = all(table[name] == ships[name] for name in ("game", "conditions", "anchor"))
        same = same and all(one in table["players"] for one in ships["players"])
        added = {name: [one for one in table[name] if one not in ships[name]] for name in ("players", "meetings")}
        same = same and all(_has_form(one, PLAYER) and _rated(one) for one in added["players"])
        same = same and all(_has_form(one, MEETING) for one in added["meetings"])
        same = same and all(len(cycle) == 3 and set(map(type, cycle)) == {str} for cycle in table["cycles"])
    except (ValueError, TypeError, KeyError, AttributeError):
        same = False
    if not same:
        told = "it is left as it is; name another file with --json"
        raise ValueError(f"{path} holds something other than the ladder that ships; {told}")
    return table


def _has_form(one: Any, form: Mapping[str, tuple[type, ...]]) -> bool:
    numbers = (one[name] for name in form if type(one[name]) in (int, float))
    return (
        all(type(one[name]) in kinds for name, kinds in form.items())
        and all(abs(number) < MOST for number in numbers)
        and (one["score"] is None) == (one["games"] == 0)
    )


def _rated(one: Any) -> bool:
    """Whether a player has a rating and an interval, or neither."""
    return len({one[name] is None for name in Rating._fields}) == 1


def _names(book: Book, fixed: Collection[str]) -> dict[str, str]:
    """By key, who of the book is one of these, whatever version an engine has."""
    return {key: one.player for key, one in book.entries.items() if one.player in fixed}


def _meetings(book: Book, key: str, fixed: Collection[str]) -> list[Meeting]:
    """A newcomer's, as A, with those whose ratings stay, who go by name."""
    names = _names(book, fixed)
    found = []
    for a, b, pairs, distinct in book.meetings():
        if a == key and b in names:
            found.append(Meeting(a, names[b], pairs, distinct))
        elif b == key and a in names:
            found.append(Meeting(b, names[a], [1 - pair for pair in pairs], distinct))
    return found


def _without(table: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    return table | {
        "players": [one for one in table["players"] if one["player"] not in names],
        "meetings": [met for met in table["meetings"] if met["a"] not in names and met["b"] not in names],
        "cycles": [cycle for cycle in table["cycles"] if not set(cycle) & set(names)],
    }
