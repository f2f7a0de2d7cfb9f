"""Games of PGN files on a page: the policy that evaluates them, and which are shown or reported as left out."""

from __future__ import annotations

import gzip
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import chess
import pytest
import torch

from chesspg.games.chess import Chess
from chesspg.games.connect_four import ConnectFour
from chesspg.games.game import Game
from chesspg.games.hex import Hex
from chesspg.games.othello import Othello
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.pgn.sgf import to_sgf
from chesspg.pgn.writing import save_pgn, to_pgn
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.report import collection, page
from chesspg.report.choice import check_is_pgn, policy_for
from chesspg.report.collection import Collection, read_collection

FOOL = "startpos moves f2f3 e7e5 g2g4 d8h4"
HOSTILE = "</script><script>document.title='hacked'</script><img src=x onerror=\"alert(1)\">\u2028"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder with runs of three games; the newest is of tic-tac-toe."""
    torch.manual_seed(0)
    games: list[tuple[str, Game]] = [("chess", Chess()), ("atomic", Chess("atomic")), ("tic", TicTacToe())]
    for age, (name, game) in enumerate(games):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
        path = tmp_path / "checkpoints" / name / "last.safetensors"
        files.save(path, Policy(game, MLP(game, hidden=(4,), value=True)))
        os.utime(path, (1000 + age, 1000 + age))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def collected(*games: str, name: str = "games.pgn", policy: str = "") -> Collection:
    Path(name).write_text("\n\n".join(games) + "\n", encoding="utf-8")
    return read_collection(Path(name), *policy_for(Path(name), policy))


@pytest.mark.parametrize(
    ("game", "position", "policy"),
    [
        (Chess(), FOOL, "chess"),
        (Chess("atomic"), "startpos moves g1f3 f7f6", "atomic"),
        (TicTacToe(), "3/3/3 x moves b2 a1 c3", "tic"),
        (TicTacToe(), "x2/1o1/3 x moves c3 a1", "tic"),
    ],
)
def test_games_are_seen_by_the_newest_run_of_their_game(home: Path, game: Game, position: str, policy: str) -> None:
    one = collected(to_pgn(game, position))
    assert one.policy == f"checkpoints/{policy} (the newest run of {game.name} under ./checkpoints)"
    (shown,) = one.games
    assert len(shown.sample.names) == len(position.partition(" moves ")[2].split())
    assert shown.sample.boards[0] == (
        game.render(position.partition(" moves ")[0]) if policy == "tic" else shown.sample.boards[0]
    )
    assert (one.game.name, one.share, one.skipped) == (game.name, "1 game", [])


def test_what_ships_is_taken_if_there_is_no_run_of_the_game(home: Path, ships: Path) -> None:
    (home / "checkpoints" / "chess").rename(home / "elsewhere")
    with pytest.raises(ValueError, match=r"no policy that plays chess, the game of games\.pgn; name one with --policy"):
        collected(to_pgn(Chess(), FOOL))
    (ships / "checkpoints" / "ours.safetensors").write_bytes((home / "elsewhere" / "last.safetensors").read_bytes())
    rows = [{"player": "ours", "rating": 812, "low": 780, "high": 845}]
    (ships / "checkpoints" / "ratings.json").write_text(json.dumps({"players": rows}))
    assert collected(to_pgn(Chess(), FOOL)).policy.startswith("ours (no run of chess under ./checkpoints, so")
    with pytest.raises(ValueError, match="no policy that plays Crazyhouse"):
        collected('[Variant "Crazyhouse"]\n\n1. e4 *')
    (home / "checkpoints" / "tic").rename(home / "tic")
    with pytest.raises(ValueError, match=r"no policy that plays tic-tac-toe, .*; name one with --policy$"):
        collected(to_pgn(TicTacToe(), "3/3/3 x moves b2"))
    with pytest.raises(ValueError, match=r"no policy that plays heaps, .*; name one with --policy, and with --import"):
        collected('[Variant "heaps"]\n\n1. 3 *')
    with pytest.raises(ValueError, match=r"no policy that plays connect four, .*; name one with --policy$"):
        collected('[Variant "connect four"]\n\n1. d *')
    with pytest.raises(
        ValueError,
        match=r"no policy that plays game 11 of SGF on a board of size 9, the game of a\.sgf; name one with --policy$",
    ):
        collected("(;GM[11]SZ[9];B[a1])", name="a.sgf")
    made_of_hex = type("MadeOfHex", (Hex,), {})  # the games of chesspg are named, not those that are made of them
    assert made_of_hex.sgf is Hex.sgf
    with pytest.raises(
        ValueError, match=r"; of the games in SGF, Hex \(GM\[11\]\) and Othello \(GM\[2\]\) are known here$"
    ):
        collected("(;GM[1]SZ[19];B[aa])", name="go.sgf")


def test_a_game_of_ones_own_needs_an_import_only(home: Path) -> None:
    """If there are runs of games that this process does not know, the message lists the modules to import."""
    path = home / "checkpoints" / "tic" / "last.safetensors"
    header = files.read_header(path)
    weights = files.load(path).network.state_dict()
    for name, module in (
        ("a", "my.connect4"),
        ("b", "<script>"),
        ("c", "my.connect4"),
        ("d", "nim"),
        ("e", "chesspg.games"),
        ("f", "__main__"),
    ):
        (home / "checkpoints" / name).mkdir()
        theirs = replace(header, game={"class_path": f"{module}.Theirs", "init_args": {}})
        files.write(home / "checkpoints" / name / "last.safetensors", theirs, weights)
        os.utime(home / "checkpoints" / name / "last.safetensors", (2000 - ord(name), 2000 - ord(name)))
    known = [Chess(variant) for variant in ("standard", "atomic")] + [TicTacToe()]
    for game in known:
        assert policy_for(saved(to_pgn(game, game.start(1).position(0))))
    with pytest.raises(
        ValueError,
        match=r"no policy that plays fours, the game of games\.pgn; the games of some runs under \./checkpoints "
        r"must be imported; add --import my\.connect4 or --import nim$",
    ):
        policy_for(saved('[Variant "fours"]\n\n1. d *'))
    with pytest.raises(ValueError, match=r"no policy that plays chess \(chess960\), .*; name one with --policy$"):
        policy_for(saved('[Variant "Chess960"]\n\n1. e4 *'))


def saved(game: str) -> Path:
    Path("games.pgn").write_text(game + "\n")
    return Path("games.pgn")


def test_games_of_othello_as_sgf(home: Path) -> None:
    game = Othello()
    (home / "checkpoints" / "othello").mkdir()
    files.save(home / "checkpoints" / "othello" / "last.safetensors", Policy(game, MLP(game, hidden=(2,))))
    position = f"{game.start(1).position(0)} moves d3 c3"
    tags = {
        "Event": "one",
        "First": "A",
        "Second": "B",
        "Date": "2026.11.26",
        "Result": "0-1",
        "Termination": "forfeit",
    }
    good, illegal = to_sgf(game, position, tags), "(;GM[2]SZ[8];B[dc];W[aa])"
    one = collected(good, "(;GM[1]SZ[19];B[dd])", illegal, "(;GM[2]SZ[8]AB[aa];B[dc])", name="games.sgf")
    assert one.policy.endswith("(the newest run of the same game under ./checkpoints)")
    assert one.share == "1 of 4 games (3 can't be shown)"
    assert one.games[0].sample.names == ["d3", "c3"]
    assert one.games[0].tags == {
        "event": "one", "players": "A – B", "date": "2026-11-26", "result": "0-1", "termination": "forfeit"
    }  # fmt: skip
    assert one.skipped == [
        "games.sgf, line 4 is left out: game 1 of SGF on a board of size 19 instead of othello",
        "games.sgf, line 6 is left out: ply 2: a1 is not legal in this position",
        "games.sgf, line 8 is left out: it does not begin in the initial position",
    ]
    Path("empty.sgf").write_text("(;GM[2]\n")
    with pytest.raises(
        ValueError, match=r"empty\.sgf has no whole game in it; expected a run folder or a file of games$"
    ):
        check_is_pgn(Path("empty.sgf"))


def test_long_games_whose_moves_are_not_squares_are_read(home: Path) -> None:
    game = ConnectFour()
    (home / "checkpoints" / "fours").mkdir()
    files.save(home / "checkpoints" / "fours" / "last.safetensors", Policy(game, MLP(game, hidden=(2,))))
    moves = " ".join(6 * "d" + 6 * "e" + 6 * "a" + 6 * "g")
    (shown,) = collected(to_pgn(game, f"{game.start(1).position(0)} moves {moves}", {"First": "A"})).games
    assert shown.sample.names == moves.split()
    assert shown.tags["players"] == "A – ?"


def test_a_named_policy_has_its_temperature(home: Path) -> None:
    sharp, flat = (
        collected(to_pgn(Chess(), FOOL), policy=f"checkpoints/chess?temperature={t}").games[0].sample.likely[0]
        for t in (0.01, 100)
    )
    assert [one.name for one in sharp] == [one.name for one in flat]
    assert flat[0].probability == pytest.approx(1 / 20, abs=0.01)
    assert sharp[0].probability > 0.2


def test_tags_as_people_write_them(home: Path) -> None:
    def tags(*lines: str, moves: str = "1. e4 e5 1/2-1/2") -> dict[str, str]:
        return collected("\n".join(lines) + f"\n\n{moves}").games[0].tags

    assert tags('[Event "Open"]', '[White "A"]', '[Black "B"]', '[WhiteElo "2500"]', '[Date "2024.05.01"]') == {
        "event": "Open", "players": "A (2500) – B", "date": "2024.05.01", "result": "1/2-1/2"
    }  # fmt: skip
    assert tags('[Event "?"]', '[Date "2024.??.??"]', '[Termination "Normal"]') == {"date": "2024", "result": "1/2-1/2"}
    assert tags('[Date "????.??.??"]', '[UTCDate "2020.01.02"]')["result"] == "1/2-1/2"
    assert tags('[Termination "Time forfeit"]')["termination"] == "Time forfeit"
    assert tags('[White "A"]', moves="1. f3 e5 2. g4 Qh4# 0-1") == {
        "players": "A – ?", "result": "0-1", "termination": "checkmate"
    }  # fmt: skip
    assert tags(moves="1. e4 *")["result"] == "*"
    assert tags('[Termination "truncated"]', moves="1. e4 *")["termination"] == "stopped at the ply cap"


def test_variations_comments_and_marks_are_left_out(home: Path) -> None:
    text = "1. e4 {best [%clk 1:00]} (1. d4 d5 (1... Nf6)) e5 $1 2. Nf3!? ; a remark\n Nc6 1-0"
    (one,) = collected('[Event "a"]\n\n' + text).games
    assert one.sample.names == ["e4", "e5", "Nf3", "Nc6"]


def test_bad_games_are_named_and_counted(home: Path) -> None:
    good, bad = to_pgn(Chess(), FOOL), '[Event "b"]\n\n1. e4 e4 1-0'
    one = collected(good, *[bad] * 7, to_pgn(TicTacToe(), "3/3/3 x moves b2"), '[FEN ""]\n\n1. e4 *', good)
    assert one.share == "2 of 11 games (9 can't be shown)"
    assert len(one.skipped) == collection.NAMED + 1
    assert re.fullmatch(r"games\.pgn, line \d+ is left out: ply 2: e4 is illegal here", one.skipped[0])
    assert one.skipped[-1] == "4 more games are left out"
    with pytest.raises(
        ValueError,
        match=r"the one game in games\.pgn can't be shown as a game of chess: line 1: ply 2: e4 is illegal here$",
    ):
        collected(bad)
    with pytest.raises(ValueError, match=r"none of the 9 games in games\.pgn can .*: line 1: ply 2.*; and 4 more$"):
        collected(*[bad] * 9)
    with pytest.raises(
        ValueError, match=r"line 1: it has no moves that can be read; expected moves as in 1\. e4 e5 2\. Nf3"
    ):
        collected('[Event "a"]\n\n*')
    with pytest.raises(ValueError, match="line 1: ply 1: unknown move 'P-K4'; moves are written as in Nf3"):
        collected("1. P-K4 *")
    for text in ("", "\n\n", "no games here\n", "a: 1\nb: [2]\n"):
        Path("games.pgn").write_text(text)
        with pytest.raises(
            ValueError, match=r"games\.pgn has no games in it; expected a run folder or a file of games$"
        ):
            check_is_pgn(Path("games.pgn"))


def test_a_page_has_so_many_games_and_says_how_many_there_are(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    games = [to_pgn(Chess(), FOOL, {"Round": str(i)}) for i in range(100)]
    assert collected(*games).share == f"the first {collection.GAMES} of 100 games (a page shows no more)"
    assert collected(*games[: collection.GAMES]).share == f"{collection.GAMES} games"
    bad = '[Variant "Crazyhouse"]\n\n1. e4 *'
    assert collected(*games[: collection.GAMES], bad).share == "50 of 51 games (1 can't be shown)"
    monkeypatch.setattr(collection, "PLIES", 10)
    assert collected(*games).share == "the first 3 of 100 games (a page shows no more)"
    assert collected(games[0], bad, *games).share == "3 of 102 games (1 can't be shown, and a page shows no more)"
    monkeypatch.setattr(collection, "COUNTED", 20)
    one = collected(*games)
    found = re.fullmatch(r"the first 3 of about (\d+) games \(a page shows no more\)", one.share)
    assert found
    assert 15 <= int(found[1]) <= 110  # small files are read in one piece


def test_a_long_file_is_not_read_to_its_end(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "COUNTED", 500)
    monkeypatch.setattr(collection, "GAMES", 2)
    one = collected(*[to_pgn(Chess(), FOOL)] * 5000)
    found = re.fullmatch(r"the first 2 of about ([\d,]+) games \(a page shows no more\)", one.share)
    assert found
    assert 3500 < int(found[1].replace(",", "")) < 6500


def test_a_game_that_is_too_long(home: Path) -> None:
    shuffle = " ".join(["Nf3 Nf6 Ng1 Ng8"] * 501)
    one = collected(f'[Event "a"]\n\n{shuffle} *', to_pgn(Chess(), FOOL))
    assert one.skipped == ["games.pgn, line 1 is left out: it has 2,004 plies; expected at most 2,000"]


def test_a_game_that_went_on_after_a_draw_is_shown_up_to_it(home: Path) -> None:
    (one,) = collected('[Event "a"]\n\n' + " ".join(["Nf3 Nf6 Ng1 Ng8"] * 3) + " 1-0").games
    assert (len(one.sample.names), one.sample.left) == (8, 4)
    assert one.tags["termination"] == "shown up to the threefold repetition"
    assert one.tags["result"] == "1-0"


def test_many_positions_in_parts_are_as_in_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = collected(to_pgn(Chess(), FOOL)).games[0].sample
    monkeypatch.setattr("chesspg.report.samples.BATCH", 3)
    parts = collected(to_pgn(Chess(), FOOL)).games[0].sample
    assert parts.values == pytest.approx(whole.values, abs=1e-6)
    assert parts.chances == pytest.approx(whole.chances, abs=1e-6)


def test_compressed_and_cut_off(home: Path) -> None:
    text = "\n\n".join(to_pgn(Chess(), FOOL, {"Round": str(i), "White": str(i * 7919)}) for i in range(400))
    Path("games.pgn.gz").write_bytes(gzip.compress(text.encode())[:-500])
    one = read_collection(Path("games.pgn.gz"), *policy_for(Path("games.pgn.gz")))
    assert any(line.startswith("the file ends early: ") for line in one.skipped)


def test_hostile_text_stays_text(home: Path) -> None:
    names = ("Event", "White", "Black", "Termination", "Date", "WhiteElo")
    tags = "\n".join(f'[{name} "{HOSTILE.replace(chr(34), "")}"]' for name in names)
    Path("<img src=x>.pgn").write_text(
        f"{tags}\n\n1. e4 {{{HOSTILE}}} *\n\n{tags}\n\n1. <b> e9<script> *\n", encoding="utf-8"
    )
    one = read_collection(Path("<img src=x>.pgn"), *policy_for(Path("<img src=x>.pgn")))
    html = page.page([], [one])
    [block] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert html.count("<script") == 2
    assert "<img" not in html
    data = json.loads(block)
    assert data["runs"][0]["name"] == "<img src=x>.pgn"
    assert data["games"][0]["event"].startswith("</script><script>")


def test_runs_and_files_on_one_page(home: Path) -> None:
    save_pgn("a.pgn", [to_pgn(Chess(), FOOL)])
    one = read_collection(Path("a.pgn"), *policy_for(Path("a.pgn")))
    html = page.page([], [one, one])
    [block] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    data = json.loads(block)
    assert [run["name"] for run in data["runs"]] == ["a.pgn", "a.pgn"]
    assert [game["run"] for game in data["games"]] == [0, 1]
    assert data["games"][0]["board"] == "".join(str(chess.Board().piece_at(square) or ".") for square in chess.SQUARES)
