"""Replaying recorded games of chess, many at once: each SAN is found among the legal actions by arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import chess
import numpy as np
from numpy.typing import NDArray

from chesspg.games.capabilities import Notation
from chesspg.games.chess import Chess, encoding
from chesspg.games.game import Observation, join_position
from chesspg.pgn.archive import Archived
from chesspg.selfplay.plies import Plies

ANY, OFFICER = 6, 7  # any piece, and any piece but a pawn; they follow the indices into encoding.PIECES


class Move(NamedTuple):
    """The meaning of a SAN for White."""

    piece: int  # index into encoding.PIECES, ANY or OFFICER
    origin: int  # word of the squares it may come from; 0 if the SAN is not a move
    target: int  # square
    promotion: int  # 1, 2, 3 for knight, bishop, rook; 0 for a queen or no promotion
    castling: bool


def read_san(san: str) -> Move:
    """Parse a SAN. The origin is 0 if the text is not a SAN or never a move of chess."""
    if san in ("O-O", "0-0", "O-O-O", "0-0-0"):
        return Move(5, chess.BB_E1, chess.G1 if len(san) == 3 else chess.C1, 0, castling=True)
    match = chess.SAN_REGEX.match(san)
    if not match:
        return Move(0, 0, 0, 0, castling=False)
    letter, file, rank, square, promotion = match.groups()
    target = chess.parse_square(square)
    piece = "PNBRQK".index(letter or "P")
    if piece == 0 and not file:
        file = square[0]  # without a file, a pawn moves straight ahead
    origin = chess.BB_FILES["abcdefgh".index(file)] if file else chess.BB_ALL
    if rank:
        origin &= chess.BB_RANKS[int(rank) - 1]
    kind = "nbrq".find(promotion[-1].lower()) + 1 if promotion else 0
    last = chess.square_rank(target) in (0, 7)
    if file and rank and not letter and not kind:  # such as e2e4: from square to square
        return Move(OFFICER if last else ANY, origin, target, 0, castling=False)
    if (piece == 0 and last) != bool(kind):
        origin = 0
    return Move(piece, origin, target, kind % 4, castling=False)


# [A] origin, target and promotion (as in Move) of each action, from the mover's side.
_PLAIN, _UNDER = np.arange(encoding.PLAIN_ACTIONS), np.arange(encoding.NUM_ACTIONS - encoding.PLAIN_ACTIONS)
_FROM = np.concatenate((_PLAIN >> 6, 48 + _UNDER // 9)).astype(np.uint64)
_TO = np.concatenate((_PLAIN & 63, 56 + _UNDER // 9 + _UNDER // 3 % 3 - 1)).astype(np.int8)
_PROMOTION = np.concatenate((0 * _PLAIN, 1 + _UNDER % 3)).astype(np.int8)


# By player: castling written as king takes rook.
_AS_ROOK = ({"e1h1": "O-O", "e1a1": "O-O-O"}, {"e8h8": "O-O", "e8a8": "O-O-O"})


class Vocabulary:
    """V different SANs as arrays, for White [0] and Black [1].

    Args:
        sans: [V] the SANs.
    """

    def __init__(self, sans: Sequence[str]) -> None:
        moves = [read_san(san) for san in sans]
        self.number = {san: number for number, san in enumerate(sans)}
        self.piece = np.array([move.piece for move in moves], np.int64)  # [V]
        origin = np.array([move.origin for move in moves], np.uint64)
        target = np.array([move.target for move in moves], np.int8)
        castling = np.array([move.castling for move in moves], bool)
        self.origin = np.stack((origin, np.where(castling, origin, origin.byteswap())))  # [2, V]
        self.target = np.stack((target, np.where(castling, target, target ^ encoding.FLIP)))  # [2, V]
        self.promotion = np.array([move.promotion for move in moves], np.int8)  # [V]
        # [2, V] number of the castling that a SAN such as e1h1 may mean, −1 if it can't be castling
        self.castling = np.array(
            [[self.number.get(own.get(san.removeprefix("K"), ""), -1) for san in sans] for own in _AS_ROOK], np.int64
        ).reshape(2, -1)

    def find(self, san: NDArray[np.int64], seen: Observation) -> NDArray[np.int64]:
        """Find SANs among legal actions.

        Args:
            san: [N] the number of a SAN for each game.
            seen: [N] the observation.

        Returns:
            [N] index into the legal actions of each game, −1 if none or several fit.
        """
        choice = self._find(san, seen)
        castling = np.where(choice < 0, self.castling[seen.player, san], -1)
        if (castling >= 0).any():  # castling is found only if it is legal, so there is a king on that square
            choice = np.where(castling >= 0, self._find(castling, seen), choice)
        return choice

    def _find(self, san: NDArray[np.int64], seen: Observation) -> NDArray[np.int64]:
        counts = seen.legal.counts
        piece = self.piece[san]
        planes = seen.planes[np.arange(len(seen)), np.minimum(piece, 5), 0]  # [N] words of the squares of such pieces
        if (piece >= ANY).any():
            officers = np.bitwise_or.reduce(seen.planes[:, 1:6, 0], axis=1)
            planes = np.where(piece == ANY, officers | seen.planes[:, 0, 0], planes)
            planes = np.where(piece == OFFICER, officers, planes)
        origin = np.repeat(planes & self.origin[seen.player, san], counts)
        actions = seen.legal.actions
        hit = (origin >> _FROM[actions] & np.uint64(1)).astype(bool)
        hit &= _TO[actions] == np.repeat(self.target[seen.player, san], counts)
        hit &= _PROMOTION[actions] == np.repeat(self.promotion[san], counts)
        found = np.concatenate(([0], np.cumsum(hit)))[seen.legal.offsets]
        which = np.flatnonzero(hit)[np.minimum(found[:-1], max(found[-1] - 1, 0))] if hit.any() else found[:-1]
        return np.where(np.diff(found) == 1, which - seen.legal.offsets[:-1], -1)


def position_of(notation: Notation, archived: Archived) -> str:
    """Turn one game into a position, with python-chess; for many games see `replay`.

    Args:
        notation: The notation of the game.
        archived: The recorded game.

    Returns:
        The position as text: the start, ` moves `, and the moves in UCI.

    Raises:
        ValueError: A move is not legal; the message has the ply.
    """
    board = notation.to_board(archived.start)
    moves = []
    for ply, san in enumerate(archived.moves):
        try:
            move = _parse(board, san)
        except ValueError:
            raise ValueError(_illegal(san, ply)) from None
        moves.append(move.uci())
        board.push(move)
    return join_position(archived.start, moves)


def _illegal(san: str, ply: int) -> str:
    return f"{san[:20]} is illegal after {ply} plies"


def _parse(board: chess.Board, san: str) -> chess.Move:
    """The move of a SAN, or of a king's move such as `Ke1g1`. Raises ValueError if there is none."""
    try:
        move = board.parse_san(san)
    except ValueError:
        if not san.startswith("K"):
            raise
        move = board.parse_san(san[1:])  # from square to square, which may be castling
        if board.piece_type_at(move.from_square) != chess.KING:
            raise
    if not move:  # python-chess reads -- as a pass, which is never legal
        raise ValueError(san)
    return move


