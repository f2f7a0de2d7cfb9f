"""`python -m chesspg.match`: what it prints, writes and refuses."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chess.pgn
import pytest
import torch
from fake_gpu import fake_gpu
from rich.console import Console

from chesspg import match
from chesspg.arena.match_printing import print_result
from chesspg.arena.match_result import FORFEITED, TRUNCATED, MatchResult
from chesspg.arena.matches import play_in_parts
from chesspg.games.chess import Chess
from chesspg.games.othello import Othello
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.pgn.own_games import recorded
from chesspg.pgn.sgf import headers_of, moves_of, read_sgf
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    folder = tmp_path / "run"
    folder.mkdir()
    files.save(folder / "last.safetensors", Policy(TicTacToe(), MLP(TicTacToe(), hidden=(4,))))
    return folder


@pytest.mark.slow
def test_a_match_as_people_run_it(tmp_path: Path) -> None:
    pgn, result = tmp_path / "games.pgn", tmp_path / "result.json"
    pgn.touch()  # an empty file, as mktemp makes it
    command = [sys.executable, "-m", "chesspg.match", "greedy", "random", "--games", "4", "--seed", "3"]
    done = subprocess.run([*command, "--pgn", str(pgn), "--json", str(result)], capture_output=True, text=True)
    assert done.returncode == 0
    assert "plies/s" not in done.stderr  # no bar where nobody sees it
    saved = json.loads(result.read_text())
    wanted = {"wins", "draws", "losses", "games", "distinct_games", "score", "elo", "elo_low", "elo_high", "los"}
    assert wanted <= saved.keys()
    assert saved["wins"] + saved["draws"] + saved["losses"] == saved["games"] == 4
    assert saved["elo_low"] <= saved["elo"] <= saved["elo_high"]
    assert (saved["a"], saved["b"], saved["seed"], saved["openings"]) == ("greedy", "random", 3, "balanced")
    assert f"{saved['normalized_elo']:+.0f}" in done.stdout
    assert " / ".join(map(str, saved["pentanomial"])) in done.stdout
    assert f"{saved['wins']} / {saved['draws']} / {saved['losses']}" in done.stdout
    assert f"{saved['score']:.1%}" in done.stdout
    assert f"{saved['elo']:+.0f}   95% interval {saved['elo_low']:+.0f} to {saved['elo_high']:+.0f}" in done.stdout
    with pgn.open() as file:
        games = list(iter(lambda: chess.pgn.read_game(file), None))
    assert [game.headers["White"] for game in games] == ["greedy", "random"] * 2
    assert [game.headers["Round"] for game in games] == ["1.1", "1.2", "2.1", "2.2"]
    points = {"1-0": 1.0, "1/2-1/2": 0.5, "0-1": 0.0}
    scores = [points[game.headers["Result"]] for game in games]
    assert (scores[0] + scores[2] + 2 - scores[1] - scores[3]) / 4 == saved["score"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["games.pgn", "result.json"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--json", "run/last.safetensors"], ("is the file of player run, which is left as it is",)),
        (["--pgn", "link.pgn"], ("link.pgn is a symbolic link to run/last.safetensors",)),
        (["--json", "notes"], ("notes holds something other than what --json writes", "name another file")),
        (["--pgn", "notes"], ("notes holds something other than what --pgn writes",)),
        (["--json", "others.json"], ("others.json holds something other",)),
        (["--json", "games.pgn"], ("games.pgn holds something other than what --json",)),
        (["--pgn", "result.json"], ("result.json holds something other than what --pgn",)),
        (["--pgn", "mixed.pgn"], ("mixed.pgn holds something other",)),
        (["--pgn", "same.x", "--json", "./same.x"], ("--pgn and --json are both same.x; expected a file for each",)),
        (["--openings", "games.pgn", "--pgn", "games.pgn"], ("--pgn games.pgn is the file of --openings",)),
        (["--resume", "result.json", "--pgn", "result.json"], ("result.json holds something other",)),
    ],
)
def test_no_file_of_anything_else_is_replaced(
    run: Path, refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: tuple[str]
) -> None:
    monkeypatch.chdir(run.parent)
    Path("link.pgn").symlink_to("run/last.safetensors")
    Path("notes").write_text("my notes")
    Path("others.json").write_text('{"a": 1, "b": 2, "game": "chess"}')
    command = ["random", "random", "--games", "2", "--max-plies", "4", "--openings", "random:2"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert match.main([*command, "--pgn", "games.pgn", "--json", "result.json"]) == 0
        assert match.main([*command, "--pgn", "games.pgn", "--json", "result.json"]) == 0  # its own files are replaced
    Path("mixed.pgn").write_text(Path("games.pgn").read_text() + '[Event "Linares"]\n\n1. e4 *\n\n')
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    refused(match.main, ["run", "random", "--games", "2", *arguments], words)
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_an_imported_game_without_a_policy(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["random", "greedy", "--games", "4", "--import", "chesspg.games.tic_tac_toe"]
    assert match.main(arguments) == 0
    assert "random against greedy, tic-tac-toe\n" in capsys.readouterr().out


@pytest.mark.parametrize("width", [100, 50])
def test_on_a_terminal_lines_end_between_words(width: int) -> None:
    result = MatchResult((0.0,) * 4, ("startpos",) * 4, (TRUNCATED, *["checkmate"] * 3), 1.0)
    texts = []
    for console in (
        Console(highlight=False, file=io.StringIO(), width=width, force_terminal=True, color_system=None),
        Console(highlight=False, file=io.StringIO(), width=width),
    ):
        print_result(console, result, "x", "y", game=Chess())
        texts.append(console.file.getvalue())  # type: ignore[attr-defined]
    plain = re.sub(r"\x1b\[[0-9;]*m", "", texts[0])
    assert max(map(len, plain.splitlines())) <= width
    assert plain.split() == texts[1].split()
    assert "0.0% drawn by the rules\n" in texts[1]  # lines are not wrapped without a terminal


def test_a_policy_at_two_temperatures(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert match.main([str(run), f"{run}?temperature=0", "--games", "20", "--openings", "random:2"]) == 0
    printed = capsys.readouterr().out
    assert "20, " in printed
    assert "three in a row" in printed


def test_games_at_the_cap_are_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "games.pgn"
    arguments = ["random", "random", "--games", "2", "--max-plies", "10", "--openings", "random:8", "--pgn", str(path)]
    assert match.main(arguments) == 0
    assert "2 at the ply cap, counted as draws" in capsys.readouterr().out
    assert path.read_text().count('[Result "*"]') == 2  # the PGN records that nothing was decided
    assert path.read_text().count('[Termination "truncated"]') == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["random", "random", "--games", "0"], ("--games must be an even number from 2 to 1,048,576, got '0'",)),
        (["random", "random", "--games", "-4"], ("--games must be", "got '-4'")),
        (["random", "random", "--games", "7"], ("--games must be an even number", "got '7'")),
        (["random", "random", "--games", "1"], ("--games must be", "got '1'")),
        (["random", "random", "--games", "many"], ("--games must be", "'many'")),
        (["random", "random", "--games", "1000000000"], ("--games must be an even number from 2 to 1,048,576",)),
        (["random", "random", "--games", "1_000"], ("--games must be", "got '1_000'")),
        (["random", "random", "--games", "9" * 9999], ("--games must be", "got '9999")),
        (["random", "random", "--seed", "-1"], ("--seed must be a whole number from 0 to 4,294,967,295, got '-1'",)),
        (["uci:stockfish", "random", "--concurrency", "99999999"], ("--concurrency must be", "from 1 to 256")),
        (["random"], ("B",)),
        (["random", "randm"], ("randm", "greedy")),
        (["random", "RUN?heat=3"], ("heat",)),
        (["random", "RUN", "--openings", "random:-1"], ("random:-1", "from 0 to 1,000")),
        (["random", "RUN", "--openings", "random:9"], ("fewer",)),
        (["random", "RUN", "--openings", "balanced"], ("balanced", "tic-tac-toe", "random:1")),
        (["random", "random", "--openings", "EMPTY"], ("empty.epd", "no opening")),
        (["random", "random", "--openings", "ILLEGAL"], ("illegal.pgn, line 1", "Ke3")),
        (["random", "random", "--openings", ""], ("unknown openings ''",)),
        (["random", "random", "--openings", "nowhere.epd"], ("nowhere.epd", "balanced", "random:PLIES")),
        (
            ["random", "random", "--max-plies", "0"],
            ("--max-plies must be a whole number from 1 to 1,000,000, got '0'",),
        ),
        (["random", "random", "--concurrency", "0"], ("--concurrency must be", "got '0'")),
        (["random", "random", "--sprt", "10", "0"], ("--sprt", "10 and 0", "lower first")),
        (["random", "random", "--sprt", "0", "nan"], ("--sprt must be a number from -1,200 to 1,200, got 'nan'",)),
        (["random", "random", "--sprt", "0"], ("--sprt",)),
        (["random", "random", "--sprt", "0", "ten"], ("--sprt", "ten")),
        (["random", "random", "--resume", "nowhere.json"], ("nowhere.json",)),
        (["random", "random", "--resume", "ILLEGAL"], ("illegal.pgn", "damaged")),
        (["random", "random", "--pgn", "nowhere/games.pgn"], ("nowhere",)),
        (["random", "random", "--json", "RUN"], ("is a folder",)),
        (["random", "random", "--color", "white"], ("--color",)),
        (["random", "RUN", "--device", "gpu"], ("--device", "'gpu'", "auto", "cpu", "cuda")),
        (["random", "greedy", "--device", "cuda"], ("--device must be auto or cpu here, got cuda: no player is",)),
        (["random", "RUN", "--device", "cuda"], ("--device must be auto or cpu here, got cuda: torch finds no CUDA",)),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    run: Path,
    refused: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: tuple[str, ...],
) -> None:
    monkeypatch.setattr("chesspg.arena.matches.play_on", None)  # reported before the games
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    files = {"RUN": run, "EMPTY": run / "empty.epd", "ILLEGAL": run / "illegal.pgn"}
    files["EMPTY"].write_text("\n")
    files["ILLEGAL"].write_text("1. e4 e5 2. Ke3 *\n")
    refused(
        match.main,
        [argument.replace(name := argument.partition("?")[0], str(files.get(name, name))) for argument in arguments],
        words,
    )


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
    printed = capsys.readouterr().out
    for word in (
        "--games",
        "--seed",
        "--openings",
        "--sprt",
        "--concurrency",
        "--device",
        "--resume",
        "--max-plies",
        "--pgn",
        "--json",
        "random",
        "greedy",
        "temperature",
        "replaced",
    ):
        assert word in printed


def interrupted(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Two pairs at once, and Ctrl-C in a part after some others."""

    def stopped(*arguments: Any, **options: Any) -> Iterator[MatchResult]:
        parts = play_in_parts(*arguments, **options)
        for _ in range(after):
            yield next(parts)
        raise KeyboardInterrupt

    monkeypatch.setattr(match, "AT_ONCE", 2)
    monkeypatch.setattr(match, "play_in_parts", stopped)


