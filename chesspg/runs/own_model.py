"""The user's own module in a configuration: `--model my_module.MyModule`, or `class_path` and `init_args` in YAML."""

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
    """A parser that reads `model: {class_path: …, init_args: {…}}` as the arguments of that class.

    `model_of` has found the class before, so that its arguments are fields of the configuration like those of the
    package's own module. A configuration that is written names the class again.

    Args:
        *args: As for LightningArgumentParser.
        own_model: The class as a dotted path; None for the package's own.
        renewed: Translates a configuration of an earlier version; None if there can be none.
        kept: Arguments of the Trainer that are written even if they are None, since that is not their default.
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
            tree = None  # the error is reported below
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
    """A configuration whose model section holds only the arguments of the class, without its name."""
    if _class_path(tree) is None:
        return tree
    arguments = tree["model"].get("init_args")
    rest = {name: value for name, value in tree["model"].items() if name not in ("class_path", "init_args")}
    return {**tree, "model": {**(arguments if isinstance(arguments, dict) else {}), **rest}}


def model_of(
    trees: Iterable[tuple[str, dict[str, Any]]], arguments: Sequence[str], base: type
) -> tuple[type, list[str]]:
    """The class of a run's module.

    Args:
        trees: Configurations, each with its source for messages. If several name a class, the last one counts.
        arguments: The arguments of the command line, which take precedence.
        base: The package's own module: the class if none is named, and otherwise its base.

    Returns:
        The class, and the arguments without its name.

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
    """The class that a configuration's model section names; None if it names none."""
    model = tree.get("model") if isinstance(tree, dict) else None
    return str(model["class_path"]) if isinstance(model, dict) and "class_path" in model else None


def _mapping(text: str) -> dict[str, Any] | None:
    """The mapping that a text is in YAML, of which JSON is a part; None if it is none."""
    try:
        tree = parsing.parse_yaml(text)
    except YAMLError:
        return None
    return tree if isinstance(tree, dict) else None


def _imported(where: str, path: str, base: type) -> type:
    module, _, name = path.rpartition(".")
    if not module or not all(part.isidentifier() for part in path.split(".")):
        raise ValueError(f"{where}: expected the path of a class such as my_module.MyClass, got {path!r:.80}")
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
