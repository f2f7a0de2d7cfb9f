"""Statistics of gradients: how much of one is signal."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def norm(gradients: Sequence[Tensor]) -> Tensor:
    """[] ‖g‖₂ of a gradient in several tensors."""
    return torch.nn.utils.get_total_norm(gradients)


class SignalToNoise:
    """|E g|² / tr Cov g of one update's gradient g: the inverse of the noise scale of McCandlish et al. (2018), 2.2.

    Numerator and denominator are unbiased, their ratio is not. Gradients are collected over several updates.
    """

    ENOUGH = 8  # gradients; if a rollout has fewer, those of several rollouts count together

    def __init__(self) -> None:
        self.sum: Tensor | None = None  # [parameters] Σ g
        self.squares: Tensor | float = 0.0  # [] Σ |g|²
        self.count = 0  # the number of gradients

    def add(self, gradients: Sequence[Tensor]) -> None:
        """Collect one gradient. One of another size, such as of other parameters, discards those before it."""
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        if self.sum is not None and len(self.sum) != len(flat):
            self.sum, self.squares, self.count = None, 0.0, 0
        self.sum = flat if self.sum is None else self.sum.to(flat.device) + flat  # a checkpoint's is on the CPU
        exact = torch.float32 if flat.device.type == "mps" else torch.float64
        self.squares = self.squares + flat.square().sum().to(exact)  # not read here, so that no update waits for a GPU
        self.count += 1

    def take(self) -> float | None:
        """The ratio over the gradients collected, which are then discarded; None while there are too few."""
        if self.sum is None or self.count < self.ENOUGH:
            return None
        mean = float(self.sum.square().sum()) / self.count
        noise = (float(self.squares) - mean) / (self.count - 1)
        ratio = (mean / noise - 1) / self.count if noise > 0 else None
        self.sum, self.squares, self.count = None, 0.0, 0
        return ratio
