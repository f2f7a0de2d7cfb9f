"""The ladder that ships: whose ratings stay, and newcomers rated by their own games against its players."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import mul
from pathlib import Path
from typing import Any

from chesspg.arena.ladder.entries import POLICY, Entry, policy_path
from chesspg.arena.ladder.model import misfit, performance
from chesspg.arena.ladder.pairings import Meeting, Rating
from chesspg.arena.ladder.results import Results, as_options
from chesspg.arena.ladder.scheduling import lonely, next_opponent
from chesspg.arena.ladder.shipped import shipped_ratings, shipped_table
from chesspg.arena.ladder.standings import (
    CHUNK,
    COUNTS,
    SHIPPED,
    highest_first,
    meeting_row,
    misfit_row,
    opponents_of,
    player_row,
    seen_from,
    tally,
)
from chesspg.games.game import Game
from chesspg.policy import files
from chesspg.storage.parsing import parse_json

# What a row of the ladder's JSON holds; no number is as large as MOST.
MOST = 1e15
_MAYBE = (int, float, type(None))
_COUNTED = {**dict.fromkeys(COUNTS, (int,)), "score": _MAYBE}
PLAYER = {
    "player": (str,),
    **dict.fromkeys(Rating._fields, _MAYBE),
    **_COUNTED,
    "facts": (dict,),
    "key": (str,),
    "against": (dict,),
}
MEETING = {"a": (str,), "b": (str,), **_COUNTED}


def fixed_ratings(results: Results, entries: Sequence[Entry]) -> dict[str, Rating]:
    """The ratings of the players in the file and of these that are on the ladder that ships.

    A policy is known by its content, anybody else by name, whatever version an engine has.

    Args:
        results: Its game and conditions must be the ladder's, else nobody is on it.
        entries: Players that may not have met anybody yet.

    Returns:
        Ratings by key.
    """
    table = shipped_table()
    if not table or (table["game"], table["conditions"]) != (results.game, results.conditions):
        return {}
    by_key, by_name = {}, {}
    for one in table["players"]:
        rating = Rating(*(one[name] for name in Rating._fields))
        if one.get("key", "").startswith(POLICY):
            by_key[one["key"]] = rating
        elif policy_path(one["player"]) is None:
            by_name[one["player"]] = rating
    known = {one.key: one.player for one in [*results.entries.values(), *entries]}
    found = {key: by_key.get(key) if key.startswith(POLICY) else by_name.get(player) for key, player in known.items()}
    return {key: rating for key, rating in found.items() if rating is not None}


def difference(game: Game, conditions: Mapping[str, Any]) -> str:
    """Why the ladder that ships is of no use for games under these conditions; empty if it is."""
    table = shipped_table()
    if not table or table["game"] != files.describe(game):
        return f"no ladder of {game.name} ships"
    if table["conditions"] != conditions:
        theirs, ours = as_options(table["conditions"]), as_options(conditions)
        return f"the ladder that ships was played with {theirs}, not with {ours}"
    return ""


def other_versions(entries: Sequence[Entry]) -> list[str]:
    """A line for each of these players that is on the ladder that ships as another version of the engine."""
    rated = {one["player"]: one.get("key", "") for one in shipped_table().get("players", [])}
    return [
        f"The rating of {one.player} is that of {rated[one.player]}; the player here is {one.key}."
        for one in entries
        if not one.key.startswith(POLICY) and rated.get(one.player, one.key) not in ("", one.key)
    ]


def opponents(names: Collection[str], game: Game, conditions: Mapping[str, Any]) -> dict[str, Rating]:
    """Whom newcomers meet: all on the ladder that ships but policies, whose names may change meaning.

    Args:
        names: The newcomers.
        game: What they play.
        conditions: What all games share.

    Returns:
        Ratings by name.

    Raises:
        ValueError: No ladder of that game and under these conditions ships, or a newcomer is on it.
    """
    why = difference(game, conditions)
    if why:
        raise ValueError(f"--fixed: {why}")
    fixed = {name: rating for name, rating in shipped_ratings().items() if policy_path(name) is None}
    for name in names:
        if name in fixed:
            raise ValueError(
                f"--fixed: {name} is on the ladder that ships, so its rating stays; expected a player that is not on it"
            )
    return fixed


def next_match(
    results: Results, entries: Sequence[Entry], fixed: Mapping[str, Rating], games: int, within: float
) -> tuple[str, str, int] | None:
    """Which newcomer meets whom next, and for how many games.

    Args:
        results: The results so far.
        entries: The newcomers.
        fixed: Ratings that stay, by name.
        games: How many games each newcomer gets.
        within: Half the width of an interval that is narrow enough.

    Returns:
        The newcomer's key, the opponent's name and the number of games; None if no newcomer needs any.
    """
    for one in entries:
        met = _meetings(results, one.key, fixed)
        left = games - sum(2 * len(meeting.pairs) for meeting in met)
        rating = performance(met, fixed) if met else None
        narrow = rating and rating.high - rating.low <= 2 * within and not lonely(met, fixed)
        if left >= 2 and not narrow:
            return one.key, next_opponent(met, fixed, CHUNK), min(CHUNK, left) // 2 * 2
    return None


def standings(
    results: Results, entries: Sequence[Entry], fixed: Mapping[str, Rating], path: Path | None
) -> dict[str, Any]:
    """The ladder of `base` with the newcomers in place of their namesakes; the rows of all others stay.

    Args:
        results: The results.
        entries: The newcomers.
        fixed: Ratings that stay, by name.
        path: The file that newcomers are added to, if any.

    Returns:
        The table, as from `standings.standings`.

    Raises:
        ValueError: As in `base`.
    """
    table = base(path, [one.player for one in entries])
    names = _names(results, fixed)
    for one in entries:
        met = _meetings(results, one.key, fixed)
        rating = performance(met, fixed) if met else None
        against = opponents_of(results, one.key, names)
        table["players"].append(player_row(one, rating, tally(results, one.key, names), against))
        found = misfit(met, fixed)
        if found:
            table["misfits"].append(misfit_row(one, found))
        for text in dict.fromkeys(meeting.b for meeting in met):
            keys = [key for key, name in names.items() if name == text]
            pairs, distinct = zip(*((len(m.pairs), m.distinct) for m in met if m.b == text), strict=True)
            share = sum(map(mul, pairs, distinct)) / sum(pairs)
            table["meetings"].append(meeting_row(one.player, text, tally(results, one.key, keys), share))
    return table | {"scale": SHIPPED, "players": highest_first(table["players"])}


def base(path: Path | None, names: Collection[str]) -> dict[str, Any]:
    """The ladder that newcomers are added to, without anybody of their names.

    Args:
        path: The file that holds it; that which ships if it is None or absent.
        names: The newcomers.

    Returns:
        The table.

    Raises:
        ValueError: The file holds anything but the ladder that ships and more newcomers.
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
        raise ValueError(
            f"{path} holds something other than the ladder that ships; it is left as it is; name another file with "
            "--json"
        )
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


def _names(results: Results, fixed: Collection[str]) -> dict[str, str]:
    """By key, who in the file is one of these, whatever version an engine has."""
    return {key: one.player for key, one in results.entries.items() if one.player in fixed}


def _meetings(results: Results, key: str, fixed: Collection[str]) -> list[Meeting]:
    """A newcomer's, as A, with those whose ratings stay, who go by name."""
    names = _names(results, fixed)
    mine = [seen for meeting in results.meetings() if (seen := seen_from(key, meeting))]
    return [Meeting(a, names[b], pairs, distinct) for a, b, pairs, distinct in mine if b in names]


def _without(table: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    return table | {
        "players": [one for one in table["players"] if one["player"] not in names],
        "meetings": [met for met in table["meetings"] if met["a"] not in names and met["b"] not in names],
        "cycles": [cycle for cycle in table["cycles"] if not set(cycle) & set(names)],
        "misfits": [one for one in table.get("misfits", []) if one["player"] not in names],
    }
