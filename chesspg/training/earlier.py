"""Translates what version 0.1 wrote: the names of settings in checkpoints and configurations, and of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# By the old name of a setting of PolicyGradient, its group and its name now.
MOVED = {
    "baseline": ("advantages", "baseline"),
    "gae_lambda": ("advantages", "gae_lambda"),
    "standardise": ("advantages", "normalize"),
    "clip": ("loss", "clip"),
    "average": ("loss", "average"),
    "entropy_weight": ("loss", "entropy_weight"),
    "value_weight": ("loss", "value_weight"),
    "kl_weight": ("loss", "kl_weight"),
}
# By the old module of classes that a recipe may name, their module now.
CLASSES = {
    "chesspg.training.callbacks.": "chesspg.training.evaluation.",
    "chesspg.training.opponents.": "chesspg.selfplay.opponents.",
    "chesspg.training.starts.": "chesspg.games.chess.starts.",
}


def settings(model: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a PolicyGradient; those of version 0.1 are put into their groups."""
    found = {name: value for name, value in model.items() if name not in MOVED}
    for name in model.keys() & MOVED.keys():
        group, new = MOVED[name]
        found[group] = {**found.get(group, {}), new: model[name]}
    return found


def configuration(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A run's whole configuration, with the settings of its model in their groups and the classes under new names."""
    found = dict(tree)
    if isinstance(model := found.get("model"), Mapping):
        found["model"] = settings(model)
    renamed: dict[str, Any] = _renamed(found)
    return renamed


def _renamed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _renamed(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_renamed(one) for one in value]
    return renamed(value) if isinstance(value, str) else value


def renamed(path: str) -> str:
    """The class path in this version for one of version 0.1; any other text unchanged."""
    for old, new in CLASSES.items():
        if path.startswith(old):
            return new + path.removeprefix(old)
    return path
