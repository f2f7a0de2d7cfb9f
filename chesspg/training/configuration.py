"""What a run's configuration may hold: values within their ranges, classes of the right kind, not from its folder."""

from __future__ import annotations

import glob
import importlib
import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace, get_loader, set_loader
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Trainer, loggers
from pytorch_lightning.callbacks import Timer
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from yaml import YAMLError

from chesspg.learning.advantages import Advantages
from chesspg.learning.losses import Loss
from chesspg.policy.networks import Network
from chesspg.storage import parsing
from chesspg.storage.parsing import OutOfBounds
from chesspg.training import earlier
from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import PolicyGradient
from chesspg.training.precision import PRECISIONS
from chesspg.training.ranges import SEEDS, require

PARAMETERS = 1 << 30  # of a network
SECTIONS: dict[str, type] = {"model": PolicyGradient, "data": SelfPlay, "trainer": Trainer}
GROUPS: dict[str, type] = {"model.advantages": Advantages, "model.loss": Loss}  # options that go together
LINKED = {"data.seed": "seed_everything", "model.game": "data.game", "model.init": "init"}  # set by another option
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


def read(path: Path, run: Path | None = None) -> None:
    """Look at a configuration before anything that it names is imported.

    Args:
        path: of the file.
        run: the folder of the run that is to be resumed, whose files are data and no modules.

    Raises:
        OSError: it can't be read.
        ValueError: it is out of bounds or damaged, or names as a class what can't be one.
    """
    tree = parsing.read_mapping(path)
    if not tree:
        raise ValueError(f"{path} holds no settings; expected a YAML mapping with {', '.join(SECTIONS)}")
    for name in _names(tree):
        if name not in _options():
            raise ValueError(f"{path}: unknown setting {name:.80}{_hint(name)}")
    for field, value in _leaves(tree):
        if not isinstance(value, str):
            continue
        bound(value, f"{path}: {'.'.join(field)}")
        if "." not in value:
            continue
        modules = value.split(".")[:-1]
        is_class = field[-1] == "class_path" or (field[-1] in CLASSES and "init_args" not in field)
        if is_class and (modules[0] in sys.stdlib_module_names or "__main__" in modules):
            raise ValueError(f"{path}: {'.'.join(field)} is {value!r:.200}, which can't be a part of a training")
        if run is not None and _lies_in(run.resolve(), modules):
            raise ValueError(
                f"{path}: {'.'.join(field)} is {value!r:.200}, whose module lies in the run's folder; a run is resumed "
                "with classes from elsewhere only"
            )


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


def check(config: Any) -> None:
    """Raise ValueError for a value out of its range, or a class of the wrong kind, before it is instantiated."""
    tree = config.as_dict()
    devices = tree["trainer"]["devices"]
    if isinstance(devices, str) and re.fullmatch(r"-?[0-9]+", devices):
        tree["trainer"]["devices"] = int(devices)
    for group, cls in GROUPS.items():
        options = tree["model"][group.removeprefix("model.")]
        if isinstance(options, dict):  # else a function of the user's own
            _check_numbers(f"--{group}.", cls, options)
    for section, cls in SECTIONS.items():  # after the groups, whose fields are named more exactly
        _check_numbers(f"--{section}.", cls, tree[section])
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
    _check_size(config.data.game, config.model.network)


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


