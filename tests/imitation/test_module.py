"""Imitation: its losses against closed forms, that it learns, when it validates, its learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Timer

from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.imitation.data import ValidationLoader
from chesspg.imitation.examples import Examples
from chesspg.imitation.module import Imitation
from chesspg.imitation.recorded import Recorded
from chesspg.policy.networks import MLP
from chesspg.training.budget import share_done
from chesspg.training.module import NotFinite

Module = Callable[..., Imitation]


class Loader:
    """The batches of one epoch after the other."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples
        self.number = -1

    def __len__(self) -> int:
        return self.examples.batches

    def __iter__(self) -> Iterator[Any]:
        self.number += 1
        return self.examples.epoch(self.number)


@pytest.fixture
def examples(paths: list[Path]) -> Examples:
    return Examples(paths, batch=64)


@pytest.fixture
def module() -> Module:
    """Tic-tac-toe with an MLP of the same weights each time; arguments as those of Imitation."""

    def make(**arguments: Any) -> Imitation:
        torch.manual_seed(0)
        return Imitation(TicTacToe(), lambda game: MLP(game, hidden=(32,), value=True), **arguments)

    return make


def test_the_losses_are_cross_entropy_and_squared_error(module: Module, paths: list[Path]) -> None:
    whole = Recorded.load(paths[0])[np.arange(20)].to()
    batch = replace(whole, result=torch.linspace(-1, 1, 20))
    ours = module(value_weight=0.25)
    distribution = ours.policy(batch.plies.planes, batch.plies.scalars, batch.plies.legal)
    assert distribution.value is not None
    by_hand = 0.0
    for row in range(20):
        probability = distribution.probs[row, int(batch.plies.choice[row])].item()
        by_hand += -math.log(probability) + 0.25 * (distribution.value[row].item() - batch.result[row].item()) ** 2
    assert ours.training_step(batch, 0).item() == pytest.approx(by_hand / 20, rel=1e-5)
    assert ours.played["plies"] == 20


@pytest.mark.slow
def test_it_learns_what_the_games_show(
    module: Module, examples: Examples, trainer: Callable[..., pl.Trainer], capsys: pytest.CaptureFixture[str]
) -> None:
    ours = module(optimizer=partial(torch.optim.AdamW, lr=0.01))
    run = trainer(max_epochs=8, num_sanity_val_steps=0)
    run.fit(ours, Loader(examples), ValidationLoader(examples))
    assert float(run.callback_metrics["held_out/accuracy"]) > 0.97
    assert float(run.callback_metrics["held_out/value_error"]) < 0.02  # all were drawn
    assert ours.played["plies"] == 8 * examples.plies
    assert run.optimizers[0].param_groups[0]["lr"] < 1e-4  # the end of the cosine
    assert "held out: accuracy" in capsys.readouterr().out


def test_the_last_weights_are_validated(
    module: Module, examples: Examples, trainer: Callable[..., pl.Trainer], capsys: pytest.CaptureFixture[str]
) -> None:
    every = examples.batches - 3
    run = trainer(max_epochs=2, val_check_interval=every, check_val_every_n_epoch=None)
    run.fit(module(), Loader(examples), ValidationLoader(examples))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("update ")]
    assert [int(line.split()[1]) for line in lines] == [every, 2 * every, 2 * examples.batches]


def test_the_means_that_are_logged_are_those_since_the_last_validation(
    module: Module, examples: Examples, trainer: Callable[..., pl.Trainer]
) -> None:
    class Losses(pl.Callback):
        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            losses.append(float(outputs["loss"]) * len(batch))
            plies.append(len(batch))

        def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
            logged.append(float(trainer.callback_metrics["loss"]))
            expected.append(sum(losses) / sum(plies))
            losses.clear(), plies.clear()

    losses, plies, logged, expected = [], [], [], []
    run = trainer(max_epochs=1, val_check_interval=4, num_sanity_val_steps=0, callbacks=[Losses()])
    run.fit(module(value_weight=0.0), Loader(examples), ValidationLoader(examples))
    assert len(logged) > 2
    assert logged == pytest.approx(expected, rel=1e-5)


def test_a_schedule_of_ones_own_advances_with_each_update(
    module: Module, examples: Examples, trainer: Callable[..., pl.Trainer]
) -> None:
    schedule = partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.5)
    ours = module(optimizer=partial(torch.optim.SGD, lr=1.0), lr_scheduler=schedule)
    run = trainer(max_epochs=1, limit_train_batches=3, num_sanity_val_steps=0)
    run.fit(ours, Loader(examples), ValidationLoader(examples))
    assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(1 / 8)


def test_a_policy_is_validated_alone(
    module: Module, examples: Examples, trainer: Callable[..., pl.Trainer], capsys: pytest.CaptureFixture[str]
) -> None:
    [found] = trainer().validate(module(), ValidationLoader(examples), verbose=False)
    assert {"held_out/accuracy", "held_out/log_prob", "held_out/value_error"} == found.keys()
    assert "held out: accuracy" in capsys.readouterr().out


def test_a_run_is_as_far_as_its_updates_or_its_clock(trainer: Callable[..., pl.Trainer]) -> None:
    class Clock(Timer):
        def time_elapsed(self, stage: Any = None) -> float:
            return 45.0

    assert share_done(trainer(max_epochs=-1, callbacks=[Clock("00:00:01:00")])) == pytest.approx(0.75)
    assert share_done(trainer(max_epochs=-1, callbacks=[Clock("00:00:05:00")])) == pytest.approx(0.15)
    assert share_done(trainer(max_epochs=-1)) == 0


def test_what_is_not_finite_stops_the_run(
    module: Module, examples: Examples, trainer: Callable[..., pl.Trainer]
) -> None:
    ours = module()
    with torch.no_grad():
        next(ours.policy.parameters()).fill_(float("nan"))
    with pytest.raises(NotFinite, match="held_out/log_prob is nan"):
        trainer(max_epochs=1, num_sanity_val_steps=0).fit(ours, Loader(examples), ValidationLoader(examples))


def test_several_devices_are_refused(module: Module, trainer: Callable[..., pl.Trainer]) -> None:
    with pytest.raises(ValueError, match=r"Imitation learns on one device, got 2; set Trainer\(devices=1\)"):
        module().check(trainer(devices=2, strategy="ddp_spawn"))


def test_a_negative_weight_is_refused(module: Module) -> None:
    with pytest.raises(ValueError, match="value_weight must be between 0 and 1,000, got -1"):
        module(value_weight=-1.0)


def test_the_module_comes_back_from_its_checkpoint(
    module: Module, examples: Examples, trainer: Callable[..., pl.Trainer], tmp_path: Path
) -> None:
    ours = module(optimizer=partial(torch.optim.SGD, lr=0.5), value_weight=0.25)
    run = trainer(max_epochs=1)
    run.fit(ours, Loader(examples), ValidationLoader(examples))
    run.save_checkpoint(tmp_path / "last.ckpt")
    again = Imitation.load_from_checkpoint(tmp_path / "last.ckpt")
    for name, tensor in ours.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)
    assert (again.value_weight, again.played["plies"]) == (0.25, ours.played["plies"])
    assert again.configure_optimizers()["optimizer"].param_groups[0]["initial_lr"] == 0.5
    assert Imitation.load_from_checkpoint(tmp_path / "last.ckpt", value_weight=1.0).value_weight == 1.0
