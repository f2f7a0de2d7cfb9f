"""`chesspg` and `python -m chesspg` run all commands; and the text of `train --help`."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from dataclasses import fields
from pathlib import Path

import pytest
from preloaded import python

from chesspg import train
from chesspg.__main__ import COMMANDS, main
from chesspg.learning.advantages import Advantages
from chesspg.storage.shipped import shipped_files

SCRIPT = Path(sysconfig.get_path("scripts")) / "chesspg"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_every_command_is_listed_and_exists(capsys: pytest.CaptureFixture[str]) -> None:
    package = Path(train.__file__).parent
    modules = {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}
    folders = {path.parent.name for path in package.glob("*/__main__.py")}
    assert set(COMMANDS) == modules | folders
    homes = {name: f"chesspg.{name}.__main__" if name in folders else f"chesspg.{name}" for name in COMMANDS}
    assert all(hasattr(importlib.import_module(home), "main") for home in homes.values())
    assert main([]) == main(["--help"]) == main(["help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in COMMANDS)
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.slow
@pytest.mark.parametrize("start", [[sys.executable, "-m", "chesspg"], [str(SCRIPT)]], ids=["module", "script"])
def test_a_command_runs_as_by_its_own_name(start: list[str], tmp_path: Path) -> None:
    line = ["match", "random", "random", "--games", "2", "--openings", "random:2"]
    ours, own = run(*start, *line), python(tmp_path, "-m", "chesspg.match", *line[1:])
    assert ours.returncode == own.returncode == 0, ours.stderr
    assert ours.stdout == own.stdout
    assert "random against random" in ours.stdout


def test_exit_codes_are_those_of_the_command() -> None:
    done = run(sys.executable, "-m", "chesspg", "match", "nobody", "random")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("given", "meant"), [("trian", "did you mean train?"), ("xyz", "expected one of train, ")])
def test_an_unknown_command(given: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([given])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert meant in error
    assert len(error.splitlines()) == 1


def test_a_command_that_moved_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["estimators", "--seeds", "3"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "python -m studies.estimators" in error
    assert len(error.splitlines()) == 1


def test_version() -> None:
    assert re.fullmatch(r"chesspg \d+\.\d+\.\d+\S*\n", run(sys.executable, "-m", "chesspg", "--version").stdout)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.3, 1.5])
def test_an_early_interrupt_of_the_script_is_one_line(seconds: float, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [str(SCRIPT), "train", "--config", "tic_tac_toe", "--trainer.max_epochs", "10000"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in error


def test_help_of_train_fits_a_screen_and_names_what_exists(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert len(out.splitlines()) < 70
    assert all(f"\n  {name} " in out for name in shipped_files("configs", ".yaml"))
    with pytest.raises(SystemExit):
        train.main(["--help-all"])
    everything = capsys.readouterr().out
    options = set(re.findall(r"--[\w.]+", out)) - {"--help", "--FIELD"}
    # Arguments of classes that a recipe names are options too, but help can't list those of all classes.
    options = {option for option in options if ".init_args." not in option and option != "--help-all"}
    # The same holds for advantages, which the user's own function may replace.
    options -= {f"--model.advantages.{field.name}" for field in fields(Advantages)}
    assert all(option in everything for option in options)
    assert "--trainer.gradient_clip_val" in everything