def readable(error: Exception) -> str:
    """One short line of what jsonargparse says in ten, most of them about types that the value could have had."""
    whole = re.sub(r"<class '(?:[\w.]*\.)?(\w+)'>", r"\1", str(error)).replace("typing.Literal", "one of ")
    if found := re.search(r"unrecognized arguments: (.*)|Group '(\w+)' does not accept option '([^']*)'", whole):
        given, section, name = found.groups()
        option = f"--{section}.{name}" if section else given.split()[0].partition("=")[0]
        if not option.startswith("--"):
            return _short(f"unexpected argument {option!r}; options begin with --")
        return _short(f"unknown option {option}{_hint(option)}")
    if found := re.search(r"\S+ --> ([\w.]+):", whole):
        return f"--{found[1]} can't be set; it follows --{LINKED.get(found[1], 'another option')}"
    if found := re.search(r"must be between .*", whole):  # of `seed`
        return _short(f"--seed_everything {found[0]}")
    if found := re.search(r"arguments are required: ([^\n]*?)(?:\. Got value: .*)?$", whole, re.MULTILINE):
        keys = re.findall(r'Parser key "([^"]*)":', whole)[:1]
        return _short(f"{f'--{keys[0]}' if keys else 'the recipe'} must set {found[1].replace(', ', ' and ')}")
    # Where a field may be of several classes, the first is the one that was named.
    text = "\n    - Problem with".join(whole.split("\n    - Problem with")[:2])
    keys = re.findall(r'Parser key "([^"]*)":', text)
    if not keys:
        return _short(text)
    field = f"--{'.'.join(dict.fromkeys(keys[:2]))}"
    if found := re.search(r"Option '([^']*)' is not accepted", text):
        path = next(iter(re.findall(r"class_path[= ]'([\w.]+)'", text)), "")
        taken = list(signature(_class(path)).parameters) if path else []
        return _short(f"{field}: unknown argument {found[1]}{_suggestion(found[1], taken)}")
    values = re.findall(r"(?:Got|Given) value: (.*?)(?:\. Got value: .*)?$", whole, re.MULTILINE)
    value = next((value for value in values if not value.startswith(("Namespace(", "NestedArg("))), "")
    reasons = [re.sub(_AROUND, "", line).strip(" -.") for line in text.splitlines()]
    reasons = [reason for reason in reasons if reason and not re.match(_NOISE, reason)]
    special = [reason for reason in reasons if not reason.startswith("Expected a ")]
    expected = dict.fromkeys(reason.removeprefix("Expected a ") for reason in reasons if reason not in special)
    reason = special[0] if special else f"expected {' or '.join(expected)}"
    if not special and not expected:  # a class is wanted, and no other value will do
        value = next(iter(re.findall(r"Expected a dot import path string: (.*)", text)), value)
        reason = "expected the path of a class, such as my_module.MyClass"
    if reason.startswith("No module named"):
        reason += "; modules are searched in the current folder and in PYTHONPATH"
    got = f", got {value}" if value and f"'{value}'" not in reason else ""
    return _short(f"{field}: {reason}{got}")


# Of jsonargparse's lines those, and the parts of lines, that say nothing a user can act on.
_NOISE = (
    r"Expected a (path but|dot import|NoneType|Iterable)|Does not validate|Subtypes|Errors|Problem with|Given value"
)
_AROUND = r".* callable class: |Parser key \"[^\"]*\":|\.? ?(Got|Given) value:? .*$"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else f"{text[:297]}…"


def _options() -> list[str]:
    """The names of all fields of a configuration, but those of classes in it."""
    fields = {name: list(signature(cls).parameters) for name, cls in (SECTIONS | GROUPS).items()}
    return [
        "seed_everything",
        "run",
        "resume",
        "init",
        *SECTIONS,
        *(f"{s}.{name}" for s in fields for name in fields[s]),
    ]


def _names(tree: dict[str, Any]) -> Iterator[str]:
    """The fields that a recipe sets: its keys, and the keys below those of SECTIONS."""
    for name, value in tree.items():
        yield str(name)
        if name in SECTIONS and isinstance(value, dict):
            yield from (f"{name}.{field}" for field in map(str, value))
            for group in GROUPS:
                options = value.get(group.removeprefix(f"{name}."))
                yield from (f"{group}.{option}" for option in (options if isinstance(options, dict) else ()))


def _hint(name: str) -> str:
    """What a person who gives an unknown option or setting may mean."""
    dashes = "--" if name.startswith("--") else ""
    group, new = earlier.MOVED.get(name.removeprefix(dashes).removeprefix("model."), ("", ""))
    if new and name.removeprefix(dashes).startswith("model."):
        return f"; since version 0.2 it is {dashes}model.{group}.{new}"
    return _suggestion(name, [f"{dashes}{known}" for known in _options()])


def _suggestion(name: str, known: list[str]) -> str:
    """A question for the name that was meant, if one of the known ones is close."""
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


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
