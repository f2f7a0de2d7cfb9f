"""The plan: every estimator runs on every task, from the same weights; folders with other settings are refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from chesspg.arena.ladder.shipped import shipped_ratings
from chesspg.learning.advantages import Advantages, Sample
from chesspg.runs.train_cli import TrainCLI
from studies.estimators.plan import ESTIMATORS, PLAIN, TASKS, Trial, arguments, check_estimator, fields, task_named

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning")


def weights(task: str, estimator: str, folder: Path) -> torch.Tensor:
    wanted = {**fields(task, estimator), "seed_everything": 4}
    built = TrainCLI.build([*arguments(task, wanted), "--run", str(folder / f"{task}-{estimator}")])
    assert built.datamodule.seed == 4
    return torch.cat([p.detach().flatten() for p in built.model.parameters()])


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_every_estimator_can_be_run_and_starts_from_the_same_weights(task: str, tmp_path: Path) -> None:
    plain = weights(task, PLAIN, tmp_path)
    for estimator in ESTIMATORS:
        if estimator != PLAIN:
            assert torch.equal(weights(task, estimator, tmp_path), plain), estimator


@pytest.mark.parametrize("task", [*TASKS, "connect_four", "othello", "hex", "chess_quick", "chess_laptop"])
def test_plain_is_the_bare_formula_on_every_task(task: str, tmp_path: Path) -> None:
    built = TrainCLI.build([*arguments(task, fields(task, PLAIN)), "--run", str(tmp_path / "run")])
    assert built.model.advantages == Advantages()
    loss, data = built.model.loss, built.datamodule
    assert (loss.clip, loss.average, loss.value_weight) == (None, "games", 0)
    assert (data.opponents, data.segment, data.updates, data.passes) == (None, None, 1, 1)
    assert built.model.lr_scheduler is None
    assert built.trainer.gradient_clip_val is None


@pytest.mark.slow
@pytest.mark.parametrize("task", ["connect_four", "chess_quick"])
def test_every_estimator_can_be_run_on_a_recipe(task: str, tmp_path: Path) -> None:
    plain = weights(task, PLAIN, tmp_path)
    for estimator in ESTIMATORS:
        if estimator != PLAIN:
            assert torch.equal(weights(task, estimator, tmp_path), plain), estimator


OWN = """
import torch

def my_baseline(sample):
    return torch.full_like(sample.return_, 0.25)

def my_advantages(sample):
    return sample.return_ - 0.25

number = 3
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's file in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    return path


@pytest.mark.parametrize("estimator", ["mine.my_baseline", "advantages=mine.my_advantages"])
@pytest.mark.parametrize("task", ["tic_tac_toe", "endgame"])
def test_a_function_of_the_user_s_own_weighs_the_plies(task: str, estimator: str, own: Path, tmp_path: Path) -> None:
    built = TrainCLI.build([*arguments(task, fields(task, estimator)), "--run", str(tmp_path / "run")])
    sample = Sample(torch.tensor([1.0, -1.0]), torch.zeros(2), torch.tensor([0, 0, 1]), torch.tensor([0, 1, 0]))
    assert built.model.advantages(sample).tolist() == [0.75, -1.25, -1.25]


def test_what_is_no_estimator(own: Path) -> None:
    for name in (*ESTIMATORS, "mine.my_baseline", "advantages=mine.my_advantages"):
        check_estimator(name)
    for name, words in (
        ("best", "unknown estimator 'best'; expected one of plain"),
        ("mine.other", "has no attribute 'other'"),
        ("nowhere.mine", "No module named 'nowhere'"),
        ("mine.number", "must be a function from a Sample to"),
    ):
        with pytest.raises(ValueError) as refused:
            check_estimator(name)
        assert words in str(refused.value)


