"""The protocol inside this process: the commands of a GUI, and the answers that it relies on."""

from __future__ import annotations

import io
import json
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import chess
import numpy as np
import pytest
import torch

from chesspg.games.chess import Chess
from chesspg.games.chess.encoding import action_to_move
from chesspg.games.randomness import Randomness
from chesspg.players.player import Turn
from chesspg.players.roster import player_from_string
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.uci import analysis
from chesspg.uci.options import OPTIONS
from chesspg.uci.policies import check_chess
from chesspg.uci.protocol import Engine

CORNERED = "position fen 7k/8/8/8/8/6q1/8/7K w - - 0 1"  # stalemate
MATED = "position fen 7k/6Q1/6K1/8/8/8/8/8 b - - 0 1"


@pytest.fixture(scope="session")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folders named after their policies; `plain` has no value head."""
    torch.manual_seed(2)
    folder = tmp_path_factory.mktemp("nets")
    for name, variant in (
        ("standard", "standard"),
        ("plain", "standard"),
        ("chess960", "chess960"),
        ("atomic", "atomic"),
    ):
        (folder / name).mkdir()
        game = Chess(variant, backend="python-chess")
        network = MLP(game, hidden=(8,), value=name != "plain")
        files.save(folder / name / "last.safetensors", Policy(game, network))
    return folder


@pytest.fixture
def talk(nets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Send lines to a new engine, and return its output when all of them are answered."""
    monkeypatch.chdir(tmp_path)  # a folder without runs

    def say(*lines: str, weights: str = "standard") -> list[str]:
        out = io.StringIO()
        Engine(out, str(nets / weights) if weights else "").run(lines)
        return out.getvalue().splitlines()

    return say


def best(output: list[str]) -> list[str]:
    """The moves played."""
    return [line.split()[1] for line in output if line.startswith("bestmove ")]


def errors(output: list[str]) -> list[str]:
    return [line.removeprefix("info string error: ") for line in output if line.startswith("info string error: ")]


def pvs(output: list[str]) -> list[str]:
    return [line for line in output if re.match(r"info depth [1-9]", line)]


def test_uci_declares_every_option_with_its_default(talk: Callable[..., list[str]]) -> None:
    output = talk("uci")
    assert output[0].startswith("id name ")
    assert output[1].startswith("id author ")
    assert output[-1] == "uciok"
    declared = {re.sub(r"option name (.*) type .*", r"\1", line) for line in output[2:-1]}
    assert declared == set(OPTIONS) - {"UCI_Chess960", "UCI_Variant"}
    assert "option name UCI_ShowWDL type check default false" in output
    assert "option name WeightsFile type string default <empty>" in output


def test_what_is_declared_follows_from_the_policy_file(talk: Callable[..., list[str]], nets: Path) -> None:
    assert "option name UCI_Chess960 type check default false" in talk("uci", weights="chess960")
    assert "option name UCI_Variant type combo default atomic var atomic" in talk("uci", weights="atomic/last.ckpt")
    assert "option name UCI_Chess960 type check default false" in talk("uci", weights="chess960?temperature=1")
    for weights in ("standard", "nowhere", ""):
        assert not any("UCI_Chess960" in line or "UCI_Variant" in line for line in talk("uci", weights=weights))
    (nets / "damaged").write_bytes(b"\xff" * 30)
    assert talk("uci", weights="damaged")[-1] == "uciok"


@pytest.mark.parametrize(
    "go",
    ["", "infinite", "ponder", "ponder infinite", "wtime 1000 btime 1000 winc 10 binc 10 movestogo 40", "movetime 50",
     "depth 1", "depth 20", "nodes 1", "nodes 1000", "mate 3", "searchmoves e7e5 d7d5 depth 3", "wtime -20", "perft 3",
     "depth", "nodes many", "depth -1", "searchmoves", "searchmoves h1h8 fish", "fish chips", "wtime wtime infinite"],
)  # fmt: skip
def test_every_go_is_answered_with_a_legal_move(talk: Callable[..., list[str]], go: str) -> None:
    output = talk("position startpos moves e2e4", f"go {go}")
    (move,) = best(output)
    board = chess.Board()
    board.push_uci("e2e4")
    assert chess.Move.from_uci(move) in board.legal_moves
    (line,) = pvs(output)
    found = re.fullmatch(r"info depth (\d) multipv 1 score cp -?\d+ nodes (\d) time \d+ pv (\S+)( \S+)?", line)
    assert found
    assert found[1] == found[2] == ("1" if go in ("depth 1", "nodes 1") else "2")
    assert found[3] == move
    if found[4]:
        board.push_uci(move)
        assert chess.Move.from_uci(found[4].strip()) in board.legal_moves
        assert output[-1] == f"bestmove {move} ponder{found[4]}"


