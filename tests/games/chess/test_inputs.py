"""The kernels for a network's inputs on CUDA: what they need of a GPU, and the same as by torch's operations.

tests/policy/test_boards.py and test_afterstates.py compare the loops on the CPU with them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import chess
import numpy as np
import pytest
import torch
from ptx import needs

from chesspg.games.chess import Chess
from chesspg.policy.afterstates import FEATURES, Afterstates
from chesspg.policy.boards import compiled_afterstates, compiled_boards
from chesspg.policy.networks import ResidualNet
from chesspg.policy.policy import to_tensors
from studies.endings import positions

pytest.importorskip("numba")

from chesspg.games.chess import afterstates, inputs


@pytest.mark.parametrize("bits", [np.int16, np.int32])
@pytest.mark.parametrize("channels", [36, 48])
def test_the_kernel_fits_a_gpu(bits: Any, channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    arguments = (np.zeros((5, 14), np.uint64), np.zeros((5, 2), bits), np.uint64(1), np.zeros((5, 64, channels), bits))
    found = needs(inputs.grid(channels - inputs.COUNTERS), arguments, tmp_path, monkeypatch)
    assert found.registers <= 64  # 65,536 of a multiprocessor are enough for four blocks
    assert (found.spills, found.stack, found.constants) == (0, 0, 0)


def test_the_kernel_of_afterstates_fits_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    arguments = (np.zeros((5, 14), np.uint64), np.zeros((5, 9), np.int16), np.zeros((5, 9, len(FEATURES)), np.uint8))
    found = needs(afterstates.grid(), arguments, tmp_path, monkeypatch)
    assert found.registers <= 128
    assert (found.spills, found.constants) == (0, 0)
    assert found.stack <= 512


@pytest.mark.cuda
@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 1000])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rank", [None, 3])
def test_the_input_on_cuda_is_that_of_torch(count: int, precision: torch.dtype, rank: int | None) -> None:
    network = ResidualNet(Chess(), channels=4, blocks=0, rank=rank)
    games, rng = Chess().start(count), np.random.default_rng(0)
    for _ in range(30):
        seen = games.observe()
        planes, scalars = torch.from_numpy(seen.planes.view(np.int64)), torch.from_numpy(seen.scalars)
        expected = network.boards(planes, scalars).to(precision)
        found = compiled_boards(planes.cuda(), network.scale(scalars).cuda(), precision, len(network.attacks.names))
        assert found is not None
        assert torch.equal(found.cpu(), expected)
        games.play(seen.legal.take((rng.random(count) * seen.legal.counts).astype(np.int64)))


@pytest.mark.cuda
@pytest.mark.parametrize("count", [0, 1, 33, 1000])
def test_afterstates_on_cuda_are_those_of_torch(count: int) -> None:
    """From positions in which many moves give stalemate, and from the initial one."""
    rng = np.random.default_rng(0)
    games = Chess().start([*positions(chess.QUEEN, count // 2, 1), *["startpos"] * (count - count // 2)])
    for _ in range(30):
        seen = games.observe()
        planes, _, legal = to_tensors(seen)
        found = compiled_afterstates(planes.cuda(), legal.cuda(), len(FEATURES))
        assert found is not None
        mask = legal >= 0
        assert torch.equal(found.cpu()[mask].long(), Afterstates().counts(planes, legal)[mask].long())
        going = np.flatnonzero(seen.legal.counts)
        games, seen = games[going], seen[going]
        games.play(seen.legal.take((rng.random(len(going)) * seen.legal.counts).astype(np.int64)))
