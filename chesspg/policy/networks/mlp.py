"""A fully connected network for small games."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from chesspg.games.game import Game
from chesspg.policy.networks.network import Network, NetworkOutput


class MLP(Network):
    """A fully connected network for small games.

    Args:
        game: The game that the network is for.
        hidden: The width of each hidden layer.
        value: Whether it has a value head.

    Raises:
        ValueError: A width is below 1.
    """

    def __init__(self, game: Game, hidden: Sequence[int] = (64, 64), value: bool = False) -> None:
        super().__init__(game, hidden=list(hidden), value=value)
        if any(width < 1 for width in hidden):
            raise ValueError(f"each width in hidden must be at least 1, got {list(hidden)}")
        sizes = [len(game.planes) * self.squares + len(game.scalars), *hidden]
        layers = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes)]
        self.body = nn.Sequential(*(layer for pair in layers for layer in pair))
        self.policy_head = nn.Linear(sizes[-1], game.num_actions)
        self.value_head = nn.Linear(sizes[-1], 1) if value else None

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        x = self.body(torch.cat((self.unpack(planes).flatten(1), self.scale(scalars)), dim=1))
        value = torch.tanh(self.value_head(x)).squeeze(1) if self.value_head else None
        return NetworkOutput(self.policy_head(x).gather(1, legal.clamp(min=0).long()), value)
