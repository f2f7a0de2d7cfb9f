"""Numbers that outlive the processes of `ddp_spawn` and `ddp_notebook`."""

from __future__ import annotations

from typing import Any, Self

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies.launchers import _MultiProcessingLauncher


class Counters(dict[str, float]):
    """Named numbers that a training process counts, and that the process which started it can read afterwards.

    `ddp_spawn` and `ddp_notebook` train copies of the module and of the data in new processes, from which Lightning
    brings back only the weights. `publish` puts the numbers into memory that both processes share; `latest` reads them
    from there. With any other strategy the two methods change nothing.
    """

    def __init__(self, **numbers: float) -> None:
        super().__init__(numbers)
        # [1 + numbers]: how often the numbers were published, then the numbers.
        self._shared = torch.zeros(1 + len(numbers), dtype=torch.float64)
        self._shared.share_memory_()  # type: ignore[no-untyped-call]  # torch gives it no hints
        self._seen = 0.0

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)(**self.latest())  # which has other shared memory

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._shared.share_memory_()  # type: ignore[no-untyped-call]

    def publish(self, trainer: pl.Trainer) -> None:
        """Share the numbers with the process that started this one, if Lightning started it and this is rank 0."""
        if not (trainer.is_global_zero and isinstance(trainer.strategy.launcher, _MultiProcessingLauncher)):
            return
        self._shared[1:] = torch.tensor(list(self.values()), dtype=torch.float64)
        self._shared[0] += 1
        self._seen = float(self._shared[0])

    def latest(self) -> Self:
        """The numbers, after taking over what another process has published since the last call."""
        if float(self._shared[0]) != self._seen:
            self._seen = float(self._shared[0])
            for name, number in zip(self, self._shared[1:].tolist(), strict=True):
                self[name] = type(self[name])(number)
        return self
