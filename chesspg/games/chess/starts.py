"""Start positions sampled anew for each rollout, which self-play must learn to win but rarely reaches by itself."""

from __future__ import annotations

from itertools import islice
from operator import or_
from typing import Any

import chess
import numpy as np
from numpy.typing import NDArray

from chesspg.games.chess.notation import ChessNotation
from chesspg.games.game import Game, Starts
from chesspg.games.randomness import Randomness

_STREAM = 2  # number of this random stream among those of (seed, rollout); 1 is the order of plies
_KING, _PAWN, _ROOK, _QUEEN = 0, 1, 4, 5  # in the order of _ARMY, which differs from that of python-chess
_ARMY = (1, 8, 2, 2, 2, 1)  # the most kings, pawns, knights, bishops, rooks and queens of one side
_FIRST = np.cumsum((0, *_ARMY, *_ARMY))[:-1]  # where each kind begins among the 32 pieces
_LETTERS = np.frombuffer(b"KPNBRQkpnbrq", dtype=np.uint8)
_SQUARES = np.array(chess.BB_SQUARES, dtype=np.uint64)
_BACK_RANKS = np.uint64(chess.BB_BACKRANKS)
_BESIDE = np.array(chess.BB_KING_ATTACKS, dtype=np.uint64)  # [64] the squares around each square


class UnevenArmies:
    """Starts some of the games with a random part of each army, placed at random, with one side far ahead.

    In self-play a policy is rarely far ahead, so it does not learn to mate and allows stalemate. Each position is
    sampled by rejection: choose the side that is ahead and the side to move, sample u, v ~ U[0, 1], keep each of the
    fifteen pieces besides the king with probability u (the side ahead) or u·v² (the other side), place them at random,
    and repeat all of it until the position is legal and not over. Small armies are accepted more often: on average
    there are four pieces against one, besides the kings. With `bare_king`, a fraction of the positions has the armies
    that are described there instead.

    Args:
        share: Fraction of the games that start this way.
        alike: Number of games in a row that share a start. leave_one_out needs at least two; with more, fewer
            positions have to be sampled.
        bare_king: Fraction of the uneven armies in which the side that is ahead has its king and a queen or a rook (in
            atomic chess a queen), and the other side its king alone. In its own games a policy rarely comes to these
            mates.
        others: Samples where the other games start, by default from the initial position. How many of these games in a
            row share a start is set by `alike` here, so that of `others` has to be 1.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(
        self, share: float = 0.3, alike: int = 1, others: Starts | None = None, bare_king: float = 0.0
    ) -> None:
        for name, fraction in {"share": share, "bare_king": bare_king}.items():
            if not 0 <= fraction <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {fraction}")
        if alike < 1:
            raise ValueError(f"alike must be at least 1, got {alike}")
        if (shared := getattr(others, "alike", 1)) != 1:
            raise ValueError(f"alike of others must be 1, got {shared}; set alike of UnevenArmies")
        self.share = share
        self.alike = alike
        self.others = others
        self.bare_king = bare_king

    def positions(self, game: Game, index: NDArray[np.integer[Any]], rng: Randomness) -> list[str]:
        """[n] FENs for the variant, or starts of `others`. Raises ValueError if the game is not chess."""
        if not isinstance(game.notation, ChessNotation):
            raise ValueError(
                f"UnevenArmies needs chess or a variant of it, got {game.name}; use starts: null, or a list"
            )
        start, which = np.unique(index // self.alike, return_inverse=True)
        uneven = {i: stream for i, stream in enumerate(rng.generators(_STREAM, start)) if stream.random() < self.share}
        # If bare_king is 0, nothing is drawn here, so that the positions are those of earlier versions.
        bare = [self.bare_king > 0 and stream.random() < self.bare_king for stream in uneven.values()]
        armies = _sample(list(uneven.values()), np.array(bare, dtype=bool), game.notation.initial())
        positions = dict(zip(uneven, armies, strict=True))
        rest = [i for i in range(len(start)) if i not in uneven]
        others = self.others.positions(game, start[rest], rng) if self.others else [""] * len(rest)
        positions |= dict(zip(rest, others, strict=True))
        return [positions[i] for i in which.tolist()]


def _sample(streams: list[np.random.Generator], bare: NDArray[np.bool_], board: chess.Board) -> list[str]:
    """[n] the first candidate of each stream that is legal and not over by the rules of `board`, as a FEN.

    Args:
        streams: The random numbers of each start.
        bare: [n] whether a start is a queen or a rook against a bare king.
        board: Any board of the rules that are played; it is overwritten.
    """
    board.clear()
    pieces = np.empty((len(streams), 2, 6), dtype=np.uint64)
    white_moves = np.empty(len(streams), dtype=bool)
    done = np.zeros(len(streams), dtype=bool)
    while not done.all():
        waiting = np.flatnonzero(~done)
        pieces[waiting], white_moves[waiting] = _candidates([streams[i] for i in waiting.tolist()], bare[waiting])
        some = waiting[_plausible(pieces[waiting], board.connected_kings)]
        done[some] = [
            _is_playable(board, *candidate)
            for candidate in zip(pieces[some].tolist(), white_moves[some].tolist(), strict=True)
        ]
    return _fens(pieces, white_moves)


def _candidates(
    streams: list[np.random.Generator], bare: NDArray[np.bool_]
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The next candidate of each stream.

    Args:
        streams: The random numbers of each start.
        bare: [n] whether a start is a queen or a rook against a bare king.

    Returns:
        [n, 2, 6] words of the squares of White's and Black's pieces, in the order of _ARMY, and [n] bool whether White
        is to move.
    """
    count = len(streams)
    uniforms = np.empty((count, 34))  # which side is ahead, which moves, u, v, and one for each piece besides the kings
    squares = np.tile(_SQUARES, (count, 1))  # [n, 64] in random order; the pieces that are kept take the first ones
    for stream, some, order in zip(streams, uniforms, squares, strict=True):
        stream.random(out=some)
        stream.shuffle(order)
    white_ahead, white_moves = uniforms[:, :2].T < 0.5
    u, v = uniforms[:, 2:4].T
    kept = np.ones((count, 32), dtype=bool)  # the side ahead, then the other; each begins with its king
    kept[:, 1:16] = uniforms[:, 4:19] < u[:, None]
    kept[:, 17:] = uniforms[:, 19:] < (u * v * v)[:, None]
    kept[bare, 1:16] = kept[bare, 17:] = False
    kept[bare, np.where(u < 0.5, _FIRST[_QUEEN], _FIRST[_ROOK])[bare]] = True
    placed = np.zeros((count, 32), dtype=np.uint64)
    placed[kept] = squares[np.arange(64) < kept.sum(axis=1, keepdims=True)]
    pieces = np.bitwise_or.reduceat(placed, _FIRST, axis=1).reshape(count, 2, 6)
    return np.where(white_ahead[:, None, None], pieces, pieces[:, ::-1]), white_moves


