"""A match as a file: a saved match can be continued, and a file that does not fit is refused and left alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chesspg.arena.match_file import load_match, save_match
from chesspg.arena.match_result import FORFEITED, TRUNCATED, MatchResult
from chesspg.arena.matches import play_match
from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.player import Greedy, Random

OPENINGS = ["startpos moves f2f3", "startpos moves e2e4", "startpos"]
SETTINGS: dict[str, Any] = {"a": "x", "b": "y", "seed": 3, "max_plies": 4, "sprt": [0.0, 20.0]}
MATE = "startpos moves f2f3 e7e5 g2g4 d8h4"
RESULT = MatchResult(
    (0.0, 1.0, 0.0, 0.5),  # Black mates twice; White, which is A, does not answer; stopped at the fourth ply
    (MATE, MATE, "startpos moves e2e4 e7e5", "startpos moves e2e4 e7e5 g1f3 b8c6"),
    ("checkmate", "checkmate", FORFEITED, TRUNCATED),
    1.5,
    {2: "it crashed"},
    {0: (0.25, None, -1.0), 3: (None, 0.5, 1.0)},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "match.json"
    save_match(path, SETTINGS, RESULT)
    return path


def test_it_comes_back(path: Path) -> None:
    assert load_match(path, SETTINGS, OPENINGS, Chess()) == RESULT
    saved = json.loads(path.read_text())
    assert {name: saved[name] for name in SETTINGS} == SETTINGS
    assert (saved["wins"], saved["losses"], saved["forfeits"]) == (1, 2, {"a": 1, "b": 0})
    test = RESULT.sprt(0, 20)
    assert saved["sprt_result"] == {"llr": test.llr, "lower": test.lower, "upper": test.upper, "decision": None}
    assert sum(line.lstrip().startswith('{"game"') for line in path.read_text().splitlines()) == 4  # one game per line


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_in_what_an_editor_or_a_shell_made_of_it(path: Path, encoding: str) -> None:
    settings = SETTINGS | {"a": "Größe"}
    save_match(path, settings, RESULT)
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    assert load_match(path, settings, OPENINGS, Chess()) == RESULT


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a", "z", "has a match with a 'x', not 'z'"),
        ("b", "z", "has a match with b 'y', not 'z'"),
        ("seed", 4, "seed 3, not 4"),
        ("sprt", None, r"sprt \[0\.0, 20\.0\], not None"),
    ],
)
def test_other_matches_are_named(path: Path, name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_match(path, SETTINGS | {name: value}, OPENINGS, Chess())


def test_other_openings_and_fewer_games(path: Path) -> None:
    with pytest.raises(ValueError, match="other openings: game 3 does not begin with 'startpos moves d2d3'"):
        load_match(path, SETTINGS, [OPENINGS[0], "startpos moves d2d3"], Chess())
    with pytest.raises(ValueError, match=r"--games must be at least 4, the number of games in .*match\.json, got 2"):
        load_match(path, SETTINGS, OPENINGS[:1], Chess())
    assert load_match(path, SETTINGS, OPENINGS[:2], Chess()) == RESULT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "{}",
        '{"a": "x", "b": "y", "seed": 3, "sprt": null}',
        None,
        "odd",
        "games",
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_damaged_files(path: Path, text: str | None) -> None:
    saved = json.loads(path.read_text())
    if text == "odd":
        del saved["played"][-1]
    elif text == "games":
        saved["games"] = 6
    whole = path.read_text()[:-20] if text is None else json.dumps(saved) if text.isalpha() else text
    path.write_text(whole)
    with pytest.raises(ValueError, match=r"match\.json is damaged or not a match"):
        load_match(path, SETTINGS, OPENINGS, Chess())
    assert path.read_text() == whole


def edited(path: Path, edit: Callable[[dict[str, Any]], object]) -> str:
    saved = json.loads(path.read_text())
    edit(saved)
    path.write_text(json.dumps(saved))
    return path.read_text()


@pytest.mark.parametrize(
    ("game", "field", "value", "words"),
    [
        (1, "result", 0.75, "has the result 0.75; it must be 0"),
        (1, "result", 1.0, "has the result 1.0; it must be 0"),
        (1, "result", "won", "has the result 'won'"),
        (1, "result", False, "has the result False"),
        (3, "result", 1.0, "has the result 1.0; it must be 0"),
        (4, "result", 0, "has the result 0; it must be 0.5"),
        (1, "reason", 5, "has the reason 5; it must be 'checkmate'"),
        (1, "reason", "stalemate", "has the reason 'stalemate'"),
        (1, "reason", TRUNCATED, "has the reason 'truncated'"),
        (3, "reason", TRUNCATED, "has the reason 'truncated'; it must be 'forfeit'"),
        (4, "reason", "ongoing", "has the reason 'ongoing'; it must be 'truncated'"),
        (1, "game", f"{MATE} e1f2", "has the move 'e1f2', which is played after the end of the game"),
        (1, "game", "startpos moves f2f3 e7e5 e1e2 d8h4", "has the move 'e1e2', which is illegal"),
        (1, "game", "startpos moves f2f3 e7e5 nonsense", "has the move 'nonsense', which is illegal"),
        (1, "game", "startpos moves f2f3 e7e5 g2g4 d8h4q", "has moves in another notation"),
        (4, "game", "startpos moves e2e4 e7e5 g1f3 b8c6 f1b5", "is not over"),
        (1, "forfeit", "it crashed", "has a forfeit and was played to its end"),
        (3, "forfeit", 7, "has a forfeit that is not a text"),
        (3, "forfeit", "half of \ud83d", "is damaged or not a match"),  # which can't be encoded in a file
        (1, "values", [0.1], "has 1 values for 3 plies"),
        (1, "values", [0.1, 1.5, 0.0], "has a value that is not a number from -1 to 1"),
        (1, "values", [0.1, float("nan"), 0.0], "has a value that is not a number from -1 to 1"),
        (1, "values", [0.1, "much", None], "has a value that is not a number from -1 to 1"),
        (0, "seconds", -1, "seconds must be a finite number of at least 0, got -1"),
        (0, "seconds", float("nan"), "seconds must be a finite number of at least 0, got nan"),
        (0, "seconds", float("inf"), "seconds must be a finite number of at least 0, got inf"),
        (0, "seconds", True, "seconds must be a finite number of at least 0, got True"),
    ],
)
def test_what_cannot_have_happened(path: Path, game: int, field: str, value: Any, words: str) -> None:
    def edit(saved: dict[str, Any]) -> None:
        (saved["played"][game - 1] if game else saved)[field] = value

    before = edited(path, edit)
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        load_match(path, SETTINGS, OPENINGS, Chess())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_text() == before


def test_a_file_of_version_0_1(path: Path) -> None:
    edited(path, lambda saved: saved.update(normalised_elo=saved.pop("normalized_elo")))
    assert load_match(path, SETTINGS, OPENINGS, Chess()) == RESULT


def test_a_match_without_a_cap_has_no_truncated_games(path: Path) -> None:
    edited(path, lambda saved: saved.update(max_plies=None))
    with pytest.raises(ValueError, match="game 4 is not over"):
        load_match(path, SETTINGS | {"max_plies": None}, OPENINGS, Chess())


@pytest.mark.slow
@pytest.mark.parametrize("game", [TicTacToe(), Chess(), Chess("chess960"), Chess("atomic")], ids=lambda game: game.name)
def test_games_of_every_kind_come_back(tmp_path: Path, game: Game) -> None:
    played = play_match(game, Greedy(), Random(), 8, opening_plies=2, max_plies=60)
    openings = [" ".join(position.split()[: position.split().index("moves") + 3]) for position in played.positions[::2]]
    save_match(tmp_path / "match.json", {"max_plies": 60}, played)
    assert load_match(tmp_path / "match.json", {"max_plies": 60}, openings, game) == played
