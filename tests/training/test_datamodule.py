"""SelfPlay: what the games of a rollout depend on, how ranks share them, how they are cut, what memory they take."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import chess
import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from preloaded import python
from torch import Tensor, nn

from chesspg.games.chess import Chess
from chesspg.games.game import Game, split_position
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import SQUARES, TicTacToe
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.selfplay.opponents import OpponentPool
from chesspg.selfplay.rollout import Rollout
from chesspg.training.batches import Batch
from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import PolicyGradient

MakeTrainer = Callable[..., pl.Trainer]
MakeModule = Callable[..., PolicyGradient]


@pytest.fixture
def player() -> PolicyPlayer:
    torch.manual_seed(0)
    return PolicyPlayer(Policy(TicTacToe(), MLP(TicTacToe(), hidden=(16,))))


# --- Which games -----------------------------------------------------------------------------------------------------


def test_games_depend_on_seed_rollout_and_index_alone(player: PolicyPlayer) -> None:
    data = SelfPlay(TicTacToe(), games=50, seed=3)
    first = data.sample(player).positions()
    torch.rand(7)  # the games do not depend on any generator's state
    np.random.default_rng().random(7)
    assert data.sample(player).positions() == first
    assert (
        SelfPlay(TicTacToe(), games=20, seed=3).sample(player).positions() == first[:20]
    )  # nor on how many games there are
    assert SelfPlay(TicTacToe(), games=50, seed=4).sample(player).positions() != first
    data.rollouts = 1
    assert data.sample(player).positions() != first


def test_a_rollout_goes_on_where_the_state_says(player: PolicyPlayer) -> None:
    data, again = SelfPlay(TicTacToe(), games=10), SelfPlay(TicTacToe(), games=10)
    data.rollouts = 5
    again.load_state_dict(data.state_dict())
    assert again.sample(player).positions() == data.sample(player).positions()


def test_every_rollout_of_a_training_samples_anew(trainer: MakeTrainer) -> None:
    class Keep(pl.Callback):
        def __init__(self) -> None:
            self.games: list[list[str]] = []

        def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Rollout) -> None:
            self.games.append(rollout.positions())

    class Still(Reader):
        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.0)

    keep, still, data = Keep(), Still(), SelfPlay(TicTacToe(), games=20, seed=3)
    trainer(max_epochs=2, callbacks=[keep]).fit(still, data)
    assert data.rollouts == 2
    fresh = SelfPlay(TicTacToe(), games=20, seed=3)
    for number, games in enumerate(keep.games):
        fresh.rollouts = number
        assert games == fresh.sample(PolicyPlayer(still.policy)).positions()
    assert keep.games[0] != keep.games[1]


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_play_the_union_of_what_one_would(ranks: int, player: PolicyPlayer) -> None:
    starts = ["3/3/3 x", "x2/1o1/3 x", "3/3/x2 o", "3/1x1/3 o"]
    data = SelfPlay(TicTacToe(), games=24, seed=5, starts=starts)
    whole = data.sample(player)
    shares = [data.sample(player, rank, ranks) for rank in range(ranks)]
    for rank, share in enumerate(shares):
        assert share.games == 24 // ranks
        for i in range(share.games):
            game = i * ranks + rank
            assert share.position(i) == whole.position(game)
            assert share.reward[i] == whole.reward[game]
            assert share.group[i] == whole.group[game] == game % 4  # a start has one number on every rank
    assert sum(len(share.plies) for share in shares) == len(whole.plies)


def test_what_ranks_cannot_share_evenly(player: PolicyPlayer) -> None:
    with pytest.raises(ValueError, match="games must be a multiple of 2, the number of ranks, got 7"):
        SelfPlay(TicTacToe(), games=7).sample(player, 0, 2)


def test_starts_come_in_turn_black_to_move_included(module: MakeModule) -> None:
    mate_in_one = "6k1/5ppp/8/8/8/8/5PPP/R5K1 b - - 0 1"  # Black moves, and must make room or be mated
    starts = [chess.STARTING_FEN, mate_in_one]
    data = SelfPlay(Chess(backend="python-chess"), games=6, max_plies=4, starts=starts)
    rollout = data.sample(PolicyPlayer(module(data.game).policy))
    for i, position in enumerate(rollout.positions()):
        assert split_position(position)[0].split()[:2] == starts[i % 2].split()[:2]
    assert rollout.group.tolist() == [0, 1, 0, 1, 0, 1]
    first = [rollout.plies.player[rollout.plies.game == game][0] for game in range(6)]
    assert first == [0, 1, 0, 1, 0, 1]


class Drawn:
    """A third of the games start at the beginning, the others after a random move."""

    alike = 1

    def positions(self, game: Game, index: NDArray[np.integer[Any]], rng: Randomness) -> list[str]:
        squares = (rng.uniforms(index, 0) * 9).astype(int)
        later = rng.uniforms(index, 1) < 2 / 3
        return [f"3/3/3 x moves {SQUARES[n]}" if yes else "" for n, yes in zip(squares, later, strict=True)]


def test_starts_may_be_drawn(player: PolicyPlayer) -> None:
    data = SelfPlay(TicTacToe(), games=60, seed=3, starts=Drawn())
    whole = data.sample(player)
    first = np.array([whole.plies.player[whole.plies.game == game][0] for game in range(60)])
    assert 25 < first.sum() < 55  # player 1, after the random move
    halves = [data.sample(player, rank, 2) for rank in range(2)]
    for i in range(60):
        assert halves[i % 2].position(i // 2) == whole.position(i)
        assert halves[i % 2].group[i // 2] == whole.group[i]
    data.rollouts = 1
    assert data.sample(player).positions() != whole.positions()


def test_a_drawn_start_that_cannot_be_read() -> None:
    class Wrong(Drawn):
        def positions(self, game: Game, index: NDArray[np.integer[Any]], rng: Randomness) -> list[str]:
            return ["", *["xxx"] * (len(index) - 1)]

    with pytest.raises(ValueError, match="'xxx' is not a position of tic-tac-toe"):
        SelfPlay(TicTacToe(), games=4, starts=Wrong())


def test_an_empty_text_is_the_initial_position(player: PolicyPlayer) -> None:
    rollout = SelfPlay(TicTacToe(), games=4, starts=["", "3/3/x2 o"]).sample(player)
    starts = [split_position(position)[0] for position in rollout.positions()]
    assert starts == ["3/3/3 x", "3/3/x2 o"] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"games": 0}, "games must be between 1 and 1,048,576, got 0"),
        ({"updates": -1}, "updates must be between 1 and 1,048,576, got -1"),
        ({"max_plies": 0}, "max_plies must be between 1 and 1,048,576, got 0"),
        ({"starts": []}, "starts must name at least one position"),
        ({"starts": ["3/3/3 x", "xxx"]}, "'xxx' is not a position of tic-tac-toe"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SelfPlay(TicTacToe(), **arguments)  # type: ignore[arg-type]


# --- How they are cut ------------------------------------------------------------------------------------------------


class Reader(pl.LightningModule):
    """A module that is not a PolicyGradient: it keeps the batches, and pulls every weight towards zero."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = Policy(TicTacToe(), MLP(TicTacToe(), hidden=(8,)))
        self.batches: list[Batch] = []

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        self.batches.append(batch)
        return torch.stack([p.square().sum() for p in self.parameters()]).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize(("updates", "passes", "parts"), [(1, 1, 1), (1, 1, 4), (3, 1, 1), (2, 3, 2)])
