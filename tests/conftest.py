"""What the tests of training share: a small recipe, and the command run inside this process or in one of its own."""

from __future__ import annotations

import os

# Before torch is imported, here and in the commands that tests start: its threads spin while they wait, and a test that
# watches a command it started would stall them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import pytorch_lightning as pl
import torch
from preloaded import Started

from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.learning.advantages import Advantages
from chesspg.learning.losses import Loss
from chesspg.policy.networks import MLP
from chesspg.storage import shipped
from chesspg.training.module import PolicyGradient

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# The machine may be busy, so no example fails because it is slow.
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")

# Everything that a resumed run must restore: Adam's moments, a schedule, the value baseline, updates of one rollout
# that build on each other, running counters, opponents, the evaluation's earlier self, the best score.
RECIPE = """
seed_everything: 3
model:
  network:
    class_path: chesspg.policy.networks.MLP
    init_args: {hidden: [16], value: true}
  optimizer:
    class_path: torch.optim.Adam
    init_args: {lr: 0.01}
  lr_scheduler:
    class_path: torch.optim.lr_scheduler.StepLR
    init_args: {step_size: 2, gamma: 0.7}
  advantages: {baseline: value, gae_lambda: 0.9}
  loss: {entropy_weight: 0.01, clip: 0.2}
data:
  game: {class_path: chesspg.games.tic_tac_toe.TicTacToe}
  games: 32
  updates: 3
  passes: 2
  opponents: {players: {random: 0.2}, share: 0.3, every: 1, size: 2, priority: 1}
trainer:
  max_epochs: 4
  accumulate_grad_batches: 2
  gradient_clip_val: 1.0
  callbacks:
    - class_path: chesspg.training.evaluation.EvaluationMatch
      init_args: {opponents: [random, previous], games: 4, every_n_rollouts: 2}
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without-numba",
        action="store_true",
        help="run as where numba is not installed, so that chess is played by python-chess",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--without-numba"):
        sys.modules["numba"] = None  # type: ignore[assignment]  # `import numba` then raises ModuleNotFoundError
        config.addinivalue_line("filterwarnings", "ignore:numba is not installed")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cuda") and not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")


@pytest.hookimpl(optionalhook=True)  # so that tests run without pytest-xdist too
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Up to four workers for the whole suite; none for files named on the command line, which end before they start."""
    return 0 if config.args_source is pytest.Config.ArgsSource.ARGS else min(4, os.cpu_count() or 1)


# A shell that runs the tests in the background has them, and the commands that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def recipe() -> str:
    """Tic-tac-toe in a second, as YAML."""
    return RECIPE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory but for the recipe, `small.yaml`."""
    (tmp_path / "small.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ships(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder whose configs/, checkpoints/ and docs/ ship during the test, as those in a wheel do; all are empty."""
    home = tmp_path_factory.mktemp("package")
    for folder in ("configs", "checkpoints", "docs"):
        (home / folder).mkdir()
    monkeypatch.setattr(shipped, "PACKAGE", home)
    return home


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A Chromium that is installed; playwright downloads none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("needs a browser: apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """The same sums in the same order here and in the processes that tests start."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the seed that an earlier test of this process left in the environment by Lightning's seed_everything."""
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Started]]:
    """Starts `python -m chesspg.train` with the arguments given, in a process of its own that ends with the test."""
    started: list[Started] = []

    def start_train(*arguments: str) -> Started:
        started.append(Started(folder, "-m", "chesspg.train", *arguments))
        return started[-1]

    yield start_train
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Assert that a command ends with exit code 2 and one line that has all the words, and prints nothing else."""

    def check(main: Callable[[list[str]], int], arguments: list[str], words: Iterable[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        told = capsys.readouterr()
        assert told.out == ""
        [line] = told.err.splitlines()
        assert line.startswith("error: ")
        for word in words:
            assert word in line

    return check


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs: `chess`, `tic_tac_toe` and, newest of all, a `half` one without a policy file."""
    import torch

    from chesspg.games.chess import Chess
    from chesspg.games.tic_tac_toe import TicTacToe
    from chesspg.policy import files
    from chesspg.policy.networks import MLP
    from chesspg.policy.policy import Policy

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("runs")
    for name, game in (("tic_tac_toe", TicTacToe()), ("chess", Chess())):
        (folder / name).mkdir()
        files.save(folder / name / "last.safetensors", Policy(game, MLP(game, hidden=(8,)), temperature=1.5))
        (folder / name / "last.ckpt").touch()
    (folder / "half").mkdir()
    return folder


@pytest.fixture
def trainer() -> Callable[..., pl.Trainer]:
    """A Trainer that writes and shows nothing; arguments as of pl.Trainer."""

    def make(**arguments: Any) -> pl.Trainer:
        quiet = {"logger": False, "enable_checkpointing": False}
        silent = {"enable_progress_bar": False, "enable_model_summary": False}
        return pl.Trainer(**{"max_epochs": 1, "accelerator": "cpu", **quiet, **silent, **arguments})

    return make


@pytest.fixture
def module() -> Callable[..., PolicyGradient]:
    """Tic-tac-toe with an MLP of the same weights each time; arguments of PolicyGradient, Advantages and Loss."""

    def make(game: Game | None = None, **arguments: Any) -> PolicyGradient:
        torch.manual_seed(7)
        value = arguments.pop("value", arguments.get("baseline") == "value")
        for name, group in {"advantages": Advantages, "loss": Loss}.items():
            options = {field.name: arguments.pop(field.name) for field in fields(group) if field.name in arguments}
            arguments |= {name: group(**options)} if options else {}

        def network(game: Game) -> MLP:
            return MLP(game, hidden=(16,), value=value)

        return PolicyGradient(game or TicTacToe(), **{"network": network, **arguments})

    return make
