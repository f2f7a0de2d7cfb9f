"""The input of a training step: micro-batches of a rollout's plies, on the device that learns from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chesspg.games.game import Game, Legal
from chesspg.policy.policy import send, to_tensors, words
from chesspg.selfplay.plies import Plies
from chesspg.selfplay.rollout import Rollout


class Batch(NamedTuple):
    """A micro-batch: n of a rollout's plies, and the size of the whole rollout."""

    plies: Plies[Tensor]  # n plies
    advantage: Tensor  # [n] the weight of each ply
    return_: Tensor  # [n] what a value head learns: the reward of the game for the mover, or another return
    games: int  # games in the rollout, over all ranks
    stored: int  # plies in the rollout, over all ranks
    parts: int  # micro-batches into which the rollout is cut, over all ranks

    def to(self, device: torch.device | str) -> Batch:
        """The micro-batch on a device. Lightning calls this, and else would ask each tensor, for a millisecond."""
        if self.advantage.device == torch.device(device):
            return self
        advantage, return_ = self.advantage.to(device), self.return_.to(device)
        return self._replace(plies=self.plies.to(device), advantage=advantage, return_=return_)


class StoredRollout:
    """A rollout's plies on the device that learns from them, where the batches are gathered.

    Args:
        rollout: The rollout of this rank.
        advantage: [N] the weight of each ply.
        return_: [N] what a value head learns from each ply.
        device: The device.
        games: The rollout's games over all ranks.
        stored: The rollout's plies over all ranks.
        parts: The micro-batches of the rollout over all ranks.
    """

    def __init__(
        self,
        rollout: Rollout,
        advantage: Tensor,
        return_: Tensor,
        device: torch.device,
        games: int,
        stored: int,
        parts: int,
    ) -> None:
        plies = rollout.recorded
        self.device = device
        self._sizes = {"games": games, "stored": stored, "parts": parts}
        self._columns = {
            name: words(column, device) if name == "planes" and isinstance(column, np.ndarray) else to(column, device)
            for name, column in plies.columns().items()
        }
        legal = plies.legal
        if isinstance(legal, Legal):
            self._legal: _Lists | Tensor = _Lists(legal, device)
        else:
            self._legal = legal.to(device)
        self._advantage = advantage.to(device)
        self._return = return_.to(device)

    def __len__(self) -> int:
        return len(self._advantage)

    def batch(self, rows: NDArray[np.integer[Any]]) -> Batch:
        """The micro-batch of the plies at these rows [n]."""
        at = send(rows, self.device)
        legal = self._legal.index_select(0, at) if isinstance(self._legal, Tensor) else self._legal.padded(rows, at)
        columns = {name: column.index_select(0, at) for name, column in self._columns.items()}
        return Batch(
            plies=Plies(legal=legal, **columns),
            advantage=self._advantage.index_select(0, at),
            return_=self._return.index_select(0, at),
            **self._sizes,
        )


def to(column: Any, device: torch.device) -> Tensor:
    """An array or a tensor as a tensor on a device."""
    return column.to(device) if isinstance(column, Tensor) else send(column, device)


class _Lists:
    """The lists of legal actions of plies that the host has played, ragged on the device."""

    def __init__(self, legal: Legal, device: torch.device) -> None:
        self._counts = legal.counts  # on the host, so that no batch waits for the device
        self._actions = send(legal.actions, device)
        self._offsets = send(legal.offsets, device)

    def padded(self, rows: NDArray[np.integer[Any]], at: Tensor) -> Tensor:
        """[n, M] the lists at these rows [n]; `rows` is on the host, and `at` holds the same numbers on the device."""
        place = torch.arange(max(1, int(self._counts[rows].max(initial=0))), device=at.device)
        first, end = (self._offsets.index_select(0, at + k)[:, None] for k in (0, 1))
        which = first + place
        legal = self._actions.index_select(0, which.clamp(max=len(self._actions) - 1).flatten()).view(which.shape)
        return legal.masked_fill_(which >= end, -1)


class OneBatch:
    """A loader with one batch of the initial position, from which nothing is learned.

    Args:
        game: The rules.
    """

    def __init__(self, game: Game) -> None:
        self.game = game

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Batch]:
        zero = torch.zeros(1)
        planes, scalars, legal = to_tensors(self.game.start(1).observe())
        own = {"player": zero.char(), "choice": zero.short(), "game": zero.int(), "log_prob": zero}
        plies = Plies(planes, scalars, legal=legal, **own)
        yield Batch(plies, advantage=zero, return_=zero, games=1, stored=1, parts=1)
