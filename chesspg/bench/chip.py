"""What the chip could do: a large matrix product, the FLOPs of a network, a forward pass without launches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from chesspg.bench.timing import median, wait_for

SIZES = {"cuda": 8192}  # by device: the number of rows and columns of a matrix that is large for it
SMALLER = 2048  # the same on every other device


def matmul_flops_per_s(device: torch.device, dtype: torch.dtype) -> float:
    """FLOPs per second of a large matrix product; a multiplication and an addition are two.

    Args:
        device: The device.
        dtype: The precision of the matrices.
    """
    size = SIZES.get(device.type, SMALLER)
    one, other = torch.randn(2, size, size, device=device).to(dtype)

    def rate() -> float:
        began = time.perf_counter()
        one @ other
        wait_for(device)
        return 2 * size**3 / (time.perf_counter() - began)

    return median(rate)


def forward_flops(network: nn.Module, inputs: tuple[Any, ...]) -> float:
    """FLOPs of one forward pass per position: matrix products and convolutions, as torch counts them.

    Args:
        network: The network.
        inputs: Its arguments, tensors [N, …].
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(*inputs)
    return float(counter.get_total_flops()) / len(inputs[0])


def graphed(call: Callable[[], Any], device: torch.device) -> Callable[[], None]:
    """Record a call as a CUDA graph, which launches all of its kernels at once.

    Args:
        call: What to record. It reads and writes the same memory in every replay.
        device: The CUDA device.

    Returns:
        A function that replays it.
    """
    aside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch gives it no hints
    aside.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(aside):
        for _ in range(3):  # plans and casts are made now, since a graph can't record them
            call()
    torch.cuda.current_stream(device).wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    replay: Callable[[], None] = graph.replay
    return replay
