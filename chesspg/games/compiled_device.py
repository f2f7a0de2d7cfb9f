"""Games on a device, with rules compiled by numba: a loop over the slots on the CPU, a thread for each slot on CUDA."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chesspg.games.compiling import announced, numba_cuda
from chesspg.games.device import DeviceGames, Sizes
from chesspg.games.game import NotOnDevice

THREADS = 64  # in a block on CUDA


class Kernels(Protocol):
    """The kernels of a game by name: for the CPU its attributes, for CUDA those of what `grid` returns."""

    def grid(self) -> Any:
        """The kernels for CUDA."""


class CompiledDeviceGames(DeviceGames):
    """Slots in torch's memory, which compiled kernels read and write.

    A subclass calls `_compile` at the end of its constructor.

    Args:
        game: The sizes of the encoding.
        slots: The number of slots.
        device: The device, `cpu` or one of CUDA.

    Raises:
        NotOnDevice: The rules can't be compiled for the device.
    """

    _kernels: Kernels
    _slots: Any  # the games of the slots, as kernels take them
    _starts: Any  # the positions from which games begin
    _scratch: tuple[Any, ...] = ()  # scratch space of `step_slots`

    def __init__(self, game: Sizes, slots: int, device: str) -> None:
        problem = _problem(game.name, torch.device(device))
        if problem:
            raise NotOnDevice(f"{game.name} can't be played on {device}: {problem}")
        super().__init__(game, slots, device)

    def _compile(self, prepare: Callable[[], None]) -> None:
        """Call `prepare`, then compile the kernels, or load them from the cache, by running each without a game."""
        none = torch.zeros(len(self), dtype=torch.bool, device=self.device)
        try:
            prepare()
            self.reset(none, none)
            self.step(none, none)
            self.heuristic()
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # numba-cuda and the driver raise anything
            if self.device.type == "cpu":
                raise
            reason = textwrap.shorten(f"{type(error).__name__}: {error}", 300)
            raise NotOnDevice(f"{self.game.name} can't be played on {self.device}: {reason}") from error

    def reset(self, rows: Tensor, starts: Tensor) -> None:
        self._rows.copy_(rows)
        self._chosen.copy_(starts)
        self._launch("reset_slots", len(self), self._slots, self._starts, *self._arguments)

    def step(self, actions: Tensor, alive: Tensor) -> None:
        self._rows.copy_(alive)
        self._chosen.copy_(actions)
        self._launch("step_slots", len(self), self._slots, *self._arguments, *self._scratch)

    def _with(self, state: Mapping[str, Tensor]) -> Self:
        other = super()._with(state)
        other._share()
        return other

    def _share(self) -> None:
        """Make arrays for numba in the memory of the tensors: once, because on CUDA each takes tens of microseconds."""
        self._rows = torch.zeros(len(self), dtype=torch.bool, device=self.device)
        self._chosen = torch.zeros(len(self), dtype=torch.int64, device=self.device)
        self._weight = torch.zeros(len(self), dtype=torch.float32, device=self.device)
        self._arguments = self._array(self._chosen), self._array(self._rows)
        self._weights = self._array(self._weight)

    def _copied(self, array: NDArray[Any]) -> Any:
        """A copy of an array of the host on the device, as an array for numba."""
        if array.dtype == np.uint64:  # torch has few functions for this type
            return self._words(torch.from_numpy(array.view(np.int64)).to(self.device))
        return self._array(torch.from_numpy(array).to(self.device))

    def _words(self, tensor: Tensor) -> Any:
        """An array of unsigned words for numba in the memory of a tensor of int64."""
        return self._array(tensor).view(np.uint64)

    def _array(self, tensor: Tensor) -> Any:
        """An array for numba in the memory of a tensor."""
        if self.device.type == "cpu":
            return tensor.numpy()
        with torch.cuda.device(tensor.device):
            return numba_cuda().as_cuda_array(tensor)

    def _launch(self, name: str, count: int, *arguments: Any) -> None:
        """Run a kernel over `count` rows; on CUDA in torch's current stream, without waiting for it."""
        if not count:
            return
        if self.device.type == "cpu":
            with announced(self.game.name):  # compiled at the first call
                getattr(self._kernels, name)(*arguments)
            return
        device = self.player.device
        with torch.cuda.device(device):  # numba-cuda uses the context that is active
            stream = torch.cuda.current_stream(device).cuda_stream
            ours = numba_cuda().external_stream(stream) if stream else 0
            getattr(self._kernels.grid(), name)[-(-count // THREADS), THREADS, ours](*arguments)


def _problem(game: str, device: torch.device) -> str:
    """Why a compiled game can't be played on a device; '' if it can, as far as is known before anything is compiled."""
    if device.type == "cpu":
        return ""
    if device.type != "cuda":
        return f"{game} has rules for cpu and cuda"
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (AssertionError, RuntimeError) as error:  # torch without CUDA, no driver, one that is too old
        return " ".join(str(error).split()).split(". ")[0]
    if (device.index or 0) >= torch.cuda.device_count():
        return f"the number of CUDA devices is {torch.cuda.device_count()}"
    if find_spec("numba_cuda") is None:
        return 'numba-cuda is not installed; install it with `pip install "chesspg[gpu]"`'
    return ""
