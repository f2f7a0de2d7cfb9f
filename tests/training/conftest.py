"""A run that tests of training damage or take over."""

from __future__ import annotations

import pytest
from training_runs import contents, train


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, recipe: str) -> dict[str, bytes]:
    """The files of a run of two rollouts."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "small.yaml").write_text(recipe)
    assert train(f"--config {folder}/small.yaml --run {folder}/run --trainer.max_epochs 2") == 0
    return contents(folder / "run")
