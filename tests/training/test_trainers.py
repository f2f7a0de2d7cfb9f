"""Any Trainer, any way to give it the games: the gradient is that of whole rollouts, or the run is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import GradientAccumulationScheduler, ModelCheckpoint
from pytorch_lightning.utilities import CombinedLoader
from torch import Tensor

from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.learning.advantages import Advantages
from chesspg.learning.losses import Loss
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.selfplay.opponents import OpponentPool
from chesspg.training.batches import Batch
from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import PolicyGradient

pytestmark = pytest.mark.slow

MakeTrainer = Callable[..., pl.Trainer]
MakeModule = Callable[..., PolicyGradient]
GAME = TicTacToe()
SGD = partial(torch.optim.SGD, lr=1.0)  # one step moves the weights by minus the gradient


class Wrapper(pl.LightningDataModule):
    """The user's own data module, which passes the loader of SelfPlay on."""

    def __init__(self, games: SelfPlay) -> None:
        super().__init__()
        self.games = games

    def train_dataloader(self) -> Any:
        return self.games.train_dataloader()


class Combined(Wrapper):
    """Has another loader of `other` batches beside that of SelfPlay."""

    def __init__(self, games: SelfPlay, other: int, mode: Any = "max_size_cycle") -> None:
        super().__init__(games)
        self.other = other
        self.mode = mode

    def train_dataloader(self) -> CombinedLoader:
        return CombinedLoader({"games": self.games.train_dataloader(), "other": [0] * self.other}, self.mode)