def test_every_ply_comes_once_a_pass(updates: int, passes: int, parts: int, trainer: MakeTrainer) -> None:
    reader, data = Reader(), SelfPlay(TicTacToe(), games=16, updates=updates, passes=passes)
    fit = trainer(accumulate_grad_batches=parts)
    fit.fit(reader, data)
    assert fit.global_step == updates * passes
    assert len(reader.batches) == updates * passes * parts
    rollout = data.rollout
    assert isinstance(rollout, Rollout)

    def plies(batches: list[Batch]) -> list[tuple[object, ...]]:
        rows = []
        for batch in batches:
            assert (batch.games, batch.stored, batch.parts) == (16, len(rollout.plies), updates * parts)
            for i in range(len(batch.plies.choice)):
                legal = tuple(action for action in batch.plies.legal[i].tolist() if action >= 0)
                facts = (batch.plies.choice[i].item(), batch.plies.log_prob[i].item(), batch.advantage[i].item())
                rows.append((tuple(batch.plies.planes[i].flatten().tolist()), legal, *facts))
        return sorted(rows, key=repr)

    each = updates * parts
    for k in range(passes):
        assert plies(reader.batches[k * each : (k + 1) * each]) == plies(reader.batches[:each])
    assert len(plies(reader.batches[:each])) == len(rollout.plies)
    words = np.array([row[0] for row in plies(reader.batches[:each])], dtype=np.uint64)
    assert words.sum(axis=0).tolist() == rollout.plies.planes[:, :, 0].sum(axis=0).tolist()
    sizes = [len(batch.plies.choice) for batch in reader.batches]
    assert max(sizes) - min(sizes) <= 1


