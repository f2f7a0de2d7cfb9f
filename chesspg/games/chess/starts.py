"""Where games start, drawn anew for each rollout: positions that self-play hardly visits and has to learn to finish."""

from __future__ import annotations

from typing import Any

import chess
import numpy as np
from numpy.typing import NDArray

from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.games.randomness import Randomness

_STREAM = 2  # of those that derive from (seed, rollout): 1 is the order of plies
_ARMY = [piece for piece, count in zip(chess.PIECE_TYPES, (8, 2, 2, 2, 1), strict=False) for _ in range(count)]


class UnevenArmies:
    """Some of the games start from what two armies have left, scattered over the board, one side far ahead.

    A policy that plays itself seldom sees itself far ahead: it knows no mate, and gives stalemate. Drawn is the side
    ahead, who is to move, u and v uniform in [0, 1], which of its fifteen pieces the side ahead keeps, each with a
    probability u, which the other, each with u·v², and their squares; all of it again until the position is legal and
    not over, which those of small armies are more often: four pieces against one on average, besides the kings.

    share: of the games; the others start from the initial position.
    alike: so many games in a row start from one position; leave_one_out needs two at least, and fewer are to be drawn.
    """

    def __init__(self, share: float = 0.3, alike: int = 1) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"share is {share}; it must be from 0 to 1")
        if alike < 1:
            raise ValueError(f"alike is {alike}; it must be 1 or more")
        self.share = share
        self.alike = alike

    def positions(self, game: Game, index: NDArray[np.integer[Any]], rng: Randomness) -> list[str]:
        """[n] FENs of this chess, '' for the initial position. Raises ValueError if the game is none."""
        if not isinstance(game, Chess):
            raise ValueError(f"UnevenArmies are of chess, not {game.name}; starts: null, or a list, would do")
        rules = type(game.to_board("startpos"))
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
            for colour, mine in ((bool(ahead), kept[0]), (not ahead, kept[1])):
                pieces = [chess.KING, *(piece for piece, stays in zip(_ARMY, mine, strict=True) if stays)]
                for piece, square in zip(pieces, squares, strict=False):
                    board.set_piece_at(square, chess.Piece(piece, colour))
            if board.is_valid() and board.outcome() is None:
                return board.fen()