class OfBoth(PolicyGradient):
    """Learns from the games of such a pair."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return super().training_step(batch["games"], batch_idx)


class Counting(SelfPlay):
    """Counts the rollouts that were begun."""

    sampled = 0

    def sample(self, *arguments: Any, **more: Any) -> Any:
        self.sampled += 1
        return super().sample(*arguments, **more)


def flat(module: pl.LightningModule) -> Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def of_both(**arguments: Any) -> OfBoth:
    torch.manual_seed(7)
    return OfBoth(GAME, partial(MLP, hidden=(16,)), **arguments)


# --- Refused, since plies would be lost or the gradient divided by another number -----------------------------------


@pytest.mark.parametrize(
    ("arguments", "data", "words"),
    [
        ({"accumulate_grad_batches": 4, "limit_train_batches": 1}, {}, "limit_train_batches=1"),
        ({"limit_train_batches": 2}, {"updates": 8}, "limit_train_batches=2"),
        ({"limit_train_batches": 0.5}, {"updates": 8}, r"limit_train_batches=0\.5"),
        ({"limit_train_batches": 3}, {"updates": 2, "passes": 2}, "limit_train_batches=3"),
        ({"overfit_batches": 1}, {}, r"overfit_batches=1"),
        ({"overfit_batches": 0.5}, {}, r"overfit_batches=0\.5"),
        ({"accumulate_grad_batches": 0}, {}, "^accumulate_grad_batches must be at least 1, got 0$"),
        ({"callbacks": [GradientAccumulationScheduler({0: 4})]}, {}, "GradientAccumulationScheduler .* from 1 to 4"),
        ({"callbacks": [GradientAccumulationScheduler({2: 2, 5: 3})]}, {}, "GradientAccumulationScheduler"),
    ],
)
@pytest.mark.parametrize("how", ["data module", "wrapped", "loader"])
def test_what_would_change_the_gradient_is_refused_before_the_first_game(
    how: str, arguments: dict[str, Any], data: dict[str, Any], words: str, trainer: MakeTrainer, module: MakeModule
) -> None:
    learned, games = module(clip=0.2), Counting(GAME, games=8, **data)
    before = flat(learned)
    given = {"data module": games, "wrapped": Wrapper(games), "loader": games.train_dataloader()}[how]
    with pytest.raises(ValueError, match=words) as caught:
        trainer(max_epochs=3, **arguments).fit(learned, given)
    assert "\n" not in str(caught.value)
    assert games.sampled == 0
    assert torch.equal(flat(learned), before)


@pytest.mark.parametrize(("other", "mode"), [(8, "max_size_cycle"), (2, "min_size"), (8, "max_size")])
def test_another_loader_beside_it_must_not_shorten_or_repeat_a_rollout(
    other: int, mode: str, trainer: MakeTrainer
) -> None:
    games = Counting(GAME, games=8, updates=4)
    with pytest.raises(ValueError, match=f"takes {other} batches per epoch, but a rollout of SelfPlay has 4"):
        trainer().fit(of_both(loss=Loss(clip=0.2)), Combined(games, other, mode))
    assert games.sampled == 0


def test_a_callback_that_accumulates_otherwise_later(trainer: MakeTrainer, module: MakeModule) -> None:
    class Later(pl.Callback):
        def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
            trainer.accumulate_grad_batches = 1 + trainer.current_epoch

    games = Counting(GAME, games=8)
    with pytest.raises(ValueError, match="accumulate_grad_batches changed from 1 to 2"):
        trainer(max_epochs=3, callbacks=[Later()]).fit(module(), games)
    assert games.sampled == 1


@pytest.mark.parametrize("when", ["on_rollout", "on_train_batch_start", "on_before_backward", "on_before_zero_grad"])
def test_an_accumulation_that_changes_inside_a_rollout(when: str, trainer: MakeTrainer, module: MakeModule) -> None:
    class Change(pl.Callback):
        def change(self, *arguments: Any) -> None:
            fit.accumulate_grad_batches = 3

    setattr(Change, when, Change.change)
    fit = trainer(accumulate_grad_batches=2, callbacks=[Change()], max_epochs=2)
    with pytest.raises(ValueError, match="accumulate_grad_batches changed from 2 to 3"):
        fit.fit(module(), SelfPlay(GAME, games=8))


def test_a_loader_that_is_used_again_is_checked_again(trainer: MakeTrainer, module: MakeModule) -> None:
    games = Counting(GAME, games=8, updates=4)
    loader = games.train_dataloader()
    fit = trainer()
    fit.fit(module(clip=0.2), loader)
    fit.fit_loop.max_epochs = 2
    with pytest.raises(ValueError, match="plies that other weights played"):
        fit.fit(module(), loader)
    assert games.sampled == 1


def test_batches_that_are_held_back_are_noticed(trainer: MakeTrainer, module: MakeModule) -> None:
    class Half(Wrapper):
        def train_dataloader(self) -> Any:
            loader = self.games.train_dataloader()

            class Shorter:
                def __len__(self) -> int:
                    return len(loader)

                def __iter__(self) -> Iterator[Batch]:
                    return (batch for batch, _ in zip(loader, range(2), strict=False))

            return Shorter()

    with pytest.raises(ValueError, match="after 2 of the 4 batches of a rollout"):
        trainer(max_epochs=2).fit(module(clip=0.2), Half(SelfPlay(GAME, games=8, updates=4)))


def test_the_games_of_two_are_refused(trainer: MakeTrainer) -> None:
    class Two(Wrapper):
        def train_dataloader(self) -> CombinedLoader:
            other = SelfPlay(GAME, games=8, seed=2)
            return CombinedLoader({"games": self.games.train_dataloader(), "more": other.train_dataloader()})

    with pytest.raises(ValueError, match="one SelfPlay at a time, got two"):
        trainer().fit(of_both(), Two(SelfPlay(GAME, games=8)))


# --- Accepted, since nothing is lost ---------------------------------------------------------------------------------


@pytest.mark.parametrize("accumulated", [1, 3])
@pytest.mark.parametrize("how", ["wrapped", "loader", "combined", "combined loader"])
def test_the_same_step_whoever_hands_out_the_games(
    how: str, accumulated: int, trainer: MakeTrainer, module: MakeModule
) -> None:
    straight = module(optimizer=SGD)
    trainer(max_epochs=2, accumulate_grad_batches=accumulated).fit(straight, SelfPlay(GAME, games=16, seed=1))
    learned = of_both(optimizer=SGD) if "combined" in how else module(optimizer=SGD)
    assert not torch.equal(flat(learned), flat(straight))
    games = SelfPlay(GAME, games=16, seed=1)
    fit = trainer(max_epochs=2, accumulate_grad_batches=accumulated)
    if how == "wrapped":
        fit.fit(learned, Wrapper(games))
    elif how == "loader":
        fit.fit(learned, games.train_dataloader())
    elif how == "combined":
        fit.fit(learned, Combined(games, other=accumulated))
    else:
        fit.fit(learned, Combined(games, other=1).train_dataloader())  # the shorter one is cycled
    assert torch.equal(flat(learned), flat(straight))
    assert games.rollouts == 2


@pytest.mark.parametrize("arguments", [{"limit_train_batches": 8}, {"limit_train_batches": 100}])
def test_a_limit_that_takes_nothing_away(arguments: dict[str, Any], trainer: MakeTrainer, module: MakeModule) -> None:
    fit = trainer(**arguments)
    fit.fit(module(clip=0.2), SelfPlay(GAME, games=8, updates=8))
    assert fit.global_step == 8


def test_a_scheduler_that_changes_nothing(trainer: MakeTrainer, module: MakeModule) -> None:
    fit = trainer(callbacks=[GradientAccumulationScheduler({0: 1})])
    fit.fit(module(), SelfPlay(GAME, games=8))
    assert fit.global_step == 1


def test_max_steps_inside_a_rollout_reports_one_rollout(trainer: MakeTrainer, module: MakeModule) -> None:
    learned, seen = module(clip=0.2), []

    class See(pl.Callback):
        def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Any) -> None:
            seen.append(rollout)

    fit = trainer(max_epochs=-1, max_steps=6, callbacks=[See()])
    fit.fit(learned, SelfPlay(GAME, games=8, updates=4))
    assert fit.global_step == 6
    assert fit.callback_metrics["length"] == pytest.approx(seen[1].length.mean())
    assert fit.callback_metrics["total_games"] == 16
    assert {"loss", "entropy", "reward"} <= fit.callback_metrics.keys()


def test_fast_dev_run(trainer: MakeTrainer, module: MakeModule) -> None:
    fit = trainer(fast_dev_run=True)
    fit.fit(module(clip=0.2), SelfPlay(GAME, games=8, updates=4))
    assert fit.global_step == 1


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")
@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
def test_a_checkpoint_from_inside_a_rollout_goes_on_with_the_next(
    trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    saving = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=3, save_top_k=-1)
    fit = trainer(max_epochs=3, callbacks=[saving], enable_checkpointing=True)
    fit.fit(module(clip=0.2), SelfPlay(GAME, games=8, updates=4))
    learned, games = module(clip=0.2), Counting(GAME, games=8, updates=4)
    fit = trainer(max_epochs=3)
    with pytest.warns(
        UserWarning, match=r"step=3\.ckpt was saved after 3 batches of a rollout, whose games it does not"
    ):
        fit.fit(learned, games, ckpt_path=tmp_path / "step=3.ckpt", weights_only=True)
    assert games.sampled == 2  # the second and the third, each whole
    assert (fit.global_step, learned.played["rollouts"], games.rollouts) == (3 + 2 * 4, 3, 3)
    whole, games = module(clip=0.2), Counting(GAME, games=8, updates=4)  # 12 updates are three rollouts
    trainer(max_epochs=4).fit(whole, games, ckpt_path=tmp_path / "step=12.ckpt", weights_only=True)
    assert games.sampled == 1


@pytest.mark.parametrize("when", ["on_rollout", "on_train_batch_start", "on_train_batch_end"])
def test_what_is_changed_inside_a_rollout_is_of_the_next(when: str, trainer: MakeTrainer, module: MakeModule) -> None:
    def step(change: bool) -> Tensor:
        games, learned = SelfPlay(GAME, games=8, seed=1), module(optimizer=SGD)

        class Change(pl.Callback):
            def change(self, *arguments: Any) -> None:
                games.games = 16

        if change:
            setattr(Change, when, Change.change)
        trainer(accumulate_grad_batches=2, callbacks=[Change()]).fit(learned, games)
        return flat(learned)

    assert torch.equal(step(True), step(False))


def test_a_trainer_inside_of_another(trainer: MakeTrainer, module: MakeModule) -> None:
    class Inner(pl.Callback):
        differences: list[float] = []  # noqa: RUF012  # one test's

        def on_train_epoch_start(self, outer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            inner = module()
            fit = trainer()
            fit.fit(inner, SelfPlay(GAME, games=8, seed=7))
            self.differences.append(float(fit.callback_metrics["log_prob_difference"]))
            own = Own()
            trainer().fit(own, SelfPlay(GAME, games=8, seed=7))

    straight, learned, games = module(), module(), SelfPlay(GAME, games=8)
    trainer(max_epochs=2).fit(straight, SelfPlay(GAME, games=8))
    trainer(max_epochs=2, callbacks=[Inner()]).fit(learned, games)
    assert torch.equal(flat(learned), flat(straight))
    assert games.rollouts == 2
    assert max(Inner.differences) < 1e-6  # the inner games were played by the inner policy


def test_numbers_of_a_sweep_may_be_numpys(trainer: MakeTrainer, tmp_path: Path) -> None:
    plain = {"loss": Loss(entropy_weight=0.25), "temperature": 0.5}
    sweep = {
        "loss": Loss(entropy_weight=np.float32(0.25)),  # type: ignore[arg-type]
        "advantages": Advantages(normalize=np.bool_(False)),  # type: ignore[arg-type]
        "temperature": np.float64(0.5),
    }
    weights = []
    for settings, width, games, seed in ((plain, 8, 8, 3), (sweep, np.int64(8), np.int64(8), np.int64(3))):
        torch.manual_seed(0)
        learned = PolicyGradient(
            GAME, partial(MLP, hidden=[width]), partial(torch.optim.SGD, lr=np.float64(0.5)), **settings
        )
        fit = trainer()
        fit.fit(learned, SelfPlay(GAME, games=games, seed=seed))
        fit.save_checkpoint(tmp_path / "numpy.ckpt")
        weights.append(flat(learned))
        again = PolicyGradient.load_from_checkpoint(tmp_path / "numpy.ckpt")
        assert (again.loss, again.advantages) == (Loss(entropy_weight=0.25), Advantages())
        assert again.policy.temperature == 0.5
    assert torch.equal(*weights)
    with pytest.raises(TypeError):
        SelfPlay(GAME, games=2.5)  # type: ignore[arg-type]


def test_layers_that_are_unfrozen_later(trainer: MakeTrainer, module: MakeModule) -> None:
    class Unfreeze(pl.Callback):
        def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            next(pl_module.parameters()).requires_grad_(False)

        def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            next(pl_module.parameters()).requires_grad_(trainer.current_epoch > 0)

    trainer(max_epochs=3, callbacks=[Unfreeze()]).fit(module(), SelfPlay(GAME, games=8))


# --- The module and the games must agree -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (TicTacToe(), Chess(backend="python-chess")),
        (Chess(backend="python-chess"), Chess(backend="python-chess", variant="atomic")),
        (Chess(backend="python-chess", variant="kingofthehill"), Chess(backend="python-chess", variant="chess960")),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_another_game_or_variant_is_refused(
    ours: Game, theirs: Game, wrapped: bool, trainer: MakeTrainer, module: MakeModule
) -> None:
    games = Counting(theirs, games=2, max_plies=4)
    message = f"SelfPlay plays {theirs.name}, but the policy of PolicyGradient is for {ours.name}; both must be"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        trainer().fit(module(ours), datamodule=Wrapper(games) if wrapped else games)
    assert games.sampled == 0


def test_the_checks_of_the_module_reach_games_that_are_wrapped(trainer: MakeTrainer, module: MakeModule) -> None:
    with pytest.raises(ValueError, match="plies that other weights played"):
        trainer().fit(module(), Wrapper(SelfPlay(GAME, games=8, updates=4, passes=3)))
    with pytest.raises(ValueError, match="leave_one_out baseline needs at least two games"):
        trainer().fit(module(baseline="leave_one_out"), Wrapper(SelfPlay(GAME, games=1)))


class Own(pl.LightningModule):
    """The user's own module."""

    def __init__(self, game: Game = GAME) -> None:
        super().__init__()
        self.policy = Policy(game, MLP(game, hidden=(8,)))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return torch.stack([p.square().sum() for p in self.parameters()]).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_another_module_is_checked_too(trainer: MakeTrainer) -> None:
    with pytest.raises(ValueError, match="limit_train_batches=1"):
        trainer(limit_train_batches=1).fit(Own(), SelfPlay(GAME, games=8, updates=2))
    with pytest.raises(ValueError, match="the policy of Own is for"):
        trainer().fit(Own(Chess(backend="python-chess")), SelfPlay(GAME, games=8))


