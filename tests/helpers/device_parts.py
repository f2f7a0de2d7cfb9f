"""What the tests of the loops on a device share: a broken game, and a counter of the waits for a device."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from chesspg.games.device import DeviceGames
from chesspg.games.game import Games
from chesspg.games.tic_tac_toe import LINES, TicTacToe
from chesspg.games.tic_tac_toe_device import TicTacToeOnDevice


class Broken(TicTacToeOnDevice):
    """Leaves player 1 no legal action."""

    def step(self, actions: torch.Tensor, alive: torch.Tensor) -> None:
        super().step(actions, alive)
        self.legal[self.player == 1] = -1


class BrokenGame(TicTacToe):
    def on_device(self, starts: Games, slots: int, device: str) -> DeviceGames:
        return Broken(self, starts.observe(), LINES, slots, device)


class Waits(TorchDispatchMode):
    """Counts the operations that wait for a device: reading a number, finding rows, copying to the host."""

    WAITING = ("_local_scalar_dense", "nonzero", "_to_copy", "unique", "masked_select", "is_nonzero")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func).split(".")[1]
        if name in self.WAITING and (name != "_to_copy" or "device" in (kwargs or {})):
            self.count += 1
        return func(*args, **(kwargs or {}))
