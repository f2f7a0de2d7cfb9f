"""The positions from which games start: those of slots are sampled once for all games that share them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from chesspg.games.game import Game
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.training import start_positions
from chesspg.training.start_positions import StartPositions


class Counted:
    """Positions that name their rollout and start; it counts how many were sampled."""

    alike = 4

    def __init__(self) -> None:
        self.sampled = 0

    def positions(self, game: Game, index: NDArray[np.integer[Any]], rng: Randomness) -> list[str]:
        self.sampled += len(index)
        return [f"{rng.seed} {rng.rollout} {i // self.alike}" for i in index.tolist()]


@pytest.mark.parametrize("remembered", [0, 3, 100_000])
def test_starts_of_slots_are_those_of_their_rollouts(remembered: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_positions, "REMEMBERED", remembered)
    starts, rng = StartPositions(TicTacToe(), Counted()), np.random.default_rng(1)
    number = np.zeros(32, np.int64)  # of the next game in each slot
    for _ in range(50):
        slot = np.flatnonzero(rng.random(32) < 0.3)
        texts = starts.texts_of_slots(slot, number[slot], seed=7)
        assert texts == [f"7 {k} {i // 4}" for i, k in zip(slot.tolist(), number[slot].tolist(), strict=True)]
        number[slot] += 1


def test_slots_that_share_a_start_sample_it_once() -> None:
    counted = Counted()
    starts = StartPositions(TicTacToe(), counted)
    for slot in range(8):  # at different times
        starts.texts_of_slots(np.array([slot]), np.array([5]), seed=7)
    assert counted.sampled == 2
    starts.texts_of_slots(np.array([0]), np.array([5]), seed=8)
    assert counted.sampled == 3