def test_another_module_with_games_that_are_wrapped(trainer: MakeTrainer) -> None:
    games = SelfPlay(GAME, games=8)
    with pytest.raises(ValueError, match=r"SelfPlay has no Trainer: .* `trainer`"):
        trainer().fit(Own(), Wrapper(games))

    class Named(Wrapper):
        def setup(self, stage: str) -> None:
            self.games.trainer = self.trainer

    trainer().fit(Own(), Named(games))
    assert games.rollouts == 1


def test_a_policy_may_be_compiled(trainer: MakeTrainer, module: MakeModule) -> None:
    plain, learned = module(optimizer=SGD), module(optimizer=SGD)
    learned.policy = torch.compile(learned.policy, backend="eager")  # type: ignore[assignment]
    for each in (plain, learned):
        trainer().fit(each, SelfPlay(GAME, games=8))
    torch.testing.assert_close(flat(learned), flat(plain))


# --- What else comes as training data --------------------------------------------------------------------------------


def test_data_that_are_not_rollouts_are_named(trainer: MakeTrainer, module: MakeModule) -> None:
    tensors = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(4, 2)), num_workers=0)
    with pytest.raises(TypeError, match="learns from batches of SelfPlay, got a list"):
        fit_quietly(trainer(), module(), tensors)