def test_go_before_position_plays_from_the_start(talk: Callable[..., list[str]]) -> None:
    assert best(talk("go")) == best(talk("uci", "isready", "ucinewgame", "position startpos", "go"))


def test_searchmoves(talk: Callable[..., list[str]]) -> None:
    for move in ("a2a3", "h2h4", "g1h3"):
        assert best(talk(f"go depth 2 searchmoves {move} wtime 1")) == [move]
    assert len(pvs(talk("setoption name MultiPV value 9", "go searchmoves a2a3 b2b3"))) == 2
    assert "none of the searchmoves is legal" in errors(talk("go searchmoves e2e5"))[0]


@pytest.mark.parametrize(("position", "score"), [(MATED, "mate 0"), (CORNERED, "cp 0")])
def test_without_a_legal_move(talk: Callable[..., list[str]], position: str, score: str) -> None:
    assert talk(position, "go")[-2:] == [f"info depth 0 score {score}", "bestmove 0000"]


def test_atomic_is_lost_when_the_king_is_gone(talk: Callable[..., list[str]]) -> None:
    output = talk("position startpos moves g1f3 f7f6 f3e5 a7a6 e5d7", "go", weights="atomic")
    assert output[-2:] == ["info depth 0 score mate 0", "bestmove 0000"]


class Conversation:
    """Sends a line after the lines before were answered."""

    def __init__(self, weights: Path) -> None:
        self.out = io.StringIO()
        self.engine = Engine(self.out, str(weights))

    def until(self, start: str) -> list[str]:
        for _ in range(3000):
            output = self.out.getvalue().splitlines()
            if any(line.startswith(start) for line in output):
                self.out.seek(0)
                self.out.truncate()
                return output
            time.sleep(0.005)
        raise AssertionError(f"no {start} in {output}")

    def has(self, script: Callable[[], Iterator[str]]) -> None:
        self.engine.run(script())


@pytest.mark.parametrize(
    ("go", "released_by"),
    [("go infinite", "stop"), ("go ponder wtime 9 btime 9", "stop"), ("go ponder", "ponderhit"),
     ("go ponder infinite", "stop")],
)  # fmt: skip
def test_an_answer_is_held_back_until_it_may_be_told(nets: Path, go: str, released_by: str) -> None:
    conversation = Conversation(nets / "standard")

    def script() -> Iterator[str]:
        yield "isready"
        conversation.until("readyok")
        yield "stop"  # nothing to stop
        yield go
        assert not best(conversation.until("info depth"))
        if "infinite" in go:
            yield "ponderhit"
        yield "isready"  # is answered while thinking
        assert not best(conversation.until("readyok"))
        yield "position startpos moves e2e4"  # for the next
        yield released_by
        assert best(conversation.until("bestmove"))
        yield "go searchmoves e7e5"
        assert best(conversation.until("bestmove")) == ["e7e5"]

    conversation.has(script)


def test_stop_comes_as_early_as_it_likes(nets: Path) -> None:
    """This holds before the thinking thread has begun, and for all waiting commands."""
    conversation = Conversation(nets / "standard")

    def script() -> Iterator[str]:
        yield from ("go infinite", "go infinite searchmoves e2e4", "stop")
        first = conversation.until("bestmove")
        assert len(best(first) or best(conversation.until("bestmove e2e4"))) >= 1

    conversation.has(script)


def test_quit_waits_for_nothing(nets: Path) -> None:
    conversation = Conversation(nets / "standard")

    def script() -> Iterator[str]:
        yield "go infinite"
        conversation.until("info depth")
        yield "quit"
        raise AssertionError("read on after quit")

    conversation.has(script)


