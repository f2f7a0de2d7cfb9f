"""Replaying recorded games: every SAN against python-chess, and games that break the rules."""

from __future__ import annotations

import random

import chess
import numpy as np
import pytest

from chesspg.games.chess import Chess, encoding
from chesspg.pgn.archive import Archived
from chesspg.pgn.replay import Vocabulary, replay


def some_boards(count: int) -> list[chess.Board]:
    """Positions of random games, and some with promotions and with pieces of one kind that attack the same square."""
    chance = random.Random(5)
    fens = (
        chess.STARTING_FEN,
        "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1",
        "1n5k/P1P4P/8/8/8/8/p1p4p/1N5K b - - 0 1",
        "k7/1P6/8/8/3N3N/8/8/K2N3N w - - 0 1",
        "1k6/8/8/Q6Q/8/8/8/QK5Q w - - 0 1",
        "4k3/8/8/8/pPp5/8/8/4K3 b - b3 0 1",
    )
    boards = []
    while len(boards) < count:
        board = chess.Board(chance.choice(fens))
        for _ in range(chance.randrange(60)):
            if board.is_game_over():
                break
            board.push(chance.choice(list(board.legal_moves)))
        if any(board.legal_moves) and not board.is_game_over(claim_draw=True):
            boards.append(board.root() if not board.move_stack else chess.Board(board.fen()))
    return boards


def test_every_san_means_what_python_chess_says() -> None:
    sans = sorted({board.san(move).rstrip("+#") for board in some_boards(40) for move in board.legal_moves})
    sans += ["--", "Z0", "0000", "@@@@", "N@f3", "Nd2", "e8", "e8=K", "Ke8=Q", "O-O", "0-0-0", "exd5", "Ng1-f3"]
    vocabulary = Vocabulary(sans)
    for board in some_boards(40):
        seen = Chess().start([board.fen()]).observe()[np.zeros(len(sans), np.int64)]
        actions = seen.legal[[0]].actions
        for san, index in zip(sans, vocabulary.find(np.arange(len(sans)), seen).tolist(), strict=True):
            move = encoding.action_to_move(int(actions[index]), board) if index >= 0 else chess.Move.null()
            try:
                expected = board.parse_san(san)
            except ValueError:
                expected = chess.Move.null()
            if not (san.startswith("K") and board.is_castling(move)):  # python-chess reads castling only as O-O
                assert move == expected, (board.fen(), san)


@pytest.mark.parametrize("backend", ["python-chess", "bitboards"])
def test_games_are_played_again_ply_by_ply(backend: str) -> None:
    if backend == "bitboards":
        pytest.importorskip("numba")
    chance = random.Random(3)
    archived, actions = [], []
    for number in range(12):
        board = chess.Board() if number % 3 else chess.Board("1n5k/P1P4P/8/8/8/8/p1p4p/1N5K b - - 0 1")
        start, sans, own = board.fen() if board.fen() != chess.STARTING_FEN else "startpos", [], []
        for _ in range(5 * number):
            if board.is_game_over():
                break
            move = chance.choice(list(board.legal_moves))
            sans.append(board.san(move).rstrip("+#"))
            own.append(encoding.move_to_action(move, board.turn))
            board.push(move)
        archived.append(Archived("", start, sans, 0))
        actions.append(own)
    broken: list[object] = []
    played: list[list[int]] = [[] for _ in archived]
    for ply in replay(Chess(backend=backend), archived, lambda *found: broken.append(found)):
        for row, action in zip(ply.game.tolist(), ply.legal.take(ply.choice).tolist(), strict=True):
            played[row].append(action)
    assert broken == []
    assert played == actions


def test_a_game_that_breaks_the_rules_is_named_and_the_others_go_on() -> None:
    archived = [
        Archived("", "startpos", ["e4", "e5", "Ke3", "d6"], 0),
        Archived("", "startpos", ["e4", "e5", "Nf3", "d6", "Nbd2"], 0),
        Archived("", "startpos", ["e4", "e5", "Nf3", "Nf6", "Ng1", "Ng8"] * 2, 0),
    ]
    broken: dict[int, str] = {}
    plies = [ply.game.tolist() for ply in replay(Chess(), archived, broken.__setitem__)]
    assert broken == {
        0: "Ke3 is illegal after 2 plies",
        1: "Nbd2 is illegal after 4 plies",
        2: "e4 is illegal after 6 plies",
    }
    assert plies == [[0, 1, 2], [0, 1, 2], [1, 2], [1, 2], [2], [2]]


def test_what_comes_behind_the_end_by_the_rules_is_left_out() -> None:
    shuffle = ["Nf3", "Nf6", "Ng1", "Ng8"] * 4  # the third repetition comes after two rounds
    broken: dict[int, str] = {}
    assert len(list(replay(Chess(), [Archived("", "startpos", shuffle, 0)], broken.__setitem__))) == 8
    assert broken == {}


def test_castling_as_the_king_takes_his_rook() -> None:
    archived = [
        Archived("", "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1", ["e1h1", "e8a8"], 0),
        Archived("", "3k4/8/8/8/8/8/2K5/4R3 w - - 0 1", ["e1h1"], 0),
        Archived("", "r3k2r/8/8/8/8/8/8/R3K2R b KQkq - 0 1", ["e1h1"], 0),
    ]
    broken: dict[int, str] = {}
    assert [ply.game.tolist() for ply in replay(Chess(), archived, broken.__setitem__)] == [[0, 1], [0]]
    assert broken == {2: "e1h1 is illegal after 0 plies"}
