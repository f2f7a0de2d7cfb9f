"""Numbers that people write: those inside the range are read, everything else is refused with the range."""

from __future__ import annotations

import argparse
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chesspg.terminal.numbers import duration, number, whole


@given(st.integers(-(10**6), 10**6), st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_whole_numbers(value: int, low: int, high: int) -> None:
    read = whole(low, high)
    if low <= value <= high:
        assert read(str(value)) == value
    else:
        with pytest.raises(ValueError, match=f"from {low:,} to {high:,}, got '{value}'"):
            read(str(value))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1_0",
        "+5",
        " 5",
        "5 ",
        "5\n",
        "٣",
        "５",
        "²",
        "0x5",
        "5.0",
        "5e0",
        "five",
        "--5",
        "nan",
        "inf",
        "9" * 5000,
    ],
)
def test_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        whole(1, 2**62)(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 150


@given(st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_numbers(value: float, above: bool) -> None:
    read = number(0, 100, above=above)
    if 0 <= value <= 100 and not (above and value == 0):
        assert read(repr(value)) == value
    else:
        with pytest.raises(ValueError, match="must be a number"):
            read(repr(value))


@pytest.mark.parametrize(
    "text",
    ["", "nan", "inf", "-inf", "infinity", "1e999", "1_0", "+1", "٣", " 1", "1,5", ".", "e5", "0x1p3", "1" * 400],
)
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a number from 0 to 1e\+06, got "):
        number(0, 1e6)(text)


def test_ends_of_a_range() -> None:
    assert [number(0.01, 100, or_zero=True)(text) for text in ("0", "0.0", "0.01", "100", "1e2")] == [
        0,
        0,
        0.01,
        100,
        100,
    ]
    assert math.copysign(1, number(0, 1)("-0")) == -1  # equal to 0, so inside
    for text in ("0.009", "100.1", "-1"):
        with pytest.raises(ValueError, match=f"must be 0 or a number from 0.01 to 100, got '{text}'"):
            number(0.01, 100, or_zero=True)(text)
    with pytest.raises(ValueError, match=r"must be a number above 0 and at most 1, got '0.0'"):
        number(0, 1, above=True)("0.0")
    with pytest.raises(ValueError, match="must be an even number from 2 to 8, got '3'"):
        whole(2, 8, even=True)("3")


@pytest.mark.parametrize("text", ["", "soon", "10", "00:10", "00:00:00:00", "1:1:1:1", "٠٠:00:10:00", "99999:00:00:00"])
def test_times(text: str) -> None:
    assert duration("00:00:10:00") == "00:00:10:00"
    with pytest.raises(ValueError, match="must be a time as DD:HH:MM:SS"):
        duration(text)


def test_a_parser_says_so_too() -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--games", type=whole(2, 1048576, even=True))
    with pytest.raises(argparse.ArgumentError) as caught:
        parser.parse_args(["--games", "7"])
    assert str(caught.value) == "argument --games: must be an even number from 2 to 1,048,576, got '7'"
