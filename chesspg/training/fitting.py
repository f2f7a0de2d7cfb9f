"""Which Trainer is fitting, whose policy and games it uses, and what it may use of the machine."""

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

# The Trainers that are fitting a PolicyGradient here, the innermost last. Lightning names its Trainer to the data
# module that it was given, but not to a SelfPlay which another data module wraps, or whose loader alone it was given.
_FITTING: ContextVar[tuple[weakref.ref[pl.Trainer], ...]] = ContextVar("_FITTING", default=())
# The SelfPlay from whose games a Trainer learns.
PLAYING: weakref.WeakKeyDictionary[pl.Trainer, Any] = weakref.WeakKeyDictionary()


def announce(trainer: pl.Trainer) -> None:
    """Let every SelfPlay know of a Trainer that begins to fit."""
    PLAYING.pop(trainer, None)
    alive = (one for one in _FITTING.get() if (known := one()) and known is not trainer and is_running(known))
    _FITTING.set((*alive, weakref.ref(trainer)))


def innermost() -> pl.Trainer | None:
    """The Trainer that began to fit last and is still at it; None if there is none."""
    announced = (one() for one in reversed(_FITTING.get()))
    return next((trainer for trainer in announced if trainer and is_running(trainer)), None)


def is_announced(trainer: pl.Trainer) -> bool:
    """Whether a Trainer has been announced."""
    return any(one() is trainer for one in _FITTING.get())


def is_running(trainer: pl.Trainer) -> bool:
    """Whether a Trainer is at work."""
    return trainer.state.status == TrainerStatus.RUNNING


def in_fast_dev_run(trainer: pl.Trainer) -> bool:
    """Whether a Trainer takes a single batch to try its parts out."""
    return bool(trainer.fast_dev_run)  # type: ignore[attr-defined]  # untyped in Lightning


def policy_of(module: pl.LightningModule) -> Policy:
    """The policy of a module that has one. Raises TypeError if it has none."""
    policy = getattr(module, "policy", None)
    policy = getattr(policy, "_orig_mod", policy)  # what torch.compile wrapped
    if not isinstance(policy, Policy):
        raise TypeError(f"{type(module).__name__} has no `policy`; a chesspg Policy is needed there")
    return policy


def named_as_in(module: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the names that they have in a module, of which parts may be compiled now or may have been."""
    names = files.own_names({name: name for name in module.state_dict()})
    return {names.get(name, name): weight for name, weight in files.own_names(weights).items()}


def cores(trainer: pl.Trainer) -> int:
    """How many cores each rank on this host may have for itself."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, count // trainer.num_devices)
