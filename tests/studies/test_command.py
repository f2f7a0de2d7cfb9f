"""`python -m studies.estimators`: what it trains, keeps, prints, writes, resumes and refuses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from preloaded import Started

from chesspg.policy.files import read_header
from studies.estimators import __main__ as estimators
from studies.estimators import running
from studies.estimators.plan import Trial

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"),
]

SMALL = ["--tasks", "tic_tac_toe", "--seeds", "1", "--games", "8", "--rollouts", "3", "--folder", "runs"]
BOTH = [*SMALL, "--estimators", "plain", "clipped"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return tmp_path


@pytest.fixture(autouse=True)
def preloaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials of this process start in less time."""

    def start(trial: Trial) -> Started:
        return Started(folder, "-m", "chesspg.train", *trial.command(), log=trial.log)

    monkeypatch.setattr(running, "start", start)


def test_a_comparison_as_people_run_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = [*BOTH, "--plies", "3000", "--json", "all.json", "--pictures", "."]
    assert estimators.main(line) == 0
    reported = json.loads(Path("all.json").read_text())
    table = reported["tasks"]["tic_tac_toe"]
    for name, updates in (("plain", 1), ("clipped", 8)):
        (run,) = table["estimators"][name]["runs"]
        assert 3000 <= run["plies"] < 3000 + 9 * 128  # no rollout too many
        assert run["updates"] == updates * run["rollouts"]
        assert table["gradient"]["estimators"][name]["variance"] > 0
    assert table["gradient"]["policy"] == "tic_tac_toe clipped-1"
    assert table["gradient"]["estimators"]["plain"]["variance_ratio"]["value"] == 1
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "### tic_tac_toe: 3,000 plies per run" in printed.out
    for picture in ("estimators.svg", "gradient.svg"):
        assert {"plain", "clipped"} <= {
            node.text for node in ET.parse(picture).iter("{http://www.w3.org/2000/svg}text")
        }

    def start(run: Trial) -> Any:
        raise AssertionError(f"{run.name} was done")

    monkeypatch.setattr(running, "start", start)
    assert estimators.main([*line, "--at-once", "1"]) == 0
    assert json.loads(Path("all.json").read_text()) == reported
    again = capsys.readouterr().out
    assert again[again.index("###") :] == printed.out[printed.out.index("###") :]


def test_after_a_kill_the_same_command_goes_on(folder: Path) -> None:
    line = [*SMALL, "--plies", "15000", "--estimators", "plain"]
    command = [sys.executable, "-m", "studies.estimators", *line]
    run = Trial(Path("runs"), "tic_tac_toe", "plain", 1, 15000)
    killed = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while not run.facts.get("plies") and killed.poll() is None:
        time.sleep(0.05)
    killed.send_signal(signal.SIGTERM)
    assert "the same command continues" in killed.communicate()[1]
    assert killed.returncode == 143
    before = read_header(run.folder).facts["plies"]
    assert 0 < before < 15000
    assert estimators.main(line) == 0
    assert run.finished
    assert "stopped; go on with" in run.log.read_text()


FOURS = """
model: {network: {class_path: chesspg.MLP, init_args: {hidden: [4]}}, advantages: {baseline: value, normalize: true}}
data: {game: chesspg.ConnectFour, games: 8, updates: 2, opponents: {share: 0.5}}
trainer: {accelerator: cpu, callbacks: []}
"""


def test_functions_of_the_user_s_own_and_one_that_fails_with_a_recipe_of_another_game(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    Path("mine.py").write_text(
        "def constant(sample):\n    return 0 * sample.return_ + 0.25\n\n"
        "def broken(sample):\n    raise ValueError('my baseline is broken')\n"
    )
    Path("fours.yaml").write_text(FOURS)
    small = [argument.replace("tic_tac_toe", "fours.yaml") for argument in SMALL]
    estimators_ = ["plain", "mine.constant", "advantages=mine.broken"]
    assert estimators.main([*small, "--estimators", *estimators_, "--plies", "500"]) == 1
    printed = capsys.readouterr()
    failed = "fours.yaml advantages=mine.broken-1"
    assert f"{failed} failed; runs/fours/advantages=mine.broken-1.log says why" in printed.out
    assert "my baseline is broken" in Path("runs/fours/advantages=mine.broken-1.log").read_text()
    assert printed.err == f"error: 1 runs failed: {failed}\n"
    assert printed.out.count("| `plain` |") == printed.out.count("| `mine.constant` |") == 2
    assert "| `advantages=mine.broken` |" not in printed.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--tasks", "go"],
            "unknown task 'go'; expected one of tic_tac_toe, endgame, chess, or a recipe: no recipe 'go'",
        ),
        (["--estimators", "best"], "unknown estimator 'best'"),
        (["--estimators", "plain", "nowhere.mine"], "estimator nowhere.mine can't be imported"),
        (["--plies", "0"], "--plies must be a whole number from 1 to 1,000,000,000,000, got '0'"),
        (["--plies", "many"], "--plies"),
        (["--games", "3"], "--games must be an even number from 2 to 1,048,576, got '3'"),
        (["--tasks", "chess"], "--estimators"),
        (["--json", "no/such.json"], "no folder no"),
        (["--json", "."], "folder"),
        (["--pictures", "nowhere"], "no folder nowhere"),
        (["--folder", "file/runs"], "file"),
        (["--folder", "other"], "other/tic_tac_toe/plain-1 is not a run"),
        (["--lambda", "1"], "--lambda"),
    ],
)
def test_a_mistake_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    Path("file").touch()
    Path("other/tic_tac_toe/plain-1").mkdir(parents=True)
    with pytest.raises(SystemExit) as ended:
        estimators.main(arguments)
    reported = capsys.readouterr()
    assert ended.value.code == 2
    assert reported.err.count("\n") == 1
    assert words in reported.err
    assert reported.out == ""


@pytest.mark.parametrize("option", [["--json", "notes"], ["--pictures", "."]])
def test_a_file_of_anything_else_is_not_replaced(
    option: list[str], refused: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("notes", "gradient.svg"):
        Path(name).write_text("my notes")
    refused(estimators.main, option, (f"holds something other than what {option[0]} writes",))
    assert {path.name: path.read_text() for path in Path().iterdir()} == dict.fromkeys(
        ("notes", "gradient.svg"), "my notes"
    )
