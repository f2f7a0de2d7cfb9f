"""How rules are compiled by numba, for the processor and for CUDA. Importing this module imports numba, 0.3 s."""

# mypy: allow-untyped-defs
# numba infers the types of compiled functions; type hints would not be checked by anything.

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cache
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # it ships no hints
from numba import njit, types
from numba.core import event
from numba.extending import intrinsic

# numba turns uint64 combined with a signed number into a float, so numbers that are combined with words have type U.
U = np.uint64
ZERO, ONE = U(0), U(1)

# Reference counting is off: its two atomic instructions per array and call took a fifth of the time of a ply. Compiled
# code therefore can't create arrays. forceinline also saves the calls themselves.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile at the first call, and cache the result on disk, or only in memory if no folder is writable."""
    return cached(function, njit, **OPTIONS)


def cached(function: Callable[..., Any], jit: Callable[..., Any], **options: Any) -> Any:
    """Compile with `jit` as `compiled` does."""
    try:
        return jit(cache=True, **options)(function)
    except RuntimeError:  # no locator: neither __pycache__ nor the user's cache folder is writable
        return jit(**options)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile as a part of each calling function."""
    return njit(forceinline=True, **OPTIONS)(function)


def rebound(function: Callable[..., Any], names: Mapping[str, Any]) -> Any:
    """A copy of a function in which these global names have other values."""
    assert isinstance(function, FunctionType)
    return FunctionType(
        function.__code__, {**function.__globals__, **names}, function.__name__, None, function.__closure__
    )


def together(*functions: Callable[..., Any]) -> list[Any]:
    """Plain functions as `inlined` ones; each may call those before it."""
    known: dict[str, Any] = {}
    for function in functions:
        known[function.__name__] = inlined(rebound(function, known))
    return list(known.values())


def instruction(emit: Callable[[Any, Any], Any]) -> Any:
    """A function from word to word that compiles to a single instruction of the processor."""

    def typing(_: Any, word: Any) -> Any:
        return types.uint64(types.uint64), lambda context, builder, signature, words: emit(builder, words[0])

    return intrinsic(typing)


# Code that numba has cached does not notice when these three functions change; they have no reason to.
popcount = instruction(lambda builder, word: builder.ctpop(word))
lowest = instruction(lambda builder, word: builder.cttz(word, ir.Constant(ir.IntType(1), 1)))  # the word must not be 0


@inlined
def span(stop, step=1):
    """range(0, stop, step) of unsigned numbers: at each use of a signed index, numba checks whether it is negative."""
    return range(U(0), U(stop), U(step))


@cache
def numba_cuda() -> Any:
    """The module numba.cuda. Importing it takes half a second, so this is done only where it is needed."""
    if not hasattr(np, "row_stack"):  # numba-cuda 0.30 looks it up, and numpy 2.5 has dropped it
        vars(np)["row_stack"] = np.vstack
    cuda = import_module("numba.cuda")
    # It warns of every launch with fewer than 128 blocks, but the last games of a rollout are in few slots.
    import_module("numba.cuda.dispatcher").config.CUDA_LOW_OCCUPANCY_WARNINGS = 0
    return cuda


class _Announcer(event.Listener):
    """Prints once, on standard error, that compiling takes some seconds."""

    def __init__(self, game: str) -> None:
        self.game = game
        self.silent = True

    def on_start(self, event: Any) -> None:
        if self.silent:
            print(f"chesspg: compiling the rules of {self.game}, once on this machine: some seconds", file=sys.stderr)
            self.silent = False

    def on_end(self, event: Any) -> None:
        pass


_announcer = cache(_Announcer)


def announced(game: str) -> AbstractContextManager[Any]:
    """A block in which compiling, but not loading from the cache, is announced, once in a process for each game."""
    return event.install_listener("numba:compile", _announcer(game))
