"""Standard chess on a device: the compiled rules of kernels.py, one row per slot, in torch's memory."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from chesspg.games.chess import kernels
from chesspg.games.compiled_device import CompiledDeviceGames
from chesspg.games.device import Sizes


class ChessOnDevice(CompiledDeviceGames):
    """Chess in slots. On the CPU a loop plays slot after slot, on CUDA each slot has a thread.

    Args:
        game: The sizes of the encoding.
        starts: The positions from which games begin, by number.
        slots: The number of slots.
        device: The device, `cpu` or one of CUDA.

    Raises:
        NotOnDevice: The rules can't be compiled for the device.
    """

    hidden = ("keys", "counts", "clock")
    _slots: kernels.Slots
    _children: ChessOnDevice | None
    _kernels = kernels

    def __init__(self, game: Sizes, starts: kernels.Rows, slots: int, device: str) -> None:
        super().__init__(game, slots, device)
        self.keys = torch.zeros(slots, kernels.KEYS, dtype=torch.int64, device=self.device)
        self.counts = torch.zeros(slots, 2, dtype=torch.int64, device=self.device)  # legal actions, keys
        self.clock = torch.zeros(slots, 1, dtype=torch.int64, device=self.device)  # halfmoves without progress
        # On CUDA each thread has scratch space of its own.
        self._scratch = () if self.device.type == "cuda" else (np.empty((1, 14), np.uint64), kernels.room())
        self._compile(partial(self._prepare, starts))

    def _prepare(self, starts: kernels.Rows) -> None:
        actions, keys = starts.offsets[-1]
        used = starts._replace(actions=starts.actions[:actions], keys=starts.keys[:keys])
        self._starts = kernels.Rows(*(self._copied(array) for array in used))
        self._share()

    def heuristic(self) -> Tensor:
        self._launch("weigh_slots", len(self), self._slots, self._weights)
        return self._weight.clone()

    def children(self) -> ChessOnDevice:
        """See `DeviceGames.children`. They are in memory that the next call uses again.

        A thread copies only what its game needs. Copying whole slots into new memory would take longer than all other
        work of a greedy player.
        """
        if self._children is None:
            state, count = self.state().items(), len(self) * kernels.ACTIONS
            self._children = self._with({name: tensor.new_empty(count, *tensor.shape[1:]) for name, tensor in state})
        after = self._children
        self._launch("branch_slots", len(after), self._slots, after._slots, *self._scratch)
        return after

    def _share(self) -> None:
        self._children = None
        super()._share()
        self._slots = kernels.Slots(
            planes=self._words(self.planes.view(len(self), -1)),
            counts=self._array(self.counts),
            actions=self._array(self.legal.view(-1)),
            keys=self._words(self.keys.view(-1)),
            counters=self._array(self.clock),
            scalars=self._array(self.scalars),
            outcome=self._array(self.outcome),
            reason=self._array(self.reason),
            player=self._array(self.player),
            illegal=self._array(self.illegal),
        )
