"""Timing by the median of a few repetitions, after one to warm up."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

REPEATS = 3  # of each measurement


def seconds(call: Callable[[], Any]) -> float:
    """The median time of a call, in seconds."""
    call()
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def median(measure: Callable[[], float]) -> float:
    """The median of what `measure` returns."""
    measure()
    return statistics.median(measure() for _ in range(REPEATS))


def wait_for(device: torch.device) -> None:
    """Wait until a GPU has run the kernels that were launched; on the CPU there is nothing to wait for."""
    import torch  # late, because the threads of torch are set first

    if device.type == "cuda":
        torch.cuda.synchronize(device)
