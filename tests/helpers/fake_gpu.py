"""Torch's CPU in place of a GPU, for tests of matches."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from chesspg.players.on_device import chooser
from chesspg.selfplay import device_loop


def fake_gpu(patch: pytest.MonkeyPatch) -> list[int]:
    """Let matches use torch's CPU as if it were a GPU.

    Returns:
        A list to which every call of the device loop adds its number of games.
    """
    played: list[int] = []

    def spy(starts: Any, *arguments: Any, **options: Any) -> Any:
        played.append(len(starts))
        return play_on_device(starts, *arguments, **options)

    play_on_device = device_loop.play_on_device
    patch.setattr(torch.cuda, "is_available", lambda: True)
    patch.setattr("chesspg.arena.devices.GPU", "cpu")
    patch.setattr(device_loop, "play_on_device", spy)
    for module in ("matches", "generation"):
        patch.setattr(
            f"chesspg.arena.{module}.place", lambda game, players: "cpu" if all(map(chooser, players)) else None
        )
    return played
