"""`python -m chesspg.uci` as GUIs run it: a process that is connected by pipes."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import chess
import chess.engine
import pytest
import torch

from chesspg.games.chess import Chess
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "chesspg.uci"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    game = Chess(backend="python-chess")
    path = tmp_path_factory.mktemp("run") / "last.safetensors"
    files.save(path, Policy(game, MLP(game, hidden=(8,), value=True)))
    return str(path)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the engine in an empty folder, and ends it after the test."""
    started: list[subprocess.Popen[str]] = []

    def start_engine(*arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        engine = subprocess.Popen(
            [*COMMAND, *arguments], cwd=tmp_path, env=ENVIRONMENT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )
        started.append(engine)
        return engine

    yield start_engine
    for engine in started:
        engine.kill()
        engine.communicate()


def say(engine: subprocess.Popen[str], *lines: str, until: str = "") -> list[str]:
    """The lines that the engine writes next, up to one that begins with `until`."""
    assert engine.stdin
    assert engine.stdout
    engine.stdin.write("".join(f"{line}\n" for line in lines))
    engine.stdin.flush()
    output: list[str] = []
    while until and not (output and output[-1].startswith(until)):
        output.append(engine.stdout.readline().rstrip("\n"))
        assert output[-1], f"ended before {until}: {output}"
    return output


def test_nothing_slow_is_imported_before_uciok() -> None:
    """uciok is due in 150 ms; torch takes seconds to import, numpy and chess a tenth of a second each."""
    code = (
        "import io, sys, chesspg.uci; from chesspg.uci.protocol import Engine; out = io.StringIO(); "
        "Engine(out, 'nowhere').run(['uci', 'setoption name MultiPV value 2']); assert 'uciok' in out.getvalue(); "
        "print([name for name in ('torch', 'numpy', 'chess', 'dataclasses', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_python_chess_plays_a_whole_game_against_itself(weights: str) -> None:
    board = chess.Board()
    with chess.engine.SimpleEngine.popen_uci([*COMMAND, weights], env=ENVIRONMENT, timeout=60) as engine:
        engine.configure({"Temperature": "1", "Seed": 3, "UCI_ShowWDL": True, "Threads": 1, "Hash": 64})
        while not board.is_game_over(claim_draw=True) and board.ply() < 300:
            played = engine.play(board, chess.engine.Limit(time=1), info=chess.engine.INFO_ALL)
            assert played.move in board.legal_moves
            assert played.info["pv"][0] == played.move
            assert played.info["wdl"].turn == played.info["score"].turn == board.turn
            board.push(played.move)
        assert board.ply() > 20
        lines = engine.analyse(chess.Board(), chess.engine.Limit(nodes=10), multipv=4)
        assert len({line["pv"][0] for line in lines}) == 4
        with engine.analysis(chess.Board()) as endless:  # go infinite, then stop
            assert endless.next()
            endless.stop()
            assert endless.wait().move in chess.Board().legal_moves


def test_the_console_script_is_this_command() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, name = scripts["chesspg-uci"].partition(":")
    assert module == "chesspg.uci.__main__"  # what `python -m chesspg.uci` runs
    assert callable(getattr(importlib.import_module(module), name))


def test_the_end_of_the_input_is_the_end(start: Callable[..., subprocess.Popen[str]], weights: str) -> None:
    """All earlier commands are answered first, even an infinite search."""
    engine = start(weights)
    output, complaints = engine.communicate("uci\nisready\nposition startpos moves e2e4\ngo infinite\n", timeout=60)
    assert output.splitlines()[-1].startswith("bestmove ")
    assert (engine.returncode, complaints) == (0, "")


def test_quit_while_thinking_and_while_loading(start: Callable[..., subprocess.Popen[str]], weights: str) -> None:
    engine = start(weights)
    say(engine, "go infinite", until="info depth")
    say(engine, "quit")
    assert engine.wait(timeout=10) == 0
    engine = start(weights)
    output, complaints = engine.communicate("uci\nisready\nposition startpos\ngo\nquit\n", timeout=60)
    assert [line.split()[0] for line in output.splitlines() if not line.startswith(("id", "option"))] == [
        "uciok", "info", "readyok", "info", "info", "bestmove"
    ]  # fmt: skip
    assert (engine.returncode, complaints) == (0, "")


def test_quit_waits_for_nothing_that_needs_no_answer(start: Callable[..., subprocess.Popen[str]], weights: str) -> None:
    """`position` loads the policy, for which torch is imported; the policy is announced after that."""
    engine = start(weights)
    output, complaints = engine.communicate("uci\nposition startpos\nquit\n", timeout=60)
    assert output.splitlines()[-1] == "uciok"
    assert (engine.returncode, complaints) == (0, "")


def test_bytes_that_are_no_text(weights: str) -> None:
    done = subprocess.run(
        [*COMMAND, weights], env=ENVIRONMENT, timeout=60, capture_output=True,
        input=b"\xff\xfe\x00go\n\xc3\x28 uci\nsetoption name WeightsFile value /\xff\r\ngo searchmoves e2e4\r\n\x80",
    )  # fmt: skip
    assert b"unknown policy '/\\udcff'" in done.stdout
    assert (done.returncode, done.stderr) == (0, b"")


def test_whatever_ends_a_line(weights: str) -> None:
    lines = b"\xef\xbb\xbfuci\risready\r\nposition startpos moves e2e4\ngo searchmoves e7e5\rquit\r\n"
    done = subprocess.run([*COMMAND, weights], env=ENVIRONMENT, timeout=60, capture_output=True, input=lines)
    output = done.stdout.decode().split()
    assert [word for word in output if word in ("uciok", "readyok", "bestmove")] == ["uciok", "readyok", "bestmove"]
    assert output[output.index("bestmove") + 1] == "e7e5"
    assert (done.returncode, done.stderr) == (0, b"")


def test_nobody_reads(start: Callable[..., subprocess.Popen[str]], weights: str) -> None:
    engine = start(weights)
    assert engine.stdout
    assert engine.stdin
    assert engine.stderr
    engine.stdout.close()
    say(engine, "uci", "go", "isready")
    engine.stdin.close()
    assert engine.wait(timeout=60) == 0
    assert engine.stderr.read() == ""
    engine.stdin = engine.stdout = None


def test_ctrl_c(start: Callable[..., subprocess.Popen[str]], weights: str) -> None:
    engine = start(weights)
    say(engine, "uci", until="uciok")
    engine.send_signal(signal.SIGINT)
    assert engine.wait(timeout=10) == 130
    assert engine.stderr
    assert engine.stderr.read().split() == ["interrupted"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], ("unknown policy 'nowhere'", "expected a policy file", "run folder", "policies that ship: ")),
        (["nowhere?temperature=1"], ("no file 'nowhere'", "expected a policy file")),
        (["greedy"], ("'greedy' is a player without a policy", "expected a policy file")),
        (["uci:stockfish?nodes=1"], ("is a player without a policy",)),
        (["chess_quick?temprature=1"], ("unknown option 'temprature'", "temperature, random")),
        (["chess_quick?temperature=hot"], ("0 or a number from 0.01 to 100, got 'hot'",)),
        (["--fish"], ("--fish", "--help")),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: list[str], words: tuple[str, ...]) -> None:
    done = subprocess.run([*COMMAND, *arguments], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr
