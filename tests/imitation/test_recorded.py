"""Shards as files: what is written is read again, and anything else is refused."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chesspg.games.game import Legal
from chesspg.imitation.recorded import Damaged, Recorded
from chesspg.selfplay.plies import Plies


def test_legal_actions_survive_the_file(tmp_path: Path) -> None:
    legal = Legal(np.array([1, 5, 3, 2], np.int16), np.array([0, 2, 3, 4], np.int64))
    plies = Plies(
        np.ones((3, 2, 1), np.uint64), np.ones((3, 0), np.uint8), np.array([0, 1, 0], np.int8), legal,
        np.zeros(3, np.int16), np.arange(3),
    )  # fmt: skip
    Recorded(plies, np.ones(3, np.int8)).save(tmp_path / "a.npz")
    read = Recorded.load(tmp_path / "a.npz").plies
    assert read.legal.offsets.tolist() == [0, 2, 3, 4]
    assert read.legal.actions.tolist() == [1, 5, 3, 2]
    assert read.player.tolist() == [0, 1, 0]


def test_a_batch_holds_the_same(paths: list[Path]) -> None:
    recorded = Recorded.load(paths[0])[np.arange(7)]
    batch = recorded.to("cpu")
    assert (batch.result.dtype, batch.plies.legal.dtype) == (torch.float32, torch.int16)
    assert batch.result.tolist() == recorded.result.tolist()
    assert batch.plies.game.tolist() == recorded.plies.game.tolist()
    assert batch.to("cpu").plies.choice.tolist() == recorded.plies.choice.tolist()


def test_every_flipped_bit_of_a_shard_is_found(paths: list[Path]) -> None:
    path = paths[0]
    good, whole = path.read_bytes(), Recorded.load(path)
    messages: list[str] = []
    for at in random.Random(1).sample(range(len(good)), 100):
        damaged = bytearray(good)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        try:
            read = Recorded.load(path)
        except Damaged as error:
            messages.append(str(error))
        else:
            assert np.array_equal(read.result, whole.result)
            for name, column in whole.plies.columns().items():
                assert np.array_equal(getattr(read.plies, name), column)
    assert len(messages) > 90
    assert all(str(path) in line and "\n" not in line for line in messages)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("choice", np.array([300], np.int16)),
        ("choice", np.array([-1], np.int16)),
        ("choice", np.array([0, 0], np.int16)),
        ("choice", np.array([0.0])),
        ("counts", np.array([200], np.int16)),
        ("result", np.array([5], np.int8)),
        ("planes", np.zeros((1, 14), np.uint64)),
        ("planes", np.array([{}], object)),
        ("game", None),
    ],
)
def test_a_shard_of_other_columns(name: str, array: Any, paths: list[Path]) -> None:
    Recorded.load(paths[0])[[0]].save(paths[0])
    assert len(Recorded.load(paths[0])) == 1
    with np.load(paths[0]) as arrays:
        columns = dict(arrays) | {name: array}
    np.savez(paths[0], **{key: value for key, value in columns.items() if value is not None})
    with pytest.raises(Damaged, match=rf"{paths[0].name} is damaged"):
        Recorded.load(paths[0])


@pytest.mark.parametrize("content", [b"", b"hello", b"[" * 1000, b"\x93NUMPY\x01\x00"])
def test_what_is_no_shard(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "00000.npz").write_bytes(content)
    with pytest.raises(Damaged, match=r"00000\.npz is damaged"):
        Recorded.load(tmp_path / "00000.npz")
