"""Evaluation matches in Lightning's validation loop: who sees which score, of which weights, and when."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import (
    EarlyStopping,
    EMAWeightAveraging,
    ModelCheckpoint,
    StochasticWeightAveraging,
    Timer,
)
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor

from chesspg.arena.match_result import MatchResult
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.training.budget import PlyBudget
from chesspg.training.datamodule import SelfPlay
from chesspg.training.evaluation import EvaluationMatch
from chesspg.training.module import PolicyGradient

pytestmark = pytest.mark.slow

MakeTrainer = Callable[..., pl.Trainer]
MakeModule = Callable[..., PolicyGradient]
GAME = TicTacToe()
NEEDS = pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")


def weights(policy: Policy) -> Tensor:
    return torch.cat([p.detach().flatten().clone() for p in policy.parameters()])


class Scripted:
    """Stands in for play_in_parts: the k-th match is won in this share of its games; keeps who played."""

    def __init__(self, scores: list[float]) -> None:
        self.scores = scores
        self.met: list[Tensor] = []
        self.games: list[int] = []

    def __call__(self, game: Any, a: PolicyPlayer, b: Any, openings: Any, **options: Any) -> Iterator[MatchResult]:
        score = self.scores[len(self.met) % len(self.scores)]
        self.met.append(weights(a.policy))
        self.games.append(2 * len(openings))
        points = [1.0] * round(100 * score) + [0.0] * round(100 - 100 * score)
        texts = tuple(f"3/3/3 x moves a1 {i}" for i in range(100))
        yield MatchResult(tuple(points), texts, ("full board",) * 100, 1.0)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scripted]:
    def make(*scores: float) -> Scripted:
        scripted = Scripted(list(scores) or [0.5])
        monkeypatch.setattr("chesspg.training.policy_matches.play_in_parts", scripted)
        return scripted

    return make


def match(**arguments: Any) -> EvaluationMatch:
    return EvaluationMatch(**{"opponents": ["random"], "games": 10, **arguments})


def data(**arguments: Any) -> SelfPlay:
    return SelfPlay(GAME, **{"games": 8, "seed": 1, **arguments})


# --- When ------------------------------------------------------------------------------------------------------------


class Epochs(pl.Callback):
    """Notes after which rollouts a match was played."""

    def __init__(self, played: Scripted) -> None:
        self.played = played
        self.counts: list[int] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.counts.append(len(self.played.met))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.counts.append(len(self.played.met))

    @property
    def after(self) -> list[int]:
        """Rollouts, from 1, by whose end one more match was played than at their start; 0 is before the first."""
        grown = [0] * self.counts[0]
        for number, (a, b) in enumerate(zip(self.counts, self.counts[1:], strict=False), start=1):
            grown += [number] * (b - a)
        return grown


@pytest.mark.parametrize(
    ("arguments", "every", "after"),
    [
        ({"max_epochs": 3}, 1, [0, 1, 2, 3]),
        ({"max_epochs": 7, "check_val_every_n_epoch": 3}, 1, [0, 3, 6, 7]),
        ({"max_epochs": 6, "check_val_every_n_epoch": 3}, 1, [0, 3, 6]),
        ({"max_epochs": 2, "check_val_every_n_epoch": 5}, 1, [0, 2]),
        ({"max_epochs": 5}, 2, [0, 2, 4, 5]),
        ({"max_epochs": -1, "max_steps": 4, "check_val_every_n_epoch": 3}, 1, [0, 3, 4]),
        ({"max_epochs": 3, "num_sanity_val_steps": 0}, 1, [0, 1, 2, 3]),
        ({"max_epochs": 3, "limit_val_batches": 0}, 1, []),
        ({"max_epochs": 3, "inference_mode": False}, 1, [0, 1, 2, 3]),
        ({"max_epochs": 4, "val_check_interval": 1.0, "check_val_every_n_epoch": 2}, 1, [0, 2, 4]),
    ],
)
def test_after_which_rollouts_it_plays(
    arguments: dict[str, Any],
    every: int,
    after: list[int],
    script: Callable[..., Scripted],
    trainer: MakeTrainer,
    module: MakeModule,
) -> None:
    played = script(0.5)
    seen = Epochs(played)
    fit = trainer(callbacks=[match(every_n_rollouts=every), seen], **arguments)
    fit.fit(module(), data())
    assert seen.after == after
    assert fit.check_val_every_n_epoch == arguments.get("check_val_every_n_epoch", 1)  # it is restored


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("how", ["early stopping", "timer", "budget", "callback", "module"])
def test_a_run_that_is_stopped_ends_with_a_match(
    how: str, first: bool, script: Callable[..., Scripted], trainer: MakeTrainer, tmp_path: Path
) -> None:
    class Stop(pl.Callback):
        def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            trainer.should_stop = trainer.current_epoch == 2

    class Stopping(PolicyGradient):
        def on_train_epoch_end(self) -> None:
            super().on_train_epoch_end()
            if how == "module":
                self.trainer.should_stop = self.trainer.current_epoch == 2

    torch.manual_seed(0)
    learned, evaluation = Stopping(GAME, MLP), match()
    stop: Any = {
        "early stopping": EarlyStopping("total_games", mode="min", patience=2, check_on_train_epoch_end=True),
        "timer": Timer({"seconds": 0.0001}, interval="epoch"),
        "budget": PlyBudget(1),
        "callback": Stop(),
        "module": pl.Callback(),
    }[how]
    played = script(0.4, 0.6)
    saving = ModelCheckpoint(tmp_path, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    listed = [evaluation, stop] if first else [stop, evaluation]
    fit = trainer(max_epochs=50, check_val_every_n_epoch=10, callbacks=[*listed, saving], enable_checkpointing=True)
    fit.fit(learned, data())
    assert fit.current_epoch < 5
    assert len(played.met) == 2
    assert torch.equal(played.met[-1], weights(learned.policy))
    assert fit.callback_metrics["score/random"] == pytest.approx(0.6)
    if how != "module":  # the module's hook comes after those of all callbacks
        saved = files.read_checkpoint(tmp_path / "last.ckpt")["callbacks"][evaluation.state_key]
        assert saved["earlier"]["previous"].keys() == evaluation.earlier["previous"].keys()
        for name, tensor in saved["earlier"]["previous"].items():
            assert torch.equal(tensor, evaluation.earlier["previous"][name])  # the last match is in it


def test_fast_dev_run_plays_two_games(
    script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule
) -> None:
    played = script(0.5)
    trainer(fast_dev_run=True, callbacks=[match(games=100)]).fit(module(), data())
    assert played.games == [2, 2]


# --- Who sees it -----------------------------------------------------------------------------------------------------


def test_early_stopping_counts_matches_and_not_rollouts(
    script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule
) -> None:
    script(0.1, 0.5, 0.6, 0.55, 0.5, 0.4, 0.9)  # before training; after 2, 4, …: the best is the second
    stopping = EarlyStopping("score/random", mode="max", patience=3)
    fit = trainer(max_epochs=30, check_val_every_n_epoch=2, callbacks=[match(), stopping])
    fit.fit(module(), data())
    assert fit.current_epoch == 10
    assert stopping.best_score == pytest.approx(0.6)


@pytest.mark.parametrize("first", [True, False])
def test_early_stopping_each_rollout(
    first: bool, script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule
) -> None:
    script(0.1, 0.5, 0.6, 0.5, 0.4)
    both = [match(), EarlyStopping("score/random", mode="max", patience=2)]
    fit = trainer(max_epochs=30, callbacks=both if first else both[::-1])
    fit.fit(module(), data())
    assert fit.current_epoch == 4


def test_model_checkpoint_keeps_the_best_with_their_own_scores(
    script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    played = script(0.1, 0.5, 0.9, 0.3, 0.7, 0.8)
    name = "{epoch}-{score/random:.2f}"
    saving = ModelCheckpoint(
        tmp_path, name, monitor="score/random", mode="max", save_top_k=3, auto_insert_metric_name=False
    )
    fit = trainer(max_epochs=9, check_val_every_n_epoch=2, callbacks=[match(), saving], enable_checkpointing=True)
    fit.fit(module(), data())
    assert sorted(path.name for path in tmp_path.glob("*.ckpt")) == ["3-0.90.ckpt", "7-0.70.ckpt", "8-0.80.ckpt"]
    for path in tmp_path.glob("*.ckpt"):
        number = {"3": 2, "7": 4, "8": 5}[path.name[0]]
        assert torch.equal(weights(files.load(path)), played.met[number])


def test_a_plateau_is_of_matches(script: Callable[..., Scripted], trainer: MakeTrainer) -> None:
    class Plateau(PolicyGradient):
        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.parameters(), lr=1.0)
            schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=1, factor=0.1)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "score/random"}}

    script(0.1, 0.5, 0.4, 0.4)  # the second match without improvement lowers the rate
    rates = []

    class Rates(pl.Callback):
        def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    torch.manual_seed(0)
    trainer(max_epochs=7, check_val_every_n_epoch=2, callbacks=[match(), Rates()]).fit(Plateau(GAME, MLP), data())
    assert rates == pytest.approx([1.0] * 6 + [0.1])


@pytest.mark.parametrize(
    "monitoring",
    [
        EarlyStopping("score/random"),
        ModelCheckpoint(monitor="rating"),
        ModelCheckpoint(monitor="score_low/random"),
    ],
)
def test_a_monitor_that_would_see_stale_scores_is_refused(
    monitoring: pl.Callback, trainer: MakeTrainer, module: MakeModule
) -> None:
    fit = trainer(callbacks=[match(every_n_rollouts=5), monitoring], enable_checkpointing=True)
    with pytest.raises(
        ValueError, match=r"monitors .* more often than EvaluationMatch plays; .*check_val_every_n_epoch"
    ):
        fit.fit(module(), data())
    others = trainer(callbacks=[match(every_n_rollouts=5), EarlyStopping("entropy")])
    others.fit(module(), data())


@pytest.mark.parametrize(
    "monitoring",
    [
        ModelCheckpoint(monitor="score/random", save_on_train_epoch_end=True),
        EarlyStopping("score/random", strict=False, check_on_train_epoch_end=True),
    ],
)
def test_a_monitor_of_every_epoch_is_refused_where_matches_are_rarer(
    monitoring: pl.Callback, trainer: MakeTrainer, module: MakeModule
) -> None:
    fit = trainer(check_val_every_n_epoch=3, callbacks=[match(), monitoring], enable_checkpointing=True)
    with pytest.raises(ValueError, match="more often than EvaluationMatch plays"):
        fit.fit(module(), data())


def test_a_score_is_there_for_its_rollout_alone(
    script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule
) -> None:
    seen = []

    class See(pl.Callback):
        def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            seen.append("score/random" in trainer.callback_metrics)

    script(0.5)
    trainer(max_epochs=5, check_val_every_n_epoch=2, callbacks=[See(), match()]).fit(module(), data())
    assert seen == [False, True, False, True, True]


@pytest.mark.parametrize("other", [{"opponents": ["random", "previous"], "seed": 3}, {"games": 6}, {"within": 0.1}, {}])
@pytest.mark.parametrize("method", ["fit", "validate"])
def test_two_matches_of_one_name_are_refused(
    other: dict[str, Any], method: str, trainer: MakeTrainer, module: MakeModule
) -> None:
    both = [match(), match(**other)]
    with pytest.raises(ValueError, match="two EvaluationMatch callbacks would both log score/random; give them diff"):
        getattr(trainer(callbacks=both), method)(module(), data())


def test_two_matches_log_one_rating(script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule) -> None:
    script(0.75, 0.25)
    both = [match(), match(opponents=["greedy"])]
    fit = trainer(max_epochs=3, check_val_every_n_epoch=2, callbacks=both)
    fit.fit(module(), data())
    assert fit.callback_metrics["rating"] == pytest.approx(191, abs=5)  # the first one's, 400 log₁₀ 3
    assert {"score/random", "score/greedy"} <= fit.callback_metrics.keys()
    assert fit.check_val_every_n_epoch == 2


def test_a_match_is_played_in_evaluation_mode_and_the_modes_come_back(
    monkeypatch: pytest.MonkeyPatch, trainer: MakeTrainer, module: MakeModule
) -> None:
    modes = []

    def look(game: Any, a: PolicyPlayer, b: Any, openings: Any, **options: Any) -> Iterator[MatchResult]:
        modes.append(any(part.training for part in a.policy.modules()))
        yield from Scripted([0.5])(game, a, b, openings, **options)

    monkeypatch.setattr("chesspg.training.policy_matches.play_in_parts", look)
    learned = module()
    learned.policy.network.body[1].eval()  # type: ignore[index, operator, union-attr]  # one that stays so
    before = [part.training for part in learned.modules()]
    match().evaluate(trainer(), learned)
    assert modes == [False]
    assert [part.training for part in learned.modules()] == before


def test_a_callback_of_another_run_begins_anew(
    script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule
) -> None:
    evaluation, played = match(opponents=["random", "previous"]), script(0.5)
    trainer(max_epochs=1, callbacks=[evaluation]).fit(module(), data())
    assert len(played.met) == 1 + 2
    learned = module()
    start = weights(learned.policy)
    trainer(max_epochs=1, callbacks=[evaluation]).fit(learned, data())
    assert len(played.met) == 2 * (1 + 2)
    assert torch.equal(played.met[3], start)


def test_all_metrics_are_of_one_rollout_wherever_they_are_read(
    script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule
) -> None:
    class Read(pl.Callback):
        def __init__(self) -> None:
            self.seen: list[tuple[str, int, dict[str, float]]] = []
            self.length: list[float] = []

        def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Any) -> None:
            self.length.append(float(rollout.length.mean()))

        def read(self, where: str, trainer: pl.Trainer) -> None:
            metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
            self.seen.append((where, trainer.current_epoch, metrics))

        def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            self.read("train", trainer)

        def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            if not trainer.sanity_checking:
                self.read("validation", trainer)

    script(0.1, 0.2, 0.3, 0.4)
    for listed in (lambda read: [read, match()], lambda read: [match(), read]):
        read = Read()
        trainer(max_epochs=3, callbacks=listed(read)).fit(module(clip=0.2), data(updates=2))
        assert [where for where, _, _ in read.seen] == ["validation", "train"] * 3
        for _, epoch, metrics in read.seen:
            assert metrics["total_games"] == 8 * (epoch + 1)
            assert metrics["length"] == pytest.approx(read.length[epoch])
        for (_, _, a), (_, _, b) in zip(read.seen[::2], read.seen[1::2], strict=True):
            assert a == b  # loss, entropy, speeds and scores too


def test_a_row_of_metrics_is_of_one_rollout(
    script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    script(0.1, 0.2, 0.3)
    logger = CSVLogger(tmp_path, name="", version="", flush_logs_every_n_steps=1)
    fit = trainer(max_epochs=4, check_val_every_n_epoch=2, callbacks=[match()], logger=logger, log_every_n_steps=1)
    fit.fit(module(), data())
    with (tmp_path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    scores = {(row["step"], row["epoch"]): float(row["score/random"]) for row in rows if row["score/random"]}
    assert scores == pytest.approx({("0", ""): 0.1, ("1", "1"): 0.2, ("3", "3"): 0.3})
    games = {row["step"]: float(row["total_games"]) for row in rows if row["total_games"]}
    assert games == {"0": 8, "1": 16, "2": 24, "3": 32}


# --- Which weights play ----------------------------------------------------------------------------------------------


def test_averaged_weights_play_where_they_are_saved(
    script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    played, learned = script(0.1, 0.5, 0.6, 0.7), module(optimizer=partial(torch.optim.SGD, lr=1.0))
    saving = ModelCheckpoint(tmp_path, "{epoch}", monitor="score/random", mode="max", save_top_k=-1)
    raw = []

    class Raw(pl.Callback):
        def on_train_batch_end(self, *arguments: Any) -> None:
            raw.append(weights(learned.policy))

    averaging = EMAWeightAveraging(decay=0.5)
    fit = trainer(max_epochs=3, callbacks=[match(), averaging, saving, Raw()], enable_checkpointing=True)
    fit.fit(learned, data())
    assert len(played.met) == 4
    for epoch in range(3):
        assert torch.equal(weights(files.load(tmp_path / f"epoch={epoch}.ckpt")), played.met[epoch + 1])
        assert epoch == 0 or not torch.equal(raw[epoch], played.met[epoch + 1])


def test_averaged_weights_play_the_last_match_of_a_run_that_is_stopped(
    script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    class Stop(pl.Callback):
        def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            trainer.should_stop = trainer.current_epoch == 2

    def run(*more: pl.Callback, folder: Path) -> tuple[Scripted, PolicyGradient]:
        played, learned = script(0.1, 0.5), module(optimizer=partial(torch.optim.SGD, lr=1.0))
        saving = ModelCheckpoint(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False)
        listed = [match(), EMAWeightAveraging(decay=0.5), *more, saving]
        trainer(max_epochs=9, check_val_every_n_epoch=5, callbacks=listed, enable_checkpointing=True).fit(
            learned, data()
        )
        return played, learned

    played, learned = run(Stop(), folder=tmp_path)
    assert torch.equal(weights(files.load(tmp_path / "last.ckpt")), played.met[-1])
    assert torch.equal(weights(learned.policy), played.met[-1])  # Lightning leaves the average in the module


def test_stochastic_averages_play_and_are_saved_alike(
    script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    played, learned = script(0.1, 0.5), module()
    swa = StochasticWeightAveraging(swa_lrs=0.01, swa_epoch_start=2)
    saving = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1)
    trainer(max_epochs=4, callbacks=[match(), swa, saving], enable_checkpointing=True).fit(learned, data())
    for epoch in range(4):
        assert torch.equal(weights(files.load(tmp_path / f"epoch={epoch}.ckpt")), played.met[epoch + 1])


def test_learning_goes_on_as_if_there_were_no_matches(trainer: MakeTrainer, module: MakeModule) -> None:
    def run(**arguments: Any) -> Tensor:
        learned = module(baseline="value", clip=0.2)
        trainer(max_epochs=3, **arguments).fit(learned, data(updates=2))
        return weights(learned.policy)

    plain = run()
    assert torch.equal(run(callbacks=[match(opponents=["random", "previous"], games=4, gate=(0, 10))]), plain)
    assert torch.equal(run(callbacks=[match(games=4)], check_val_every_n_epoch=2, inference_mode=False), plain)


# --- trainer.validate ------------------------------------------------------------------------------------------------


def test_validate_plays_a_match_and_changes_nothing(
    script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    played, learned, evaluation = script(0.1, 0.9, 0.3, 0.74), module(), match(gate=(0, 10))
    saving = ModelCheckpoint(tmp_path, "{epoch}", monitor="score/random", mode="max")
    fit = trainer(max_epochs=2, callbacks=[evaluation, saving], enable_checkpointing=True)
    script_of_both = script(0.1, 0.9, 0.5, 0.3, 0.5, 0.74, 0.99)  # before; twice random and the best so far; validate
    fit.fit(learned, data())
    before = {name: dict(tensors) for name, tensors in evaluation.earlier.items()}, evaluation.beaten
    (metrics,) = fit.validate(learned, data(), ckpt_path="best", weights_only=True, verbose=False)
    assert metrics["score/random"] == pytest.approx(0.74)
    assert torch.equal(script_of_both.met[-1], script_of_both.met[1])  # the best was after the first rollout
    assert evaluation.beaten == before[1]
    for name, tensors in before[0].items():
        assert evaluation.earlier[name].keys() == tensors.keys()
        assert all(evaluation.earlier[name][key] is tensor for key, tensor in tensors.items())
    assert played.met == []


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")  # the second Trainer saves nothing
def test_a_row_of_validate_says_after_how_many_updates_the_policy_was_saved(
    script: Callable[..., Scripted],
    trainer: MakeTrainer,
    module: MakeModule,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script(0.1, 0.9, 0.3, 0.3, 0.3, 0.3, 0.3)
    saving = ModelCheckpoint(tmp_path, "best", monitor="score/random", mode="max")
    learned = module()
    fit = trainer(max_epochs=3, callbacks=[match(), saving], enable_checkpointing=True)
    fit.fit(learned, data())
    games = learned.played["games"] // 3

    def row(validate: pl.Trainer, *arguments: Any, **more: Any) -> list[str]:
        capsys.readouterr()
        validate.validate(*arguments, data(), weights_only=True, verbose=False, **more)
        return capsys.readouterr().out.splitlines()[-1].split()[:2]

    assert row(fit, learned) == ["3", f"{3 * games}"]
    assert row(fit, learned, ckpt_path="best") == ["1", f"{games}"]
    assert row(trainer(callbacks=[match()]), module(), ckpt_path=str(tmp_path / "best.ckpt")) == ["1", f"{games}"]
    loaded = PolicyGradient.load_from_checkpoint(tmp_path / "best.ckpt")
    assert row(trainer(callbacks=[match()]), loaded) == ["1", f"{games}"]


def test_validate_needs_no_training(script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule) -> None:
    script(0.3)
    (metrics,) = trainer(callbacks=[match()]).validate(module(), data(), verbose=False)
    assert metrics["score/random"] == pytest.approx(0.3)


def test_evaluate_works_before_training(
    script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule
) -> None:
    script(0.3)
    assert match().evaluate(trainer(), module())["score/random"] == pytest.approx(0.3)


# --- The user's own validation ---------------------------------------------------------------------------------------


def test_own_validation_data_and_step_keep_working(script: Callable[..., Scripted], trainer: MakeTrainer) -> None:
    class Data(SelfPlay):
        def val_dataloader(self) -> Any:
            return [range(2), range(10, 14)]

    class Module(PolicyGradient):
        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("mine", float(batch), batch_size=1)

    played = script(0.5)
    torch.manual_seed(0)
    fit = trainer(max_epochs=2, callbacks=[match()])
    fit.fit(Module(GAME, MLP), Data(GAME, games=8))
    assert len(played.met) == 3  # once before training and once per validation loop
    assert fit.callback_metrics["mine/dataloader_idx_0"] == 0.5
    assert fit.callback_metrics["mine/dataloader_idx_1"] == 11.5
    assert fit.callback_metrics["score/random"] == 0.5


def test_validation_more_often_than_matches(script: Callable[..., Scripted], trainer: MakeTrainer) -> None:
    class Module(PolicyGradient):
        validated = 0

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.validated += 1

    torch.manual_seed(0)
    learned, played = Module(GAME, MLP), script(0.5)
    trainer(max_epochs=4, callbacks=[match(every_n_rollouts=4)], num_sanity_val_steps=0).fit(learned, data())
    assert learned.validated == 4
    assert len(played.met) == 2


# --- Without a validation loop ---------------------------------------------------------------------------------------


class NoValidation(pl.LightningDataModule):
    """Wraps SelfPlay and has no validation data."""

    def __init__(self) -> None:
        super().__init__()
        self.games = data()

    def train_dataloader(self) -> Any:
        return self.games.train_dataloader()


def test_without_a_validation_loop_it_plays_at_the_ends_of_epochs_and_says_so(
    script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule, caplog: pytest.LogCaptureFixture
) -> None:
    played = script(0.5)
    seen = Epochs(played)
    fit = trainer(max_epochs=5, check_val_every_n_epoch=2, callbacks=[match(), seen])
    with caplog.at_level("INFO", logger="pytorch_lightning"):
        fit.fit(module(), NoValidation())
    assert seen.after == [0, 2, 4, 5]
    assert sum("there is no validation loop" in record.message for record in caplog.records) == 1
    assert fit.callback_metrics["score/random"] == 0.5


@pytest.mark.parametrize("first", [True, False])
def test_without_a_validation_loop_monitors_see_each_match(
    first: bool, script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule
) -> None:
    script(0.1, 0.5, 0.4, 0.3)
    both = [match(), EarlyStopping("score/random", mode="max", patience=2)]
    fit = trainer(max_epochs=30, callbacks=both if first else both[::-1])
    fit.fit(module(), NoValidation())
    assert fit.current_epoch == 3


@pytest.mark.parametrize("monitoring", [EarlyStopping("score/random"), ModelCheckpoint(monitor="score/random")])
def test_without_a_validation_loop_stale_scores_are_refused(
    monitoring: pl.Callback, trainer: MakeTrainer, module: MakeModule
) -> None:
    fit = trainer(callbacks=[match(), monitoring], check_val_every_n_epoch=2, enable_checkpointing=True)
    with pytest.raises(ValueError, match="more often than EvaluationMatch plays"):
        fit.fit(module(), NoValidation())


def test_averages_need_a_validation_loop(trainer: MakeTrainer, module: MakeModule) -> None:
    with pytest.raises(ValueError, match="EvaluationMatch needs a validation loop to play with averaged weights"):
        trainer(callbacks=[match(), EMAWeightAveraging()]).fit(module(), NoValidation())


# --- Resumed ---------------------------------------------------------------------------------------------------------


@NEEDS
@pytest.mark.parametrize("save", [True, None])  # at the ends of epochs; or of validation, as is Lightning's default
def test_a_resumed_run_plays_the_matches_that_one_without_a_break_would(
    save: bool | None, script: Callable[..., Scripted], trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    def run(epochs: int, **arguments: Any) -> tuple[Scripted, Tensor]:
        played, learned = script(0.5), module()
        saving = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1, save_on_train_epoch_end=save)
        evaluation = match(opponents=["random", "previous"])
        fit = trainer(
            max_epochs=epochs, check_val_every_n_epoch=2, callbacks=[evaluation, saving], enable_checkpointing=True
        )
        fit.fit(learned, data(), **arguments)
        return played, weights(learned.policy)

    straight, end = run(6)
    for epoch in range(5) if save else (1, 3):
        resumed, other = run(6, ckpt_path=tmp_path / f"epoch={epoch}.ckpt", weights_only=True)
        assert torch.equal(end, other)
        assert resumed.met
        for a, b in zip(resumed.met, straight.met[-len(resumed.met) :], strict=True):
            assert torch.equal(a, b)
