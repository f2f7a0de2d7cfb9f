"""`python -m chesspg.generate`: what it writes, how it is stopped and continued, what it refuses."""

from __future__ import annotations

import contextlib
import errno
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chess.pgn
import pytest
import torch
from fake_gpu import fake_gpu

from chesspg import generate
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.storage.lock import only_one


def games(path: Path) -> list[chess.pgn.Game]:
    with path.open() as file:
        return list(iter(lambda: chess.pgn.read_game(file), None))


@pytest.mark.slow
def test_games_as_people_make_them(tmp_path: Path) -> None:
    path = tmp_path / "games.pgn"
    command = [sys.executable, "-m", "chesspg.generate", "--player", "greedy", "--player", "random", "--games", "8"]
    done = subprocess.run([*command, "--pgn", str(path), "--max-plies", "60"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"8 games are in {path}\n"
    assert [(game.headers["White"], game.headers["Black"]) for game in games(path)] == [
        ("greedy", "greedy"), ("greedy", "random"), ("random", "greedy"), ("random", "random"),
    ] * 2  # fmt: skip
    assert [entry.name for entry in tmp_path.glob("[!.]*")] == ["games.pgn"]


def test_ctrl_c_keeps_what_is_over_and_resume_goes_on_with_the_same_games(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--player", "random", "--games", "6", "--max-plies", "40", "--openings", "random:4"]
    whole, path = tmp_path / "whole.pgn", tmp_path / "games.pgn"
    assert generate.main([*command, "--pgn", str(whole)]) == 0

    def interrupted(file: Path, texts: list[str]) -> None:
        if file.exists() and len(games(file)) == 4:
            raise KeyboardInterrupt
        append(file, texts)

    append = generate.append
    command += ["--pgn", str(path)]
    monkeypatch.setattr(generate, "append", interrupted)
    assert generate.main([*command, "--at-once", "2"]) == 130
    assert f"interrupted: 4 games are in {path}; the same command with --resume" in capsys.readouterr().err
    monkeypatch.undo()
    with path.open("a") as file:
        file.write('[Event "chesspg generate"]\n[Round "5"]\n\n1. e4')  # as a killed process leaves it
    assert generate.main([*command, "--resume"]) == 0
    assert path.read_bytes() == whole.read_bytes()
    assert generate.main([*command, "--resume"]) == 0  # nothing left to do
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("other", [["--seed", "1"], ["--openings", "random:3"], ["--openings", "swapped.epd"]])
def test_a_file_of_other_openings_is_not_gone_on_with(
    other: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    starts = ["4k3/8/8/8/8/8/4P3/4K3 w - -", "4k3/4p3/8/8/8/8/8/4K3 b - -"]
    Path("ours.epd").write_text("\n".join(starts))
    Path("swapped.epd").write_text("\n".join(starts[::-1]))
    ours = ["--openings", "ours.epd" if "swapped.epd" in other else "random:4"]
    command = ["--player", "random", "--max-plies", "6", "--pgn", "games.pgn"]
    assert generate.main([*command, *ours, "--games", "4"]) == 0
    before = Path("games.pgn").read_bytes()
    capsys.readouterr()
    more = [*command, "--games", "8", "--resume"]
    refused(generate.main, [*more, *ours, *other], ("of games.pgn does not begin with the opening",))
    assert Path("games.pgn").read_bytes() == before
    assert generate.main([*more, *ours]) == 0
    assert Path("games.pgn").read_bytes().startswith(before)


def test_a_full_disk_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(file: Path, texts: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(file))

    monkeypatch.setattr(generate, "append", full)
    with pytest.raises(SystemExit) as caught:
        generate.main(["--player", "random", "--games", "2", "--max-plies", "9", "--pgn", str(tmp_path / "a.pgn")])
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'a.pgn'}: No space left on device\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--player", "random", "--games", "0"], ("--games must be a whole number from 1 to 1,048,576, got '0'",)),
        (["--player", "random", "--games", "2", "--at-once", "0"], ("--at-once must be", "got '0'")),
        (["--player", "random", "--games", "99999999999999999999"], ("--games must be", "from 1 to 1,048,576")),
        (["--player", "random", "--games", "2", "--at-once", "9999999"], ("--at-once must be", "to 65,536")),
        (["--player", "random", "--games", "2", "--max-plies", "-1"], ("--max-plies must be", "got '-1'")),
        (["--player", "random", "--games", "2", "--openings", "random:x"], ("random:x",)),
        (["--player", "randm", "--games", "2"], ("randm", "greedy")),
        (["--player", "uci:/nowhere/engine?nodes=1", "--games", "2"], ("/nowhere/engine",)),
        (["--player", "random", "--games", "2", "--device", "cuda"], ("--device must be auto or cpu here, got cuda",)),
        (["--player", "random"], ("--games",)),
        (["--games", "2"], ("--player",)),
        (["--player", "random", "--games", "2", "--pgn", "nowhere/games.pgn"], ("nowhere",)),
        (["--player", "random", "--games", "2", "--pgn", "old.pgn"], ("old.pgn exists", "--resume")),
        (["--player", "random", "--games", "2", "--pgn", "old.pgn", "--resume"], ("not written by this command",)),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.pgn").write_text("old")
    with pytest.raises(SystemExit) as caught:
        generate.main(["--pgn", "new.pgn", *arguments])
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    for word in words:
        assert word in line
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {"old.pgn": "old"}


@pytest.mark.slow
def test_games_on_a_gpu_are_those_of_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    files.save(tmp_path / "run.safetensors", Policy(TicTacToe(), MLP(TicTacToe(), hidden=(4,))))
    run = str(tmp_path / "run.safetensors")
    command = ["--player", run, "--player", "greedy", "--games", "180", "--seed", "2"]
    assert generate.main([*command, "--pgn", str(tmp_path / "here.pgn")]) == 0
    played = fake_gpu(monkeypatch)
    assert generate.main([*command, "--pgn", str(tmp_path / "there.pgn"), "--device", "cuda"]) == 0
    assert (tmp_path / "there.pgn").read_bytes() == (tmp_path / "here.pgn").read_bytes()
    assert played == [180]
    assert generate.main([*command, "--pgn", str(tmp_path / "parts.pgn"), "--at-once", "90"]) == 0
    assert (tmp_path / "parts.pgn").read_bytes() == (tmp_path / "here.pgn").read_bytes()
    assert played == [180, 90, 90]
    host = ["--player", run, "--player", "minimax?depth=1", "--games", "4", "--pgn", str(tmp_path / "host.pgn")]
    assert generate.main(host) == 0
    assert len(played) == 3


def test_an_imported_game_without_a_policy(
    tmp_path: Path, refused: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its games are not added to a file with games of chess, nor games of chess to its file."""
    path, other = tmp_path / "tic_tac_toe.pgn", tmp_path / "chess.pgn"
    command = ["--player", "random", "--games", "3", "--max-plies", "20"]
    module = ["--import", "chesspg.games.tic_tac_toe"]
    assert generate.main([*command, *module, "--pgn", str(path)]) == 0
    assert generate.main([*command, "--pgn", str(other)]) == 0
    assert path.read_text().count('[Variant "tic-tac-toe"]\n') == 3
    capsys.readouterr()
    before = path.read_bytes(), other.read_bytes()
    more = ["--player", "random", "--games", "6", "--resume", "--pgn"]
    refused(generate.main, [*more, str(path)], ('have [Variant "tic-tac-toe"]; expected games of chess',))
    refused(generate.main, [*more, str(other), *module], ("which means chess; expected games of tic-tac-toe",))
    assert (path.read_bytes(), other.read_bytes()) == before
    assert generate.main([*more, str(path), *module]) == 0
    assert path.read_text().count('[Variant "tic-tac-toe"]\n') == 6


def test_a_file_of_other_players_names_them(tmp_path: Path, refused: Callable[..., None]) -> None:
    path = tmp_path / "games.pgn"
    two = ["--player", "greedy", "--player", "greedy?random=0.5", "--max-plies", "4", "--pgn", str(path)]
    with contextlib.redirect_stdout(io.StringIO()):
        assert generate.main([*two, "--games", "5"]) == 0
        lock = path.with_name(".games.pgn.lock")
        lock.unlink(missing_ok=True)
        wanted = (
            "expected 'random'",
            "continue with --player greedy --player 'greedy?random=0.5', or name another file",
        )
        refused(generate.main, ["--player", "random", "--games", "9", "--resume", "--pgn", str(path)], wanted)
        assert not lock.exists()
        assert generate.main([*two, "--games", "6", "--resume"]) == 0


def test_two_at_once_do_not_write_the_same_games(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "games.pgn"
    command = ["--player", "random", "--games", "2", "--max-plies", "9", "--pgn", str(path)]
    with only_one(tmp_path / ".games.pgn.lock"), pytest.raises(SystemExit) as caught:
        generate.main(command)
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        f"error: another process is writing games to {path}; wait until it ends, or name another file\n"
    )
    assert not path.exists()
    assert generate.main(command) == 0
