"""Which Trainer is fitting, with which policy and games, and on how many cores."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerStatus
from torch import Tensor, nn

from chesspg.policy import files
from chesspg.policy.policy import Policy

# The Trainers that are fitting a PolicyGradient in this context, the innermost last. Lightning sets `trainer` on the
# data module that it was given, but not on a SelfPlay inside another data module, or of which it has only the loader.
_FITTING: ContextVar[tuple[weakref.ref[pl.Trainer], ...]] = ContextVar("_FITTING", default=())
# The SelfPlay from whose games a Trainer learns.
PLAYING: weakref.WeakKeyDictionary[pl.Trainer, Any] = weakref.WeakKeyDictionary()


def announce(trainer: pl.Trainer) -> None:
    """Make a Trainer that begins to fit known to every SelfPlay."""
    PLAYING.pop(trainer, None)
    alive = (one for one in _FITTING.get() if (known := one()) and known is not trainer and is_running(known))
    _FITTING.set((*alive, weakref.ref(trainer)))


def innermost() -> pl.Trainer | None:
    """The Trainer that began to fit last and is still running; None if there is none."""
    announced = (one() for one in reversed(_FITTING.get()))
    return next((trainer for trainer in announced if trainer and is_running(trainer)), None)


def is_announced(trainer: pl.Trainer) -> bool:
    """Whether a Trainer has been announced."""
    return any(one() is trainer for one in _FITTING.get())


def is_running(trainer: pl.Trainer) -> bool:
    """Whether a Trainer is running."""
    return trainer.state.status == TrainerStatus.RUNNING


def in_fast_dev_run(trainer: pl.Trainer) -> bool:
    """Whether a Trainer only tries its parts out with a single batch."""
    return bool(trainer.fast_dev_run)  # type: ignore[attr-defined]  # untyped in Lightning


def policy_of(module: pl.LightningModule) -> Policy:
    """The policy of a module.

    Args:
        module: A module with a Policy as its attribute `policy`, compiled or not.

    Raises:
        TypeError: The module has no such attribute.
    """
    policy = getattr(module, "policy", None)
    policy = getattr(policy, "_orig_mod", policy)  # what torch.compile wrapped
    if not isinstance(policy, Policy):
        got = "none" if policy is None else f"a {type(policy).__name__}"
        raise TypeError(f"{type(module).__name__} must have a chesspg Policy as its attribute `policy`, got {got}")
    return policy


def named_as_in(module: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under their names in a module, whichever parts are compiled in it or were when they were saved."""
    names = files.own_names({name: name for name in module.state_dict()})
    return {names.get(name, name): weight for name, weight in files.own_names(weights).items()}


def cores(trainer: pl.Trainer) -> int:
    """The number of cores for each rank on this host."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, count // trainer.num_devices)
