"""Checkpoints that survive a kill at any moment, each with the policy file that plays it."""

from __future__ import annotations

import errno
import io
import math
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from chesspg.policy import files
from chesspg.policy.checkpoint import verified
from chesspg.storage import atomic
from chesspg.training.datamodule import self_play_of
from chesspg.training.loggers import MetricsLogger
from chesspg.training.module import NotFinite

SHARE = 0.05  # the largest share of a run's time that checkpoints may take
SMALL = 10 << 20  # bytes up to which a checkpoint is written after every epoch nevertheless


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of a run: tensors and primitives, no code.

    Args:
        path: The checkpoint file.

    Returns:
        The checkpoint, as Lightning wrote it.

    Raises:
        ValueError: The file is damaged, or is not a checkpoint of a run.
    """
    checkpoint = files.read_checkpoint(path)
    if not isinstance(checkpoint, dict) or not {"state_dict", "loops", "chesspg"} <= checkpoint.keys():
        raise ValueError(f"{path} is not a checkpoint of a run; expected a file such as last.ckpt in a run's folder")
    return checkpoint


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes each checkpoint so that a kill leaves the old or the new one whole, and a policy file beside it.

    The file is written beside its target, synced, and replaces it in one step. Lightning's own writer uses a temporary
    folder elsewhere, which is not atomic across file systems.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        # In memory first: torch reports a full disk as an error of its archive, without the file's name.
        archive = io.BytesIO()
        torch.save(checkpoint, archive)
        writes = [partial(atomic.write_atomically, path, lambda temporary: temporary.write_bytes(archive.getbuffer()))]
        if files.HEADER in checkpoint:
            header, weights = files.of_checkpoint(checkpoint)
            writes.append(partial(files.write, path.with_suffix(files.SUFFIX), files.Header(**header), weights))
        # A run with a policy file can be resumed, so the first checkpoint is written before its policy file. Later
        # ones are written after it: if a kill leaves the new policy file alone, the resumed run writes it again.
        for write in writes if not path.exists() else reversed(writes):
            write()

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if Path(path).is_file():  # else it is a remote file, which Lightning reads
            with verified(Path(path)):
                pass
        # Whatever the caller passes: our checkpoints hold tensors and primitives only, and a pickle may hold code.
        return super().load_checkpoint(path, *args, **{**kwargs, "weights_only": True})

    def remove_checkpoint(self, path: str | Path) -> None:
        super().remove_checkpoint(path)
        Path(path).with_suffix(files.SUFFIX).unlink(missing_ok=True)


class RolloutCheckpoint(Checkpoint):
    """Writes `last.ckpt` before the first update and after each epoch, and `best.ckpt` when `monitor` rises.

    If the training data have a `state_dict`, and so can continue within an epoch, both are also written after each
    validation between two updates of an epoch.

    Large checkpoints take at most SHARE of the time. Where epochs are too short for that, some are left out, but never
    the last one or one with a new best. So a kill loses at most 1 / SHARE times as long as writing takes.

    Args:
        folder: The folder to write to.
        monitor: The name of a logged metric; higher is better. None for no best checkpoint.
    """

    def __init__(self, folder: str | Path, monitor: str | None = None) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.monitor = monitor
        self._next = -math.inf  # when `last.ckpt` may be written again, in seconds of time.monotonic
        self.best: float | None = None
        self._kept: dict[str, Tensor] = {}  # values logged before this epoch, which Lightning keeps
        self._made: tuple[int, int] | None = None  # the device and inode of the folder
        self._within = -1  # the number of updates at the last checkpoint within an epoch
        self._resumed_within = False  # whether the run was resumed from one and has not learned from a batch since

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        self.folder = trainer.strategy.broadcast(self.folder)  # a rank that started later may have named it differently

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            # A kill in the middle of a write leaves its temporary file, here or in games/ and pool/.
            for pattern in (".*.[0-9]*.tmp", "*/.*.[0-9]*.tmp"):
                for stale in self.folder.glob(pattern):
                    stale.unlink()
            self._made = _identity(self.folder)
        if trainer.global_step == 0:
            trainer.save_checkpoint(self.folder / "last.ckpt")
        self._resumed_within = trainer.fit_loop.restarted_mid_epoch

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._kept = dict(trainer.logged_metrics)

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        if self._resumed_within:  # Lightning may then count one step too few for its loggers
            trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step
            self._resumed_within = False

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking or trainer.is_last_batch:
            return
        # Only between updates: the gradients accumulated for an unfinished update would be lost.
        due = trainer.should_stop or not trainer.fit_loop._should_accumulate()
        if due and hasattr(trainer.train_dataloader, "state_dict"):
            self._require_folder(trainer)
            self._save(trainer)
            self._within, self._kept = trainer.global_step, dict(trainer.logged_metrics)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._require_folder(trainer)
        self._log(trainer)
        # Lightning also ends an epoch that is stopped midway; a run resumed from such a checkpoint would skip its rest.
        if self._within != trainer.global_step and self._is_due(trainer):
            self._save(trainer)

    def _is_due(self, trainer: pl.Trainer) -> bool:
        """Whether an epoch that has ended is worth a checkpoint."""
        ends = trainer.should_stop or trainer.received_sigterm
        last = ends or trainer.current_epoch + 1 == trainer.max_epochs or trainer.global_step == trainer.max_steps
        due = last or self._new_best(trainer) is not None or time.monotonic() >= self._next
        return trainer.strategy.broadcast(due)  # all ranks must agree, since each saves its part

    def _require_folder(self, trainer: pl.Trainer) -> None:
        if trainer.is_global_zero and self._made not in (None, _identity(self.folder)):
            raise FileNotFoundError(errno.ENOENT, "the run's folder was moved or deleted", str(self.folder))

    def _save(self, trainer: pl.Trainer) -> None:
        began, score = time.monotonic(), self._new_best(trainer)
        if score is not None:
            self.best = score
            trainer.save_checkpoint(self.folder / "best.ckpt")
        trainer.save_checkpoint(self.folder / "last.ckpt")
        ended, path = time.monotonic(), self.folder / "last.ckpt"
        if trainer.is_global_zero and path.is_file() and path.stat().st_size > SMALL:
            self._next = ended + (ended - began) * (1 / SHARE - 1)

    def _new_best(self, trainer: pl.Trainer) -> float | None:
        """The score if it is better than all before."""
        score = trainer.callback_metrics.get(self.monitor) if self.monitor else None
        return float(score) if score is not None and (self.best is None or float(score) > self.best) else None

    def _log(self, trainer: pl.Trainer) -> None:
        """Write this epoch's row before the checkpoint that it belongs to.

        Lightning logs an epoch after its checkpoint callbacks, so a kill in between would lose the row. It logs the
        same values again, at the same step, which changes nothing.
        """
        logged = trainer.logged_metrics  # on every rank, since reading it may sum over ranks
        metrics = {name: value for name, value in logged.items() if self._kept.get(name) is not value}
        for logger in trainer.loggers:
            if metrics and isinstance(logger, MetricsLogger):
                logger.log_metrics({"epoch": trainer.current_epoch, **metrics}, step=trainer.global_step - 1)

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        data = self_play_of(trainer)
        if isinstance(exception, NotFinite) and data and data.rollout:
            data.rollout.save(self.folder / f"failed-rollout-{trainer.global_rank}.npz")

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "monitor": self.monitor}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if state_dict.get("monitor", self.monitor) == self.monitor:  # another metric is on another scale
            self.best = state_dict["best"]


def _identity(folder: Path) -> tuple[int, int] | None:
    """The device and inode of a folder, which identify it whatever its name; None if there is no such folder."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
