"""The settings of a module as primitives, for loggers and checkpoints, and the module's arguments from them again."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.utilities import rank_zero_warn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from chesspg.games.game import Game
from chesspg.learning.advantages import Advantages
from chesspg.learning.losses import Loss
from chesspg.policy import files
from chesspg.policy.names import plain
from chesspg.policy.networks import Network
from chesspg.policy.policy import Policy
from chesspg.training import earlier

UNKNOWN = "unknown"  # the class of a callable that can't be described
OF_TORCH = {"optimizer": (Optimizer, torch.optim), "lr_scheduler": (LRScheduler, torch.optim.lr_scheduler)}


def describe(value: Any) -> Any:
    """A setting as JSON has it: what is primitive stays, a game, network, class or partial becomes its class_path.

    Advantages and a loss become their options, and a function its import path, by which it is not found again: a file
    imports no code. Any other callable has no description that could be built again; its class_path is `unknown`.
    """
    value = plain(getattr(value, "_orig_mod", value))
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): describe(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [describe(one) for one in value]
    if isinstance(value, Game | Network):
        return files.describe(value)
    if is_dataclass(value) and not isinstance(value, type) and type(value).__module__.startswith("chesspg.learning."):
        return {field.name: describe(getattr(value, field.name)) for field in fields(value)}
    if inspect.isfunction(value):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, type):
        return {"class_path": f"{value.__module__}.{value.__qualname__}", "init_args": {}}
    if isinstance(value, partial):
        # That of a configuration has the class as an argument of the function that builds it.
        built = next((one for one in (value.func, *value.args) if isinstance(one, type)), None)
        if built is not None:
            return {**describe(built), "init_args": describe(value.keywords)}
    return {"class_path": UNKNOWN, "init_args": {}}


def from_checkpoint(path: Any, module: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a class of modules is called with to have the one in a checkpoint, `given` going first.

    Raises ValueError if the file is damaged, or if a class that it names must be given.
    """
    arguments = dict(given)
    saved = earlier.settings(files.read_checkpoint(path).get("hyper_parameters", {}))
    accepted = inspect.signature(module).parameters
    open_ended = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in accepted.values())
    missing = [name for name in ("game", "network") if name not in arguments and (open_ended or name in accepted)]
    # What a user's subclass keeps under these names may be its own; ours is a class_path.
    if any(isinstance(saved.get(name), dict) for name in missing) or (missing and not saved):
        policy = files.load(path, arguments.get("game"))
        built = {"game": policy.game, "network": partial(_network, policy)}
        arguments |= {name: built[name] for name in missing if isinstance(saved.get(name), dict) or not saved}
    if not saved:
        rank_zero_warn(f"{path} holds no settings, as older checkpoints; those that are not given are the defaults")
    for name, group in {"advantages": Advantages, "loss": Loss}.items():
        if name in saved and name not in arguments and (open_ended or name in accepted):
            arguments[name] = _group(path, name, group, saved[name])
    if saved.get("init") and not getattr(arguments.get("loss"), "kl_weight", 0) and "init" in accepted:
        arguments.setdefault("init", None)  # its weights have become those of the checkpoint
    for name, spec in saved.items():
        if name in arguments or not isinstance(spec, dict) or not (open_ended or name in accepted):
            continue
        base, home = OF_TORCH.get(name, (object, None))
        found = getattr(home, str(spec.get("class_path")).rpartition(".")[2], None)
        if isinstance(found, type) and issubclass(found, base):
            arguments[name] = partial(found, **spec["init_args"])
        elif "class_path" in spec:
            raise ValueError(
                f"{path} was trained with the {name} {spec['class_path']!r}, which a file can't give back; give it: "
                f"load_from_checkpoint(path, {name}=…)"
            )
    return arguments


def _group(path: Any, name: str, group: type, saved: Any) -> Any:
    """Advantages or a loss as saved. Raises ValueError if a function of the user's own is part of it."""
    baseline = saved.get("baseline", "none") if isinstance(saved, Mapping) else saved
    if not isinstance(saved, Mapping) or "class_path" in saved or "." in str(baseline):
        raise ValueError(
            f"{path} was trained with the {name} {saved if isinstance(saved, str) else baseline!r}, which a file can't "
            f"give back; give it: load_from_checkpoint(path, {name}=…)"
        )
    return group(**saved)


def _network(policy: Policy, game: Game) -> Network:
    return policy.network.train()
