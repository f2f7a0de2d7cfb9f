"""PolicyGradient in a Trainer: micro-batches, clipping, on-policy games, what is logged."""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor

import chesspg
from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.learning.advantages import Advantages, Sample, generalized_advantages, leave_one_out, returns
from chesspg.learning.losses import Loss
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy import files
from chesspg.policy.networks import MLP, ResidualNet
from chesspg.policy.policy import Distribution, Policy
from chesspg.selfplay.rollout import Rollout
from chesspg.training.batches import Batch
from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import NotFinite, PolicyGradient

MakeTrainer = Callable[..., pl.Trainer]
MakeModule = Callable[..., PolicyGradient]
SGD = partial(torch.optim.SGD, lr=1.0)  # one step moves the weights by minus the gradient
STARTS = ["3/3/3 x", "x2/1o1/3 x", "3/3/x2 o"]  # the last with player 1 to move


class Spy(pl.Callback):
    """Keeps every rollout, the batches made of it, the gradients, and the metrics after each."""

    def __init__(self) -> None:
        self.rollouts: list[Rollout] = []
        self.batches: list[Batch] = []
        self.metrics: list[dict[str, float]] = []
        self.gradients: list[Tensor] = []

    def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Rollout) -> None:
        self.rollouts.append(rollout)

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Batch, index: int) -> None:
        self.batches.append(batch)

    def on_before_optimizer_step(self, trainer: pl.Trainer, module: pl.LightningModule, optimizer: Any) -> None:
        self.gradients.append(torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None]))

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.current_epoch:
            self.metrics.append({name: float(value) for name, value in trainer.callback_metrics.items()})

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.metrics.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def flat(module: PolicyGradient) -> Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def seen_by(policy: Policy, rollout: Rollout) -> Distribution:
    """The policy at all plies of a rollout at once."""
    plies = rollout.plies.to()
    assert isinstance(plies.legal, Tensor)
    return policy(plies.planes, plies.scalars, plies.legal)


def reference_loss(module: PolicyGradient, rollout: Rollout, advantage: Tensor) -> Tensor:
    """−(1/games) Σ log π(aₜ|sₜ) Âₜ over a whole rollout at once."""
    distribution = seen_by(module.policy, rollout)
    return -(distribution.log_prob(torch.from_numpy(rollout.plies.choice)) * advantage).sum() / rollout.games


def arrays(rollout: Rollout) -> tuple[Tensor, Tensor, Tensor]:
    """Reward [games], and game and player [N]."""
    reward, game, player = map(torch.from_numpy, (rollout.reward, rollout.plies.game, rollout.plies.player))
    return reward, game, player


def returns_of(rollout: Rollout) -> Tensor:
    """[N] the reward of the game for the mover of each ply."""
    return returns(*arrays(rollout))


# --- One rollout, one update -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [1, 2, 7, 400])  # 400: more than there are plies, so most parts are empty
@pytest.mark.parametrize("average", ["games", "plies"])
def test_any_number_of_micro_batches_is_one_update(
    parts: int, average: str, trainer: MakeTrainer, module: MakeModule
) -> None:
    options = {"optimizer": SGD, "baseline": "value", "entropy_weight": 0.1, "average": average}
    whole, cut = module(**options), module(**options)
    before, spy = flat(whole), Spy()
    trainer().fit(whole, SelfPlay(TicTacToe(), games=24, seed=1))
    fit = trainer(accumulate_grad_batches=parts, callbacks=[spy])
    fit.fit(cut, SelfPlay(TicTacToe(), games=24, seed=1))
    assert fit.global_step == 1
    assert len(spy.rollouts[0].plies) < 400
    assert not torch.equal(flat(whole), before)
    torch.testing.assert_close(flat(cut), flat(whole), rtol=0, atol=2e-6)


def test_the_step_is_minus_the_gradient_of_the_formula(trainer: MakeTrainer, module: MakeModule) -> None:
    learned, spy = module(optimizer=SGD), Spy()
    before = flat(learned)
    trainer(callbacks=[spy], accumulate_grad_batches=3).fit(learned, SelfPlay(TicTacToe(), games=50, seed=2))
    fresh, rollout = module(), spy.rollouts[0]
    loss = reference_loss(fresh, rollout, returns_of(rollout))
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(fresh.parameters()))])
    torch.testing.assert_close(before - flat(learned), gradient, rtol=0, atol=2e-6)
    assert spy.metrics[0]["loss"] == pytest.approx(loss.item(), abs=1e-6)
    assert spy.metrics[0]["gradient_norm"] == pytest.approx(gradient.norm().item(), abs=1e-6)