def test_updates_shuffle_plies_by_the_seed_alone(trainer: MakeTrainer) -> None:
    def first_batch(seed: int) -> Tensor:
        torch.manual_seed(0)
        reader = Reader()
        trainer().fit(reader, SelfPlay(TicTacToe(), games=16, updates=2, seed=seed))
        return reader.batches[0].plies.log_prob

    assert torch.equal(first_batch(1), first_batch(1))
    assert first_batch(1).shape != first_batch(2).shape or not torch.equal(first_batch(1), first_batch(2))


def test_a_module_without_a_policy(trainer: MakeTrainer) -> None:
    class NoPolicy(Reader):
        def __init__(self) -> None:
            super().__init__()
            self.policy = nn.Linear(1, 1)  # type: ignore[assignment]

    with pytest.raises(TypeError, match="NoPolicy must have a chesspg Policy as its attribute `policy`, got a Linear"):
        trainer().fit(NoPolicy(), SelfPlay(TicTacToe(), games=2))


# --- Memory ----------------------------------------------------------------------------------------------------------

# The rollout is built, not played, and only five of its 64 parts are learned from, by a Trainer in fast_dev_run: every
# part takes the same memory, and all of them would take half a minute.
LARGE = """
import resource, sys
import numpy as np, pytorch_lightning as pl, torch
from chesspg.games.chess import Chess
from chesspg.games.game import Legal
from chesspg.selfplay.plies import Plies
from chesspg.selfplay.opponents import OpponentPool
from chesspg.selfplay.rollout import Rollout
from chesspg.policy.networks import ResidualNet
from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import PolicyGradient

N, GAMES, MOVES = 200_000, 1000, 40
game = Chess(backend="python-chess")
one = game.start(1).observe()
actions = np.tile(np.sort(np.random.default_rng(0).choice(4096, MOVES, replace=False)).astype(np.int16), N)

class Made(SelfPlay):
    def sample(self, player, rank=0, ranks=1):
        plies = Plies(
            planes=np.repeat(one.planes, N, axis=0), scalars=np.repeat(one.scalars, N, axis=0),
            player=np.tile(np.array([0, 1], np.int8), N // 2), legal=Legal(actions, np.arange(N + 1) * MOVES),
            choice=np.zeros(N, np.int16), game=np.repeat(np.arange(GAMES, dtype=np.int32), N // GAMES),
            log_prob=np.zeros(N, np.float32),
        )
        return Rollout(
            plies, outcome=np.ones(GAMES, np.int8), reason=np.ones(GAMES, np.uint8),
            reward=np.ones(GAMES, np.float32), length=np.full(GAMES, N // GAMES, np.int32), finished=[],
            group=np.zeros(GAMES, np.int32), seconds=1.0,
        )

torch.set_num_threads(1)
module = PolicyGradient(game, ResidualNet)
trainer = pl.Trainer(max_epochs=1, accelerator="cpu", accumulate_grad_batches=64, fast_dev_run=5, logger=False,
                     enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
trainer.fit(module, Made(game, games=GAMES))
assert trainer.global_step == 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # in KiB on Linux
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit elsewhere")
def test_200_000_plies_train_in_4_gb(tmp_path: Path) -> None:
    (tmp_path / "large.py").write_text(LARGE)
    done = python(tmp_path, "large.py")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 4_000_000


@pytest.mark.parametrize(
    ("device", "given", "threads"), [("cuda", None, 4), ("cpu", None, None), ("cuda", 3, 3), ("cpu", 3, 3)]
)
def test_the_rules_have_the_cores_that_an_accelerator_leaves(
    monkeypatch: pytest.MonkeyPatch, device: str, given: int | None, threads: int | None
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(8)), raising=False)
    data = SelfPlay(Chess(threads=given), games=8)
    strategy = SimpleNamespace(root_device=torch.device(device))
    data.trainer = SimpleNamespace(strategy=strategy, num_devices=2)  # type: ignore[assignment]
    data.setup("fit")
    assert data.game.threads == threads
    rules = TicTacToe()
    data.game = rules
    data.setup("fit")
    assert rules.threads == 1  # it does not use more


def test_a_rollout_in_which_the_learner_makes_no_move(trainer: MakeTrainer, module: MakeModule) -> None:
    pool = OpponentPool({"random": 1.0}, share=0)
    data = SelfPlay(TicTacToe(), games=1, max_plies=1, starts=["2x/3/3 o"], opponents=pool)
    learner = module()
    with pytest.raises(ValueError, match=r"^the learner made no move in the 1 games of a rollout; set more games"):
        trainer(max_epochs=3).fit(learner, data)
    assert learner.updates == 0
