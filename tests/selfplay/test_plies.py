"""The record of plies: rows, parts, tensors and files hold the same columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from chesspg.games.game import Legal
from chesspg.selfplay.plies import Plies

NAMES = ["planes", "scalars", "player", "choice", "game", "log_prob", "value"]


def made(n: int, seed: int = 0, **more: Any) -> Plies[NDArray[Any]]:
    """N random plies, with one to four legal actions each."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 5, n)
    columns: dict[str, Any] = {
        "planes": rng.integers(0, 2**64, (n, 3, 2), dtype=np.uint64),
        "scalars": rng.integers(0, 99, (n, 2)).astype(np.uint8),
        "player": rng.integers(0, 2, n).astype(np.int8),
        "legal": Legal(np.arange(counts.sum()).astype(np.int16), np.concatenate(([0], np.cumsum(counts)))),
        "choice": rng.integers(0, counts).astype(np.int16),
        "game": rng.integers(0, 9, n).astype(np.int32),
        "log_prob": rng.random(n).astype(np.float32),
        "value": rng.random(n).astype(np.float32),
    }
    return Plies(**{**columns, **more})


def actions(plies: Plies[Any]) -> list[list[int]]:
    """The legal actions of each ply, from a ragged list or a padded one."""
    padded = plies.legal if isinstance(plies.legal, Tensor) else torch.from_numpy(plies.legal.padded())
    return [[action for action in row if action >= 0] for row in padded.tolist()]


def same(ours: Plies[Any], theirs: Plies[Any]) -> bool:
    """Whether two records in numpy hold the same, in arrays of the same kinds."""
    return (
        len(ours) == len(theirs)
        and ours.columns().keys() == theirs.columns().keys()
        and all(np.array_equal(column, theirs.columns()[name]) for name, column in ours.columns().items())
        and all(column.dtype == theirs.columns()[name].dtype for name, column in ours.columns().items())
        and actions(ours) == actions(theirs)
    )


def test_columns_are_those_that_are_there() -> None:
    assert list(made(3).columns()) == NAMES
    assert list(made(3, log_prob=None, value=None).columns()) == NAMES[:-2]


@pytest.mark.parametrize(
    "rows", [slice(2, 7), slice(0, 0), [4, 4, 0], np.array([9, 3]), np.arange(10) % 3 == 1, slice(None)], ids=str
)
def test_rows_are_those_of_every_column(rows: Any) -> None:
    plies = made(10)
    at = np.arange(10)[rows]
    some = plies[rows]
    assert len(some) == len(at)
    for name, column in plies.columns().items():
        assert np.array_equal(getattr(some, name), column[at])
    assert actions(some) == [actions(plies)[row] for row in at]


def test_a_column_that_is_missing_stays_so() -> None:
    plies = made(4, value=None)
    for other in (plies[1:3], Plies.concatenate([plies, plies]), plies.to(), Plies.of_arrays(plies.arrays())):
        assert other.value is None
        assert other.log_prob is not None


def test_parts_one_after_the_other() -> None:
    plies = made(10)
    parts = [plies[:3], plies[3:3], plies[3:9], plies[9:]]
    assert same(Plies.concatenate(parts), plies)
    assert same(Plies.concatenate(parts[::-1]), plies[[9, *range(3, 9), 0, 1, 2]])


def test_parts_with_other_columns_are_refused() -> None:
    for parts in ([made(2), made(2, value=None)], [made(2, value=None), made(2)]):
        with pytest.raises(ValueError, match="parts must have the same columns"):
            Plies.concatenate(parts)


def test_tensors_hold_the_same() -> None:
    plies = made(10)
    tensors = plies.to("cpu")
    assert len(tensors) == 10
    assert tensors.planes.dtype == torch.int64  # the same bits: torch can't shift uint64
    assert np.array_equal(tensors.planes.numpy().view(np.uint64), plies.planes)
    for name in NAMES[1:]:
        assert np.array_equal(getattr(tensors, name).numpy(), getattr(plies, name))
        assert getattr(tensors, name).numpy().dtype == getattr(plies, name).dtype
    assert isinstance(tensors.legal, Tensor)
    assert (tensors.legal.shape, tensors.legal.dtype) == ((10, 4), torch.int16)
    assert actions(tensors) == actions(plies)


def test_tensors_move_and_have_rows_as_arrays_do() -> None:
    tensors = made(10).to()
    moved = tensors.to("meta", non_blocking=True)  # Lightning's way to move a batch
    assert {column.device.type for column in (*moved.columns().values(), moved.legal)} == {"meta"}
    rows = tensors[torch.tensor([7, 2])]
    assert rows.game.tolist() == tensors.game[[7, 2]].tolist()
    assert actions(rows) == [actions(tensors)[7], actions(tensors)[2]]


def test_no_plies_at_all() -> None:
    nothing = made(0)
    assert len(nothing) == len(nothing.to()) == 0
    assert same(Plies.of_arrays(nothing.arrays()), nothing)
    assert same(Plies.concatenate([nothing, made(3)]), made(3))


@pytest.mark.parametrize("missing", [(), ("value",), ("log_prob", "value")])
def test_a_file_has_them_all_again(tmp_path: Path, missing: tuple[str, ...]) -> None:
    plies = made(50, **dict.fromkeys(missing))
    plies.save(tmp_path / "plies.npz", length=np.array([7, 8]))
    assert [path.name for path in tmp_path.iterdir()] == ["plies.npz"]  # nothing temporary stays
    with np.load(tmp_path / "plies.npz", allow_pickle=False) as file:
        arrays = dict(file)
    assert arrays["length"].tolist() == [7, 8]  # the array that was added
    assert same(Plies.of_arrays(arrays), plies)


DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a column is missing": (lambda one: one.pop("scalars"), "it has no column scalars"),
    "no legal actions": (lambda one: one.pop("actions"), "it has no column actions"),
    "a column is shorter": (lambda one: one.update(game=one["game"][:-1]), "its columns do not fit together"),
    "a column is longer": (lambda one: one.update(value=np.zeros(11)), "its columns do not fit together"),
    "an action is missing": (lambda one: one.update(actions=one["actions"][:-1]), "its columns do not fit together"),
    "a choice beyond the last": (lambda one: one["choice"].__setitem__(3, 4), "it has a choice that is not one of"),
    "a choice before the first": (lambda one: one["choice"].__setitem__(3, -1), "it has a choice that is not one of"),
    "a ply without a legal action": (
        lambda one: one.update(counts=one["counts"] + np.eye(10, dtype=np.int16)[1] * one["counts"][0]
                               - np.eye(10, dtype=np.int16)[0] * one["counts"][0], choice=one["choice"] * 0),
        "it has a choice that is not one of",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_does_not_fit_together_is_refused(damage: str) -> None:
    arrays = {name: array.copy() for name, array in made(10).arrays().items()}
    change, message = DAMAGE[damage]
    change(arrays)
    with pytest.raises(ValueError, match=message):
        Plies.of_arrays(arrays)


def test_a_record_is_not_changed() -> None:
    with pytest.raises(AttributeError):
        made(2).game = np.zeros(2)  # type: ignore[misc]