def test_clipping_acts_on_the_whole_update(trainer: MakeTrainer, module: MakeModule) -> None:
    def step(**arguments: Any) -> Tensor:
        learned = module(optimizer=SGD)
        before = flat(learned)
        trainer(accumulate_grad_batches=4, **arguments).fit(learned, SelfPlay(TicTacToe(), games=32, seed=3))
        return flat(learned) - before

    free = step()
    limit = 0.5 * float(free.norm())
    # The same direction at the length allowed; clipping each micro-batch would add up to another.
    torch.testing.assert_close(step(gradient_clip_val=limit), 0.5 * free, rtol=0, atol=2e-6)
    torch.testing.assert_close(step(gradient_clip_val=4 * limit), free)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_gradients_of_a_fused_optimizer_are_clipped_too(
    precision: str, trainer: MakeTrainer, module: MakeModule
) -> None:
    """Lightning would refuse this in bf16-mixed, as if the gradients were scaled."""

    def weights(fused: bool) -> Tensor:
        learned = module(optimizer=partial(torch.optim.Adam, lr=0.1, fused=fused))
        data = SelfPlay(TicTacToe(), games=32, seed=3)
        trainer(gradient_clip_val=0.01, precision=precision, max_epochs=2).fit(learned, data)
        return flat(learned)

    torch.testing.assert_close(weights(fused=True), weights(fused=False), rtol=0, atol=1e-4)


def test_updates_and_passes_count(trainer: MakeTrainer, module: MakeModule) -> None:
    fit = trainer(max_epochs=2, accumulate_grad_batches=2)
    fit.fit(module(clip=0.2), SelfPlay(TicTacToe(), games=8, updates=3, passes=2))
    assert fit.global_step == 2 * 3 * 2  # rollouts × updates × passes


def test_rollouts_the_loss_can_not_use_are_refused_by_any_trainer(trainer: MakeTrainer, module: MakeModule) -> None:
    for more in ({"updates": 2}, {"passes": 2}):
        with pytest.raises(ValueError, match="learns from plies that other weights played; set PolicyGradient"):
            trainer().fit(module(), SelfPlay(TicTacToe(), games=8, **more))
    with pytest.raises(ValueError, match="leave_one_out baseline needs at least two games"):
        trainer().fit(module(baseline="leave_one_out"), SelfPlay(TicTacToe(), games=1))


def test_the_schedule_follows_rollouts(trainer: MakeTrainer, module: MakeModule) -> None:
    schedule = partial(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)
    fit = trainer(max_epochs=3, accumulate_grad_batches=2)
    fit.fit(module(clip=0.2, optimizer=SGD, lr_scheduler=schedule), SelfPlay(TicTacToe(), games=8, updates=4))
    assert fit.optimizers[0].param_groups[0]["lr"] == 0.125  # halved three times, not 24


# --- Strictly on-policy ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("game", [TicTacToe(), Chess(backend="python-chess")], ids=["tic-tac-toe", "chess"])
def test_the_weights_that_played_are_the_weights_that_learn(
    game: Any, precision: str, trainer: MakeTrainer, module: MakeModule
) -> None:
    is_chess = isinstance(game, Chess)
    network = {"network": partial(ResidualNet, channels=8, blocks=1)} if is_chess else {}
    spy = Spy()
    learned = module(game, optimizer=partial(torch.optim.SGD, lr=0.3), **network)
    fit = trainer(max_epochs=4, precision=precision, callbacks=[spy], accumulate_grad_batches=2)
    fit.fit(learned, SelfPlay(game, games=16, max_plies=30, material_weight=float(is_chess)))
    assert len(spy.metrics) == 4
    assert max(metrics["log_prob_difference"] for metrics in spy.metrics) < 1e-6
    assert max(metrics["log_prob_difference_max"] for metrics in spy.metrics) < 1e-5
    assert min(metrics["gradient_norm"] for metrics in spy.metrics) > 0.01  # so stale weights would show


