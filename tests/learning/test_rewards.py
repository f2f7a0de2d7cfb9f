"""f(x) by hand, in numpy and in torch."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from chesspg.learning.rewards import Reward, adjudicated, by_outcome

# Won, lost and drawn by the rules; then stopped at the ply cap with player 0 ahead, behind and neither.
OUTCOME = np.array([1, -1, 0, 0, 0, 0], dtype=np.int8)
TRUNCATED = np.array([False, False, False, True, True, True])
AHEAD = np.array([0, 0, 0, 9, -0.5, 0], dtype=np.float32)


@pytest.mark.parametrize("library", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
@pytest.mark.parametrize(
    ("reward", "expected"),
    [
        (by_outcome, [1, -1, 0, 0, 0, 0]),
        (partial(adjudicated, weight=0.0), [1, -1, 0, 0, 0, 0]),
        (partial(adjudicated, weight=0.25), [1, -1, 0, 0.25, -0.25, 0]),  # by how much it is ahead has no part in it
        (partial(adjudicated, weight=-0.5), [1, -1, 0, -0.5, 0.5, 0]),
    ],
)
def test_rewards_by_hand(reward: Reward, expected: list[float], library: Any) -> None:
    assert reward(library(OUTCOME), library(TRUNCATED), library(AHEAD)).tolist() == expected


def test_only_a_truncated_game_is_adjudicated() -> None:
    ahead = np.ones(6, np.float32)  # whatever a game that the rules ended would say
    rewards = adjudicated(OUTCOME, TRUNCATED, ahead, weight=0.5)
    assert rewards.tolist() == [1, -1, 0, 0.5, 0.5, 0.5]


def test_the_other_side_has_the_opposite() -> None:
    rewards = adjudicated(OUTCOME, TRUNCATED, AHEAD, weight=0.5)
    assert adjudicated(-OUTCOME, TRUNCATED, -AHEAD, weight=0.5).tolist() == (-rewards).tolist()
