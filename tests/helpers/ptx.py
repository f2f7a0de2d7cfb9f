"""What a kernel for CUDA needs of a GPU, found without one: compiled to PTX, then assembled by ptxas."""

from __future__ import annotations

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

COMPUTE = (9, 0)  # compute capability of an H100 or H200


class Needs(NamedTuple):
    registers: int  # per thread, of 255
    spills: int  # bytes per thread, stored and loaded
    constants: int  # bytes of constant memory, of 65,536
    stack: int  # bytes per thread


def ptxas() -> Path | None:
    """The assembler of the package nvidia-cuda-nvcc, if it is installed."""
    spec = find_spec("nvidia")
    folders = spec.submodule_search_locations if spec else None
    return next((path for folder in folders or () for path in Path(folder).glob("*/bin/ptxas")), None)


def needs(kernel: Any, arguments: tuple[Any, ...], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Needs:
    """Compile a kernel of numba-cuda for arguments with the types of these numpy arrays; skip without numba-cuda.

    Args:
        kernel: The result of `cuda.jit`.
        arguments: Arrays, or named tuples of arrays.
        folder: A folder for the PTX.
        monkeypatch: Replaces the device that numba-cuda looks up for functions that a kernel calls.
    """
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    program = ptxas()
    if program is None:
        pytest.skip("nvidia-cuda-nvcc is not installed")
    import numba
    from numba import cuda
    from numba.cuda import dispatcher

    monkeypatch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=COMPUTE))
    types = tuple(numba.typeof(argument) for argument in arguments)
    ptx, _ = cuda.compile_ptx(kernel.py_func, types, cc=COMPUTE)
    path = folder / "kernel.ptx"
    path.write_text(ptx)
    major, minor = COMPUTE
    command = [program, "--verbose", f"--gpu-name=sm_{major}{minor}", path, "--output-file", folder / "kernel.cubin"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    spills = [int(size) for size in re.findall(r"(\d+) bytes spill", said)]
    constants = [int(size) for size in re.findall(r"^\.const .*\[(\d+)\]", ptx, re.MULTILINE)]
    [registers], [stack] = re.findall(r"Used (\d+) registers", said), re.findall(r"(\d+) bytes stack frame", said)
    return Needs(int(registers), sum(spills), sum(constants), int(stack))
