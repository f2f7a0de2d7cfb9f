"""Chess as numbers: planes, scalars and actions, all from the side of the mover, computed without search.

For Black the board is turned upside down (square ^ 56), so that both colors see their pawns move up.

Actions:  64·from + to               all moves but underpromotions; castling and queen promotions included
          4096 + (3·file + d)·3 + p  underpromotions from a file on the seventh rank: d = 0, 1, 2 is one file to the
                                     left, straight, one to the right; p = 0, 1, 2 is knight, bishop, rook
"""

from __future__ import annotations

from typing import Any

import chess
import numpy as np
from numpy.typing import NDArray

ENCODING_VERSION = 1
PIECES = ("pawn", "knight", "bishop", "rook", "queen", "king")
PLANES = (
    *(f"own {piece}" for piece in PIECES),
    *(f"opponent {piece}" for piece in PIECES),
    "castling rooks",  # the rooks of both sides that may still castle
    "en passant",  # the square where a capture en passant is legal
)
SCALARS = {"fifty-move clock": 100, "repetitions": 2}
PLAIN_ACTIONS = 64 * 64
UNDERPROMOTIONS = (chess.KNIGHT, chess.BISHOP, chess.ROOK)
NUM_ACTIONS = PLAIN_ACTIONS + 8 * 3 * len(UNDERPROMOTIONS)
# Room for the legal actions of a position: at most 318, rounded up because they are written in blocks of 8.
#
# The bound holds for every position that python-chess calls legal: with 15 pieces besides the king, promoted or not.
# On a line of n squares one sliding piece has at most n − 1 moves, a second adds at most n − 3, because each square
# is reached from at most two sides, and a third adds none. The 15 largest of these numbers add up to 91 over the
# ranks, to 91 over the files and to 64 over the diagonals in either direction, so 15 queens have at most 310 moves.
# The last of them adds at most 5 + 5 + 2 + 2, which is more than the moves of a promoting pawn (12) or of a knight (8),
# so no other 15 pieces have a higher bound. A king has at most 8, with castling.
MAX_LEGAL = 328
FLIP = 56  # square ^ FLIP is the square on the board turned upside down
PIECE_VALUES = np.array([1, 3, 3, 5, 9, 0], dtype=np.float32)  # pawn to king


def move_to_action(move: chess.Move, turn: chess.Color) -> int:
    """The action in [0, 4168) of a move by `turn`."""
    flip = 0 if turn else FLIP
    source, target = move.from_square ^ flip, move.to_square ^ flip
    if move.promotion is None or move.promotion == chess.QUEEN:
        return 64 * source + target
    file = chess.square_file(source)
    direction = chess.square_file(target) - file + 1
    return PLAIN_ACTIONS + (3 * file + direction) * 3 + UNDERPROMOTIONS.index(move.promotion)


def action_to_move(action: int, board: chess.Board) -> chess.Move:
    """The move of an action in [0, 4168) on `board`, without a check that it is legal."""
    flip = 0 if board.turn else FLIP
    if action >= PLAIN_ACTIONS:
        lane, piece = divmod(action - PLAIN_ACTIONS, 3)
        file, direction = divmod(lane, 3)
        target = 56 + file + direction - 1
        return chess.Move((48 + file) ^ flip, target ^ flip, UNDERPROMOTIONS[piece])
    source, target = divmod(action, 64)
    promotes = target >= 56 and board.pawns & chess.BB_SQUARES[source ^ flip]
    return chess.Move(source ^ flip, target ^ flip, chess.QUEEN if promotes else None)


def action_name(action: int) -> str:
    """An action in [0, 4168) as UCI, as the mover sees the board; empty if it leaves the board or its square."""
    if action < PLAIN_ACTIONS:
        source, target = divmod(action, 64)
        return chess.SQUARE_NAMES[source] + chess.SQUARE_NAMES[target] if source != target else ""
    lane, piece = divmod(action - PLAIN_ACTIONS, 3)
    file, direction = divmod(lane, 3)
    target = file + direction - 1
    if not 0 <= target < 8:
        return ""
    letter = chess.piece_symbol(UNDERPROMOTIONS[piece])
    return f"{chess.FILE_NAMES[file]}7{chess.FILE_NAMES[target]}8{letter}"


def action_text(action: int, board: chess.Board) -> str:
    """An action as UCI, or `no move` if no move has this number, for error messages."""
    if not 0 <= action < NUM_ACTIONS:
        return "no move"
    move = action_to_move(action, board)  # an underpromotion to the right of the h-file has no target square
    return move.uci() if move.to_square in chess.SQUARES else "no move"


def encode_planes(boards: list[chess.Board], en_passant: list[int]) -> NDArray[np.uint64]:
    """The planes of N boards.

    Args:
        boards: [N] boards.
        en_passant: [N] words of the square where a capture en passant is legal, 0 if there is none.

    Returns:
        [N, 14, 1] words.
    """
    words = np.array(
        [
            (b.pawns, b.knights, b.bishops, b.rooks, b.queens, b.kings, b.occupied_co[b.turn],
             b.occupied_co[not b.turn], b.castling_rights, passing)
            for b, passing in zip(boards, en_passant, strict=True)
        ],
        dtype=np.uint64,
    ).reshape(-1, 10)  # fmt: skip
    pieces = words[:, :6]
    planes = np.concatenate((pieces & words[:, 6:7], pieces & words[:, 7:8], words[:, 8:]), axis=1)
    black = np.array([not b.turn for b in boards], dtype=bool)
    planes[black] = planes[black].byteswap()  # each byte is a rank, so this turns the board upside down
    return planes[:, :, None]


def material(planes: NDArray[np.uint64], player: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Material of player 0 minus that of player 1.

    Args:
        planes: [N, 14, 1] words.
        player: [N] the players to move.

    Returns:
        [N] differences, in pawns.
    """
    counts = np.bitwise_count(planes[:, :12, 0]).astype(np.float32)
    difference = counts[:, :6] @ PIECE_VALUES - counts[:, 6:] @ PIECE_VALUES
    return np.where(player == 0, difference, -difference).astype(np.float32)
