"""The plan: every estimator can be run on every task, from the same weights; folders of other settings are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from chesspg.arena.ladder.model import shipped
from chesspg.training.train_cli import TrainCLI
from studies.estimators.plan import ESTIMATORS, PLAIN, TASKS, Trial, arguments, fields

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


def test_opponents_are_rated_from_random_on() -> None:
    assert all(about.opponents[0] == "random" for about in TASKS.values())
    assert set(TASKS["chess"].opponents) <= set(shipped())
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
    told = json.loads(settings.read_text())
    settings.write_text(json.dumps({**told, "data.games": 7}))
    with pytest.raises(ValueError, match=r"data\.games 7, not 128"):
        run.check()
    settings.write_text(json.dumps({**told, "recipe": {"seed_everything": 2}}))
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
