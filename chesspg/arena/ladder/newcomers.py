"""Newcomers, rated by their games against players of the ladder that ships, whose ratings stay as they are."""

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

# The fields of rows in a ladder's JSON, with their types.
MOST = 1e15  # every number in a row is smaller
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
    """The ratings of those players that are on the ladder that ships.

    A policy is identified by its content, every other player by its name, whatever the version of an engine.

    Args:
        results: Results with their players. If their game or conditions differ from those of the ladder that ships, no
            player is on it.
        entries: More players, who may not have played yet.

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
    """Explain why the ladder that ships can't be used.

    Args:
        game: The game that is played.
        conditions: The conditions of all games.

    Returns:
        The reason; empty if the ladder can be used.
    """
    table = shipped_table()
    if not table or table["game"] != files.describe(game):
        return f"no ladder of {game.name} ships"
    if table["conditions"] != conditions:
        theirs, ours = as_options(table["conditions"]), as_options(conditions)
        return f"the ladder that ships was played with {theirs}, not with {ours}"
    return ""


def other_versions(entries: Sequence[Entry]) -> list[str]:
    """Find engines that are on the ladder that ships in another version.

    Args:
        entries: The players here.

    Returns:
        A line of text for each of them.
    """
    rated = {one["player"]: one.get("key", "") for one in shipped_table().get("players", [])}
    return [
        f"The rating of {one.player} is that of {rated[one.player]}; the player here is {one.key}."
        for one in entries
        if not one.key.startswith(POLICY) and rated.get(one.player, one.key) not in ("", one.key)
    ]


def opponents(names: Collection[str], game: Game, conditions: Mapping[str, Any]) -> dict[str, Rating]:
    """The opponents of newcomers: all players on the ladder that ships except policies, whose files may change.

    Args:
        names: Names of the newcomers.
        game: The game that is played.
        conditions: The conditions of all games.

    Returns:
        Ratings by name.

    Raises:
        ValueError: No ladder of that game ships under these conditions, or a newcomer is already on it.
    """
    why = difference(game, conditions)
    if why:
        raise ValueError(f"--fixed: {why}; without --fixed, two or more players are rated by their own games")
    fixed = {name: rating for name, rating in shipped_ratings().items() if policy_path(name) is None}
    for name in names:
        if name in fixed:
            raise ValueError(
                f"--fixed needs players that are not on the ladder that ships, got {name}, whose rating there stays"
            )
    return fixed


def next_match(
    results: Results, entries: Sequence[Entry], fixed: Mapping[str, Rating], games: int, within: float
) -> tuple[str, str, int] | None:
    """Choose the next match.

    Args:
        results: The results so far.
        entries: The newcomers.
        fixed: Ratings that stay, by name.
        games: Greatest number of games of each newcomer.
        within: Half the width in Elo of an interval that is narrow enough.

    Returns:
        The newcomer's key, the opponent's name and the number of games; None if no newcomer needs more games.
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
    """Add the newcomers to a ladder, in place of any rows with their names; all other rows stay as they are.

    Args:
        results: The results.
        entries: The newcomers.
        fixed: Ratings that stay, by name.
        path: The file with the ladder, see `base`.

    Returns:
        The table, in the form of `standings.standings`.

    Raises:
        ValueError: The file has anything but the ladder that ships and more newcomers.
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
    """The ladder that newcomers are added to, without rows of their names.

    Args:
        path: The file with the ladder; the ladder that ships if it is None or does not exist.
        names: Names of the newcomers.

    Returns:
        The table.

    Raises:
        OSError: The file can't be read.
        ValueError: The file has anything but the ladder that ships and more newcomers.
    """
    ships = _without(shipped_table(), names)
    if path is None or not path.exists():
        return ships
    try:
        table = _without(parse_json(path.read_text(encoding="utf-8")), names)
        same = all(table[name] == ships[name] for name in ("game", "conditions", "anchor"))
        same = same and all(one in table["players"] for one in ships["players"])
        added = {name: [one for one in table[name] if one not in ships[name]] for name in ("players", "meetings")}
        same = same and all(map(is_player_row, added["players"]))
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
    """Whether a row has these fields with these types, and a score exactly if it has games."""
    numbers = (one[name] for name in form if type(one[name]) in (int, float))
    return (
        all(type(one[name]) in kinds for name, kinds in form.items())
        and all(abs(number) < MOST for number in numbers)
        and (one["score"] is None) == (one["games"] == 0)
    )


def is_player_row(one: Any) -> bool:
    """Whether a row of a ladder's players has their fields, and a rating with an interval, or neither.

    Raises:
        KeyError, TypeError: It is something else.
    """
    rated = len({one[name] is None for name in Rating._fields}) == 1
    return rated and _has_form(one, PLAYER) and all(type(games) is int for games in one["against"].values())


def _names(results: Results, fixed: Collection[str]) -> dict[str, str]:
    """The names, by key, of those in the results whose ratings stay, whatever the version of an engine."""
    return {key: one.player for key, one in results.entries.items() if one.player in fixed}


def _meetings(results: Results, key: str, fixed: Collection[str]) -> list[Meeting]:
    """The meetings of a newcomer, as A, with players whose ratings stay, by their names."""
    names = _names(results, fixed)
    mine = [seen for meeting in results.meetings() if (seen := seen_from(key, meeting))]
    return [Meeting(a, names[b], pairs, distinct) for a, b, pairs, distinct in mine if b in names]


def _without(table: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """A table without the rows that mention any of these players."""
    return table | {
        "players": [one for one in table["players"] if one["player"] not in names],
        "meetings": [met for met in table["meetings"] if met["a"] not in names and met["b"] not in names],
        "cycles": [cycle for cycle in table["cycles"] if not set(cycle) & set(names)],
        "misfits": [one for one in table.get("misfits", []) if one["player"] not in names],
    }
