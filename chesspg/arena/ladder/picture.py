"""A picture of a ladder: Elo with its interval against how much each player has learned."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from chesspg.arena.ladder.entries import policy_path
from chesspg.arena.ladder.pairings import Rating
from chesspg.storage.pictures import COLORS, GRAY, is_picture, plain_style, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AXES = {
    "updates": "updates",
    "games": "games of self-play",
    "plies": "plies of self-play",
    "seconds": "hours of training",
}
WIDTH, HEIGHT = 10.0, 5.4  # size in inches, without the names of the lines, which are below the axes
LEFT, RIGHT, TOP, BOTTOM = 0.7, 3.2, 0.2, 0.6  # margins in inches; the names of players without an x are at the right
LINE = 0.16  # distance between two names in inches
MARK = "chesspg ladder"

is_ladder_picture = partial(is_picture, mark=MARK)


class Point(NamedTuple):
    """A player in the picture."""

    name: str
    rating: Rating
    x: float | None  # updates, games, plies or seconds; None for players that never learned
    line: str  # points with the same line, such as the checkpoints of one run, are joined
    against: tuple[str, ...] = ()  # the opponents to be shown, if any


def points(table: dict[str, Any], against: str) -> list[Point]:
    """The rated players of a ladder.

    Args:
        table: The ladder, in the form of `standings.standings`.
        against: The quantity on the horizontal axis, a key of AXES.

    Returns:
        A point per rated player.
    """
    found = []
    for row in table["players"]:
        if row["rating"] is not None:
            path = policy_path(row["player"])
            fact = row["facts"].get(against)  # from a file that anybody may have written
            known = type(fact) in (int, float) and 0 <= fact < 1e18
            rating = Rating(row["rating"], row["low"], row["high"])
            line = str(path.parent) if path else ""
            found.append(Point(row["player"], rating, fact if known else None, line, tuple(row["against"] or ())))
    return found


def svg(points: Sequence[Point], against: str, scale: str = "Elo") -> str:
    """Draw Elo with its 95% interval; players without an x are horizontal lines.

    Args:
        points: The players.
        against: The quantity on the horizontal axis, a key of AXES.
        scale: Label of the Elo axis.

    Returns:
        The picture as SVG.
    """
    learned = [point for point in points if point.x is not None]
    lines = list(dict.fromkeys(point.line for point in learned))
    whole = HEIGHT + LINE * (len(lines) + 1) if lines else HEIGHT
    with plain_style():
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter

        figure = Figure(figsize=(WIDTH, whole))
        size = ((WIDTH - LEFT - RIGHT) / WIDTH, (HEIGHT - TOP - BOTTOM) / whole)
        axes = figure.add_axes((LEFT / WIDTH, 1 - TOP / whole - size[1], *size))
        axes.set_ylabel(scale, parse_math=False)
        axes.set_ylim(*_range(points))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _short(x)))
        _level(axes, [point for point in points if point.x is None])
        titles = _learned(axes, learned, lines, 3600 if against == "seconds" else 1)
        if lines:
            axes.set_xlabel(AXES[against])
            axes.set_xlim(left=0)
            legend = figure.legend(loc="lower left", bbox_to_anchor=(LEFT / WIDTH, 0), frameon=False, borderpad=0.2)
            for text in legend.get_texts():
                text.set_parse_math(False)
        else:
            axes.set_xticks([])
        return to_svg(figure, MARK, titles)


def _level(axes: Axes, level: Sequence[Point]) -> None:
    """Draw players who never learned: a line with a band for each, and the names at the right without overlap."""
    low, high = axes.get_ylim()
    gap = LINE / (HEIGHT - TOP - BOTTOM) * (high - low)
    ordered = sorted(level, key=lambda point: point.rating.rating)
    for point, label in zip(ordered, _apart([one.rating.rating for one in ordered], gap, high), strict=True):
        rating, low, high = point.rating
        axes.axhspan(low, high, color=GRAY, alpha=0.15, linewidth=0)
        axes.axhline(rating, color=GRAY, linewidth=1)
        place: Any = axes.get_yaxis_transform()  # x as a fraction of the axes, y in Elo
        arrow = {"arrowstyle": "-", "color": GRAY, "shrinkA": 2, "shrinkB": 0, "relpos": (0, 0.5)}
        axes.annotate(
            f"{rating:.0f}  {point.name}", (1, rating), (1.02, label), xycoords=place, textcoords=place,
            verticalalignment="center", arrowprops=arrow, annotation_clip=False, parse_math=False,
        )  # fmt: skip


def _learned(axes: Axes, learned: Sequence[Point], lines: Sequence[str], unit: float) -> dict[str, str]:
    """Draw players who learned: dots with intervals, joined into lines. Returns the tooltip of each dot by its gid."""
    titles: dict[str, str] = {}
    for number, line in enumerate(lines):
        color = COLORS[number % len(COLORS)]
        mine = sorted((point for point in learned if point.line == line), key=lambda point: point.x or 0)
        xs = [(point.x or 0) / unit for point in mine]
        axes.plot(xs, [point.rating.rating for point in mine], color=color, label=line)
        for x, point in zip(xs, mine, strict=True):
            rating, low, high = point.rating
            gid = f"dot-{len(titles)}"
            axes.vlines(x, low, high, color=color, linewidth=1.2)
            axes.plot(x, rating, "o", color=color, markersize=5, clip_on=False, gid=gid)
            met = f" against {', '.join(point.against)}" if point.against else ""
            titles[gid] = f"{point.name}: {rating:.0f} ({low:.0f} to {high:.0f}){met}"
    return titles


def _range(points: Sequence[Point]) -> tuple[float, float]:
    """The limits of the Elo axis: all intervals and a margin around them."""
    low, high = min(point.rating.low for point in points), max(point.rating.high for point in points)
    around = 0.04 * (high - low) or 1.0
    return low - around, high + around


def _short(number: float) -> str:
    """A number in short form, such as 12k for 12000."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


def _apart(ys: Sequence[float], gap: float, limit: float) -> list[float]:
    """Ascending heights, moved up until neighbors are `gap` apart, and down again where that exceeds the limit."""
    moved: list[float] = []
    for y in ys:
        moved.append(max(y, moved[-1] + gap) if moved else y)
    for k in reversed(range(len(moved))):
        moved[k] = min(moved[k], limit)
        limit = moved[k] - gap
    return moved
