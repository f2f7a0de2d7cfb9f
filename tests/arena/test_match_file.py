"""A match as a file: what was saved goes on, and what does not fit is refused and left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chesspg.arena.match_file import load_match, save_match
from chesspg.arena.matches import FORFEITED, MatchResult

OPENINGS = ["startpos moves e2e4", "startpos moves d2d4", "startpos moves c2c4"]
SETTINGS: dict[str, Any] = {"a": "x", "b": "y", "seed": 3, "sprt": [0.0, 20.0]}
RESULT = MatchResult(
    (1.0, 0.5, 0.0, 0.0),
    tuple(f"{opening} e7e5 {move}" for opening in OPENINGS[:2] for move in ("g1f3", "b1c3")),
    ("checkmate", "stalemate", FORFEITED, "checkmate"),
    1.5,
    {2: "it crashed"},
    {0: (0.25, None, -1.0), 3: (None, 0.5)},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "match.json"
    save_match(path, SETTINGS, RESULT)
    return path


def test_it_comes_back(path: Path) -> None:
    assert load_match(path, SETTINGS, OPENINGS) == RESULT
    told = json.loads(path.read_text())
    assert {name: told[name] for name in SETTINGS} == SETTINGS
    assert (told["wins"], told["losses"], told["forfeits"]) == (1, 2, {"a": 1, "b": 0})
    test = RESULT.sprt(0, 20)
    assert told["sprt_result"] == {"llr": test.llr, "lower": test.lower, "upper": test.upper, "decision": None}
    assert sum(line.lstrip().startswith('{"game"') for line in path.read_text().splitlines()) == 4  # a game a line


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a", "z", "is of a match with a 'x', not 'z'"),
        ("b", "z", "is of a match with b 'y', not 'z'"),
        ("seed", 4, "seed 3, not 4"),
        ("sprt", None, r"sprt \[0\.0, 20\.0\], not None"),
    ],
)
def test_other_matches_are_named(path: Path, name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_match(path, SETTINGS | {name: value}, OPENINGS)


def test_other_openings_and_fewer_games(path: Path) -> None:
    with pytest.raises(ValueError, match="other openings from game 3 on: 'startpos moves d2d3'"):
        load_match(path, SETTINGS, [OPENINGS[0], "startpos moves d2d3"])
    with pytest.raises(ValueError, match="has 4 games already; as many or more would do, not 2"):
        load_match(path, SETTINGS, OPENINGS[:1])
    assert load_match(path, SETTINGS, OPENINGS[:2]) == RESULT


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", "{}", '{"a": "x", "b": "y", "seed": 3, "sprt": null}', None, "odd", "points", "games"],
)
def test_damaged_files(path: Path, text: str | None) -> None:
    told = json.loads(path.read_text())
    if text == "odd":
        del told["played"][-1]
    elif text == "points":
        told["played"][0]["result"] = "won"
    elif text == "games":
        told["games"] = 6
    whole = path.read_text()[:-20] if text is None else json.dumps(told) if text.isalpha() else text
    path.write_text(whole)
    with pytest.raises(ValueError, match=r"match\.json is damaged, or no match"):
        load_match(path, SETTINGS, OPENINGS)
    assert path.read_text() == whole
