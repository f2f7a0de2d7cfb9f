"""Run folders of trials without the training, and made-up results for tables and pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from studies.estimators.plan import Trial


@pytest.fixture
def finish() -> Callable[[Trial], None]:
    """Makes the folder of a finished tic-tac-toe trial, with the same policy for the same seed."""

    def make(trial: Trial) -> None:
        trial.command()  # writes its settings
        trial.folder.mkdir()
        torch.manual_seed(trial.seed)
        policy = Policy(TicTacToe(), MLP(TicTacToe(), hidden=(128, 128), value=True))
        facts = {"updates": 3, "plies": trial.plies, "seconds": 1.5}
        files.save(trial.folder / "last.safetensors", policy, facts)
        (trial.folder / "last.ckpt").touch()

    return make


def interval(middle: str, value: float | None, half: float) -> dict[str, float | None]:
    known = value is not None
    return {middle: value, "low": value - half if known else None, "high": value + half if known else None}


@pytest.fixture
def results() -> dict[str, Any]:
    runs = [{"rating": {"rating": elo}, "updates": 1200} for elo in (90, 110)]
    gradient = {
        "variance": 0.0123,
        "squared_mean": 0.001,
        "variance_ratio": interval("value", 0.5, 0.1),
        "signal_to_noise": interval("value", 0.08, 0.02),
        "cosine": interval("value", None, 0),
    }
    row = {"rating": interval("mean", 100, 127), "scores": {"random": interval("mean", 0.64, 0.1)}, "runs": runs}
    return {
        "tasks": {
            "endgame": {
                "plies": 2000000,
                "opponents": {"random": 0.0},
                "estimators": {"value": row},
                "gradient": {
                    "policy": "endgame value-1",
                    "games": 64,
                    "rollouts": 100,
                    "estimators": {"value": gradient},
                },
            },
            "chess": {"plies": 10, "opponents": {"random": 0.0}, "estimators": {}, "gradient": None},
        }
    }
