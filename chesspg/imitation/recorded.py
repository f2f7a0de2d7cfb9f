"""Plies of recorded games with the games' results: as a shard keeps them, and as a batch to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import Indices
from chesspg.selfplay.plies import A, Plies

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# The arrays of a shard: type and number of dimensions.
COLUMNS: dict[str, tuple[type[np.integer[Any]], int]] = {
    "planes": (np.uint64, 3), "scalars": (np.uint8, 2), "player": (np.int8, 1), "choice": (np.int16, 1),
    "game": (np.int64, 1), "actions": (np.int16, 1), "counts": (np.int16, 1), "result": (np.int8, 1),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recorded(Generic[A]):
    """N plies of recorded games, in any order: in numpy as a shard keeps them; in torch, by `to`, as a batch."""

    plies: Plies[A]  # N plies; `game` is the number of the game over all shards
    result: A  # [N] the game's result for the mover: int8; in torch float32

    def __len__(self) -> int:
        return len(self.plies)

    def __getitem__(self, rows: Indices) -> Recorded[A]:
        """The plies at these rows, in that order."""
        return Recorded(self.plies[rows], self.result[rows])

    @staticmethod
    def concatenate(parts: Sequence[Recorded[NDArray[Any]]]) -> Recorded[NDArray[Any]]:
        """The plies of all parts, one part after the other."""
        plies = Plies.concatenate([part.plies for part in parts])
        return Recorded(plies, np.concatenate([part.result for part in parts]))

    def to(self, device: torch.device | str | None = None, **_: Any) -> Recorded[Tensor]:
        """The plies as tensors on a device. Lightning calls this to move a batch.

        Args:
            device: The device; None for the CPU.
        """
        import torch

        result = torch.as_tensor(self.result, dtype=torch.float32, device=device)
        return Recorded(self.plies.to(device), result)

    def save(self, path: Path) -> None:
        """Write plies in numpy to a file, in one step; about 180 bytes per ply of chess."""
        assert isinstance(self.result, np.ndarray)
        self.plies.save(path, result=self.result)

    @staticmethod
    def load(path: Path) -> Recorded[NDArray[Any]]:
        """The plies of a shard.

        Raises:
            Damaged: The file is not as `save` wrote it.
        """
        arrays = read_arrays(path, *COLUMNS)
        result = arrays["result"]
        try:
            plies = Plies.of_arrays(arrays)
        except ValueError as error:
            raise Damaged(path, error) from None
        if len(result) != len(plies) or not (np.abs(result) <= 1).all():
            raise Damaged(path, "its columns do not fit together")
        return Recorded(plies, result)


class Damaged(ValueError):
    """A shard that is not as it was written."""

    def __init__(self, path: Path, why: object) -> None:
        reason = " ".join(str(why).split())
        super().__init__(f"{path} is damaged: {reason}; remove {path.parent} to have its shards made again")


def read_arrays(path: Path, *names: str) -> dict[str, NDArray[Any]]:
    """Read some of a shard's arrays, each of which is checked against the CRC-32 in the file.

    Args:
        path: The shard.
        *names: The names of the arrays.

    Returns:
        The arrays by name.

    Raises:
        FileNotFoundError: There is no such file.
        Damaged: The file, or an array in it, is not as it was written.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in names}
    except FileNotFoundError:
        raise
    except Exception as error:  # numpy and zipfile raise a dozen kinds of error for damaged files
        raise Damaged(path, error) from None
    for name, array in found.items():
        if (array.dtype, array.ndim) != COLUMNS[name]:
            raise Damaged(path, f"its column {name} is {array.dtype} of {array.ndim} dimensions")
    return found
