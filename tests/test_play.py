"""`python -m chesspg.play`: whole games typed in advance."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import chess.pgn
import pytest
import torch
from rich.console import Console

from chesspg import play
from chesspg.arena.session import Session
from chesspg.arena.table import Commands, Table
from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.games.othello import Othello
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe, TicTacToeGames
from chesspg.players import roster
from chesspg.players.player import Player
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.terminal.screen import Screen


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
        printed = self.capsys.readouterr()
        if code:
            assert re.fullmatch(r"error: .*\n", printed.err)
            return printed.err
        assert printed.err == ""
        return printed.out


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Person:
    return Person(monkeypatch, capsys)


@pytest.mark.slow
def test_a_game_as_people_play_it_without_lightning(here: Path) -> None:
    """A separate process prints at its end which modules it has imported."""
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
    printed = person.types("e4\nfish\nKe3\nd2d4\nE2E4\n\nmoves\n", "--seed", "1")
    assert "unknown move 'fish'; moves are written as in Nf3 or g1f3; commands are help, board" in printed
    assert "Ke3 is illegal here" in printed
    assert "E2E4 is illegal here" in printed
    assert printed.count(" plays ") == 2
    assert " Nf3 " in printed.splitlines()[-1] or " Nf3 " in printed
    assert "(♟)" in printed  # the reply is marked


@pytest.mark.parametrize("text", ["fish", "help!", "?", "please move", "Ke"])
def test_words_that_are_no_command_are_answered_with_those_that_are(here: Path, person: Person, text: str) -> None:
    assert "; commands are help, board, flip" in person.types(f"{text}\n")
    for move in ("O-O", "Ke3", "e9"):
        assert "commands are" not in person.types(f"{move}\n")


def test_ambiguous_moves_are_explained(here: Path, person: Person) -> None:
    printed = person.types("Rd1\n", "--fen", "1k6/8/8/8/8/8/4K3/R6R w - - 0 1")
    assert re.search("Rd1 is ambiguous: (Rad1 or Rhd1|Rhd1 or Rad1)", printed)


def test_hint_undo_board_and_help(here: Path, person: Person) -> None:
    printed = person.types("hint\nundo\ne4\nundo\nboard\nHELP\nquit\nnever read\n")
    assert len(re.findall(r"^\S* ?\S+ \(\d+\.\d%\)$", printed, re.MULTILINE)) == 5
    assert "no move of yours to take back" in printed
    first, *_, last = re.findall(r"8 [^a-h]*   a  b  c", printed)
    assert first == last  # back at the beginning
    for word in ("a move", "eval", "flip", "new [FEN]", "resign", "save FILE", "switch"):
        assert re.search(rf"^(1\. )?{re.escape(word)} +[a-z]", printed, re.MULTILINE)
    assert "never read" not in printed


def test_as_black_the_policy_begins_and_the_board_is_turned(here: Path, person: Person) -> None:
    printed = person.types("quit\n", "--color", "black")
    assert "You have Black against checkpoints/chess" in printed
    assert re.search(r"plays 1\. \S+ \(", printed)
    assert "   h  g  f  e  d  c  b  a" in printed


def test_color_and_replies_follow_from_the_seed(here: Path, person: Person) -> None:
    games = [person.types("e4\ne5\n", "--color", "random", "--seed", str(seed)) for seed in (1, 1, 2, 3, 4, 5, 6)]
    assert games[0] == games[1]
    assert {"You have White" in game for game in games} == {True, False}


def test_temperature_zero_plays_the_first_hint(here: Path, person: Person) -> None:
    for seed in ("1", "2"):
        printed = person.types("hint\n", "--color", "black", "--temperature", "0", "--seed", seed)
        best = re.search(r"plays 1\. (\S+) \((\S+)%\)", printed)
        assert best
        white = person.types("hint\n", "--temperature", "0")
        assert f"{best[1]} ({best[2]}%)" == re.findall(r"\S+ \(\d+\.\d%\)", white)[0]


def read_games(path: Path) -> list[chess.pgn.Game]:
    with path.open() as file:
        return list(iter(lambda: chess.pgn.read_game(file), None))  # type: ignore[arg-type]


def test_resigning_saving_and_the_end(here: Path, person: Person) -> None:
    printed = person.types(
        "e4\nresign\nresign\nd4\nhint\nsave\nsave game.pgn\nsave no/game.pgn\nsave .\nsave ~nobody-here/g.pgn\n",
        "--seed",
        "1",
    )
    assert "Black wins: resignation – you lost. 0-1" in printed
    assert "no resignation: the game is over" in printed
    assert "the game is over, got 'd4'; expected new, undo, save FILE or quit" in printed
    assert "no hint: the game is over" in printed
    assert "save needs the name of a file" in printed
    assert "no/game.pgn can't be written" in printed
    assert "~nobody-here/g.pgn can't be written" in printed
    assert ". exists and is not overwritten" in printed
    (game,) = read_games(here / "game.pgn")
    assert (game.headers["Result"], game.headers["Termination"]) == ("0-1", "resignation")
    assert (game.headers["White"], game.headers["Black"]) == ("you", "checkpoints/chess")
    assert len(list(game.mainline_moves())) == 2


def test_a_file_of_this_session_is_saved_again(here: Path, person: Person) -> None:
    """The same game is replaced, also after undo, and a new game is added."""
    printed = person.types(
        "e4\nsave g.pgn\nd4\nsave ./g.pgn\nnew\nc4\nsave g.pgn\nundo\nb3\nresign\nsave g.pgn\n", "--seed", "1"
    )
    assert printed.count("saved to g.pgn") == 3
    assert printed.count("which now has 2 games") == 2
    first, second = read_games(here / "g.pgn")
    assert [move.uci() for move in first.mainline_moves()][::2] == ["e2e4", "d2d4"]
    assert [move.uci() for move in second.mainline_moves()][::2] == ["b2b3"]
    assert (first.headers["Result"], second.headers["Result"]) == ("*", "0-1")


def test_a_file_that_is_not_this_sessions_is_not_overwritten(
    here: Path, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "theirs.pgn").write_text("theirs")
    assert "theirs.pgn exists and is not overwritten; choose" in person.types("e4\nsave theirs.pgn\nsave theirs.pgn\n")
    assert (here / "theirs.pgn").read_text() == "theirs"
    lines = iter(["save g.pgn", "e4", "save g.pgn", "quit"])

    def edited(prompt: str) -> str:
        line = next(lines)
        if line == "e4":
            (here / "g.pgn").write_text("annotated")
        return line

    with monkeypatch.context() as patch:
        patch.setattr("builtins.input", edited)
        assert play.main([]) == 0
    assert "(it has changed since it was saved here)" in person.capsys.readouterr().out
    assert (here / "g.pgn").read_text() == "annotated"


PROMOTING = "3n3k/4P3/8/8/8/8/8/4K3 w - - 0 1"


@pytest.mark.parametrize("text", ["e8", "e7e8", "E7E8", "e8+", "e8=K", "e7-e8", "e8="])
def test_a_promotion_asks_for_the_piece(here: Path, person: Person, text: str) -> None:
    printed = person.types(f"{text}\nfen\n", "--fen", PROMOTING)
    assert f"{text} needs a piece to promote to: e8=Q, e8=R, e8=B or e8=N\n" in printed
    assert PROMOTING in printed
    assert "exd8=Q, exd8=R, exd8=B or exd8=N" in person.types("exd8\n", "--fen", PROMOTING)
    assert "exf8 is illegal here" in person.types("exf8\n", "--fen", PROMOTING)


def test_eval_is_of_white_and_says_who_that_is(here: Path, person: Person) -> None:
    game = Chess(backend="python-chess")
    torch.manual_seed(4)
    policy = Policy(game, MLP(game, hidden=(4,), value=True).requires_grad_(False))
    files.save("value.safetensors", policy)

    def value(position: str) -> str:
        expected = policy.observe(game.start([position]).observe()).value
        assert expected is not None
        assert abs(float(expected[0])) > 0.01
        return f"{float(expected[0]):+.2f}"

    printed = person.types("eval\n", "value.safetensors")
    assert f"{value('startpos')} for White (you): an expected score of" in printed
    fen = "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1"
    printed = person.types("eval\n", "value.safetensors?random=0.5", "--color", "black", "--fen", fen)
    turned = f"{-float(value(fen)):+.2f}"
    assert f"{turned} for White (value.safetensors?random=0.5): an expected score of" in printed
    assert "no evaluation: this policy's network has no value head" in person.types("eval\n")
    assert "no evaluation: this player has no policy" in person.types("eval\n", "greedy")
    assert "no evaluation: the game is over" in person.types("resign\neval\n")


def test_fen_and_new(here: Path, person: Person) -> None:
    fen = "4k3/8/8/8/8/8/4P3/4K3 w - - 0 1"
    printed = person.types(f"e4\nnew {fen}\nfen\ne4\nnew\nfen\nnew rubbish\nfen\n", "--seed", "1")
    assert printed.count(f"fen\n{fen}\n") == 3  # a bad position does not change the game
    assert "'rubbish' is not a position of chess: as a FEN, its first part must be 8 ranks" in printed
    assert printed.count("You have White") == 3


def test_new_games_of_one_seed_differ_and_come_again(here: Path, person: Person) -> None:
    printed = person.types("e4\n" + "new\ne4\n" * 5, "random", "--seed", "3")
    replies = re.findall(r"plays 1\.\.\. (\S+)", printed)
    assert len(set(replies)) > 2
    assert printed == person.types("e4\n" + "new\ne4\n" * 5, "random", "--seed", "3")


def test_flip(here: Path, person: Person) -> None:
    printed = person.types("flip\nflip\nflip\nswitch\n")
    files_below = re.findall(r"^   ([a-h])  .*$", printed, re.MULTILINE)
    assert files_below == ["a", "h", "a", "h", "a"]  # after a change of sides the person's side is still at the top


def test_switch_and_go_are_in_the_pgn(here: Path, person: Person) -> None:
    printed = person.types("e4\ngo\nswitch\ne6\nsave g.pgn\nundo\nmoves\n", "greedy", "--seed", "1")
    assert "For you it plays 2. " in printed
    assert "saved to g.pgn; White: you and greedy, Black: greedy and you\n" in printed
    assert "You have Black against greedy" in printed
    (game,) = read_games(here / "g.pgn")
    assert (game.headers["White"], game.headers["Black"]) == ("you and greedy", "greedy and you")
    printed = person.types("switch\nsave h.pgn\nresign\nswitch\ngo\n", "greedy", "--seed", "1")
    (game,) = read_games(here / "h.pgn")
    assert (game.headers["White"], game.headers["Black"]) == ("greedy", "you")
    assert "White wins: resignation – you lost" in printed
    assert "no change of sides: the game is over" in printed
    assert "no move: the game is over" in printed


def test_draws_are_explained(here: Path, person: Person) -> None:
    assert "In chess it ends by: checkmate, stalemate, insufficient material" in person.types("draw\n")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8:strict", "cp1252"])
def test_bytes_that_are_no_text_and_terminals_without_pieces(here: Path, encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chesspg.play", "random"],
        input=b"\xff\xfe\x81\ne4\r\n save\tg.pgn \nfen\n", capture_output=True, cwd=here, timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"unknown move" in done.stdout
    assert b"saved to g.pgn" in done.stdout


def test_commands_that_take_nothing(here: Path, person: Person) -> None:
    printed = person.types("board now\nquit  please\n")
    assert "board takes no argument, got 'now'" in printed
    assert "quit takes no argument, got 'please'" in printed


@pytest.mark.parametrize("text", ["O-O", "0-0", "o-o", "e1g1"])
def test_castling_as_people_write_it(here: Path, person: Person, text: str) -> None:
    assert " plays 1... " in person.types(f"{text}\n", "greedy", "--fen", "4k3/8/8/8/8/8/8/4K2R w K - 0 1")


def test_mating_the_policy(here: Path, person: Person) -> None:
    printed = person.types("Qh5xf7#\n", "--fen", "r1bqkb1r/pppp1ppp/2n2n2/4p2Q/2B1P3/8/PPPP1PPP/RNB1K1NR w KQkq - 4 4")
    assert "White wins: checkmate – you won. 1-0" in printed
    assert "!♚!" in printed


def test_tic_tac_toe(here: Path, person: Person) -> None:
    printed = person.types("b2\nb2\nz9\nmoves\nhint\n", "checkpoints/tic_tac_toe", "--seed", "2")
    assert "b2 is not free" in printed
    assert "'z9'" in printed
    assert "   a  b  c" in printed
    assert re.search(r"plays 1\.\.\. [abc][123] \(", printed)


def test_all_commands_in_a_game_that_is_not_chess(here: Path, person: Person) -> None:
    printed = person.types(
        "help\nb2\nposition\nfen\neval\nflip\ngo\nswitch\nsave t.pgn\nnew\ndraw\nnew x2/1o1/3 x\nposition\nnew x\n"
        "what\nnew xx1/oo1/3 x\nc3\nnew\n",
        "checkpoints/tic_tac_toe", "--seed", "2",
    )  # fmt: skip
    assert "You have x against checkpoints/tic_tac_toe." in printed
    assert re.search(r"^(1\. help\n)?a move +such as a1, b1, c1$", printed, re.MULTILINE)
    assert "FEN" not in printed
    assert "PGN" not in printed
    assert "SAN" not in printed
    assert re.search(r"^3/3/3 x moves b2 [abc][123]$", printed, re.MULTILINE)
    assert "unknown square 'fen'; expected one of a1" in printed
    assert "has no value head" in printed
    assert "In tic-tac-toe it ends by: three in a row, full board." in printed
    assert re.search(r"^x2/1o1/3 x moves [abc][123]$", printed, re.MULTILINE)
    assert "'x' is not a position of tic-tac-toe" in printed
    assert "commands are help" in printed
    assert "x: you and checkpoints/tic_tac_toe, o: checkpoints/tic_tac_toe and you" in printed
    assert '[First "you and checkpoints/tic_tac_toe"]' in (here / "t.pgn").read_text()


@pytest.mark.parametrize(("color", "side"), [("o", "o"), ("O", "o"), ("second", "o"), ("first", "x"), ("X", "x")])
def test_the_sides_of_a_game_have_its_own_names(here: Path, person: Person, color: str, side: str) -> None:
    printed = person.types("board\n", "random", "--color", color, "--game", "TicTacToe", "--seed", "1")
    assert printed.startswith(f"You have {side} against random.")
    assert "   a  b  c\n" in printed  # the board is not turned
    assert "c  b  a" not in printed


@pytest.fixture(scope="module")
def compiled_othello() -> None:
    """Compiles the rules of Othello before a test reads standard error, where compiling is announced once."""
    games = Othello().start(1)
    games.heuristic()
    games.play(games.observe().legal.actions[:1])


def test_othello_is_saved_as_sgf(compiled_othello: None, here: Path, person: Person) -> None:
    lines = "help\nd3\nsave g.sgf\nsave g.txt\nnew 8/8/8/2oox3/3xo3/8/8/8 x\nsave h.sgf\n"
    printed = person.types(lines, "greedy", "--game", "Othello", "--color", "black", "--seed", "1")
    assert printed.startswith("You have Black (x on the board) against greedy.")
    assert "save the game, as SGF if FILE ends in .sgf" in printed
    assert "only a game from the initial position can be written as SGF" in printed
    assert (here / "g.sgf").read_text().startswith("(;FF[4]CA[UTF-8]AP[chesspg]GM[2]SZ[8]EV[chesspg play]")
    assert "PB[you]PW[greedy]RE[Void]\n;B[dc];W[" in (here / "g.sgf").read_text()
    assert (here / "g.txt").read_text().startswith('[Event "chesspg play"]')
    assert "chess has no form in SGF" in person.types("e4\nsave g.sgf\n", "greedy", "--seed", "1")


class Twice(TicTacToe):
    """A game in which each player takes two squares in a row, and a move has the name `fen`."""

    name = "twice"

    def start(self, positions: int | Sequence[str]) -> TicTacToeGames:
        games = super().start(positions)
        for index, moves in enumerate(games.history):
            games.player[index] = (len(moves) + 1) // 2 % 2
        return games

    def parse_move(self, position: str, text: str) -> int:
        return super().parse_move(position, "b2" if text == "fen" else text)

    def move_name(self, position: str, action: int) -> str:
        return "fen" if action == 4 else super().move_name(position, action)


def test_a_game_in_which_a_player_moves_twice(monkeypatch: pytest.MonkeyPatch, person: Person) -> None:
    monkeypatch.setattr("chesspg.players.roster.game_of", lambda texts, imported, named: Twice())
    printed = person.types("fen\na1\n", "random", "--seed", "1")
    assert printed.count("random plays") == 2
    assert "has no FEN" not in printed  # a legal move has priority over a command of the same name
    assert "(x)" in printed or " x " in printed


def test_players_without_a_network(here: Path, person: Person) -> None:
    printed = person.types("e4\nhint\n", "greedy")
    assert "greedy plays 1... " in printed
    assert "no hint: this player has no policy" in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], ("nowhere", "run folder")),
        (
            ["--fen", "rubbish"],
            ("error: --fen: 'rubbish' is not a position of chess: as a FEN, its first part must be",),
        ),
        (["--fen", ""], ("error: --fen: '' is not a position of chess: as a FEN, it must not be empty",)),
        (
            ["checkpoints/tic_tac_toe", "--position", "x"],
            ("error: --position: 'x' is not a position of tic-tac-toe",),
        ),
        (["greedy", "--fen", "8/8/8/8/8/8/8/8 w - - 0 1"], ("error: --fen: ", "no white king")),
        (
            ["--fen", "rnb1kbnr/pppp1ppp/8/4p3/6Pq/5P2/PPPPP2P/RNBQKBNR w KQkq - 1 3"],
            ("--fen: ", "is over", "checkmate"),
        ),
        (["--temperature", "-1"], ("error: --temperature must be 0 or a number from 0.01 to 100, got '-1'",)),
        (["--temperature", "nan"], ("error: --temperature must be 0 or a number from 0.01 to 100, got 'nan'",)),
        (["checkpoints/chess?temperature=-1"], ("error: temperature in 'checkpoints/chess?temperature=-1' must be",)),
        (
            ["checkpoints/chess?temperature=2", "--temperature", "1"],
            ("--temperature 1 is given", "give only one of them"),
        ),
        (["uci:nosuchengine", "--temperature", "1"], ("error: --temperature 1 needs a policy", "player without one")),
        (
            ["--color", "green"],
            ("error: --color must be White, Black, first, second or random in chess, got 'green'",),
        ),
        (
            ["checkpoints/tic_tac_toe", "--color", "white"],
            ("--color must be x, o, first, second or random in tic-tac-toe, got 'white'",),
        ),
        (["random", "--game", "chesspg.Go"], ("error: --game: unknown game 'chesspg.Go'", "TicTacToe")),
        (
            ["random", "--temperature", "1"],
            ("error: --temperature 1 needs a policy, but 'random' is a player without",),
        ),
        (["checkpoints"], ("no policy file",)),
    ],
)
def test_bad_input(here: Path, person: Person, arguments: list[str], words: tuple[str, ...]) -> None:
    printed = person.types("e4\n", *arguments, code=2)
    for word in words:
        assert word in printed


@pytest.mark.parametrize("lines", ["", "e4\n", "quit\n"])
@pytest.mark.parametrize(
    ("engine", "why"),
    [
        ("uci:nosuchengine", "expected the command or path of an engine"),
        ("uci:false", "is not a UCI engine: no uciok"),
        ("uci:nosuchengine?random=0.5", "expected the command or path of an engine"),
    ],
)
def test_an_engine_that_can_not_start_is_reported_before_the_game(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], engine: str, why: str, lines: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    with pytest.raises(SystemExit) as caught:
        play.main([engine])
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(r"error: .*\n", printed.err)
    assert why in printed.err


def test_lines_of_a_pipe_are_shown_as_a_terminal_shows_them(here: Path, person: Person) -> None:
    """Each line is printed after its prompt on a line by itself, so that answers are not taken for a part of it."""
    printed = person.types("fen\nresign\n\nfen\n", "random", "--seed", "1").splitlines()
    fen = chess.STARTING_FEN
    assert printed[-7:] == ["1. fen", fen, "1. resign", "Black wins: resignation – you lost. 0-1", ">", "> fen", fen]
    assert printed[0] == "You have White against random. Type a move, or help."
    assert printed[1].startswith("8  ♜ ")


def test_nothing_trained_yet(ships: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, person: Person) -> None:
    """Then the strongest policy that ships plays under its name; without one, an error is reported."""
    monkeypatch.chdir(tmp_path)
    assert "python -m chesspg.train" in person.types("", code=2)
    game = Chess(backend="python-chess")
    path = ships / "checkpoints" / "ours.safetensors"
    files.save(path, Policy(game, MLP(game, hidden=(4,))))
    rows = '[{"player": "ours", "rating": 812, "low": 780, "high": 845}]'
    (ships / "checkpoints" / "ratings.json").write_text(f'{{"players": {rows}}}')
    printed = person.types("e4\n", "--temperature", "0").splitlines()
    assert printed[0] == "ours: no run under ./checkpoints, so the strongest policy that ships, 812 Elo on the ladder"
    assert printed[1].startswith("You have White against ours?temperature=0.")
    path.write_bytes(path.read_bytes()[:-1])
    for arguments in ([], ["ours"]):
        with pytest.raises(SystemExit):
            play.main(arguments)
        assert re.fullmatch(rf"error: {path} is truncated: .*\n", person.capsys.readouterr().err)


def test_the_newest_run_is_named(here: Path, person: Person) -> None:
    assert person.types("").startswith("checkpoints/chess: the newest run under ./checkpoints\n")


def test_a_file_whose_weights_do_not_fit_is_told_while_playing(here: Path, person: Person) -> None:
    """The header is valid, so the person can start to think; reading the weights fails later."""
    path = Path("checkpoints/chess/last.safetensors")
    policy = files.load(path)
    header = files.header_of(policy)
    header.network["init_args"]["hidden"] = [5]
    files.write(path, header, policy.network.state_dict())
    assert "does not fit its network" in person.types("e4\nd4\n", code=2)


def test_a_network_that_is_not_known_is_reported_before_the_game(here: Path, person: Person) -> None:
    path = Path("checkpoints/chess/last.safetensors")
    header = files.read_header(path)
    files.write(path, replace(header, network={"class_path": "theirs.Net", "init_args": {}}), {})
    with pytest.raises(SystemExit):
        play.main([])
    printed = person.capsys.readouterr()
    assert "You have" not in printed.out
    assert re.fullmatch(
        rf"error: {path.parent} needs the network theirs.Net, which is not a class of .*\n", printed.err
    )


def test_help_lists_every_kind_of_player(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        play.main(["--help"])
    printed = capsys.readouterr().out
    for word in (
        "random ",
        "greedy ",
        "minimax?depth=2",
        "uci:stockfish?nodes=1000",
        "RUN?temperature=0.5",
        "…?random=0.3",
    ):
        assert f"\n  {word}" in printed
    assert all(len(line) <= 120 for line in printed.splitlines())
    for kind in roster.KINDS.values():
        assert f"  {kind.example} " in printed
        assert kind.about in printed


def test_what_went_wrong_in_loading_is_told_at_the_next_line(monkeypatch: pytest.MonkeyPatch) -> None:
    failed: Future[Player] = Future()
    failed.set_exception(ValueError("it is damaged"))
    session = Session(Chess(backend="python-chess"), 0, Randomness(0), "startpos")
    monkeypatch.setattr("sys.stdin", io.StringIO("board\n"))
    with pytest.raises(SystemExit) as caught:
        Commands(Table(session, failed, "nobody", Screen(Console()))).run()
    assert caught.value.code == 2


def test_ctrl_c_is_polite(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupt)
    with pytest.raises(SystemExit) as caught:
        play.main([])
    assert caught.value.code == 130
    assert capsys.readouterr().err.split() == ["goodbye"]