@pytest.mark.parametrize(
    ("position", "why"),
    [
        ("startpos moves e2e5 ", "'startpos moves e2e5' is not a position of chess: move 1, 'e2e5', is illegal;"),
        ("startpos moves e2e4 e2e4", "move 2, 'e2e4', is illegal"),
        ("startpos moves e2e4 0000", "move 2, '0000', is illegal"),
        ("startpos moves fish", "move 1, 'fish', can't be read; expected one such as e2e4 or e7e8q"),
        ("startpos e2e4", "then moves if there are any, got 'startpos e2e4'"),
        ("fen 8/8/8/8/8/8/8/8 w - - 0 1", "no white king"),
        ("fen rnbqkbnr/pppppppp/8/8 w KQkq - 0 1", "its first part must be 8 ranks with a / between them"),
        ("fen", "startpos or fen FEN"),
        ("", "startpos or fen FEN"),
        ("moves e2e4", "startpos or fen FEN"),
        ("fen 4k3/8/8/8/8/8/8/4K2R w K - 0 1 moves e1g1 e1g1", "move 2, 'e1g1', is illegal"),
    ],
)
def test_a_broken_position_is_told_and_no_move_is_played(
    talk: Callable[..., list[str]], position: str, why: str
) -> None:
    """In particular no move in the last good position, in which the other side may be to move."""
    good = "position startpos moves d2d4"
    output = talk(
        good, f"position {position}", "ucinewgame", "go searchmoves d7d5 g1f3", "go", good, "go searchmoves d7d5"
    )
    assert len(errors(output)) == 3  # after the position, and before each answer without a move
    for error in errors(output):
        assert why in error
        assert error.endswith("; no move is played until another position is sent")
    assert best(output) == ["0000", "0000", "d7d5"]
    assert best(talk(f"position {position}", "go")) == ["0000"]  # nor is it the initial position


@pytest.mark.parametrize(
    ("position", "move"),
    [
        ("fen rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq e6 0 1", "e7e5"),
        ("fen rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b qkQK - 0 1;", "e7e5"),
        ("fen r3k2r/8/8/8/8/8/8/R3K2R w qkQK - 0 1; moves e1h1", "e8c8"),
        ("startpos moves E2E4", "e7e5"),
        ("\tstartpos  moves ", "e2e4"),
    ],
)
def test_a_position_that_can_mean_only_one_thing(talk: Callable[..., list[str]], position: str, move: str) -> None:
    output = talk("position startpos moves d2d4", f"position {position}", f"go searchmoves {move}")
    assert not errors(output)
    assert best(output) == [move]


@pytest.mark.parametrize(
    ("searchmoves", "move"),
    [("E8C8", "e8c8"), ("e8a8", "e8c8"), ("E8H8 fish", "e8g8"), ("a7b8Q", ""), ("a2a1Q", "a2a1q")],
)
def test_searchmoves_are_read_as_the_moves_of_a_position(
    talk: Callable[..., list[str]], searchmoves: str, move: str
) -> None:
    output = talk("position fen r3k2r/8/8/8/8/8/p7/4K3 b kq - 0 1", f"go searchmoves {searchmoves}")
    assert best(output) == [move] if move else "none of the searchmoves is legal" in errors(output)[0]


@pytest.mark.parametrize("before", ["joho ", "\ufeff", " fish \t chips ", "positoin startpos ", "isready? ", "\x0b"])
def test_words_before_a_command_are_ignored(talk: Callable[..., list[str]], before: str) -> None:
    plain = ["setoption name MultiPV value 2", "debug on", "isready", "position startpos moves e2e4",
             "go depth 1 searchmoves e7e5 d7d5"]  # fmt: skip
    output = talk(*(f"{before}{line}" for line in plain), f"{before}quit", "go")
    unknown = [line for line in output if line.startswith("info string unknown command ")]
    assert len(unknown) == (6 if before.strip(" \ufeff\x0b") else 0)
    assert "readyok" in output
    assert not errors(output)
    assert len(pvs(output)) == 2
    assert len(best(output)) == 1  # and quit is obeyed