def test_stale_weights_do_show(trainer: MakeTrainer, module: MakeModule) -> None:
    spy = Spy()
    learned = module(optimizer=partial(torch.optim.SGD, lr=0.3), clip=0.2)
    trainer(callbacks=[spy]).fit(learned, SelfPlay(TicTacToe(), games=16, updates=2))
    assert spy.metrics[0]["log_prob_difference"] > 1e-4  # the second update's weights are not those that played
    assert spy.metrics[0]["log_prob_difference_max"] > spy.metrics[0]["log_prob_difference"]


def test_a_temperature_is_that_of_sampling_and_of_learning(trainer: MakeTrainer, module: MakeModule) -> None:
    spy = Spy()
    trainer(callbacks=[spy]).fit(module(temperature=0.25), SelfPlay(TicTacToe(), games=64))
    assert spy.metrics[0]["log_prob_difference"] < 1e-6
    warm = Spy()
    trainer(callbacks=[warm]).fit(module(), SelfPlay(TicTacToe(), games=64))
    assert spy.metrics[0]["entropy"] < warm.metrics[0]["entropy"] - 0.01


# --- Baselines as wired ----------------------------------------------------------------------------------------------


def run_with(
    trainer: MakeTrainer, learned: PolicyGradient, rollouts: int = 1, starts: list[str] | None = None
) -> list[tuple[Rollout, Tensor]]:
    """Each rollout, and the weights of its plies [N]."""
    spy = Spy()
    data = SelfPlay(TicTacToe(), games=30, seed=4, starts=starts)
    trainer(max_epochs=rollouts, callbacks=[spy]).fit(learned, data)
    for rollout, batch in zip(spy.rollouts, spy.batches, strict=True):  # one batch, in which plies keep their order
        assert torch.equal(batch.plies.game, torch.from_numpy(rollout.plies.game))
        assert torch.equal(batch.return_, returns_of(rollout))
    return [(rollout, batch.advantage) for rollout, batch in zip(spy.rollouts, spy.batches, strict=True)]


def test_no_baseline(trainer: MakeTrainer, module: MakeModule) -> None:
    ((rollout, advantage),) = run_with(trainer, module())
    plies = rollout.plies
    for ply in range(len(plies)):  # the reward of the game for the mover
        sign = 1 if plies.player[ply] == 0 else -1
        assert advantage[ply] == sign * rollout.reward[plies.game[ply]]


def test_running_mean(trainer: MakeTrainer, module: MakeModule) -> None:
    learned = module(baseline="running_mean")
    (first, of_first), (second, _), (third, of_third) = run_with(trainer, learned, rollouts=3)
    assert torch.equal(of_first, returns_of(first))  # there are no earlier rewards yet
    mean = (first.reward.sum() + second.reward.sum()) / 60
    plies = third.plies
    for ply in range(len(plies)):
        sign = 1 if plies.player[ply] == 0 else -1
        assert of_third[ply] == pytest.approx(sign * (third.reward[plies.game[ply]] - mean), abs=1e-6)


def test_leave_one_out_is_within_a_start(trainer: MakeTrainer, module: MakeModule) -> None:
    ((rollout, advantage),) = run_with(trainer, module(baseline="leave_one_out"), starts=STARTS)
    assert rollout.position(1).startswith(STARTS[1])
    reward, plies = rollout.reward.tolist(), rollout.plies
    for ply in range(len(plies)):
        game = int(plies.game[ply])
        others = [reward[other] for other in range(game % 3, 30, 3) if other != game]
        expected = (1 if plies.player[ply] == 0 else -1) * (reward[game] - sum(others) / 9)
        assert advantage[ply] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("lambda_", [None, 0.8])
def test_value_baseline(lambda_: float | None, trainer: MakeTrainer, module: MakeModule) -> None:
    ((rollout, advantage),) = run_with(trainer, module(baseline="value", gae_lambda=lambda_), starts=STARTS)
    reward, game, player = arrays(rollout)
    assert rollout.plies.value is not None
    value = torch.from_numpy(rollout.plies.value)
    expected = generalized_advantages(value, reward, game, player, lambda_ or 1.0)
    torch.testing.assert_close(advantage, expected)
    plain = returns_of(rollout) - value  # what λ = 1 is
    assert torch.allclose(expected, plain, atol=1e-6) is (lambda_ is None)


