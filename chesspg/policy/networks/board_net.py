"""A network for any board: residual convolutions, with a logit for each square, each column or a single action."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chesspg.games.game import Game, layout_size
from chesspg.policy.networks.network import Network, NetworkOutput

REDUCED = 8  # channels that the head for actions without a layout reads from each square


class BoardNet(Network):
    """Residual convolutions over a board of any size, with a policy head for each kind of action in the game's layout.

    The last features of a square give the logit of its action, and those of a whole column the logit of the column. The
    logit of a single action, such as a pass, and the value come from the mean and the maximum of the features over the
    board. Every second block passes mean and maximum to all squares, as in KataGo (Wu, 2019), because convolutions
    alone see only as far as they are deep. If `Game.action_layout` is empty, a fully connected layer computes the
    logits of all actions from 8 numbers for each square, as in AlphaGo Zero (Silver et al., 2017).

    There is no batch norm and no dropout, because the network that learns must be the one that sampled. The features
    are computed in the precision of autocast, and logits and values from them in float32.

    Args:
        game: The game that the network is for. It may have any board and any actions.
        channels: The width of the convolutions.
        blocks: The number of residual blocks.
        value: Whether it has a value head.

    Raises:
        ValueError: A size is too small, or the game's layout does not have as many actions as the game.
    """

    def __init__(self, game: Game, channels: int = 32, blocks: int = 4, value: bool = False) -> None:
        super().__init__(game, channels=channels, blocks=blocks, value=value)
        if channels < 1:
            raise ValueError(f"channels must be at least 1, got {channels}")
        if blocks < 0:
            raise ValueError(f"blocks must be at least 0, got {blocks}")
        if game.action_layout and layout_size(game.action_layout, game.board) != game.num_actions:
            size = layout_size(game.action_layout, game.board)
            raise ValueError(
                f"the action_layout of {game.name} has {size} actions, but its num_actions is {game.num_actions}"
            )
        self.board, self.layout = game.board, game.action_layout
        cells, columns = self.layout.count("cells"), self.layout.count("columns")
        singles = len(self.layout) - cells - columns
        self.stem = nn.Conv2d(len(game.planes) + len(game.scalars) + 1, channels, 3, padding=1)
        self.body = nn.Sequential(*(Block(channels, pooled=index % 2 == 1) for index in range(blocks)))
        self.cells = nn.Linear(channels, cells) if cells else None
        self.columns = nn.Conv2d(channels, columns, (game.board[0], 1)) if columns else None
        self.reduce = nn.Linear(channels, REDUCED) if not self.layout else None
        self.actions = nn.Linear(REDUCED * self.squares, game.num_actions) if not self.layout else None
        self.pooled = nn.Linear(2 * channels, channels) if singles or value else None
        self.singles = nn.Linear(channels, singles) if singles else None
        self.value_head = nn.Linear(channels, 1) if value else None
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it for Module

    def boards(self, planes: Tensor, scalars: Tensor) -> Tensor:
        """[N, rows, columns, P + S + 1] planes, scaled counters, and ones, which show where the board ends."""
        bits = self.unpack(planes).transpose(1, 2)  # [N, squares, P]
        boards = bits.new_ones((*bits.shape[:2], self.stem.in_channels))
        boards[..., : bits.shape[2]] = bits
        boards[..., bits.shape[2] : -1] = self.scale(scalars)[:, None]  # each counter fills a plane with its value
        return boards.view(-1, *self.board, boards.shape[2])

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        x = F.relu(self.body(self.stem(self.boards(planes, scalars).permute(0, 3, 1, 2))))  # [N, C, rows, columns]
        exact = torch.promote_types(x.dtype, torch.float32)
        with torch.autocast(x.device.type, enabled=False):
            overall = F.relu(self.pooled(pool(x).to(exact))) if self.pooled else None  # [N, C]
            logits = self._logits(x.to(exact), overall)
            value = torch.tanh(self.value_head(overall)).squeeze(1) if self.value_head else None
        return NetworkOutput(logits.gather(1, legal.clamp(min=0).long()), value)

    def _logits(self, x: Tensor, overall: Tensor | None) -> Tensor:
        """[N, A] the logits of all actions, from the features x [N, C, rows, columns] and those of the whole board."""
        squares = x.permute(0, 2, 3, 1).flatten(1, 2)  # [N, squares, C]
        if self.actions is not None and self.reduce is not None:
            return cast("Tensor", self.actions(F.relu(self.reduce(squares)).flatten(1)))
        cells = iter(self.cells(squares).unbind(2) if self.cells else ())
        columns = iter(self.columns(x).squeeze(2).unbind(1) if self.columns else ())
        singles = iter(self.singles(overall).split(1, dim=1) if self.singles else ())
        blocks = {"cells": cells, "columns": columns}
        return torch.cat([next(blocks.get(block, singles)) for block in self.layout], dim=1)


class Block(nn.Module):
    """x + conv(relu(conv(relu(x)) + Linear(pool(relu(x))))); the last convolution starts at zero, as an identity.

    Args:
        channels: The width of x.
        pooled: Whether the mean and the maximum over the board are passed to all squares; otherwise the term with
            `pool` is left out.
    """

    def __init__(self, channels: int, pooled: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.overall = nn.Linear(2 * channels, channels) if pooled else None
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(cast("Tensor", self.second.bias))

    def forward(self, x: Tensor) -> Tensor:
        active = F.relu(x)
        y = self.first(active)
        if self.overall:
            y = y + self.overall(pool(active))[:, :, None, None]
        return torch.add(x, self.second(F.relu(y)))


def pool(x: Tensor) -> Tensor:
    """[N, 2 · C] the mean and the maximum of each channel of x [N, C, rows, columns] over the board."""
    size = x.shape[2:]
    # In channels_last, this is several times as fast as `mean` and `amax` over two dimensions.
    mean = x.permute(0, 2, 3, 1).flatten(1, 2).sum(dim=1) / size.numel()
    return torch.cat((mean, F.max_pool2d(x, size).flatten(1)), dim=1)
