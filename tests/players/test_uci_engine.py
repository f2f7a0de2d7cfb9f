"""UCI engines as players: what they receive, how failures are handled, and that no process is left over."""

from __future__ import annotations

import asyncio
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from chesspg.games.chess import Chess
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players import keeper
from chesspg.players.player import Random, Turn
from chesspg.players.roster import player_from_string, players
from chesspg.players.uci_dialogue import LONGEST_LINE, Connection
from chesspg.players.uci_engine import EnginePlayer
from chesspg.players.uci_process import GAMES_FOLDER, EngineError
from chesspg.selfplay.loop import play
from chesspg.selfplay.rollout import FORFEIT, Rollout

pytestmark = pytest.mark.slow

# An engine that logs its process and all that it receives, plays the last legal move, and misbehaves as its first
# argument says: at once, or when it is to move in a game that began with 1 e4. With a second argument it has children
# that hold its pipes: an ordinary one, one in another session, and one whose parent has ended.
FAKE = """
import os, subprocess, sys, time
import chess
log, mode, *family = sys.argv[1:]
log = open(log, "a", buffering=1)
def say(*lines):
    print(*lines, sep="\\n", flush=True)
log.write(f"pid {os.getpid()}\\n")
if family:
    sleep = [sys.executable, "-S", "-c", "import time; time.sleep(1000)"]
    log.write(f"pid {subprocess.Popen(sleep).pid}\\n")
    log.write(f"pid {subprocess.Popen(sleep, start_new_session=True).pid}\\n")
    orphan = "import os, subprocess, sys; print(subprocess.Popen(sys.argv[1:], stdout=2, start_new_session=True).pid)"
    log.write(f"pid {subprocess.check_output([sys.executable, '-S', '-c', orphan, *sleep], text=True)}\\n")
if mode == "dead":
    print("no licence", file=sys.stderr)
    sys.exit(4)
board = chess.Board()
for line in sys.stdin:
    log.write(line)
    word, *rest = line.split()
    if word == "uci" and mode == "mute":
        continue
    elif word == "uci" and mode == "babble":
        say("hello", "id", "bestmove e2e4", "what is it you want?")
    elif word == "uci":
        say("id name Fake", "option name Threads type spin default 4 min 1 max 8",
            "option name Hash type spin default 16 min 4 max 64", "option name Clear Hash type button",
            "option name Style type combo default Calm var Calm var Very Wild",
            "option name Book type check default true", "option name File & Path type string default <empty>",
            "option name MultiPV type spin default 1 min 1 max 5",
            "uciok")
    elif word == "isready" and mode != "unready":
        say("readyok")
    elif word == "position":
        start, _, moves = line.removeprefix("position fen ").partition(" moves ")
        board = chess.Board(start)
        for move in moves.split():
            board.push_uci(move)
    elif word == "go":
        best = max(board.legal_moves, key=lambda move: (move.to_square, move.uci())).uci()
        if board.move_stack and board.move_stack[0].uci() == "e2e4":
            if mode == "crash":
                os._exit(3)
            if mode in ("hang", "stubborn"):
                time.sleep(100)
            if mode == "twice":
                say(f"bestmove {best}")
            wrong = {"illegal": "e2e5", "none": "(none)", "empty": "", "queen": "g8f6q", "rude": "\\x1b[2J"}
            best = wrong.get(mode, best)
        say("info depth 1 score cp 0", f"bestmove {best} ponder a1a1")
    elif word == "quit":
        break
"""
E4, D4 = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1 moves e2e4", "startpos moves d2d4"


class Fake:
    """The fake engine with one kind of misbehavior."""

    def __init__(self, folder: Path) -> None:
        self.script, self.log = folder / "fake engine.py", folder / "log"
        self.script.write_text(FAKE)

    def target(self, mode: str) -> str:
        return f"{sys.executable} '{self.script}' '{self.log}' {mode}"

    def received(self, word: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line.startswith(word)]

    def pids(self) -> list[int]:
        return [int(line.split()[1]) for line in self.received("pid")]


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    """At the end of every test none of its processes may be left."""
    fake = Fake(tmp_path)
    yield fake
    assert fake.pids()
    assert [pid for pid in fake.pids() if alive(pid)] == []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(pids: list[int]) -> bool:
    """Whether these processes have ended or end within a short time."""
    deadline = time.monotonic() + 20
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(alive, pids))


