"""Which squares each side attacks and which pieces hang, from the piece planes of a batch, on the network's device."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chesspg.games.chess.encoding import PIECES

_SIDES = ("own", "opponent")
NAMES = (
    *(f"attacked by {side} {piece}" for piece in PIECES for side in _SIDES),
    *(f"a {piece} here would attack {side} king" for piece in PIECES[:4] for side in _SIDES),
)
HANGING = (
    *(f"{side} {piece} hangs" for piece in PIECES[:5] for side in _SIDES),
    *(f"{side} king can go here" for side in _SIDES),
)


def _word(squares: int) -> int:
    """The int64 that has the bits of this 64-bit word."""
    return squares - (1 << 64) if squares >> 63 else squares


_A, _H, _RANK_8 = 0x0101010101010101, 0x8080808080808080, 0xFF << 56
_ALL = (1 << 64) - 1
_NOT_A, _NOT_H = _word(_ALL ^ _A), _word(_ALL ^ _H)
_NOT_AB, _NOT_GH = _word(_ALL ^ (_A | _A << 1)), _word(_ALL ^ (_H | _H >> 1))
# Rays to the east, north, north-east and north-west shift to the left, the other four to the right. Each mask removes
# the files and ranks on which no step of its direction ends; this also clears the sign bits that >> shifts in.
_STEPS = ((1, 8), (9, 7))  # straight, diagonal
_UP = ((_NOT_A, -1), (_NOT_A, _NOT_H))
_DOWN = ((_NOT_H, _word(_ALL ^ _RANK_8)), (_word(_ALL ^ (_H | _RANK_8)), _word(_ALL ^ (_A | _RANK_8))))


class Attacks(nn.Module):
    """[N, 14, 1] int64 words of the chess planes to [N, 20 or 32, 1] int64 words of maps, in the order of `names`.

    A ray ends at the first piece and includes its square, whichever side the piece belongs to. All rays of all pieces
    and positions are filled at once by the Kogge-Stone algorithm, chessprogramming.org/Kogge-Stone_Algorithm.

    Args:
        hanging: Whether twelve more maps show the pieces that hang and the squares to which the kings can go. A piece
            hangs if it is attacked and not defended, or attacked by a piece of less value; a knight and a bishop are
            worth the same. Pins and what stands behind an attacker are ignored. A king can go to a neighboring square
            that its own side does not occupy and the other does not attack; a ray ends at the king, so a square behind
            it on the line of an attacker counts as not attacked.
    """

    def __init__(self, hanging: bool = False) -> None:
        super().__init__()
        self.hanging = hanging
        self.names = NAMES + HANGING if hanging else NAMES
        steps = torch.tensor(_STEPS) * torch.tensor([1, 2, 4])[:, None, None]  # [3, 2, 2]
        for name, numbers in {"steps": steps, "up": torch.tensor(_UP), "down": torch.tensor(_DOWN)}.items():
            self.register_buffer(name, numbers[..., None], persistent=False)

    def forward(self, planes: Tensor) -> Tensor:
        pieces = planes[:, :12, 0]
        empty = ~pieces.sum(dim=1)[:, None, None, None]  # [N, 1, 1, 1]; a square holds one piece at most, so + equals |
        pawns, knights, bishops, rooks, queens, kings = pieces.view(-1, 2, 6).unbind(2)  # [N, 2] each: own, opponent's
        straight = torch.cat((rooks, queens, kings), dim=1)
        diagonal = torch.cat((bishops, queens, kings), dim=1)
        from_ = torch.stack((straight, diagonal), dim=1)[:, :, None]  # [N, 2, 1, 6]
        rays = self._slide(from_, empty, up=True) | self._slide(from_, empty, up=False)  # [N, 2, 2, 6]
        straight, diagonal = (rays[:, :, 0] | rays[:, :, 1]).unbind(1)  # [N, 6] each
        near = _sideways(torch.cat((knights, kings, pawns), dim=1), 1)
        far = _sideways(torch.cat((knights, kings), dim=1), 2)
        jumps = near[:, :4] << 16 | down(near[:, :4], 16) | far << 8 | down(far, 8)
        ahead, behind = near[:, 2::2] << 8, down(near[:, 3::2], 8)  # king and pawns of the mover, of the opponent
        ranks = near[:, 2:4] | kings
        around = (ranks | ranks << 8 | down(ranks, 8)) ^ kings
        maps = torch.cat(
            (ahead[:, 1:], behind[:, 1:], jumps[:, :2], diagonal[:, :2], straight[:, :2],
             straight[:, 2:4] | diagonal[:, 2:4], around,
             ahead[:, :1], behind[:, :1], jumps[:, 2:], diagonal[:, 4:], straight[:, 4:]), dim=1,
        )  # fmt: skip
        if self.hanging:
            maps = torch.cat((maps, _hanging(pieces, maps)), dim=1)
        return maps[:, :, None]

    def _slide(self, from_: Tensor, empty: Tensor, up: bool) -> Tensor:
        """[N, 2, 1, G] straight and diagonal sliders to [N, 2, 2, G] the squares they attack in each direction."""
        shift = torch.bitwise_left_shift if up else torch.bitwise_right_shift
        steps, mask = self.get_buffer("steps"), self.get_buffer("up" if up else "down")
        open_ = empty & mask
        for step in steps:  # 1, 2 and 4 squares
            from_ = from_ | open_ & shift(from_, step)
            open_ = open_ & shift(open_, step)
        return shift(from_, steps[0]) & mask

    def of_squares(self, squares: Tensor) -> Tensor:
        """The same maps square by square, because ONNX can't shift words that have a sign.

        Args:
            squares: [N, 14, 64] zeros and ones, the chess planes square by square, of any floating-point type.

        Returns:
            [N, 20 or 32, 64] zeros and ones.
        """
        pawns, knights, bishops, rooks, queens, kings = squares[:, :12].reshape(-1, 2, 6, 64).unbind(2)  # [N, 2, 64]
        occupied = squares[:, :12].sum(dim=1, keepdim=True)
        straight = _slid(torch.cat((rooks, queens, kings), dim=1), occupied, _STRAIGHT)
        diagonal = _slid(torch.cat((bishops, queens, kings), dim=1), occupied, _DIAGONAL)
        around = _stepped(kings, torch.cat((_STRAIGHT, _DIAGONAL), dim=1))
        maps = (
            _stepped(pawns[:, :1], _FORWARD), _stepped(pawns[:, 1:], _BACKWARD), _stepped(knights, _KNIGHT),
            diagonal[:, :2], straight[:, :2], straight[:, 2:4] + diagonal[:, 2:4], around,
            _stepped(kings[:, :1], _FORWARD), _stepped(kings[:, 1:], _BACKWARD), _stepped(kings, _KNIGHT),
            diagonal[:, 4:], straight[:, 4:],
        )  # fmt: skip
        attacks = torch.cat(maps, dim=1).clamp(max=1)
        if not self.hanging:
            return attacks
        return torch.cat((attacks, _hanging(squares[:, :12] > 0, attacks > 0).to(attacks)), dim=1)


def _behind(*steps: tuple[int, int]) -> Tensor:
    """[64, S, 7] the squares that lie 1 to 7 steps of (file, rank) back from each square; 64 for none."""
    square, distance = torch.arange(64)[:, None, None], torch.arange(1, 8)
    file_step, rank_step = torch.tensor(steps)[:, :, None].unbind(1)  # [S, 1] each
    file, rank = square % 8 - distance * file_step, square // 8 - distance * rank_step
    return torch.where((file >= 0) & (file < 8) & (rank >= 0) & (rank < 8), 8 * rank + file, 64)


_STRAIGHT = _behind((1, 0), (0, 1), (-1, 0), (0, -1))
_DIAGONAL = _behind((1, 1), (-1, 1), (-1, -1), (1, -1))
_FORWARD, _BACKWARD = _behind((-1, 1), (1, 1)), _behind((-1, -1), (1, -1))
_KNIGHT = _behind((1, 2), (2, 1), (2, -1), (1, -2), (-1, -2), (-2, -1), (-2, 1), (-1, 2))
_NEARER = torch.ones(7, 7).triu(diagonal=1)  # [i, j] is 1 where distance i is less than distance j


def _stepped(pieces: Tensor, behind: Tensor) -> Tensor:
    """[N, G, 64] from how many of the pieces [N, G, 64] one step leads to each square."""
    return F.pad(pieces, (0, 1))[:, :, behind[:, :, 0].to(pieces.device)].sum(dim=3)  # F.pad adds square 64


def _slid(pieces: Tensor, occupied: Tensor, behind: Tensor) -> Tensor:
    """[N, G, 64] how many of the pieces [N, G, 64] reach each square over free squares; occupied is [N, 1, 64]."""
    lines = F.pad(torch.cat((occupied, pieces), dim=1), (0, 1))[:, :, behind.to(pieces.device)]  # [N, 1 + G, 64, S, 7]
    open_ = (1 - lines[:, :1] @ _NEARER.to(pieces)).clamp(min=0)  # 1 where no piece stands in between
    return (lines[:, 1:] * open_).sum(dim=(3, 4))


def _hanging(pieces: Tensor, maps: Tensor) -> Tensor:
    """The maps of `HANGING`, from those of the pieces and of `NAMES`.

    Args:
        pieces: [N, 12, …] words, or for each square whether it has the piece.
        maps: [N, 20, …] of the same kind.

    Returns:
        [N, 12, …] of the same kind.
    """
    squares = pieces.shape[2:]
    pieces = pieces.view(-1, 2, 6, *squares).transpose(1, 2)  # [N, 6, 2, …] by piece and side, as the maps are
    defenders = maps[:, :12].view(-1, 6, 2, *squares)
    attackers = defenders.flip(2)
    pawns, knights, bishops, rooks, queens, kings = attackers.unbind(1)  # [N, 2, …] each
    minor = pawns | knights | bishops
    attacked = minor | rooks | queens | kings
    loose = attacked & ~any_of(defenders)
    at_risk = torch.stack((loose, loose | pawns, loose | pawns, loose | minor, loose | minor | rooks), dim=1)
    free = defenders[:, 5] & ~(any_of(pieces) | attacked)
    return torch.cat((pieces[:, :5] & at_risk, free[:, None]), dim=1).flatten(1, 2)


def any_of(maps: Tensor) -> Tensor:
    """[N, …] the squares that any of the maps [N, K, …] has."""
    return reduce(torch.bitwise_or, maps.unbind(1))


def has_any(squares: Tensor) -> Tensor:
    """Whether there is any square: [N, …] booleans of words [N, …], or of booleans square by square [N, …, 64]."""
    return squares.any(dim=-1) if squares.dtype == torch.bool else squares != 0


def count(squares: Tensor) -> Tensor:
    """How many squares there are, as int64; the arguments are those of `has_any`.

    Words are counted in parallel, in fields of 2, 4 and 8 bits, chessprogramming.org/Population_Count.
    """
    if squares.dtype == torch.bool:
        return squares.sum(dim=-1)
    pairs = squares - (down(squares, 1) & 0x5555555555555555)
    fours = (pairs & 0x3333333333333333) + (down(pairs, 2) & 0x3333333333333333)
    bytes_ = fours + (fours >> 4) & 0x0F0F0F0F0F0F0F0F
    return down(bytes_ * 0x0101010101010101, 56)


def down(words: Tensor, step: int) -> Tensor:
    """`words >> step` as if the words were unsigned."""
    return words >> step & (1 << 64 - step) - 1


def _sideways(words: Tensor, squares: int) -> Tensor:
    """The words moved by 1 or 2 squares to the east, combined with the words moved as far to the west."""
    east, west = (_NOT_A, _NOT_H) if squares == 1 else (_NOT_AB, _NOT_GH)
    return words << squares & east | words >> squares & west
