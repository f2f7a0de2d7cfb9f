"""Micro-batches: they hold, on the device, the plies of the rollout at the given rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.policy_player import PolicyPlayer
from chesspg.selfplay.rollout import Rollout
from chesspg.training.batches import Batch, StoredRollout
from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import PolicyGradient


@pytest.fixture
def rollout(module: Callable[..., PolicyGradient]) -> Rollout:
    return SelfPlay(TicTacToe(), games=12).sample(PolicyPlayer(module(value=True).policy))


def stored(rollout: Rollout, advantage: Tensor) -> StoredRollout:
    return StoredRollout(rollout, advantage, 2 * advantage, torch.device("cpu"), games=24, stored=150, parts=4)


ROWS: dict[str, Callable[[int], NDArray[np.int64]]] = {
    "all": np.arange,
    "in another order": lambda n: np.random.default_rng(0).permutation(n),
    "the last": lambda n: np.array([n - 1]),  # its legal actions end where the whole list ends
    "one twice": lambda n: np.array([3, 3]),
    "few legal actions": lambda n: np.arange(n - 3, n),
    "none": lambda n: np.arange(0),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_batch_is_these_rows_of_the_rollout(name: str, rollout: Rollout) -> None:
    plies, rows = rollout.plies, ROWS[name](len(rollout.plies))
    advantage = torch.linspace(-1, 1, len(plies))
    batch, wanted = stored(rollout, advantage).batch(rows), plies[rows].to()
    assert batch.plies.columns().keys() == wanted.columns().keys()
    for column, values in wanted.columns().items():
        assert torch.equal(batch.plies.columns()[column], values), column
        assert batch.plies.columns()[column].dtype == values.dtype
    assert isinstance(batch.plies.legal, Tensor)
    assert isinstance(wanted.legal, Tensor)
    assert torch.equal(batch.plies.legal, wanted.legal)  # no wider than its longest list
    assert torch.equal(batch.advantage, advantage[rows])
    assert torch.equal(batch.return_, 2 * advantage[rows])
    assert (batch.games, batch.stored, batch.parts) == (24, 150, 4)


def test_a_rollout_without_plies_has_empty_batches(rollout: Rollout) -> None:
    nothing = replace(rollout, recorded=rollout.plies[[]])
    batch = stored(nothing, torch.zeros(0)).batch(np.arange(0))
    assert len(batch.plies) == len(batch.advantage) == 0


def test_lightning_moves_a_batch_with_all_that_it_holds(
    rollout: Rollout, module: Callable[..., PolicyGradient]
) -> None:
    batch = stored(rollout, torch.zeros(len(rollout.plies))).batch(np.arange(5))
    moved = module().transfer_batch_to_device(batch, torch.device("meta"), 0)
    assert isinstance(moved, Batch)
    tensors = (*moved.plies.columns().values(), moved.plies.legal, moved.advantage, moved.return_)
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert (moved.games, moved.stored, moved.parts) == (24, 150, 4)


def test_a_batch_is_moved_only_if_it_is_elsewhere(rollout: Rollout) -> None:
    batch = stored(rollout, torch.zeros(len(rollout.plies))).batch(np.arange(3))
    assert batch.to("cpu") is batch
    moved = batch.to("meta")
    tensors = [moved.advantage, moved.return_, moved.plies.legal, *moved.plies.columns().values()]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert (moved.games, moved.stored, moved.parts) == (24, 150, 4)