def against(player: EnginePlayer, starts: list[str], max_plies: int = 4) -> Rollout:
    """Games in which the engine has Black."""
    return play(Chess().start(starts), (Random(), player), Randomness(0), max_plies=max_plies)


def test_what_an_engine_is_told(fake: Fake) -> None:
    text = f"uci:{fake.target('well')}?Style=Very Wild&nodes=5&Clear Hash&book=false&File %26 Path=a%3Db=c&movetime=7"
    with players(["random", text], Chess()) as (_, player):
        assert isinstance(player, EnginePlayer)
        rollout = against(player, [D4, E4], 6)
    assert not rollout.forfeits
    assert fake.received("setoption") == [
        "setoption name Style value Very Wild", "setoption name Clear Hash", "setoption name Book value false",
        "setoption name File & Path value a=b=c", "setoption name Threads value 1", "setoption name Hash value 4",
    ]  # fmt: skip
    assert fake.received("go") == ["go nodes 5 movetime 7"] * 6
    assert len(fake.received("ucinewgame")) == 6
    for position, at in zip(rollout.positions(), fake.received("position")[-2:], strict=True):
        at = at.removeprefix("position fen ")
        assert position.startswith(at)
        assert len(position.split()) == len(at.split()) + 2  # its last move and the reply


def test_a_thousand_nodes_without_a_limit(fake: Fake) -> None:
    player = EnginePlayer(fake.target("well"), Chess())
    against(player, [D4])
    player.close()
    player.close()  # does no harm
    assert fake.received("go") == ["go nodes 1000"] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("crash", "died unexpectedly (exit code: 3)"),
        ("hang", "did not answer within"),
        ("illegal", "answered e2e5, which is illegal"),
        ("none", "answered (none), which is illegal"),
        ("empty", "which is illegal"),
        ("queen", "answered g8f6q, which is illegal"),
        ("rude", r"answered \x1b[2J, which is illegal"),  # it would clear the terminal
    ],
)
@pytest.mark.parametrize("concurrency", [1, 2])
def test_what_goes_wrong_costs_one_game(fake: Fake, mode: str, why: str, concurrency: int) -> None:
    timeout = 3.0 if mode == "hang" else 60.0
    with players([f"uci:{fake.target(mode)}?timeout={timeout}"], Chess(), concurrency=concurrency) as (player,):
        rollout = against(player, [D4, E4, D4, D4])
    assert set(rollout.forfeits) == {1}
    assert why in rollout.forfeits[1]
    assert "\n" not in rollout.forfeits[1]
    assert (rollout.reason[1], rollout.outcome[1], rollout.length[1]) == (FORFEIT, 1, 0)
    assert rollout.length.tolist() == [4, 0, 4, 4]
    assert len(fake.pids()) == concurrency + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "why"),
    [("crash", "died unexpectedly (exit code: 3)"), ("hang", "did not answer within 3 s"), ("well", "")],
)
def test_children_that_hold_its_pipes_end_with_an_engine(fake: Fake, mode: str, why: str) -> None:
    with players([f"uci:{fake.target(mode)} family?timeout=3"], Chess()) as (player,):
        first = fake.pids()
        assert len(first) == 4
        assert all(map(alive, first))
        began = time.monotonic()
        rollout = against(player, [E4], 2)
        assert why in rollout.forfeits.get(0, "")
        assert bool(rollout.forfeits) == bool(why)
        if why:
            assert not any(map(alive, first))
        if mode == "crash":  # its end is noticed at once although its children hold its pipes
            assert time.monotonic() - began < 3


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="there is no /proc")
def test_an_engine_ignores_no_signal_and_has_only_its_own_pipes(tmp_path: Path) -> None:
    (tmp_path / "engine.py").write_text(
        "import os, sys\n"
        "pipes = [n for n in range(100) if os.path.exists(f'/proc/self/fd/{n}')]\n"
        "print('id name', pipes, os.environ['IGNORED'], flush=True)\n"
        "[print({'uci': 'uciok', 'isready': 'readyok'}.get(line.strip(), ''), flush=True) for line in sys.stdin]\n"
    )
    engine = tmp_path / "engine"
    engine.write_text(
        f"#!/bin/sh\nIGNORED=$(grep SigIgn /proc/self/status) exec {sys.executable} -S {tmp_path}/engine.py\n"
    )
    engine.chmod(0o755)
    with players([f"uci:{engine}"], Chess()) as (player,):
        assert player.version.split() == ["[0,", "1,", "2]", "SigIgn:", "0" * 16]  # type: ignore[attr-defined]