def own_baseline(sample: Sample) -> Tensor:
    """The user's own function: half of the return."""
    return sample.return_ / 2


def test_a_baseline_of_ones_own(trainer: MakeTrainer, module: MakeModule) -> None:
    ((rollout, advantage),) = run_with(trainer, module(baseline=own_baseline))
    assert torch.equal(advantage, returns_of(rollout) / 2)


def test_a_function_of_ones_own_weighs_the_plies(trainer: MakeTrainer, module: MakeModule) -> None:
    ((rollout, advantage),) = run_with(trainer, module(advantages=lambda sample: 3 * sample.return_))
    assert torch.equal(advantage, 3 * returns_of(rollout))


def test_a_subclass_weighs_the_plies(trainer: MakeTrainer) -> None:
    class Later(PolicyGradient):
        """Weighs only the plies of player 1."""

        def weigh(self, rollout: Rollout) -> Tensor:
            return super().weigh(rollout) * torch.from_numpy(rollout.plies.player)

    learned = Later(TicTacToe(), partial(MLP, hidden=(8,)))
    ((rollout, advantage),) = run_with(trainer, learned)
    assert torch.equal(advantage, returns_of(rollout) * torch.from_numpy(rollout.plies.player))
    assert learned.played["games"] == 30


def test_what_does_not_weigh_each_ply_is_refused(trainer: MakeTrainer, module: MakeModule) -> None:
    message = r"must return a tensor with one number for each of \d+ plies, got a tensor of shape \[30\]$"
    with pytest.raises(ValueError, match=f"^an advantage function {message}"):
        run_with(trainer, module(advantages=lambda sample: sample.reward))
    with pytest.raises(ValueError, match=f"^a baseline {message}"):
        run_with(trainer, module(baseline=lambda sample: sample.reward))


@pytest.mark.parametrize("lambda_", [None, 0.6])
def test_the_value_head_learns_a_return_of_the_mover(
    lambda_: float | None, trainer: MakeTrainer, module: MakeModule
) -> None:
    learned, spy = module(baseline="value", value_lambda=lambda_, optimizer=SGD, value_weight=0.25), Spy()
    before = flat(learned)
    trainer(callbacks=[spy]).fit(learned, SelfPlay(TicTacToe(), games=20, seed=4))
    fresh, rollout = module(baseline="value"), spy.rollouts[0]
    assert rollout.plies.value is not None
    policy_loss = reference_loss(fresh, rollout, returns_of(rollout) - torch.from_numpy(rollout.plies.value))
    distribution = seen_by(fresh.policy, rollout)
    assert distribution.value is not None
    reward, game, player = arrays(rollout)
    value = torch.from_numpy(rollout.plies.value)
    target = returns_of(rollout)
    if lambda_ is not None:
        target = value + generalized_advantages(value, reward, game, player, lambda_)
    error = (distribution.value - target).square()
    total = policy_loss + 0.25 * error.sum() / 20
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(total, list(fresh.parameters()))])
    torch.testing.assert_close(before - flat(learned), gradient, rtol=0, atol=2e-6)
    assert spy.metrics[0]["value_error"] == pytest.approx(error.mean().item(), abs=1e-6)


def test_equal_rewards_in_ten_rollouts_are_reported_once(trainer: MakeTrainer, module: MakeModule) -> None:
    def reward(series: list[str]) -> Callable[..., NDArray[np.float32]]:
        """The reward of rollout after rollout: the same for all games, or different ones."""
        left = iter(series)

        def next_reward(outcome: NDArray[np.int8], truncated: Any, ahead: Any) -> NDArray[np.float32]:
            return np.linspace(0, next(left) == "different", len(outcome), dtype=np.float32)

        return next_reward

    def fit(series: list[str]) -> None:
        trainer(max_epochs=len(series)).fit(module(), SelfPlay(TicTacToe(), games=4, reward=reward(series)))

    message = (
        r"^every game of the last 10 rollouts had the reward 0, so the gradient of the expected reward is zero; to"
    )
    with pytest.warns(UserWarning, match=message) as told:
        fit(["same"] * 2 + ["different"] + ["same"] * 12)
    assert len([one for one in told if "every game" in str(one.message)]) == 1
    fit(["same"] * 9 + ["different"] + ["same"] * 3)  # a warning would be an error


