"""The mean of the weights of policies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from studies import average


def saved(path: Path, hidden: int, **facts: int) -> Policy:
    game = TicTacToe()
    policy = Policy(game, MLP(game, hidden=(hidden,)), temperature=0.5)
    files.save(path, policy, facts)
    return policy


def test_the_mean_of_weights_with_the_facts_of_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., None]
) -> None:
    monkeypatch.chdir(tmp_path)
    policies = [saved(Path(f"{k}.safetensors"), 4, games=k) for k in range(3)]
    names = [f"{k}.safetensors" for k in range(3)]
    saved(Path("wide.safetensors"), 5)
    refused(average.main, ["1.safetensors", *names], ("1.safetensors exists",))
    refused(
        average.main, ["mean.safetensors", *names, "wide.safetensors"], ("must have the same network", "[4]", "[5]")
    )
    assert not Path("mean.safetensors").exists()
    assert average.main(["mean.safetensors", *names]) == 0
    got = files.load("mean.safetensors").network.state_dict()
    for name, weight in got.items():
        torch.testing.assert_close(weight, sum(one.network.state_dict()[name] for one in policies) / 3)
    assert files.read_header("mean.safetensors").facts == {"games": 2}
    assert files.read_header("mean.safetensors").temperature == 0.5
