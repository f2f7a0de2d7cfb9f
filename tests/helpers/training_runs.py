"""The train command inside this process, and what a run folder holds, for tests of it."""

from __future__ import annotations

import csv
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import torch
from preloaded import Started
from safetensors.torch import load_file

from chesspg.train import main

SMALL_CHESS = """
seed_everything: 5
model:
  network:
    class_path: chesspg.policy.networks.ResidualNet
    init_args: {channels: 8, blocks: 1}
  advantages: {baseline: leave_one_out}
data:
  game: {class_path: chesspg.games.chess.Chess, init_args: {backend: python-chess}}
  games: 32
  max_plies: 60
  material_weight: 0.5
trainer: {accumulate_grad_batches: 3}
"""


def train(line: str) -> int:
    """The exit code of the command with these arguments, in this process."""
    try:
        return main(shlex.split(line))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else -1


def assert_same_weights(a: Path, b: Path) -> None:
    one, other = load_file(a / "last.safetensors"), load_file(b / "last.safetensors")
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def rollouts(run: Path) -> list[dict[str, str]]:
    """The rows of metrics.csv that are of a rollout."""
    path = run / "metrics.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row.get("loss")]


# What depends on the clock, and may differ between a run and its like.
CLOCKED = {"sampled_plies_per_s", "learned_plies_per_s", "total_seconds"}


def metrics(run: Path) -> list[dict[str, str]]:
    """All rows of metrics.csv, but what depends on the clock."""
    with (run / "metrics.csv").open(newline="") as file:
        return [{name: text for name, text in row.items() if name not in CLOCKED} for row in csv.DictReader(file)]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def wait_for(process: Started, condition: Callable[[], object], seconds: float = 100.0) -> None:
    """Until `condition`, or until the process ends, which it must not."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


def end_of(process: Started) -> tuple[str, str, int]:
    out, error = process.communicate(timeout=100)
    return out, error, process.returncode