def test_a_word_that_holds_a_command_is_none(talk: Callable[..., list[str]]) -> None:
    output = talk("quitter", "go-go", "ucinewgames", "isready\u00a0go")
    assert [line.split()[-1] for line in output[:3]] == ["'quitter'", "'go-go'", "'ucinewgames'"]
    assert not best(output)
    assert output[-1] == "readyok"


def test_words_before_the_name_of_an_option_are_ignored(talk: Callable[..., list[str]]) -> None:
    for line in ("setoption joho name MultiPV value 2", "setoption MultiPV value 2", "setoption NAME multipv VALUE 2"):
        output = talk(line, "go")
        assert not errors(output)
        assert len(pvs(output)) == 2


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("name Fish value 3", "unknown option 'Fish'; expected one of WeightsFile, Temperature"),
        ("name MultiPV value 0", "MultiPV must be a whole number from 1 to 256, got '0'"),
        ("name MultiPV value two", "MultiPV must be a whole number from 1 to 256, got 'two'"),
        ("name MultiPV", "MultiPV must be a whole number from 1 to 256, got ''"),
        ("name Temperature value -1", "Temperature must be 0 or a number from 0.01 to 100, got '-1'"),
        ("name Temperature value 1e-300", "Temperature must be 0 or a number from 0.01 to 100, got '1e-300'"),
        ("name Temperature value nan", "Temperature must be 0 or a number from 0.01 to 100, got 'nan'"),
        ("name TopP value 0", "TopP must be a number above 0 and at most 1, got '0'"),
        ("name UCI_ShowWDL value maybe", "UCI_ShowWDL must be true or false, got 'maybe'"),
        ("", "unknown option ''"),
        ("value", "unknown option 'value'"),
    ],
)
def test_bad_options(talk: Callable[..., list[str]], option: str, why: str) -> None:
    output = talk(f"setoption {option}", "go")
    (error,) = errors(output)
    assert error.startswith(why)
    assert len(best(output)) == 1


@pytest.mark.parametrize("name", ["Threads", "MultiPV", "Seed", "Hash", "Move Overhead", "Temperature", "TopP"])
@pytest.mark.parametrize("text", ["1_0", "٣", "+1", "1 0", "9" * 5000, "nan", "1e999", "0x1"])
def test_odd_numbers_are_refused_and_the_old_one_stays(nets: Path, name: str, text: str) -> None:
    out = io.StringIO()
    engine = Engine(out, str(nets / "standard"))
    before = dict(engine.options)
    engine.run([f"setoption name {name} value {text}"])
    (error,) = errors(out.getvalue().splitlines())
    assert error.startswith(f"{name} must be ")
    assert len(error) < 150
    assert engine.options == before


@pytest.mark.parametrize("name", ["depth", "nodes", "movetime", "wtime", "movestogo"])
@pytest.mark.parametrize("text", ["1_0", "١", "+1", "1.5", "many", "9" * 5000])
def test_odd_numbers_of_go_are_refused_and_left_out(talk: Callable[..., list[str]], name: str, text: str) -> None:
    output = talk(f"go {name} {text} searchmoves e2e4")
    (error,) = errors(output)
    assert error.startswith(f"the {name} of go must be a whole number from ")
    assert error.endswith("; it is ignored")
    assert len(error) < 200
    assert best(output) == ["e2e4"]
    assert "info depth 2" in "".join(output)  # as without a limit


def test_no_line_is_repeated_whole(talk: Callable[..., list[str]]) -> None:
    long = "x" * 1_000_000
    output = talk(
        "position startpos moves d2d4",
        *(f"position {rest}" for rest in (long, f"fen {long}", f"startpos moves {long}")),
        f"position startpos moves e2e4 {'e7e5 ' * 100_000}",
        *(f"setoption name {name} value {long}" for name in ("MultiPV", "UCI_ShowWDL", "WeightsFile", long)),
        f"setoption {'x ' * 500_000}", f"go searchmoves {'x ' * 500_000}", "position startpos moves d2d4",
        "isready", long, "x " * 500_000, f"go depth {long} searchmoves d7d5",
    )  # fmt: skip
    assert len(errors(output)) >= 9
    assert all(len(line) < 600 for line in output)
    assert best(output) == ["0000", "d7d5"]


