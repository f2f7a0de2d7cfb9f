"""The notebooks of examples/: as committed they were run from top to bottom, and a copy of each still runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def read(name: str) -> Any:
    return nbformat.read(ROOT / "examples" / f"{name}.ipynb", as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(notebook: Any) -> str:
    """What all cells print, without what goes to the standard error stream."""
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")


def run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, shorter: dict[str, str]) -> Any:
    """A copy of the notebook after it has run in a folder of its own, with fewer games."""
    notebook = read(name)
    for long, short in shorter.items():
        assert sum(cell.source.count(long) for cell in code_cells(notebook)) == 1, long
        for cell in code_cells(notebook):
            cell.source = cell.source.replace(long, short)
    for cell in code_cells(notebook):
        cell.outputs = []
    monkeypatch.setenv("PYTHONPATH", os.fspath(ROOT))
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": os.fspath(folder)}}).execute()
    return notebook


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_as_it_ran_from_top_to_bottom(path: Path) -> None:
    notebook = read(path.stem)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        # One figure, or text on the standard output: no warnings, no errors.
        kinds = [output.get("name", output.output_type) for output in cell.outputs]
        assert kinds in ([], ["display_data"]) or set(kinds) == {"stdout"}, cell.source
        assert (kinds == ["display_data"]) == ("alt" in cell.metadata), "a figure is described for the site"
    assert path.stat().st_size < 150_000


@pytest.mark.slow
def test_the_method_takes_less_than_60_lines() -> None:
    notebook = read("policy_gradient_from_scratch")
    method = [cell.source for cell in code_cells(notebook) if "method" in cell.metadata.get("tags", [])]
    assert "chesspg" not in "".join(cell.source for cell in code_cells(notebook))
    assert "def train(" in method[-1]
    assert 40 < sum(bool(line.strip()) for source in method for line in source.splitlines()) < 60
    done = subprocess.run([sys.executable, "-c", "\n".join(method)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # it needs no other cell


@pytest.mark.slow
def test_policy_gradient_from_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shorter = {"updates=150": "updates=40", "SEEDS = 2": "SEEDS = 1", "range(1, 8)], 8": "range(1, 7)], 4"}
    out = printed(run("policy_gradient_from_scratch", tmp_path, monkeypatch, shorter))
    (reward,) = re.findall(r"mean reward (\S+);", out)
    assert 0.6 < float(reward) < 1  # random moves have 0.3
    assert "79 games, whose probabilities sum to 1.000000000000;" in out
    (difference,) = re.findall(r"two sides of \(3\): (\S+)", out)
    assert 0 < float(difference) < 1e-12
    for errors in re.findall(r"relative error (.*)", out):
        first, *_, last = map(float, errors.split())
        assert last < first / 10  # 1,024 times as many games: about a thirty-second


@pytest.mark.slow
def test_lightning_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shorter = {"max_epochs=30": "max_epochs=3", "n_epoch=10": "n_epoch=3", "games=100": "games=10"}
    shorter["games=200"] = "games=10"
    out = printed(run("lightning_parts", tmp_path, monkeypatch, shorter))
    assert re.findall(r"^ +(\d+) +[\d,]+ +\d+ \(", out, re.MULTILINE) == ["0", "24"]
    assert len(re.findall(r"^against .*: [01]\.\d\d \(95% interval", out, re.MULTILINE)) == 2
    assert re.search(r"^moves: d [a-g] c [a-g] e [a-g]$", out, re.MULTILINE)
    assert out.endswith("ConnectFour BoardNet\n")
    assert (tmp_path / "connect_four.ckpt").is_file()
