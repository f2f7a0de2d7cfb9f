"""Actions and planes: every move is read back from its action, and both colors see the same."""

from __future__ import annotations

import chess
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chesspg.games.chess import VARIANTS, Chess
from chesspg.games.chess.encoding import NUM_ACTIONS, action_to_move, material, move_to_action

RICH = [
    chess.STARTING_FEN,
    "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1",
    "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1",
    "n1n5/PPPk4/8/8/8/8/4Kppp/5N1N b - - 0 1",
    "1n2k1n1/P1P4P/8/8/8/8/p1p4p/1N2K1N1 w - - 0 1",
    "r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1",
    "4k3/p1p1p1p1/8/1P1P1P1P/1p1p1p1p/8/P1P1P1P1/4K3 w - - 0 1",
    "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1",
]


@st.composite
def boards(draw: st.DrawFn) -> chess.Board:
    """A position after some random moves from a varied start."""
    board = chess.Board(draw(st.sampled_from(RICH)))
    for _ in range(draw(st.integers(0, 40))):
        moves = sorted(board.legal_moves, key=str)
        if not moves:
            break
        special = [m for m in moves if m.promotion or board.is_en_passant(m) or board.is_castling(m)]
        board.push(draw(st.sampled_from(special if special and draw(st.booleans()) else moves)))
    return board


@pytest.mark.slow
@settings(max_examples=300)
@given(boards())
def test_every_legal_move_comes_back(board: chess.Board) -> None:
    moves = list(board.legal_moves)
    actions = [move_to_action(move, board.turn) for move in moves]
    assert all(0 <= action < NUM_ACTIONS for action in actions)
    assert len(set(actions)) == len(moves)
    assert [action_to_move(action, board) for action in actions] == moves


@settings(max_examples=100)
@given(boards())
def test_a_position_and_its_color_flip_look_alike(board: chess.Board) -> None:
    fens = [board.fen(), board.mirror().fen()]
    games = Chess(backend="python-chess").start(fens)
    seen = games.observe()
    np.testing.assert_array_equal(seen.planes[0], seen.planes[1])
    np.testing.assert_array_equal(seen.scalars[0], seen.scalars[1])
    np.testing.assert_array_equal(seen.legal[[0]].actions, seen.legal[[1]].actions)
    np.testing.assert_array_equal(seen.player, [0, 1] if board.turn else [1, 0])
    outcomes, material_ = games.outcomes(), games.heuristic()
    assert outcomes.outcome[0] == -outcomes.outcome[1]
    assert outcomes.reason[0] == outcomes.reason[1]
    assert material_[0] == -material_[1]


@pytest.mark.parametrize("variant", VARIANTS)
def test_moves_come_back_in_every_variant(variant: str) -> None:
    rng = np.random.default_rng(3)
    for start in range(0, 960, 160):
        board = VARIANTS[variant](chess960=variant == "chess960")
        if variant == "chess960":
            board.set_chess960_pos(start)
        for _ in range(60):
            moves = list(board.legal_moves)
            if not moves:
                break
            assert [action_to_move(move_to_action(m, board.turn), board) for m in moves] == moves
            board.push(moves[rng.integers(len(moves))])


def test_actions_by_hand() -> None:
    white, black = (
        chess.Board("3n4/4P3/8/8/8/8/4p3/K2N3k w - - 0 1"),
        chess.Board("3n4/4P3/8/8/8/8/4p3/K2N3k b - - 0 1"),
    )
    e2, d8, e8 = 12, 59, 60
    assert move_to_action(chess.Move.from_uci("e2e4"), chess.WHITE) == 64 * e2 + 28
    assert move_to_action(chess.Move.from_uci("e7e5"), chess.BLACK) == 64 * e2 + 28  # for Black, e7 is e2
    assert move_to_action(chess.Move.from_uci("e7d8q"), chess.WHITE) == 64 * 52 + d8
    assert move_to_action(chess.Move.from_uci("e2e1q"), chess.BLACK) == 64 * 52 + e8
    for text, direction, piece in [("d8n", 0, 0), ("e8b", 1, 1), ("f8r", 2, 2)]:
        action = 4096 + (3 * 4 + direction) * 3 + piece  # the e-file is file 4
        assert move_to_action(chess.Move.from_uci("e7" + text), chess.WHITE) == action
        assert action_to_move(action, white).uci() == "e7" + text
        assert action_to_move(action, black).uci() == "e2" + text.replace("8", "1")


def test_planes_by_hand() -> None:
    """A position that uses every plane, as Black sees it: turned upside down, with nothing else changed."""
    seen = Chess(backend="python-chess").start(["r3k2r/8/8/8/3pP3/8/8/NBRQK2R b Kq e3 7 20"]).observe()
    square = {name: 1 << (index ^ 56) for index, name in enumerate(chess.SQUARE_NAMES)}
    expected = {
        "own pawn": square["d4"],
        "own rook": square["a8"] | square["h8"],
        "own king": square["e8"],
        "opponent pawn": square["e4"],
        "opponent knight": square["a1"],
        "opponent bishop": square["b1"],
        "opponent rook": square["c1"] | square["h1"],
        "opponent queen": square["d1"],
        "opponent king": square["e1"],
        "castling rooks": square["a8"] | square["h1"],
        "en passant": 0,  # see below
    }
    game = Chess()
    words = dict(zip(game.planes, seen.planes[0, :, 0].tolist(), strict=True))
    # The pawn's capture opens the d-file, but no king stands on it, so the capture is legal.
    expected["en passant"] = square["e3"]
    assert {name: word for name, word in words.items() if word} == expected
    np.testing.assert_array_equal(seen.scalars, [[7, 0]])


def test_en_passant_is_no_plane_where_the_capture_is_illegal() -> None:
    pinned = "8/8/8/K2pP2r/8/8/8/4k3 w - d6 0 1"  # both pawns would leave the rank of king and rook
    free = "8/8/8/3pP2r/8/8/8/K3k3 w - d6 0 1"
    planes = Chess(backend="python-chess").start([pinned, free]).observe().planes[:, 13, 0]
    np.testing.assert_array_equal(planes, [0, 1 << chess.D6])


def test_material_counts_for_player_0() -> None:
    games = Chess(backend="python-chess").start(["4k3/8/8/8/8/8/P7/QR2K3 w - - 0 1", "4k3/8/8/8/8/8/8/2b1K3 b - - 0 1"])
    np.testing.assert_array_equal(games.heuristic(), [15, -3])
    planes, player = games.observe().planes, games.observe().player
    np.testing.assert_array_equal(material(planes, player), [15, -3])