def test_a_function_that_was_changed_since_is_another_estimator(
    own: Path, tmp_path: Path, finish: Callable[[Trial], None]
) -> None:
    trial = Trial(tmp_path / "runs", "tic_tac_toe", "mine.my_baseline", 1, 1000)
    finish(trial)
    trial.check()
    own.write_text(OWN.replace("0.25", "0.5"))
    with pytest.raises(ValueError, match=r"mine\.my_baseline-1 was run with source "):
        trial.check()


def test_opponents_are_rated_from_random_on() -> None:
    assert all(about.opponents[0] == "random" for about in TASKS.values())
    assert set(TASKS["chess"].opponents) <= set(shipped_ratings())
    assert all(about.best_of in {*TASKS, ""} for about in TASKS.values())


@pytest.fixture
def run(tmp_path: Path) -> Trial:
    return Trial(tmp_path, "tic_tac_toe", "plain", 1, 1000)


def test_a_run_begins_goes_on_and_is_finished(run: Trial, finish: Callable[[Trial], None]) -> None:
    run.check()  # nothing there
    assert not run.finished
    line = run.command()
    assert line[-2:] == ["--run", str(run.folder)]
    assert "--seed_everything=1" in line
    assert not run.folder.exists()
    run.folder.mkdir()  # stopped before its first checkpoint
    (run.folder / "config.yaml").touch()
    assert run.command() == line
    assert not run.folder.exists()
    finish(run)
    run.check()
    assert run.finished
    longer = Trial(run.home, run.task, run.estimator, run.seed, 1001)
    assert not longer.finished
    assert longer.command() == ["--resume", str(run.folder)]


def test_a_run_of_other_settings_is_refused(run: Trial, finish: Callable[[Trial], None]) -> None:
    finish(run)
    with pytest.raises(ValueError, match=r"plain-1 was run with plies 1000, not 1001; choose another --folder"):
        Trial(run.home, run.task, run.estimator, run.seed, 1001).check()
    settings = run.folder.with_name("plain-1.json")
    reported = json.loads(settings.read_text())
    settings.write_text(json.dumps({**reported, "data.games": 7}))
    with pytest.raises(ValueError, match=r"data\.games 7, not 128"):
        run.check()
    settings.write_text(json.dumps({**reported, "recipe": {"seed_everything": 2}}))
    with pytest.raises(ValueError, match=r'recipe \{"seed_everything": 2\}'):
        run.check()
    for damage in ("", "[", "3", '"word"'):
        settings.write_text(damage)
        with pytest.raises(ValueError, match="is not a run of a comparison"):
            run.check()
    settings.unlink()
    with pytest.raises(ValueError, match="is not a run of a comparison"):
        run.check()


def test_a_damaged_policy_is_told(run: Trial, finish: Callable[[Trial], None]) -> None:
    finish(run)
    (run.folder / "last.safetensors").write_bytes(b"damage")
    with pytest.raises(ValueError, match="is not a policy file"):
        run.check()


def test_a_recipe_of_any_game_is_a_task(tmp_path: Path) -> None:
    about = task_named("connect_four")
    assert about.game().name == "connect four"
    assert about.opponents == ("random", "greedy", "minimax?depth=2")
    assert fields("connect_four", PLAIN)["model.advantages.baseline"] == "none"
    assert fields("connect_four", "clipped")["data.updates"] == 8
    path = tmp_path / "toe.yaml"
    path.write_text("data: {game: {class_path: chesspg.TicTacToe}}")
    assert task_named(str(path)).opponents == ("random", "greedy")
    assert Trial(tmp_path, str(path), PLAIN, 1, 10).folder == tmp_path / "toe" / "plain-1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: {}", r"the recipe's data\.game can't be built: None is not a class_path"),
        ("data: {game: nowhere.Go}", r"the recipe's data\.game can't be built: .*nowhere\.Go"),
        ("data: {game: {class_path: chesspg.TicTacToe, init_args: {size: 4}}}", "can't be built from {'size': 4}"),
        ("data: [", r"unknown task .*bad\.yaml can't be read as YAML"),
    ],
)
def test_a_recipe_without_a_game_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        task_named(str(path))
