"""Numbers that outlive the processes of `ddp_spawn` and `ddp_notebook`."""

from __future__ import annotations

from typing import Any, Self

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies.launchers import _MultiProcessingLauncher


class Counters(dict[str, float]):
    """Named numbers, kept in the process that counts and, when it is done, for the process that started it.

    `ddp_spawn` and `ddp_notebook` train copies of the module and of the data in processes of their own, of which
    Lightning brings back nothing but the weights. `publish` puts the numbers into memory that both processes share;
    `latest` takes them from there. In any other Trainer the two change nothing.
    """

    def __init__(self, **numbers: float) -> None:
        super().__init__(numbers)
        # [1 + numbers]: how often something was published, then what.
        self._shared = torch.zeros(1 + len(numbers), dtype=torch.float64)
        self._shared.share_memory_()  # type: ignore[no-untyped-call]  # torch gives it no hints
        self._seen = 0.0

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)(**self.latest())  # with shared memory of its own

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._shared.share_memory_()  # type: ignore[no-untyped-call]

    def publish(self, trainer: pl.Trainer) -> None:
        """Leave the numbers to the process that started this one, if Lightning did so and this is rank 0."""
        if not (trainer.is_global_zero and isinstance(trainer.strategy.launcher, _MultiProcessingLauncher)):
            return
        self._shared[1:] = torch.tensor(list(self.values()), dtype=torch.float64)
        self._shared[0] += 1
        self._seen = float(self._shared[0])

    def latest(self) -> Self:
        """The numbers, first brought up to what another process has published since the last look."""
        if float(self._shared[0]) != self._seen:
            self._seen = float(self._shared[0])
            for name, number in zip(self, self._shared[1:].tolist(), strict=True):
                self[name] = type(self[name])(number)
        return self
