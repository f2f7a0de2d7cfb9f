"""Newcomers on the ladder that ships: who plays, how they are rated, and that all other rows stay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chesspg.arena.ladder.entries import Entry
from chesspg.arena.ladder.model import performance
from chesspg.arena.ladder.newcomers import base, fixed_ratings, next_match, opponents, other_versions, standings
from chesspg.arena.ladder.pairings import Meeting, Rating
from chesspg.arena.ladder.results import Results
from chesspg.arena.ladder.shipped import shipped_table
from chesspg.arena.match_result import MatchResult
from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files

CONDITIONS = {"openings": "random:1", "max_plies": None}
FIXED = {"random": Rating(0, 0, 0), "uci:fish": Rating(300, 280, 320), "greedy": Rating(700, 680, 720)}
NEW, OTHER, RANDOM = Entry("policy 1", "new", {"updates": 3}), Entry("policy 2", "other"), Entry("random", "random")
FISHES = Entry("uci:fish (Fish 1)", "uci:fish"), Entry("uci:fish (Fish 2)", "uci:fish")


def a_row(player: str, rating: Rating) -> dict[str, Any]:
    return {"player": player, **rating._asdict(), "games": 2, "score": 0.5, "facts": {}}


def added(player: str, rating: Rating) -> dict[str, Any]:
    """A row in the form in which the command adds it."""
    counts = {"wins": 1, "draws": 0, "losses": 1, "truncated": 0, "forfeits": 0}
    return a_row(player, rating) | counts | {"key": f"policy {player}", "against": {"random": 2}}


@pytest.fixture
def ladder(ships: Path) -> dict[str, Any]:
    """A ladder of tic-tac-toe that ships, with an earlier policy on it."""
    (ships / "checkpoints" / "new.safetensors").touch()
    ratings = FIXED | {"new": Rating(500, 450, 550)}
    table = {
        "game": files.describe(TicTacToe()),
        "conditions": CONDITIONS,
        "anchor": "random",
        "players": [a_row(name, rating) for name, rating in sorted(ratings.items(), key=lambda item: -item[1].rating)],
        "meetings": [{"a": "new", "b": "greedy", "score": 0.3}, {"a": "greedy", "b": "random", "score": 0.9}],
        "cycles": [["new", "greedy", "random"]],
        "seed": 0,
    }
    (ships / "checkpoints" / "ratings.json").write_text(json.dumps(table))
    return table


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "results.json", TicTacToe(), CONDITIONS)


def result(*results: float, name: str = "") -> MatchResult:
    return MatchResult(results, tuple(f"{name}{k}" for k in range(len(results))), ("",) * len(results), 1.0)


def test_policies_are_no_opponents(ladder: dict[str, Any]) -> None:
    assert opponents(["new", "minimax"], TicTacToe(), CONDITIONS) == FIXED
    with pytest.raises(
        ValueError, match="players that are not on the ladder that ships, got greedy, whose rating there stays"
    ):
        opponents(["new", "greedy"], TicTacToe(), CONDITIONS)


def test_a_newcomer_needs_a_ladder_of_its_game_and_conditions(ladder: dict[str, Any], ships: Path) -> None:
    with pytest.raises(ValueError, match="no ladder of chess ships"):
        opponents(["new"], Chess(), CONDITIONS)
    with pytest.raises(
        ValueError, match="played with --openings random:1 and no --max-plies, not with --openings random:2"
    ):
        opponents(["new"], TicTacToe(), CONDITIONS | {"openings": "random:2"})
    (ships / "checkpoints" / "ratings.json").unlink()
    with pytest.raises(ValueError, match="no ladder of tic-tac-toe ships"):
        opponents(["new"], TicTacToe(), CONDITIONS)


def test_one_after_the_other_until_narrow_or_out_of_games(results: Results) -> None:
    both = [NEW, OTHER]
    assert next_match(results, both, FIXED, 60, 40) == (NEW.key, "uci:fish", 40)  # the mean is 333
    results.add(FISHES[0], NEW, 1, result(*[1, 1, 1, 0, 0, 1, 0, 0] * 5))
    results.add(NEW, OTHER, 2, result(*[1, 1, 1, 0, 0, 1, 0, 0] * 5))  # not on the ladder: neither counted nor listed
    assert next_match(results, both, FIXED, 60, 500) == (
        NEW.key,
        "random",
        20,
    )  # a rating should not depend on one opponent
    results.add(NEW, RANDOM, 3, result(1, 1, 1, 0))
    assert next_match(results, both, FIXED, 60, 40) == (NEW.key, "uci:fish", 16)
    assert next_match(results, both, FIXED, 45, 40) == (OTHER.key, "uci:fish", 40)
    assert next_match(results, both, FIXED, 60, 500) == (OTHER.key, "uci:fish", 40)
    assert next_match(results, [NEW], FIXED, 60, 500) is None
    assert next_match(results, both, FIXED, 0, 40) is None


def test_rows_of_others_stay_and_a_namesake_s_goes(ladder: dict[str, Any], results: Results) -> None:
    results.add(FISHES[0], NEW, 1, result(1, 0.5, 0, 0, name="x"))
    results.add(NEW, FISHES[1], 2, result(1, 1, name="y"))
    results.add(NEW, RANDOM, 3, result(1, 1, 1, 1, name="z"))
    results.add(NEW, OTHER, 4, result(0, 0))
    table = standings(results, [NEW, OTHER], FIXED, None)
    # Games against both versions of the fish, from the newcomer's side.
    met = [Meeting("new", "uci:fish", [0.25, 1, 1], 1.0), Meeting("new", "random", [1, 1])]
    new = next(row for row in table["players"] if row["player"] == "new")
    assert [new[name] for name in Rating._fields] == pytest.approx(performance(met, FIXED), abs=0.1)
    assert (new["games"], new["wins"], new["draws"], new["losses"], new["facts"]) == (10, 8, 1, 1, {"updates": 3})
    assert table["players"][-1]["player"] == "other"
    assert table["players"][-1]["rating"] is None
    rest = [row for row in ladder["players"] if row["player"] != "new"]
    assert [row for row in table["players"] if row["player"] in FIXED] == rest
    meetings = [(met["a"], met["b"], met.get("games"), met["score"]) for met in table["meetings"]]
    assert meetings[0] == ("greedy", "random", None, 0.9)
    assert sorted(meetings[1:]) == [("new", "random", 4, 1.0), ("new", "uci:fish", 6, 4.5 / 6)]
    assert sum(met.get("distinct_games", 0) for met in table["meetings"]) == 4 + 6
    assert table["cycles"] == []
    assert {name: table[name] for name in ("game", "conditions", "anchor", "seed")}.items() <= ladder.items()


def test_newcomers_that_a_file_holds_already_stay(ladder: dict[str, Any], results: Results, tmp_path: Path) -> None:
    path = tmp_path / "l.json"
    results.add(OTHER, RANDOM, 1, result(1, 1, 0, 1))
    path.write_text(json.dumps(standings(results, [OTHER], FIXED, path)))
    results.add(NEW, RANDOM, 2, result(1, 1))
    names = [row["player"] for row in standings(results, [NEW], FIXED, path)["players"]]
    assert sorted(names) == sorted([*FIXED, "new", "other"])
    assert [row["player"] for row in shipped_table()["players"]] == ["greedy", "new", "uci:fish", "random"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"format": 1, "players": [], "chunks": []}',
        lambda table: table | {"anchor": "greedy"},
        lambda table: table | {"players": table["players"][1:]},
        lambda table: table | {"players": [row | {"rating": row["rating"] + 1} for row in table["players"]]},
        lambda table: table | {"players": 3},
        lambda table: table | {"meetings": [[]]},
        lambda table: table | {"players": [*table["players"], added("x", Rating(1, 0, 2)) | {"rating": "high"}]},
        lambda table: table | {"players": [*table["players"], added("x", Rating(1, 0, None))]},  # type: ignore[arg-type]
        lambda table: table | {"players": [*table["players"], added("x", Rating(float("nan"), 0, 2))]},
        lambda table: table | {"meetings": [*table["meetings"], {**added("x", Rating(1, 0, 2)), "a": "x", "b": 3}]},
        lambda table: table | {"cycles": [[1, 2, 3]]},
        "[" * 100_000,
    ],
)
def test_a_file_that_holds_something_else_is_told(ladder: dict[str, Any], tmp_path: Path, text: Any) -> None:
    path = tmp_path / "l.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text(ladder)))
    with pytest.raises(ValueError, match=r"l\.json holds something other than the ladder that ships; it is left as it"):
        base(path, ["new"])


def test_a_newcomer_s_row_as_the_command_adds_it_is_taken(ladder: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "l.json"
    row = added("x", Rating(1, 0, 2))
    path.write_text(json.dumps(ladder | {"players": [*ladder["players"], row]}))
    assert row in base(path, ["new"])["players"]


def test_the_ladder_of_this_checkout_is_written_as_it_stands() -> None:
    """Only the rows of newcomers change in checkpoints/ratings.json."""
    path = Path(__file__).parents[3] / "checkpoints" / "ratings.json"
    table = base(path, [])
    assert json.dumps(table, indent=1, ensure_ascii=False) + "\n" == path.read_text(encoding="utf-8")


def test_another_version_of_an_engine_is_said(ladder: dict[str, Any], ships: Path) -> None:
    for row in ladder["players"]:
        row["key"] = {"uci:fish": FISHES[0].key}.get(row["player"], row["player"])
    (ships / "checkpoints" / "ratings.json").write_text(json.dumps(ladder))
    assert other_versions([RANDOM, NEW, FISHES[0], Entry("uci:cat (Cat 1)", "uci:cat")]) == []
    assert other_versions([FISHES[1]]) == [
        "The rating of uci:fish is that of uci:fish (Fish 1); the player here is uci:fish (Fish 2)."
    ]


def test_whose_ratings_stay(ladder: dict[str, Any], ships: Path, results: Results) -> None:
    """Players are identified by name, whatever the version of an engine; policies by content."""
    (row,) = (row for row in ladder["players"] if row["player"] == "new")
    row["key"] = NEW.key
    (ships / "checkpoints" / "ratings.json").write_text(json.dumps(ladder))
    results.add(FISHES[1], OTHER, 1, result(1, 0))
    here = [RANDOM, Entry(NEW.key, "copy"), Entry("policy 3", "new"), Entry("greedy?random=1", "greedy?random=1")]
    assert fixed_ratings(results, here) == {
        FISHES[1].key: FIXED["uci:fish"],
        "random": FIXED["random"],
        NEW.key: Rating(500, 450, 550),
    }
    other = Results(results.path.with_name("other.json"), TicTacToe(), CONDITIONS | {"max_plies": 9})
    assert fixed_ratings(other, here) == {}
    (ships / "checkpoints" / "ratings.json").unlink()
    assert fixed_ratings(results, here) == {}
