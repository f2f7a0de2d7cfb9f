"""The base class of networks: from a game's planes and scalars to the logits of its legal actions and a value."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chesspg.games.game import Game


class NetworkOutput(NamedTuple):
    """The output of a network for N positions with at most M legal actions each."""

    logits: Tensor  # [N, M] raw scores of the legal actions; anything finite after a game's last action
    value: Tensor | None  # [N] in (−1, 1), the expected return of the mover; None without a value head


class Network(nn.Module):
    """Base class of all networks. It is built for the sizes of a game, and can be built again from `init_args`.

    A subclass passes its keyword arguments on to `super().__init__` and defines `forward`. Its `neutral` may name
    arguments whose value None leaves a part out that changes no output until it has learned. A training can add such a
    part to a policy that has none.

    Args:
        game: The game that the network is for.
        init_args: The other arguments of the subclass, which policy files store; `value=True` if it has a value head.
    """

    neutral: ClassVar[frozenset[str]] = frozenset()
    scalar_limits: Tensor  # [S]
    bits: Tensor  # [256, 8]

    def __init__(self, game: Game, **init_args: Any) -> None:
        super().__init__()
        self.init_args = init_args
        self.value = bool(init_args.get("value", False))
        limits = torch.tensor([float(limit) for limit in game.scalars.values()])
        self.register_buffer("scalar_limits", limits, persistent=False)
        bytes_as_bits = torch.arange(256)[:, None] >> torch.arange(8) & 1
        self.register_buffer("bits", bytes_as_bits.float(), persistent=False)
        self.squares = game.board[0] * game.board[1]

    def unpack(self, planes: Tensor) -> Tensor:
        """[N, P, W] int64 words to [N, P, squares] zeros and ones, in the precision the network runs in.

        An exported network gets [N, P, rows, columns] floating-point zeros and ones in place of the words.
        """
        if planes.is_floating_point():
            return planes.flatten(2).to(self.precision)
        # Copied, because a tensor that torch calls contiguous may have strides of zero, which `view` refuses.
        words = planes.flatten(1).clone(memory_format=torch.contiguous_format)  # [N, P · W]
        bytes_ = words.view(torch.uint8)  # bit 0 of byte 0 = a1: words are little-endian
        bits = F.embedding(bytes_.int(), self.bits.to(self.precision))  # [N, P · W · 8, 8]
        return bits.view(*planes.shape[:2], planes.shape[2] * 64)[:, :, : self.squares]

    @property
    def precision(self) -> torch.dtype:
        """The type of the numbers that its convolutions and matrix products take: that of autocast, if it is on."""
        device = self.bits.device.type
        return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else self.bits.dtype

    def scale(self, scalars: Tensor) -> Tensor:
        """[N, S] uint8 counters to [N, S] floats in [0, 1]."""
        return scalars / self.scalar_limits

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        """Compute the logits of all legal actions.

        Args:
            planes: [N, P, W] int64 words; in an exported network [N, P, rows, columns] floating-point zeros and ones.
                `unpack` reads both.
            scalars: [N, S] uint8 counters; in an exported network floating-point numbers.
            legal: [N, M] int16 legal actions of each game, padded with −1 after its last; in an exported network int32.

        Returns:
            [N, M] logits and [N] values.
        """
        raise NotImplementedError

    def __call__(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        output: NetworkOutput = super().__call__(planes, scalars, legal)
        return output
