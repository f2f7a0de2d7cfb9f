"""From logits to probabilities of the legal actions alone, against a reference of one line."""

from __future__ import annotations

import math

import chess
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from chesspg.games.chess import Chess
from chesspg.games.game import Game, Observation
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.player import Random
from chesspg.policy import files
from chesspg.policy.networks import Network, NetworkOutput, ResidualNet
from chesspg.policy.policy import Distribution, Policy, fetch, full_batch, send, to_tensors, words
from chesspg.selfplay.loop import play

NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


class Fixed(Network):
    """A table that learns: its logits are the same for every position."""

    def __init__(self, game: Game, logits: Tensor) -> None:
        super().__init__(game)
        self.logits = torch.nn.Parameter(logits)

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        return NetworkOutput(self.logits.expand(len(planes), -1).gather(1, legal.clamp(min=0).long()), None)


POSITIONS = ["3/3/3 x", "3/3/3 x moves b2", "3/3/3 x moves a1 b2 c3 a3", "3/3/3 x moves a1 b1 c1 a2 b2 a3 b3 c3"]


def fixed(logits: Tensor, temperature: float = 1.0) -> tuple[Policy, Observation, Distribution]:
    policy = Policy(TicTacToe(), Fixed(TicTacToe(), logits), temperature)
    observation = TicTacToe().start(POSITIONS).observe()
    return policy, observation, policy.observe(observation)


def reference(logits: list[float], actions: list[int], temperature: float) -> list[float]:
    weights = [math.exp(logits[action] / temperature) for action in actions]
    return [weight / sum(weights) for weight in weights]


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_probabilities_log_probabilities_and_entropy(temperature: float) -> None:
    logits = torch.randn(9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    _, observation, distribution = fixed(logits, temperature)
    legal = observation.legal
    for row in range(len(POSITIONS)):
        actions = legal[[row]].actions.tolist()
        expected = reference(logits.tolist(), actions, temperature)
        assert distribution.probs[row].tolist() == pytest.approx(expected + [0.0] * (9 - len(actions)), abs=1e-12)
        assert distribution.mask[row].tolist() == [True] * len(actions) + [False] * (9 - len(actions))
        assert distribution.entropy()[row].item() == pytest.approx(-sum(p * math.log(p) for p in expected), abs=1e-12)
        for k in range(len(actions)):
            chosen = distribution.log_prob(torch.full((len(POSITIONS),), k))[row].item()
            assert chosen == pytest.approx(math.log(expected[k]), abs=1e-12)
        assert distribution.mode()[row].item() == int(np.argmax(expected))


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e4, 1e8])
def test_everything_stays_finite(scale: float) -> None:
    """−∞ or NaN anywhere, forward or backward, spoils a whole update."""
    policy, _, distribution = fixed(scale * torch.linspace(-1, 1, 9))
    assert torch.isfinite(distribution.log_probs).all()
    assert torch.isfinite(distribution.entropy()).all()
    assert distribution.probs.sum(dim=1).tolist() == pytest.approx([1.0] * len(POSITIONS))
    (distribution.log_prob(torch.zeros(len(POSITIONS))).sum() + distribution.entropy().sum()).backward()
    assert torch.isfinite(policy.network.logits.grad).all()  # type: ignore[arg-type]


def test_a_game_that_is_over_has_no_action_and_does_no_harm() -> None:
    policy = fixed(torch.ones(9))[0]
    distribution = policy.observe(TicTacToe().start(["3/3/3 x", "3/3/3 x moves a1 b1 a2 b2 a3"]).observe())
    assert not distribution.mask[1].any()
    assert distribution.log_probs[1].tolist() == distribution.probs[1].tolist() == [0.0] * 9
    assert distribution.entropy().tolist() == pytest.approx([math.log(9), 0.0])
    distribution.log_probs.sum().backward()
    assert torch.isfinite(policy.network.logits.grad).all()  # type: ignore[arg-type]


