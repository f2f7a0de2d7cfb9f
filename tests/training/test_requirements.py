"""Who sees a rollout, who weighs its plies, and the hooks that are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.learning.advantages import returns
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.selfplay.rollout import Rollout
from chesspg.training.batches import Batch
from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import PolicyGradient

MakeTrainer = Callable[..., pl.Trainer]
GAME = TicTacToe()


class Listener(pl.Callback):
    """Keeps the arguments of each call."""

    def __init__(self) -> None:
        self.calls: list[tuple[pl.Trainer, pl.LightningModule, Rollout]] = []

    def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Rollout) -> None:
        self.calls.append((trainer, pl_module, rollout))


class Listening(PolicyGradient):
    """A module that also reads its rollouts."""

    seen: list[Rollout] = []  # noqa: RUF012  # one test's

    def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Rollout) -> None:
        assert pl_module is self
        self.seen.append(rollout)


def test_the_module_and_all_callbacks_see_each_rollout(trainer: MakeTrainer) -> None:
    first, second = Listener(), Listener()
    learned, games = Listening(GAME, MLP), SelfPlay(GAME, games=4)
    fit = trainer(max_epochs=3, callbacks=[first, second])
    fit.fit(learned, games)
    for listener in (first, second):
        assert [call[:2] for call in listener.calls] == [(fit, learned)] * 3
    rollouts = [rollout for *_, rollout in first.calls]
    assert rollouts == [rollout for *_, rollout in second.calls] == learned.seen
    assert rollouts[-1] is games.rollout


class Old(pl.Callback):
    """Has the hook of version 0.1."""

    def on_rollout(self, rollout: Rollout) -> None:
        raise AssertionError


class OldModule(PolicyGradient):
    """A module with the hook of version 0.1."""

    def on_rollout(self, rollout: Rollout) -> None:
        raise AssertionError


@pytest.mark.parametrize(("module", "callbacks"), [(PolicyGradient, [Old()]), (OldModule, [])])
def test_a_hook_of_version_0_1_is_refused_before_the_first_game(
    module: type[PolicyGradient], callbacks: list[Any], trainer: MakeTrainer
) -> None:
    games = SelfPlay(GAME, games=4)
    with pytest.raises(ValueError, match=r"^Old\w*\.on_rollout must take \(trainer, pl_module, rollout\)"):
        trainer(callbacks=callbacks).fit(module(GAME, MLP), games)
    assert games.rollouts == 0


class Other(pl.LightningModule):
    """A module with a policy that is not a PolicyGradient."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = Policy(GAME, MLP(GAME, hidden=(8,)))
        self.batches: list[Batch] = []

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        self.batches.append(batch)
        return torch.stack([p.square().sum() for p in self.parameters()]).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Weighing(Other):
    """Weighs the plies itself."""

    def weigh(self, rollout: Rollout) -> Tensor:
        return torch.arange(len(rollout.plies)).float()


@pytest.mark.parametrize("module", [Other, Weighing])
def test_another_module_has_the_returns_or_its_own_weights(module: type[Other], trainer: MakeTrainer) -> None:
    learned, games = module(), SelfPlay(GAME, games=8)
    trainer().fit(learned, games)
    rollout, (batch,) = games.rollout, learned.batches
    assert rollout is not None
    arrays = (rollout.reward, rollout.plies.game, rollout.plies.player)
    plain = returns(*map(torch.from_numpy, arrays))
    assert torch.equal(batch.return_, plain)
    assert torch.equal(batch.advantage, plain if module is Other else torch.arange(len(plain)).float())
