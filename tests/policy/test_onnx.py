"""Exported policies: what an ONNX file and torch.export compute, and what a file says about itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import chess
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from chesspg import load_policy
from chesspg.games.chess import Chess
from chesspg.games.chess.encoding import move_to_action
from chesspg.games.connect_four import ConnectFour
from chesspg.games.game import Game
from chesspg.games.hex import Hex
from chesspg.games.othello import Othello
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy.attacks import Attacks
from chesspg.policy.networks import MLP, BoardNet, Network, NetworkOutput, ResidualNet
from chesspg.policy.onnx import (
    TOLERANCE,
    ExportablePolicy,
    compare,
    exported,
    inputs_of,
    is_exported,
    metadata,
    random_positions,
    to_onnx,
)
from chesspg.policy.policy import Policy, to_tensors

ROOT = Path(__file__).parents[2]
CHESS = Chess(backend="python-chess")
GAMES: list[Game] = [CHESS, TicTacToe(), ConnectFour(), Othello(), Hex(3, swap=True), Hex(9)]


def policy_of(network: Network, game: Game, temperature: float = 0.7) -> Policy:
    """A policy whose weights are not those of the beginning, where a part of a network may have no effect."""
    torch.manual_seed(0)
    for weight in network.parameters():
        nn.init.normal_(weight, std=0.1)
    return Policy(game, network, temperature).eval()


class Blind(Network):
    """A network of the user's own that looks at the bits of the words."""

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        return NetworkOutput((planes[:, :1, 0] >> 3 & 1) * legal.float(), None)


class Noisy(MLP):
    """A network whose output is random."""

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        logits, value = super().forward(planes, scalars, legal)
        return NetworkOutput(nn.functional.dropout(logits, training=True), value)


class Undecided(MLP):
    """A network that looks at numbers to decide what to compute."""

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        output = super().forward(planes, scalars, legal)
        return output if output.logits.sum() > 0 else NetworkOutput(-output.logits, None)


class Counting(MLP):
    """A network whose logits depend on how many actions are legal."""

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        logits, value = super().forward(planes, scalars, legal)
        return NetworkOutput(logits * (legal >= 0).sum(dim=1, keepdim=True), value)


class Impatient(MLP):
    """A network that does something else with long lists of legal actions."""

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        output = super().forward(planes, scalars, legal)
        return output if legal.shape[1] < 8 else NetworkOutput(-output.logits, None)


class Endless(MLP):
    """A network with infinite numbers after a position's last action."""

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        logits, value = super().forward(planes, scalars, legal)
        return NetworkOutput(logits.masked_fill(legal < 0, -torch.inf), value)


class Dropping(MLP):
    """A network with dropout, which evaluation switches off."""

    def __init__(self, game: Game) -> None:
        super().__init__(game)
        self.dropout = nn.Dropout()

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        return NetworkOutput(self.dropout(super().forward(planes, scalars, legal).logits), None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("game", "network"),
    [
        (CHESS, ResidualNet(CHESS, channels=4, blocks=1, value=True)),
        (CHESS, ResidualNet(CHESS, channels=4, blocks=1, rank=3)),
        (CHESS, ResidualNet(CHESS, channels=4, blocks=1, rank=3, afterstates=8)),
        (TicTacToe(), Dropping(TicTacToe())),
        (TicTacToe(), Counting(TicTacToe(), value=True)),
        (ConnectFour(), BoardNet(ConnectFour(), channels=4, blocks=2)),
        (Othello(), BoardNet(Othello(), channels=4, blocks=2, value=True)),
        (Hex(9), BoardNet(Hex(9), channels=4, blocks=2)),  # planes of two words
    ],
    ids=lambda part: part.name if isinstance(part, Game) else type(part).__name__,
)
def test_any_network_of_any_game_is_exported(game: Game, network: Network) -> None:
    policy = policy_of(network, game)
    whole, difference = to_onnx(policy, metadata(policy, {}, "1"), positions=100)
    assert difference < TOLERANCE
    session = onnxruntime.InferenceSession(whole)
    for count in (1, 7):
        seen = random_positions(game, 7)[:count]
        words, scalars, every = to_tensors(seen)
        for length in (1, 2, every.shape[1], 300):
            legal = nn.functional.pad(every, (0, 300), value=-1)[:, :length]
            logits, *value = session.run(None, inputs_of(game, seen) | {"legal": legal.int().numpy()})
            assert logits.shape == (count, length)
            assert np.isfinite(logits).all()
            distribution = policy(words, scalars, legal)
            wanted = policy.network(words, scalars, legal).logits / policy.temperature
            for row, mask in enumerate(legal.numpy() >= 0):
                listed = logits[row, mask]
                np.testing.assert_allclose(listed, wanted[row, mask].detach(), rtol=1e-4, atol=1e-4)
                odds = np.exp(listed - listed.max())
                probabilities = distribution.probs[row, mask].detach()
                np.testing.assert_allclose(odds / odds.sum(), probabilities, atol=1e-5)
            assert len(value) == network.value
            for ours in value:
                assert distribution.value is not None
                np.testing.assert_allclose(ours, distribution.value.detach(), atol=1e-4)