def test_names_of_options_in_any_case_and_those_without_effect(talk: Callable[..., list[str]]) -> None:
    output = talk("setoption name multipv value 2", "setoption name move overhead value 100",
                "setoption name Hash value 512", "setoption name SyzygyPath value ./syzygy/",
                "setoption name Threads value 1", "setoption name Ponder value true", "go")  # fmt: skip
    assert [line.split()[2:-8] for line in output if "no effect" in line] == [
        ["Move", "Overhead"],
        ["Hash"],
        ["SyzygyPath"],
    ]
    assert len(pvs(output)) == 2
    assert not errors(output)


def test_multipv_is_sorted_and_no_longer_than_the_legal_moves(talk: Callable[..., list[str]]) -> None:
    output = talk("setoption name MultiPV value 100", "setoption name UCI_ShowWDL value true", "go")
    lines = pvs(output)
    assert len(lines) == 20
    assert [line.split()[4] for line in lines] == [str(k) for k in range(1, 21)]
    assert len({line.split(" pv ")[1].split()[0] for line in lines}) == 20
    (policy,) = (line.split()[3:] for line in output if line.startswith("info string policy "))
    shares = [float(share.rstrip("%")) for share in policy[1::2]]
    assert shares == sorted(shares, reverse=True)
    assert policy[::2] == [line.split(" pv ")[1].split()[0] for line in lines]
    for line in lines:
        found = re.search(r"score cp (-?\d+) wdl (\d+) (\d+) (\d+) nodes 21 ", line)
        assert found
        assert tuple(map(int, found.groups()[1:])) == analysis.win_draw_loss(int(found[1]))


def test_a_mate_in_one_is_announced(talk: Callable[..., list[str]]) -> None:
    output = talk("setoption name UCI_ShowWDL value true", "position fen 7k/8/5KQ1/8/8/8/8/8 w - - 0 1",
                "go searchmoves g6g7")  # fmt: skip
    assert " score mate 1 wdl 1000 0 0 nodes 1 " in pvs(output)[0]
    assert output[-1] == "bestmove g6g7"


def play(talk: Callable[..., list[str]], *options: str, plies: int = 12) -> list[str]:
    """The moves of a game against itself."""
    moves: list[str] = []
    for _ in range(plies):
        position = f"position startpos moves {' '.join(moves)}" if moves else "position startpos"
        moves += best(talk(*(f"setoption name {option}" for option in options), "ucinewgame", position, "go nodes 1"))
    return moves


def test_the_same_seed_plays_the_same_game(talk: Callable[..., list[str]]) -> None:
    games = [play(talk, "Temperature value 1", f"Seed value {seed}") for seed in (5, 5, 6)]
    assert games[0] == games[1] != games[2]
    unseeded = [play(talk, "Temperature value 1") for _ in range(2)]
    assert unseeded[0] != unseeded[1]
    assert play(talk) == play(talk, "Seed value 3")  # greedy


def test_a_tiny_top_p_is_greedy(talk: Callable[..., list[str]]) -> None:
    assert play(talk, "Temperature value 1", "TopP value 1e-9") == play(talk)


def test_castling_is_written_as_the_gui_wants_it(talk: Callable[..., list[str]]) -> None:
    position = "position fen r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1 moves "
    classic = talk(f"{position} e1g1", "go searchmoves e8c8", weights="chess960")
    assert best(classic) == ["e8c8"]
    modern = talk(
        "setoption name UCI_Chess960 value true", f"{position} e1h1", "go searchmoves e8a8", weights="chess960"
    )
    assert best(modern) == ["e8a8"]
    assert best(talk("setoption name UCI_Chess960 value true", f"{position} e1g1", "go searchmoves e8c8")) == ["e8c8"]
    shuffled = talk("setoption name UCI_Chess960 value true",
                    "position fen 1r2k1r1/pppppppp/8/8/8/8/PPPPPPPP/1R2K1R1 w GBgb - 0 1",
                    "go searchmoves e1g1", weights="chess960")  # fmt: skip
    assert best(shuffled) == ["e1g1"]
    assert not errors(classic + modern + shuffled)


