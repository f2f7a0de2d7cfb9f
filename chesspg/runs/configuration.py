"""Checks of a run's configuration: values in their ranges, classes of the right kind, no code from a run's folder."""

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
from chesspg.runs.messages import hint
from chesspg.storage import parsing
from chesspg.storage.parsing import OutOfBounds
from chesspg.training import earlier
from chesspg.training.precision import PRECISIONS
from chesspg.training.ranges import SEEDS, require

PARAMETERS = 1 << 30  # the most that a network may have
# The classes whose arguments are the fields of a configuration, by section, such as `model`, or by group of options
# within a section, such as `model.loss`.
Sections = Mapping[str, type]
KINDS = {"model.optimizer": Optimizer, "model.lr_scheduler": LRScheduler, "model.network": Network}
# Fields whose value may name a class: `class_path`, and those that contain it.
CLASSES = {"class_path", "optimizer", "lr_scheduler", "network", "advantages", "baseline", "game", "starts", "reward",
           "opponents", "callbacks", "logger", "plugins", "profiler", "strategy", "accelerator"}  # fmt: skip
INNER_CLASSES = {"class_path", "others"}  # the same among the arguments of a class


def bound_yaml() -> None:
    """Make jsonargparse refuse YAML that exceeds the bounds of `storage.parsing`, wherever it comes from."""
    if get_loader("yaml") is not _load:
        set_loader("yaml", _load, exceptions=(YAMLError,))


def _load(text: str) -> Any:
    parsing.check(text)
    return _unbounded(text)


_unbounded = get_loader("yaml")


def read(path: Path, sections: Sections, run: Path | None = None) -> dict[str, Any]:
    """Read a configuration, and check it before anything that it names is imported.

    Args:
        path: The file.
        sections: The sections of the configuration.
        run: The folder of the run to resume, from which no module may be imported; None for a recipe.

    Returns:
        The configuration.

    Raises:
        OSError: The file can't be read.
        ValueError: It exceeds the bounds, is damaged, or names something as a class that may not be one.
    """
    tree = parsing.read_mapping(path)
    if not tree:
        expected = ", ".join(name for name in sections if "." not in name)
        raise ValueError(f"{path} holds no settings; expected a YAML mapping with {expected}")
    for field, value in _leaves(tree):
        if isinstance(value, str):
            bound(value, f"{path}: {'.'.join(field)}")
    for field, value in _texts(tree):
        if "." not in value:
            continue
        if run is None and (new := earlier.renamed(value)) != value:
            raise ValueError(f"{path}: {'.'.join(field)} is {value!r}; since version 0.2 it is {new!r}")
        modules = value.split(".")[:-1]
        is_class = field[-1] in (INNER_CLASSES if "init_args" in field else CLASSES)
        if is_class and (modules[0] in sys.stdlib_module_names or "__main__" in modules):
            raise ValueError(f"{path}: {'.'.join(field)} must name a class for training, got {value!r:.200}")
        if run is not None and _lies_in(run.resolve(), modules):
            raise ValueError(
                f"{path}: {'.'.join(field)} is {value!r:.200}, whose module lies in the run's folder; a run can be "
                "resumed only with classes from elsewhere"
            )
    return tree


def check_names(path: Path, tree: Mapping[str, Any], sections: Sections) -> None:
    """Raise ValueError for a field of a configuration that no section has.

    Args:
        path: The file, for the message.
        tree: The configuration.
        sections: The sections of the configuration.
    """
    known = options(sections)
    for name in _names(tree, sections):
        if name not in known:
            raise ValueError(f"{path}: unknown setting {name:.80}{hint(name, known)}")


def bound(text: str, where: str) -> None:
    """Raise ValueError if a text that jsonargparse may read as YAML, or a text within it, exceeds the bounds.

    Args:
        text: The text.
        where: Where it was given, for the message.
    """
    try:
        for _ in _texts(text, ("",)):
            pass
    except OutOfBounds as error:
        raise ValueError(f"{where} can't be read as YAML: {error}") from None


def check(config: Any, sections: Sections, game: Any) -> None:
    """Check a configuration before anything in it is instantiated.

    Args:
        config: The whole configuration.
        sections: The sections of the configuration.
        game: The class_path and, if given, init_args of the game.

    Raises:
        ValueError: A value is out of its range, or a class is of the wrong kind.
    """
    tree = config.as_dict()
    devices = tree["trainer"]["devices"]
    if isinstance(devices, str) and re.fullmatch(r"-?[0-9]+", devices):
        tree["trainer"]["devices"] = int(devices)
    for prefix, cls in sorted(sections.items(), key=lambda one: "." not in one[0]):  # groups first
        section, _, group = prefix.partition(".")
        arguments = tree[section][group] if group else tree[section]
        if isinstance(arguments, dict):  # else the user's own function in place of a group
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
    """Raise ValueError for a text or number that is not one of the choices; `also` are accepted, but not listed."""
    if isinstance(value, str | int) and str(value) not in (*choices, *also):
        *others, last = choices
        raise ValueError(f"--{name} must be {', '.join(others)} or {last}, got {value!s:.80}")


def _check_numbers(prefix: str, cls: type, arguments: dict[str, Any]) -> None:
    """Raise ValueError for a number out of its range among the arguments of a class, or of the classes in them."""
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
    """The seed of a run's games.

    Args:
        value: The seed as given.

    Raises:
        ValueError: numpy and Lightning don't accept it.
    """
    if not 0 <= value <= SEEDS:
        raise ValueError(f"--seed_everything must be between 0 and {SEEDS:,}, got {value}")
    return int(value)


def logger_arguments(name: str | None, folder: Path) -> list[str]:
    """The arguments for a logger that was chosen by name; those of Lightning get the run's folder if they take one."""
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
    """The names of all fields of a configuration, except those of classes in it."""
    fields = [f"{prefix}.{name}" for prefix, cls in sections.items() for name in _parameters(cls)]
    return ["seed_everything", "run", "resume", "init", *(name for name in sections if "." not in name), *fields]


def _parameters(cls: type) -> list[str]:
    """The names of a class's arguments, including those of its base if it accepts any keyword."""
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
    """(keys that lead to it, value) of each leaf; the entries of a list have the keys of the list."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from _leaves(value, (*field, str(name)))
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from _leaves(value, field)
    elif field:
        yield field, tree


def _texts(tree: Any, field: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """(keys that lead to it, text) of each text, then of those within it if it is YAML, as jsonargparse may read it.

    Raises:
        OutOfBounds: A text exceeds the bounds.
    """
    for inner, leaf in _leaves(tree, field):
        if isinstance(leaf, str):
            yield inner, leaf
            try:
                within = parsing.parse_yaml(leaf)
            except OutOfBounds:  # which is a YAMLError, too
                raise
            except YAMLError:  # a text and nothing more
                continue
            if not isinstance(within, str):
                yield from _texts(within, inner)


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
    """The object with a dotted name, whose module jsonargparse has imported before."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name, None)


def _check_size(game: Any, network: Any) -> None:
    """Raise ValueError for a network of more than PARAMETERS; they are counted without being allocated."""
    with torch.device("meta"):
        try:
            built = _class(network.class_path)(
                _class(game.class_path)(**game.get("init_args", {})), **network.init_args
            )
            size = sum(parameter.numel() for parameter in built.parameters())
        except Exception:  # it can't be built there; if it can't be built at all, that is reported when it is tried
            return
    if size > PARAMETERS:
        raise ValueError(
            f"--model.network must have at most {PARAMETERS:,} parameters, got {size:,} with {dict(network.init_args)}"
        )
