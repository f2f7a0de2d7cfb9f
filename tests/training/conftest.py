"""A trainer without files, and a module and data small enough for every test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy.networks import MLP
from chesspg.training.module import PolicyGradient


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
    """Tic-tac-toe with an MLP of the same weights each time; arguments as of PolicyGradient."""

    def make(game: Game | None = None, **arguments: Any) -> PolicyGradient:
        torch.manual_seed(7)
        value = arguments.pop("value", arguments.get("baseline") == "value")

        def network(game: Game) -> MLP:
            return MLP(game, hidden=(16,), value=value)

        return PolicyGradient(game or TicTacToe(), **{"network": network, **arguments})

    return make