def test_without_a_policy(talk: Callable[..., list[str]], ships: Path) -> None:
    output = talk("isready", "position startpos moves e2e4", "go", weights="")
    assert output[-1] == "bestmove 0000"
    assert "readyok" in output
    assert set(errors(output)) == {
        "no policy to play: no run of chess under ./checkpoints and no rated policy that ships; set WeightsFile to a "
        "policy file, .ckpt or run folder, or name one on the command line"
    }


def test_a_policy_that_can_t_be_had_is_complained_of_once(talk: Callable[..., list[str]]) -> None:
    game = ["isready", "position startpos", "go", "position startpos moves e2e4 e7e5", "go"]
    set_to = "setoption name WeightsFile value "
    assert len(errors(talk(f"{set_to}nowhere", *game, weights=""))) == 1
    assert len(errors(talk(f"{set_to}nowhere", *game[1:], weights=""))) == 1
    assert len(errors(talk(*game, "setoption name Seed value 3", "go", weights="nowhere"))) == 1
    output = talk(f"{set_to}nowhere", *game, f"{set_to}nobody", *game, f"{set_to}nobody", "go", weights="")
    assert [error.split()[2] for error in errors(output)] == ["'nowhere':", "'nobody':", "'nobody':"]
    output = talk(*game[:2], "isready", weights="nowhere")  # `isready` reports it again
    assert len(errors(output)) == 2


def test_the_newest_run_plays_if_none_is_named(talk: Callable[..., list[str]], nets: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "run").symlink_to(nets / "standard")
    output = talk("go", weights="")
    assert "info string playing checkpoints/run (the newest run of chess under ./checkpoints)" in output
    assert best(output) == best(talk("go"))


def test_what_ships_plays_by_name_and_if_there_is_no_run(
    talk: Callable[..., list[str]], nets: Path, ships: Path
) -> None:
    for name in ("standard", "atomic"):
        shutil.copy(nets / name / "last.safetensors", ships / "checkpoints" / f"{name}.safetensors")
    rows = {"players": [{"player": "standard", "rating": 99.6, "low": 80.0, "high": 120.0}]}
    (ships / "checkpoints" / "ratings.json").write_text(json.dumps(rows))
    output = talk("go", weights="")
    why = "no run of chess under ./checkpoints, so the strongest policy that ships, 100 Elo on the ladder"
    assert f"info string playing standard ({why})" in output
    assert best(output) == best(talk("go"))
    assert "info string playing standard" in talk("setoption name WeightsFile value standard", "isready", weights="")
    assert errors(talk("setoption name WeightsFile value standrd", "isready", weights="")) == [
        "unknown policy 'standrd': there is no file 'standrd'; expected a policy file, .ckpt, run folder or name of a "
        "policy that ships; policies that ship: atomic, standard"
    ]
    out = io.StringIO()
    Engine(out, "atomic").run(["uci"])
    assert "option name UCI_Variant type combo default atomic var atomic" in out.getvalue().splitlines()


