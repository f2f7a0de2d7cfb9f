"""Recorded games of chess played again, many at once: each SAN found among the legal actions by arithmetic."""

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

ANY, OFFICER = 6, 7  # any piece, and any but a pawn; after the indices into encoding.PIECES


class Move(NamedTuple):
    """What a SAN asks for, as White writes it."""

    piece: int  # index into encoding.PIECES, ANY or OFFICER
    origin: int  # word of the squares it may come from; none if nothing can be meant
    target: int  # square
    promotion: int  # 1, 2, 3 to knight, bishop, rook; 0 to a queen or none
    castling: bool


def read_san(san: str) -> Move:
    """Which piece goes where. What is no SAN, or no move of chess, comes from nowhere."""
    if san in ("O-O", "0-0", "O-O-O", "0-0-0"):
        return Move(5, chess.BB_E1, chess.G1 if len(san) == 3 else chess.C1, 0, castling=True)
    match = chess.SAN_REGEX.match(san)
    if not match:
        return Move(0, 0, 0, 0, castling=False)
    letter, file, rank, square, promotion = match.groups()
    target = chess.parse_square(square)
    piece = "PNBRQK".index(letter or "P")
    if piece == 0 and not file:
        file = square[0]  # a pawn that does not say goes straight
    origin = chess.BB_FILES["abcdefgh".index(file)] if file else chess.BB_ALL
    if rank:
        origin &= chess.BB_RANKS[int(rank) - 1]
    kind = "nbrq".find(promotion[-1].lower()) + 1 if promotion else 0
    last = chess.square_rank(target) in (0, 7)
    if file and rank and not letter and not kind:  # from square to square
        return Move(OFFICER if last else ANY, origin, target, 0, castling=False)
    if (piece == 0 and last) != bool(kind):
        origin = 0
    return Move(piece, origin, target, kind % 4, castling=False)


# [A] of each action, from the mover's side: square, square, promotion as in Move.
_PLAIN, _UNDER = np.arange(encoding.PLAIN_ACTIONS), np.arange(encoding.NUM_ACTIONS - encoding.PLAIN_ACTIONS)
_FROM = np.concatenate((_PLAIN >> 6, 48 + _UNDER // 9)).astype(np.uint64)
_TO = np.concatenate((_PLAIN & 63, 56 + _UNDER // 9 + _UNDER // 3 % 3 - 1)).astype(np.int8)
_PROMOTION = np.concatenate((0 * _PLAIN, 1 + _UNDER % 3)).astype(np.int8)


# Castling as the king takes his rook, by the player.
_AS_ROOK = ({"e1h1": "O-O", "e1a1": "O-O-O"}, {"e8h8": "O-O", "e8a8": "O-O-O"})


class Vocabulary:
    """The SANs of some games as arrays, each from the side of White [0] and of Black [1]."""

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
        # [2, V] the castling that a SAN may be, such as e1h1, −1 if it is none
        self.castling = np.array(
            [[self.number.get(own.get(san.removeprefix("K"), ""), -1) for san in sans] for own in _AS_ROOK], np.int64
        ).reshape(2, -1)

    def find(self, san: NDArray[np.int64], seen: Observation) -> NDArray[np.int64]:
        """[N] which legal action the SAN with number san[i] means in each game, −1 if none or more than one."""
        choice = self._find(san, seen)
        castling = np.where(choice < 0, self.castling[seen.player, san], -1)
        if (castling >= 0).any():  # there is a king on that square, or it is not legal either
            choice = np.where(castling >= 0, self._find(castling, seen), choice)
        return choice

    def _find(self, san: NDArray[np.int64], seen: Observation) -> NDArray[np.int64]:
        counts = seen.legal.counts
        piece = self.piece[san]
        planes = seen.planes[np.arange(len(seen)), np.minimum(piece, 5), 0]  # [N] words of where such pieces are
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
    """One game as a position, `START moves` and its moves as UCI, by python-chess; for many games see `replay`.

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
    """The move of a SAN, which `Ke1g1` may be as well. Raises ValueError."""
    try:
        move = board.parse_san(san)
    except ValueError:
        if not san.startswith("K"):
            raise
        move = board.parse_san(san[1:])  # from square to square, and so castling too
        if board.piece_type_at(move.from_square) != chess.KING:
            raise
    if not move:  # python-chess reads -- as a pass, which no rule allows
        raise ValueError(san)
    return move


def replay(
    game: Chess,
    archived: Sequence[Archived],
    on_broken: Callable[[int, str], None],
    on_end: Callable[[int, int], None] = lambda row, outcome: None,
) -> Iterator[Plies[NDArray[Any]]]:
    """Play the games again, all at once: one ply of each that goes on at a time, `game` being its row in `archived`.

    on_broken(row, what) is called for one whose moves break the rules.

    on_end(row, outcome) is called for one that ends by mate or stalemate, with its outcome for White on the board.

    Such a game is played up to there. Plies after the end by the rules, such as a third repetition that nobody
    claimed, are left out.
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
