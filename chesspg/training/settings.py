"""The settings of a module as primitives, for loggers and checkpoints, and back as arguments of the module."""

from __future__ import annotations

import contextvars
import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import rank_zero_warn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from chesspg.games.game import Game
from chesspg.learning.advantages import BASELINES, Advantages
from chesspg.learning.losses import Loss
from chesspg.policy import files
from chesspg.policy.names import plain
from chesspg.policy.networks import Network
from chesspg.policy.policy import Policy
from chesspg.training import earlier

UNKNOWN = "unknown"  # the class of a callable that can't be described
OF_TORCH = {"optimizer": (Optimizer, torch.optim), "lr_scheduler": (LRScheduler, torch.optim.lr_scheduler)}


def describe(value: Any) -> Any:
    """A setting as JSON can hold it.

    Args:
        value: A setting of a module.

    Returns:
        A primitive, list or mapping of them for what is one; class_path and init_args for a game, network, class or
        partial; the options of advantages and of a loss; the import path of a function, which is not imported again,
        since a file imports no code. Any other callable can't be described; its class_path is `unknown`.
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
        # In a configuration's partial, the class is an argument of the function that builds it.
        built = next((one for one in (value.func, *value.args) if isinstance(one, type)), None)
        if built is not None:
            return {**describe(built), "init_args": describe(value.keywords)}
    return {"class_path": UNKNOWN, "init_args": {}}


def save(module: pl.LightningModule, **arguments: Any) -> None:
    """Save what a module was built with as its hyperparameters, each argument as `describe` has it.

    Args:
        module: The module.
        **arguments: Its arguments by name; its network as it was built.
    """
    hyperparameters = {name: describe(value) for name, value in arguments.items()}
    # In an empty context: in LightningCLI's, Lightning would save the whole configuration instead.
    contextvars.Context().run(module.save_hyperparameters, hyperparameters)


def from_checkpoint(path: Any, module: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with which a module of a checkpoint is built again.

    Args:
        path: The checkpoint file.
        module: The class of the module.
        given: Arguments that take precedence over those in the checkpoint.

    Returns:
        The arguments by name.

    Raises:
        ValueError: The file is damaged, or an argument that it can't hold is not given.
    """
    # A name in the file would make Lightning build the module with jsonargparse, which imports what the file names.
    arguments = {**given, "_instantiator": None}
    saved = earlier.settings(files.read_checkpoint(path).get("hyper_parameters", {}))
    accepted = inspect.signature(module).parameters
    open_ended = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in accepted.values())
    missing = [name for name in ("game", "network") if name not in arguments and (open_ended or name in accepted)]
    # A user's subclass may keep something else under these names; ours is a mapping with a class_path.
    if any(isinstance(saved.get(name), dict) for name in missing) or (missing and not saved):
        policy = files.load(path, arguments.get("game"))
        built = {"game": policy.game, "network": partial(_network, policy)}
        arguments |= {name: built[name] for name in missing if isinstance(saved.get(name), dict) or not saved}
    if not saved:
        rank_zero_warn(f"{path} holds no settings, since it is of an older version; those not given are the defaults")
    for name, group in {"advantages": Advantages, "loss": Loss}.items():
        if name in saved and name not in arguments and (open_ended or name in accepted):
            arguments[name] = _group(path, name, group, saved[name])
    if saved.get("init") and not getattr(arguments.get("loss"), "kl_weight", 0) and "init" in accepted:
        arguments.setdefault("init", None)  # the checkpoint's weights replace its weights
    for name, spec in saved.items():
        if name in arguments or not (open_ended or name in accepted):
            continue
        if isinstance(spec, dict) and "class_path" in spec:
            arguments[name] = _of_torch(path, name, spec)
        elif name in OF_TORCH and isinstance(spec, str):
            raise _must_be_given(path, name, spec)
    return arguments


def _of_torch(path: Any, name: str, spec: Mapping[str, Any]) -> Any:
    """An optimizer or a schedule of torch as saved. Raises ValueError if its class is not one of torch."""
    base, home = OF_TORCH.get(name, (object, None))
    module, _, own_name = str(spec["class_path"]).rpartition(".")
    found = getattr(home, own_name, None) if home and module.startswith(home.__name__) else None
    if not isinstance(found, type) or not issubclass(found, base):
        raise _must_be_given(path, name, spec["class_path"])
    return partial(found, **spec["init_args"])


def _must_be_given(path: Any, name: str, saved: str) -> ValueError:
    """The error for a setting that was the user's own class or function."""
    return ValueError(
        f"{path} was trained with the {name} {saved!r}, which a checkpoint can name but not contain; pass it: "
        f"load_from_checkpoint(path, {name}=…)"
    )


def _group(path: Any, name: str, group: type, saved: Any) -> Any:
    """Advantages or a loss as saved. Raises ValueError if the user's own function is part of it."""
    for one in (saved, saved.get("baseline") if isinstance(saved, Mapping) else None):
        own = one.get("class_path") if isinstance(one, Mapping) else one
        if isinstance(own, str) and own not in BASELINES:
            raise _must_be_given(path, name, own)
    return group(**saved)


def _network(policy: Policy, game: Game) -> Network:
    return policy.network.train()
