"""Openings from files of EPD and PGN, and messages about files that can't be used."""

from __future__ import annotations

import gzip
from pathlib import Path

import chess
import pytest

from chesspg.arena.openings import openings_from_string
from chesspg.games.chess import Chess
from chesspg.games.game import split_position
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.pgn.archive import Source
from chesspg.pgn.positions import read_openings

SICILIAN = "rnbqkbnr/pp1ppppp/8/2p5/4P3/8/PPPP1PPP/RNBQKBNR w KQkq -"


def test_an_epd_file(tmp_path: Path) -> None:
    path = tmp_path / "book.epd"
    path.write_text(
        f"""# four lines, three openings
{SICILIAN} bm Nf3; id "sicilian";

{SICILIAN} 0 2
4k3/8/8/8/8/8/4P3/4K3 b - - hmvc 7; fmvn 40;
{SICILIAN} 0 2
4k3/8/8/8/8/8/4P3/4K3 w - -
""",
        encoding="utf-8-sig",
    )
    lone = "4k3/8/8/8/8/8/4P3/4K3"
    wanted = [f"{SICILIAN} 0 1", f"{SICILIAN} 0 2", f"{lone} b - - 7 40", f"{lone} w - - 0 1"]
    assert read_openings(path, Chess()) == wanted
    assert sorted(openings_from_string(str(path), Chess(), 4, seed=0)) == sorted(wanted)


def test_a_pgn_file(tmp_path: Path) -> None:
    path = tmp_path / "book.PGN"
    path.write_text(
        f"""[Event "one"]\n\n1. e4 {{ best by test }} e5 (1... c5) 2. Nf3 *

[SetUp "1"]\n[FEN "{SICILIAN} 0 2"]\n\n2. Nf3 d6 *\n\n1. e4 e5 2. Nf3 1/2-1/2\n"""
    )
    first, second = read_openings(path, Chess())
    assert first == f"{chess.STARTING_FEN} moves e2e4 e7e5 g1f3"
    assert second == f"{SICILIAN} 0 2 moves g1f3 d7d6"


def test_variants_are_honoured(tmp_path: Path) -> None:
    pgn, epd = tmp_path / "book.pgn", tmp_path / "book.epd"
    pgn.write_text('[Variant "Atomic"]\n\n1. Nf3 f6 2. Ne5 fxe5 3. Nxd7 *\n')  # it is gone
    with pytest.raises(ValueError, match=r"book\.pgn, line 1: Nxd7 is illegal after 4 plies"):
        read_openings(pgn, Chess("atomic"))
    pgn.write_text('[Variant "Atomic"]\n\n1. Nf3 f6 2. Ne5 fxe5 *\n')
    [opening] = read_openings(pgn, Chess("atomic"))
    assert Chess("atomic").to_board(opening).piece_map().keys().isdisjoint({chess.E5})  # it exploded
    with pytest.raises(ValueError, match=r"book\.pgn, line 1: variant, Atomic instead of chess\)$"):
        read_openings(pgn, Chess())
    start = "nrbkqbrn/pppppppp/8/8/8/8/PPPPPPPP/NRBKQBRN w GBgb - 0 1"
    pgn.write_text(f'[Variant "Chess960"]\n[SetUp "1"]\n[FEN "{start}"]\n\n1. Nb3 Nb6 *\n')
    epd.write_text(start + "\n")
    [opening] = read_openings(pgn, Chess("chess960"))
    assert opening.endswith("moves a1b3 a8b6")
    assert len(read_openings(epd, Chess("chess960"))) == 1


BOARD = "4k3/8/8/8/8/8/4P3/4K3 w - -"


@pytest.mark.parametrize(
    ("line", "clocks"),
    [
        ("", "0 1"),
        (" 90", "90 1"),
        (" 90;", "90 1"),
        (" 3 7", "3 7"),
        (" 0 2;", "0 2"),
        (";", "0 1"),
        (" ; c0 is a comment", "0 1"),
        (" # a comment", "0 1"),
        (" 5 9 bm Kd2;", "5 9"),
        (' c0 "a\\"b"; hmvc 90;', "90 1"),
        (" bm hmvc 3; hmvc 90;", "90 1"),
        (' bm 0-0; id "x";', "0 1"),
        (' id "a; hmvc 5; fmvn 9;"; hmvc 7;', "7 1"),
        (" fmvn 12; hmvc 7", "7 12"),
        (" bm e6; am Zz9; ce +M3; acd 12; pv e4 e5", "0 1"),
        (' c0 "without an end; hmvc 3;', "0 1"),
        (" 0 0", "0 1"),
    ],
)
def test_clocks_and_operations_of_a_line(tmp_path: Path, line: str, clocks: str) -> None:
    (tmp_path / "book.epd").write_text(f"  {BOARD}{line}  \n\x1a")
    assert read_openings(tmp_path / "book.epd", Chess()) == [f"{BOARD} {clocks}"]


