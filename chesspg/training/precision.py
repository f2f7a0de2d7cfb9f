"""The precisions in which sampling, loss and policy files agree, and the fastest one on a device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytorch_lightning as pl
import torch

# float16 needs a loss scaler, with which infinite gradients are normal; half precision of all tensors rounds the
# sampled log-probabilities and the returns; policy files hold single precision.
PRECISIONS = ("32-true", "bf16-mixed")
BF16_UNITS = ("amx_bf16", "avx512_bf16")  # of a CPU: Sapphire Rapids and later; Cooper Lake, Zen 4 and later


def check_precision(trainer: pl.Trainer) -> None:
    """Raise ValueError for a precision in which sampling, loss and policy files would not agree."""
    if trainer.precision not in PRECISIONS:
        raise ValueError(
            f"trainer.precision must be {' or '.join(PRECISIONS)}, got {trainer.precision}: log-probabilities, returns "
            "and policy files are in single precision, and float16 would need a loss scaler"
        )


@contextmanager
def playing_precision(trainer: pl.Trainer) -> Iterator[None]:
    """The context in which a Trainer's policies play: that of its precision, in which each weight is cast once.

    Lightning's own context casts weights at every call, because gradients do not flow through those that were cast
    without gradients. Nothing is learned in this context, and the cast weights are dropped at its outermost end.
    """
    with trainer.precision_plugin.forward_context():
        if trainer.precision == "bf16-mixed":
            torch.set_autocast_cache_enabled(True)  # until the end of the context, which restores it
        yield


def fastest_precision(accelerator: Any = "auto") -> Literal["bf16-mixed", "32-true"]:
    """The precision for a device: bf16-mixed if it has instructions for it, else 32-true, which is far faster then.

    Args:
        accelerator: The Trainer's argument.
    """
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        units: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of torch lack it
        fast = accelerator in ("auto", "cpu") and any(units.get(unit, False) for unit in BF16_UNITS)
    return "bf16-mixed" if fast else "32-true"
