"""What a SelfPlay with segments keeps from rollout to rollout and in checkpoints: the games in its slots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.distributed
from numpy.typing import NDArray
from pytorch_lightning.utilities import rank_zero_warn

from chesspg.players import roster
from chesspg.players.on_device import chooser
from chesspg.selfplay.opponents import OpponentPool
from chesspg.selfplay.slots import Slots
from chesspg.training.fitting import policy_of


class KeptSlots:
    """The slots of one rank, and how a checkpoint holds those of all ranks."""

    def __init__(self) -> None:
        self._slots: Slots | None = None
        self._state: dict[str, Any] | None = None  # that of all ranks, once it is saved or loaded

    def of_rank(self, rank: int, ranks: int, index: NDArray[np.int64], first: int) -> Slots:
        """The slots of a rank: those that were kept, or else those of the checkpoint, or else empty ones.

        Args:
            rank: The rank.
            ranks: The number of ranks.
            index: [n] the numbers of its slots.
            first: The number of the first game of empty slots.
        """
        if self._slots is None and self._state is not None:
            self._slots = Slots.of_state(self._state, rank, ranks)
        return Slots.empty(index, first) if self._slots is None else self._slots

    def keep(self, slots: Slots) -> None:
        """Remember the slots after a rollout."""
        self._slots, self._state = slots, None

    def state_dict(self) -> dict[str, Any] | None:
        """The state of the slots of all ranks; every rank must call this. None before the first rollout."""
        if self._state is None and self._slots is not None:
            parts = [self._slots.state_dict()]
            if torch.distributed.is_available() and torch.distributed.is_initialized():
                parts *= torch.distributed.get_world_size()
                torch.distributed.all_gather_object(parts, self._slots.state_dict())
            self._state = Slots.together(parts)
        return self._state

    def load_state_dict(self, state: dict[str, Any], slots: int) -> None:
        """Go on with the games in the first slots of a checkpoint. Raises ValueError if it has fewer than `slots`."""
        held = len(state["index"])
        state = {"ready": torch.ones(held, dtype=torch.bool), **state}  # version 0.4 prepared all of them
        if slots > held:
            raise ValueError(f"games must be at most {held} with segments, the slots in the checkpoint, got {slots}")
        if slots < held:
            rank_zero_warn(f"the games in {held - slots} of the {held} slots in the checkpoint are dropped")
        self._slots, self._state = None, Slots.first(state, slots)


def require_segments(module: pl.LightningModule, segment: int, opponents: OpponentPool | None) -> None:
    """Raise ValueError unless a module may learn from segments, and all opponents can choose on a device.

    Args:
        module: The module.
        segment: The plies of a segment.
        opponents: The opponents.
    """
    advantages = getattr(module, "advantages", None)
    baseline = getattr(advantages, "baseline", None)
    if baseline != "value":
        name = getattr(baseline or advantages, "__name__", baseline)
        got = f"{type(module).__name__}, which has no advantages" if advantages is None else f"{name}"
        raise ValueError(
            f"SelfPlay(segment={segment}) needs PolicyGradient(advantages=Advantages(baseline='value')), since a game "
            f"that is cut is worth its value; got {got}"
        )
    if getattr(getattr(module, "loss", None), "average", None) == "games":
        raise ValueError(
            f"SelfPlay(segment={segment}) needs PolicyGradient(loss=Loss(average='plies')), since its rollouts are not "
            "made of whole games; got games"
        )
    if opponents is None:
        return
    with roster.players(opponents.players, policy_of(module).game) as players:
        for name, player in zip(opponents.players, players, strict=True):
            if chooser(player) is None:
                raise ValueError(
                    f"SelfPlay(segment={segment}) can't be used with the opponent {name}, which chooses on the host; "
                    "leave out one of the two"
                )