def test_weights_file(talk: Callable[..., list[str]], nets: Path, runs: Path) -> None:
    """It is set before anything is loaded, changed between games, damaged, or for another game or variant."""
    set_to = "setoption name WeightsFile value "
    output = talk(f"{set_to}{nets / 'plain'}", "isready", weights="")
    assert output == [
        f"info string playing {nets / 'plain'}, which has no value head: scores are of material",
        "readyok",
    ]

    output = talk("isready", f"{set_to}{nets / 'nowhere'}", "go", "isready", "go")
    (error,) = errors(output)
    assert error.startswith(f"unknown policy '{nets / 'nowhere'}'")
    assert error.endswith(f"; still playing {nets / 'standard'}")
    assert best(output) == best(talk("go")) * 2

    assert (
        "plays TicTacToe; expected a policy for chess" in errors(talk(f"{set_to}{runs / 'tic_tac_toe'}"))[0]  # at once
    )
    assert best(talk(f"{set_to}{runs / 'tic_tac_toe'}", "go")) == best(talk("go"))
    with pytest.raises(ValueError, match=r"tic_tac_toe plays TicTacToe; expected a policy for chess$"):
        check_chess(str(runs / "tic_tac_toe"))
    assert "bestmove 0000" in talk("go", weights="nowhere")

    output = talk("position startpos moves e2e4", f"{set_to}{nets / 'atomic'}", "go searchmoves e7e5")
    assert best(output) == ["e7e5"]  # the rules changed, so the position is read anew
    exploded = "position startpos moves g1f3 f7f6 f3e5 f6e5"  # Black's pawn is gone
    output = talk(exploded, f"{set_to}{nets / 'atomic'}", "go searchmoves d2d4", f"{exploded} d2d4 e5d4", "go")
    assert best(output) == ["d2d4", "0000"]
    assert all("move 6, 'e5d4', is illegal" in error for error in errors(output))
    output = talk(
        "position startpos moves e2e4", f"{set_to}{nets / 'plain'}", "go searchmoves e7e5", f"{set_to}<empty>", "go"
    )
    assert best(output)[0] == "e7e5"
    assert len(best(output)) == 2


