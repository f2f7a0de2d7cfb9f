"""Networks: planes to floats, shapes, and which output is the logit of which action."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from chesspg.games.chess import Chess, encoding
from chesspg.games.game import Game, Legal, Observation
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy.networks import MLP, Network, ResidualNet
from chesspg.policy.networks.residual_net import LONG, ResidualBlock
from chesspg.policy.policy import to_tensors, words

CHESS = Chess(backend="python-chess")
POSITIONS = ["startpos", "startpos moves e2e4", "8/1P2k3/8/8/8/8/6p1/4K3 w - - 30 40"]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def see(positions: list[str]) -> tuple[Tensor, Tensor, Tensor]:
    return to_tensors(CHESS.start(positions).observe())


@pytest.mark.parametrize("words", [1, 2])
def test_unpack_puts_every_bit_on_its_square(words: int) -> None:
    squares = 64 if words == 1 else 90
    network = MLP(TicTacToe())
    network.squares = squares
    bits = np.random.default_rng(0).random((5, 3, squares)) < 0.5
    planes = np.zeros((5, 3, words), np.uint64)
    for n, p, square in np.argwhere(bits):
        planes[n, p, square // 64] |= np.uint64(1) << np.uint64(square % 64)
    assert (network.unpack(torch.from_numpy(planes.view(np.int64))).numpy() == bits).all()


def padded(array: NDArray[Any]) -> NDArray[Any]:
    """The same numbers as a part of a larger array."""
    whole = np.zeros([2 * size + 1 for size in array.shape], array.dtype)
    part = whole[tuple(slice(1, None, 2) for _ in array.shape)]
    part[...] = array
    return part


def backwards(array: NDArray[Any]) -> NDArray[Any]:
    """The same numbers with negative strides."""
    every = (slice(None, None, -1),) * array.ndim
    return array[every].copy()[every]


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """The same numbers, read-only."""
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "part of a larger array": padded,
    "Fortran order": np.asfortranarray,
    "negative strides": backwards,
    "read-only": frozen,
    "byte-swapped": lambda array: array.astype(array.dtype.newbyteorder()),
    "a transposed copy": lambda array: array.T.copy().T,
    "not aligned": lambda array: np.frombuffer(b"x" + array.tobytes(), array.dtype, offset=1).reshape(array.shape),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("game", [TicTacToe(), CHESS], ids=["tic-tac-toe", "chess"])
def test_any_array_of_the_right_shape_and_type_is_seen_alike(game: Game, layout: str) -> None:
    network = ResidualNet(game, channels=4, blocks=1) if isinstance(game, Chess) else MLP(game)
    games = game.start(5)
    for ply in range(3):
        legal = games.observe().legal
        games.play(legal.take(np.arange(5) * (ply + 1) % legal.counts))
    seen = games.observe()
    change = LAYOUTS[layout]
    offsets = change(seen.legal.offsets.astype(np.int32))
    legal = Legal(change(seen.legal.actions), offsets)
    changed = Observation(change(seen.planes), change(seen.scalars), change(seen.player), legal)
    for rows in (slice(None), [3], [], [2, 0, 0]):
        expected, got = (network(*to_tensors(one[rows])).logits for one in (seen, changed))
        assert torch.equal(expected, got)


def test_unpack_takes_planes_with_strides_of_zero() -> None:
    """numpy and torch call an array contiguous whatever the stride of an axis of one."""
    network = MLP(TicTacToe())
    sticks = np.array([5, 0, 0x1FF, 256], dtype=np.uint64)
    bits = (sticks[:, None] >> np.arange(9, dtype=np.uint64) & np.uint64(1)).astype(np.float32)
    for count in (4, 1, 0):
        for planes in (sticks[:count, None, None], np.broadcast_to(sticks[:count, None, None], (count, 2, 1))):
            unpacked = network.unpack(words(planes)).numpy()
            np.testing.assert_array_equal(unpacked, np.repeat(bits[:count, None], planes.shape[1], axis=1))
    one = np.broadcast_to(np.uint64(5), (3, 2, 1))  # one number everywhere
    np.testing.assert_array_equal(network.unpack(words(one)).numpy(), np.broadcast_to(bits[0], (3, 2, 9)))


def test_unpack_takes_any_tensor() -> None:
    network = MLP(TicTacToe())
    planes = torch.arange(24).reshape(4, 2, 3)
    expected = network.unpack(planes[:, :, :1].clone())
    assert torch.equal(network.unpack(planes[:, :, :1]), expected)
    assert torch.equal(network.unpack(planes.permute(2, 0, 1).contiguous().permute(1, 2, 0)[:, :, :1]), expected)


def test_unpack_follows_the_precision_of_the_network() -> None:
    network = MLP(TicTacToe()).double()
    assert network.unpack(torch.ones((2, 2, 1), dtype=torch.int64)).dtype == torch.float64


def test_scale_takes_the_limits_of_the_game() -> None:
    network = ResidualNet(CHESS, channels=4, blocks=0)
    scaled = network.scale(torch.tensor([[100, 2], [50, 0]], dtype=torch.uint8))
    assert scaled.tolist() == [[1.0, 1.0], [0.5, 0.0]]


@pytest.mark.parametrize("rank", [None, 5])
@pytest.mark.parametrize("value", [False, True])
def test_shapes(value: bool, rank: int | None) -> None:
    planes, scalars, legal = see(POSITIONS)
    output = ResidualNet(CHESS, channels=8, blocks=2, value=value, rank=rank)(planes, scalars, legal)
    assert output.logits.shape == legal.shape == (3, 20)
    assert (output.value is not None) == value
    tiny = TicTacToe().start(4).observe()
    small = MLP(TicTacToe(), hidden=(5,), value=value)(*to_tensors(tiny))
    assert small.logits.shape == (4, 9)
    for values in (output.value, small.value):
        if values is not None:
            assert values.shape in ((3,), (4,))
            assert (values.abs() < 1).all()


def test_a_network_of_nothing_is_refused() -> None:
    for sizes, message in (
        ({"channels": 0}, "channels must be at least 1, got 0"),
        ({"channels": -3}, "channels must be at least 1, got -3"),
        ({"blocks": -1}, "blocks must be at least 0, got -1"),
        ({"rank": 0}, "rank must be at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            ResidualNet(CHESS, **sizes)
    with pytest.raises(ValueError, match=r"each width in hidden must be at least 1, got \[8, 0\]"):
        MLP(TicTacToe(), hidden=(8, 0))


@pytest.mark.parametrize("rank", [None, 4])
def test_a_logit_is_the_product_of_its_squares_and_underpromotions_follow(rank: int | None) -> None:
    """Against loops over squares, with the action's number taken from the encoding."""
    length = rank or 6
    network = ResidualNet(CHESS, channels=6, blocks=1, rank=rank).double()
    seen: list[Tensor] = []
    network.from_to.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    planes, scalars, legal = see(POSITIONS)
    legal[0, :6] = torch.tensor([64 * a + b for a, b in [(12, 28), (4, 6), (0, 63), (63, 0), (7, 8), (52, 60)]])
    logits = network(planes, scalars, legal).logits
    x = seen[0]  # [N, 64, C], with a rank [N, 64, C + inputs]
    weight, bias = network.from_to.weight, network.from_to.bias
    under = [0] * 3
    for row, place in (legal >= 0).nonzero().tolist():
        action = int(legal[row, place])
        if action < 4096:
            a = weight[:length] @ x[row, action // 64] + bias[:length]
            b = weight[length:] @ x[row, action % 64] + bias[length:]
            expected = (a @ b).item() / length**0.5
        else:
            file, rest = divmod(action - 4096, 9)
            expected = network.underpromotion(x[row, 48 + file, :6])[rest].item()
            under[row] += 1
        assert logits[row, place].item() == pytest.approx(expected)
    assert under == [0, 0, 3]
    board = CHESS.to_board("8/1P6/8/8/4k3/8/8/4K3 w - - 0 1")
    action = encoding.move_to_action(board.parse_san("b8=R"), board.turn)
    assert action == 4096 + (3 * 1 + 1) * 3 + 2  # from the b-file, straight ahead is 1, the rook 2


@pytest.mark.parametrize("rank", [None, 24])
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_long_lists_have_the_logits_and_gradients_of_short_ones(precision: torch.dtype, rank: int | None) -> None:
    network = ResidualNet(CHESS, channels=32, blocks=1, value=True, rank=rank).to(precision)
    planes, scalars, legal = see(POSITIONS)
    long = F.pad(legal, (0, LONG), value=-1)
    assert long.shape[1] > LONG >= legal.shape[1]
    results = []
    for actions in (legal, long):
        logits = network(planes, scalars, actions).logits[:, : legal.shape[1]]
        assert logits.dtype == precision
        weights = torch.arange(legal.numel(), dtype=precision).view_as(legal) * (legal >= 0)
        network.zero_grad()
        (logits * weights).sum().backward()
        results.append([logits, *(p.grad for p in network.parameters() if p.grad is not None)])
    close = 1e-12 if precision == torch.float64 else 1e-5
    for short, padded in zip(*results, strict=True):
        assert (short - padded).abs().max() <= close * (1 + short.abs().max())


def test_logits_in_bf16_are_sums_in_single_precision() -> None:
    """Products of bf16 numbers are exact in float32; those of short lists are rounded to bf16 before they are added."""
    network = ResidualNet(CHESS, channels=32, blocks=1)
    planes, scalars, legal = see(POSITIONS)
    long = F.pad(legal, (0, LONG), value=-1)
    vectors: list[Tensor] = []
    network.from_to.register_forward_hook(lambda module, arguments, output: vectors.append(output))
    plain = legal < 4096
    action = legal.clamp(min=0).long()
    for actions in (legal, long):
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(planes, scalars, actions).logits[:, : legal.shape[1]]
        assert logits.dtype == torch.float32
        source, target = vectors[-1].double().chunk(2, dim=2)
        pairs = source.flatten(0, 1)[:, None] * target.repeat_interleave(64, dim=0)  # [N · from, to, C]
        exact, sizes = (
            each.sum(dim=2).view(len(legal), -1).gather(1, action.clamp(max=4095)) * 32**-0.5
            for each in (pairs, pairs.abs())
        )
        rounded = 1e-5 if actions is long else 2.0**-9 * sizes + 1e-5
        assert (((logits - exact).abs() <= rounded) | ~plain).all()


def test_a_square_is_seen_where_it_is() -> None:
    """Without blocks, a mark on e4 that attacks nothing reaches the eight neighbors of e4 and no other square."""
    network = ResidualNet(CHESS, channels=8, blocks=0)
    seen: list[Tensor] = []
    network.from_to.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    planes = torch.zeros((2, len(CHESS.planes), 1), dtype=torch.int64)
    planes[1, CHESS.planes.index("en passant"), 0] = 1 << 28  # e4
    network(planes, torch.zeros((2, 2), dtype=torch.uint8), torch.zeros((2, 1), dtype=torch.int16))
    changed = (seen[0][0] != seen[0][1]).any(dim=1).nonzero().flatten().tolist()
    assert changed == [rank * 8 + file for rank in (2, 3, 4) for file in (3, 4, 5)]


def test_with_a_rank_the_inputs_of_a_square_reach_its_vectors() -> None:
    network = ResidualNet(CHESS, channels=8, blocks=0, rank=4)
    seen: list[Tensor] = []
    network.from_to.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    planes, scalars, legal = see(POSITIONS)
    network(planes, scalars, legal)
    assert torch.equal(seen[0][..., 8:], network.boards(planes, scalars).flatten(1, 2))


@pytest.mark.parametrize("rank", [None, 4])
def test_the_value_head_sees_the_mean_and_with_a_rank_the_maximum(rank: int | None) -> None:
    network = ResidualNet(CHESS, channels=8, blocks=1, value=True, rank=rank)
    seen: list[Tensor] = []
    assert network.value_head is not None
    network.value_head.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    network.from_to.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0][..., :8]))
    network(*see(POSITIONS))
    squares, pooled = seen  # [N, 64, C] and [N, C] or [N, 2C]
    expected = torch.cat((squares.mean(dim=1), squares.max(dim=1).values), dim=1) if rank else squares.mean(dim=1)
    assert torch.equal(pooled, expected)


