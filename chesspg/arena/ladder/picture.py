"""A ladder as a picture: SVG, which every browser shows and no library need draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from chesspg.arena.ladder.model import Rating

AXES = {
    "updates": "updates",
    "games": "games of self-play",
    "plies": "plies of self-play",
    "seconds": "hours of training",
}
COLOURS = ("#1f6fb4", "#d95f02", "#1b9e77", "#7570b3", "#c2185b", "#8a6d00")  # apart for the colour-blind too
WIDTH, HEIGHT = 1000, 540  # of the picture but for the names of its lines, which stand below
LEFT, RIGHT, TOP, BOTTOM = 64, 316, 20, 56  # margins; at the right stand the names of players without an x
LINE = 14  # pixels between two names


MARK = "<desc>chesspg ladder</desc>"  # by which a picture is known for one of these


class Point(NamedTuple):
    """One player."""

    name: str
    rating: Rating
    x: float | None  # updates, plies or whatever the axis counts; None for players that never learned
    line: str  # points of one line, such as the checkpoints of one run, are joined
    against: tuple[str, ...] = ()  # whom it was rated against, if that is to be said


def svg(points: Sequence[Point], against: str, scale: str = "Elo") -> str:
    """Elo with its 95% interval against `against`, a key of AXES; players without an x are level lines.

    Args:
        points: The players.
        against: What the other axis counts.
        scale: What the Elo axis is called.

    Returns:
        The picture as SVG.
    """
    learned = [point for point in points if point.x is not None]
    unit = 3600 if against == "seconds" else 1
    right = max((float(point.x or 0) / unit for point in learned), default=1.0) or 1.0
    step = round_step(right)
    right = step * math.ceil(right / step)
    rise = round_step(max(p.rating.high for p in points) - min(p.rating.low for p in points))
    low = rise * math.floor(min(p.rating.low for p in points) / rise)
    high = rise * math.ceil(max(p.rating.high for p in points) / rise)

    def across(x: float) -> float:
        return LEFT + x / right * (WIDTH - LEFT - RIGHT)

    def down(elo: float) -> float:
        return TOP + (high - elo) / ((high - low) or 1) * (HEIGHT - TOP - BOTTOM)

    end = WIDTH - RIGHT
    lines = list(dict.fromkeys(point.line for point in learned))
    whole = HEIGHT + LINE * len(lines)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole}" width="{WIDTH}" height="{whole}" '
        'font-family="sans-serif" font-size="12" fill="#333">',
        MARK,
        f'<rect width="{WIDTH}" height="{whole}" fill="#fff"/>',
    ]
    for k in range(round((high - low) / rise) + 1):
        elo = low + k * rise
        parts.append(f'<path d="M{LEFT} {down(elo):.1f}H{end}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{down(elo) + 4:.1f}" text-anchor="end">{elo:g}</text>')
    middle = f'x="16" y="{HEIGHT / 2:g}" transform="rotate(-90 16 {HEIGHT / 2:g})" text-anchor="middle"'
    parts.append(f"<text {middle}>{escape(scale)}</text>")
    if learned:
        for k in range(round(right / step) + 1):
            middle = f'x="{across(k * step):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle"'
            parts.append(f"<text {middle}>{_short(k * step)}</text>")
        middle = f'x="{(LEFT + end) / 2:g}" y="{HEIGHT - 12}" text-anchor="middle"'
        parts.append(f"<text {middle}>{AXES[against]}</text>")

    level = sorted((point for point in points if point.x is None), key=lambda point: -point.rating.rating)
    labels = _apart([down(point.rating.rating) for point in level])
    for point, label in zip(level, labels, strict=True):
        y, top, bottom = down(point.rating.rating), down(point.rating.high), down(point.rating.low)
        band = f'x="{LEFT}" width="{end - LEFT}" y="{top:.1f}" height="{bottom - top:.1f}"'
        parts.append(f'<rect {band} fill="#888" opacity="0.15"/>')
        parts.append(f'<path d="M{LEFT} {y:.1f}H{end}L{end + 12} {label:.1f}" fill="none" stroke="#888"/>')
        parts.append(_label(end + 16, label, f"{point.rating.rating:.0f}  {point.name}"))
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        mine = sorted((p for p in learned if p.line == line), key=lambda point: point.x or 0)
        places = [(across(float(p.x or 0) / unit), p.rating) for p in mine]
        path = "L".join(f"{x:.1f} {down(rating.rating):.1f}" for x, rating in places)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point, (x, rating) in zip(mine, places, strict=True):
            told = f"{point.name}: {rating.rating:.0f} ({rating.low:.0f} to {rating.high:.0f})"
            told += f" against {', '.join(point.against)}" if point.against else ""
            whisker = f"M{x:.1f} {down(rating.low):.1f}V{down(rating.high):.1f}"
            parts.append(f'<path d="{whisker}" stroke="{colour}" stroke-width="1.5"/>')
            place = f'cx="{x:.1f}" cy="{down(rating.rating):.1f}" r="4" fill="{colour}"'
            parts.append(f"<circle {place}><title>{escape(told)}</title></circle>")
        parts.append(f'<path d="M{LEFT} {HEIGHT + LINE * number}h16" stroke="{colour}" stroke-width="2"/>')
        parts.append(_label(LEFT + 22, HEIGHT + LINE * number, line))
    return "\n".join([*parts, "</svg>", ""])


def is_picture(path: Path) -> bool:
    """Whether a file is a picture that `svg` made."""
    with path.open("rb") as file:
        return MARK.encode() in file.read(2000)


def _label(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y + 4:.1f}">{escape(text)}</text>'


def round_step(span: float) -> float:
    """A round distance, 1, 2 or 5 times a power of ten, that goes into `span` five to twelve times."""
    power = 10.0 ** math.floor(math.log10(span / 5)) if span > 0 else 1.0
    return next(power * k for k in (1, 2, 5, 10) if power * k * 12 >= span)


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


def _apart(ys: Sequence[float]) -> list[float]:
    """Ascending heights moved down, and all up again if they ran out at the bottom, until none covers another."""
    moved: list[float] = []
    for y in ys:
        moved.append(max(y, moved[-1] + LINE) if moved else y)
    limit: float = HEIGHT - BOTTOM
    for k in reversed(range(len(moved))):
        moved[k] = min(moved[k], limit)
        limit = moved[k] - LINE
    return moved