def _plausible(pieces: NDArray[np.uint64], connected_kings: bool) -> NDArray[np.bool_]:
    """[n] whether no pawn is on the first or last rank and the kings are apart, unless the rules let them touch.

    Most candidates fail here, before python-chess sees them.
    """
    plausible = np.asarray((pieces[:, :, _PAWN] & _BACK_RANKS == 0).all(axis=1))
    if not connected_kings:
        white, black = pieces[:, :, _KING].T
        square = np.bitwise_count(white - np.uint64(1))
        plausible &= _BESIDE[square] & black == 0
    return plausible


def _is_playable(board: chess.Board, pieces: list[list[int]], white_moves: bool) -> bool:
    """Whether the position, set up on `board`, is legal and not over; python-chess decides."""
    white, black = pieces
    board.kings, board.pawns, board.knights, board.bishops, board.rooks, board.queens = map(or_, white, black)
    board.occupied_co[:] = sum(black), sum(white)  # False is Black
    board.occupied = sum(board.occupied_co)
    board.turn = white_moves
    return board.is_valid() and any(board.generate_legal_moves()) and not board.is_insufficient_material()


def _fens(pieces: NDArray[np.uint64], white_moves: NDArray[np.bool_]) -> list[str]:
    """[n] FENs of positions without castling."""
    count = len(pieces)
    bits = np.unpackbits(pieces.reshape(count, 12, 1).view(np.uint8), axis=2, bitorder="little")  # [n, 12, 64]
    cells = np.full((count, 8, 9), ord("/"), dtype=np.uint8)
    cells[:, :, :8] = (_LETTERS @ bits).reshape(count, 8, 8)[:, ::-1]  # FEN begins with the eighth rank
    cells[cells == 0] = ord("1")
    text = cells.tobytes().decode()
    for length in range(8, 1, -1):  # a run of empty squares is written as its length
        text = text.replace("1" * length, str(length))
    ranks = iter(text.split("/"))
    return [f"{'/'.join(islice(ranks, 8))} {'w' if white else 'b'} - - 0 1" for white in white_moves.tolist()]
