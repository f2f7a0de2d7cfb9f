"""`python -m chesspg.play`: whole games typed in advance."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

import chess.pgn
import pytest
import torch
from rich.console import Console

from chesspg import play
from chesspg.arena.session import Session
from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.draws import Draws
from chesspg.players.player import Player
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two runs: tic_tac_toe, and the newer chess."""
    torch.manual_seed(0)
    games: list[tuple[str, Game]] = [("tic_tac_toe", TicTacToe()), ("chess", Chess())]
    for age, (name, game) in enumerate(games):
        path = tmp_path / "checkpoints" / name / "last.safetensors"
        path.parent.mkdir(parents=True)
        files.save(path, Policy(game, MLP(game, hidden=(4,))))
        os.utime(path, (1000 + age, 1000 + age))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Person:
    """Types lines in advance and reads what is printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def types(self, lines: str, *arguments: str, code: int = 0) -> str:
        self.monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        try:
            left_with: object = play.main(arguments)
        except SystemExit as error:
            left_with = error.code
        assert left_with == code
        told = self.capsys.readouterr()
        if code:
            assert re.fullmatch(r"error: .*\n", told.err)
            return told.err
        assert told.err == ""
        return told.out


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Person:
    return Person(monkeypatch, capsys)


def test_a_game_as_people_play_it_without_lightning(here: Path) -> None:
    """In a process of its own, which says at its end what it had imported."""
    code = "import sys; from chesspg.play import main; main(sys.argv[1:]); "
    code += "print('torch' in sys.modules, 'pytorch_lightning' in sys.modules, 'lightning' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "--seed", "1"],
        input="e4\nhint\nquit\n", capture_output=True, text=True, cwd=here, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("True False False")
    assert "checkpoints/chess" in done.stdout  # the newest of the runs
    assert re.search(r"plays 1\.\.\. \S+ \(\d+\.\d%\)", done.stdout)


def test_san_uci_and_mistakes(here: Path, person: Person) -> None:
    told = person.types("e4\nfish\nKe3\nd2d4\nE2E4\n\nmoves\n", "--seed", "1")
    assert "'fish' is no move" in told
    assert "Ke3 is illegal here" in told
    assert "E2E4 is illegal here" in told
    assert told.count(" plays ") == 2
    assert " Nf3 " in told.splitlines()[-1] or " Nf3 " in told
    assert "(♟)" in told  # the reply is marked


def test_ambiguous_moves_are_explained(here: Path, person: Person) -> None:
    told = person.types("Rd1\n", "--fen", "1k6/8/8/8/8/8/4K3/R6R w - - 0 1")
    assert re.search("Rd1 is ambiguous: (Rad1 or Rhd1|Rhd1 or Rad1)", told)


def test_hint_undo_board_and_help(here: Path, person: Person) -> None:
    told = person.types("hint\nundo\ne4\nundo\nboard\nHELP\nquit\nnever read\n")
    assert len(re.findall(r"^\S* ?\S+ \(\d+\.\d%\)$", told, re.MULTILINE)) == 5
    assert "no move of yours to take back" in told
    first, *_, last = re.findall(r"8 [^a-h]*   a  b  c", told)
    assert first == last  # back at the beginning
    for word in (*play.HELP.split("\n")[:1], "resign", "save FILE"):
        assert word in told
    assert "never read" not in told


def test_as_black_the_policy_begins_and_the_board_is_turned(here: Path, person: Person) -> None:
    told = person.types("quit\n", "--color", "black")
    assert "You have Black against checkpoints/chess" in told
    assert re.search(r"plays 1\. \S+ \(", told)
    assert "   h  g  f  e  d  c  b  a" in told


def test_colour_and_replies_follow_from_the_seed(here: Path, person: Person) -> None:
    games = [person.types("e4\ne5\n", "--color", "random", "--seed", str(seed)) for seed in (1, 1, 2, 3, 4, 5, 6)]
    assert games[0] == games[1]
    assert {"You have White" in game for game in games} == {True, False}


def test_temperature_zero_plays_the_first_hint(here: Path, person: Person) -> None:
    for seed in ("1", "2"):
        told = person.types("hint\n", "--color", "black", "--temperature", "0", "--seed", seed)
        best = re.search(r"plays 1\. (\S+) \((\S+)%\)", told)
        assert best
        white = person.types("hint\n", "--temperature", "0")
        assert f"{best[1]} ({best[2]}%)" == re.findall(r"\S+ \(\d+\.\d%\)", white)[0]


def test_resigning_saving_and_the_end(here: Path, person: Person) -> None:
    told = person.types(
        "e4\nresign\nresign\nd4\nhint\nsave\nsave game.pgn\nsave game.pgn\nsave no/game.pgn\n", "--seed", "1"
    )
    assert "Black wins: resignation – you lost. 0-1" in told
    assert "the game is over already" in told
    assert "The game is over; undo, save FILE or quit." in told
    assert "no hint: the game is over" in told
    assert "save where?" in told
    assert "game.pgn exists and is not overwritten" in told
    assert "no/game.pgn can't be written" in told
    with (here / "game.pgn").open() as file:
        game = chess.pgn.read_game(file)
    assert game is not None
    assert (game.headers["Result"], game.headers["Termination"]) == ("0-1", "resignation")
    assert (game.headers["White"], game.headers["Black"]) == ("you", "checkpoints/chess")
    assert len(list(game.mainline_moves())) == 2


def test_mating_the_policy(here: Path, person: Person) -> None:
    told = person.types("Qh5xf7#\n", "--fen", "r1bqkb1r/pppp1ppp/2n2n2/4p2Q/2B1P3/8/PPPP1PPP/RNB1K1NR w KQkq - 4 4")
    assert "White wins: checkmate – you won. 1-0" in told
    assert "!♚!" in told


def test_tic_tac_toe(here: Path, person: Person) -> None:
    told = person.types("b2\nb2\nz9\nmoves\nhint\n", "checkpoints/tic_tac_toe", "--seed", "2")
    assert "b2 is not free" in told
    assert "unknown square 'z9'" in told
    assert "   a  b  c" in told
    assert re.search(r"plays 1\.\.\. [abc][123] \(", told)


def test_players_without_a_network(here: Path, person: Person) -> None:
    told = person.types("e4\nhint\n", "greedy")
    assert "greedy plays 1... " in told
    assert "no hint: this player has no policy" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], ("nowhere", "run folder")),
        (["--fen", "rubbish"], ("rubbish",)),
        (["--fen", "rnb1kbnr/pppp1ppp/8/4p3/6Pq/5P2/PPPPP2P/RNBQKBNR w KQkq - 1 3"], ("over already", "checkmate")),
        (["--temperature", "-1"], ("temperature", "'-1'")),
        (["--color", "green"], ("green",)),
        (["random", "--temperature", "1"], ("temperature", "unknown option")),
        (["checkpoints"], ("no policy file",)),
    ],
)
def test_bad_input(here: Path, person: Person, arguments: list[str], words: tuple[str, ...]) -> None:
    told = person.types("e4\n", *arguments, code=2)
    for word in words:
        assert word in told


def test_nothing_trained_yet(ships: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, person: Person) -> None:
    """Then the strongest policy that ships plays, by its name; if none does, that is said."""
    monkeypatch.chdir(tmp_path)
    assert "python -m chesspg.train" in person.types("", code=2)
    game = Chess(backend="python-chess")
    path = ships / "checkpoints" / "ours.safetensors"
    files.save(path, Policy(game, MLP(game, hidden=(4,))))
    (ships / "docs" / "ladder.json").write_text('{"players": [{"player": "ours", "rating": 812}]}')
    told = person.types("e4\n", "--temperature", "0").splitlines()
    assert told[0] == "ours: no run under ./checkpoints, so the strongest policy that ships, of 812 Elo"
    assert told[1].startswith("You have White against ours?temperature=0.")
    path.write_bytes(path.read_bytes()[:-1])
    for arguments in ([], ["ours"]):
        with pytest.raises(SystemExit):
            play.main(arguments)
        assert re.fullmatch(rf"error: {path} is truncated: .*\n", person.capsys.readouterr().err)


def test_the_newest_run_is_named(here: Path, person: Person) -> None:
    assert person.types("").startswith("checkpoints/chess: the newest run under ./checkpoints\n")


def test_a_file_whose_weights_do_not_fit_is_told_while_playing(here: Path, person: Person) -> None:
    """Its header is good, so that the person may think already; the weights fail when they are read."""
    path = Path("checkpoints/chess/last.safetensors")
    policy = files.load(path)
    header = files.header_of(policy)
    header.network["init_args"]["hidden"] = [5]
    files.write(path, header, policy.network.state_dict())
    assert "does not fit its network" in person.types("e4\nd4\n", code=2)


def test_what_went_wrong_in_loading_is_told_at_the_next_line(monkeypatch: pytest.MonkeyPatch) -> None:
    failed: Future[Player] = Future()
    failed.set_exception(ValueError("it is damaged"))
    session = Session(Chess(backend="python-chess"), 0, Draws(0), "startpos")
    monkeypatch.setattr("sys.stdin", io.StringIO("board\n"))
    with pytest.raises(SystemExit) as caught:
        play.Table(session, failed, "nobody", Console()).run()
    assert caught.value.code == 2


def test_ctrl_c_is_polite(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupt)
    with pytest.raises(SystemExit) as caught:
        play.main([])
    assert caught.value.code == 130
    assert capsys.readouterr().err.split() == ["goodbye"]


def test_in_colours() -> None:
    console = Console(force_terminal=True, color_system="truecolor", file=io.StringIO())
    text = play.draw(Chess(), "startpos moves f2f3 e7e5 g2g4 d8h4", True, console)
    lines = text.plain.splitlines()
    assert lines[0].startswith("1  ♜  ♞  ♝ !♚! ♛ ")  # solid for both sides, seen from Black
    styles = {text.plain[span.start : span.end]: str(span.style) for span in text.spans}
    assert "#ffffff" in styles["!♚!"]
    assert "#000000" in styles["(♛)"]
    plain = play.draw(Chess(), "startpos", False, Console(file=io.StringIO()))
    assert not plain.spans