def test_illegal_actions_have_no_gradient() -> None:
    policy, observation, distribution = fixed(torch.randn(9, generator=torch.Generator().manual_seed(2)))
    row = 2
    (distribution.log_prob(torch.zeros(len(POSITIONS)))[row] + distribution.entropy()[row]).backward()
    gradient = policy.network.logits.grad
    assert isinstance(gradient, Tensor)
    legal = set(observation.legal[[row]].actions.tolist())
    assert [a for a in range(9) if gradient[a] != 0] == sorted(legal)
    assert gradient.sum().item() == pytest.approx(0, abs=1e-6)


def test_the_gradient_of_a_log_probability_is_one_hot_minus_probabilities() -> None:
    policy, _, distribution = fixed(torch.randn(9, generator=torch.Generator().manual_seed(3)))
    distribution.log_prob(torch.full((len(POSITIONS),), 4))[0].backward()  # nine legal actions, the fifth chosen
    expected = -distribution.probs[0].detach()
    expected[4] += 1
    assert torch.allclose(policy.network.logits.grad, expected, atol=1e-6)  # type: ignore[arg-type]


def test_sampling_inverts_the_cumulative_probabilities() -> None:
    count = 10_000
    logits = torch.randn(9, generator=torch.Generator().manual_seed(4)).double()
    policy = Policy(TicTacToe(), Fixed(TicTacToe(), logits))
    distribution = policy.observe(TicTacToe().start([POSITIONS[1]] * count).observe())
    choices = distribution.sample((torch.arange(count) + 0.5) / count)
    assert (choices.diff() >= 0).all()  # ascending actions take ascending shares of [0, 1)
    shares = torch.bincount(choices, minlength=8) / count
    assert shares.tolist() == pytest.approx(distribution.probs[0].tolist(), abs=1.01 / count)


def test_sampling_at_the_ends_never_leaves_the_legal_actions() -> None:
    # The last legal action has a probability of e^−100: even the largest uniform must choose an existing action.
    distribution = fixed(torch.tensor([0.0] * 8 + [-100.0]))[2]
    counts = distribution.mask.sum(dim=1)
    for uniform in (0.0, float(np.nextafter(1.0, 0.0)), 1.0):  # float32 rounds the largest one up to 1
        choice = distribution.sample(torch.full((len(POSITIONS),), uniform, dtype=torch.float64))
        assert ((choice >= 0) & (choice < counts)).all()


def test_a_position_and_its_color_flip_get_the_same_policy() -> None:
    """The board turned upside down with the colors swapped looks the same to its mover."""
    torch.manual_seed(5)
    game = Chess()
    policy = Policy(game, ResidualNet(game, channels=8, blocks=1))
    rollout = play(game.start(24), (Random(), Random()), Randomness(6), max_plies=31)
    boards = [game.to_board(position) for position in rollout.positions()]
    boards += [game.to_board("startpos moves e2e4 a7a6 e4e5 d7d5")]  # en passant
    boards += [chess.Board("r3k2r/1P6/8/8/8/8/8/R3K2R w KQkq - 3 9")]  # castling and promotion
    boards = [board for board in boards if not board.is_game_over()]
    here, there = (game.start([b.fen() for b in group]).observe() for group in (boards, [b.mirror() for b in boards]))
    assert (here.player == 1 - there.player).all()
    assert (here.legal.actions == there.legal.actions).all()
    with torch.no_grad():
        assert torch.equal(policy.observe(here).log_probs, policy.observe(there).log_probs)


@pytest.mark.parametrize(
    ("device", "sizes"),
    [
        ("cpu", {0: 0, 1: 1, 2: 2, 3: 4, 5: 8, 8: 8, 9: 16, 16: 16, 17: 32, 40: 48, 400: 400, 401: 416}),
        ("cuda", {0: 0, 1: 256, 256: 256, 257: 512}),
        ("mps", {1: 1, 3: 3, 401: 401}),
    ],
)
def test_batches_have_few_sizes(device: str, sizes: dict[int, int]) -> None:
    assert {count: full_batch(count, torch.device(device)) for count in sizes} == sizes


