"""A game of stones on a device: its compiled rules, one row per slot, in torch's memory."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from chesspg.games.compiled_device import CompiledDeviceGames
from chesspg.games.device import Sizes
from chesspg.games.stones.batch import State
from chesspg.games.stones.compiled import Slots, StoneKernels


class StonesOnDevice(CompiledDeviceGames):
    """Games of stones in the slots of a device.

    Args:
        game: The sizes of the encoding.
        kernels: The compiled rules.
        starts: The positions from which games begin, by number.
        slots: The number of slots.
        device: The device, `cpu` or one of CUDA.

    Raises:
        NotOnDevice: The rules can't be compiled for the device.
    """

    hidden = ("words",)

    def __init__(self, game: Sizes, kernels: StoneKernels, starts: State, slots: int, device: str) -> None:
        super().__init__(game, slots, device)
        self._kernels = kernels
        self.words = torch.zeros(slots, starts.words.shape[1], dtype=torch.int64, device=self.device)
        self._compile(partial(self._prepare, starts))

    def _prepare(self, starts: State) -> None:
        self._starts = State(*(self._copied(array) for array in starts))
        self._share()

    def heuristic(self) -> Tensor:
        self._launch("weigh_rows", len(self), self._slots.words, self._slots.player, self._weights)
        return self._weight.clone()

    def _share(self) -> None:
        super()._share()
        self._slots = Slots(
            words=self._words(self.words),
            planes=self._words(self.planes.view(len(self), -1)),
            actions=self._array(self.legal.view(-1)),
            outcome=self._array(self.outcome),
            reason=self._array(self.reason),
            player=self._array(self.player),
            illegal=self._array(self.illegal),
        )