@pytest.mark.parametrize("options", ["?temperature=1", "?temperature=0.5&random=0.5", "?random=1"])
def test_a_player_string_has_its_options_here_too(nets: Path, options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the command line and as WeightsFile, it plays as the same player string does elsewhere."""
    text = f"{nets / 'standard'}{options}"
    player = player_from_string(text, Chess(backend="python-chess"))
    games = Chess(backend="python-chess").start(1)
    observation = games.observe()
    monkeypatch.setenv("HOME", str(nets))
    for seed in range(12):
        uniforms = Randomness(seed).uniforms(np.zeros(1, np.int64), 0)
        index = player.choose(Turn(observation, uniforms, games, np.zeros(1, np.int64))).index[0]
        move = action_to_move(int(observation.legal.actions[index]), chess.Board()).uci()
        seeded = f"setoption name Seed value {seed}"
        for weights, lines in (
            (text, []),
            ("", [f"setoption name WeightsFile value {text}", "setoption name Temperature value 0"]),
            ("", [f"setoption name WeightsFile value file:{text}"]),
            (f"~/standard{options}", []),
        ):
            out = io.StringIO()
            Engine(out, weights).run([*lines, seeded, "go"])
            assert best(out.getvalue().splitlines()) == [move]


def test_a_temperature_that_is_set_goes_before_the_strings(nets: Path) -> None:
    def moves(*lines: str) -> set[str]:
        out = io.StringIO()
        seeded = [line for seed in range(20) for line in (f"setoption name Seed value {seed}", "go nodes 1")]
        Engine(out, f"{nets / 'standard'}?temperature=100").run([*lines, *seeded])
        return set(best(out.getvalue().splitlines()))

    assert len(moves()) > 5
    assert len(moves("setoption name Temperature value 0.01")) == 1


@pytest.mark.parametrize("weights", ["greedy", "random?random=0.5", "uci:stockfish", "minimax?depth=2"])
def test_a_player_without_a_policy_is_refused(talk: Callable[..., list[str]], weights: str) -> None:
    output = talk(f"setoption name WeightsFile value {weights}", "isready", weights="")
    (error,) = errors(output)
    assert error.startswith(f"'{weights}' is a player without a policy; expected a policy file")


@pytest.mark.parametrize(
    "line",
    [
        "setoption name Move  Overhead value 50", "setoption\tname\tMove\tOverhead\tvalue\t50",
        "  setoption name Move Overhead value 50", "setoption name Move Overhead value 50\r\n",
        "setoption  name  move overhead  value   50  ", "\ufeffsetoption name MOVE OVERHEAD value 50",
        "setoption Name Move Overhead Value 50", " \t setoption \t name \t Move \t Overhead \t value \t 50 \t\r",
    ],
)  # fmt: skip
def test_white_space_between_words_and_letter_case_of_names(nets: Path, line: str) -> None:
    engine = Engine(io.StringIO(), str(nets / "standard"))
    engine.run([line])
    assert engine.options["Move Overhead"] == 50


@pytest.mark.parametrize(
    "line",
    [
        "position  startpos   moves  e2e4   e7e5 ", "\tposition\tstartpos\tmoves\te2e4\te7e5",
        "position startpos moves E2E4 e7e5\r",
        "position  fen  rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR  w  KQkq -   0  2 ",
        "position fen rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq -",
        "position fen rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq - 0 2 moves",
    ],
)  # fmt: skip
def test_white_space_in_positions(talk: Callable[..., list[str]], line: str) -> None:
    output = talk(line, " go\tsearchmoves  d1h5\r\n")
    assert (best(output), errors(output)) == (["d1h5"], [])


def test_a_promotion_in_capitals(talk: Callable[..., list[str]]) -> None:
    output = talk("position fen 7k/P7/8/8/8/8/8/K7 w - - 0 1 moves a7a8Q", "go")
    assert errors(output) == []
    assert best(output)[0] in ("h8g7", "h8h7")


def test_blanks_inside_a_value_stay(nets: Path) -> None:
    folder = nets / "two  blanks value of"
    if not folder.exists():
        shutil.copytree(nets / "standard", folder)
    out = io.StringIO()
    Engine(out).run([f"setoption name WeightsFile value  {folder} \r", "isready"])
    assert out.getvalue().splitlines() == [f"info string playing {folder}", "readyok"]


def test_a_failure_of_our_own_is_told_and_the_game_goes_on(
    talk: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk("go")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(analysis, "win_draw_loss", fail)
    output = talk("setoption name UCI_ShowWDL value true", "go", "setoption name UCI_ShowWDL value false", "go")
    assert errors(output)[-1] == "RuntimeError: out of memory"
    assert best(output)[-1] != "0000"


def test_nobody_listens(nets: Path) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    Engine(Closed(), str(nets / "standard")).run(["uci", "isready", "go", "fish"])


def test_ten_thousand_random_lines(nets: Path) -> None:
    """After words of the protocol in any order, legal and illegal moves, and random bytes, it still answers."""
    dice = random.Random(7)
    words = [
        "uci", "isready", "ucinewgame", "position", "setoption", "stop", "ponderhit", "debug", "register", "startpos",
        "fen", "moves", "name", "value", "searchmoves", "infinite", "ponder", "wtime", "depth", "nodes", "0", "-1",
        "e2e4", "e7e5", "e7e8q", "0000", "MultiPV", "Temperature", "TopP", "Seed", "UCI_ShowWDL", "UCI_Chess960",
        "WeightsFile", "true", "nan", "\x00", "é", "♚", "quit?", "9" * 5000,
        "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR", "8/8/8/8/8/8/8/8", "w", "KQkq", "-",
    ]  # fmt: skip

    def line() -> str:
        kind = dice.random()
        if kind < 0.03:
            return "go " + " ".join(dice.choices(words, k=dice.randrange(4)))
        if kind < 0.1:
            return "position startpos moves " + " ".join(dice.choices(("e2e4", "e7e5", "g1f3", "b8c6", "f1b5"), k=3))
        if kind < 0.2:
            option = dice.choice([*OPTIONS, "Fish"])
            return f"setoption name {option} value {dice.choice(words)}"
        if kind < 0.3:
            return "".join(chr(dice.randrange(1, 0x3000)) for _ in range(dice.randrange(40)))
        return " ".join(dice.choices(words, k=dice.randrange(8)))

    lines = [line() for _ in range(10_000)]
    out = io.StringIO()
    Engine(out, str(nets / "standard")).run([*lines, "stop", "position startpos", "go nodes 1", "isready"])
    output = out.getvalue().split("\n")
    commands = {*words[:9], "go"}
    heard = [next((word for word in text.split() if word in commands), "") for text in lines]
    assert output.count("readyok") == heard.count("isready") + 1
    moves = best(output)
    assert len(moves) == heard.count("go") + 1
    assert 0 < moves.count("0000") < len(moves)  # after a position that was refused
    assert chess.Move.from_uci(moves[-1]) in chess.Board().legal_moves
    assert not any("Error: " in text for text in errors(output))  # no unexpected exception