def test_a_second_answer_is_not_taken_for_the_next_game(fake: Fake) -> None:
    with players([f"uci:{fake.target('twice')}"], Chess()) as (player,):
        rollout = against(player, [E4, D4, E4, D4], 6)
    assert not rollout.forfeits


def test_an_engine_killed_in_mid_game_and_gone_for_good(fake: Fake) -> None:
    with players([f"uci:{fake.target('well')}"], Chess()) as (player,):
        assert not against(player, [D4]).forfeits
        os.kill(fake.pids()[0], signal.SIGKILL)
        fake.script.unlink()
        rollout = against(player, [D4, D4])
    assert "exit code: -9" in rollout.forfeits[0]
    assert "could not be started again" in rollout.forfeits[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("dead", "no uciok (engine process died unexpectedly (exit code: 4)); its last line was 'no licence'"),
        ("mute", "no uciok within 2 s"),
        ("babble", "no uciok within 2 s; its last line was 'what is it you want?'"),
        ("unready", "no readyok within 1 s"),
    ],
)
def test_what_can_not_start_is_told_in_one_line(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, mode: str, why: str
) -> None:
    if mode in (
        "mute",
        "babble",
    ):  # on a busy machine the others may take longer to start
        monkeypatch.setattr("chesspg.players.uci_process.START", 2.0)
    monkeypatch.setattr("chesspg.players.uci_process.READY", 1.0)
    with pytest.raises(EngineError) as caught, players([f"uci:{fake.target(mode)}"], Chess(), concurrency=2):
        pass
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            "nods=3",
            (
                "unknown option 'nods'; expected one of",
                "nodes, depth, movetime, timeout",
                "Threads, Hash, Clear Hash, Style",
            ),
        ),
        ("Hash=1", ("'Hash'", "at least 4", "1")),
        ("Hash=65", ("at most 64",)),
        ("Hash=much", ("expected integer", "'much'")),
        ("Hash", ("'Hash' needs a value",)),
        ("Clear Hash=1", ("'Clear Hash' is a button",)),
        ("Style=Wild", ("Wild", "Calm, Very Wild")),
        ("Book=no", ("'no'", "true or false")),
        ("MultiPV=3", ("MultiPV", "automatically managed")),
    ],
)
def test_options_the_engine_does_not_take(fake: Fake, options: str, words: tuple[str, ...]) -> None:
    with pytest.raises(EngineError) as caught:
        player_from_string(f"uci:{fake.target('well')}?{options}", Chess())
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nowhere", ("'nowhere'", "PATH", GAMES_FOLDER)),
        ("", ("neither on the PATH",)),
        ("'", ("neither on the PATH",)),
        ("FILE", ("is not a program",)),
        ("FOLDER", ("is not a program",)),
        ("SCRIPT", ("can't be run",)),
    ],
)
def test_what_is_no_program(tmp_path: Path, target: str, words: tuple[str, ...]) -> None:
    (tmp_path / "FILE").touch()
    (tmp_path / "FOLDER").mkdir()
    (tmp_path / "SCRIPT").write_text("no interpreter, no binary")
    (tmp_path / "SCRIPT").chmod(0o755)
    with pytest.raises(EngineError) as caught:
        player_from_string(f"uci:{tmp_path / target if target.isupper() else target}", Chess())
    for word in words:
        assert word in str(caught.value)


