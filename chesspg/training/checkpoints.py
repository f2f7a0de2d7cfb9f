"""Checkpoints that survive a kill at any moment, each with the policy file that plays it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.callbacks import Checkpoint

from chesspg.players.rollout import Rollout
from chesspg.policy import files
from chesspg.policy.checkpoint import verified
from chesspg.training.module import NotFinite


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """A checkpoint that Lightning wrote for a PolicyGradient: tensors and primitives, no code.

    Raises ValueError if it is damaged or anything else.
    """
    checkpoint = files.read_checkpoint(path)
    if not isinstance(checkpoint, dict) or not {"state_dict", "loops", "chesspg"} <= checkpoint.keys():
        raise ValueError(f"{path} is not a checkpoint of a run")
    return checkpoint


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target, syncs, and replaces in one step; puts a policy file next to every checkpoint.

    Lightning's own writer goes through a temporary folder, which is not atomic across file systems.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if files.HEADER in checkpoint:
            header, weights = files.of_checkpoint(checkpoint)
            files.write(path.with_suffix(files.SUFFIX), files.Header(**header), weights)
        files.write_atomically(path, lambda temporary: torch.save(checkpoint, temporary))

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if Path(path).is_file():  # and not somewhere in a network
            with verified(Path(path)):
                pass
        # Whatever the caller says: tensors and primitives are all that is in ours, and a pickle may hold code.
        return super().load_checkpoint(path, *args, **{**kwargs, "weights_only": True})

    def remove_checkpoint(self, path: str | Path) -> None:
        super().remove_checkpoint(path)
        Path(path).with_suffix(files.SUFFIX).unlink(missing_ok=True)


class RolloutCheckpoint(Checkpoint):
    """`last.ckpt` before the first update and after every rollout; `best.ckpt` whenever `monitor` rises.

    folder: where they are written.
    monitor: a logged metric, higher is better.
    """

    def __init__(self, folder: str | Path, monitor: str | None = None) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.monitor = monitor
        self.best: float | None = None

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        self.folder = trainer.strategy.broadcast(self.folder)  # a rank started later may think of another name

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            for stale in self.folder.glob(".*.tmp"):  # a kill in the middle of a write leaves its temporary file
                stale.unlink()
        if trainer.global_step == 0:
            trainer.save_checkpoint(self.folder / "last.ckpt")

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        score = trainer.callback_metrics.get(self.monitor) if self.monitor else None
        better = score is not None and (self.best is None or float(score) > self.best)
        if better:
            assert score is not None
            self.best = float(score)
            trainer.save_checkpoint(self.folder / "best.ckpt")
        trainer.save_checkpoint(self.folder / "last.ckpt")

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        rollout = getattr(getattr(trainer, "datamodule", None), "rollout", None)
        if isinstance(exception, NotFinite) and isinstance(rollout, Rollout):
            rollout.save(self.folder / f"failed-rollout-{trainer.global_rank}.npz")

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "monitor": self.monitor}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if state_dict.get("monitor", self.monitor) == self.monitor:  # another metric is on another scale
            self.best = state_dict["best"]
