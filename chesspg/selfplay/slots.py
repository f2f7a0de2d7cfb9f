"""What the slots of a device hold between two rollouts of segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Those of Slots that a checkpoint holds, one number for each slot.
COLUMNS = ("index", "begun", "ply", "alive", "ready")


@dataclass(frozen=True)
class Slots:
    """The games of n slots between two rollouts. The games of a slot are numbered from 0."""

    index: NDArray[np.int64]  # [n] the numbers of the slots among those of all ranks
    begun: NDArray[np.int64]  # [n] how many games have begun in each
    ply: NDArray[np.int64]  # [n] the plies played in the newest of them
    alive: NDArray[np.bool_]  # [n] whether that game goes on
    starts: Sequence[str]  # [n] the position from which that game began; '' for the initial one
    moves: Mapping[str, NDArray[Any]]  # slot [M] from 0 to n − 1, ply [M] and action [M] of the games that go on
    games: Mapping[str, Tensor]  # `DeviceGames.state` of the games; empty before the first rollout
    waiting: Mapping[str, Tensor]  # the same for the next game of each slot; empty if these are to be prepared again
    ready: NDArray[np.bool_]  # [n] whether there is one, or is to be one before the first ply
    next_starts: Sequence[str]  # [n] the position from which that game will begin

    def __len__(self) -> int:
        return len(self.index)

    @staticmethod
    def empty(index: NDArray[np.int64], first: int = 0) -> Slots:
        """Slots with these numbers [n], in which no game has begun; `first` is the number of their first game."""
        n, no, yes = len(index), np.zeros(len(index), bool), np.ones(len(index), bool)
        none: dict[str, NDArray[Any]] = {name: np.zeros(0, np.int32) for name in ("slot", "ply", "action")}
        blank = [""] * n
        return Slots(index, np.full(n, first), np.zeros(n, np.int64), no, blank, none, {}, {}, yes, blank)

    def state_dict(self) -> dict[str, Any]:
        """The state as primitives and tensors on the CPU. The games that wait are left out: they are prepared again."""
        moves = {**self.moves, "slot": self.index[self.moves["slot"]].astype(np.int32)}
        return {
            **{name: torch.from_numpy(getattr(self, name)) for name in COLUMNS},
            "starts": list(self.starts),
            "moves": {name: torch.from_numpy(column) for name, column in moves.items()},
            "games": {name: tensor.cpu() for name, tensor in self.games.items()},
        }

    @staticmethod
    def together(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The states of all ranks as one, in the order of the slots' numbers."""
        order = torch.cat([part["index"] for part in parts]).argsort()
        starts = [start for part in parts for start in part["starts"]]
        return {
            **{name: torch.cat([part[name] for part in parts])[order] for name in COLUMNS},
            "starts": [starts[row] for row in order.tolist()],
            "moves": {name: torch.cat([part["moves"][name] for part in parts]) for name in parts[0]["moves"]},
            "games": {name: torch.cat([part["games"][name] for part in parts])[order] for name in parts[0]["games"]},
        }

    @staticmethod
    def first(state: Mapping[str, Any], slots: int) -> dict[str, Any]:
        """The state of the slots with numbers below `slots`."""
        here = state["moves"]["slot"] < slots
        return {
            **{name: state[name][:slots] for name in (*COLUMNS, "starts")},
            "moves": {name: column[here] for name, column in state["moves"].items()},
            "games": {name: tensor[:slots].clone() for name, tensor in state["games"].items()},
        }

    @staticmethod
    def of_state(state: Mapping[str, Any], rank: int = 0, ranks: int = 1) -> Slots:
        """One rank's part of what `together` returned: the slots rank, rank + ranks, …"""
        mine = slice(rank, None, ranks)
        empty = Slots.empty(state["index"].numpy()[mine])
        moves = {name: column.numpy() for name, column in state["moves"].items()}
        here = moves["slot"] % ranks == rank
        return replace(
            empty,
            **{name: state[name].numpy()[mine] for name in COLUMNS},
            starts=state["starts"][mine],
            moves={name: column[here] for name, column in {**moves, "slot": moves["slot"] // ranks}.items()},
            games={name: tensor[mine] for name, tensor in state["games"].items()},
        )
