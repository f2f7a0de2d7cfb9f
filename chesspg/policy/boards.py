"""The input of a network for chess in one pass of compiled code, where numba or, for CUDA, numba-cuda is in use."""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

BITS = {torch.float32: (torch.int32, 0x3F800000), torch.bfloat16: (torch.int16, 0x3F80)}  # integer type, bits of 1


def compiled_boards(planes: Tensor, counters: Tensor, precision: torch.dtype, maps: int) -> Tensor | None:
    """The planes, maps and scaled counters of N positions, square by square.

    Args:
        planes: [N, 14, 1] int64 words.
        counters: [N, 2] the scaled counters.
        precision: The floating-point type of the result.
        maps: The number of maps, 20 or 32 (`chesspg.policy.attacks`).

    Returns:
        [N, 8, 8, 14 + maps + 2]; None where only torch's operations can compute it: on another device or in another
        precision, without numba, and where torch records the operations, as `torch.compile` and `torch.export` do.
    """
    tracing = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]  # torch gives it no hints
    traced = torch.compiler.is_compiling() or tracing or type(planes) is not Tensor
    if traced or precision not in BITS or planes.dtype != torch.int64 or not _available(planes.device.type, maps):
        return None
    return _fill(planes, counters, precision, maps)


def _fill(planes: Tensor, counters: Tensor, precision: torch.dtype, maps: int) -> Tensor:
    from chesspg.games.chess import inputs

    device = planes.device
    integer, one = BITS[precision]
    channels = planes.shape[1] + maps + counters.shape[1]
    boards = torch.empty((len(planes), 8, 8, channels), dtype=precision, device=device)
    words, numbers = planes.flatten(1).contiguous(), counters.to(precision).view(integer)
    written = boards.view(integer).flatten(1, 2)
    if device.type == "cpu":
        inputs.fill(words.numpy().view(np.uint64), numbers.numpy(), one, written.numpy())
    else:
        with torch.cuda.device(device):  # numba-cuda uses the context that is active
            stream = torch.cuda.current_stream(device).cuda_stream
            inputs.fill_on_cuda(words, numbers, one, written, stream)
    return boards


def _available(device: str, maps: int) -> bool:
    if device == "cuda":
        return _on_cuda(maps)
    # Importing numba takes half a second, for which an engine's first move should not wait. Where many games are
    # played, numba plays them and has been imported already.
    return device == "cpu" and sys.modules.get("chesspg.games.chess.kernels") is not None


@cache
def _on_cuda(maps: int) -> bool:
    """Whether numba-cuda can compile for CUDA and run what it has compiled."""
    if find_spec("numba_cuda") is None:
        return False
    try:
        planes, counters = torch.zeros(1, 14, 1, dtype=torch.int64, device="cuda"), torch.zeros(1, 2, device="cuda")
        _fill(planes, counters, torch.float32, maps)
    except Exception:  # a numba-cuda that is broken or does not fit the driver raises anything; torch's code remains
        return False
    return True
