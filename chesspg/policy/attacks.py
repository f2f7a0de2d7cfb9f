"""Which squares are attacked: words of attacks from words of pieces, for a whole batch, on the network's device."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chesspg.games.chess.encoding import PIECES

_SIDES = ("own", "opponent")
NAMES = (
    *(f"attacked by {side} {piece}" for piece in PIECES for side in _SIDES),
    *(f"a {piece} here would attack {side} king" for piece in PIECES[:4] for side in _SIDES),
)


def _word(squares: int) -> int:
    """A word as the int64 of the same bits."""
    return squares - (1 << 64) if squares >> 63 else squares


_A, _H, _RANK_1, _RANK_8 = 0x0101010101010101, 0x8080808080808080, 0xFF, 0xFF << 56
_ALL = (1 << 64) - 1
_NOT_A, _NOT_H = _word(_ALL ^ _A), _word(_ALL ^ _H)
_NOT_AB, _NOT_GH = _word(_ALL ^ (_A | _A << 1)), _word(_ALL ^ (_H | _H >> 1))
# Rays up the board (to the east, north; north-east, north-west) shift left, those down it right. A step never lands in
# the files and ranks it is masked with; that also clears the copies of the sign that >> shifts in.
_STEPS = ((1, 8), (9, 7))  # straight, diagonal
_UP = ((_NOT_A, -1), (_NOT_A, _NOT_H))
_DOWN = ((_NOT_H, _word(_ALL ^ _RANK_8)), (_word(_ALL ^ (_H | _RANK_8)), _word(_ALL ^ (_A | _RANK_8))))


class Attacks(nn.Module):
    """[N, 14, 1] int64 words of chess's planes to [N, 20, 1] words, by `names`.

    Rays end at the first piece, which is attacked whosever it is. Kogge-Stone fills: all rays of all pieces of all
    positions at once, chessprogramming.org/Kogge-Stone_Algorithm.
    """

    names = NAMES

    def __init__(self) -> None:
        super().__init__()
        for name, numbers in {"step": _STEPS, "up": _UP, "down": _DOWN}.items():
            self.register_buffer(name, torch.tensor(numbers)[:, :, None], persistent=False)

    def forward(self, planes: Tensor) -> Tensor:
        pieces = planes[:, :12, 0].reshape(-1, 2, 6)  # own, opponent's
        pawns, knights, bishops, rooks, queens, kings = pieces.unbind(2)  # [N, 2] each
        empty = ~_union(pieces.flatten(1))[:, None, None, None]  # [N, 1, 1, 1]
        straight = torch.cat((rooks, queens, kings), dim=1)
        diagonal = torch.cat((bishops, queens, kings), dim=1)
        from_ = torch.stack((straight, diagonal), dim=1)[:, :, None]  # [N, 2, 1, 6]
        rays = self._slide(from_, empty, True) | self._slide(from_, empty, False)  # [N, 2, 2, 6]
        rays = rays[:, :, 0] | rays[:, :, 1]  # [N, 2, 6]
        by_rook, by_bishop = rays[:, 0, :2], rays[:, 1, :2]
        by_queen = rays[:, 0, 2:4] | rays[:, 1, 2:4]
        rook_checks, bishop_checks = rays[:, 0, 4:], rays[:, 1, 4:]
        jumps = _knight(torch.cat((knights, kings), dim=1))
        up = _sideways(torch.stack((pawns[:, 0], kings[:, 0]), dim=1)) << 8
        down = _down(_sideways(torch.stack((pawns[:, 1], kings[:, 1]), dim=1)), 8)
        ranks = _sideways(kings) | kings
        by_king = ranks | ranks << 8 | _down(ranks, 8)
        pawn_rows = torch.stack((up[:, 0], down[:, 0], up[:, 1], down[:, 1]), dim=1)
        return torch.cat(
            (pawn_rows[:, :2], jumps[:, :2], by_bishop, by_rook, by_queen, by_king ^ kings,
             pawn_rows[:, 2:], jumps[:, 2:], bishop_checks, rook_checks), dim=1,
        )[:, :, None]  # fmt: skip

    def _slide(self, from_: Tensor, empty: Tensor, up: bool) -> Tensor:
        """[N, 2, 1, G] sliders, straight and diagonal, to [N, 2, 2, G] what they attack in each of their directions."""
        shift = torch.bitwise_left_shift if up else torch.bitwise_right_shift
        step, mask = self.get_buffer("step"), self.get_buffer("up" if up else "down")
        open_ = empty & mask
        for times in (1, 2, 4):
            from_ = from_ | open_ & shift(from_, times * step)
            open_ = open_ & shift(open_, times * step)
        return shift(from_, step) & mask


def _union(words: Tensor) -> Tensor:
    """[N, 12] to [N] all bits that are set in any."""
    words = words[:, :6] | words[:, 6:]
    words = words[:, :3] | words[:, 3:]
    return words[:, 0] | words[:, 1] | words[:, 2]


def _down(words: Tensor, step: int) -> Tensor:
    """>> of unsigned words."""
    return words >> step & (1 << 64 - step) - 1


def _sideways(words: Tensor) -> Tensor:
    return words << 1 & _NOT_A | words >> 1 & _NOT_H


def _knight(words: Tensor) -> Tensor:
    near = _sideways(words)
    far = words << 2 & _NOT_AB | words >> 2 & _NOT_GH
    return near << 16 | _down(near, 16) | far << 8 | _down(far, 8)