@pytest.fixture(scope="module")
def shipped() -> bytes:
    policy = load_policy("chess_quick")
    whole, difference = to_onnx(policy, metadata(policy, {"games": 7}, "1"), positions=300)
    assert difference < TOLERANCE
    return whole


@pytest.mark.slow
def test_a_shipped_policy_says_what_it_takes_and_nothing_of_this_machine(shipped: bytes) -> None:
    whole = shipped
    session = onnxruntime.InferenceSession(whole)
    assert [(one.name, one.type, one.shape) for one in (*session.get_inputs(), *session.get_outputs())] == [
        ("planes", "tensor(float)", ["N", 14, 8, 8]),
        ("scalars", "tensor(float)", ["N", 2]),
        ("legal", "tensor(int32)", ["N", "M"]),
        ("logits", "tensor(float)", ["N", "M"]),
        ("value", "tensor(float)", ["N"]),
    ]
    about = json.loads(session.get_modelmeta().custom_metadata_map["chesspg"])
    assert about["planes"] == list(CHESS.planes)
    assert about["scalars"] == dict(CHESS.scalars)
    assert about["policy"]["facts"] == {"games": 7}
    assert len(about["actions"]) == CHESS.num_actions
    assert str(ROOT).encode() not in whole  # nor any other path of this machine
    assert b".py" not in whole


@pytest.mark.slow
def test_the_program_in_the_documentation_encodes_positions_as_chesspg(
    shipped: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "chess_quick.onnx").write_bytes(shipped)
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs/export.md").read_text()
    program, printed = re.findall(r"```python\n(import json.*?)```\n\nIt prints\n\n```\n(.*?)```", text, re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(program, names)
    assert capsys.readouterr().out == printed
    policy = load_policy("chess_quick")
    positions = [
        "startpos moves e2e4 a7a6 e4e5 d7d5",  # en passant
        "r3k2r/8/8/8/8/8/8/R3K2R b Kq - 7 9",
        "4k3/2P5/8/8/8/8/2p5/4K3 w - - 0 1",
        "4k3/2P5/8/8/8/8/2p5/4K3 b - - 0 1",
        "8/8/8/4k3/8/4K3/4P3/8 b - - 99 90",
    ]
    games = CHESS.start(positions)
    observed = games.observe()
    probabilities = policy.observe(observed)
    for row in range(len(games)):
        board = games.board(row)
        moves = {move_to_action(move, board.turn): move.uci() for move in board.legal_moves}
        legal = [moves[action] for action in observed.legal[[row]].actions.tolist()]
        inputs, ours = names["inputs"](board.fen(), legal), inputs_of(CHESS, observed[[row]])
        assert inputs.keys() == ours.keys()
        for name, part in inputs.items():
            assert part.dtype == ours[name].dtype
            assert (part == ours[name]).all()
        found, value = names["likeliest"](board.fen(), legal)
        expected = dict(zip(legal, probabilities.probs[row].tolist(), strict=False))
        assert {move: float(one) for one, move in found} == pytest.approx(expected, abs=1e-5)
        assert probabilities.value is not None
        assert value == pytest.approx(probabilities.value[row].item(), abs=1e-4)


@pytest.mark.parametrize(
    "network", [ResidualNet(CHESS, channels=4, blocks=1, value=True), MLP(CHESS, (4,))], ids=["ResidualNet", "MLP"]
)
def test_torch_export_takes_a_policy_and_its_network(network: Network) -> None:
    policy = policy_of(network, CHESS)
    seen = random_positions(CHESS, 9)
    module = exported(policy).module()
    for count in (1, 9):
        parts = {name: torch.from_numpy(part) for name, part in inputs_of(CHESS, seen[:count]).items()}
        for length in (1, 2, parts["legal"].shape[1], 300):
            parts["legal"] = nn.functional.pad(parts["legal"], (0, 300), value=-1)[:, :length]
            found, expected = module(**parts), ExportablePolicy(policy)(**parts)
            assert found[0].shape == (count, length)
            for ours, wanted in zip(found, expected, strict=True):
                torch.testing.assert_close(ours, wanted)
    own = to_tensors(seen)
    count, actions = torch.export.Dim("count", min=2), torch.export.Dim("actions", min=2, max=220)
    program = torch.export.export(network, own, dynamic_shapes=({0: count}, {0: count}, {0: count, 1: actions}))
    fewer = to_tensors(seen[:4])
    torch.testing.assert_close(program.module()(*fewer).logits, network(*fewer).logits)


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Blind(TicTacToe()), "the network Blind can't be exported: "),
        (Undecided(TicTacToe()), "the network Undecided can't be exported: "),
        (Impatient(TicTacToe()), "the network Impatient can't be exported: "),
        pytest.param(
            Endless(TicTacToe()),
            "the network Endless can't be exported: its outputs are not finite in some position",
            marks=pytest.mark.slow,
        ),
        pytest.param(Noisy(TicTacToe()), "the exported network differs from torch by ", marks=pytest.mark.slow),
    ],
)
def test_what_cannot_be_exported_is_refused_with_the_reason(network: Network, reason: str) -> None:
    policy = policy_of(network, TicTacToe())
    with pytest.raises(ValueError) as caught:
        to_onnx(policy, metadata(policy, {}, "1"), positions=20)
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_file_that_computes_something_else_is_found() -> None:
    game = TicTacToe()
    policy = policy_of(MLP(game, value=True), game)
    whole, _ = to_onnx(policy, metadata(policy, {}, "1"), positions=20)
    other = policy_of(MLP(game, value=True), game)
    with torch.no_grad():
        other.network.get_parameter("value_head.bias").add_(1e-2)
    with pytest.raises(ValueError, match="differs from torch by"):
        compare(whole, other, 20)


