"""The example of a game: from the file to a trained policy, as a user would go, and played against random moves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of Python's in a folder with nothing of the project but the installed package."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example and a policy that was trained on it for a few rollouts."""
    folder = tmp_path_factory.mktemp("mine")
    shutil.copy(ROOT / "examples/nim.py", folder)
    line = "-m chesspg.train --config small_game --data.game nim.Nim --run checkpoints/nim --trainer.max_epochs 15"
    ended = run(folder, *line.split(), "--trainer.callbacks.init_args.games", "20")
    assert ended.returncode == 0, ended.stderr
    assert "warning" not in ended.stderr
    assert ended.stdout.splitlines()[-1] == "python -m chesspg.play --import nim checkpoints/nim"
    return folder


def test_the_example_checks_itself(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/nim.py", tmp_path)
    ended = run(tmp_path, "nim.py")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "nim keeps the contract\n", "")


def test_a_mistake_in_the_example_is_found(tmp_path: Path) -> None:
    text = (ROOT / "examples/nim.py").read_text()
    wrong = text.replace("2 * self.player - 1", "1 - 2 * self.player")
    assert wrong != text
    (tmp_path / "nim.py").write_text(wrong)
    ended = run(tmp_path, "nim.py")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].endswith("nim: '3 0 moves 3' must be won by player 0: outcome 1, got -1")


def test_train_warns_of_a_game_that_breaks_the_contract(tmp_path: Path) -> None:
    text = (ROOT / "examples/nim.py").read_text()
    (tmp_path / "nim.py").write_text(text.replace("plane[:, None, None]", "plane[:, None]"))
    line = "-m chesspg.train --config small_game --data.game nim.Nim --run run --trainer.max_epochs 1"
    ended = run(tmp_path, *line.split())
    assert ended.returncode != 0
    assert ended.stderr.splitlines()[0] == (
        "warning: the game breaks the contract of chesspg.games.game: nim: observe().planes of 2 games must have shape "
        "(2, 1, 1), got (2, 1)"
    )


def test_what_was_learned_beats_random_moves(trained: Path) -> None:
    line = "-m chesspg.match --import nim checkpoints/nim random --games 200 --json result.json"
    ended = run(trained, *line.split())
    assert ended.returncode == 0, ended.stderr
    result = json.loads((trained / "result.json").read_text())
    assert result["score"] > 0.75


def test_every_command_takes_a_game_of_ones_own(trained: Path) -> None:
    for line in (
        "play --import nim checkpoints/nim",
        "ladder --import nim checkpoints/nim random greedy --games 20 --results ladder.json",
        "report --import nim checkpoints/nim --out report.html",
        "generate --import nim --player checkpoints/nim --games 4 --pgn games.pgn",
    ):
        ended = run(trained, "-m", *f"chesspg.{line}".split())
        assert ended.returncode == 0, (line, ended.stderr)
    assert '[Variant "nim"]' in (trained / "games.pgn").read_text()


def test_a_game_that_was_not_imported_is_told_how(trained: Path) -> None:
    ended = run(trained, "-m", "chesspg.match", "checkpoints/nim", "random", "--games", "2")
    assert ended.returncode == 2
    assert ended.stderr == (
        "error: checkpoints/nim needs the game nim.Nim, which is not a class of chesspg, and a file imports no code; "
        "add --import with the module that defines it (in Python, import it first)\n"
    )
