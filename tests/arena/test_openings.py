"""Openings: random ones, those that ship, those of files, and what is said of files that won't do."""

from __future__ import annotations

from pathlib import Path

import chess
import pytest

from chesspg.arena.openings import (
    BALANCED,
    Unplayable,
    default_plies,
    openings_from_string,
    random_openings,
    read_openings,
    usual_openings,
)
from chesspg.games.chess import Chess
from chesspg.games.game import Game, split_position
from chesspg.games.tic_tac_toe import TicTacToe


def test_length_and_determinism() -> None:
    openings = random_openings(Chess(), 20, 8, seed=3)
    assert [len(split_position(opening)[1]) for opening in openings] == [8] * 20
    assert len(set(openings)) == 20
    assert random_openings(Chess(), 20, 8, seed=3) == openings
    assert random_openings(Chess(), 5, 8, seed=3) == openings[:5]  # more games are the same games and more
    assert not set(random_openings(Chess(), 20, 8, seed=4)) & set(openings)


def test_games_that_ended_are_drawn_again() -> None:
    """After 7 random plies half of all games of tic-tac-toe are over."""
    openings = random_openings(TicTacToe(), 60, 7, seed=0)
    outcomes = TicTacToe().start(openings).outcomes()
    assert not outcomes.over.any()
    assert {len(split_position(opening)[1]) for opening in openings} == {7}
    assert random_openings(TicTacToe(), 20, 7, seed=0) == openings[:20]  # what one needs changes no other


def test_all_different_while_there_are_enough() -> None:
    assert len(set(random_openings(TicTacToe(), 9, 1, seed=0))) == 9
    assert len(set(random_openings(TicTacToe(), 12, 1, seed=0))) == 9


def test_no_plies_no_opening() -> None:
    assert random_openings(TicTacToe(), 3, 0, seed=0) == ["3/3/3 x"] * 3


def test_a_length_no_game_reaches() -> None:
    with pytest.raises(Unplayable, match="tic-tac-toe hardly ever lasts 9 random plies"):
        random_openings(TicTacToe(), 2, 9, seed=0)


def test_defaults() -> None:
    assert default_plies(Chess()) == 8
    assert default_plies(TicTacToe()) == 1
    assert usual_openings(Chess()) == "balanced"
    assert usual_openings(Chess("atomic")) == "random:8"
    assert usual_openings(TicTacToe()) == "random:1"


def test_what_ships() -> None:
    openings = read_openings(BALANCED, Chess())
    assert len(openings) >= 500
    assert {len(split_position(opening)[1]) for opening in openings} == {8}
    boards = [Chess().to_board(opening) for opening in openings]
    assert len({board.epd() for board in boards}) == len(openings)  # not only by another order of moves
    assert len({board.move_stack[0] for board in boards}) >= 10
    assert BALANCED.stat().st_size < 60_000
    assert "Stockfish 15.1" in BALANCED.read_text()


def test_the_order_is_the_seed_s_and_begins_again(tmp_path: Path) -> None:
    path = tmp_path / "book.epd"
    path.write_text("".join(f"4k3/8/8/8/8/8/4P3/4K3 w - - 0 {number}\n" for number in range(1, 21)))
    one = openings_from_string(str(path), Chess(), 23, seed=1)
    assert len(set(one[:20])) == 20
    assert one[20:] == one[:3]
    assert one[:20] != read_openings(path, Chess())
    assert openings_from_string(str(path), Chess(), 10, seed=1) == one[:10]
    assert openings_from_string(str(path), Chess(), 10, seed=2) != one[:10]