def test_normalized_advantages(trainer: MakeTrainer, module: MakeModule) -> None:
    ((rollout, advantage),) = run_with(trainer, module(normalize=True))
    assert advantage.mean() == pytest.approx(0, abs=1e-6)
    assert advantage.std(correction=0) == pytest.approx(1, abs=1e-5)
    plain = returns_of(rollout)
    torch.testing.assert_close(advantage, (plain - plain.mean()) / plain.std(correction=0), rtol=0, atol=1e-5)


def test_the_average_over_plies_is_that_over_games_by_their_ratio(trainer: MakeTrainer, module: MakeModule) -> None:
    def step(average: str) -> tuple[Tensor, Rollout]:
        learned, spy = module(optimizer=SGD, average=average), Spy()
        before = flat(learned)
        trainer(callbacks=[spy]).fit(learned, SelfPlay(TicTacToe(), games=20, seed=5))
        return before - flat(learned), spy.rollouts[0]

    by_games, rollout = step("games")
    by_plies, _ = step("plies")
    torch.testing.assert_close(by_plies * len(rollout.plies) / 20, by_games, rtol=1e-4, atol=2e-6)


def test_the_entropy_bonus_raises_entropy(trainer: MakeTrainer, module: MakeModule) -> None:
    def entropy_after(weight: float) -> float:
        spy = Spy()
        learned = module(optimizer=partial(torch.optim.Adam, lr=0.02), entropy_weight=weight)
        trainer(max_epochs=15, callbacks=[spy]).fit(learned, SelfPlay(TicTacToe(), games=64, seed=6))
        return spy.metrics[-1]["entropy"]

    assert entropy_after(0.5) > entropy_after(0.0) + 0.1


def test_what_is_logged_of_a_rollout(trainer: MakeTrainer, module: MakeModule) -> None:
    spy = Spy()
    trainer(callbacks=[spy], max_epochs=2).fit(module(), SelfPlay(TicTacToe(), games=40, max_plies=7, seed=8))
    rollout, metrics = spy.rollouts[1], spy.metrics[1]
    capped = [i for i in range(40) if rollout.length[i] == 7 and rollout.outcome[i] == 0]
    assert capped  # seven plies fill no board: a draw is a capped game
    assert metrics["truncated"] == pytest.approx(len(capped) / 40)
    assert metrics["seat_0_wins"] == pytest.approx(sum(rollout.outcome == 1) / 40)
    assert metrics["seat_1_wins"] == pytest.approx(sum(rollout.outcome == -1) / 40)
    assert metrics["draws"] == 0  # the rules' draws only
    assert metrics["ended/three in a row"] == pytest.approx(1 - len(capped) / 40)
    assert metrics["length"] == pytest.approx(rollout.length.mean())
    assert metrics["advantage_variance"] == pytest.approx(returns_of(rollout).var(correction=0).item(), abs=1e-6)
    assert metrics["total_games"] == 80
    assert metrics["total_plies"] == sum(len(rollout.plies) for rollout in spy.rollouts)
    assert metrics["sampled_plies_per_s"] > 0
    assert metrics["learned_plies_per_s"] > 0


@pytest.mark.parametrize("fused", [False, True])
def test_a_gradient_that_is_not_finite_is_not_stepped(trainer: MakeTrainer, module: MakeModule, fused: bool) -> None:
    learned = module(optimizer=partial(torch.optim.Adam, fused=fused))
    with torch.no_grad():
        learned.policy.network.get_parameter("policy_head.bias").fill_(float("inf"))
    before = flat(learned)
    with pytest.raises(NotFinite, match="in rollout 1; the weights were not changed"):
        trainer().fit(learned, SelfPlay(TicTacToe(), games=8))
    assert torch.equal(flat(learned), before)


# --- A Lightning user's own Trainer ----------------------------------------------------------------------------------


