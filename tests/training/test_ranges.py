"""The table of ranges: its names exist, and constructors and options both follow it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pytorch_lightning import Trainer
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from chesspg.games.chess import Chess
from chesspg.games.chess.starts import UnevenArmies
from chesspg.games.random_plies import RandomPlies
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.imitation.data import RecordedGames
from chesspg.imitation.module import Imitation
from chesspg.learning.advantages import Advantages
from chesspg.learning.losses import Loss
from chesspg.policy.networks import MLP, BoardNet, Network, ResidualNet
from chesspg.selfplay.opponents import OpponentPool
from chesspg.training.datamodule import SelfPlay
from chesspg.training.evaluation import EvaluationMatch
from chesspg.training.module import PolicyGradient
from chesspg.training.ranges import RANGES, Range, require

CLASSES: list[type] = [
    SelfPlay,
    PolicyGradient,
    Advantages,
    Loss,
    OpponentPool,
    UnevenArmies,
    RandomPlies,
    EvaluationMatch,
    Imitation,
    RecordedGames,
    BoardNet,
    ResidualNet,
    Trainer,
    Chess,
]
OPEN: list[type] = [Network, Optimizer, LRScheduler]  # subclasses have further arguments


def test_each_range_is_of_an_argument_that_there_is() -> None:
    known = {f"{cls.__name__}.{name}" for cls in CLASSES for name in inspect.signature(cls).parameters}
    prefixes = tuple(f"{cls.__name__}." for cls in OPEN)
    assert {name for name in RANGES if not name.startswith(prefixes)} <= known


def test_each_number_of_the_parts_has_a_range() -> None:
    """Every argument that is a number must have a range."""
    numeric = {"int", "float", "int | None", "float | None", "dict[str, float] | None", "tuple[float, float] | None"}
    for cls in (SelfPlay, PolicyGradient, OpponentPool, UnevenArmies, RandomPlies, EvaluationMatch):
        for name, parameter in inspect.signature(cls).parameters.items():
            if parameter.annotation in numeric:
                assert f"{cls.__name__}.{name}" in RANGES, f"{cls.__name__}.{name}"


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -1e30, 1e300, 10**400, -(10**400)])
def test_no_range_of_the_parts_holds_what_is_no_sensible_number(number: Any) -> None:
    for name, accepted in RANGES.items():
        if name not in ("Trainer.gradient_clip_val", "Trainer.max_epochs", "Trainer.max_steps"):
            assert not accepted.holds(number), name


def test_the_ends_of_a_range_and_how_it_reads() -> None:
    closed, opened, endless = Range(0, 1), Range(0, 1000, above=True), Range(1, math.inf, also=-1)
    assert [closed.holds(x) for x in (-0.1, 0, 1, 1.1)] == [False, True, True, False]
    assert [opened.holds(x) for x in (0, 1e-9, 1000, 1001)] == [False, True, True, False]
    assert [endless.holds(x) for x in (-2, -1, 0, 1, 10**30)] == [False, True, False, True, True]
    assert [str(one) for one in (closed, opened, endless, Range(0.01, 100, also=0))] == [
        "between 0 and 1", "above 0 and at most 1,000", "at least 1 or -1", "between 0.01 and 100 or 0",
    ]  # fmt: skip


def test_numbers_are_found_in_lists_and_mappings_and_through_base_classes() -> None:
    with pytest.raises(ValueError, match=r"^--x\.hidden must be between 1 and 16,384, got 0$"):
        require(MLP, {"hidden": [5, 0]}, "--x.")
    require(MLP, {"dropout": 0.1}, "--x.")  # of a network of one's own; the range is of sizes
    with pytest.raises(ValueError, match=r"^--x\.dropout must be a finite number, got inf$"):
        require(MLP, {"dropout": math.inf}, "--x.")
    with pytest.raises(ValueError, match=r"^lr must be between 0 and 1,000, got -1$"):
        require(Adam, {"lr": -1})
    with pytest.raises(ValueError, match="players must be between 0 and 1, got 2"):
        require(OpponentPool, {"players": {"random": 0.1, "greedy": 2}})
    with pytest.raises(ValueError, match="patience must be a finite number, got nan"):
        require(object, {"patience": {"a": [1, (2, math.nan)]}})
    with pytest.raises(ValueError, match=r"got 1{40}…$"):
        require(SelfPlay, {"games": int("1" * 60)})
    require(object, {"a": True, "b": None, "c": "nan", "d": 10**400, "e": np.float32(1), "f": np.int64(3)})
    require(
        SelfPlay, {"game": {"class_path": "x", "init_args": {"games": math.nan}}}
    )  # these are arguments of another class


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"entropy_weight": math.nan}, "entropy_weight must be between 0 and 1,000, got nan"),
        ({"value_weight": -1.0}, "value_weight must be between 0 and 1,000, got -1.0"),
        ({"clip": math.inf}, "clip must be above 0 and at most 1,000, got inf"),
        ({"temperature": 0.0}, "temperature must be between 0.01 and 100, got 0.0"),
        ({"kl_weight": np.float64(-1)}, "kl_weight must be between 0 and 1,000, got -1.0"),
        ({"gae_lambda": 1.5, "baseline": "value"}, "gae_lambda must be between 0 and 1, got 1.5"),
    ],
)
def test_the_module_refuses_what_its_options_refuse(
    arguments: dict[str, Any], said: str, module: Callable[..., PolicyGradient]
) -> None:
    with pytest.raises(ValueError, match=said):
        module(**arguments)


@pytest.mark.parametrize("name", ["games", "updates", "passes", "max_plies", "material_weight", "seed"])
def test_the_data_refuse_what_their_options_refuse(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be between"):
        SelfPlay(TicTacToe(), **{name: 2**70})
