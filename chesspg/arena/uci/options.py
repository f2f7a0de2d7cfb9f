"""What a GUI may set of the engine, and how each option is declared, read and refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Option(NamedTuple):
    """What a GUI may set."""

    form: str  # as declared, without its name
    value: Any  # by default
    read: Callable[[str], Any]  # ValueError if bad
    would_do: str = ""


def _text() -> Option:
    return Option("string default <empty>", "", lambda text: "" if text == "<empty>" else text)


def _check() -> Option:
    return Option(
        "check default false", False, lambda text: ("false", "true").index(text.lower()) == 1, "true or false"
    )


def _whole(default: int, low: int, high: int) -> Option:
    def read(text: str) -> int:
        if not low <= int(text) <= high:
            raise ValueError(text)
        return int(text)

    form = f"spin default {default} min {low} max {high}"
    return Option(form, default, read, f"a whole number from {low} to {high}")


def _number(default: int, good: Callable[[float], bool], would_do: str) -> Option:
    def read(text: str) -> float:
        if not good(float(text)):
            raise ValueError(text)
        return float(text)

    return Option(f"string default {default}", float(default), read, would_do)  # UCI has no fractions but as strings


OPTIONS = {
    "WeightsFile": _text(),
    "Temperature": _number(0, lambda t: t == 0 or 0.01 <= t <= 100, "0 or a number from 0.01 to 100"),
    "TopP": _number(1, lambda p: 0 < p <= 1, "a number above 0 and at most 1"),
    "MultiPV": _whole(1, 1, 256),
    "Seed": _whole(-1, -1, 2**31 - 1),
    "UCI_ShowWDL": _check(),
    "UCI_Chess960": _check(),
    "UCI_Variant": _text(),
    "Threads": _whole(1, 1, 1024),
    "Ponder": _check(),
    "Hash": _whole(16, 1, 2**25),
    "Move Overhead": _whole(10, 0, 100_000),
    "SyzygyPath": _text(),
}
IDLE = ("Hash", "Move Overhead", "SyzygyPath")  # which bots set on every engine
