"""Features of the position after each legal move, before the opponent replies: the afterstate."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chesspg.games.chess.encoding import PIECES, PLAIN_ACTIONS
from chesspg.policy.attacks import NAMES, Attacks, any_of, count, down, has_any
from chesspg.policy.boards import compiled_afterstates

_SIDES = ("own", "opponent's")
_SQUARES = (
    "squares to which the own king can go",
    "squares to which the opponent's king can go",
    "squares to which other own pieces can go",
    "squares to which the opponent's other pieces can go",
    "squares at the opponent's king that are attacked",
)
FEATURES = (
    *(f"{side} {piece}s that hang" for side in _SIDES for piece in PIECES[:5]),
    *(f"captures a {piece}" for piece in PIECES[:5]),
    *(f"moves a {piece}" for piece in PIECES),
    "the piece that moved hangs",
    "the opponent attacks its square",
    "another own piece attacks its square",
    "gives check",
    *_SQUARES,
    "the opponent can go nowhere and is not in check",
)
_A1, _C1, _D1, _E1, _F1, _G1, _H1 = 0, 2, 3, 4, 5, 6, 7


class Afterstates(nn.Module):
    """The features of each legal move: 31 numbers in the order of `FEATURES`, from the side of the player that moves.

    The move is played on the planes, and `Attacks` says what is attacked and what hangs afterwards. No reply is played,
    and the network is not run on the position after the move. Sutton and Barto (2018) call this position an afterstate
    (section 6.8), and h(s, a) = θᵀx(s, a) a policy's preference for an action with the features x (section 13.1).

    Pins are ignored, and so are the explosions of atomic chess. A piece other than the king can go to a square that it
    attacks and its own side does not occupy; a pawn can go to the next square of its file if that is free, and
    elsewhere only to capture. A square counts once, however many pieces can go there.

    If the opponent can go nowhere and is not in check, it is stalemate in standard chess, unless a capture en passant
    is left. A stalemate in which only pinned pieces could go anywhere is not seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.attacks = Attacks(hanging=True)
        # Counts of squares are divided by 8, so that no feature is much larger than the others.
        scale = torch.tensor([1 / 8 if name in _SQUARES else 1 for name in FEATURES])
        self.register_buffer("scale", scale, persistent=False)

    def forward(self, planes: Tensor, legal: Tensor, precision: torch.dtype) -> Tensor:
        """The features of all legal moves; those that count squares are divided by 8.

        Args:
            planes: [N, 14, 1] int64 words; in an exported network [N, 14, 8, 8] floating-point zeros and ones.
            legal: [N, M] legal actions, −1 after a position's last.
            precision: The floating-point type of the result.

        Returns:
            [N, M, 31], with anything finite after a position's last action.
        """
        counts = compiled_afterstates(planes, legal, len(FEATURES))
        if counts is None:
            counts = self.counts(planes, legal)
        return counts.to(precision) * self.get_buffer("scale").to(precision)

    def counts(self, planes: Tensor, legal: Tensor) -> Tensor:
        """[N, M, 31] the features as whole numbers, by torch alone; the arguments are those of `forward`."""
        action = legal.clamp(min=0).long()
        lane, under = (action - PLAIN_ACTIONS).clamp(min=0), action >= PLAIN_ACTIONS
        source = torch.where(under, 48 + lane // 9, action >> 6 & 63)
        target = torch.where(under, 55 + lane // 9 + lane // 3 % 3, action & 63)
        becomes = torch.where(under, 1 + lane % 3, 4)  # the piece to which a pawn promotes
        # Squares are words, or booleans square by square: [N, M, …].
        before = planes.flatten(2)[:, None] > 0 if planes.is_floating_point() else planes[:, None, :, 0]
        leaves, enters = _bit(source, before), _bit(target, before)
        own, other = list(before[:, :, :6].unbind(2)), list(before[:, :, 6:12].unbind(2))
        moves = [has_any(squares & leaves) for squares in own]
        captures = [has_any(squares & enters) for squares in other]
        passing = moves[0] & has_any(before[:, :, 13] & enters)  # en passant
        captures[0] = captures[0] | passing
        short = target > source
        takes_rook = moves[5] & has_any(own[3] & enters)  # castling in Chess960
        castles = takes_rook | moves[5] & (source == _E1) & ((target == _G1) | (target == _C1))
        rook_leaves = _bit(torch.where(takes_rook, target, torch.where(short, _H1, _A1)), before)
        rook_enters = _bit(torch.where(short, _F1, _D1), before)
        enters = _bit(torch.where(takes_rook, torch.where(short, _G1, _C1), target), before)
        promotes = moves[0] & (target >= 56)
        for kind, mover in enumerate(moves):
            arrives = promotes & (becomes == kind) | ~promotes & mover
            own[kind] = own[kind] & ~leaves | _where(arrives, enters)
            other[kind] = other[kind] & ~enters
        other[0] = other[0] & ~_where(passing, _previous(enters))
        own[3] = own[3] & ~_where(castles, rook_leaves) | _where(castles, rook_enters)
        pieces = torch.stack((*own, *other), dim=2).flatten(0, 1)  # [N · M, 12, …]
        seen = self._seen(pieces, enters.flatten(0, 1))
        of_move = torch.stack((*captures[:5], *moves), dim=2).to(seen.dtype)  # [N, M, 11]
        seen = seen.view(*legal.shape, seen.shape[1])
        return torch.cat((seen[:, :, :10], of_move, seen[:, :, 10:]), dim=2)

    def _seen(self, pieces: Tensor, enters: Tensor) -> Tensor:
        """The features that follow from the afterstates alone, as whole numbers.

        Args:
            pieces: [K, 12, …] where the pieces are after each move.
            enters: [K, …] the square of the piece that moved.

        Returns:
            [K, 20].
        """
        if pieces.dtype == torch.bool:
            maps = self.attacks.of_squares(pieces.float()) > 0
        else:
            maps = self.attacks(pieces[:, :, None])[:, :, 0]
        squares = maps.shape[2:]
        by_piece = maps[:, :12].view(-1, 6, 2, *squares)  # what each kind of piece of either side attacks
        hanging = maps[:, len(NAMES) : -2].view(-1, 5, 2, *squares).transpose(1, 2)
        attacked, attacked_by_other = any_of(by_piece).unbind(1)
        ours, theirs = any_of(pieces[:, :6]), any_of(pieces[:, 6:])
        free = ~(ours | theirs)
        pawns, knights, bishops, rooks, queens = by_piece[:, :5].unbind(1)
        far = knights | bishops | rooks | queens  # [K, 2, …]
        goes = far[:, 0] & ~ours | pawns[:, 0] & theirs | _next(pieces[:, 0]) & free
        replies = far[:, 1] & ~theirs | pawns[:, 1] & ours | _previous(pieces[:, 6]) & free
        king = pieces[:, 11]
        flags = (any_of(hanging[:, 0]) & enters, attacked_by_other & enters, attacked & enters, attacked & king)
        counted = (maps[:, -2], maps[:, -1], goes, replies, attacked & (king | by_piece[:, 5, 1]))
        stalemate = ~has_any(attacked & king | maps[:, -1] | replies)
        parts = (count(hanging).flatten(1), has_any(torch.stack(flags, dim=1)), count(torch.stack(counted, dim=1)))
        return torch.cat((*parts, stalemate[:, None]), dim=1)


def _bit(square: Tensor, like: Tensor) -> Tensor:
    """The squares [N, M] as words, or square by square [N, M, 64] if `like` is of booleans."""
    return F.one_hot(square, 64).bool() if like.dtype == torch.bool else 1 << square


def _where(condition: Tensor, squares: Tensor) -> Tensor:
    """The squares [N, M, …] where the condition [N, M] is true, elsewhere none."""
    return squares & condition[..., None] if squares.dtype == torch.bool else squares * condition


def _next(squares: Tensor) -> Tensor:
    """The next square of the file, as the mover sees the board."""
    return F.pad(squares[..., :-8], (8, 0)) if squares.dtype == torch.bool else squares << 8


def _previous(squares: Tensor) -> Tensor:
    """The square before on the file, as the mover sees the board."""
    return F.pad(squares[..., 8:], (0, 8)) if squares.dtype == torch.bool else down(squares, 8)
