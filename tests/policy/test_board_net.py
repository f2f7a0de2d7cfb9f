"""BoardNet: which features give the logit of which action, how far it sees, any board, and files of its policies."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from others import Placing, Twice
from torch import Tensor, nn

from chesspg.games.chess import Chess
from chesspg.games.connect_four import ConnectFour
from chesspg.games.game import Game, layout_size
from chesspg.games.hex import Hex
from chesspg.games.othello import Othello
from chesspg.games.stones.game import StoneGame
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.policy.networks import BoardNet
from chesspg.policy.policy import Policy, to_tensors


def plain(game: StoneGame) -> StoneGame:
    """The game with rules in numpy, for which no test waits until they are compiled."""
    game.compiled = None
    return game


OTHELLO, CONNECT_FOUR = plain(Othello()), plain(ConnectFour())
GAMES = [TicTacToe(), CONNECT_FOUR, OTHELLO, plain(Hex(4)), plain(Hex(9, swap=True)), Placing(3, 25), Twice()]
BY_NAME = {"argvalues": GAMES, "ids": [f"{game.name} {number}" for number, game in enumerate(GAMES)]}
Seen = tuple[Tensor, Tensor, Tensor]


def lively(network: BoardNet) -> BoardNet:
    """The network with random weights everywhere, as after learning: new ones have blocks that change nothing."""
    torch.manual_seed(0)
    for weights in network.parameters():
        nn.init.normal_(weights, std=0.3)
    return network


def mixed() -> Game:
    """A game that has blocks of actions of every kind, as far as a network sees it."""
    game, layout = Placing(3, 5), ("columns", "pass", "cells", "swap", "cells")
    game.action_layout, game.num_actions = layout, layout_size(layout, game.board)
    return game


def see(game: Game, count: int) -> Seen:
    """Positions after two plies, which differ from each other."""
    games = game.start(count)
    for ply in (1, 2):
        legal = games.observe().legal
        games.play(legal.take(torch.arange(count).numpy() * ply % legal.counts))
    return to_tensors(games.observe())


def features(network: BoardNet, seen: Seen) -> tuple[Tensor, Tensor, Tensor | None]:
    """[N, rows, columns, C] the features from which the heads compute, the logits and the value."""
    bodies: list[Tensor] = []
    with network.body.register_forward_hook(lambda module, arguments, output: bodies.append(output)):
        logits, value = network(*seen)
    return bodies[0].relu().permute(0, 2, 3, 1), logits, value


def test_each_action_has_the_logit_of_its_place() -> None:
    """Against loops, with blocks of every kind in a mixed order."""
    game = mixed()
    assert game.num_actions == 5 + 1 + 15 + 1 + 15
    network = lively(BoardNet(game, channels=6, blocks=2, value=True).double())
    planes, scalars, _ = see(game, 3)
    x, logits, value = features(network, (planes, scalars, torch.arange(37, dtype=torch.int16).expand(3, 37)))
    pooled, singles, value_head = network.pooled, network.singles, network.value_head
    cell_head, column_head = network.cells, network.columns
    assert pooled
    assert singles
    assert value_head
    assert cell_head
    assert column_head
    assert value is not None
    for n in range(3):
        squares = x[n].flatten(0, 1)  # [15, C]
        overall = pooled(torch.cat((squares.mean(dim=0), squares.max(dim=0).values))).relu()
        cells = [cell_head(squares[square]) for square in range(15)]
        columns = [
            sum(column_head.weight[0, :, row, 0] @ x[n, row, column] for row in range(3)) + column_head.bias[0]
            for column in range(5)
        ]
        pass_, swap = singles(overall)
        expected = [*columns, pass_, *(cell[0] for cell in cells), swap, *(cell[1] for cell in cells)]
        torch.testing.assert_close(logits[n], torch.stack(expected))
        torch.testing.assert_close(value[n], value_head(overall).tanh()[0])


def test_without_a_layout_any_action_may_depend_on_any_square() -> None:
    network = lively(BoardNet(Twice(), channels=6, blocks=1).double())
    seen = see(Twice(), 4)
    x, logits, _ = features(network, seen)
    assert network.reduce
    assert network.actions
    every = network.actions(network.reduce(x.flatten(1, 2)).relu().flatten(1))
    torch.testing.assert_close(logits, every.gather(1, seen[2].clamp(min=0).long()))


@pytest.mark.parametrize("game", **BY_NAME)
@pytest.mark.parametrize("value", [False, True])
def test_any_game_of_any_size(game: Game, value: bool) -> None:
    network = BoardNet(game, channels=4, blocks=2, value=value)
    for count in (0, 1, 5):
        seen = to_tensors(game.start(count).observe())
        for bf16 in (False, True):
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                output = network(*seen)
            assert output.logits.shape == seen[2].shape
            assert output.logits.dtype == torch.float32
            assert (output.value is None) == (not value)
            if output.value is not None:
                assert output.value.shape == (count,)
                assert (output.value.abs() < 1).all()


def test_bits_counters_and_the_edge_are_where_they_belong() -> None:
    game = Placing(9, 9)
    network = BoardNet(game, channels=4, blocks=0)
    planes = torch.zeros((1, 2, 2), dtype=torch.int64)
    planes[0, 0, 0] = 1 << 12  # d2
    planes[0, 1, 1] = 1 << 16  # square 80, i9
    boards = network.boards(planes, torch.tensor([[1, 51]], dtype=torch.uint8))[0]  # [rows, columns, inputs]
    assert boards[..., 0].nonzero().tolist() == [[1, 3]]
    assert boards[..., 1].nonzero().tolist() == [[8, 8]]
    for channel, number in ((2, 1 / 2), (3, 51 / 255), (4, 1.0)):
        torch.testing.assert_close(boards[..., channel], torch.full((9, 9), number))


@pytest.mark.parametrize(("blocks", "reach"), [(0, 1), (1, 3), (2, 8)])
def test_every_second_block_sees_the_whole_board(blocks: int, reach: int) -> None:
    """A stone in the corner a1 changes the logits of squares up to `reach` rows or columns away, and no others."""
    game = Hex(9)
    network = lively(BoardNet(game, channels=8, blocks=blocks).double())
    planes = torch.zeros((2, len(game.planes), 2), dtype=torch.int64)
    planes[1, 0, 0] = 1
    scalars = torch.zeros((2, len(game.scalars)), dtype=torch.uint8)
    logits = network(planes, scalars, torch.arange(81, dtype=torch.int16).expand(2, 81)).logits
    # Not `!=`: on some processors equal positions of one batch differ in the last bit.
    changed = ((logits[0] - logits[1]).abs() > 1e-9).view(9, 9)
    assert changed[: reach + 1, : reach + 1].all()
    assert changed.sum() == (reach + 1) ** 2


def test_new_blocks_change_nothing() -> None:
    network = BoardNet(TicTacToe(), channels=4, blocks=3)
    x = torch.randn(2, 4, 3, 3)
    assert torch.equal(network.body(x), x)


def test_bf16_rounds_the_features_but_not_the_logits() -> None:
    """Logits in bf16 would be multiples of 1/64 from 2 up to 4."""
    network = lively(BoardNet(OTHELLO, channels=16, blocks=2, value=True))
    seen = see(OTHELLO, 3)
    with torch.autocast("cpu", torch.bfloat16):
        x, logits, value = features(network, seen)
    assert x.dtype == torch.bfloat16
    assert network.cells
    assert value is not None
    assert value.dtype == torch.float32
    every = network.cells(x.float().flatten(1, 2)).squeeze(2)
    torch.testing.assert_close(logits, every.gather(1, seen[2].clamp(min=0).long()))


def test_the_policy_that_samples_is_the_one_that_learns() -> None:
    """No batch norm and no dropout: a position has the same logits alone, among others, and in training mode."""
    network = lively(BoardNet(OTHELLO, channels=8, blocks=2, value=True)).train()
    seen = see(OTHELLO, 3)
    together = network(*seen).logits
    assert torch.equal(together, network.eval()(*seen).logits)
    torch.testing.assert_close(together[1], network(*(part[1:2] for part in seen)).logits[0])
    assert set(network.state_dict()) == {name for name, _ in network.named_parameters()}


@pytest.mark.parametrize("game", **BY_NAME)
def test_a_policy_file_gives_the_network_back(game: Game, tmp_path: Path) -> None:
    network = lively(BoardNet(game, channels=5, blocks=2, value=True))
    files.save(tmp_path / "p.safetensors", Policy(game, network))
    loaded = files.load(tmp_path / "p.safetensors", game).network
    seen = see(game, 3)
    assert type(loaded) is BoardNet
    assert torch.equal(loaded(*seen).logits, network(*seen).logits)


def test_a_policy_of_one_board_size_on_another_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    files.save(path, Policy(Hex(5), BoardNet(Hex(5), channels=4, blocks=1)))
    with pytest.raises(files.PolicyFileError) as caught:
        files.load(path, Hex(7))
    assert str(caught.value) == f"{path} plays hex 5x5, not hex 7x7"


def test_every_weight_learns() -> None:
    for game in (CONNECT_FOUR, OTHELLO, Twice()):
        network = lively(BoardNet(game, channels=4, blocks=2, value=True))
        logits, value = network(*see(game, 4))
        assert value is not None
        (logits.log_softmax(1)[:, 0].sum() + value.sum()).backward()
        idle = {name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()}
        assert idle <= {"singles.weight", "singles.bias"}  # nobody has to pass here


def test_sizes_and_layouts_that_do_not_fit_are_refused() -> None:
    for sizes, message in (
        ({"channels": 0}, "channels must be at least 1, got 0"),
        ({"blocks": -1}, "blocks must be at least 0, got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            BoardNet(TicTacToe(), **sizes)
    game = TicTacToe()
    game.action_layout = ("cells", "pass")
    with pytest.raises(
        ValueError, match=r"^the action_layout of tic-tac-toe has 10 actions, but its num_actions is 9$"
    ):
        BoardNet(game)


@pytest.mark.parametrize("game", [*GAMES, Chess(backend="python-chess")], ids=lambda game: game.name)
def test_it_can_be_built_without_memory(game: Game) -> None:
    with torch.device("meta"):
        sketch = BoardNet(game, channels=4, blocks=2, value=True)
    shapes = {name: weights.shape for name, weights in BoardNet(game, 4, 2, value=True).state_dict().items()}
    assert {name: weights.shape for name, weights in sketch.state_dict().items()} == shapes


@pytest.mark.slow  # torch.export takes seconds
def test_torch_export_for_any_number_of_positions_and_legal_actions() -> None:
    game = mixed()
    network = lively(BoardNet(game, channels=4, blocks=2, value=True)).eval()
    batch, actions = torch.export.Dim("batch", max=1024), torch.export.Dim("actions")
    four, seven = (to_tensors(game.start(count).observe()) for count in (4, 7))
    exported = torch.export.export(network, four, dynamic_shapes=[{0: batch}] * 2 + [{0: batch, 1: actions}]).module()
    for count in (1, 7):
        planes, scalars, every = (part[:count] for part in seven)
        for legal in (every, every[:, :1], nn.functional.pad(every, (0, 50), value=-1)):
            given = planes, scalars, legal
            torch.testing.assert_close(exported(*given).logits, network(*given).logits)
