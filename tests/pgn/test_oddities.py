"""Games as people and programs write them: each is read as it was played, and as python-chess reads it if it can."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chess
import chess.pgn
import oddities
import pytest

from chesspg.games.chess import Chess, encoding
from chesspg.games.game import split_position
from chesspg.pgn.archive import EVERY, Archived, Skipped, Source
from chesspg.pgn.replay import position_of, replay

FILES = 250
GAMES = Path(__file__).with_name("games")  # each was read wrongly by some program
Read = tuple[str, list[str], int | None, str]  # start as FEN, moves as UCI, outcome, event


def fen(start: str) -> str:
    return chess.STARTING_FEN if start == "startpos" else start


def by_us(path: Path) -> list[Read | Skipped]:
    return [
        one
        if isinstance(one, Skipped)
        else (
            fen(one.start),
            split_position(position_of(Chess().notation, one))[1],
            one.outcome,
            one.headers.get("Event", "?"),
        )
        for one in Source(path, EVERY)
    ]


def by_python_chess(text: str) -> Iterator[Read]:
    stream = io.StringIO(text)
    while game := chess.pgn.read_game(stream):
        moves = [move.uci() for move in game.mainline_moves()]
        yield game.board().fen(), moves, oddities.OUTCOMES[game.headers["Result"]], game.headers["Event"]


@pytest.mark.slow
def test_files_with_every_oddity(tmp_path: Path) -> None:
    known = 0
    for seed in range(FILES):
        name, text, content, games = oddities.file(seed)
        (tmp_path / name).write_bytes(content)
        expected = [(game.start, game.moves, game.outcome, game.event) for game in games]
        assert by_us(tmp_path / name) == expected, f"seed {seed}"
        if all(game.known for game in games):
            assert list(by_python_chess(text)) == expected, f"seed {seed}"
            known += len(games)
    assert known > FILES / 2


@pytest.mark.slow
def test_many_at_once_are_replayed_as_one_by_one(tmp_path: Path) -> None:
    archived, expected = [], []
    for seed in range(FILES):
        name, _, content, games = oddities.file(seed)
        (tmp_path / name).write_bytes(content)
        archived += [one for one in Source(tmp_path / name, EVERY) if isinstance(one, Archived)]
        expected += [game.moves for game in games]
    boards = [chess.Board(fen(one.start)) for one in archived]
    broken: list[Any] = []
    for ply in replay(Chess(), archived, lambda *what: broken.append(what)):
        for row, action in zip(ply.game.tolist(), ply.legal.take(ply.choice).tolist(), strict=True):
            boards[row].push(encoding.action_to_move(int(action), boards[row]))
    assert broken == []
    over = [board.is_game_over(claim_draw=False) or board.is_repetition(3) for board in boards]
    for board, moves, ended in zip(boards, expected, over, strict=True):
        played = [move.uci() for move in board.move_stack]
        assert played == (moves[: len(played)] if ended else moves)


SCHOLARS = ["e2e4", "e7e5", "f1c4", "b8c6", "d1h5", "g8f6", "h5f7"]


@pytest.mark.parametrize(
    ("name", "moves"),
    [
        ("01_fen_before_event.pgn", ["e2e4", "e7e5", "d2d4", "e5d4", "c2c3", "d4c3"]),
        ("01b_event_last.pgn", SCHOLARS),
        ("01c_elo_before_event.pgn", SCHOLARS),
        ("03_bad_tag_line.pgn", ["e2e4", "e8e7", "e4e5"]),
        ("04_two_blank_lines.pgn", SCHOLARS),
        ("05_blank_line_in_moves.pgn", SCHOLARS),
        ("06_tag_in_comment.pgn", SCHOLARS),
        ("07_indented_tags.pgn", SCHOLARS),
        ("08_coordinate_moves.pgn", SCHOLARS),
        ("09_latin1_openings.pgn", ["e2e4", "e7e5"]),
        ("19_timecontrol.pgn", SCHOLARS),
    ],
)
def test_a_file_of_one_game(name: str, moves: list[str]) -> None:
    [game] = Source(GAMES / name, EVERY)
    assert isinstance(game, Archived)
    assert split_position(position_of(Chess().notation, game))[1] == moves
    assert game.outcome == (None if "openings" in name else 1)
    lone = {"01": "4k3/pppppppp/8/8/8/8/PPPPPPPP/4K3 w - - 0 1", "03": "4k3/8/8/8/8/8/4P3/4K3 w - - 0 1"}
    assert game.start == lone.get(name.partition("_")[0], "startpos")
    if name.startswith("01_"):
        assert Chess().to_board(game.start).legal_moves.count() == 18
