"""`python -m chesspg.match`: what it prints, writes and refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import chess.pgn
import pytest
import torch

from chesspg import match
from chesspg.arena.matches import MatchResult, play_match
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy


@pytest.fixture
def run(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    folder = tmp_path / "run"
    folder.mkdir()
    files.save(folder / "last.safetensors", Policy(TicTacToe(), MLP(TicTacToe(), hidden=(4,))))
    return folder


def test_a_match_as_people_run_it(tmp_path: Path) -> None:
    pgn, result = tmp_path / "games.pgn", tmp_path / "result.json"
    pgn.write_text("old")
    command = [sys.executable, "-m", "chesspg.match", "greedy", "random", "--games", "4", "--seed", "3"]
    done = subprocess.run([*command, "--pgn", str(pgn), "--json", str(result)], capture_output=True, text=True)
    assert done.returncode == 0
    assert "plies/s" not in done.stderr  # no bar where nobody sees it
    told = json.loads(result.read_text())
    assert {"wins", "draws", "losses", "games", "distinct_games", "score", "elo", "elo_low", "elo_high"} <= set(told)
    assert told["wins"] + told["draws"] + told["losses"] == told["games"] == 4
    assert told["elo_low"] <= told["elo"] <= told["elo_high"]
    assert (told["a"], told["b"], told["seed"]) == ("greedy", "random", 3)
    assert f"{told['wins']} / {told['draws']} / {told['losses']}" in done.stdout
    assert f"{told['score']:.1%}" in done.stdout
    assert f"{told['elo']:+.0f}   95 % interval {told['elo_low']:+.0f} to {told['elo_high']:+.0f}" in done.stdout
    with pgn.open() as file:
        games = list(iter(lambda: chess.pgn.read_game(file), None))
    assert [game.headers["White"] for game in games] == ["greedy", "random"] * 2
    assert [game.headers["Round"] for game in games] == ["1.1", "1.2", "2.1", "2.2"]
    points = {"1-0": 1.0, "1/2-1/2": 0.5, "0-1": 0.0}
    scores = [points[game.headers["Result"]] for game in games]
    assert (scores[0] + scores[2] + 2 - scores[1] - scores[3]) / 4 == told["score"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["games.pgn", "result.json"]


def test_a_policy_at_two_temperatures(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert match.main([str(run), f"{run}?temperature=0", "--games", "20", "--opening-plies", "2"]) == 0
    printed = capsys.readouterr().out
    assert "20, " in printed
    assert "three in a row" in printed


def test_games_at_the_cap_are_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "games.pgn"
    assert match.main(["random", "random", "--games", "2", "--max-plies", "10", "--pgn", str(path)]) == 0
    assert "2 at the ply cap, counted as draws" in capsys.readouterr().out
    assert path.read_text().count('[Result "*"]') == 2  # a file of games says what happened: nothing was decided
    assert path.read_text().count('[Termination "truncated"]') == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["random", "random", "--games", "0"], ("--games 0", "2 or more")),
        (["random", "random", "--games", "-4"], ("--games -4", "2 or more")),
        (["random", "random", "--games", "7"], ("--games 7", "6 or 8")),
        (["random", "random", "--games", "1"], ("--games 1", "2 or more")),
        (["random", "random", "--games", "many"], ("--games", "many")),
        (["random"], ("B",)),
        (["random", "randm"], ("randm", "greedy")),
        (["random", "RUN?heat=3"], ("heat",)),
        (["random", "RUN", "--opening-plies", "-1"], ("-1 opening plies",)),
        (["random", "RUN", "--opening-plies", "9"], ("fewer",)),
        (["random", "random", "--max-plies", "0"], ("0 plies",)),
        (["random", "random", "--pgn", "nowhere/games.pgn"], ("nowhere",)),
        (["random", "random", "--json", "RUN"], ("is a folder",)),
        (["random", "random", "--color", "white"], ("--color",)),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    run: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: tuple[str, ...]
) -> None:
    began = time.monotonic()
    with pytest.raises(SystemExit) as caught:
        match.main([argument.replace("RUN", str(run)) for argument in arguments])
    assert caught.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    [line] = told.err.splitlines()
    assert line.startswith("error: ")
    for word in words:
        assert word in line
    assert time.monotonic() - began < 5  # said before the games, not after


def test_a_damaged_policy_file(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(SystemExit) as caught:
        match.main(["random", str(run)])
    assert caught.value.code == 2
    assert "truncated" in capsys.readouterr().err


def test_help_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        match.main(["--help"])
    assert caught.value.code == 0
    told = capsys.readouterr().out
    for word in (
        "--games",
        "--seed",
        "--opening-plies",
        "--max-plies",
        "--pgn",
        "--json",
        "random",
        "greedy",
        "temperature",
        "replaced",
    ):
        assert word in told


def test_ctrl_c_is_one_line_and_overwrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(done: int, plies: int) -> None:
        raise KeyboardInterrupt

    def interrupted(*arguments: Any, **options: Any) -> MatchResult:
        return play_match(*arguments, **options | {"on_ply": interrupt})

    monkeypatch.setattr(match, "play_match", interrupted)
    pgn = tmp_path / "games.pgn"
    pgn.write_text("old")
    with pytest.raises(SystemExit) as caught:
        match.main(["random", "random", "--pgn", str(pgn)])
    assert caught.value.code == 130
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.strip().splitlines() == ["interrupted: no result, nothing written"]
    assert pgn.read_text() == "old"
    assert list(tmp_path.iterdir()) == [pgn]