def test_what_fills_a_batch_up_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(5)
    game, sizes = Chess(), []
    policy = Policy(game, ResidualNet(game, channels=8, blocks=1, value=True)).double()
    policy.network.register_forward_hook(lambda network, seen, answer: sizes.append(len(seen[0])))
    games = game.start(5)
    games.play(games.observe().legal.take(np.arange(5)))
    seen = []
    for multiple in (1, 8):
        monkeypatch.setattr("chesspg.policy.policy.MULTIPLES", {"cpu": multiple})
        policy.zero_grad()
        distribution = policy.observe(games.observe())
        assert distribution.value is not None
        (
            distribution.log_prob(torch.arange(5)).sum() + distribution.value.sum() + distribution.entropy().sum()
        ).backward()
        gradients = [p.grad for p in policy.parameters() if p.grad is not None]
        seen.append([distribution.log_probs.detach(), distribution.mask, distribution.value.detach(), *gradients])
    assert sizes == [5, 8]
    torch.testing.assert_close(seen[0], seen[1])


@pytest.mark.parametrize("temperature", [0, -1.0, math.nan, math.inf])
def test_a_temperature_is_finite_and_above_zero(temperature: float) -> None:
    with pytest.raises(ValueError, match=f"temperature must be above 0 and finite, got {temperature}"):
        Policy(TicTacToe(), Fixed(TicTacToe(), torch.zeros(9)), temperature)


def test_words_keep_their_bits() -> None:
    array = np.array([0, 1, 2**63, 2**64 - 1], dtype=np.uint64)
    assert [x & (2**64 - 1) for x in words(array).tolist()] == array.tolist()


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NO_CUDA)])
def test_there_and_back(device: str) -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    tensor = send(array, torch.device(device))
    assert tensor.device.type == device
    arrived = fetch(tensor * 2)
    fetch(tensor * 3)  # launched later, not waited for
    assert (arrived() == array * 2).all()
    assert send(array).device.type == "cpu"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chess_quick", "chess_laptop"])
@pytest.mark.parametrize("in_slots", [True, False])
def test_the_policy_that_learns_is_the_one_that_sampled_in_bf16(name: str, in_slots: bool) -> None:
    """The ratios π/π_sampled begin at 1, whatever other positions a batch has.

    In slots, lists are padded to `max_legal`, and logits are computed as on a GPU.
    """
    game = Chess(backend="python-chess")
    policy, games = files.load(name, game), game.start(32)
    rng = np.random.default_rng(0)
    sampled, planes, scalars, legal, choices = [], [], [], [], []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for _ in range(40):
            seen = to_tensors(games.observe())
            padded = F.pad(seen[2], (0, game.max_legal - seen[2].shape[1]), value=-1)
            distribution = policy(seen[0], seen[1], padded if in_slots else seen[2])
            choice = distribution.sample(torch.from_numpy(rng.random(len(padded))))
            for many, one in zip((planes, scalars, legal, choices), (*seen[:2], padded, choice), strict=True):
                many.append(one)
            sampled.append(distribution.log_prob(choice))
            games.play(games.observe().legal.take(choice.numpy()))
            games = games[np.flatnonzero(~games.outcomes().over)]
        whole = [torch.cat(many) for many in (planes, scalars, legal, choices, sampled)]
        longest = game.max_legal if in_slots else int((whole[2] >= 0).sum(dim=1).max())
        differences = []
        for part in torch.from_numpy(rng.permutation(len(whole[0]))).split(500):
            some = [each[part] for each in whole]
            learning = policy(some[0], some[1], some[2][:, :longest])
            differences.append((learning.log_prob(some[3]) - some[4]).abs())
    difference = torch.cat(differences)
    assert len(difference) > 1000
    assert difference.max() < 1e-2  # measured: 2e-6; a bf16 number near 4 would be off by up to 1.6e-2