def test_what_engines_do_not_play(fake: Fake) -> None:
    with pytest.raises(EngineError, match="plays chess, not tic-tac-toe"):
        player_from_string(f"uci:{fake.target('well')}", TicTacToe())
    with pytest.raises(EngineError, match="does not play atomic: it has no option UCI_Variant"):
        player_from_string(f"uci:{fake.target('well')}", Chess("atomic"))
    with pytest.raises(EngineError, match="does not play chess960: it has no option UCI_Chess960"):
        player_from_string(f"uci:{fake.target('well')}", Chess("chess960"))
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        player_from_string(f"uci:{fake.target('well')}", Chess(), concurrency=0)


def test_a_path_with_spaces_and_one_from_home(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    program = tmp_path / "an engine"
    program.write_text(f"#!/bin/sh\nexec {fake.target('well')}\n")
    program.chmod(0o755)
    for target in (str(program), "~/an engine"):
        player_from_string(f"uci:{target}", Chess()).close()  # type: ignore[attr-defined]


def test_who_is_forgotten_is_closed(fake: Fake) -> None:
    player = EnginePlayer(fake.target("well"), Chess())
    assert alive(fake.pids()[0])
    del player  # the fixture checks afterwards that no process is left


def test_it_thinks_while_the_loop_does_something_else(fake: Fake) -> None:
    with players([f"uci:{fake.target('well')}?random=0.5"], Chess(), concurrency=2) as (player,):
        games = Chess().start([D4] * 6)
        seen, uniforms = games.observe(), np.arange(6) / 6
        answer = player.launch(Turn(seen, uniforms, games, np.arange(6)))  # type: ignore[attr-defined]
        deadline = time.monotonic() + 30
        while len(fake.received("go")) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(fake.received("go")) == 3  # before the answer is awaited
        assert len(set(answer().index[3:].tolist())) == 1


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="the engine is a shell script")
@pytest.mark.timeout(120)
def test_closing_while_an_engine_starts_again_comes_to_an_end(tmp_path: Path) -> None:
    """This holds at any moment: asyncio breaks if its internal tasks that start a process are canceled."""
    engine = tmp_path / "engine"
    engine.write_text(
        '#!/bin/sh\nwhile read l; do case "$l" in uci) echo uciok;; isready) echo readyok;; go*) exit 1;; esac; done\n'
    )
    engine.chmod(0o755)
    games = Chess().start(["startpos"] * 60)
    turn = Turn(games.observe(), np.zeros(60), games, np.arange(60))

    def close_after_some_time(first: int) -> None:
        for k in range(first, 40, 8):
            player = EnginePlayer(str(engine), Chess(), concurrency=2)
            player.launch(turn)
            time.sleep(k * 0.004)
            player.close()  # waits half a second, because the engine ignores `quit`

    threads = [Thread(target=close_after_some_time, args=(first,), daemon=True) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
        assert not thread.is_alive()


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "raises", "ends", "os._exit"])
def test_a_program_that_ends_leaves_nothing_behind(fake: Fake, how: str) -> None:
    """This holds however Python ends, even without close(): here the engine never answers and ignores `quit`."""
    code = f"""
import os
import resource
from chesspg.players.roster import players, player_from_string
from chesspg.games.chess import Chess
from chesspg.games.randomness import Randomness
from chesspg.selfplay.loop import play
from chesspg.players.player import Random
text, starts = {"uci:" + fake.target("stubborn") + " family"!r}, {[E4] * 3!r}
if not {how.startswith("SIG")}:
    player = player_from_string(text, Chess(), concurrency=2)
    if {how == "raises"}:
        raise KeyboardInterrupt
    if {how == "os._exit"}:
        os._exit(0)
else:
    with players([text], Chess(), concurrency=2) as (player,):
        print("started", flush=True)
        play(Chess().start(starts), (Random(), player), Randomness(0))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    if how.startswith("SIG"):
        assert process.stdout.readline() == "started\n"
        deadline = time.monotonic() + 30
        while len(fake.received("go")) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.Signals[how])
    _, errors = process.communicate(timeout=60)
    assert len(fake.pids()) == 8
    assert gone(fake.pids())
    assert ("KeyboardInterrupt" in errors) == (how in ("SIGINT", "raises"))
    assert errors.strip().endswith("KeyboardInterrupt") or not errors


def real(name: str) -> pytest.MarkDecorator:
    path = os.pathsep.join((os.environ.get("PATH", ""), GAMES_FOLDER))
    return pytest.mark.skipif(not shutil.which(name, path=path), reason=f"{name} is not installed")


@real("stockfish")
def test_fixed_nodes_repeat_whatever_the_company() -> None:
    """The moves are the same with two processes or one, and for all games or one of them."""
    starts = [D4, E4, "startpos moves a2a3", "startpos moves b1c3 b8c6"]
    text = "uci:stockfish?nodes=300"

    def positions(starts: list[str], index: np.ndarray, concurrency: int) -> list[str]:
        with players([text], Chess(), concurrency=concurrency) as (player,):
            rollout = play(Chess().start(starts), (Random(), player), Randomness(0), max_plies=16, index=index)
            assert not rollout.forfeits
            return rollout.positions()

    together = positions(starts, np.arange(4), 2)
    assert positions(starts, np.arange(4), 1) == together
    assert positions(starts[2:3], np.arange(2, 3), 1) == together[2:3]


@real("stockfish")
def test_stockfish_mates_and_plays_chess960() -> None:
    game = Chess("chess960")
    with players(["uci:stockfish?Skill Level=20&depth=6"], game, concurrency=2) as (player,):
        starts = [
            "6k1/5ppp/8/8/8/8/5PPP/4R1K1 w - - 0 1",
            "bqnb1rkr/pp3ppp/3ppn2/2p5/5P2/P2P4/NPP1P1PP/BQ1BNRKR w HFhf - 2 9",
        ]
        rollout = play(game.start(starts), (player, player), Randomness(0), max_plies=40)
    assert not rollout.forfeits
    assert (rollout.outcome[0], rollout.length[0]) == (1, 1)
    with pytest.raises(EngineError, match="does not play atomic"):
        player_from_string("uci:stockfish", Chess("atomic"))


@real("fairy-stockfish")
@pytest.mark.parametrize("variant", ["kingofthehill", "standard"])
def test_fairy_stockfish_plays_the_variants(variant: str) -> None:
    game = Chess(variant)
    with players(["uci:fairy-stockfish?Skill Level=-5&nodes=100"], game) as (player,):
        assert not play(game.start(2), (player, Random()), Randomness(0), max_plies=60).forfeits


@real("gnuchess")
def test_gnu_chess_takes_an_argument_and_outlives_its_input() -> None:
    with players(["uci:gnuchess --uci?depth=1&OwnBook=false"], Chess()) as (player,):
        assert not against(player, [D4, E4], 20).forfeits  # type: ignore[arg-type]


# An engine that prints the lines of one file in answer to `uci`, and of another one before its move.
SAYS = """
import sys
from pathlib import Path
options, infos = (Path(name).read_text() for name in sys.argv[1:])
for line in sys.stdin:
    answer = {"uci": options + "\\n\\t uciok ", "isready": "  readyok"}.get(line.split()[0], "")
    if line.startswith("setoption"):
        print("info string", line.strip(), file=open(sys.argv[2] + ".set", "a"))
    print(infos + "\\n \\tbestmove\\td7d5  ponder e2e4" if line.startswith("go") else answer, flush=True)
