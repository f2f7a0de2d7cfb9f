"""A pretended GPU: memory of the CPU that must not be mixed with other memory, just as that of CUDA must not be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
import torch
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

GPU, CPU = torch.device("cuda", 0), torch.device("cpu")
INDEXING = {"__getitem__", "__setitem__"}  # a tensor on a GPU may be indexed by one on the CPU, but not the reverse
WAITS = {
    "item",
    "tolist",
    "numpy",
    "nonzero",
    "unique",
    "masked_select",
    "__bool__",
    "__float__",
    "__int__",
    "__index__",
}
BOTH = {"__get__", "__set__", "copy_", "__repr__", "_has_compatible_shallow_copy_type", *INDEXING}


class PretendGPU(TorchFunctionMode):
    """In this block a tensor that is made on or moved to CUDA says that it is there; the CPU computes it.

    What CUDA refuses is refused: operations on tensors of both devices, and an array of a tensor on the GPU.

    Args:
        patch: Replaces the events and streams of CUDA, of which torch has none without a GPU.

    Attributes:
        waits: The number of calls that would have waited for the GPU.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.waits = 0
        patch.setattr(torch.cuda, "Event", mock.MagicMock)
        patch.setattr(torch.cuda, "current_stream", mock.MagicMock())

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = func.__name__, kwargs or {}
        if func is torch.device or name == "_parse_to":
            return func(*args, **kwargs)
        if name == "pin_memory":
            return args[0]
        given = list(_tensors((args, kwargs)))
        there, mixed = any(map(on_gpu, given)), len({on_gpu(tensor) for tensor in given if tensor.dim()}) > 1
        if func == Tensor.device.__get__:  # type: ignore[attr-defined]
            return GPU if there else CPU
        if func == Tensor.is_cuda.__get__:  # type: ignore[attr-defined]
            return there
        if name in ("numpy", "__array__") and there and not kwargs.get("force"):
            raise TypeError("can't convert a tensor on the GPU to numpy; copy it to the CPU first")
        if (mixed and name not in BOTH) or (there and name in INDEXING and not on_gpu(args[0])):
            raise RuntimeError(f"{name} of tensors on two devices")
        named = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if _is_device(leaf)]
        goes_there = any(map(_is_gpu, named)) if named else there and name != "cpu"
        masked = name in INDEXING and any(tensor.dtype == torch.bool for tensor in _tensors(args[1]))
        if there and (name in WAITS or masked or not goes_there):
            self.waits += 1
        args, kwargs = pytree.tree_map(lambda leaf: CPU if _is_gpu(leaf) else leaf, (args, kwargs))
        result = func(*args, **kwargs)
        if name in ("to", "cpu", "cuda") and on_gpu(result) != goes_there:
            result = result.clone()  # because the other device has memory of its own
        if name not in ("copy_", "__set__", "__setitem__"):
            for tensor in _tensors(result):
                tensor.untyped_storage().on_gpu = goes_there  # type: ignore[attr-defined]
        return result


class _Accelerator(CPUAccelerator):
    def setup_device(self, device: torch.device) -> None:
        pass


def on_pretended_gpu() -> dict[str, Any]:
    """The arguments of a Trainer that runs on the pretended GPU."""
    return {"accelerator": "auto", "strategy": SingleDeviceStrategy(GPU, _Accelerator())}


def on_gpu(tensor: Tensor) -> bool:
    """Whether a tensor is on the pretended GPU."""
    return bool(getattr(tensor.untyped_storage(), "on_gpu", False))


def _tensors(values: Any) -> Iterator[Tensor]:
    return (leaf for leaf in pytree.tree_leaves(values) if isinstance(leaf, Tensor))


def _is_device(leaf: Any) -> bool:
    return isinstance(leaf, torch.device) or (isinstance(leaf, str) and leaf == "cpu") or _is_gpu(leaf)


def _is_gpu(leaf: Any) -> bool:
    return isinstance(leaf, str | torch.device) and str(leaf).startswith("cuda")