def test_counters_are_seen() -> None:
    network = ResidualNet(CHESS, channels=8, blocks=1)
    planes, _, legal = see(["startpos"])
    a, b = (network(planes, torch.tensor([[clock, 0]], dtype=torch.uint8), legal).logits for clock in (0, 90))
    assert not torch.equal(a, b)


def test_a_block_begins_as_the_identity() -> None:
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(ResidualBlock(4)(x), x)


def test_no_state_but_parameters_and_no_chance() -> None:
    """With batch norm or dropout, the policy that samples is not the one that learns."""
    network = ResidualNet(CHESS, channels=8, blocks=2, value=True, rank=4).train()
    seen = see(POSITIONS)
    together = network(*seen).logits
    assert torch.equal(together, network.eval()(*seen).logits)
    assert torch.allclose(together[1], network(*(part[1:2] for part in seen)).logits[0], atol=1e-5)
    assert set(network.state_dict()) == {name for name, _ in network.named_parameters()}


@pytest.mark.parametrize(
    "network",
    [
        ResidualNet(CHESS, channels=8, blocks=3, value=True),
        ResidualNet(CHESS, channels=8, blocks=1, rank=4),
        MLP(TicTacToe(), hidden=(7, 5)),
        MLP(CHESS, value=True),
    ],
    ids=["residual", "residual with a rank", "mlp", "mlp of chess"],
)
def test_init_args_build_the_same_sizes(network: Network) -> None:
    game = TicTacToe() if network.squares == 9 else CHESS
    twin = type(network)(game, **network.init_args)
    twin.load_state_dict(network.state_dict())
    assert [p.shape for p in twin.parameters()] == [p.shape for p in network.parameters()]


def test_the_residual_net_refuses_games_without_from_and_to() -> None:
    with pytest.raises(ValueError, match="tic-tac-toe"):
        ResidualNet(TicTacToe())
