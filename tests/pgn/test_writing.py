"""Writing PGN: other programs read the game that was played."""

from __future__ import annotations

import io
from pathlib import Path

import chess
import chess.pgn
import pytest

from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.pgn.writing import save_pgn, to_pgn

FOOL = "startpos moves f2f3 e7e5 g2g4 d8h4"


def read(text: str) -> chess.pgn.Game:
    game = chess.pgn.read_game(io.StringIO(text))
    assert game is not None
    assert not game.errors
    return game


def test_a_finished_game() -> None:
    text = to_pgn(Chess(), FOOL, {"Event": "test", "White": "a", "Black": "b", "Round": "1.2", "Date": "2024.02.29"})
    assert (
        text
        == """\
[Event "test"]
[Site "?"]
[Date "2024.02.29"]
[Round "1.2"]
[White "a"]
[Black "b"]
[Result "0-1"]
[Termination "checkmate"]

1. f3 e5 2. g4 Qh4# 0-1"""
    )


def test_it_reads_back_from_any_start() -> None:
    start = "r3k2r/1P6/8/8/8/8/8/4K3 b kq - 3 9"
    game = read(to_pgn(Chess(), f"{start} moves e8g8 b7a8n"))
    assert game.headers["FEN"] == start
    assert game.headers["SetUp"] == "1"
    assert game.headers["Result"] == "*"
    assert game.headers["Termination"] == "unterminated"
    assert [move.uci() for move in game.mainline_moves()] == ["e8g8", "b7a8n"]


def test_headers_given_come_before_the_rules() -> None:
    game = read(
        to_pgn(Chess(), "startpos moves e2e4", {"Result": "0-1", "Termination": "resignation", "White": 'a "b"'})
    )
    assert (game.headers["Result"], game.headers["Termination"]) == ("0-1", "resignation")
    assert game.headers["White"] == 'a "b"'


def test_evaluations_stand_with_the_moves() -> None:
    """Scores are in pawns and from White's side, whoever moved."""
    game = read(to_pgn(Chess(), FOOL, centipawns=[120, None, -31]))
    scores = [node.eval() for node in game.mainline()]
    assert [score and score.white().score() for score in scores] == [None, -120, None, 31]
    assert "2. g4 Qh4# { [%eval 0.31] } 0-1" in to_pgn(Chess(), FOOL, centipawns=[-31])


def test_variants_are_named() -> None:
    assert read(to_pgn(Chess("atomic"), "startpos moves e2e4")).headers["Variant"] == "Atomic"
    start = "nrbkqbrn/pppppppp/8/8/8/8/PPPPPPPP/NRBKQBRN w GBgb - 0 1"
    game = read(to_pgn(Chess("chess960"), f"{start} moves a1b3"))
    assert game.board().chess960
    assert game.headers["Variant"] == "Chess960"


def test_long_games_are_wrapped() -> None:
    moves = " ".join(["g1f3 g8f6 f3g1 f6g8"] * 20)
    assert max(map(len, to_pgn(Chess(), f"startpos moves {moves}").splitlines())) <= 80


def test_other_games() -> None:
    text = to_pgn(TicTacToe(), "3/3/3 x moves a1 b1 a2 b2 a3", {"First": "me"})
    assert text.splitlines()[4] == '[First "me"]'
    assert '[Variant "tic-tac-toe"]' in text
    assert "FEN" not in text
    assert text.endswith("\n\n1. a1 b1 2. a2 b2 3. a3 1-0")
    text = to_pgn(TicTacToe(), "3/3/x2 o moves b1 a2 b2", {"First": 'a\\"b'})
    assert '[FEN "3/3/x2 o"]' in text
    assert '[First "a\\\\\\"b"]' in text
    assert text.endswith("\n\n1... b1 2. a2 b2 *")


def test_saving_replaces_only_if_it_may(tmp_path: Path) -> None:
    path = tmp_path / "games.pgn"
    save_pgn(path, [to_pgn(Chess(), FOOL), to_pgn(Chess(), "startpos")])
    with path.open() as file:
        assert [game.headers["Result"] for game in iter(lambda: chess.pgn.read_game(file), None)] == ["0-1", "*"]
    with pytest.raises(FileExistsError, match=r"games\.pgn exists"):
        save_pgn(path, [], replace=False)
    assert path.read_text()
    save_pgn(path, [])
    assert path.read_text() == ""
    assert list(tmp_path.iterdir()) == [path]