@pytest.mark.slow
def test_ctrl_c_at_once_overwrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pgn, result = tmp_path / "games.pgn", tmp_path / "result.json"
    assert match.main(["random", "random", "--games", "2", "--pgn", str(pgn), "--json", str(result)]) == 0
    capsys.readouterr()
    interrupted(monkeypatch, 0)
    command = ["random", "random", "--pgn", str(pgn), "--json", str(result)]
    before = pgn.read_text(), result.read_text()
    with pytest.raises(SystemExit) as caught:
        match.main(command)
    assert caught.value.code == 130
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.strip().splitlines() == ["interrupted: no result, nothing written"]
    assert (pgn.read_text(), result.read_text()) == before
    assert sorted(tmp_path.iterdir()) == [pgn, result]


def comparable(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) | {"seconds": 0}


def test_a_stopped_match_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, part, pgn = tmp_path / "whole.json", tmp_path / "part.json", tmp_path / "games.pgn"
    arguments = ["greedy", "random", "--games", "10", "--seed", "7", "--max-plies", "40", "--openings", "random:4"]
    assert match.main([*arguments, "--json", str(whole)]) == 0
    with monkeypatch.context() as patch:
        interrupted(patch, 2)
        assert match.main([*arguments, "--json", str(part), "--pgn", str(pgn)]) == 130
    printed = capsys.readouterr()
    assert (
        printed.err.splitlines()[-1]
        == f"interrupted after 8 of 10 games; the same command with --resume {part} continues"
    )
    assert "8, 8 of them distinct" in printed.out
    assert pgn.read_text().count("[Round") == 8
    assert comparable(part)["games"] == 8
    assert match.main([*arguments, "--resume", str(part)]) == 0
    assert comparable(part) == comparable(whole)
    before = part.read_bytes()
    assert match.main([*arguments, "--resume", str(part)]) == 0  # nothing is left to play
    assert part.read_bytes() == before
    arguments[3] = "12"
    copy = tmp_path / "copy.json"
    assert match.main([*arguments, "--resume", str(part), "--json", str(copy)]) == 0  # more of it
    assert part.read_bytes() == before
    assert comparable(copy)["played"][:10] == comparable(whole)["played"]
    assert comparable(copy)["games"] == 12


