"""A picture of a ladder: Elo with its interval against how much each player has learned, a panel per quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from chesspg.arena.ladder.entries import policy_path
from chesspg.arena.ladder.pairings import Rating
from chesspg.storage.pictures import COLORS, GRAY, is_picture, plain_style, to_svg
from chesspg.storage.shipped import shipped_policies

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AXES = {
    "updates": "updates",
    "games": "games of self-play",
    "plies": "plies of self-play",
    "seconds": "minutes of training",
}
WIDTH, HEIGHT = 10.0, 5.4  # size in inches, without the names of the lines, which are below the axes
# Margins in inches; the names of the horizontal lines are at the right.
LEFT, RIGHT, TOP, BOTTOM = 0.7, 3.2, 0.2, 0.6
GAP = 0.2  # between two panels, in inches
LINE = 0.16  # distance between two names in inches
MARK = "chesspg ladder"

is_ladder_picture = partial(is_picture, mark=MARK)


class Point(NamedTuple):
    """A player in the picture."""

    name: str
    rating: Rating
    learned: Mapping[str, float]  # how much of each quantity, keys of AXES; empty for a horizontal line
    line: str  # points with the same line, such as the checkpoints of one run, are joined
    against: tuple[str, ...] = ()  # the opponents to be shown, if any


def points(table: dict[str, Any]) -> list[Point]:
    """The rated players of a ladder, a point each.

    Policies that ship are lines, like players who never learned: each is of a run of its own, though all are in one
    folder.

    Args:
        table: The ladder, in the form of `standings.standings`.
    """
    shipped = set(shipped_policies().values())
    found = []
    for row in table["players"]:
        if row["rating"] is not None:
            path = policy_path(row["player"])
            facts: dict[str, Any] = {axis: row["facts"].get(axis) for axis in AXES}  # from anybody's file
            known = {axis: fact for axis, fact in facts.items() if type(fact) in (int, float) and 0 <= fact < 1e18}
            learned = {} if path in shipped else known
            rating = Rating(row["rating"], row["low"], row["high"])
            line = str(path.parent) if path else ""
            found.append(Point(row["player"], rating, learned, line, tuple(row["against"] or ())))
    return found


def svg(points: Sequence[Point], against: Sequence[str], scale: str = "Elo") -> str:
    """Draw Elo with its 95% interval, in one panel per quantity; players without any are horizontal lines.

    Args:
        points: The players.
        against: The quantities on the horizontal axes, keys of AXES.
        scale: Label of the Elo axis.

    Returns:
        The picture as SVG.
    """
    learned = [point for point in points if any(axis in point.learned for axis in against)]
    level = [point for point in points if point not in learned]
    lines = list(dict.fromkeys(point.line for point in learned))
    whole = HEIGHT + LINE * (len(lines) + 1) if lines else HEIGHT
    width = (WIDTH - LEFT - RIGHT - GAP * (len(against) - 1)) / len(against)
    titles: dict[str, str] = {}
    with plain_style():
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        figure = Figure(figsize=(WIDTH, whole))
        height = (HEIGHT - TOP - BOTTOM) / whole
        for number, axis in enumerate(against):
            left = LEFT + number * (width + GAP)
            axes = figure.add_axes((left / WIDTH, 1 - TOP / whole - height, width / WIDTH, height))
            axes.set_ylim(*_range(points))
            axes.xaxis.set_major_locator(MaxNLocator(nbins=8 // len(against) + 1))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _short(x)))
            _level(axes, level, named=number == len(against) - 1)
            titles |= _learned(axes, learned, lines, axis, first=len(titles))
            if number == 0:
                axes.set_ylabel(scale, parse_math=False)
            else:
                axes.tick_params(axis="y", labelleft=False)
            if lines:
                axes.set_xlabel(AXES[axis])
                axes.set_xlim(left=0)
            else:
                axes.set_xticks([])
        if lines:
            handles = figure.axes[0].get_legend_handles_labels()
            legend = figure.legend(
                *handles, loc="lower left", bbox_to_anchor=(LEFT / WIDTH, 0), frameon=False, borderpad=0.2
            )
            for text in legend.get_texts():
                text.set_parse_math(False)
        return to_svg(figure, MARK, titles)


def _level(axes: Axes, level: Sequence[Point], *, named: bool) -> None:
    """Draw players without a dot: a line with a band for each; if `named`, their names at the right, kept apart."""
    low, high = axes.get_ylim()
    gap = LINE / (HEIGHT - TOP - BOTTOM) * (high - low)
    ordered = sorted(level, key=lambda point: point.rating.rating)
    for point, label in zip(ordered, _apart([one.rating.rating for one in ordered], gap, high), strict=True):
        rating, low, high = point.rating
        axes.axhspan(low, high, color=GRAY, alpha=0.15, linewidth=0)
        axes.axhline(rating, color=GRAY, linewidth=1)
        if not named:
            continue
        place: Any = axes.get_yaxis_transform()  # x as a fraction of the axes, y in Elo
        arrow = {"arrowstyle": "-", "color": GRAY, "shrinkA": 2, "shrinkB": 0, "relpos": (0, 0.5)}
        axes.annotate(
            f"{rating:.0f}  {point.name}", (1, rating), (1.02, label), xycoords=place, textcoords=place,
            verticalalignment="center", arrowprops=arrow, annotation_clip=False, parse_math=False,
        )  # fmt: skip


def _learned(axes: Axes, learned: Sequence[Point], lines: Sequence[str], axis: str, first: int) -> dict[str, str]:
    """Draw players who learned: dots with intervals, joined into lines.

    Returns:
        The tooltip of each dot by its gid. The numbers in the gids begin with `first`.
    """
    titles: dict[str, str] = {}
    unit = 60 if axis == "seconds" else 1
    for number, line in enumerate(lines):
        color = COLORS[number % len(COLORS)]
        mine = [point for point in learned if point.line == line and axis in point.learned]
        mine.sort(key=lambda point: point.learned[axis])
        xs = [point.learned[axis] / unit for point in mine]
        axes.plot(xs, [point.rating.rating for point in mine], color=color, label=line)
        for x, point in zip(xs, mine, strict=True):
            rating, low, high = point.rating
            gid = f"dot-{first + len(titles)}"
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
