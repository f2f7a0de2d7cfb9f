"""Turns jsonargparse's error messages of ten lines into one line that a user can act on."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from inspect import signature
from itertools import takewhile
from typing import Any

from chesspg.training import earlier

LINKED = {"data.seed": "seed_everything", "model.game": "data.game", "model.init": "init"}  # set by another option


def readable(error: Exception, options: Sequence[str]) -> str:
    """A short message for an error of jsonargparse, whose own message mostly lists types that the value could have.

    Args:
        error: The error as jsonargparse raises it.
        options: The names of all fields of the configuration.

    Returns:
        One line of at most 300 characters.
    """
    whole = re.sub(r"<class '(?:[\w.]*\.)?(\w+)'>", r"\1", str(error)).replace("typing.Literal", "one of ")
    if found := re.search(r"unrecognized arguments: (.*)|Group '(\w+)' does not accept option '([^']*)'", whole):
        given, section, name = found.groups()
        option = f"--{section}.{name}" if section else given.strip().partition(" ")[0].partition("=")[0]
        if not option.startswith("--"):
            return _short(f"unexpected argument {option!r}; options begin with --")
        return _short(f"unknown option {option}{hint(option, options)}")
    if found := re.search(r"\S+ --> ([\w.]+):", whole):
        return f"--{found[1]} can't be set; it takes the value of --{LINKED.get(found[1], 'another option')}"
    if found := re.search(r"must be between .*", whole):  # raised by `configuration.seed`
        return _short(f"--seed_everything {found[0]}")
    if found := re.search(r"arguments are required: ([^\n]*?)(?:\. Got value: .*)?$", whole, re.MULTILINE):
        keys = re.findall(r'Parser key "([^"]*)":', whole)[:1]
        return _short(f"{f'--{keys[0]}' if keys else 'the recipe'} must set {found[1].replace(', ', ' and ')}")
    keys, lines = _innermost(whole.splitlines())
    text = "\n".join(lines)
    if not keys:
        return _short(text)
    field = f"--{'.'.join(keys)}"
    if found := re.search(r"Option '([^']*)' is not accepted", text):
        path = next(iter(re.findall(r"class_path[= ]'([\w.]+)'", text)), "")
        module, _, kind = path.rpartition(".")
        taken = list(signature(getattr(importlib.import_module(module), kind)).parameters) if module else []
        return _short(f"{field}: unknown argument {found[1]}{_suggestion(found[1], taken)}")
    values = re.findall(r"(?:Got|Given) value: (.*?)(?:\. Got value: .*)?$|path string: (.*)", text, re.MULTILINE)
    given = [one or other for one, other in values if not one.startswith(("Namespace(", "NestedArg("))]
    reasons = [re.sub(_AROUND, "", line).strip(" -.") for line in lines]
    reasons = [reason for reason in reasons if reason and not re.match(_NOISE, reason)]
    accepted = dict.fromkeys(word for reason in reasons for word in _in_words(reason))
    if "a number" in accepted:  # it says enough: whole numbers are numbers, and the class could only be Tensor
        accepted = {word: None for word in accepted if word not in ("a whole number", _CLASS)}
    special = [reason for reason in reasons if not reason.startswith("Expected a ")]
    if found := re.search(r"Unable to load config '(.*)'", text):
        given, reason = [found[1]], "expected settings or the path of a YAML file"
    elif special:
        reason = special[0]
    elif accepted:
        *others, last = sorted(accepted, key=lambda word: (word == "null", word == _CLASS))
        reason = f"expected {', '.join(others)} or {last}" if others else f"expected {last}"
    else:
        reason = "not accepted"
    if reason.startswith("No module named"):
        reason += "; modules are searched in the current folder and in PYTHONPATH"
    got = f", got {given[0]}" if given and f"'{given[0]}'" not in reason else ""
    return _short(f"{field}: {reason}{got}")


def _innermost(lines: list[str]) -> tuple[list[str], list[str]]:
    """The names from the outermost setting to the wrong one, and the lines that are about the wrong one.

    If a setting accepts several classes, the first one in the message is the one that was named.
    """
    keys: list[str] = []
    while True:
        keys += re.findall(r'Parser key "([^"]*)":', "\n".join(lines))[:1]
        below = next((i for i, line in enumerate(lines[1:], 1) if re.search(_CLASS_NAMED, line)), None)
        if below is None:
            return list(dict.fromkeys(keys)), lines
        lines = [lines[below], *takewhile(partial(_is_below, lines[below]), lines[below + 1 :])]


def _is_below(parent: str, line: str) -> bool:
    """Whether a line is empty or indented more than `parent`."""
    return not line or len(line) - len(line.lstrip()) > len(parent) - len(parent.lstrip())


def _in_words(reason: str) -> tuple[str, ...]:
    """What is accepted, from such a line as `Expected a int`; nothing if the line says something else."""
    _, expected, name = reason.rpartition("Expected a ")
    if not expected:
        return ()
    return (_CLASS,) if name.startswith("dot import path") else _WORDS.get(name, (name,))


def with_option(message: str, values: Iterable[tuple[str, Any]]) -> str:
    """A message such as `size must be …, got 2` with the whole option, if one `init_args.size` alone is 2.

    Args:
        message: What a class says about an argument of its constructor.
        values: The values of the configuration by their dotted names.
    """
    name, _, rest = message.partition(" ")
    found = [key for key, value in values if key.endswith(f".init_args.{name}") and rest.endswith(f", got {value!r}")]
    return f"--{found[0]} {rest}" if len(found) == 1 and rest.startswith("must ") else message


# Lines of jsonargparse's messages, and parts of lines, that do not help a user.
_NOISE = (
    r"Expected a path but|Does not (validate|implement protocol)|Not a valid subclass|Subclass types|Subtypes|Errors|"
    r"a (class path|dict) |Problem with|Given value"
)
_AROUND = r".* callable class: |Parser key \"[^\"]*\":|\.? ?(Got|Given) value:? .*$"
_CLASS_NAMED = r"Problem with given class_path|callable class: Parser key"
_CLASS = "the path of a class such as my_module.MyClass"
_WORDS = {
    "int": ("a whole number",),
    "float": ("a number",),
    "bool": ("true", "false"),
    "str": ("a text",),
    "list": ("a list",),
    "Sequence": ("a list",),
    "Iterable": ("a list",),
    "dict": ("a mapping",),
    "NoneType": ("null",),
}


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else f"{text[:297]}…"


def hint(name: str, known: Sequence[str]) -> str:
    """What a user may have meant by an unknown option or setting, as the end of a message.

    Args:
        name: The unknown name, with or without dashes.
        known: The known names, without dashes.
    """
    dashes = "--" if name.startswith("--") else ""
    group, new = earlier.MOVED.get(name.removeprefix(dashes).removeprefix("model."), ("", ""))
    if new and name.removeprefix(dashes).startswith("model."):
        return f"; since version 0.2 it is {dashes}model.{group}.{new}"
    return _suggestion(name, [f"{dashes}{one}" for one in known])


def _suggestion(name: str, known: Sequence[str]) -> str:
    """A question whether a known name was meant; empty if none is similar."""
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""