@pytest.mark.parametrize("more", [[], ["--sprt", "0", "150"]])
def test_a_match_on_a_gpu_is_that_of_the_cpu(run: Path, tmp_path: Path, more: list[str]) -> None:
    def played(name: str, *device: str) -> dict[str, Any]:
        arguments = [str(run), "random", "--games", "400", "--openings", "random:2", *more, *device]
        assert match.main([*arguments, "--json", str(tmp_path / name), "--pgn", str(tmp_path / f"{name}.pgn")]) == 0
        return comparable(tmp_path / name)

    here = played("here", "--device", "cpu")
    with pytest.MonkeyPatch.context() as patch:
        games = fake_gpu(patch)
        there = played("there")
        assert played("again", "--device", "cuda") == there
    assert there == here
    assert games == [400, 400]  # also with --sprt, which stopped earlier
    assert (here["games"] < 400) == bool(more)
    assert (tmp_path / "there.pgn").read_text() == (tmp_path / "here.pgn").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["greedy", "random"], "a 'random', not 'greedy'"),
        (["random", "greedy", "--seed", "1"], "seed 0, not 1"),
        (["random", "greedy", "--openings", "random:4"], "openings 'random:2', not 'random:4'"),
        (["random", "greedy", "--max-plies", "50"], "max_plies 20, not 50"),
        (["random", "greedy", "--sprt", "0", "9"], "sprt None, not [0.0, 9.0]"),
        (["random", "greedy", "--games", "2"], "--games must be at least 4"),
    ],
)
def test_resuming_another_match(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    path = tmp_path / "result.json"
    short = ["--max-plies", "20", "--openings", "random:2"]
    assert match.main(["random", "greedy", "--games", "4", "--json", str(path), *short]) == 0
    before = path.read_bytes()
    with pytest.raises(SystemExit) as caught:
        match.main([*arguments[:2], "--games", "4", *short, *arguments[2:], "--resume", str(path)])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_policy_that_changed_meanwhile(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "result.json"
    assert match.main([str(run), "random", "--games", "2", "--json", str(path)]) == 0
    files.save(run / "last.safetensors", Policy(TicTacToe(), MLP(TicTacToe(), hidden=(4,))))
    with pytest.raises(SystemExit):
        match.main([str(run), "random", "--games", "4", "--resume", str(path)])
    assert "a_identity" in capsys.readouterr().err


def test_sprt_stops_when_it_is_clear(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "result.json"
    arguments = ["greedy", "random", "--sprt", "0", "100", "--openings", "random:4", "--json", str(path)]
    assert match.main(arguments) == 0
    decided = comparable(path)
    assert (decided["games"], decided["sprt_result"]["decision"]) == (2 * match.SLOW, "accept")
    assert "+100 Elo rather than +0" in capsys.readouterr().out
    assert match.main([*arguments[:-2], "--resume", str(path)]) == 0  # decided already
    assert comparable(path) == decided
    assert match.main(["random", "random", "--sprt", "-5", "5", "--games", "2", "--max-plies", "20"]) == 0
    assert "undecided between -5 and +5 Elo" in capsys.readouterr().out


def test_openings_that_repeat_are_said_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "two.pgn"
    path.write_text("1. e4 e5 *\n\n1. d4 d5 *\n")
    arguments = ["random", "random", "--openings", str(path), "--games", "6", "--max-plies", "9"]
    assert match.main(arguments) == 0
    assert capsys.readouterr().err == f"note: {path} has 2 openings for 3 pairs of games, so openings are repeated\n"
    arguments[5] = "4"
    assert match.main(arguments) == 0
    assert capsys.readouterr().err == ""


def test_what_a_pgn_tells() -> None:
    """Results and reasons that the rules do not know, and the values of players."""
    fool = "startpos moves f2f3 e7e5 g2g4"
    result = MatchResult(
        (0.0, 0.0, 0.5, 1.0),
        (fool, fool, fool, f"{fool} d8h4"),
        (FORFEITED, FORFEITED, TRUNCATED, "checkmate"),
        1.0,
        {0: "x did not answer", 1: "it crashed"},
        {1: (None, 0.5)},
    )
    pgn = io.StringIO("\n\n".join(match.match_pgn(Chess(), result, "a", "b")))
    games = list(iter(lambda: chess.pgn.read_game(pgn), None))
    assert [game.headers["Result"] for game in games] == ["0-1", "1-0", "*", "0-1"]
    assert [game.headers["White"] for game in games] == ["a", "b", "a", "b"]
    assert [game.headers["Termination"] for game in games] == [
        "forfeit: x did not answer",
        "forfeit: it crashed",
        "truncated",
        "checkmate",
    ]
    # An expected return of ½ is a score of ¾: 400 log10(3) centipawns, for White who moved.
    assert [node.eval() and node.eval().white().score() for node in games[1].mainline()] == [None, None, 191]


def test_forfeits_and_the_bound_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    result = MatchResult((0.0,) * 4, ("startpos",) * 4, (FORFEITED, *["checkmate"] * 3), 1.0, {0: "it crashed"})
    print_result(Console(highlight=False, soft_wrap=True), result, "x", "y")
    printed = capsys.readouterr().out
    assert "1 by x, 0 by y, counted as losses" in printed
    assert "-1200" in printed
    assert "stands for any larger difference" in printed
    assert "inf" not in printed
    assert "nan" not in printed


def test_a_match_of_othello_is_written_as_sgf_and_names_its_sides(
    tmp_path: Path, refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["greedy", "random", "--game", "Othello", "--games", "4"]
    for _ in range(2):  # the second match replaces the file of the first
        assert match.main([*command, "--sgf", "games.sgf", "--pgn", "games.txt", "--json", "result.json"]) == 0
    printed, saved = capsys.readouterr().out, json.loads(Path("result.json").read_text())
    assert re.search(r"^as Black +\d / \d / \d$", printed, re.MULTILINE)
    assert printed.index("as Black") < printed.index("as White")
    games = list(read_sgf([Path("games.sgf").read_text()]))
    texts = list(recorded(Path("games.txt").read_text().split("\n")))
    assert [one.root["PB"] for one in games] == [["greedy"], ["random"]] * 2
    assert [headers_of(Othello(), one)["Result"] for one in games] == [one.headers["Result"] for one in texts]
    assert [moves_of(Othello(), one) for one in games] == [one.moves for one in texts]
    assert [one["game"].split()[3:] for one in saved["played"]] == [one.moves for one in texts]
    opening = [tuple(one.moves[:8]) for one in texts]
    assert opening[0] == opening[1] != opening[2] == opening[3]  # random plies, each opening with both colors
    assert saved["as_first"]["wins"] + saved["as_second"]["wins"] == saved["wins"]
    Path("notes.sgf").write_text("my notes")
    refused(match.main, [*command, "--sgf", "notes.sgf"], ("notes.sgf holds something other than what --sgf writes",))
    refused(match.main, [*command, "--openings", "balanced"], ("openings 'balanced' can't be used with othello",))
    refused(match.main, [*command[:2], "--sgf", "a.sgf"], ("--sgf is for Othello and Hex, got chess; --pgn writes",))
    refused(match.main, [*command[:3], "Go"], ("--game: unknown game 'Go'; expected one of Chess, ",))
