"""The network for chess: residual convolutions over the board and the squares that its pieces attack."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chesspg.games.chess.encoding import PLANES, SCALARS
from chesspg.games.game import Game
from chesspg.policy.afterstates import FEATURES, Afterstates
from chesspg.policy.attacks import Attacks
from chesspg.policy.boards import compiled_boards
from chesspg.policy.networks.network import Network, NetworkOutput

# The length of the lists of legal actions up to which a CPU multiplies only the vectors of these actions. With longer
# lists, such as those of games in slots, and on a GPU, all 64 × 64 pairs of squares are multiplied, which is faster.
# No game from the initial position has a longer list, so sampling and learning multiply in the same way. An exported
# network is one program for lists of any length, and multiplies all pairs.
LONG = 224


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))), He et al. (2016). The last convolution starts at zero, which makes an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(cast("Tensor", self.second.bias))

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.second(F.relu(self.first(F.relu(x)))))


class ResidualNet(Network):
    """Residual convolutions over the chess board and the squares that its pieces attack.

    The logit of a move is the inner product of a vector for its `from` square and a vector for its `to` square, divided
    by the square root of their length; the logits of the 72 underpromotions come from the squares of the seventh rank.
    There is no batch norm and no dropout, because the network that learns must be the one that sampled.

    Args:
        game: Chess, or a variant of it with the same board and actions.
        channels: The width of the convolutions.
        blocks: The number of residual blocks.
        value: Whether it has a value head.
        rank: The length of the two vectors, which is the highest rank that the 64 × 64 logits can have. With it the
            network sees more. Its input also says which pieces hang and where the kings can go
            (`chesspg.policy.attacks`). The vectors also see the inputs of their square, so that the channels need not
            carry which piece is there and what attacks it; and the value head also sees the maximum of each channel.
            By default the length is `channels`, and the network is that of earlier versions.
        afterstates: The width of a hidden layer that reads 31 features of each move's afterstate, the position after
            the move (`chesspg.policy.afterstates`). The weighted sum of its outputs is added to the logit of the move.
            None leaves it out, as in earlier versions.

    Raises:
        ValueError: The game has another board or other actions, or a size is too small.
    """

    neutral = frozenset({"afterstates"})

    def __init__(
        self,
        game: Game,
        channels: int = 32,
        blocks: int = 2,
        value: bool = False,
        rank: int | None = None,
        afterstates: int | None = None,
    ) -> None:
        newer = {"rank": rank, "afterstates": afterstates}
        # So that policies of earlier versions are written as they were.
        given = {name: size for name, size in newer.items() if size is not None}
        super().__init__(game, channels=channels, blocks=blocks, value=value, **given)
        if (game.board, game.num_actions) != ((8, 8), 64 * 64 + 72):
            raise ValueError(f"ResidualNet needs the board and the actions of chess, got {game.name}; use MLP instead")
        if channels < 1:
            raise ValueError(f"channels must be at least 1, got {channels}")
        if blocks < 0:
            raise ValueError(f"blocks must be at least 0, got {blocks}")
        for name, size in given.items():
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}")
        self.rank = rank
        self.length = rank or channels
        self.attacks = Attacks(hanging=rank is not None)
        self.encoded = tuple(game.planes) == PLANES and tuple(game.scalars) == tuple(SCALARS)
        inputs = len(game.planes) + len(self.attacks.names) + len(game.scalars)
        self.stem = nn.Conv2d(inputs, channels, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.from_to = nn.Linear(channels + (inputs if rank else 0), 2 * self.length)
        self.underpromotion = nn.Linear(channels, 9)
        self.afterstates = Afterstates() if afterstates else None
        if afterstates:
            self.after = nn.Linear(len(FEATURES), afterstates)
            self.after_weights = nn.Parameter(torch.zeros(afterstates))
        pooled = 2 * channels if rank else channels
        self.value_head = nn.Sequential(nn.Linear(pooled, pooled), nn.ReLU(), nn.Linear(pooled, 1)) if value else None
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it for Module

    def boards(self, planes: Tensor, scalars: Tensor) -> Tensor:
        """[N, 8, 8, inputs] planes, maps and scaled counters of each square, in the network's precision."""
        if self.encoded:
            boards = compiled_boards(planes, self.scale(scalars), self.precision, len(self.attacks.names))
            if boards is not None:
                return boards
        if planes.is_floating_point():  # exported
            squares = self.unpack(planes)
            bits = torch.cat((squares, self.attacks.of_squares(squares)), dim=1)
        else:
            bits = self.unpack(torch.cat((planes, self.attacks(planes)), dim=1))
        boards = bits.new_empty((bits.shape[0], 8, 8, self.stem.in_channels))
        boards[..., : bits.shape[1]] = bits.view(*bits.shape[:2], 8, 8).permute(0, 2, 3, 1)
        boards[..., bits.shape[1] :] = self.scale(scalars)[:, None, None]  # each counter fills a plane with its value
        return boards

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        boards = self.boards(planes, scalars)
        x = self.stem(boards.permute(0, 3, 1, 2))
        x = F.relu(self.body(x)).flatten(2).transpose(1, 2)  # [N, 64, C]
        action = legal.clamp(min=0).long()
        squares = torch.cat((x, boards.flatten(1, 2).to(x.dtype)), dim=2) if self.rank else x
        # The length comes last: torch.export accepts no comparison with a size that may change.
        all_pairs = planes.is_floating_point() or x.device.type == "cuda" or action.shape[1] > LONG
        logits = self._products(squares, action, all_pairs) * self.length**-0.5
        under = self.underpromotion(x[:, 48:56]).flatten(1).to(logits.dtype)  # [N, file × direction × piece]
        logits = torch.where(action < 4096, logits, under.gather(1, (action - 4096).clamp(min=0)))
        if self.afterstates is not None:
            hidden = F.relu(self.after(self.afterstates(planes, legal, self.precision)))
            logits = logits + (hidden * self.after_weights).sum(dim=2, dtype=logits.dtype)
        value = torch.tanh(self.value_head(self._pooled(x))).squeeze(1) if self.value_head else None
        return NetworkOutput(logits, value)

    def _pooled(self, x: Tensor) -> Tensor:
        """[N, C] or [N, 2C] what the value head sees of squares x [N, 64, C]."""
        mean = x.mean(dim=1)
        return torch.cat((mean, x.amax(dim=1)), dim=1) if self.rank else mean

    def _products(self, x: Tensor, action: Tensor, all_pairs: bool) -> Tensor:
        """The inner products of the vectors of `from` and `to`.

        Args:
            x: [N, 64, …] squares.
            action: [N, M] actions.
            all_pairs: Whether it multiplies all 64 × 64 pairs of squares, not only those of the actions.

        Returns:
            [N, M] products, at least float32.
        """
        vectors = self.from_to(x).chunk(2, dim=2)  # [N, 64, V] each
        # Sums are in float32: near 4 bf16 knows only 3.98, 4 and 4.03.
        exact = torch.promote_types(vectors[0].dtype, torch.float32)
        if all_pairs:
            with torch.autocast(x.device.type, enabled=False):
                source, target = (each.to(exact) for each in vectors)
                products = torch.bmm(source, target.transpose(1, 2)).flatten(1)  # [N, from × to]
            return products.gather(1, action.clamp(max=4095))
        first = torch.arange(0, 64 * x.shape[0], 64, device=x.device)[:, None]  # a1 of each board
        source, target = (
            each.flatten(0, 1).index_select(0, (first + square).flatten())
            for each, square in zip(vectors, (action >> 6 & 63, action & 63), strict=True)
        )  # [N · M, V] each
        inner: Tensor = (source * target).sum(dim=1, dtype=exact)
        return inner.view(action.shape)
