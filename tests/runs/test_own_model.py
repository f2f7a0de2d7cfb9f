"""A subclass of PolicyGradient from the user's own file, by configuration; other classes are refused."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from chesspg.runs.own_model import model_of
from chesspg.train import main

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"),
]

OWN = """
import chesspg
from pathlib import Path


class Halved(chesspg.PolicyGradient):
    def __init__(self, *args, factor: float = 0.5, **kwargs):
        super().__init__(*args, **kwargs)
        self.factor = factor

    def training_step(self, batch, batch_idx):
        Path("factor.txt").write_text(str(self.factor))
        return self.factor * super().training_step(batch, batch_idx)


class Other:
    pass


something = 3
"""


def train(line: str) -> int:
    """The exit code of the command with these arguments, in this process."""
    try:
        return main(shlex.split(line))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else -1


@pytest.fixture
def own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The module in the working directory with the classes of OWN; its name differs from test to test."""
    name = f"own_{abs(hash(str(folder))) % 10**8}"
    (folder / f"{name}.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(folder))  # as with python -m
    return name


SMALL = "--config small.yaml --data.games 8 --model.optimizer.lr 0.5"


@pytest.mark.parametrize("form", ["option", "option =", "class_path", "mapping", "yaml"])
def test_a_class_of_ones_own_takes_the_place_of_policy_gradient(form: str, own: str, folder: Path) -> None:
    path = f"{own}.Halved"
    (folder / "own.yaml").write_text(f"model: {{class_path: {path}, init_args: {{factor: 0.25}}}}")
    line = {
        "option": f"--model {path} --model.factor 0.25",
        "option =": f"--model={path} --model.init_args.factor 0.25",
        "class_path": f"--model.class_path {path} --model.factor 0.25",
        "mapping": f"--model '{{class_path: {path}, init_args: {{factor: 0.25}}}}'",
        "yaml": "--config own.yaml",
    }[form]
    assert train(f"{SMALL} {line} --run run --trainer.max_epochs 1") == 0
    assert (folder / "factor.txt").read_text() == "0.25"
    kept = yaml.safe_load((folder / "run/config.yaml").read_text())
    assert kept["model"]["class_path"] == path
    assert kept["model"]["init_args"]["factor"] == 0.25
    assert kept["model"]["init_args"]["network"]["init_args"]["hidden"] == [16]


def test_such_a_run_goes_on_and_starts_from_a_policy_like_any_other(own: str, folder: Path) -> None:
    line = f"{SMALL} --model {own}.Halved --model.factor 2.0"
    assert train(f"{line} --run straight --trainer.max_epochs 2") == 0
    assert train(f"{line} --run parts --trainer.max_epochs 1") == 0
    (folder / "factor.txt").unlink()
    assert train("--resume parts --trainer.max_epochs 2") == 0
    assert (folder / "factor.txt").read_text() == "2.0"
    one, other = (load_file(folder / run / "last.safetensors") for run in ("straight", "parts"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert train(f"{line} --run next --init parts --trainer.max_epochs 1") == 0
    start = load_file(folder / "next/init.safetensors")
    assert all(torch.equal(other[name], start[name]) for name in other)
    assert train("--config parts/config.yaml --run again --trainer.max_epochs 1") == 0
    assert yaml.safe_load((folder / "again/config.yaml").read_text())["model"]["class_path"] == f"{own}.Halved"


def test_its_configuration_is_printed_as_a_recipe(own: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(f"{SMALL} --model {own}.Halved --print_config") == 0
    text = capsys.readouterr().out
    assert yaml.safe_load(text)["model"]["class_path"] == f"{own}.Halved"
    (folder / "printed.yaml").write_text(text)
    assert train("--config printed.yaml --run run --trainer.max_epochs 1") == 0
    assert (folder / "factor.txt").read_text() == "0.5"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--model {own}.Other", "--model must be a subclass of PolicyGradient, got {own}.Other"),
        ("--model {own}.something", "--model must be a subclass of PolicyGradient, got {own}.something"),
        ("--model {own}.Missing", "--model: module {own} has no Missing"),
        (
            "--model nowhere_at_all.Model",
            "--model: No module named 'nowhere_at_all'; modules are searched in the current",
        ),
        ("--model Halved", "--model: expected the path of a class such as my_module.MyClass, got 'Halved'"),
        ("--model ''", "--model: expected the path of a class such as my_module.MyClass, got ''"),
        ("--model broken.Model", "--model: module broken raised ZeroDivisionError: division by zero"),
        ("--model os.system", "--model must be a subclass of PolicyGradient, got os.system"),
        ("--config other.yaml", "other.yaml: model.class_path must be a subclass of PolicyGradient, got {own}.Other"),
        ("--config system.yaml", "system.yaml: model.class_path must name a class for training, got 'os.system'"),
        ("--config typo.yaml", "typo.yaml: unknown setting model.fcator; did you mean model.factor?"),
        ("--model {own}.Halved --model.fcator 3", "unknown option --model.fcator"),
        ("--model {own}.Halved --model.temperature 0", "--model.temperature must be between 0.01 and 100, got 0"),
        ("--model {own}.Halved --model.factor three", "--model.factor: expected a number, got three"),
    ],
)
def test_what_is_no_such_class_is_one_line(
    line: str, said: str, own: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.py").write_text("1 / 0")
    (folder / "other.yaml").write_text(f"model: {{class_path: {own}.Other}}")
    (folder / "system.yaml").write_text("model: {class_path: os.system}")
    (folder / "typo.yaml").write_text(f"model: {{class_path: {own}.Halved, init_args: {{fcator: 1}}}}")
    assert train(f"{SMALL} --run run {line.format(own=own)}") == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith(f"error: {said.format(own=own)}")
    assert error.count("\n") == 1
    assert not (folder / "run").exists()


def test_the_last_name_counts_and_the_command_line_most() -> None:
    trees = [
        ("a.yaml", {"model": {"class_path": "builtins.int"}}),
        ("b.yaml", {"model": {"class_path": "builtins.str"}}),
    ]
    assert model_of(trees, ["--data.games", "3"], object) == (str, ["--data.games", "3"])
    assert model_of(trees, ["--model", "builtins.bytes"], object) == (bytes, [])
    assert model_of([("a.yaml", {"model": {"clip": 1}})], [], object) == (object, [])
