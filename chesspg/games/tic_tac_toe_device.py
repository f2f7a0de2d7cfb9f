"""Tic-tac-toe on a device, in plain torch: the smallest example of the contract in device.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chesspg.games.arrays import Observation
from chesspg.games.device import DeviceGames, Sizes

SQUARES, FULL = 9, 0b111_111_111


class TicTacToeOnDevice(DeviceGames):
    """Tic-tac-toe in slots. The planes are all that a slot remembers: the squares of the mover and of the other.

    Args:
        game: The sizes of the encoding.
        starts: The positions from which games begin, by number.
        lines: [8] the lines of three squares, as words.
        slots: The number of slots.
        device: The device.
    """

    def __init__(self, game: Sizes, starts: Observation, lines: NDArray[np.uint64], slots: int, device: str) -> None:
        super().__init__(game, slots, device)

        def here(array: NDArray[Any]) -> Tensor:
            return torch.from_numpy(array).to(self.device)

        self._starts, self._movers = here(starts.planes.view(np.int64)), here(starts.player)
        self._lines = here(lines.view(np.int64))
        self._actions = torch.arange(SQUARES, device=self.device)

    def reset(self, rows: Tensor, starts: Tensor) -> None:
        start = starts.clamp(0, len(self._movers) - 1)
        self.planes.copy_(torch.where(rows[:, None, None], self._starts[start], self.planes))
        self.player.copy_(torch.where(rows, self._movers[start], self.player))
        self.illegal.logical_and_(~rows)
        self._settle()

    def step(self, actions: Tensor, alive: Tensor) -> None:
        action = actions.long()
        legal = ((self.legal == action[:, None]) & (self.legal >= 0)).any(dim=1)
        self.illegal.logical_or_(alive & ~legal)
        moves = alive & legal
        own, other = self.planes[:, 0, 0], self.planes[:, 1, 0]
        own = own | torch.bitwise_left_shift(torch.ones_like(own), action.clamp(0, SQUARES - 1))
        turned = torch.stack((other, own), dim=1)[:, :, None]  # the other player sees its own squares first
        self.planes.copy_(torch.where(moves[:, None, None], turned, self.planes))
        self.player.copy_(torch.where(moves, 1 - self.player, self.player))
        self._settle()

    def _settle(self) -> None:
        """The verdicts and the legal actions of all slots."""
        stones = self.planes[:, :, 0]  # [slots, 2]
        own, other = ((stones[:, :, None] & self._lines) == self._lines).any(dim=2).unbind(1)
        taken = stones[:, 0] | stones[:, 1]
        sign = 1 - 2 * self.player
        self.outcome.copy_(sign * (own.to(torch.int8) - other.to(torch.int8)))
        self.reason.copy_(torch.where(own | other, 1, torch.where(taken == FULL, 2, 0)))
        free = (taken[:, None] >> self._actions & 1 == 0) & (self.reason == 0)[:, None]
        # The free squares in ascending order, then −1: squares that are not free are 9 here, so they come last.
        ascending = torch.where(free, self._actions, SQUARES).sort(dim=1).values
        self.legal.copy_(ascending.masked_fill(ascending == SQUARES, -1))
