"""The inputs of a network for chess by compiled code, where numba or, for CUDA, numba-cuda is in use."""

from __future__ import annotations

import sys
from collections.abc import Callable
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
    if precision not in BITS or _is_traced(planes) or not _available(planes.device.type, _boards_on_cuda, maps):
        return None
    return _fill(planes, counters, precision, maps)


def compiled_afterstates(planes: Tensor, legal: Tensor, features: int) -> Tensor | None:
    """The features of the legal moves of N positions, see `chesspg.policy.afterstates`.

    Args:
        planes: [N, 14, 1] int64 words.
        legal: [N, M] int16 legal actions, −1 after a position's last.
        features: The number of features, 31.

    Returns:
        [N, M, 31] uint8, zeros after a position's last action; None where `compiled_boards` is None for any precision.
    """
    if _is_traced(planes) or not _available(planes.device.type, _afterstates_on_cuda, features):
        return None
    return _judge(planes, legal, features)


def _is_traced(planes: Tensor) -> bool:
    """Whether torch records the operations on the planes, or they are those of an exported network."""
    tracing = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]  # torch gives it no hints
    return torch.compiler.is_compiling() or tracing or type(planes) is not Tensor or planes.dtype != torch.int64


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


def _judge(planes: Tensor, legal: Tensor, features: int) -> Tensor:
    from chesspg.games.chess import afterstates

    seen = torch.zeros((*legal.shape, features), dtype=torch.uint8, device=planes.device)
    words, legal = planes.flatten(1).contiguous(), legal.to(torch.int16).contiguous()
    if planes.device.type == "cpu":
        afterstates.fill(words.numpy().view(np.uint64), legal.numpy(), seen.numpy())
    else:
        with torch.cuda.device(planes.device):  # numba-cuda uses the context that is active
            stream = torch.cuda.current_stream(planes.device).cuda_stream
            afterstates.fill_on_cuda(words, legal, seen, stream)
    return seen


def _available(device: str, on_cuda: Callable[[int], bool], width: int) -> bool:
    if device == "cuda":
        return on_cuda(width)
    # Importing numba takes half a second, for which an engine's first move should not wait. Where many games are
    # played, numba plays them and has been imported already.
    return device == "cpu" and sys.modules.get("chesspg.games.chess.kernels") is not None


@cache
def _boards_on_cuda(maps: int) -> bool:
    """Whether numba-cuda can compile the input of a network for CUDA and run what it has compiled."""
    return _runs(lambda planes: _fill(planes, torch.zeros(1, 2, device="cuda"), torch.float32, maps))


@cache
def _afterstates_on_cuda(features: int) -> bool:
    """The same for the features of moves."""
    return _runs(lambda planes: _judge(planes, torch.zeros(1, 1, dtype=torch.int16, device="cuda"), features))


def _runs(kernel: Callable[[Tensor], Tensor]) -> bool:
    """Whether a kernel runs on CUDA for a position without pieces."""
    if find_spec("numba_cuda") is None:
        return False
    try:
        kernel(torch.zeros(1, 14, 1, dtype=torch.int64, device="cuda"))
    except Exception:  # a numba-cuda that is broken or does not fit the driver raises anything; torch's code remains
        return False
    return True
