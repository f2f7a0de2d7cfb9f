"""Which pieces hang, from python-chess."""

import chess

WORTH = {chess.PAWN: 1, chess.KNIGHT: 3, chess.BISHOP: 3, chess.ROOK: 5, chess.QUEEN: 9, chess.KING: 100}


def hangs(board: chess.Board, square: chess.Square) -> bool:
    """Whether the piece is attacked and not defended, or attacked by one of less value."""
    color, pieces = bool(board.color_at(square)), board.piece_map()
    attackers = [WORTH[pieces[one].piece_type] for one in board.attackers(not color, square)]
    if board.is_attacked_by(color, square):
        return any(worth < WORTH[pieces[square].piece_type] for worth in attackers)
    return bool(attackers)
