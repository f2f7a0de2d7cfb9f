"""Files that earlier versions wrote: the policies that ship, and a checkpoint of version 0.1."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.policy.networks import MLP, ResidualNet
from chesspg.storage.shipped import shipped_policies

CHECKPOINT = Path(__file__).parent / "data" / "version_0_1.ckpt"


def test_four_policies_ship() -> None:
    assert {"chess_from_pgn", "chess_gpu", "chess_laptop", "chess_quick"} <= shipped_policies().keys()


@pytest.mark.parametrize("name", shipped_policies())
def test_every_policy_that_ships_loads_and_plays(name: str) -> None:
    policy = files.load(name)
    assert isinstance(policy.game, Chess)
    assert isinstance(policy.network, ResidualNet)
    assert files.describe(policy.network) == files.read_header(name).network
    distribution = policy.observe(policy.game.start(["startpos moves e2e4 d7d5"]).observe())
    probabilities = distribution.log_probs.exp()
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-4)
    assert probabilities.max() > 2 / 31  # there are 31 legal moves: it has learned something


@pytest.mark.parametrize("name", shipped_policies())
def test_a_policy_that_ships_is_written_again_as_it_is(name: str, tmp_path: Path) -> None:
    """A ladder recognizes a policy by the content of its file."""
    files.write(tmp_path / "again.safetensors", *files.read(name))
    assert (tmp_path / "again.safetensors").read_bytes() == shipped_policies()[name].read_bytes()


def test_a_checkpoint_of_version_0_1_loads() -> None:
    header = files.read_header(CHECKPOINT)
    assert (header.facts["updates"], header.facts["games"], header.temperature) == (3, 192, 1.0)
    policy = files.load(CHECKPOINT)
    assert isinstance(policy.game, TicTacToe)
    assert isinstance(policy.network, MLP)
    stored = torch.load(CHECKPOINT, weights_only=True)["state_dict"]
    weights = policy.network.state_dict()
    assert {f"{files.NETWORK}{key}" for key in weights} == stored.keys()
    for key, tensor in weights.items():
        assert torch.equal(tensor, stored[f"{files.NETWORK}{key}"])