def test_what_is_bad_in_a_file_is_left_out_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pgn, epd = tmp_path / "book.pgn", tmp_path / "book.epd"
    pgn.write_text("1. e4 e5 *\n\n1. e4 e5 2. Ke3 *\n\n1. d4 -- *\n\n1. f3 e5 2. g4 Qh4# *\n\n1. c4 c5 *\n")
    skipped: list[str] = []
    assert [split_position(opening)[1] for opening in read_openings(pgn, Chess(), skipped.append)] == [
        ["e2e4", "e7e5"],
        ["c2c4", "c7c5"],
    ]
    assert skipped == [
        f"{pgn}: 3 of its openings left out: book.pgn, line 3: Ke3 is illegal after 2 plies; "
        "book.pgn, line 5: -- is illegal after 1 plies; book.pgn, line 7: the game is over there"
    ]
    epd.write_text(f"{BOARD}\n" + "4k3/8/8/8/8/8/8/8 w - -\n" + "hello\n" * 8)
    for seed in range(3):
        assert openings_from_string(str(epd), Chess(), 1, seed) == [f"{BOARD} 0 1"]
    [line] = capsys.readouterr().err.splitlines()  # only once, although the file was read three times
    assert line.startswith(f"warning: {epd}: 9 of its openings left out: book.epd, line 2: ")
    assert line.endswith("; and 4 more")


def test_a_file_in_any_form(tmp_path: Path) -> None:
    games = '[Event "Köln"]\n[FEN "4k3/8/8/8/8/8/4P3/4K3 w - - 0 1"]\n\n1. Kd2 *\n'
    for name, content in {
        "a.pgn": games.encode("latin-1"),
        "b.pgn": games.encode("utf-16"),
        "c.pgn.gz": gzip.compress(games.encode()),
        "d.pgn": gzip.compress(games.encode()),
        "e.txt": games.encode(),
        "f.pgn": games.replace("\n", "\r").encode(),
    }.items():
        (tmp_path / name).write_bytes(content)
        assert read_openings(tmp_path / name, Chess()) == ["4k3/8/8/8/8/8/4P3/4K3 w - - 0 1 moves e1d2"], name


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.epd", "", "a.epd has no opening in it"),
        ("a.epd", "# nothing\n\n", "a.epd has no opening in it"),
        ("a.pgn", "", "a.pgn has no opening in it"),
        ("a.pgn", "not a game at all", "a.pgn, line 1: no game"),
        ("a.pgn", "1. e4 e5 2. Ke3 *\n", "a.pgn, line 1: Ke3 is illegal after 2 plies"),
        ("a.pgn", '[Variant "Bughouse"]\n\n1. e4 *\n', "a.pgn, line 1: variant, unsupported variant: Bughouse"),
        ("a.pgn", '[FEN "8/8/8/8"]\n\n1. e4 *\n', "a.pgn, line 1: start position, "),
        ("a.pgn", "1. f3 e5 2. g4 Qh4# 0-1\n", "a.pgn, line 1: the game is over there"),
        ("a.epd", "\nhello\n", "a.epd, line 2: expected a position as EPD or FEN, got 'hello'"),
        ("a.epd", "\n\n4k3/8/8/8/8/8/8/8 w - -\n", "a.epd, line 3: .*no white king"),
        ("a.epd", "4k3/8/8/8/8/8/8/4K3 w - - 0 1\n", "a.epd, line 1: the game is over there"),
        ("a.epd", "4k3/8/8/8/8/8/4P3/4K3 w - - -3 1\n", "a.epd, line 1: a clock must be .*, got '-3'"),
        ("a.epd", "4k3/8/8/8/8/8/4P3/4K3 w - - hmvc x;\n", "a.epd, line 1: a clock must be .*, got 'x'"),
        ("a.epd", "4k3/8/8/8/8/8/4P3/4K3 w - - 0 100000\n", "a.epd, line 1: a clock must be .*, got '100000'"),
        ("a.epd", f"{BOARD} 90;0.3\n", "a clock must be .*, got '90;0.3'"),
        ("a.epd", "bqnbrkrn/pppppppp/8/8/8/8/PPPPPPPP/BQNBRKRN w GEge -\n", "are of Chess960"),
        ("a.epd", "r3k2r/8/8/8/8/8/8/1RR1K2R w CHq -\n", "are of Chess960"),
        ("a.epd", b"\xff\xfe\x00", "a.epd has no opening in it"),
        ("a.epd", b"PK\x03\x04\x00\x00", "a.epd is a zip archive; expected a text file"),
        ("a.pgn", b"%PDF-1.4\n", "a.pgn is a PDF document; expected a text file"),
    ],
)
def test_files_that_won_t_do(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=message):
        openings_from_string(str(path), Chess(), 2, seed=0)


def test_a_game_without_a_notation_has_none(tmp_path: Path) -> None:
    path = tmp_path / "book.pgn"
    path.write_text("1. e4 e5 *\n")
    message = "tic-tac-toe has no notation, so FEN, EPD and PGN can't be read; expected a game such as chess"
    for read in (lambda: read_openings(path, TicTacToe()), lambda: Source(path, game=TicTacToe())):
        with pytest.raises(ValueError, match=message):
            read()
