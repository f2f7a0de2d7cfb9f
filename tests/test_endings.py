"""How commands end: by signals, and when nobody reads what they print. One line, the usual exit code, nothing left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from preloaded import Started

from chesspg.terminal.numbers import CORES

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "chesspg"
COMMANDS = sorted(
    [path.stem for path in PACKAGE.glob("*.py") if "__main__" in path.read_text() and path.stem != "__main__"]
    + [path.parent.name for path in PACKAGE.glob("*/__main__.py")]
)

pytestmark = pytest.mark.slow
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
ENVIRONMENT.pop("PYTHONUNBUFFERED", None)
# An engine that is busy for good once it is to move, writes down its process and that of a child, and reads no `quit`.
ENGINE = """#!/bin/sh
sleep 1000 & echo $$ $! >> pids
while read line; do
    case "$line" in uci) echo uciok;; isready) echo readyok;; go*) echo go >> pids; sleep 1000;; esac
done
"""
ENGINES = {
    "match": ["uci:./engine", "random", "--games", "2"],
    "generate": ["--player", "uci:./engine", "--games", "2", "--pgn", "games.pgn"],
    "ladder": ["uci:./engine", "random", "--results", "ladder.json"],
    "play": ["uci:./engine", "--color", "black"],
}
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a command in an empty folder, from Python's own arguments on, and ends it after the test."""
    started: list[subprocess.Popen[str]] = []

    def start_command(*arguments: str, **options: object) -> subprocess.Popen[str]:
        files = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen(  # type: ignore[call-overload]
            [sys.executable, *arguments], cwd=tmp_path, env=ENVIRONMENT, text=True, **files
        )
        started.append(process)
        return process  # type: ignore[no-any-return]

    yield start_command
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Starts a command likewise, in less time and without standard input."""
    started: list[Started] = []

    def begin_command(*arguments: str) -> Started:
        started.append(Started(tmp_path, *arguments))
        return started[-1]

    yield begin_command
    for process in started:
        process.kill()
        process.communicate()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_every_command_is_here() -> None:
    expected = {"bench", "export", "generate", "ladder", "match", "play", "pretrain", "report", "train", "uci"}
    assert expected <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_while_a_command_imports_what_it_needs(start: Start, command: str, name: str) -> None:
    process = start("-X", "importtime", "-m", f"chesspg.{command}")
    assert process.stderr
    for line in process.stderr:
        if line.endswith("| chesspg\n"):
            break
    process.send_signal(signal.Signals[name])
    said = [line for line in process.stderr if line.strip() and not line.startswith("import time:")]
    assert process.wait(timeout=60) == 128 + signal.Signals[name]
    assert said == ["interrupted\n"]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *(("match", name) for name in ("SIGINT", "SIGHUP")),
        *((command, name) for command in ENGINES for name in ("SIGTERM", "SIGKILL")),
    ],
)
def test_no_engine_outlives_its_command(begin: Callable[..., Started], tmp_path: Path, command: str, name: str) -> None:
    (tmp_path / "engine").write_text(ENGINE)
    (tmp_path / "engine").chmod(0o755)
    process = begin("-m", f"chesspg.{command}", *ENGINES[command])
    pids = tmp_path / "pids"
    wait_for(lambda: process.poll() is not None or (pids.exists() and "go" in pids.read_text()))
    number = signal.Signals[name]
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    engines = [int(pid) for pid in pids.read_text().replace("go", "").split()]
    assert engines
    wait_for(lambda: not any(map(alive, engines)))
    assert process.returncode == (-9 if name == "SIGKILL" else 128 + number)
    assert len([line for line in told.splitlines() if line.strip()]) == (name != "SIGKILL")
    assert not (tmp_path / "games.pgn").exists()


def test_a_second_ctrl_c_ends_at_once_and_no_engine_outlives_that(
    begin: Callable[..., Started], tmp_path: Path
) -> None:
    (tmp_path / "engine").write_text(ENGINE)
    (tmp_path / "engine").chmod(0o755)
    process = begin("-m", "chesspg.match", *ENGINES["match"])
    pids = tmp_path / "pids"
    wait_for(lambda: pids.exists() and "go" in pids.read_text())
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)  # the engine has half a second to heed `quit`
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    engines = [int(pid) for pid in pids.read_text().replace("go", "").split()]
    wait_for(lambda: not any(map(alive, engines)))
    assert process.returncode == 130
    assert set(told.split("\n")) <= {"", "interrupted", "interrupted: no result, nothing written"}


def test_what_is_ignored_stays_ignored(start: Start) -> None:
    """As `nohup` has it."""
    process = start(
        "-m", "chesspg.match", "random", "random", "--games", "2",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    while process.poll() is None:
        process.send_signal(signal.SIGHUP)
        time.sleep(0.05)
    assert process.returncode == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_nobody_reads_the_help(start: Start, command: str) -> None:
    read, write = os.pipe()
    os.close(read)
    process = start("-m", f"chesspg.{command}", "--help", stdout=write)
    os.close(write)
    assert process.stderr
    assert process.stderr.read() == ""
    # argparse itself drops the error where a text is longer than the buffer, as that of train.
    assert process.wait(timeout=60) in ((0, 141) if command == "train" else (141,))


def shell(tmp_path: Path, line: str, **environment: str) -> tuple[int, str]:
    """The exit code of a command in bash, which knows that of each part of a pipe, and what is on standard error."""
    done = subprocess.run(
        ["bash", "-c", line.replace("chesspg", f"{sys.executable} -m chesspg")],
        cwd=tmp_path,
        env={**ENVIRONMENT, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stderr


MATCH = "chesspg.match random random --games 2"


UNREAD = [
    (f"{MATCH} | true; exit ${{PIPESTATUS[0]}}", 141, ""),
    (f"{MATCH} > /dev/full", 2, "error: standard output can't be written: No space left on device\n"),
    ("chesspg.match random nobody 2> >(true)", 2, ""),
    ("echo uci | chesspg.uci > /dev/full", 0, ""),
]


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        *UNREAD,
        ("chesspg.ladder random greedy --games 4 --results l.json | true; exit ${PIPESTATUS[0]}", 141, ""),
        ("chesspg.bench verify --plies 1000 | true; exit ${PIPESTATUS[0]}", 141, ""),
        (f"{MATCH} >&-", 0, ""),
        (f"{MATCH} <&- >&- 2>&-", 0, ""),
        ("chesspg.match random nobody 2>&-", 2, ""),
        ("chesspg.play random <&-", 0, ""),
    ],
)
def test_streams_that_are_closed_or_full(tmp_path: Path, line: str, code: int, words: str) -> None:
    assert shell(tmp_path, line, PYTHONUNBUFFERED="") == (code, words)


@pytest.mark.parametrize(("line", "code", "words"), UNREAD)
def test_streams_whose_error_comes_with_the_first_line(tmp_path: Path, line: str, code: int, words: str) -> None:
    """Without a buffer, which is written at the end. A stream that is closed from the start has none."""
    assert shell(tmp_path, line, PYTHONUNBUFFERED="1") == (code, words)


def test_nothing_is_printed_into_a_file_whose_number_was_free(tmp_path: Path) -> None:
    """With standard output closed the next file that is opened would have its number."""
    assert shell(tmp_path, f"{MATCH} --json m.json --pgn m.pgn >&- 2>&-") == (0, "")
    assert (tmp_path / "m.json").read_text().startswith("{")
    assert (tmp_path / "m.pgn").read_text().startswith("[Event")


def test_the_engine_has_no_more_threads_than_the_machine_cores(start: Start) -> None:
    process = start("-m", "chesspg.uci")
    lines = "".join(f"setoption name Threads value {n}\n" for n in (CORES + 1, "1_000", "١", "+1", " 1 "))
    said, _ = process.communicate(f"uci\n{lines}", timeout=60)
    assert re.search(r"option name Threads type spin default 1 min 1 max (\d+)\n", said)[1] == str(CORES)  # type: ignore[index]
    refused = [line for line in said.splitlines() if "error" in line]
    assert len(refused) == 4
    for line, given in zip(refused, (CORES + 1, "1_000", "١", "+1"), strict=True):
        assert line == f"info string error: Threads must be a whole number from 1 to {CORES}, got '{given}'"
