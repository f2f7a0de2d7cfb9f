"""FLOPs are counted from the network, and a graph computes what the network does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from chesspg.bench.chip import forward_flops, graphed, matmul_flops_per_s


def test_flops_per_position_are_two_for_each_weight_of_a_linear_network() -> None:
    network = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
    assert forward_flops(network, (torch.zeros(11, 5),)) == 2 * (5 * 7 + 7 * 3)


def test_flops_of_a_convolution_count_every_square() -> None:
    assert forward_flops(nn.Conv2d(4, 6, 3, padding=1), (torch.zeros(2, 4, 8, 8),)) == 2 * 64 * 9 * 4 * 6


def test_a_matrix_product_has_a_rate() -> None:
    assert matmul_flops_per_s(torch.device("cpu"), torch.float32) > 1e6


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_graph_computes_what_the_call_does() -> None:
    device = torch.device("cuda")
    given, result = torch.zeros(3, device=device), torch.zeros(3, device=device)
    replay = graphed(lambda: result.copy_(given + 1), device)
    given.fill_(4)
    replay()
    assert result.tolist() == [5, 5, 5]
