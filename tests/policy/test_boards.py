"""The compiled input of a network for chess: the same numbers as by torch's operations."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from chesspg.games.chess import Chess
from chesspg.policy import boards
from chesspg.policy.networks import ResidualNet

pytest.importorskip("numba", reason="the compiled input needs numba")
pytest.importorskip("chesspg.games.chess.kernels")  # as where numba plays the rules

CHESS = Chess()
NETWORKS = [ResidualNet(CHESS, channels=4, blocks=0, rank=rank) for rank in (None, 3)]  # 20 maps, and 32
NETWORK = NETWORKS[1]


def precision(bf16: bool) -> AbstractContextManager[object]:
    return torch.autocast("cpu", torch.bfloat16) if bf16 else nullcontext()


def compiled(network: ResidualNet, planes: Tensor, scalars: Tensor, dtype: torch.dtype) -> Tensor | None:
    return boards.compiled_boards(planes, network.scale(scalars), dtype, len(network.attacks.names))


def by_torch(network: ResidualNet, planes: Tensor, scalars: Tensor) -> Tensor:
    """The input as torch computes it where numba is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "chesspg.games.chess.kernels", None)
        assert compiled(network, planes, scalars, network.precision) is None
        return network.boards(planes, scalars)


def agree(planes: Tensor, scalars: Tensor, bf16: bool) -> None:
    for network in NETWORKS:
        with precision(bf16):
            found = compiled(network, planes, scalars, network.precision)
            expected = by_torch(network, planes, scalars)
            assert found is not None
            assert found.dtype == expected.dtype == (torch.bfloat16 if bf16 else torch.float32)
            assert found.shape == expected.shape
            assert torch.equal(found, expected)
            assert torch.equal(network.boards(planes, scalars), expected)


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("count", [0, 1, 33])
def test_positions_of_random_games_are_seen_as_torch_sees_them(count: int, bf16: bool) -> None:
    games, rng = CHESS.start(count), np.random.default_rng(0)
    for _ in range(40):
        seen = games.observe()
        agree(torch.from_numpy(seen.planes.view(np.int64)), torch.from_numpy(seen.scalars), bf16)
        games.play(seen.legal.take((rng.random(count) * seen.legal.counts).astype(np.int64)))


@pytest.mark.parametrize("bf16", [False, True])
@given(
    squares=st.permutations(range(64)),
    pieces=st.lists(st.integers(0, 13), min_size=1, max_size=64),
    seed=st.integers(0, 255),
)
def test_any_pieces_anywhere_and_all_counters_are_seen(
    squares: list[int], pieces: list[int], seed: int, bf16: bool
) -> None:
    planes = np.zeros((3, 14, 1), np.uint64)
    for square, piece in zip(squares, pieces, strict=False):
        planes[1, piece] |= np.uint64(1) << np.uint64(square)
    scalars = np.array([[seed, 255 - seed], [0, 2], [100, 0]], dtype=np.uint8)
    agree(torch.from_numpy(planes.view(np.int64)), torch.from_numpy(scalars), bf16)


@pytest.mark.parametrize("kind", ["compile", "another precision", "a part of a larger tensor"])
def test_torch_computes_what_compiled_code_cannot(kind: str) -> None:
    planes, scalars = torch.arange(28).reshape(2, 14, 1), torch.zeros((2, 2), dtype=torch.uint8)
    if kind == "a part of a larger tensor":
        wide = (1 << torch.arange(42)).reshape(1, 14, 3)  # one piece per plane
        agree(wide[:, :, 1:2], scalars[:1], bf16=False)
    elif kind == "another precision":
        assert compiled(NETWORK, planes, scalars, torch.float64) is None
    else:
        traced = torch.compile(lambda: NETWORK.boards(planes, scalars), backend="eager", fullgraph=True)
        assert torch.equal(traced(), by_torch(NETWORK, planes, scalars))
