"""Readers of the numbers that people write in options, with the same error messages everywhere.

They accept less than int() and float() do: `1_000`, `+5`, `٣` and `nan` are usually mistakes.
Imports little, because the UCI engine needs this module before its first answer.
"""

from __future__ import annotations

import math
import os
import re
from argparse import ArgumentTypeError
from collections.abc import Callable

GAMES = 2**20  # the most games of one match or file
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

_WHOLE = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NUMBER = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_DURATION = re.compile(r"[0-9]{1,4}(:[0-9]{2}){3}", re.ASCII)


class BadValue(ValueError, ArgumentTypeError):
    """An error message that follows the name of an option: `must be …, got …`.

    Args:
        accepted: What is accepted.
        text: What was given.
    """

    def __init__(self, accepted: str, text: str) -> None:
        super().__init__(f"must be {accepted}, got {text if len(text) <= 40 else text[:40] + '...'!r}")


def whole(low: int, high: int, *, even: bool = False) -> Callable[[str], int]:
    """Make a reader of whole numbers.

    Args:
        low: The smallest number accepted.
        high: The largest number accepted.
        even: Whether odd numbers are refused.

    Returns:
        A function from text to the number, which raises BadValue.
    """

    def read(text: str) -> int:
        value = int(text) if _WHOLE.fullmatch(text) else low - 1
        if not low <= value <= high or (even and value % 2):
            raise BadValue(f"{'an even' if even else 'a whole'} number from {low:,} to {high:,}", text)
        return value

    return read


def number(low: float, high: float, *, above: bool = False, or_zero: bool = False) -> Callable[[str], float]:
    """Make a reader of numbers.

    Args:
        low: The smallest number accepted.
        high: The largest number accepted.
        above: Whether `low` itself is refused.
        or_zero: Whether 0 is accepted too.

    Returns:
        A function from text to the number, which raises BadValue.
    """

    def read(text: str) -> float:
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
        if (low <= value <= high and not (above and value == low)) or (or_zero and value == 0):
            return value
        bounds = f"above {low:g} and at most {high:,g}" if above else f"from {low:,g} to {high:,g}"
        raise BadValue(f"{'0 or ' if or_zero else ''}a number {bounds}", text)

    return read


def duration(text: str) -> str:
    """Read a time longer than 0, as DD:HH:MM:SS. Raises BadValue."""
    if not _DURATION.fullmatch(text) or not re.search("[1-9]", text):
        raise BadValue("a time as DD:HH:MM:SS, as in 00:00:10:00, and longer than 0", text)
    return text


seed = whole(0, 2**32 - 1)  # the range that numpy and Lightning accept
plies = whole(1, 1_000_000)  # in one game
processes = whole(1, 256)  # of one engine
temperature = number(0.01, 100, or_zero=True)  # of a policy; 0 is greedy
