"""Attack maps, against python-chess square by square."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import or_

import chess
import numpy as np
import pytest
import torch
from exchange import hangs
from hypothesis import given
from hypothesis import strategies as st

from chesspg.games.chess import Chess
from chesspg.games.chess.encoding import encode_planes
from chesspg.policy.attacks import HANGING, Attacks

MAPS = Attacks(hanging=True)


def words(boards: list[chess.Board]) -> list[list[int]]:
    """[N][32] the output of Attacks, as unsigned words."""
    planes = encode_planes(boards, [0] * len(boards))
    found = MAPS(torch.from_numpy(planes.view(np.int64))).numpy()[:, :, 0]
    return [[int(word) for word in row] for row in found.view(np.uint64)]


def expected(board: chess.Board) -> Iterator[int]:
    """The same from python-chess, for the board as its mover sees it."""
    board = board if board.turn else board.mirror()
    for piece in chess.PIECE_TYPES:
        for color in chess.COLORS:
            yield reduce(or_, map(board.attacks_mask, board.pieces(piece, color)), 0)
    for piece in chess.PIECE_TYPES[:4]:
        for color in chess.COLORS:
            # A piece on a square checks the king if the same kind of piece on the king's square attacks that square.
            king = board.king(color)
            assert king is not None
            seen = board.copy()
            seen.set_piece_at(king, chess.Piece(piece, color))
            yield seen.attacks_mask(king)
    for piece in chess.PIECE_TYPES[:5]:
        for color in chess.COLORS:
            yield int(chess.SquareSet(square for square in board.pieces(piece, color) if hangs(board, square)))
    for color in chess.COLORS:
        king = board.king(color)
        assert king is not None
        around = (square for square in board.attacks(king) if board.color_at(square) is not color)
        yield int(chess.SquareSet(square for square in around if not board.is_attacked_by(not color, square)))


def agree(board: chess.Board) -> None:
    wanted = dict(zip(MAPS.names, expected(board), strict=True))
    assert dict(zip(MAPS.names, words([board])[0], strict=True)) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_random_games_are_attacked_as_python_chess_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    board = chess.Board()
    while not board.is_game_over():
        agree(board)
        moves = list(board.legal_moves)
        board.push(moves[rng.integers(len(moves))])


@given(
    st.permutations(range(64)), st.lists(st.tuples(st.sampled_from(chess.PIECE_TYPES[:5]), st.booleans()), max_size=60)
)
def test_any_pieces_anywhere_are_attacked_as_python_chess_says(
    squares: list[int], pieces: list[tuple[chess.PieceType, bool]]
) -> None:
    """Corners and edges, where shifts could leave the board on one side and enter it on the other."""
    board = chess.Board(None)
    for square, (piece, color) in zip(squares, [(chess.KING, True), (chess.KING, False), *pieces], strict=False):
        board.set_piece_at(square, chess.Piece(piece, color))
    agree(board)
    board.turn = chess.BLACK
    agree(board)


def test_a_batch_is_its_games() -> None:
    boards = [
        chess.Board(),
        chess.Board("8/1P2k3/8/8/8/8/6p1/4K3 w - - 30 40"),
        chess.Board("r3k2r/8/8/8/8/8/8/R3K2R b KQkq - 0 1"),
    ]
    assert words(boards) == [words([board])[0] for board in boards]


def test_a_rook_on_a_corner() -> None:
    """By hand: from a1, the rook attacks the first rank up to its own king on c1, and the whole a-file."""
    planes = Chess(backend="python-chess").start(["7k/8/8/8/8/8/8/R1K5 w - - 0 1"]).observe().planes
    attacks = Attacks()
    attacked = attacks(torch.from_numpy(planes.view(np.int64)))[0, attacks.names.index("attacked by own rook"), 0]
    assert chess.SquareSet(int(attacked) % 2**64) == chess.SquareSet(
        [chess.B1, chess.C1, chess.A2, chess.A3, chess.A4, chess.A5, chess.A6, chess.A7, chess.A8]
    )


def test_what_hangs_and_where_the_kings_can_go() -> None:
    """By hand. White's queen attacks the knight and the pawn, which nothing defends, and the rook, which the king
    defends. The pawn attacks the queen, which a rook defends.
    """
    board = chess.Board("7k/7r/8/3p4/4Q1n1/8/8/4R1RK w - - 0 1")
    found = dict(zip(MAPS.names, words([board])[0], strict=True))
    on = {name: chess.SquareSet(word) for name, word in found.items() if word and name in HANGING}
    assert on == {
        "own queen hangs": chess.SquareSet([chess.E4]),
        "opponent pawn hangs": chess.SquareSet([chess.D5]),
        "opponent knight hangs": chess.SquareSet([chess.G4]),
        "own king can go here": chess.SquareSet([chess.G2]),
        "opponent king can go here": chess.SquareSet([chess.G7, chess.G8]),
    }
