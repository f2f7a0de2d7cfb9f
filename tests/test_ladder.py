"""`python -m chesspg.ladder`: what it plays, keeps, prints, writes and refuses."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_gpu import fake_gpu

from chesspg import ladder
from chesspg.arena.ladder.model import Rating
from chesspg.arena.match_result import MatchResult
from chesspg.arena.matches import play_in_parts
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of tic-tac-toe with two checkpoints, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    for seed, name in enumerate(("first", "last")):
        torch.manual_seed(seed)
        policy = Policy(TicTacToe(), MLP(TicTacToe(), hidden=(4,)))
        files.save(tmp_path / "run" / f"{name}.safetensors", policy, {"updates": 10 * seed, "seconds": 5.0 * seed})
    return Path("run")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of games of each match of the command."""
    counts: list[int] = []

    def counted(*arguments: Any, **options: Any) -> Iterator[MatchResult]:
        counts.append(2 * len(arguments[3]))
        return play_in_parts(*arguments, **options)

    monkeypatch.setattr(ladder, "play_in_parts", counted)
    return counts


@pytest.mark.slow
def test_a_ladder_as_people_run_it(run: Path) -> None:
    command = [sys.executable, "-m", "chesspg.ladder", "random", "greedy", str(run), "--games", "100", "--within", "60"]
    done = subprocess.run([*command, "--json", "l.json", "--picture", "l.svg"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no bar where nobody sees it
    table = json.loads(Path("l.json").read_text())
    names = [row["player"] for row in table["players"]]
    assert sorted(names) == ["greedy", "random", "run/first.safetensors", "run/last.safetensors"]
    assert names[0] == "greedy"
    # In every game, one of the players had played fewer than 100 games before.
    assert sum(row["games"] for row in table["players"]) <= 2 * 100 * len(names)
    for row in table["players"]:
        assert row["low"] <= row["rating"] <= row["high"]
        assert row["wins"] + row["draws"] + row["losses"] == row["games"]
        assert row["player"] in done.stdout
    assert {row["player"]: row["rating"] for row in table["players"]}["random"] == 0
    assert table["anchor"] == "random"
    for row in table["meetings"]:
        assert row["score"] == (row["wins"] + row["draws"] / 2) / row["games"]
        assert 0 < row["distinct_games"] <= row["games"]
    assert sum(row["games"] for row in table["players"]) == 2 * sum(row["games"] for row in table["meetings"])
    assert f"{table['players'][0]['low']:.0f} to {table['players'][0]['high']:.0f}" in done.stdout
    texts = ["".join(node.itertext()) for node in ET.parse("l.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert {"0  random", "run", "updates", "Elo with random at 0, on a scale of these games alone"} <= set(texts)
    assert Path("checkpoints/ladder-tic-tac-toe.json").is_file()


def test_a_new_player_plays_only_what_is_missing(
    run: Path, played: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    two = ["random", "run/first.safetensors", "--games", "200", "--within", "60"]
    assert ladder.main(two) == 0
    first, before = len(played), capsys.readouterr().out
    assert 0 < sum(played) <= 200
    assert ladder.main(two) == 0
    assert len(played) == first
    assert capsys.readouterr().out == before
    three = ["random", str(run), "--games", "400", "--within", "60"]
    assert ladder.main(three) == 0
    kept = json.loads(Path("checkpoints/ladder-tic-tac-toe.json").read_text())
    new = kept["players"][-1]
    assert new["player"] == "run/last.safetensors"
    assert len(played) > first
    assert new["key"] in (kept["chunks"][first]["a"], kept["chunks"][first]["b"])
    # A retrained file is a new player.
    files.save("run/last.safetensors", Policy(TicTacToe(), MLP(TicTacToe(), hidden=(5,))))
    second = len(played)
    assert ladder.main(three) == 0
    assert len(played) > second
    assert len(json.loads(Path("checkpoints/ladder-tic-tac-toe.json").read_text())["players"]) == 4


def test_the_same_seed_plays_the_same_ladder(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for name in ("a.json", "b.json"):
        assert ladder.main(["greedy", "random", str(run), "--games", "80", "--seed", "5", "--results", name]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_no_games_show_what_is_known(run: Path, played: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert ladder.main(["random", "run/first.safetensors", "--games", "40", "--results", "r.json"]) == 0
    capsys.readouterr()
    assert ladder.main(["random", "greedy", str(run), "--games", "0", "--results", "r.json"]) == 0
    assert played == [40]
    printed = capsys.readouterr().out
    assert (
        "These players have no rating, since no games connect them with random: greedy, run/last.safetensors."
        in printed
    )
    assert "wider than ± 40" in printed


def test_an_earlier_random_is_the_scale_if_games_connect_it(run: Path, tmp_path: Path) -> None:
    """Otherwise the first player has 0: games among the others can't narrow their distance from random."""
    first, last = "run/first.safetensors", "run/last.safetensors"
    quick = ["--games", "400", "--within", "90", "--json", "l.json"]
    assert ladder.main(["random", first, *quick]) == 0
    assert ladder.main([first, last, *quick]) == 0
    table = json.loads(Path("l.json").read_text())
    assert table["anchor"] == "random"
    assert all(row["rating"] is not None for row in table["players"])
    assert ladder.main([last, "greedy", *quick, "--results", "other.json"]) == 0
    assert json.loads(Path("l.json").read_text())["anchor"] == last


def test_intervals_are_as_narrow_as_asked_for(run: Path, tmp_path: Path) -> None:
    arguments = ["random", "greedy?random=0.5", str(run), "--games", "5000", "--within", "45", "--json", "l.json"]
    assert ladder.main(arguments) == 0
    for row in json.loads(Path("l.json").read_text())["players"]:
        assert row["high"] - row["low"] <= 90
        assert row["games"] < 5000


def test_ctrl_c_keeps_what_was_played(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = []

    def interrupted(*arguments: Any, **options: Any) -> Iterator[MatchResult]:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return play_in_parts(*arguments, **options)

    monkeypatch.setattr(ladder, "play_in_parts", interrupted)
    with pytest.raises(SystemExit) as caught:
        ladder.main(["random", "greedy", str(run)])
    assert caught.value.code == 130
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "checkpoints/ladder-tic-tac-toe.json has the games so far" in printed.err
    assert len(json.loads(Path("checkpoints/ladder-tic-tac-toe.json").read_text())["chunks"]) == 2
    assert [path.name for path in Path("checkpoints").glob("[!.]*")] == ["ladder-tic-tac-toe.json"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--json", "notes"], ("notes holds something other than what --json writes", "left as it is")),
        (["--picture", "notes"], ("notes holds something other than what --picture writes",)),
        (["--json", "run/first.safetensors"], ("is the file of player run/first.safetensors, which is left",)),
        (["--picture", "run/last.safetensors"], ("is the file of player run/last.safetensors",)),
        (["--picture", "l.json"], ("l.json holds something other",)),
        (["--json", "l.svg"], ("l.svg holds something other",)),
        (["--picture", "other.svg"], ("other.svg holds something other",)),
        (["--json", "new", "--picture", "./new"], ("--json and --picture are both new",)),
        (["--json", "kept", "--results", "kept"], ("--json kept is the file of --results",)),
        (["--picture", "checkpoints/ladder-tic-tac-toe.json"], ("is the file of --results",)),
    ],
)
def test_no_file_of_anything_else_is_replaced(
    run: Path, refused: Callable[..., None], capsys: pytest.CaptureFixture[str], arguments: list[str], words: tuple[str]
) -> None:
    Path("notes").write_text("my notes")
    Path("other.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>')
    command = [str(run), "random", "--games", "2"]
    for _ in range(2):  # its own file is replaced
        assert ladder.main([*command, "--json", "l.json", "--picture", "l.svg"]) == 0
    capsys.readouterr()
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    refused(ladder.main, [*command, *arguments], words)
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_a_picture_without_matplotlib_is_refused_before_anything_is_played(
    run: Path, played: list[int], refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chesspg.storage.pictures.find_spec", lambda name: None)
    words = ("--picture needs matplotlib", "pip install 'matplotlib>=3.10'")
    refused(ladder.main, ["random", str(run), "--picture", "l.svg"], words)
    assert played == []
    assert sorted(path.name for path in Path().iterdir()) == ["run"]


def test_a_refused_ladder_leaves_nothing(run: Path, refused: Callable[..., None]) -> None:
    Path("notes").write_text("my notes")
    for arguments in (["--json", "notes"], ["--results", "a/b.json", "--openings", "random:x"]):
        refused(ladder.main, ["run", "random", *arguments], ())
    assert sorted(path.name for path in Path().iterdir()) == ["notes", "run"]


def test_a_ladder_on_a_gpu_is_that_of_the_cpu(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["random", "greedy", str(run), "--games", "80", "--within", "60"]
    assert ladder.main([*command, "--json", "here.json", "--results", "a.json", "--device", "cpu"]) == 0
    games = fake_gpu(monkeypatch)
    assert ladder.main([*command, "--json", "there.json", "--results", "b.json"]) == 0
    assert json.loads(Path("there.json").read_text()) == json.loads(Path("here.json").read_text())
    assert set(games) == {40}


def test_cuda_that_cannot_be_had_is_refused(
    run: Path, refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    words = ("--device must be auto or cpu here, got cuda: torch finds no CUDA GPU",)
    refused(ladder.main, ["random", str(run), "--device", "cuda"], words)
    assert not Path("checkpoints").exists()


def test_an_imported_game_without_a_policy(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = ["--import", "chesspg.games.tic_tac_toe"]
    assert ladder.main(["random", "greedy", "--games", "2", *module]) == 0
    assert "no ladder of tic-tac-toe ships" in capsys.readouterr().out
    assert Path("checkpoints/ladder-tic-tac-toe.json").is_file()


def test_each_row_accounts_for_all_games(on_the_ladder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """This includes games against opponents that --fixed chose and later commands do not name."""
    assert ladder.main(["run/last.safetensors", "--fixed", "--games", "80", "--within", "1"]) == 0
    kept = json.loads(Path("checkpoints/ladder-tic-tac-toe.json").read_text())
    names = {one["key"]: one["player"] for one in kept["players"]}
    games = {names[chunk[side]]: 2 * sum(chunk["pairs"]) for chunk in kept["chunks"] for side in "ab"}
    met = [name for name in games if name != "run/last.safetensors"]
    assert len(met) == 2
    capsys.readouterr()
    own = ["--own-scale", "--games", "0", "--json", "l.json"]
    assert ladder.main(["run/last.safetensors", met[0], *own]) == 0
    shown = capsys.readouterr().out
    table = json.loads(Path("l.json").read_text())
    rank = 1 + [row["player"] for row in table["players"]].index("run/last.safetensors")
    score = shown.partition("score of the row")[2]
    assert score.startswith(" in % / number of games (others: earlier games against players who are not listed):")
    cells = score.splitlines()[1 + rank].split()[1:]
    assert [int(cell.partition("/")[2] or 0) for cell in cells] == [40 * (rank == 2), 40 * (rank == 1), 40]
    assert f"Earlier games against players who are not listed count too: {met[1]}.\n" in shown
    assert ladder.main(["run/last.safetensors", *met, *own]) == 0
    assert "not listed" not in capsys.readouterr().out


def test_results_that_can_not_be_kept_are_one_line(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, fill: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("chesspg.storage.atomic.write_atomically", full)
    with pytest.raises(SystemExit) as caught:
        ladder.main(["random", "greedy", str(run)])
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: checkpoints/ladder-tic-tac-toe.json: No space left on device\n"


@pytest.fixture
def on_the_ladder(run: Path, ships: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A shipped ladder of tic-tac-toe, checkpoints/ratings.json, with one policy on it."""
    path = ships / "checkpoints" / "ratings.json"
    players = ["random", "greedy", "greedy?random=0.5", "run/first.safetensors"]
    assert ladder.main([*players, "--games", "400", "--within", "90", "--json", str(path)]) == 0
    Path("checkpoints/ladder-tic-tac-toe.json").unlink()
    capsys.readouterr()
    return path


def test_newcomers_meet_the_ladder_that_ships(
    on_the_ladder: Path, played: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads(on_the_ladder.read_text())
    command = ["run", "--fixed", "--within", "60", "--json", str(on_the_ladder)]
    assert ladder.main([*command, "--games", "80"]) == 0
    assert sum(played) == 160  # eighty are too few
    printed = capsys.readouterr().out
    assert re.search(r"wider than ± 60: [\d, and]+; more --games may narrow these intervals\n", printed)
    assert ladder.main([*command, "--games", "5000"]) == 0
    count, printed = sum(played), capsys.readouterr().out
    assert count > 160
    assert "wider" not in printed
    after = json.loads(on_the_ladder.read_text())
    new = {"run/first.safetensors", "run/last.safetensors"}
    rows = {row["player"]: row for row in after["players"]}
    assert set(rows) == {row["player"] for row in before["players"]} | new
    assert [row for row in after["players"] if row["player"] not in new] == [
        row for row in before["players"] if row["player"] not in new
    ]
    assert [row["rating"] for row in after["players"]] == sorted((r["rating"] for r in rows.values()), reverse=True)
    for name in new:
        assert rows[name]["low"] < rows[name]["rating"] < rows[name]["high"] <= rows[name]["low"] + 120
        assert rows[name]["facts"]
        mine = [met for met in after["meetings"] if name in (met["a"], met["b"])]
        assert {met["a"] for met in mine} == {name}
        assert {met["b"] for met in mine} <= {"random", "greedy", "greedy?random=0.5"}
        assert sum(met["games"] for met in mine) == rows[name]["games"]
        assert name in printed
    assert sum(rows[name]["games"] for name in new) == count
    # Nothing is left to play; each gets the same row alone as together with the other.
    text = on_the_ladder.read_text()
    assert ladder.main([*command, "--games", "5000"]) == 0
    assert on_the_ladder.read_text() == text
    capsys.readouterr()
    assert ladder.main(["run/last.safetensors", *command[1:], "--results", "alone.json", "--games", "5000"]) == 0
    assert json.loads(on_the_ladder.read_text())["players"] == after["players"]


def test_an_engine_of_the_ladder_is_started_when_it_is_met(
    on_the_ladder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An engine that no player meets need not be installed."""
    table = json.loads(on_the_ladder.read_text())
    mean = (
        sum(row["rating"] for row in table["players"] if "run" not in row["player"]) / 3
    )  # the first opponent of a newcomer
    engine = table["players"][0] | {"player": "uci:no-such-engine", "rating": mean, "low": mean, "high": mean}
    on_the_ladder.write_text(json.dumps(table | {"players": [engine, *table["players"]]}))
    with pytest.raises(SystemExit) as caught:
        ladder.main(["run/last.safetensors", "--fixed", "--games", "40"])
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "no-such-engine" in line
    engine |= {"rating": 9000, "low": 9000, "high": 9000}
    on_the_ladder.write_text(json.dumps(table | {"players": [engine, *table["players"]]}))
    assert ladder.main(["run/last.safetensors", "--fixed", "--games", "40"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["run", "greedy", "--fixed"],
            ("players that are not on the ladder that ships, got greedy, whose rating there stays",),
        ),
        (
            ["minimax", "--fixed"],
            ("no ladder of chess ships; without --fixed, two or more players are rated by their own games",),
        ),
        (["run", "--fixed", "--openings", "random:2"], ("random:1", "random:2")),
        (["run", "--fixed", "--max-plies", "5"], ("no --max-plies", "--max-plies 5")),
        (["run", "--fixed", "--json", "other.json"], ("other.json holds something other", "left as it is")),
        (
            ["run", "--fixed", "--json", "new.json", "--games", "0"],
            ("--games must be at least 2 to add run/first.safetensors, run/last", "to new.json, got 0"),
        ),
    ],
)
def test_bad_newcomers_are_one_line_and_exit_code_two(
    on_the_ladder: Path, refused: Callable[..., None], arguments: list[str], words: tuple[str, ...]
) -> None:
    Path("other.json").write_text("[]")
    refused(ladder.main, arguments, words)
    assert Path("other.json").read_text() == "[]"
    assert not Path("new.json").exists()
    assert not Path("checkpoints/ladder-tic-tac-toe.json").exists()


def test_players_of_the_ladder_that_ships_keep_their_ratings(
    on_the_ladder: Path, played: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    """A rating does not depend on the command that prints it; a policy is identified by its content."""
    ships = {row["player"]: row for row in json.loads(on_the_ladder.read_text())["players"]}
    Path("copy.safetensors").write_bytes(Path("run/first.safetensors").read_bytes())
    command = ["random", "greedy", "copy.safetensors", "run/last.safetensors", "--json", "l.json"]
    assert ladder.main([*command, "--games", "80"]) == 0
    shown, table = capsys.readouterr().out, json.loads(Path("l.json").read_text())
    rows = {row["player"]: row for row in table["players"]}
    for name, first in (("random", "random"), ("greedy", "greedy"), ("copy.safetensors", "run/first.safetensors")):
        assert [rows[name][key] for key in Rating._fields] == [ships[first][key] for key in Rating._fields]
        assert rows[name]["against"] is None
    assert rows["greedy"]["games"] < 400  # only those of this file
    new = rows["run/last.safetensors"]
    assert new["low"] < new["rating"] < new["high"]
    assert sum(new["against"].values()) == new["games"] == sum(played) == 80
    assert len(set(new["against"]) & {"random", "greedy", "copy.safetensors"}) == 2
    assert (table["scale"], table["anchor"]) == ("shipped", "random")
    assert "Elo on the scale of the ladder that ships, where " in shown
    ranks = {row["player"]: rank for rank, row in enumerate(table["players"], 1)}
    assert f"{ranks['run/last.safetensors']} was rated against " in shown
    assert "sampling error" in shown
    for name, games in new["against"].items():
        assert re.search(rf"[ ,]{ranks.get(name, re.escape(name))} \({games}( games)?\)", shown)
    # Games of --fixed go into the same file and count; players whose ratings stay need not be named.
    assert ladder.main(["run/last.safetensors", "--fixed", "--games", "160"]) == 0
    assert ladder.main(["run/last.safetensors", "copy.safetensors", "--games", "0", "--json", "l.json"]) == 0
    [again] = [row for row in json.loads(Path("l.json").read_text())["players"] if row["against"]]
    assert again["games"] == 160
    # With --own-scale the ladder rates all players by these games.
    assert ladder.main([*command, "--own-scale", "--games", "0"]) == 0
    table = json.loads(Path("l.json").read_text())
    assert table["scale"] == "own"
    assert all(row["against"] is not None for row in table["players"])
    assert "Elo with random at 0, on a scale of these games alone.\n" in capsys.readouterr().out
    # So does a ladder whose players have met nobody on the ladder that ships.
    Path("checkpoints/ladder-tic-tac-toe.json").unlink()
    assert ladder.main(["run/last.safetensors", "greedy?random=0.9", "--games", "40"]) == 0
    shown = capsys.readouterr().out
    assert "Elo with run/last.safetensors at 0" in shown
    assert "(no games connect these players with the ladder that ships)" in shown


def test_nothing_is_played_among_players_of_the_ladder_that_ships(
    on_the_ladder: Path, played: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    players = ["greedy", "run/first.safetensors"]
    assert ladder.main(players) == 0
    assert played == []
    assert "All of these players are on that ladder; --own-scale rates them" in capsys.readouterr().out
    assert ladder.main([*players, "--own-scale", "--games", "40"]) == 0
    assert played == [40]


def test_other_conditions_have_a_scale_of_their_own(on_the_ladder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ladder.main(["random", "run/last.safetensors", "--games", "40", "--openings", "random:2"]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Elo with random at 0")]
    assert "(the ladder that ships was played with --openings random:1 and no --max-plies, not with --openings" in line


def test_no_single_rating_is_said(on_the_ladder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file in which the policy beats greedy and loses to random."""
    assert ladder.main(["random", "greedy", "run/last.safetensors", "--games", "80", "--json", "l.json"]) == 0
    path = Path("checkpoints/ladder-tic-tac-toe.json")
    kept = json.loads(path.read_text())
    for chunk in kept["chunks"]:
        won = ("greedy" in (chunk["a"], chunk["b"])) == (chunk["a"] not in ("greedy", "random"))
        chunk |= {"pairs": [0, 0, 0, 0, 20] if won else [20, 0, 0, 0, 0], "draws": 0, "truncated": 0}
        chunk |= {"wins": 40 * won, "losses": 40 * (not won), "forfeits": [0, 0]}
    path.write_text(json.dumps(kept))
    capsys.readouterr()
    ask = ["random", "greedy", "run/last.safetensors", "--games", "0", "--json", "l.json"]
    assert ladder.main(ask) == 0
    assert "No single rating fits run/last.safetensors: it has -" in (shown := capsys.readouterr().out)
    assert "against random alone and " in shown
    [found] = json.loads(Path("l.json").read_text())["misfits"]
    assert [one["against"] for one in found["alone"]] == ["random", "greedy"]


def test_a_ladder_of_each_game_in_one_folder(run: Path) -> None:
    """The second game is not refused because of the first."""
    few = ["--games", "2", "--max-plies", "20"]
    assert ladder.main(["random", "greedy", "--own-scale", *few]) == 0
    assert ladder.main(["random", "run/last.safetensors", *few]) == 0
    assert {path.name for path in Path("checkpoints").glob("[!.]*")} == {"ladder-chess.json", "ladder-tic-tac-toe.json"}


def test_the_file_of_an_earlier_version_goes_on(run: Path, played: list[int]) -> None:
    command = ["random", "run/first.safetensors", "--games", "40"]
    assert ladder.main([*command, "--results", "checkpoints/ladder.json"]) == 0
    assert ladder.main(command) == 0
    assert played == [40]
    assert {path.name for path in Path("checkpoints").glob("[!.]*")} == {"ladder.json"}


def test_a_ring_is_told(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file in which greedy beats the first policy, the first the last, and the last greedy."""
    assert ladder.main(["greedy", "run/first.safetensors", "run/last.safetensors", "--games", "80"]) == 0
    path = Path("checkpoints/ladder-tic-tac-toe.json")
    kept = json.loads(path.read_text())
    a, b, c = (entry["key"] for entry in kept["players"])
    chunk = {**kept["chunks"][0], "pairs": [0, 0, 0, 0, 20], "wins": 40, "draws": 0, "losses": 0, "truncated": 0}
    kept["chunks"] = [chunk | {"a": x, "b": y} for x, y in ((a, b), (b, c), (c, a))]
    path.write_text(json.dumps(kept))
    capsys.readouterr()
    assert ladder.main(["greedy", str(run), "--games", "0"]) == 0
    assert "Ratings can't express that " in capsys.readouterr().out


def test_games_given_up_are_told(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def gave_up(*arguments: Any, **options: Any) -> Iterator[MatchResult]:
        (result,) = play_in_parts(*arguments, **options)
        lost = [game for game, points in enumerate(result.results) if points == 0][:2]
        yield dataclasses.replace(result, forfeits=dict.fromkeys(lost, "hung"))

    monkeypatch.setattr(ladder, "play_in_parts", gave_up)
    assert ladder.main(["random", str(run), "--games", "40", "--json", "l.json"]) == 0
    forfeited = [row["player"] for row in json.loads(Path("l.json").read_text())["players"] if row["forfeits"] == 2]
    assert forfeited
    assert f"{forfeited[0]} forfeited 2 games." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ("PLAYER",)),
        (["greedy"], ("needs at least 2 players, got 1: greedy",)),
        (["random", "greedy", "random"], ("random is given twice",)),
        (["random", "run", "run/last.safetensors"], ("run/last.safetensors is given twice",)),
        (["random", "randm"], ("randm", "greedy")),
        (["random", "run?heat=3"], ("heat",)),
        (["random", "empty"], ("empty has no policy file",)),
        (["random", "greedy", "--results", "damaged.json"], ("damaged.json is damaged", "left as it is")),
        (["random", "greedy", "run", "--results", "chess.json"], ("chess.json", "Chess", "TicTacToe", "left as it is")),
        (
            ["random", "greedy", "--results", "chess.json", "--openings", "random:4"],
            ("of games with --openings random:8 and no --max-plies, not of games with --openings random:4",),
        ),
        (["random", "greedy", "--results", "run"], ("is a folder",)),
        (["random", "greedy", "--json", "nowhere/l.json"], ("nowhere",)),
        (["random", "greedy", "--picture", "nowhere/l.svg"], ("nowhere",)),
        (["random", "greedy", "--games", "-1"], ("--games must be a whole number from 0 to 1,048,576, got '-1'",)),
        (["random", "greedy", "--games", "10000000"], ("--games must be", "got '10000000'")),
        (["random", "greedy", "--within", "0"], ("--within must be a number above 0 and at most 10,000, got '0'",)),
        (["random", "greedy", "--within", "nan"], ("--within must be", "got 'nan'")),
        (["random", "greedy", "--concurrency", "0"], ("--concurrency must be", "got '0'")),
        (["random", "run", "--openings", "random:many"], ("random:many", "from 0 to 1,000")),
        (["random", "run", "--openings", "balanced"], ("balanced", "tic-tac-toe", "random:1")),
        (["random", "greedy", "--openings", "none.pgn"], ("none.pgn", "no such file")),
        (["random", "run", "--max-plies", "0"], ("--max-plies must be",)),
        (["random", "greedy", "--against", "weight"], ("weight", "updates")),
        (["random", "greedy", "--fixed", "--own-scale"], ("--own-scale", "not allowed with", "--fixed")),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    run: Path, refused: Callable[..., None], arguments: list[str], words: tuple[str, ...]
) -> None:
    Path("empty").mkdir()
    Path("damaged.json").write_text('{"format": 1, "game"')
    chess = '{"class_path": "chesspg.games.chess.Chess", "init_args": {"variant": "standard"}}'
    conditions = '"conditions": {"openings": "random:8", "max_plies": null}'
    Path("chess.json").write_text(f'{{"format": 1, "game": {chess}, {conditions}, "players": [], "chunks": []}}')
    before = {path: path.read_bytes() for path in Path().glob("*.json")}
    refused(ladder.main, arguments, words)
    assert {path: path.read_bytes() for path in Path().glob("*.json")} == before


def test_help_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        ladder.main(["--help"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    options = "--games --within --fixed --own-scale --results --seed --openings --max-plies --concurrency --json"
    for word in (
        *options.split(),
        "--picture",
        "--against",
        "random",
        "folder",
        "Ctrl-C",
        "updates",
        "plies",
        "seconds",
    ):
        assert word in printed
