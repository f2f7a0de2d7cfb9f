"""The accepted arguments of a training: one table of ranges for numbers, and the choices in annotations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from chesspg.policy.names import plain

MOST = 1 << 20  # games, updates, passes or plies
SEEDS = 2**32 - 1  # the largest seed of numpy and Lightning


class Range(NamedTuple):
    """Numbers from `low` to `high`."""

    low: float
    high: float
    above: bool = False  # whether `low` itself is left out
    also: float | None = None  # one more number, which has a special meaning
    whole: bool = False  # whether `require` applies it to whole numbers alone

    def holds(self, number: Any) -> bool:
        """Whether a number is within the range; nan never is."""
        within = self.low <= number <= self.high and not (self.above and number == self.low)
        return bool(within or number == self.also)

    def __str__(self) -> str:
        low, high = (f"{bound:,.10g}" for bound in (self.low, self.high))
        if self.high == math.inf:
            accepted = f"at least {low}"
        elif self.above:
            accepted = f"above {low} and at most {high}"
        else:
            accepted = f"between {low} and {high}"
        return accepted if self.also is None else f"{accepted} or {self.also:g}"


_COUNT, _WEIGHT, _SHARE, _SEED = Range(1, MOST), Range(0, 1000), Range(0, 1), Range(0, SEEDS)
_TEMPERATURE = Range(0.01, 100)
# By class and argument; subclasses inherit the ranges. Each number in a list or mapping must be within the range.
RANGES: dict[str, Range] = {
    "SelfPlay.games": _COUNT,
    "SelfPlay.updates": _COUNT,
    "SelfPlay.passes": _COUNT,
    "SelfPlay.max_plies": _COUNT,
    "SelfPlay.slots": _COUNT,
    "SelfPlay.segment": _COUNT,
    "SelfPlay.material_weight": Range(-1, 1),
    "SelfPlay.seed": _SEED,
    "RecordedGames.min_rating": Range(0, 10_000),
    "RecordedGames.min_seconds": Range(0, 10**9),
    "RecordedGames.games": Range(1, 10**9),
    "RecordedGames.batch": _COUNT,
    "RecordedGames.seed": _SEED,
    "Imitation.value_weight": _WEIGHT,
    "PolicyGradient.temperature": _TEMPERATURE,
    "Advantages.gae_lambda": _SHARE,
    "Advantages.value_lambda": _SHARE,
    "Advantages.discount": Range(0, 1, above=True),
    "Loss.entropy_weight": _WEIGHT,
    "Loss.value_weight": _WEIGHT,
    "Loss.kl_weight": _WEIGHT,
    "Loss.clip": Range(0, 1000, above=True),
    "OpponentPool.players": _SHARE,
    "OpponentPool.share": _SHARE,
    "OpponentPool.every": _COUNT,
    "OpponentPool.size": Range(1, 1024),
    "OpponentPool.priority": Range(0, 100),
    "UnevenArmies.share": _SHARE,
    "UnevenArmies.alike": _COUNT,
    "UnevenArmies.bare_king": _SHARE,
    "RandomPlies.most": Range(0, 1000),
    "RandomPlies.alike": _COUNT,
    "EvaluationMatch.games": Range(2, MOST),
    "EvaluationMatch.every_n_rollouts": _COUNT,
    "EvaluationMatch.temperature": _TEMPERATURE._replace(also=0),
    "EvaluationMatch.seed": _SEED,
    "EvaluationMatch.within": Range(0, 0.5),
    "EvaluationMatch.gate": Range(-1200, 1200),
    "Chess.threads": Range(1, 4096),
    "Network.*": Range(1, 1 << 14, whole=True),  # channels, blocks, hidden, …; fractions are no sizes
    "BoardNet.blocks": Range(0, 1 << 14),
    "ResidualNet.blocks": Range(0, 1 << 14),
    "Optimizer.lr": Range(0, 1000),
    "Optimizer.weight_decay": Range(0, 1000),
    "Optimizer.momentum": Range(0, 1000),
    "LRScheduler.gamma": Range(0, 1000),
    "LRScheduler.step_size": _COUNT,
    "LRScheduler.T_max": _COUNT,
    "LRScheduler.T_0": _COUNT,
    "LRScheduler.total_iters": _COUNT,
    "Trainer.accumulate_grad_batches": _COUNT,
    "Trainer.check_val_every_n_epoch": _COUNT,
    "Trainer.devices": Range(1, 1024, also=-1),
    "Trainer.gradient_clip_val": Range(0, math.inf),
    "Trainer.log_every_n_steps": Range(0, MOST),
    "Trainer.max_epochs": Range(1, math.inf, also=-1),
    "Trainer.max_steps": Range(1, math.inf, also=-1),
    "Trainer.min_epochs": Range(0, MOST),
    "Trainer.min_steps": Range(0, MOST, also=-1),
    "Trainer.num_nodes": _COUNT,
    "Trainer.num_sanity_val_steps": Range(0, MOST, also=-1),
    "Trainer.limit_val_batches": Range(0, MOST),
    "Trainer.val_check_interval": Range(0, MOST, above=True),
}


def require(cls: type, arguments: Mapping[str, Any], prefix: str = "") -> None:
    """Raise ValueError for a number that is out of its range or, if it has no range, not finite.

    Args:
        cls: The class that takes the arguments.
        arguments: The values by name. Only numbers, and those in lists and mappings, are checked.
        prefix: The text before a name in the message, such as `--data.`.
    """
    for name, value in arguments.items():
        accepted = _range(cls, name)
        for number in _numbers(value):
            whole = isinstance(number, Integral)
            if accepted and (whole or not accepted.whole) and not accepted.holds(number):
                raise ValueError(f"{prefix}{name} must be {accepted}, got {_short(number)}")
            if not whole and not math.isfinite(number):
                raise ValueError(f"{prefix}{name} must be a finite number, got {number}")


def require_choices(cls: type, arguments: Mapping[str, Any]) -> None:
    """Raise ValueError for an argument that is not one of the choices in its annotation.

    Args:
        cls: The class that takes the arguments, and annotates them with a Literal or with bool.
        arguments: The values by name.
    """
    hints = get_type_hints(getattr(cls, "__init__"))  # noqa: B009  # mypy accepts no `__init__` of a type
    for name, value in arguments.items():
        literals = [one for one in (hints[name], *get_args(hints[name])) if get_origin(one) is Literal]
        choices = get_args(literals[0]) if literals else (True, False)
        given = plain(value)  # a sweep may pass numpy's
        if callable(given) and literals != [hints[name]]:
            continue  # the user's own function, which the annotation allows
        if type(given) is not type(choices[0]) or given not in choices:
            *others, last = map(str, choices)
            raise ValueError(f"{name} must be {', '.join(others)} or {last}, got {_short(repr(value))}")


def _range(cls: type, argument: str) -> Range | None:
    names = (f"{kind.__name__}.{name}" for name in (argument, "*") for kind in cls.__mro__)
    return next((RANGES[name] for name in names if name in RANGES), None)


def _numbers(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):  # if it names a class, the numbers in it are arguments of that class
        value = [] if "class_path" in value else list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, Real) and not isinstance(value, bool):
        yield value


def _short(number: Any) -> str:
    text = str(number)
    return text if len(text) <= 40 else f"{text[:40]}…"
