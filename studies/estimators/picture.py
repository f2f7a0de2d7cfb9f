"""Names, and for each a value with its interval: panels below each other, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from chesspg.arena.ladder.picture import COLOURS, round_step

WIDTH, LEFT, RIGHT = 800, 150, 30  # of the picture and of its margins; at the left stand the names
ROW, HEAD, FOOT = 22, 40, 34  # heights of a row, of what is above a panel's rows and of what is below
MARK = "<desc>chesspg estimators</desc>"  # by which a picture is known for one of these


class Row(NamedTuple):
    """One value."""

    name: str
    value: float
    low: float | None  # without an interval if None
    high: float | None
    each: tuple[float, ...] = ()  # what the value is the mean of


class Panel(NamedTuple):
    """Values that share an axis."""

    title: str
    rows: Sequence[Row]  # one at least


def svg(panels: Sequence[Panel], *, logarithmic: bool = False) -> str:
    """A dot for each value, a line for its interval, small marks for what it is the mean of."""
    height = sum(HEAD + ROW * len(panel.rows) + FOOT for panel in panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="12" fill="#333">',
        MARK,
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    top = 0
    for panel, colour in zip(panels, COLOURS, strict=False):
        parts += _panel(panel, top, colour, logarithmic)
        top += HEAD + ROW * len(panel.rows) + FOOT
    return "\n".join([*parts, "</svg>", ""])


def is_picture(path: Path) -> bool:
    """Whether a file is a picture that `svg` made."""
    with path.open("rb") as file:
        return MARK.encode() in file.read(2000)


def _panel(panel: Panel, top: int, colour: str, logarithmic: bool) -> list[str]:
    numbers = [x for row in panel.rows for x in (row.value, row.low, row.high, *row.each) if x is not None]
    ticks = log_ticks(min(numbers), max(numbers)) if logarithmic else _ticks(min(numbers), max(numbers))
    place = math.log if logarithmic else float
    left, right = place(ticks[0]), place(ticks[-1])

    def across(x: float) -> float:
        return LEFT + (place(x) - left) / (right - left) * (WIDTH - LEFT - RIGHT)

    bottom = top + HEAD + ROW * len(panel.rows)
    parts = [f'<text x="{LEFT}" y="{top + 24}" font-weight="bold">{escape(panel.title)}</text>']
    for tick in ticks:
        parts.append(f'<path d="M{across(tick):.1f} {top + HEAD}V{bottom}" stroke="#ddd"/>')
        parts.append(f'<text x="{across(tick):.1f}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>')
    for number, row in enumerate(panel.rows):
        y = top + HEAD + ROW * (number + 0.5)
        parts.append(f'<text x="{LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{escape(row.name)}</text>')
        marks = "".join(f"M{across(x):.1f} {y - 5:.1f}v10" for x in row.each)
        parts.append(f'<path d="{marks}" stroke="#333" opacity="0.6"/>')
        told = f"{row.name}: {row.value:.3g}"
        if row.low is not None and row.high is not None:
            told += f" ({row.low:.3g} to {row.high:.3g})"
            line = f"M{across(row.low):.1f} {y:.1f}H{across(row.high):.1f}"
            parts.append(f'<path d="{line}" stroke="{colour}" stroke-width="2"/>')
        dot = f'cx="{across(row.value):.1f}" cy="{y:.1f}" r="4" fill="{colour}"'
        parts.append(f"<circle {dot}><title>{escape(told)}</title></circle>")
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers, all as far apart, from `low` or below to `high` or above."""
    step = round_step(high - low)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * k for k in range(first, max(last, first + 1) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten from `low` or below to `high` or above, both above 0."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    ticks = [k * 10.0**power for power in powers for k in (1, 2, 5)]
    first = max(k for k, tick in enumerate(ticks) if tick <= low)
    last = min(k for k, tick in enumerate(ticks) if tick >= high)
    return ticks[first : max(last, first + 1) + 1]