def test_lightnings_own_parts(tmp_path: Path, trainer: MakeTrainer, module: MakeModule) -> None:
    checkpoints = ModelCheckpoint(tmp_path, monitor="reward", mode="max", save_top_k=2, filename="{epoch}")
    schedule = partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.5)
    fit = trainer(
        max_epochs=5,
        logger=CSVLogger(tmp_path, name="", version=""),
        enable_checkpointing=True,
        enable_progress_bar=True,
        log_every_n_steps=1,
        callbacks=[checkpoints, LearningRateMonitor(logging_interval="epoch")],
    )
    fit.fit(module(lr_scheduler=schedule, optimizer=SGD), SelfPlay(TicTacToe(), games=16))
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["lr-SGD"]) for row in rows if row["lr-SGD"]] == [1.0, 0.5, 0.25, 0.125, 0.0625]
    rewards = {int(row["epoch"]): float(row["reward"]) for row in rows if row["reward"]}
    assert len(rewards) == 5
    best = max(rewards, key=lambda epoch: rewards[epoch])
    assert checkpoints.best_model_path == str(tmp_path / f"epoch={best}.ckpt")
    assert len(list(tmp_path.glob("*.ckpt"))) == 2
    policy = files.load(checkpoints.best_model_path)  # loaded from the checkpoint, with no policy file beside it
    assert policy.game.name == TicTacToe().name
    assert not list(tmp_path.glob("*.safetensors"))

    again = module(lr_scheduler=schedule, optimizer=SGD)
    further = trainer(max_epochs=7)
    with pytest.warns(UserWarning, match="callbacks used to create the checkpoint"):  # ModelCheckpoint is not there
        further.fit(again, SelfPlay(TicTacToe(), games=16), ckpt_path=checkpoints.best_model_path, weights_only=True)
    assert further.global_step == 7
    assert again.played["rollouts"] == 7


def test_early_stopping(trainer: MakeTrainer, module: MakeModule) -> None:
    fit = trainer(max_epochs=50, callbacks=[EarlyStopping("total_games", mode="min", patience=3)])
    fit.fit(module(), SelfPlay(TicTacToe(), games=4))
    assert fit.current_epoch == 4  # the first is the best, then come three worse ones


def test_the_module_learns_from_a_loader_of_ones_own(trainer: MakeTrainer, module: MakeModule) -> None:
    data = SelfPlay(TicTacToe(), games=8)
    learned = module(optimizer=SGD)
    rollout = data.sample(PolicyPlayer(learned.policy))
    ones = torch.ones(len(rollout.plies))
    batch = Batch(rollout.plies.to(), ones, returns_of(rollout), games=8, stored=len(ones), parts=1)
    before = reference_loss(learned, rollout, ones).item()
    loader = torch.utils.data.DataLoader([batch], batch_size=None)
    fit = trainer(max_epochs=3)
    fit.fit(learned, loader)
    assert fit.global_step == 3
    assert reference_loss(learned, rollout, ones).item() < before  # all are rewarded, so they become more likely


def test_the_module_stands_without_a_trainer(module: MakeModule) -> None:
    learned = module(baseline="leave_one_out")
    rollout = SelfPlay(TicTacToe(), games=8).sample(PolicyPlayer(learned.policy))
    reward, game, player = arrays(rollout)
    expected = returns_of(rollout) - returns(leave_one_out(reward, torch.zeros(8)), game, player)
    torch.testing.assert_close(learned.weigh(rollout), expected)
    assert learned.played["games"] == 8


def test_arguments_that_do_not_fit_together(module: MakeModule) -> None:
    with pytest.raises(ValueError, match="value head"):
        module(baseline="value", value=False)
    with pytest.raises(ValueError, match="gae_lambda needs the value baseline, got none"):
        module(gae_lambda=0.9)
    plateau = module(lr_scheduler=torch.optim.lr_scheduler.ReduceLROnPlateau)
    with pytest.raises(ValueError, match="ReduceLROnPlateau"):
        plateau.configure_optimizers()


@pytest.fixture
def trained(tmp_path: Path, module: MakeModule) -> Path:
    """The policy file of another policy of the same sizes."""
    other = module(value=True).policy
    with torch.no_grad():
        for p in other.parameters():
            p += torch.linspace(-1, 1, p.numel()).view_as(p)
    path = tmp_path / "other.safetensors"
    files.save(path, other)
    return path


