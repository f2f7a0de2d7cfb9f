"""The random numbers are uniform, independent, and without state."""

from __future__ import annotations

import numpy as np
import pytest

from chesspg.games.randomness import Randomness, mix


def test_mixes_as_splitmix64() -> None:
    # The first outputs of the reference implementation seeded with 0; its state grows by the golden gamma.
    gamma = 0x9E3779B97F4A7C15
    state = np.array([0, gamma, 2 * gamma % 2**64], dtype=np.uint64)
    assert [hex(x) for x in mix(state).tolist()] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f"]


@pytest.mark.parametrize("axis", ["game", "ply", "seed", "rollout"])
def test_uniform_and_uncorrelated_along_every_axis(axis: str) -> None:
    count = 1 << 16
    at = {"game": 3, "ply": 5, "seed": 7, "rollout": 11}
    if axis in ("game", "ply"):
        at[axis] = np.arange(count)  # type: ignore[assignment]
        game = np.broadcast_to(at["game"], count)
        u = Randomness(at["seed"], at["rollout"]).uniforms(game, at["ply"])
    else:
        count = 1 << 12
        draws = (Randomness(**({"seed": 7, "rollout": 11} | {axis: k})) for k in range(count))
        u = np.concatenate([d.uniforms(np.array([3]), 5) for d in draws])
    assert ((u >= 0) & (u < 1)).all()
    assert len(np.unique(u)) == count
    # χ² of 64 cells has mean 63 and standard deviation √126 = 11.2; five standard deviations above is 119.
    cells = np.histogram(u, bins=64, range=(0, 1))[0]
    assert ((cells - count / 64) ** 2).sum() / (count / 64) < 119
    correlation = np.corrcoef(u[:-1], u[1:])[0, 1]
    assert abs(correlation) < 5 / np.sqrt(count)


def test_games_and_plies_do_not_mix_up() -> None:
    """The number for game a at ply b is not the one for game b at ply a."""
    games, plies = np.meshgrid(np.arange(300), np.arange(300))
    assert len(np.unique(Randomness(1).uniforms(games.ravel(), plies.ravel()))) == 300 * 300


def test_has_no_state() -> None:
    draws, game = Randomness(4, 2), np.arange(100)
    first = draws.uniforms(game, 9)
    order = np.random.default_rng(0).permutation(100)
    draws.generator().random(10)
    assert (draws.uniforms(game[order], 9) == first[order]).all()
    assert (Randomness(4, 2).uniforms(game[50:], np.full(50, 9)) == first[50:]).all()
    assert draws.generator().random() == Randomness(4, 2).generator().random() != Randomness(4, 3).generator().random()


@pytest.mark.parametrize("seed", [0, 1, -1, 2**32 - 1, 2**32, 2**63 + 5])
@pytest.mark.parametrize("rollout", [0, 7, 2**40 + 3])
def test_generators_of_a_stream_are_those_of_numpy(seed: int, rollout: int) -> None:
    index = np.array([0, 3, 1_048_575, 2**32 - 1])
    ours = Randomness(seed, rollout).generators(2, index)
    numpys = [np.random.default_rng((seed % 2**64, rollout, 2, i)) for i in index]
    assert [a.bit_generator.state for a in ours] == [b.bit_generator.state for b in numpys]


def test_negative_and_large_seeds_are_seeds() -> None:
    seen = {float(Randomness(seed).uniforms(np.array([0]), 0)[0]) for seed in (-1, 0, 1, 2**62, -(2**63))}
    assert len(seen) == 5
