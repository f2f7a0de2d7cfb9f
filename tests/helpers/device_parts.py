"""What the tests of games on a device share: a policy that no batch rounds, a broken game, a count of questions."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from chesspg.games.device import DeviceGames
from chesspg.games.game import Game, Games
from chesspg.games.tic_tac_toe import LINES, TicTacToe
from chesspg.games.tic_tac_toe_device import TicTacToeOnDevice
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import Network, NetworkOutput
from chesspg.policy.policy import Policy


class Table(Network):
    """A logit per position and action by a hash of the planes, so that no batch size rounds it differently."""

    def forward(self, planes: torch.Tensor, scalars: torch.Tensor, legal: torch.Tensor) -> NetworkOutput:
        factors = 2654435761 * torch.arange(1, planes.shape[1] + 1) ** 3
        position = (planes.flatten(1) * factors).sum(dim=1) >> 20
        logits = ((position[:, None] * 31 + legal * 7919) % 1009).float() / 500
        return NetworkOutput(logits, (position % 101).float() / 101)


def table(temperature: float | None = None, game: Game | None = None) -> PolicyPlayer:
    game = game or TicTacToe()
    return PolicyPlayer(Policy(game, Table(game, value=True)), temperature)


class Broken(TicTacToeOnDevice):
    """Leaves player 1 no legal action."""

    def step(self, actions: torch.Tensor, alive: torch.Tensor) -> None:
        super().step(actions, alive)
        self.legal[self.player == 1] = -1


class BrokenGame(TicTacToe):
    def on_device(self, starts: Games, slots: int, device: str) -> DeviceGames:
        return Broken(self, starts.observe(), LINES, slots, device)


class Questions(TorchDispatchMode):
    """Counts what would wait for a device: reading a number, finding rows, copying to the host."""

    WAITS = ("_local_scalar_dense", "nonzero", "_to_copy", "unique", "masked_select", "is_nonzero")

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func).split(".")[1]
        if name in self.WAITS and (name != "_to_copy" or "device" in (kwargs or {})):
            self.asked += 1
        return func(*args, **(kwargs or {}))
