"""The files of an opponent pool's members, beside the checkpoints that name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.plugins import CheckpointIO

from chesspg.policy import files
from chesspg.selfplay.opponents import POOL, OpponentPool


class PoolFiles(CheckpointIO):
    """Writes the pool's members beside each checkpoint, and deletes those that none of the checkpoints there names.

    A checkpoint names its members; their files lie in `pool/` in its folder, are written before it, and are deleted
    after the last checkpoint that names them is replaced or removed. So every checkpoint that is kept can be resumed,
    and a kill at any moment leaves no checkpoint without its members.

    Args:
        io: The plugin that writes the checkpoints.
        pool: The pool.
    """

    def __init__(self, io: CheckpointIO, pool: OpponentPool) -> None:
        self.io = io
        self.pool = pool
        self._named: dict[Path, set[str]] = {}  # by checkpoint, the files of its members

    @classmethod
    def install(cls, trainer: pl.Trainer, pool: OpponentPool) -> None:
        """Wrap the plugin with which a Trainer writes its checkpoints."""
        strategy = trainer.strategy
        if isinstance(strategy.checkpoint_io, cls):
            strategy.checkpoint_io.pool = pool
        else:
            strategy.checkpoint_io = cls(strategy.checkpoint_io, pool)

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        if "://" in str(path):
            raise ValueError(f"the opponent pool can't be written beside {path}; checkpoints must be in a local folder")
        named = self.pool.write(Path(path).parent / POOL)
        before = self._named_by(Path(path))
        self.io.save_checkpoint(checkpoint, path, storage_options)
        self._named[Path(path)] = named
        self._delete(Path(path).parent, before - named)

    def load_checkpoint(self, path: str | Path, *args: Any, **options: Any) -> dict[str, Any]:
        return self.io.load_checkpoint(path, *args, **options)

    def remove_checkpoint(self, path: str | Path) -> None:
        before = self._named_by(Path(path))
        self.io.remove_checkpoint(path)
        self._named.pop(Path(path), None)
        self._delete(Path(path).parent, before)

    def teardown(self) -> None:
        self.io.teardown()

    def _delete(self, folder: Path, candidates: set[str]) -> None:
        """Delete those of the files that no checkpoint in the folder names."""
        if not candidates or not (folder / POOL).is_dir():
            return
        # A checkpoint that is being written in the background is not in the folder yet.
        paths = {*folder.glob(f"*{files.CHECKPOINT}"), *(path for path in self._named if path.parent == folder)}
        kept = (self._named_by(path) for path in paths)
        for name in candidates.difference(*kept):
            (folder / POOL / name).unlink(missing_ok=True)

    def _named_by(self, path: Path) -> set[str]:
        """The files of the members that a checkpoint names; it is read if another process wrote it."""
        if path not in self._named and path.is_file():
            try:
                checkpoint = files.read_checkpoint(path)
                states = [state for state in checkpoint.values() if isinstance(state, dict) and "opponents" in state]
                states += [checkpoint.get("chesspg", {}).get("self_play", {})]
                members = [m for state in states for m in state.get("opponents", {}).get("members", [])]
                self._named[path] = {member["file"] for member in members}
            except (ValueError, AttributeError, KeyError, TypeError):  # not a checkpoint of such a training
                self._named[path] = set()
        return self._named.get(path, set())
