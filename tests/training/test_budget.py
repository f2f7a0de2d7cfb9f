"""A budget of plies: training ends with the rollout that reaches it, and a resumed run ends at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import pytorch_lightning as pl

from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.selfplay.rollout import Rollout
from chesspg.training.budget import PlyBudget
from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import PolicyGradient


class Lengths(pl.Callback):
    """The plies of each rollout."""

    def __init__(self) -> None:
        self.plies: list[int] = []

    def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Rollout) -> None:
        self.plies.append(int(rollout.length.sum()))


def test_training_ends_with_the_rollout_that_reaches_it(
    trainer: Callable[..., pl.Trainer], module: Callable[..., PolicyGradient]
) -> None:
    lengths, ours = Lengths(), module()
    trainer(max_epochs=20, callbacks=[PlyBudget(200), lengths]).fit(ours, SelfPlay(TicTacToe(), games=8))
    assert sum(lengths.plies[:-1]) < 200 <= sum(lengths.plies) == ours.played["plies"]
    assert 2 < len(lengths.plies) < 20


def test_what_is_spent_is_not_gone_on_with(
    trainer: Callable[..., pl.Trainer], module: Callable[..., PolicyGradient], tmp_path: Path
) -> None:
    ours = module()
    first = trainer(max_epochs=20, callbacks=[PlyBudget(200)])
    first.fit(ours, SelfPlay(TicTacToe(), games=8))
    first.save_checkpoint(tmp_path / "last.ckpt")
    played = dict(ours.played)
    again = module()
    trainer(max_epochs=20, callbacks=[PlyBudget(200)]).fit(
        again, SelfPlay(TicTacToe(), games=8), ckpt_path=tmp_path / "last.ckpt", weights_only=True
    )
    assert again.played == played
    more = module()
    trainer(max_epochs=20, callbacks=[PlyBudget(played["plies"] + 1)]).fit(
        more, SelfPlay(TicTacToe(), games=8), ckpt_path=tmp_path / "last.ckpt", weights_only=True
    )
    assert more.played["rollouts"] == played["rollouts"] + 1


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="plies must be at least 1, got 0"):
        PlyBudget(0)


def test_a_module_that_counts_nothing_is_refused(trainer: Callable[..., pl.Trainer]) -> None:
    with pytest.raises(
        TypeError, match="PlyBudget needs a module that counts plies, such as PolicyGradient, got LightningModule"
    ):
        PlyBudget(1).on_train_start(trainer(), pl.LightningModule())
