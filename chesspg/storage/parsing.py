"""Texts of unknown origin: parsers for JSON and YAML, limited in what they accept, and how such a text is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import NoneType
from typing import Any

import yaml

BYTES = 1 << 20  # size of a text
DEPTH = 50  # levels of nesting
NODES = 100_000  # values in a text; an alias counts as everything that it stands for
LENGTH = 10_000  # characters of one value

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is ten times as fast, if PyYAML has it


class OutOfBounds(yaml.YAMLError):
    """A text is too large or nested too deeply, or its aliases expand to too much."""


def read_mapping(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file, empty for an empty file.

    Raises:
        OSError: The file can't be read.
        ValueError: It is out of bounds, is not valid YAML, or holds something other than a mapping.
    """
    with Path(path).open("rb") as file:
        content = file.read(BYTES + 1)
    if b"\0" in content:
        raise ValueError(f"{path} can't be read as YAML: it is not a text file")
    try:
        tree = parse_yaml(content)
    except yaml.YAMLError as error:
        reason = re.sub(r'in "<\w+ string>",', "at", " ".join(str(error).split()))
        raise ValueError(f"{path} can't be read as YAML: {reason:.200}") from None
    if not isinstance(tree, dict | NoneType):
        raise ValueError(f"{path} must hold a mapping of settings, got {type(tree).__name__}")
    return tree or {}


def parse_yaml(content: str | bytes) -> Any:
    """Parse a YAML text. Raises yaml.YAMLError for anything that is not safe to read."""
    check(content)
    try:
        return yaml.load(content, _Loader)
    except (ValueError, ArithmeticError, LookupError, AttributeError) as error:  # 2001-99-99, for example
        raise yaml.YAMLError(f"a value is not valid: {error}") from None


def check(content: str | bytes) -> None:
    """Check the bounds of a YAML text from its events alone, before any value is built.

    Raises:
        OutOfBounds: The text is out of bounds.
        yaml.YAMLError: It is not valid YAML.
    """
    if len(content) > BYTES:
        raise OutOfBounds(f"it must be at most {BYTES:,} bytes long")
    sizes: dict[str | None, int] = {}  # by anchor: the number of values that it stands for
    open_: list[list[Any]] = [["", 0]]  # anchor and size so far of each collection that contains the event
    try:
        for event in yaml.parse(content, _Loader):
            if isinstance(event, yaml.AliasEvent):
                if event.anchor not in sizes:
                    raise OutOfBounds(f"alias *{event.anchor:.40} stands for nothing before it, or for itself")
                open_[-1][1] += sizes[event.anchor]
            elif isinstance(event, yaml.ScalarEvent):
                if len(event.value) > LENGTH:
                    raise OutOfBounds(f"a value must be at most {LENGTH:,} characters long")
                open_[-1][1] += 1
                sizes[event.anchor] = 1
            elif isinstance(event, yaml.CollectionStartEvent):
                sizes.pop(event.anchor, None)  # set again when the collection ends
                open_.append([event.anchor, 1])
                if len(open_) > DEPTH:
                    raise OutOfBounds(f"it must be nested at most {DEPTH} deep")
            elif isinstance(event, yaml.CollectionEndEvent):
                anchor, size = open_.pop()
                sizes[anchor] = size
                open_[-1][1] += size
            if open_[-1][1] > NODES:
                raise OutOfBounds(f"it must hold at most {NODES:,} values; those of an alias count each time")
    except UnicodeError:
        raise yaml.YAMLError("it is not UTF-8") from None


def parse_json(text: str | bytes) -> Any:
    """Parse a JSON text of unknown origin.

    Raises:
        ValueError: It is not valid JSON, is nested too deeply, or has half of a surrogate pair, which no file can hold.
    """
    try:
        tree = json.loads(text)
    except RecursionError:  # every other failure is a ValueError already
        raise ValueError("the JSON is nested too deeply") from None
    level = [tree]
    for _ in range(DEPTH):
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list)))
        level = [one for some in inner for one in some]
    if level:
        raise ValueError(f"the JSON must be nested at most {DEPTH} deep")
    try:
        json.dumps(tree, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("the JSON has half of a surrogate pair in a text") from None
    return tree


def one_line(message: object) -> str:
    """A text without line breaks, in which characters that could steer a terminal are written as escapes."""
    text = " ".join(str(message).split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
