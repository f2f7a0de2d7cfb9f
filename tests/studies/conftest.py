"""What an estimator's training leaves, without the training."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from studies.estimators.plan import Trial


@pytest.fixture
def finish() -> Callable[[Trial], None]:
    """Leaves the folder of a tic-tac-toe run as if it had been trained to its end; of one seed the same policy."""

    def make(run: Trial) -> None:
        run.command()  # writes its settings
        run.folder.mkdir()
        torch.manual_seed(run.seed)
        policy = Policy(TicTacToe(), MLP(TicTacToe(), hidden=(128, 128), value=True))
        facts = {"updates": 3, "plies": run.plies, "seconds": 1.5}
        files.save(run.folder / "last.safetensors", policy, facts)
        (run.folder / "last.ckpt").touch()

    return make
