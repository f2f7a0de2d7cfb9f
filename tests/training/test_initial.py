"""What a training can start from, and the advice for a policy of another network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.games.hex import Hex
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.policy.networks import MLP, BoardNet, Network, ResidualNet
from chesspg.policy.networks.network import NetworkOutput
from chesspg.policy.policy import Policy, to_tensors
from chesspg.training.initial import recipes_for, start_from


@pytest.mark.parametrize(
    ("game", "network", "recipes"),
    [
        (Chess(), partial(ResidualNet, channels=64, blocks=4, value=True), ["chess_gpu"]),
        (Chess(), partial(ResidualNet, channels=32, blocks=3, value=True), ["chess_from_pgn"]),
        (Chess(), partial(ResidualNet, channels=32, blocks=3, value=True, rank=32, afterstates=32), ["chess_laptop"]),
        (Chess(), partial(ResidualNet, channels=32, blocks=3, value=True, rank=32), []),
        (Chess(), partial(ResidualNet, channels=16, blocks=2, value=True, rank=24, afterstates=32), ["chess_quick"]),
        (Chess(), partial(ResidualNet, channels=16, blocks=2, value=True), []),
        (Chess("atomic"), partial(ResidualNet, channels=64, blocks=4, value=True), []),
        (Chess(), partial(ResidualNet, channels=64, blocks=5, value=True), []),
        (Hex(6), partial(BoardNet, channels=32, blocks=4, value=True), ["hex"]),
        (Hex(7), partial(BoardNet, channels=32, blocks=4, value=True), []),
        (TicTacToe(), partial(MLP, hidden=(128, 128)), ["tic_tac_toe", "tic_tac_toe_plain"]),
    ],
)
def test_recipes_with_the_game_and_network_of_a_policy(
    game: Game, network: Callable[[Game], Network], recipes: list[str]
) -> None:
    assert recipes_for(Policy(game, network(game))) == recipes


def test_a_policy_without_a_rank_is_refused_with_the_option_to_add(tmp_path: Path) -> None:
    game, path = Chess(), tmp_path / "earlier.safetensors"
    files.save(path, Policy(game, ResidualNet(game, channels=16, blocks=2, value=True)))
    with pytest.raises(
        ValueError, match=r"its network has rank null, the training's 24; add --model\.network\.init_args\.rank null$"
    ):
        start_from(
            Policy(game, ResidualNet(game, channels=16, blocks=2, value=True, rank=24)), str(path), needs_value=False
        )


def test_a_policy_with_a_rank_is_refused_with_the_option_to_add(tmp_path: Path) -> None:
    game, path = Chess(), tmp_path / "ranked.safetensors"
    files.save(path, Policy(game, ResidualNet(game, channels=4, blocks=2, rank=3)))
    with pytest.raises(
        ValueError,
        match=r"its network has channels 4, rank 3, the training's 16, null; add "
        r"--model\.network\.init_args\.channels 4 --model\.network\.init_args\.rank 3$",
    ):
        start_from(Policy(game, ResidualNet(game, channels=16, blocks=2)), str(path), needs_value=False)


def test_afterstates_are_added_to_a_policy_without_them_which_plays_as_before(tmp_path: Path) -> None:
    game, path = Chess(), tmp_path / "earlier.safetensors"
    earlier = Policy(game, ResidualNet(game, channels=4, blocks=1, value=True, rank=3))
    files.save(path, earlier)
    for temperature in 0.5, 1.0:  # at which the training samples
        network = ResidualNet(game, channels=4, blocks=1, value=True, rank=3, afterstates=5)
        policy = Policy(game, network, temperature)
        start_from(policy, str(path), needs_value=True)
    seen = to_tensors(game.start(2).observe())
    torch.testing.assert_close(policy(*seen).log_probs, earlier(*seen).log_probs, rtol=0, atol=0)
    for name, weight in earlier.network.state_dict().items():
        torch.testing.assert_close(policy.network.state_dict()[name], weight, rtol=0, atol=0)
    policy(*seen).log_probs[:, 0].sum().backward()
    assert policy.network.after_weights.grad.abs().sum() > 0  # the new part learns


@pytest.mark.parametrize("afterstates", [None, 6])
def test_afterstates_of_a_policy_are_neither_left_out_nor_replaced(tmp_path: Path, afterstates: int | None) -> None:
    game, path = Chess(), tmp_path / "theirs.safetensors"
    files.save(path, Policy(game, ResidualNet(game, channels=4, blocks=1, afterstates=5)))
    policy = Policy(game, ResidualNet(game, channels=4, blocks=1, afterstates=afterstates))
    with pytest.raises(ValueError, match=r"add --model\.network\.init_args\.afterstates 5$"):
        start_from(policy, str(path), needs_value=False)


def test_a_part_that_can_be_added_is_not_advised_against(tmp_path: Path) -> None:
    game, path = Chess(), tmp_path / "earlier.safetensors"
    files.save(path, Policy(game, ResidualNet(game, channels=4, blocks=1)))
    policy = Policy(game, ResidualNet(game, channels=8, blocks=1, afterstates=5))
    with pytest.raises(
        ValueError, match=r"has channels 4, the training's 8; add --model\.network\.init_args\.channels 4$"
    ):
        start_from(policy, str(path), needs_value=False)


class Loud(MLP):
    """A network that calls a part neutral which is not."""

    neutral = frozenset({"bias"})

    def __init__(self, game: Game, bias: float | None = None) -> None:
        super().__init__(game, hidden=(4,))
        self.init_args = {} if bias is None else {"bias": bias}
        self.bias = bias

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        output = super().forward(planes, scalars, legal)
        logits = output.logits if self.bias is None else output.logits + self.bias * torch.arange(legal.shape[1])
        return NetworkOutput(logits, output.value)


def test_a_new_part_that_changes_the_policy_is_refused(tmp_path: Path) -> None:
    game, path = TicTacToe(), tmp_path / "earlier.safetensors"
    files.save(path, Policy(game, Loud(game)))
    start_from(Policy(game, Loud(game, bias=0.0)), str(path), needs_value=False)
    with pytest.raises(ValueError, match=r"Loud\.neutral must name parts that change no output .*, got bias: "):
        start_from(Policy(game, Loud(game, bias=1.0)), str(path), needs_value=False)


def test_another_network_is_refused_with_the_recipes_that_have_it(tmp_path: Path) -> None:
    game, path = TicTacToe(), tmp_path / "theirs.safetensors"
    files.save(path, Policy(game, MLP(game, hidden=(128, 128))))
    with pytest.raises(
        ValueError,
        match=r"theirs\.safetensors: its network has hidden .*; or start from a recipe with its network: "
        r"--config tic_tac_toe or --config tic_tac_toe_plain$",
    ):
        start_from(Policy(game, MLP(game, hidden=(4,))), str(path), needs_value=False)