def replay(
    game: Chess,
    archived: Sequence[Archived],
    on_broken: Callable[[int, str], None],
    on_end: Callable[[int, int], None] = lambda row, outcome: None,
) -> Iterator[Plies[NDArray[Any]]]:
    """Replay games all at once, one ply of each game at a time.

    Plies after the end by the rules, such as after a third repetition that was not claimed, are left out.

    Args:
        game: The rules.
        archived: The recorded games.
        on_broken: Called as (row, message) at the first illegal move of a game, before which the replay of it ends.
        on_end: Called as (row, outcome for White) for a game that ends by checkmate or stalemate.

    Yields:
        The plies of all games that go on; the column `game` is the row in `archived`.
    """
    vocabulary = Vocabulary(sorted({san for one in archived for san in one.moves} | {"O-O", "O-O-O"}))
    lengths = np.array([len(one.moves) for one in archived], np.int64)
    sans = np.full((len(archived), int(lengths.max(initial=0))), -1, np.int64)
    for row, one in enumerate(archived):
        sans[row, : len(one.moves)] = [vocabulary.number[san] for san in one.moves]
    games = game.start([one.start for one in archived])
    live = np.arange(len(archived))
    ends = [game.reasons.index(reason) for reason in ("checkmate", "stalemate")]
    for ply in range(sans.shape[1] + 1):
        verdicts = games.outcomes()
        for at in np.flatnonzero(np.isin(verdicts.reason, ends)).tolist():
            on_end(int(live[at]), int(verdicts.outcome[at]))
        goes_on = (ply < lengths[live]) & ~verdicts.over
        if not goes_on.all():
            games, live = games[goes_on], live[goes_on]
        if not len(live):
            return
        seen = games.observe()
        choice = vocabulary.find(sans[live, ply], seen)
        legal = choice >= 0
        if not legal.all():
            for row in live[~legal].tolist():
                on_broken(row, _illegal(archived[row].moves[ply], ply))
            games, live, seen, choice = games[legal], live[legal], seen[legal], choice[legal]
        if not len(live):
            return
        yield Plies(seen.planes, seen.scalars, seen.player, seen.legal, choice.astype(np.int16), live)
        games.play(seen.legal.take(choice))
