"""The second contract of a game: games on a device, in a fixed number of slots, whose arrays a network reads there.

The contract in game.py serves players on the host: its arrays are numpy's, lists of legal actions are ragged, and each
call returns new arrays. Here nothing crosses the bus during a ply. A slot holds one game at a time. All arrays have one
row per slot and are overwritten by `reset` and `step`, and no method waits for the device. Both contracts have the same
rules, encoding and legal actions.

This module imports torch, so the rest of `games/` imports it only when a device is asked for (`Game.on_device`).
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol, Self

import torch
from torch import Tensor

BUFFERS = ("planes", "scalars", "player", "legal", "outcome", "reason", "illegal")


class Sizes(Protocol):
    """The attributes of a `Game` that its games on a device need."""

    @property
    def name(self) -> str: ...
    @property
    def board(self) -> tuple[int, int]: ...
    @property
    def planes(self) -> tuple[str, ...]: ...
    @property
    def scalars(self) -> Mapping[str, int]: ...
    @property
    def max_legal(self) -> int: ...


class DeviceGames(ABC):
    """Games in slots on one device. The buffers are valid until the next `reset` or `step`.

    A subclass keeps the positions from which games start, and names in `hidden` what else it remembers of each slot.

    Args:
        game: The game, for the sizes of its encoding.
        slots: The number of slots.
        device: The device as torch names it.
    """

    hidden: tuple[str, ...] = ()  # names of further tensors [slots, …] that a slot's state consists of

    planes: Tensor  # [slots, P, W] int64 words with the bits of Observation.planes
    scalars: Tensor  # [slots, S] uint8
    player: Tensor  # [slots] int8 the mover
    legal: Tensor  # [slots, max_legal] int16 ascending, −1 after the last; only −1 in a game that is over
    outcome: Tensor  # [slots] int8 for player 0, as Outcomes.outcome
    reason: Tensor  # [slots] uint8 as Outcomes.reason; not 0 where the game is over
    illegal: Tensor  # [slots] bool whether an illegal action was refused since `reset`; such a game does not go on

    def __init__(self, game: Sizes, slots: int, device: str) -> None:
        self.game = game
        self.device = torch.device(device)
        words = -(-game.board[0] * game.board[1] // 64)
        shapes = {
            "planes": ((slots, len(game.planes), words), torch.int64),
            "scalars": ((slots, len(game.scalars)), torch.uint8),
            "player": ((slots,), torch.int8),
            "legal": ((slots, game.max_legal), torch.int16),
            "outcome": ((slots,), torch.int8),
            "reason": ((slots,), torch.uint8),
            "illegal": ((slots,), torch.bool),
        }
        for name, (shape, dtype) in shapes.items():
            setattr(self, name, torch.zeros(shape, dtype=dtype, device=self.device))
        self.legal.fill_(-1)

    def __len__(self) -> int:
        return len(self.player)

    @abstractmethod
    def reset(self, rows: Tensor, starts: Tensor) -> None:
        """Begin a new game in some slots.

        Args:
            rows: [slots] bool, in which slots.
            starts: [slots] int64, the number of the position from which each begins; ignored in the other slots.
        """

    @abstractmethod
    def step(self, actions: Tensor, alive: Tensor) -> None:
        """Play one ply in some slots.

        An action that is not legal, or any in a game that is over, plays nothing and sets `illegal`.

        Args:
            actions: [slots] integers; ignored in the other slots.
            alive: [slots] bool, in which slots.
        """

    def heuristic(self) -> Tensor:
        """[slots] float32 as `Heuristic.heuristic` of the host's games; zeros in a game that has none."""
        return torch.zeros(len(self), device=self.device)

    def children(self) -> DeviceGames:
        """Every game after each of its legal actions: slots · max_legal games, unchanged where there is no action."""
        slots = torch.arange(len(self), device=self.device)
        after = self.take(slots.repeat_interleave(self.legal.shape[1]))
        actions = self.legal.flatten()
        after.step(actions, actions >= 0)
        return after

    def state(self) -> dict[str, Tensor]:
        """All that the slots remember: tensors [slots, …] by name. They are those of the games, not copies."""
        return {name: getattr(self, name) for name in (*BUFFERS, *self.hidden)}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on with games as `state` returned them, with the same number of slots.

        Raises:
            ValueError: They are games of another kind, or in another number of slots.
        """
        ours = self.state()
        if ours.keys() != state.keys() or any(ours[name].shape != state[name].shape for name in ours):
            raise ValueError(f"the games in the slots are not {len(self)} games of {self.game.name}")
        for name, tensor in ours.items():
            tensor.copy_(state[name])

    def part(self, first: int, last: int) -> Self:
        """The slots from `first` to `last` − 1, in the same memory."""
        return self._with({name: tensor[first:last] for name, tensor in self.state().items()})

    def take(self, rows: Tensor) -> Self:
        """A copy with the slots [n] of these numbers, in that order; a number may come more than once."""
        return self._with({name: tensor.index_select(0, rows) for name, tensor in self.state().items()})

    def _with(self, state: Mapping[str, Tensor]) -> Self:
        other = copy.copy(self)
        for name, tensor in state.items():
            setattr(other, name, tensor)
        return other