"""


def saying(folder: Path, options: str = "", infos: str = "") -> str:
    for name, text in {"says.py": SAYS, "options": options, "infos": infos}.items():
        (folder / name).write_text(text)
    return f"uci:{sys.executable} {folder}/says.py {folder}/options {folder}/infos"


@pytest.mark.parametrize(
    ("infos", "value"),
    [
        ("info depth 5 score cp 0 nodes 10", 0.0),
        ("info score cp 100 lowerbound", 2 / (1 + 10**-0.25) - 1),
        ("info depth 1 score cp -400", -9 / 11),  # W = 1 / 11
        ("info depth 9 score mate 3", 1.0),
        ("info depth 9 score mate -2", -1.0),
        ("info depth 9 score mate 0", -1.0),
        ("info depth 9 score cp soon", math.nan),
        ("info depth 9 score", math.nan),
        ("", math.nan),
        ("info depth 1 score cp -999999999", -1.0),
        ("  \tinfo  depth\t9\tscore   cp  400 ", 9 / 11),
        ("info multipv 1 score cp 400\ninfo multipv 2 score cp -400", 9 / 11),
        ("info depth 3 multipv 1 score cp 0\ninfo depth 3 multipv 2 score mate -1\ninfo multipv 10 score cp 3", 0.0),
        ("info score cp 0\ninfo string the score cp 400 is a lie", 0.0),
        ("info string score cp 400", math.nan),
        ("info score cp 0\ninfo score cp 400 lowerbound\ninfo score upperbound cp 300", 0.0),
        ("info score cp 0 lowerbound\ninfo score cp 400", 9 / 11),
        ("info score cp 400 wdl 900 50 50 depth 3", 9 / 11),
        ("info score lowerbound cp 400", 9 / 11),
        ("information score cp 3", math.nan),
        ("info score cp 0\ninfo depth 4 currmove e2e4 currmovenumber 1", 0.0),
    ],
)
def test_a_score_is_an_expected_return(tmp_path: Path, infos: str, value: float) -> None:
    with players([saying(tmp_path, infos=infos)], Chess()) as (player,):
        games = Chess().start([D4])
        choice = player.choose(Turn(games.observe(), np.zeros(1), games, np.arange(1)))
    assert not choice.forfeits
    assert choice.value is not None
    assert choice.value[0] == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize(
    "options",
    [
        "option name Tb type string empty",
        "option name Tb type strong default x",
        "option name Tb type",
        "option name type string",
        "option",
        "option Tb",
        "option name Tb type spin default many min few",
        "option name Tb type spin",
        "option name Tb type spin default 9 min 1 max 3",
        "option name Tb type combo default A var B",
        "option name Tb type check default",
        " \t option  name   Tb  type string  default ",
        "id",
        "copyprotection checking",
    ],
)
def test_an_option_that_can_t_be_read_is_ignored(tmp_path: Path, options: str) -> None:
    text = saying(
        tmp_path, f"  id  name   Says\t2 \n{options}\n\toption\tname Move Overhead type spin default 10 min 0 max 99"
    )
    with players([f"{text}?move overhead=50"], Chess()) as (player,):
        assert player.version == "Says 2"  # type: ignore[attr-defined]
        assert not play(Chess().start([D4]), (Random(), player), Randomness(0), max_plies=2).forfeits
    assert (tmp_path / "infos.set").read_text() == "info string setoption name Move Overhead value 50\n"


def test_a_text_may_have_any_word_in_it(tmp_path: Path) -> None:
    option = "option name The Book type string default my max book var 3"
    with players([f"{saying(tmp_path, option)}?The Book=a type  of book"], Chess()):
        pass
    assert (tmp_path / "infos.set").read_text().endswith("name The Book value a type  of book\n")


@pytest.mark.parametrize(
    "options",
    [
        "option name Hash type spin default 16 min 16 max 8",
        "option name Threads type spin default 1 min 4 max 2",
        "option name Hash type spin default 0 min 0 max 0",
        "option name Threads type spin default -1 min -2 max -1",
        "option name Hash type combo default A var A var B",
        "option name Hash type check default true",
        "option name Threads type string default all",
        "option name Hash type button",
    ],
)
def test_what_nobody_has_set_is_left_alone_if_nothing_fits(tmp_path: Path, options: str) -> None:
    with players([saying(tmp_path, options)], Chess()) as (player,):
        assert not play(Chess().start([D4]), (Random(), player), Randomness(0), max_plies=2).forfeits
    assert not (tmp_path / "infos.set").exists()


def test_what_contradicts_itself_is_refused_if_it_is_set(tmp_path: Path) -> None:
    text = saying(tmp_path, "option name Hash type spin default 16 min 16 max 8")
    with pytest.raises(EngineError, match="'Hash' to be at most 8, got: 16"):
        player_from_string(f"{text}?Hash=16", Chess())


@pytest.mark.parametrize(("answer", "legal"), [("a2a1n", True), ("a7a1n", False), ("a2g1n", False), ("a2a3n", False)])
def test_a_promotion_from_elsewhere_is_illegal(tmp_path: Path, answer: str, legal: bool) -> None:
    start = "8/7k/8/8/8/8/pppp3K/8 b - - 0 1"
    with players([saying(tmp_path, "", f"bestmove {answer}")], Chess()) as (player,):
        rollout = play(Chess().start([start]), (Random(), player), Randomness(0), max_plies=1)
    assert rollout.positions() == [f"{start} moves {answer}" if legal else start]
    assert bool(rollout.forfeits) != legal


@pytest.mark.parametrize("fd", [1, 2])
def test_a_line_that_does_not_end_takes_little_memory(fd: int) -> None:
    async def flooded() -> Connection:
        connection = Connection()
        for _ in range(40):
            connection.pipe_data_received(fd, b"x" * (LONGEST_LINE // 20))
        assert len(connection.buffer[fd]) == LONGEST_LINE
        connection.pipe_data_received(fd, b"y\nz")
        return connection

    connection = asyncio.run(flooded())
    assert connection.last == "x" * LONGEST_LINE + "y"
    assert connection.buffer[fd] == b"z"


def test_an_engine_starts_when_many_files_are_open() -> None:
    """Numbers of files from 1024 on are too large for `select`."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] <= 1100:
        pytest.skip("this process may not open 1100 files")
    watched, held = os.pipe()
    os.dup2(watched, 1100)
    command = [sys.executable, keeper.__file__, "1100", "/bin/echo", "hello"]
    ended = subprocess.run(command, pass_fds=[1100], capture_output=True, text=True, timeout=30, check=False)
    for number in (watched, held, 1100):
        os.close(number)
    assert (ended.returncode, ended.stdout) == (0, "hello\n")


