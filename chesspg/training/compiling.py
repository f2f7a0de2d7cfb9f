"""The policy's forward and backward pass of learning, compiled by torch.compile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from chesspg.policy.policy import Distribution, Policy

MULTIPLE = 32  # lists of legal actions are filled up to a multiple of it, so that few lengths are compiled


def compiled(policy: Policy, planes: Tensor, scalars: Tensor, legal: Tensor) -> Distribution:
    """`policy(planes, scalars, legal)`, compiled at the first call.

    Raises:
        ValueError: torch.compile fails, for example because there is no compiler.
    """
    with _in_one_line():
        return _compiled()(policy, planes, scalars, legal)


def require_compiler(device: torch.device) -> None:
    """Raise ValueError if torch.compile can't compile a small function for a device, as without a compiler."""
    with _in_one_line():
        torch.compile(torch.neg)(torch.ones(2, device=device))


def filled_up(legal: Tensor) -> Tensor:
    """[N, M] lists of legal actions, padded with −1 up to a multiple of MULTIPLE."""
    return F.pad(legal, (0, -legal.shape[1] % MULTIPLE), value=-1)


@contextmanager
def _in_one_line() -> Iterator[None]:
    """A block in which errors of torch.compile become a ValueError with one line."""
    try:
        yield
    except torch._dynamo.exc.TorchDynamoException as error:
        reason = next((line for line in str(error).splitlines() if line), type(error).__name__)
        raise ValueError(
            "model.compile must be false where torch.compile does not work; it needs a C++ compiler on the CPU and "
            f"Triton on CUDA, got {reason}"
        ) from error


@cache
def _compiled() -> Callable[[Policy, Tensor, Tensor, Tensor], Distribution]:
    # The policy is an argument, so no module holds compiled code, and modules are copied and saved as usual.
    return torch.compile(_forward, dynamic=True)


def _forward(policy: Policy, planes: Tensor, scalars: Tensor, legal: Tensor) -> Distribution:
    return policy(planes, scalars, legal)
