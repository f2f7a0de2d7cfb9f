"""A network of your own: convolutions over the board of any game.

In the folder of this file:

    python -m chesspg.train --config tic_tac_toe --model.network own_network.Conv --run conv
    python -m chesspg.match --import own_network conv random

Any argument of the class is a field of the configuration, here `--model.network.channels 16`. The second command has to
name the module, because reading a policy file never imports code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chesspg import Game
from chesspg.policy.networks import Network, NetworkOutput


class Conv(Network):
    """Two convolutions over the planes and counters of a position, then a logit for each action of the game.

    Args:
        game: The game, which determines the sizes of the network.
        channels: The width of both convolutions.
        value: Whether there is a value head.
    """

    def __init__(self, game: Game, channels: int = 32, value: bool = False) -> None:
        super().__init__(game, channels=channels, value=value)  # stored in policy files, to build the network again
        self.board = game.board  # rows and columns
        self.body = nn.Sequential(
            nn.Conv2d(len(game.planes) + len(game.scalars), channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.policy_head = nn.Linear(channels * self.squares, game.num_actions)
        self.value_head = nn.Linear(channels * self.squares, 1) if value else None

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        board = self.unpack(planes).reshape(*planes.shape[:2], *self.board)  # [N, P, rows, columns]
        # Each counter fills a plane with its value.
        counters = self.scale(scalars)[:, :, None, None].expand(-1, -1, *self.board)
        x = self.body(torch.cat((board, counters), dim=1))
        logits = self.policy_head(x).gather(1, legal.clamp(min=0).long())  # [N, M] logits of the legal actions alone
        value = torch.tanh(self.value_head(x)).squeeze(1) if self.value_head else None
        return NetworkOutput(logits, value)