CASTLES = "r3k2r/8/8/8/8/8/P7/4K3 b kq - 0 1"


@pytest.mark.parametrize(
    ("variant", "start", "answer", "move"),
    [
        ("standard", CASTLES, "e8h8", "e8g8"),
        ("standard", CASTLES, "e8a8", "e8c8"),
        ("standard", CASTLES, "E8H8", "e8g8"),
        ("standard", CASTLES, "e8g8", "e8g8"),
        ("standard", CASTLES.replace("kq", "q"), "e8h8", ""),  # no right
        ("standard", CASTLES.replace("k2r", "k1nr"), "e8h8", ""),  # a knight between
        ("standard", CASTLES, "e8h8q", ""),
        ("standard", CASTLES, "0000", ""),
        ("standard", CASTLES, "h8e8", ""),
        ("chess960", CASTLES, "e8h8", "e8h8"),
        ("chess960", CASTLES, "e8g8", "e8h8"),
        ("chess960", CASTLES.replace("kq", "q"), "e8g8", ""),
        ("kingofthehill", CASTLES, "e8a8", "e8c8"),
    ],
)
def test_castling_may_be_answered_either_way(tmp_path: Path, variant: str, start: str, answer: str, move: str) -> None:
    declared = "option name UCI_Chess960 type check default false\n"
    declared += "option name UCI_Variant type combo default chess var kingofthehill"
    game = Chess(variant)
    with players([saying(tmp_path, declared, f"bestmove {answer}")], game) as (player,):
        rollout = play(game.start([start]), (Random(), player), Randomness(0), max_plies=1)
    assert rollout.positions() == [f"{start} moves {move}" if move else start]
    assert [why.partition(" ")[2] for why in rollout.forfeits.values()] == (
        [] if move else [f"answered {answer}, which is illegal"]
    )