def test_random_ones_by_name() -> None:
    assert openings_from_string("random:3", Chess(), 4, seed=5) == random_openings(Chess(), 4, 3, seed=5)
    assert openings_from_string("random:1", TicTacToe(), 4, seed=5) == random_openings(TicTacToe(), 4, 1, seed=5)


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
    with pytest.raises(ValueError, match=r"book\.pgn, game 1: illegal san: 'Nxd7'"):
        read_openings(pgn, Chess("atomic"))
    pgn.write_text('[Variant "Atomic"]\n\n1. Nf3 f6 2. Ne5 fxe5 *\n')
    [opening] = read_openings(pgn, Chess("atomic"))
    assert Chess("atomic").to_board(opening).piece_map().keys().isdisjoint({chess.E5})  # it exploded
    with pytest.raises(ValueError, match=r"book\.pgn, game 1: is of Atomic chess, and the match of chess$"):
        read_openings(pgn, Chess())
    start = "nrbkqbrn/pppppppp/8/8/8/8/PPPPPPPP/NRBKQBRN w GBgb - 0 1"
    pgn.write_text(f'[Variant "Chess960"]\n[SetUp "1"]\n[FEN "{start}"]\n\n1. Nb3 Nb6 *\n')
    epd.write_text(start + "\n")
    [opening] = read_openings(pgn, Chess("chess960"))
    assert opening.endswith("moves a1b3 a8b6")
    assert len(read_openings(epd, Chess("chess960"))) == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.epd", "", "a.epd has no opening in it"),
        ("a.epd", "# nothing\n\n", "a.epd has no opening in it"),
        ("a.pgn", "", "a.pgn has no opening in it"),
        ("a.pgn", "not a game at all", "a.pgn, game 1: no moves"),
        ("a.pgn", "1. e4 e5 *\n\n1. e4 e5 2. Ke3 *\n", "a.pgn, game 2: illegal san: 'Ke3'"),
        ("a.pgn", '[Variant "Bughouse"]\n\n1. e4 *\n', "a.pgn, game 1: unsupported variant: Bughouse"),
        ("a.pgn", '[FEN "8/8/8/8"]\n\n1. e4 *\n', "a.pgn, game 1: "),
        ("a.pgn", "1. f3 e5 2. g4 Qh4# 0-1\n", "a.pgn, game 1: the game is over there"),
        ("a.epd", f"{SICILIAN}\nhello\n", "a.epd, line 2: expected"),
        ("a.epd", f"{SICILIAN}\n\n4k3/8/8/8/8/8/8/8 w - -\n", "a.epd, line 3: .*no white king"),
        ("a.epd", f"{SICILIAN} bm e6;\n", "a.epd, line 1: illegal san: 'e6'"),
        ("a.epd", "4k3/8/8/8/8/8/8/4K3 w - - 0 1\n", "a.epd, line 1: the game is over there"),
        ("a.epd", "4k3/8/8/8/8/8/8/4K3 w - - x 1\n", "a.epd, line 1: "),
        ("a.epd", b"\xff\xfe\x00", "a.epd is no text"),
    ],
)
def test_files_that_won_t_do(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=message):
        openings_from_string(str(path), Chess(), 2, seed=0)


@pytest.mark.parametrize(
    ("text", "game", "message"),
    [
        ("random:", Chess(), "the plies in 'random:' must be a whole number from 0 to 1,000, got ''"),
        ("random:-2", Chess(), "random:-2"),
        ("random:few", TicTacToe(), "from 0 to 1,000, got 'few'"),
        ("random:1_0", Chess(), "from 0 to 1,000, got '1_0'"),
        ("random:99999999999999999999", Chess(), "from 0 to 1,000, got"),
        ("random:9", TicTacToe(), "fewer opening plies"),
        ("random", Chess(), "no such file; balanced, random:PLIES"),
        ("balansed", Chess(), "no openings 'balansed'"),
        ("", Chess(), "no openings ''"),
        ("balanced", Chess("atomic"), "random:8 would do"),
        ("balanced", TicTacToe(), "no tic-tac-toe; random:1 would do"),
        ("book.epd", TicTacToe(), "random:1 would do"),
    ],
)
def test_names_that_won_t_do(text: str, game: Game, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        openings_from_string(text, game, 2, seed=0)


@pytest.mark.parametrize(("game", "plies"), [(TicTacToe(), 1), (TicTacToe(), 3), (Chess(), 1)])
def test_more_openings_leave_the_first_ones_as_they_are(game: Game, plies: int) -> None:
    for seed in range(5):
        assert random_openings(game, 60, plies, seed)[:12] == random_openings(game, 12, plies, seed)
