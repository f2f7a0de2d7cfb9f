"""Statistics of gradients against their definitions, with gradients of which they are known."""

from __future__ import annotations

import pytest
import torch

from chesspg.learning.gradients import SignalToNoise, norm


def test_signal_to_noise_is_that_of_the_gradients_that_came() -> None:
    """Gradients g = μ + σ ε in d dimensions have |μ|² / (d σ²)."""
    torch.manual_seed(0)
    d, sigma = 500, 0.5
    mu = torch.randn(d) * 0.2
    counter = SignalToNoise()
    assert counter.take() is None
    for _ in range(400):
        one = mu + sigma * torch.randn(d)
        counter.add([one[:100].view(10, 10), one[100:]])
    expected = float(mu.square().sum()) / (d * sigma**2)
    assert counter.take() == pytest.approx(expected, rel=0.05)
    assert counter.count == 0


def test_signal_to_noise_by_hand() -> None:
    # Eight gradients, (3, 1) and (3, −1) by turns: |g|² = 10 each, |Σ g|² / 8 = 72, tr Cov = (80 − 72) / 7 = 8 / 7.
    # |E g|² is estimated as (72 − 8 / 7) / 8, which is 62 / 7; their ratio is 62 / 8.
    counter = SignalToNoise()
    for number in range(8):
        assert counter.take() is None  # too few
        counter.add([torch.tensor([3.0]), torch.tensor([1.0 if number % 2 else -1.0])])
    assert counter.take() == pytest.approx(62 / 8)
    assert counter.take() is None  # they are forgotten


def test_gradients_without_noise_have_no_ratio() -> None:
    counter = SignalToNoise()
    for _ in range(8):
        counter.add([torch.ones(3)])
    assert counter.take() is None
    assert counter.count == 0


def test_gradients_of_other_parameters_begin_anew() -> None:
    counter = SignalToNoise()
    counter.add([torch.ones(3)])
    counter.add([torch.ones(2)])
    counter.add([torch.ones(2)])
    assert counter.count == 2
    assert counter.sum is not None
    assert counter.sum.tolist() == [2.0, 2.0]
    assert counter.squares == 4.0


def test_norm_is_that_of_all_tensors_together() -> None:
    assert norm([torch.tensor([[1.0, 2.0]]), torch.tensor(2.0)]).item() == 3.0