GROUPS = {Advantages: "advantages", Loss: "loss"}  # by the name of PolicyGradient's argument
PUBLIC = {one for name in chesspg.__all__ if isinstance(one := getattr(chesspg, name), type)} | GROUPS.keys()


@pytest.mark.parametrize("cls", sorted(PUBLIC, key=lambda cls: cls.__name__))
def test_no_choice_is_taken_that_an_annotation_does_not_name(cls: type) -> None:
    """In every public class: with a misspelled choice, training would silently use another one."""
    hints = get_type_hints(vars(cls).get("__init__", object))
    chosen = {
        name: get_args(one)
        for name, hint in hints.items()
        for one in (hint, *get_args(hint))
        if get_origin(one) is Literal
    }
    assert bool(chosen) == (cls in (*GROUPS, SelfPlay))

    def built(**option: Any) -> Any:
        if cls is SelfPlay:
            return SelfPlay(TicTacToe(), **option)
        options = {GROUPS[cls]: cls(**option)}
        return getattr(PolicyGradient(TicTacToe(), partial(MLP, value=True), **options), GROUPS[cls])

    for name, choices in chosen.items():
        for wrong in ("x", "", None, 1, choices[0].upper(), [choices[0]]):
            with pytest.raises(ValueError, match=rf"^{name} must be .* or {choices[-1]}, got "):
                built(**{name: wrong})
        for right in choices:
            kept = getattr(built(**{name: np.str_(right)}), name)
            assert type(kept) is str
            assert kept == right


def test_the_message_names_the_choices() -> None:
    message = "baseline must be none, running_mean, leave_one_out or value, got 'leave-one-out'"
    with pytest.raises(ValueError, match=f"^{message}$"):
        PolicyGradient(TicTacToe(), MLP, advantages=Advantages("leave-one-out"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^normalize must be True or False, got 'no'$"):
        PolicyGradient(TicTacToe(), MLP, advantages=Advantages(normalize="no"))  # type: ignore[arg-type]


def test_a_module_starts_from_a_policy_file(module: MakeModule, trained: Path) -> None:
    ours = module(value=True, init=str(trained)).policy.network.state_dict()
    theirs = files.load(trained).network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_policy_file_of_another_size_or_game_is_refused(module: MakeModule, trained: Path) -> None:
    message = (
        r"other\.safetensors: its network has hidden \[16\], the training's \[8\]; add --model.network.init_args.hidden"
    )
    with pytest.raises(ValueError, match=message):
        PolicyGradient(TicTacToe(), partial(MLP, hidden=(8,), value=True), init=str(trained))
    with pytest.raises(ValueError, match="tic-tac-toe"):
        PolicyGradient(Chess(backend="python-chess"), partial(MLP, hidden=(16,), value=True), init=str(trained))
    with pytest.raises(ValueError, match="kl_weight"):
        module(kl_weight=0.1)


def test_the_kl_penalty_is_the_divergence_from_the_start(
    module: MakeModule, trained: Path, trainer: MakeTrainer
) -> None:
    """With no reward to learn from, a step along −∇ KL(π‖π_init) is the only one, and at π = π_init it is zero."""
    one = module(init=str(trained), value=True, value_weight=0.0, kl_weight=2.0, optimizer=SGD)
    begin = flat(one)
    data = SelfPlay(TicTacToe(), games=16, max_plies=1)  # truncated: every reward is 0
    trainer(max_epochs=1).fit(one, data)
    assert torch.allclose(flat(one), begin, atol=1e-6)
    reference = files.load(trained)
    with torch.no_grad():
        for p in one.parameters():
            p *= 0.5
    moved = flat(one)
    assert data.rollout is not None
    trainer(max_epochs=1).fit(one, data)
    rollout = data.rollout
    twin = module(value=True)
    torch.nn.utils.vector_to_parameters(moved, list(twin.parameters()))
    assert rollout is not None
    pi, start = seen_by(twin.policy, rollout), seen_by(reference, rollout)
    divergence = (pi.probs * (pi.log_probs - start.log_probs)).sum() / 16
    divergence.backward()
    gradient = torch.cat([torch.zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in twin.parameters()])
    assert divergence > 0.01
    assert torch.allclose(flat(one), moved - 2.0 * gradient, atol=1e-5)
    assert one.state_dict().keys() == twin.state_dict().keys()  # the policy to stay near is not saved again
