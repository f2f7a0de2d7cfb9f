"""A module of one's own in a configuration: `--model my_module.MyModule`, or `class_path` and `init_args` in YAML."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import yaml
from pytorch_lightning.cli import LightningArgumentParser
from yaml import YAMLError

from chesspg.storage import parsing

Renewed = Callable[[Mapping[str, Any]], dict[str, Any]]


class RunParser(LightningArgumentParser):
    """A parser for which `model: {class_path: …, init_args: {…}}` means the fields of that class.

    The class itself is known beforehand, by `model_of`, so that its fields are fields of the configuration like those
    of the package's own module. Whatever is written names the class again.

    Args:
        own_model: The class as a dotted path; None for the package's own.
        renewed: What makes of a configuration that an earlier version wrote one of this version, if it may be one.
        kept: Arguments of the Trainer that are written although they are None, since their defaults are not.
        **arguments: As for LightningArgumentParser.
    """

    def __init__(
        self,
        *args: Any,
        own_model: str | None = None,
        renewed: Renewed | None = None,
        kept: Iterable[str] = (),
        **arguments: Any,
    ) -> None:
        super().__init__(*args, **arguments)
        self._own_model = own_model
        self._renewed = renewed
        self._kept = list(kept)

    def parse_string(self, content: str, *args: Any, **options: Any) -> Any:
        try:
            tree = parsing.parse_yaml(content)
        except YAMLError:
            tree = None  # which is reported below
        if isinstance(tree, dict) and (self._renewed or _class_path(tree) is not None):
            tree = self._renewed(tree) if self._renewed else tree
            content = yaml.safe_dump(flattened(tree), sort_keys=False)
        return super().parse_string(content, *args, **options)

    def dump(self, namespace: Any, *args: Any, **options: Any) -> str:
        text: str = super().dump(namespace, *args, **options)
        trainer = namespace.get("trainer", {})
        nothing = [name for name in self._kept if name in trainer and trainer[name] is None]
        if self._own_model is None and not nothing:
            return text
        tree = yaml.safe_load(text)
        tree.setdefault("trainer", {}).update(dict.fromkeys(nothing))
        if self._own_model is not None and isinstance(tree.get("model"), dict):
            tree["model"] = {"class_path": self._own_model, "init_args": tree["model"]}
        header = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
        return header + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def flattened(tree: dict[str, Any]) -> dict[str, Any]:
    """A configuration whose model section has the fields of the class alone."""
    if _class_path(tree) is None:
        return tree
    arguments = tree["model"].get("init_args")
    rest = {name: value for name, value in tree["model"].items() if name not in ("class_path", "init_args")}
    return {**tree, "model": {**(arguments if isinstance(arguments, dict) else {}), **rest}}


def model_of(
    trees: Iterable[tuple[str, dict[str, Any]]], arguments: Sequence[str], base: type
) -> tuple[type, list[str]]:
    """The class that a run's module is of, and the arguments without its name.

    Args:
        trees: Where a configuration comes from, for messages, and what it holds; the last one counts.
        arguments: Of the command line, which count more.
        base: The package's own module, which the class must derive from, and which it is if none is named.

    Raises:
        ValueError: The class can't be imported, or does not derive from `base`.
    """
    named = [(f"{where}: model.class_path", path) for where, tree in trees if (path := _class_path(tree)) is not None]
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        name, given, value = word.partition("=")
        if name not in ("--model", "--model.class_path"):
            rest.append(word.replace("--model.init_args.", "--model.", 1))
            continue
        value = value if given else next(words, "")
        spec = _mapping(value) if name == "--model" else None
        if spec is None:
            named.append(("--model", value))
        else:
            if (path := _class_path({"model": spec})) is not None:
                named.append(("--model", path))
            rest += ["--model", yaml.safe_dump(flattened({"model": spec})["model"], default_flow_style=True)]
    return (_imported(*named[-1], base) if named else base), rest


def _class_path(tree: Any) -> str | None:
    """The class that a configuration's model section names, if it does."""
    model = tree.get("model") if isinstance(tree, dict) else None
    return str(model["class_path"]) if isinstance(model, dict) and "class_path" in model else None


def _mapping(text: str) -> dict[str, Any] | None:
    """What a text stands for if it is a YAML mapping, such as JSON."""
    try:
        tree = parsing.parse_yaml(text)
    except YAMLError:
        return None
    return tree if isinstance(tree, dict) else None


def _imported(where: str, path: str, base: type) -> type:
    module, _, name = path.rpartition(".")
    if not module or not all(part.isidentifier() for part in path.split(".")):
        raise ValueError(f"{where}: expected the path of a class, such as my_module.MyClass, got {path!r:.80}")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        hint = "modules are searched in the current folder and in PYTHONPATH"
        raise ValueError(f"{where}: {error}; {hint}") from None
    except Exception as error:  # whatever a user's file does
        reason = " ".join(str(error).split())
        raise ValueError(f"{where}: module {module} raised {type(error).__name__}: {reason:.200}") from None
    if found is None:
        raise ValueError(f"{where}: module {module} has no {name}")
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ValueError(f"{where} must be a subclass of {base.__name__}, got {path:.200}")
    return found
