"""Parts of a training as users write them, which tests name by their path."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger

from chesspg.games.game import Game
from chesspg.games.randomness import Randomness


class Drawn:
    """Starts that are drawn, all at the beginning."""

    alike = 1

    def positions(self, game: Game, index: NDArray[np.integer[Any]], rng: Randomness) -> list[str]:
        return [""] * len(index)


def descent(parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """What is no class."""
    raise AssertionError("it must not be called")


class Kept(Logger):
    """A user's logger, which keeps what it gets."""

    params: ClassVar[dict[str, Any]] = {}
    steps: ClassVar[list[int | None]] = []

    @property
    def name(self) -> str:
        return "kept"

    @property
    def version(self) -> int:
        return 7

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        Kept.params = {**Kept.params, **params}

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        Kept.steps = [*Kept.steps, step]
