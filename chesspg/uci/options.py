"""The UCI options of the engine: how each is declared and read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from chesspg.terminal.numbers import CORES, BadValue, number, temperature, whole


class Option(NamedTuple):
    """An option that a GUI may set."""

    form: str  # its declaration, after the name and the word `type`
    value: Any  # the default
    read: Callable[[str], Any]  # reads a value; raises ValueError with what it must be


def _text() -> Option:
    return Option("string default <empty>", "", lambda text: "" if text == "<empty>" else text)


def _check() -> Option:
    def read(text: str) -> bool:
        if text.lower() not in ("true", "false"):
            raise BadValue("true or false", text)
        return text.lower() == "true"

    return Option("check default false", False, read)


def _whole(default: int, low: int, high: int) -> Option:
    return Option(f"spin default {default} min {low} max {high}", default, whole(low, high))


def _number(default: int, read: Callable[[str], float]) -> Option:
    return Option(f"string default {default}", float(default), read)  # UCI has no type for fractions


OPTIONS = {
    "WeightsFile": _text(),
    "Temperature": _number(0, temperature),
    "TopP": _number(1, number(0, 1, above=True)),
    "MultiPV": _whole(1, 1, 256),
    "Seed": _whole(-1, -1, 2**31 - 1),
    "UCI_ShowWDL": _check(),
    "UCI_Chess960": _check(),
    "UCI_Variant": _text(),
    "Threads": _whole(1, 1, CORES),
    "Ponder": _check(),
    "Hash": _whole(16, 1, 2**25),
    "Move Overhead": _whole(10, 0, 100_000),
    "SyzygyPath": _text(),
}
IDLE = ("Hash", "Move Overhead", "SyzygyPath")  # options without effect, which bots set for every engine