def fit_quietly(fit: pl.Trainer, module: pl.LightningModule, loader: Any) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning about the number of workers does not matter here
        fit.fit(module, loader)


def test_a_dataloader_can_not_stack_batches(trainer: MakeTrainer, module: MakeModule) -> None:
    class Keep(Own):
        batches: list[Batch] = []  # noqa: RUF012  # one test's

        def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
            self.batches.append(batch)
            return super().training_step(batch, batch_idx)

    keep = Keep()
    trainer().fit(keep, SelfPlay(GAME, games=8))
    with pytest.raises(TypeError, match=r"default_collate: .*Plies"):  # DataLoader(batch_size=None) leaves them alone
        fit_quietly(trainer(), module(), torch.utils.data.DataLoader(keep.batches, batch_size=1))


@pytest.mark.filterwarnings("ignore:`training_step` returned `None`")
def test_a_training_step_may_return_none(trainer: MakeTrainer) -> None:
    class Sometimes(PolicyGradient):
        def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
            return super().training_step(batch, batch_idx) if batch_idx else None  # type: ignore[return-value]

    def run(cls: type[PolicyGradient], **arguments: Any) -> tuple[Tensor, Tensor]:
        torch.manual_seed(7)
        learned = cls(GAME, partial(MLP, hidden=(16,)), optimizer=SGD, loss=Loss(clip=0.2))
        before = flat(learned)
        trainer(**arguments).fit(learned, SelfPlay(GAME, games=8, updates=2))
        return before, flat(learned)

    before, after = run(Sometimes)  # the first update is left out, the second made
    assert not torch.equal(before, after)

    class Never(PolicyGradient):
        def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
            return None  # type: ignore[return-value]

    before, after = run(Never)
    assert torch.equal(before, after)


