"""Start positions sampled anew for each rollout, which self-play must learn to win but rarely reaches by itself."""

from __future__ import annotations

from typing import Any

import chess
import numpy as np
from numpy.typing import NDArray

from chesspg.games.chess.notation import ChessNotation
from chesspg.games.game import Game
from chesspg.games.randomness import Randomness

_STREAM = 2  # number of this random stream among those of (seed, rollout); 1 is the order of plies
_ARMY = [piece for piece, count in zip(chess.PIECE_TYPES, (8, 2, 2, 2, 1), strict=False) for _ in range(count)]


class UnevenArmies:
    """Starts some of the games with a random part of each army, placed at random, with one side far ahead.

    In self-play a policy is rarely far ahead, so it does not learn to mate and allows stalemate. Each position is
    sampled by rejection: choose the side that is ahead and the side to move, sample u, v ~ U[0, 1], keep each of the
    fifteen pieces besides the king with probability u (the side ahead) or u·v² (the other side), place them at random,
    and repeat all of it until the position is legal and not over. Small armies are accepted more often: on average
    there are four pieces against one, besides the kings.

    Args:
        share: Fraction of the games that start this way; the others start from the initial position.
        alike: Number of games in a row that share a start. leave_one_out needs at least two; with more, fewer
            positions have to be sampled.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(self, share: float = 0.3, alike: int = 1) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"share must be from 0 to 1, got {share}")
        if alike < 1:
            raise ValueError(f"alike must be at least 1, got {alike}")
        self.share = share
        self.alike = alike

    def positions(self, game: Game, index: NDArray[np.integer[Any]], rng: Randomness) -> list[str]:
        """[n] FENs for the variant, '' for the initial position. Raises ValueError if the game is not chess."""
        if not isinstance(game.notation, ChessNotation):
            raise ValueError(
                f"UnevenArmies needs chess or a variant of it, got {game.name}; use starts: null, or a list"
            )
        rules = type(game.notation.initial())
        start, which = np.unique(index // self.alike, return_inverse=True)
        streams = (np.random.default_rng((rng.seed % 2**64, rng.rollout, _STREAM, i)) for i in start)
        positions = [self._position(rules, stream) for stream in streams]
        return [positions[i] for i in which]

    def _position(self, rules: type[chess.Board], rng: np.random.Generator) -> str:
        if rng.random() >= self.share:
            return ""
        while True:
            ahead, turn = rng.random(2) < 0.5
            u, v = rng.random(2)
            kept = rng.random((2, len(_ARMY))) < np.array([[u], [u * v * v]])
            squares = iter(rng.permutation(64).tolist())
            board = rules(None)
            board.turn = bool(turn)
            for color, mine in ((bool(ahead), kept[0]), (not ahead, kept[1])):
                pieces = [chess.KING, *(piece for piece, stays in zip(_ARMY, mine, strict=True) if stays)]
                for piece, square in zip(pieces, squares, strict=False):
                    board.set_piece_at(square, chess.Piece(piece, color))
            if board.is_valid() and board.outcome() is None:
                return board.fen()
