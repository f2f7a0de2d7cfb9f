"""One record of plies, of which rollouts, recorded games and batches are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import Indices, Legal
from chesspg.storage.atomic import write_atomically

if TYPE_CHECKING:  # torch takes seconds to import, which games between players without a network need not wait for
    import torch
    from torch import Tensor

A = TypeVar("A", NDArray[Any], "Tensor")


@dataclass(frozen=True, slots=True)
class Plies(Generic[A]):
    """N plies, in any order: what their movers saw and chose, and to which game each belongs.

    In numpy as they are played and stored; in torch, by `to`, as a network takes them.
    """

    planes: A  # [N, P, W] uint64 words; in torch int64 words with the same bits
    scalars: A  # [N, S] uint8
    player: A  # [N] int8 who moved, 0 or 1
    legal: Legal | Tensor  # [N] ragged; in torch [N, M] int16, −1 after a ply's last legal action
    choice: A  # [N] int16 which of the legal actions was played
    game: A  # [N] int32 or int64 number of the game
    log_prob: A | None = None  # [N] float32 log π(a|s) under the distribution it was sampled from
    value: A | None = None  # [N] float32 the return that the mover expected

    def __len__(self) -> int:
        return len(self.choice)

    def columns(self) -> dict[str, Any]:
        """All columns that are not None, by name, without `legal`."""
        every = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "legal"}
        return {name: column for name, column in every.items() if column is not None}

    def __getitem__(self, rows: Indices | Tensor) -> Self:
        """The plies at these rows, in that order."""
        columns = {name: column[rows] for name, column in self.columns().items()}
        return type(self)(legal=self.legal[rows], **columns)  # type: ignore[index]  # both are numpy, or both torch

    @staticmethod
    def concatenate(parts: Sequence[Plies[Any]]) -> Plies[Any]:
        """The plies of all parts, one part after the other; all in numpy, or all in torch on one device.

        Raises:
            ValueError: Their columns differ.
        """
        names = parts[0].columns()
        if any(part.columns().keys() != names.keys() for part in parts):
            raise ValueError("the parts must have the same columns to be put together")
        lists: list[Any] = [part.legal for part in parts]
        join: Callable[[list[Any]], Any] = np.concatenate
        if isinstance(lists[0], Legal):
            legal: Any = Legal.concatenate(lists)
        else:
            import torch

            width, join = max(one.shape[1] for one in lists), torch.cat
            legal = join([torch.nn.functional.pad(one, (0, width - one.shape[1]), value=-1) for one in lists])
        return Plies(legal=legal, **{name: join([getattr(part, name) for part in parts]) for name in names})

    def to(self, device: torch.device | str | None = None, **_: Any) -> Plies[Tensor]:
        """The plies as tensors on a device, with the legal actions padded. Lightning calls this to move a batch.

        Args:
            device: The device; None leaves tensors where they are, and puts arrays on the CPU.
        """
        import torch

        from chesspg.policy.policy import send, words

        at = torch.device(device) if device is not None else None
        if not isinstance(self.legal, Legal):
            columns = {name: column.to(at) for name, column in self.columns().items()}
            return Plies(legal=self.legal.to(at), **columns)
        columns = {name: send(column, at) for name, column in self.columns().items() if name != "planes"}
        return Plies(planes=words(self.planes, at), legal=send(self.legal.padded(), at), **columns)  # type: ignore[arg-type]

    def numpy(self) -> Plies[NDArray[Any]]:
        """The plies as arrays, with the legal actions ragged; the inverse of `to`."""
        if isinstance(self.legal, Legal):
            return self  # type: ignore[return-value]  # its columns are arrays too
        columns = {name: column.numpy(force=True) for name, column in self.columns().items()}
        legal = self.legal.numpy(force=True)
        counts = (legal >= 0).sum(axis=1)
        ragged = Legal(legal[legal >= 0], np.concatenate(([0], np.cumsum(counts))).astype(np.int64))
        return Plies(**{**columns, "planes": columns["planes"].view(np.uint64)}, legal=ragged)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All columns of plies in numpy by name; the legal actions as `actions` [L] and `counts` [N]."""
        assert isinstance(self.legal, Legal)
        return {**self.columns(), "actions": self.legal.actions, "counts": self.legal.counts.astype(np.int16)}

    def save(self, path: Path, **more: NDArray[Any]) -> None:
        """Write plies in numpy to an .npz file, in one step; about 180 bytes per ply of chess.

        Args:
            path: The file.
            **more: Other arrays for the file.
        """
        arrays = {**self.arrays(), **more}

        def fill(temporary: Path) -> None:
            with temporary.open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's hints take the arrays for its flag

        write_atomically(path, fill)

    @staticmethod
    def of_arrays(arrays: Mapping[str, NDArray[Any]]) -> Plies[NDArray[Any]]:
        """Build plies from their arrays, the inverse of `arrays`.

        Args:
            arrays: The columns by name. Other arrays are ignored.

        Raises:
            ValueError: A column is missing, or the columns do not fit together.
        """
        names = [field.name for field in fields(Plies) if field.name != "legal"]
        columns = {name: arrays[name] for name in names if name in arrays}
        missing = {"planes", "scalars", "player", "choice", "game", "actions", "counts"} - arrays.keys()
        if missing:
            raise ValueError(f"it has no column {min(missing)}")
        actions, counts = arrays["actions"], arrays["counts"].astype(np.int64)
        lengths = {len(column) for column in columns.values()}
        if lengths != {len(counts)} or len(actions) != counts.sum():
            raise ValueError("its columns do not fit together")
        choice = columns["choice"]
        if not ((choice >= 0) & (choice < counts)).all():
            raise ValueError("it has a choice that is not one of the legal actions")
        return Plies(legal=Legal(actions, np.concatenate(([0], np.cumsum(counts)))), **columns)
