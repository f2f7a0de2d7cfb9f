"""Finished runs, with which tests of training compare, or which they damage or resume."""

from __future__ import annotations

from pathlib import Path

import pytest
from training_runs import contents, train


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, recipe: str) -> dict[str, bytes]:
    """The files of a run of two rollouts."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "small.yaml").write_text(recipe)
    assert train(f"--config {folder}/small.yaml --run {folder}/run --trainer.max_epochs 2") == 0
    return contents(folder / "run")


@pytest.fixture(scope="session")
def straight(tmp_path_factory: pytest.TempPathFactory, recipe: str) -> Path:
    """The folder of a run of the small recipe that nothing has interrupted."""
    folder = tmp_path_factory.mktemp("straight")
    (folder / "small.yaml").write_text(recipe)
    assert train(f"--config {folder}/small.yaml --run {folder}/run") == 0
    return folder / "run"
