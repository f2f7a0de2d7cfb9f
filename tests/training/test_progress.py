"""The progress of a training, as a bar on a terminal and as lines in a file."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Timer
from rich.console import Console
from torch import Tensor

from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.selfplay.rollout import Rollout
from chesspg.training.budget import PlyBudget
from chesspg.training.datamodule import SelfPlay
from chesspg.training.evaluation import EvaluationMatch
from chesspg.training.module import PolicyGradient
from chesspg.training.progress import RolloutProgress

MakeTrainer = Callable[..., pl.Trainer]
MakeModule = Callable[..., PolicyGradient]


def bar(**console: Any) -> tuple[RolloutProgress, io.StringIO]:
    text, progress = io.StringIO(), RolloutProgress()
    progress.console = Console(file=text, width=140, **console)
    return progress, text


def test_the_bar_on_a_terminal(trainer: MakeTrainer, module: MakeModule) -> None:
    progress, text = bar(force_terminal=True)
    match = EvaluationMatch(["random"], games=2, every_n_rollouts=1)
    fit = trainer(max_epochs=3, callbacks=[progress, match], enable_progress_bar=True)
    fit.fit(module(), SelfPlay(TicTacToe(), games=8))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue())
    pattern = r"reward [+-]\d\.\d\d · entropy \d\.\d\d · length \d · 0 rollouts left · [\d,]+ plies/s · 24 games"
    assert re.search(pattern, shown)
    rows = re.findall(r"[\r\n] +(\d) +(\d+)  *\d+ \(", shown)  # evaluations stand above the bar
    assert rows == [("0", "0"), ("1", "8"), ("2", "16"), ("3", "24")]


def test_the_bar_at_80_columns(trainer: MakeTrainer, module: MakeModule) -> None:
    progress, text = RolloutProgress(), io.StringIO()
    progress.console = Console(file=text, width=80, force_terminal=True)
    timer = Timer({"minutes": 5}, interval="epoch")
    match = EvaluationMatch(["minimax?depth=1&random=0.25"], games=2, every_n_rollouts=1)
    fit = trainer(max_epochs=2, callbacks=[progress, match, timer], enable_progress_bar=True)
    fit.fit(module(), SelfPlay(TicTacToe(), games=8))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue())
    bars = [line for line in re.split(r"[\r\n]+", shown) if "━" in line]
    assert max(map(len, bars)) <= 80
    pattern = r"reward [+-]\d\.\d\d · entropy \d\.\d\d · length \d · 04:5\d left *$"
    assert any(re.search(pattern, line) for line in bars)


def test_the_bar_by_time(trainer: MakeTrainer, module: MakeModule) -> None:
    progress, text = bar(force_terminal=True)
    timer = Timer({"minutes": 5}, interval="epoch")
    fit = trainer(max_epochs=2, callbacks=[progress, timer], enable_progress_bar=True)
    fit.fit(module(), SelfPlay(TicTacToe(), games=8))
    assert re.search(r"04:5\d left", text.getvalue())


def test_the_bar_by_plies(trainer: MakeTrainer, module: MakeModule) -> None:
    progress, text = bar(force_terminal=True)
    ours = module()
    fit = trainer(max_epochs=1, callbacks=[progress, PlyBudget(1000)], enable_progress_bar=True)
    fit.fit(ours, SelfPlay(TicTacToe(), games=8))
    assert f"{1000 - ours.played['plies']} plies left" in text.getvalue()


def test_no_bar_in_a_file(trainer: MakeTrainer, module: MakeModule) -> None:
    progress, text = bar(force_terminal=False)
    match = EvaluationMatch(["random"], games=2, every_n_rollouts=1)
    fit = trainer(max_epochs=1, callbacks=[progress, match], enable_progress_bar=True)
    fit.fit(module(), SelfPlay(TicTacToe(), games=8))
    lines = text.getvalue().splitlines()
    assert [line.split()[:2] for line in lines[-3:]] == [["update", "games"], ["0", "0"], ["1", "8"]]
    assert "\x1b" not in text.getvalue()


def test_the_bar_ends_with_an_error(trainer: MakeTrainer, module: MakeModule) -> None:
    class Break(pl.Callback):
        def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Rollout) -> None:
            raise RuntimeError("broken")

    progress, text = bar(force_terminal=True)
    fit = trainer(callbacks=[progress, Break()], enable_progress_bar=True)
    with pytest.raises(RuntimeError, match="broken"):
        fit.fit(module(), SelfPlay(TicTacToe(), games=8))
    assert text.getvalue().rstrip().endswith("\x1b[?25h")  # the cursor is back
    assert progress.bar is None


class Other(pl.LightningModule):
    """A module that is not a PolicyGradient; it counts no games and learns nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return 0 * self.weight

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_the_bar_with_another_module(trainer: MakeTrainer) -> None:
    progress, _ = bar(force_terminal=True)
    fit = trainer(callbacks=[progress], enable_progress_bar=True)
    fit.fit(Other(), torch.utils.data.DataLoader([torch.zeros(1)], batch_size=None))
    assert fit.current_epoch == 1


def test_lines_by_time_where_there_is_no_terminal(trainer: MakeTrainer, module: MakeModule) -> None:
    def lines(every: float) -> list[str]:
        text, progress = io.StringIO(), RolloutProgress(every)
        progress.console = Console(file=text, width=140)
        match = EvaluationMatch(["random"], games=2)
        fit = trainer(max_epochs=3, check_val_every_n_epoch=3, callbacks=[progress, match], enable_progress_bar=True)
        fit.fit(module(), SelfPlay(TicTacToe(), games=8))
        return text.getvalue().splitlines()

    often, seldom = lines(0.0), lines(1000.0)
    assert [line.split()[:2] for line in seldom[-2:]] == [["0", "0"], ["3", "24"]]
    between = [line for line in often if " reward " in line]
    assert [line.split()[:2] for line in between] == [["1", "8"], ["2", "16"], ["3", "24"]]
    pattern = r" {5}1 {9}8 reward [+-]\d\.\d\d · entropy \d\.\d\d · length \d · 2 rollouts left"
    assert re.match(pattern, between[0])
    assert max(map(len, often)) <= 80
    assert {"playing 8/8", "match with random 2/2"} <= {line.strip() for line in often}
    assert [line.strip() for line in often if " learning " in line] == [
        f"learning 0/1 · {share}%" for share in (0, 33, 67)
    ]
    assert len(seldom) < len(often)
