"""What version 0.1 wrote, under the names of this version: settings in checkpoints and configurations, and classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# A setting of PolicyGradient, and the group and name that it has now.
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
# Where classes that a recipe may name were, and where they are.
CLASSES = {
    "chesspg.training.callbacks.": "chesspg.training.evaluation.",
    "chesspg.training.opponents.": "chesspg.selfplay.opponents.",
    "chesspg.training.starts.": "chesspg.games.chess.starts.",
}


def settings(model: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a PolicyGradient, those of version 0.1 put into their groups."""
    found = {name: value for name, value in model.items() if name not in MOVED}
    for name in model.keys() & MOVED.keys():
        group, new = MOVED[name]
        found[group] = {**found.get(group, {}), new: model[name]}
    return found


def configuration(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A run's whole configuration, as `settings` has its model, and with the classes where they are now."""
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
    """The class path that this version has for one of version 0.1; any other text as it is."""
    for old, new in CLASSES.items():
        if path.startswith(old):
            return new + path.removeprefix(old)
    return path
