"""A match as a JSON file: who met how, what came of it, and every game, so that a stopped match can go on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chesspg.arena.matches import MatchResult
from chesspg.policy.files import write_text


def save_match(path: str | Path, settings: Mapping[str, Any], result: MatchResult) -> None:
    """Write settings, figures and games in one step. Raises OSError if it can't be written.

    settings: what the match is of, as JSON has it; under `sprt` the two Elos of a test, if there is one.
    """
    played = []
    for number, (position, points, reason) in enumerate(
        zip(result.positions, result.results, result.reasons, strict=True)
    ):
        one: dict[str, Any] = {"game": position, "result": points, "reason": reason}
        if number in result.forfeits:
            one["forfeit"] = result.forfeits[number]
        if number in result.values:
            one["values"] = [value if value is None else round(value, 3) for value in result.values[number]]
        played.append(one)
    sprt = settings.get("sprt")
    test = {"sprt_result": result.sprt(*sprt)._asdict()} if sprt else {}
    head = json.dumps({**settings, **result.as_dict(), **test}, indent=2, ensure_ascii=False).removesuffix("\n}")
    lines = ",\n    ".join(json.dumps(one, ensure_ascii=False) for one in played)  # a game a line
    text = f'{head},\n  "played": [\n    {lines}\n  ]\n}}\n'
    write_text(path, text)


def load_match(path: str | Path, settings: Mapping[str, Any], openings: Sequence[str]) -> MatchResult:
    """The games of a match that was saved, to go on from.

    settings: those of the match that is to go on; the file's must be the same.
    openings: that match's, of which the file's games must be the first.
    Raises OSError if it can't be read, and ValueError naming the difference if it is of another match, or damaged.
    """
    path = Path(path)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        theirs = {name: told[name] for name in settings}
        played = told["played"]
        result = MatchResult(
            results=tuple(one["result"] for one in played),
            positions=tuple(one["game"] for one in played),
            reasons=tuple(one["reason"] for one in played),
            seconds=told["seconds"],
            forfeits={number: one["forfeit"] for number, one in enumerate(played) if "forfeit" in one},
            values={number: tuple(one["values"]) for number, one in enumerate(played) if "values" in one},
        )
        if result.games % 2 or not result.games or result.games != told["games"]:
            raise ValueError
        result.as_dict()
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(f"{path} is damaged, or no match that was saved as JSON; no match can go on from it") from None
    for name, ours in settings.items():
        if theirs[name] != ours:
            raise ValueError(f"{path} is of a match with {name} {theirs[name]!r}, not {ours!r}; the same would do")
    if result.games > 2 * len(openings):
        raise ValueError(f"{path} has {result.games} games already; as many or more would do, not {2 * len(openings)}")
    for number, position in enumerate(result.positions):
        opening = openings[number // 2]
        if position != opening and not position.startswith(f"{opening} "):
            raise ValueError(f"{path} has other openings from game {number + 1} on: {opening!r} was not played there")
    return result
