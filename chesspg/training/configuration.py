"""What a run's configuration may hold: values within their ranges, classes of the right kind, not from its folder."""

from __future__ import annotations

import glob
import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace, get_loader, set_loader
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import loggers
from pytorch_lightning.callbacks import Timer
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from yaml import YAMLError

from chesspg.policy.networks import Network
from chesspg.storage import parsing
from chesspg.storage.parsing import OutOfBounds
from chesspg.training import earlier
from chesspg.training.messages import hint
from chesspg.training.precision import PRECISIONS
from chesspg.training.ranges import SEEDS, require

PARAMETERS = 1 << 30  # of a network
# The classes whose arguments the fields of a configuration are, by section, such as `model`, and by group of options
# within a section, such as `model.loss`.
Sections = Mapping[str, type]
KINDS = {"model.optimizer": Optimizer, "model.lr_scheduler": LRScheduler, "model.network": Network}
# Fields whose value may name a class, as `class_path` does in them.
CLASSES = {"class_path", "optimizer", "lr_scheduler", "network", "game", "starts", "callbacks", "logger", "plugins",
           "profiler", "strategy", "accelerator"}  # fmt: skip


def bound_yaml() -> None:
    """Have jsonargparse read no YAML that is out of bounds, wherever it comes from."""
    if get_loader("yaml") is not _load:
        set_loader("yaml", _load, exceptions=(YAMLError,))


def _load(text: str) -> Any:
    parsing.check(text)
    return _unbounded(text)


_unbounded = get_loader("yaml")


def read(path: Path, sections: Sections, run: Path | None = None) -> dict[str, Any]:
    """A configuration, looked at before anything that it names is imported.

    Args:
        path: Of the file.
        sections: Of the configuration.
        run: The folder of the run that is to be resumed, whose files are data and no modules.

    Raises:
        OSError: The file can't be read.
        ValueError: It is out of bounds or damaged, or names as a class what can't be one.
    """
    tree = parsing.read_mapping(path)
    if not tree:
        expected = ", ".join(name for name in sections if "." not in name)
        raise ValueError(f"{path} holds no settings; expected a YAML mapping with {expected}")
    for field, value in _leaves(tree):
        if not isinstance(value, str):
            continue
        bound(value, f"{path}: {'.'.join(field)}")
        if "." not in value:
            continue
        if run is None and (new := earlier.renamed(value)) != value:
            raise ValueError(f"{path}: {'.'.join(field)} is {value!r}; since version 0.2 it is {new!r}")
        modules = value.split(".")[:-1]
        is_class = field[-1] == "class_path" or (field[-1] in CLASSES and "init_args" not in field)
        if is_class and (modules[0] in sys.stdlib_module_names or "__main__" in modules):
            raise ValueError(f"{path}: {'.'.join(field)} is {value!r:.200}, which can't be a part of a training")
        if run is not None and _lies_in(run.resolve(), modules):
            raise ValueError(
                f"{path}: {'.'.join(field)} is {value!r:.200}, whose module lies in the run's folder; a run is resumed "
                "with classes from elsewhere only"
            )
    return tree


def check_names(path: Path, tree: Mapping[str, Any], sections: Sections) -> None:
    """Raise ValueError for a field in a configuration that is none of its sections'."""
    known = options(sections)
    for name in _names(tree, sections):
        if name not in known:
            raise ValueError(f"{path}: unknown setting {name:.80}{hint(name, known)}")


def bound(text: str, where: str) -> None:
    """Raise ValueError if a text, which jsonargparse may take for YAML, or a text in it, is out of bounds."""
    try:
        tree = parsing.parse_yaml(text)
    except OutOfBounds as error:
        raise ValueError(f"{where} can't be read as YAML: {error}") from None
    except YAMLError:  # a text and nothing more
        return
    if not isinstance(tree, str):
        for _, leaf in _leaves(tree, ("",)):
            if isinstance(leaf, str):
                bound(leaf, where)


def check(config: Any, sections: Sections, game: Any) -> None:
    """Raise ValueError for a value out of its range, or a class of the wrong kind, before it is instantiated.

    Args:
        config: The whole configuration.
        sections: Of the configuration.
        game: class_path and, if any, init_args of the game.
    """
    tree = config.as_dict()
    devices = tree["trainer"]["devices"]
    if isinstance(devices, str) and re.fullmatch(r"-?[0-9]+", devices):
        tree["trainer"]["devices"] = int(devices)
    for prefix, cls in sorted(sections.items(), key=lambda one: "." not in one[0]):  # groups first
        section, _, group = prefix.partition(".")
        arguments = tree[section][group] if group else tree[section]
        if isinstance(arguments, dict):  # else a function of the user's own in place of a group
            _check_numbers(f"--{prefix}.", cls, arguments)
    for name, kind in KINDS.items():
        spec = config.get(name)
        path = spec.get("class_path") if isinstance(spec, Namespace) else None
        thing = _class(path) if path else spec  # the class or function itself, where it was named without arguments
        if thing is not None and not (isinstance(thing, type) and issubclass(thing, kind) and thing is not kind):
            raise ValueError(f"--{name} must be a subclass of {kind.__name__}, got {path or repr(thing):.200}")
    longest = config.trainer.max_time
    try:
        left = Timer(longest).time_remaining()
    except (MisconfigurationException, TypeError, ValueError, OverflowError):
        left = 0
    if left is not None and not left > 0:
        raise ValueError(f"--trainer.max_time must be DD:HH:MM:SS, above 00:00:00:00, got {longest or repr(longest)}")
    _check_choice("trainer.precision", tree["trainer"]["precision"], PRECISIONS, also=("32",))
    _check_choice("trainer.accelerator", tree["trainer"]["accelerator"], ("cpu", "gpu", "auto"), also=("cuda", "mps"))
    _check_size(game, config.model.network)