@pytest.mark.parametrize("game", GAMES, ids=lambda game: game.name)
def test_inputs_are_what_a_network_gets_in_other_types(game: Game) -> None:
    seen = random_positions(game, 40)
    assert len(seen) == 40
    assert seen.legal.counts.min() > 0
    inputs = inputs_of(game, seen)
    planes = inputs["planes"]
    assert planes.shape == (40, len(game.planes), *game.board)
    network = MLP(game, hidden=(2,))
    words, scalars, legal = to_tensors(seen)
    assert torch.equal(network.unpack(words), network.unpack(torch.from_numpy(planes)))
    assert ("scalars" in inputs) == bool(game.scalars)
    assert (inputs.get("scalars", scalars) == scalars.numpy()).all()
    assert inputs["legal"].dtype == np.int32
    assert (inputs["legal"] == legal.numpy()).all()


@given(st.integers(0, 2**32))
def test_attacks_square_by_square_are_those_of_the_words(seed: int) -> None:
    rng = np.random.default_rng(seed)
    squares = np.zeros((3, 14, 64), np.float32)
    for row in squares:
        king, other, *rest = rng.choice(64, size=rng.integers(2, 64), replace=False)
        row[5, king] = row[11, other] = 1
        for square in rest:
            row[rng.choice([0, 1, 2, 3, 4, 6, 7, 8, 9, 10]), square] = 1
    words = np.packbits(squares.astype(bool), axis=2, bitorder="little").view(np.int64)
    attacks = Attacks(hanging=True)
    expected = np.unpackbits(attacks(torch.from_numpy(words)).numpy().view(np.uint8), axis=2, bitorder="little")
    assert (attacks.of_squares(torch.from_numpy(squares)).numpy() == expected).all()


@pytest.mark.parametrize("game", GAMES[1:], ids=lambda game: game.name)
def test_actions_have_the_names_that_player_0_gives_them(game: Game) -> None:
    names = game.action_names
    assert len(names) == game.num_actions
    actions = game.start(1).observe().legal.actions
    position = game.start(1).position(0)
    assert [names[action] for action in actions] == [game.move_name(position, int(action)) for action in actions]


def test_actions_of_chess_have_the_names_of_whites_moves() -> None:
    names = CHESS.action_names
    assert len(names) == CHESS.num_actions
    assert len(set(names) - {""}) == 64 * 63 + 22 * 3
    for fen in (chess.STARTING_FEN, "1n1nkn2/P1P1P1P1/8/8/8/8/8/R3K2R w KQ - 0 1"):
        board = chess.Board(fen)
        for move in board.legal_moves:
            assert names[move_to_action(move, chess.WHITE)] == move.uci().removesuffix("q")


def test_actions_without_an_order_have_their_numbers_as_names() -> None:
    class Bare(TicTacToe):
        action_layout = ()

    assert Bare().action_names == [str(action) for action in range(9)]


def test_only_files_of_ours_are_recognized(tmp_path: Path) -> None:
    graph = onnx.helper.make_graph([], "empty", [], [])
    for name, producer in (("ours", "chesspg"), ("theirs", "pytorch")):
        onnx.save(onnx.helper.make_model(graph, producer_name=producer), tmp_path / name)
    (tmp_path / "text").write_text("no model")
    assert [is_exported(tmp_path / name) for name in ("ours", "theirs", "text")] == [True, False, False]
