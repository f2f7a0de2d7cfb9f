"""The examples of parts of your own: each runs as its first lines say, and does what they say."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from preloaded import python

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


def example(name: str) -> Any:
    """The module of an example."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines(name: str) -> list[str]:
    """The commands of an example's docstring."""
    text = (EXAMPLES / f"{name}.py").read_text().split('"""')[1]
    return re.findall(r"^    (python .*)", text, re.MULTILINE)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with copies of the examples and nothing else."""
    for path in EXAMPLES.glob("*.py"):
        shutil.copy(path, tmp_path)
    return tmp_path


def run(home: Path, line: str, more: str = "") -> str:
    """What a command of an example prints."""
    program, *arguments = shlex.split(f"{line} {more}")
    assert program == "python"
    done = python(home, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_says_how_it_is_run() -> None:
    names = [path.stem for path in EXAMPLES.glob("*.py")]
    assert {"nim", "own_estimator", "own_network", "own_trainer", "ray_two_workers"} <= set(names)
    assert all(lines(name) for name in names)


@pytest.mark.slow
def test_a_network_of_ones_own_is_trained_and_plays(home: Path) -> None:
    train, match = lines("own_network")
    run(home, train, "--trainer.max_epochs 2 --trainer.callbacks.games 2 --model.network.channels 4")
    assert "own_network.Conv" in (home / "conv/config.yaml").read_text()
    assert "conv against random" in run(home, match, "--games 2")


@pytest.mark.slow
def test_an_estimator_of_ones_own_is_trained_with(home: Path) -> None:
    program, *trainings = lines("own_estimator")
    out = run(home, program)
    assert out.index("PolicyGradient") < out.index("SelfImitation")
    for line, name in zip(trainings, ("own_estimator.other_half", "own_estimator.SelfImitation"), strict=True):
        run(home, line, f"--run {name} --trainer.max_epochs 2 --trainer.callbacks.games 2")
        assert name in (home / name / "config.yaml").read_text()


def test_the_baseline_of_the_example_leaves_a_game_out_of_its_own() -> None:
    own = example("own_estimator")
    reward = torch.tensor([1.0, 0.0, -1.0, 1.0])
    game, player = torch.tensor([0, 0, 1, 2, 3, 3]), torch.tensor([0, 1, 0, 1, 0, 1])
    sample = own.Sample(reward=reward, group=torch.zeros(4), game=game, player=player)
    # Games 0 and 2 expect (0 + 1) / 2, games 1 and 3 (1 − 1) / 2; player 1 the opposite.
    torch.testing.assert_close(own.other_half(sample), torch.tensor([0.5, -0.5, 0.0, -0.5, 0.0, 0.0]))


@pytest.mark.slow
def test_the_parts_work_in_a_trainer_of_ones_own(home: Path) -> None:
    (program,) = lines("own_trainer")
    out = run(home, program)
    assert [int(rollout) for rollout in re.findall(r"^rollout (\d+), game 0: 3/3/3 x moves ", out, re.MULTILINE)] == [
        0,
        10,
        20,
        30,
    ]
    assert len(list((home / "best").glob("*.ckpt"))) == 1
    rows = re.findall(r"^ +(\d+) +[\d,]+ +(\d+) \(", out, re.MULTILINE)
    assert [int(update) for update, _ in rows][:3] == [0, 20, 40]
    assert int(rows[2][1]) > int(rows[0][1])  # it has learned


@pytest.mark.slow
def test_two_workers_of_ray_learn_what_one_process_does(home: Path) -> None:
    pytest.importorskip("ray.train", reason="needs Ray: pip install 'ray[train]'")
    (program,) = lines("ray_two_workers")
    (difference,) = re.findall(r"differ by at most (\S+)\n", run(home, program))
    assert float(difference) < 1e-6