def _check_choice(name: str, value: Any, choices: tuple[str, ...], also: tuple[str, ...]) -> None:
    """Raise ValueError for a text or number that is none of the choices, of which `also` go without saying."""
    if isinstance(value, str | int) and str(value) not in (*choices, *also):
        *others, last = choices
        raise ValueError(f"--{name} must be {', '.join(others)} or {last}, got {value!s:.80}")


def _check_numbers(prefix: str, cls: type, arguments: dict[str, Any]) -> None:
    """Raise ValueError for a number out of its range among a class's arguments, and among those of classes in them."""
    require(cls, arguments, prefix)
    for name, value in arguments.items():
        for spec in value if isinstance(value, list) else [value]:
            if isinstance(spec, dict) and isinstance(spec.get("class_path"), str):
                kind = _class(spec["class_path"])
                _check_numbers(
                    f"{prefix}{name}.init_args.",
                    kind if isinstance(kind, type) else object,
                    spec.get("init_args") or {},
                )


def seed(value: int) -> int:
    """The seed of a run's games. Raises ValueError for one that numpy and Lightning don't accept."""
    if not 0 <= value <= SEEDS:
        raise ValueError(f"--seed_everything must be between 0 and {SEEDS:,}, got {value}")
    return int(value)


def logger(name: str | None, folder: Path) -> list[str]:
    """The arguments that choose a logger by name, those of Lightning with a folder, which some of them ask for."""
    if name is None:
        return []
    kind = getattr(loggers, name.rpartition(".")[2], None)
    takes_folder = isinstance(kind, type) and "save_dir" in signature(kind).parameters
    return ["--trainer.logger", name, *(["--trainer.logger.save_dir", str(folder)] if takes_folder else [])]


def programs(config: Any) -> list[str]:
    """The players of a configuration that are programs: engines, which start as soon as the run is built."""
    texts = (text for field, value in _leaves(config.as_dict()) for text in (field[-1], value))
    return list(dict.fromkeys(text for text in texts if isinstance(text, str) and text.startswith("uci:")))


def options(sections: Sections) -> list[str]:
    """The names of all fields of a configuration, but those of classes in it."""
    fields = [f"{prefix}.{name}" for prefix, cls in sections.items() for name in _parameters(cls)]
    return ["seed_everything", "run", "resume", "init", *(name for name in sections if "." not in name), *fields]


def _parameters(cls: type) -> list[str]:
    """What a class is called with; for one that passes any argument on to its base, what that one is, too."""
    names: dict[str, None] = {}
    for kind in cls.__mro__:
        if "__init__" in vars(kind):
            parameters = list(signature(vars(kind)["__init__"]).parameters.values())[1:]
            open_ended = any(one.kind is Parameter.VAR_KEYWORD for one in parameters)
            ordinary = [
                one.name for one in parameters if one.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
            ]
            names |= dict.fromkeys(ordinary)
            if not open_ended:
                break
    return list(names)


def _names(tree: Mapping[str, Any], sections: Sections) -> Iterator[str]:
    """The fields that a configuration sets: its keys, and the keys of its sections and their groups."""
    yield from map(str, tree)
    for prefix in sections:
        section, _, group = prefix.partition(".")
        value = tree.get(section)
        if group:
            value = value.get(group) if isinstance(value, dict) else None
        if isinstance(value, dict):
            yield from (f"{prefix}.{field}" for field in map(str, value))


def _leaves(tree: Any, field: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(names of the mappings' keys that lead to it, value) of each leaf; entries of a list have its name."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from _leaves(value, (*field, str(name)))
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from _leaves(value, field)
    elif field:
        yield field, tree


def _lies_in(folder: Path, modules: list[str]) -> bool:
    """Whether one of the modules a.b.c, a.b and a would be imported from a folder. Imports nothing."""
    for place in sys.path:
        for depth in range(1, len(modules) + 1):
            path = Path(place or ".", *modules[:depth])
            for found in (path, *path.parent.glob(f"{glob.escape(path.name)}.*")):
                if found.exists() and found.resolve().is_relative_to(folder):
                    return True
    return False


def _class(path: str) -> Any:
    """What a dotted name that jsonargparse has imported before stands for."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name, None)


def _check_size(game: Any, network: Any) -> None:
    """Raise ValueError for a network of more than PARAMETERS, which is counted without memory for them."""
    with torch.device("meta"):
        try:
            built = _class(network.class_path)(
                _class(game.class_path)(**game.get("init_args", {})), **network.init_args
            )
            size = sum(parameter.numel() for parameter in built.parameters())
        except Exception:  # a network that can't be built there, or at all, which is said when it is
            return
    if size > PARAMETERS:
        raise ValueError(
            f"--model.network must have at most {PARAMETERS:,} parameters, got {size:,} by {dict(network.init_args)}"
        )