def test_a_subclass_may_log_and_return_a_dictionary(trainer: MakeTrainer) -> None:
    class Logging(PolicyGradient):
        def training_step(self, batch: Batch, batch_idx: int) -> Any:
            loss = super().training_step(batch, batch_idx)
            self.log("mine", 3.0, prog_bar=True, batch_size=len(batch.plies))
            return {"loss": loss}

    fit = trainer()
    fit.fit(Logging(GAME, MLP), SelfPlay(GAME, games=8))
    assert fit.callback_metrics["mine"] == 3.0


# --- One seed, and numbers that come back ----------------------------------------------------------------------------


@pytest.fixture
def unseeded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)
    state = torch.random.get_rng_state()
    yield
    torch.random.set_rng_state(state)


@pytest.mark.usefixtures("unseeded")
def test_seed_everything_reaches_the_games(trainer: MakeTrainer, module: MakeModule) -> None:
    def positions(everything: int | None, **arguments: Any) -> list[str]:
        if everything is not None:
            pl.seed_everything(everything, verbose=False)
        games = SelfPlay(GAME, games=16, **arguments)
        trainer().fit(module(), games)
        assert games.rollout is not None
        return games.rollout.positions()

    unset = positions(None)
    assert unset == positions(None, seed=0)
    assert positions(5) == positions(5) == positions(None, seed=5)
    assert positions(5) != positions(6)
    assert positions(6, seed=5) == positions(5)  # its own seed takes precedence


class Generated(Wrapper):
    """Passes the batches on through its own generator."""

    def train_dataloader(self) -> Any:
        loader = self.games.train_dataloader()

        class Each:
            def __len__(self) -> int:
                return len(loader)

            def __iter__(self) -> Iterator[Batch]:
                yield from loader

        return Each()


@pytest.mark.parametrize("wrapper", [Wrapper, Generated])
def test_a_wrapped_run_goes_on_with_new_games(
    wrapper: type[Wrapper], trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    def run(epochs: int, wrap: bool, **arguments: Any) -> tuple[Tensor, SelfPlay, pl.Trainer]:
        pool = OpponentPool({"random": 0.25}, share=0.5, every=1, size=2)
        learned, games = module(), SelfPlay(GAME, games=16, seed=3, opponents=pool)
        fit = trainer(max_epochs=epochs, default_root_dir=tmp_path)
        fit.fit(learned, wrapper(games) if wrap else games, **arguments)
        return flat(learned), games, fit

    straight, _, _ = run(4, wrap=False)
    for first, second in [(True, True), (False, True), (True, False)]:
        _, _, fit = run(2, wrap=first)
        assert "pool/random" in fit.callback_metrics
        fit.save_checkpoint(tmp_path / "two.ckpt")
        resumed, games, _ = run(4, wrap=second, ckpt_path=tmp_path / "two.ckpt", weights_only=True)
        assert games.rollouts == 4
        assert torch.equal(resumed, straight)
