"""Batches of recorded plies: what is held out, and the order of each epoch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chesspg.imitation import examples
from chesspg.imitation.examples import Examples
from chesspg.imitation.recorded import Recorded

GAMES = 3 * 200


def keys(recorded: Any) -> list[tuple[Any, ...]]:
    """What identifies each ply; in both numpy and torch, since the words of such a small board are never negative."""
    return [tuple(row.flatten().tolist()) for row in recorded.plies.planes]


def test_each_epoch_has_every_ply_that_is_not_held_out_once(paths: list[Path]) -> None:
    data = Examples(paths, batch=64, seed=1)
    whole = Recorded.concatenate([Recorded.load(path) for path in paths])
    held = data.is_held_out(whole.plies.game)
    assert 0.02 < len(np.unique(whole.plies.game[held])) / GAMES < 0.09
    expected = sorted(keys(whole[~held]))
    orders = []
    for number in range(2):
        seen = list(data.epoch(number))
        assert len(seen) == data.batches
        assert {len(batch) for batch in seen} <= {63, 64, 62}
        orders.append([key for batch in seen for key in keys(batch)])
        assert sorted(orders[-1]) == expected
    assert orders[0] != orders[1]
    validated = [key for rows in data.validation() for key in keys(data.held_out[rows])]
    assert sorted(validated) == sorted(keys(whole[held]))
    assert (data.plies, len(data.held_out)) == ((~held).sum(), held.sum())


def test_games_are_held_out_by_the_seed_alone(paths: list[Path]) -> None:
    one, same, other = (Examples(paths, batch=batch, seed=seed) for batch, seed in ((64, 1), (8, 1), (64, 2)))
    assert one.held_out.plies.game.tolist() == same.held_out.plies.game.tolist()
    assert set(one.held_out.plies.game) != set(other.held_out.plies.game)


def test_an_epoch_goes_on_at_any_batch(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "TOGETHER", 2)  # two groups
    data = Examples(paths, batch=64)
    whole = list(data.epoch(5))
    assert len(whole) == data.batches
    for first in (1, data.batches // 2, data.batches - 1, data.batches):
        rest = list(islice(Examples(paths, batch=64).epoch(5, first), len(whole)))
        assert len(rest) == len(whole) - first
        for one, other in zip(rest, whole[first:], strict=True):
            assert torch.equal(one.result, other.result)
            for name, column in one.plies.columns().items():
                assert torch.equal(column, getattr(other.plies, name))


def test_of_few_games_one_is_held_out(first_legal: Callable[[int], list[Path]]) -> None:
    [path] = first_legal(1)
    recorded = Recorded.load(path)
    recorded[recorded.plies.game < 3].save(path)
    for seed in range(5):
        assert len(np.unique(Examples([path], seed=seed).held_out.plies.game)) == 1
    recorded[recorded.plies.game < 1].save(path)
    with pytest.raises(ValueError, match=r"expected at least 2 games, .* got 1"):
        Examples([path])
