"""The results as two pictures of stacked panels, each with a row per estimator: name, value and interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from chesspg.storage.pictures import COLORS, INK, is_picture, plain_style, to_svg

WIDTH, LEFT, RIGHT = 8.0, 1.5, 0.3  # inches: width of the picture, and its margins; the left one holds the names
ROW, HEAD, FOOT = 0.22, 0.4, 0.34  # inches: height of a row, and of the space above and below the rows of a panel
MARK = "chesspg estimators"

is_comparison = partial(is_picture, mark=MARK)


class Estimate(NamedTuple):
    """One row of a panel."""

    name: str
    value: float
    low: float | None  # None if there is no interval
    high: float | None
    each: tuple[float, ...] = ()  # the values of which `value` is the mean


class Panel(NamedTuple):
    """Rows that share an axis."""

    title: str
    rows: Sequence[Estimate]  # at least one


def svg(panels: Sequence[Panel], *, logarithmic: bool = False) -> str:
    """Draw a dot for each value, a line for its interval, and small marks for the values of which it is the mean.

    Args:
        panels: The panels from the top.
        logarithmic: Whether the axes are logarithmic.

    Returns:
        The picture as SVG.
    """
    height = sum(HEAD + ROW * len(panel.rows) + FOOT for panel in panels) or HEAD
    titles: dict[str, str] = {}
    with plain_style():
        figure = Figure(figsize=(WIDTH, height))
        top = 0.0
        for number, panel in enumerate(panels):
            size = (WIDTH - LEFT - RIGHT, ROW * len(panel.rows))
            bottom = height - top - HEAD - size[1]
            axes = figure.add_axes((LEFT / WIDTH, bottom / height, size[0] / WIDTH, size[1] / height))
            titles |= _draw(axes, panel, COLORS[number % len(COLORS)], f"dot-{number}", logarithmic)
            top += HEAD + size[1] + FOOT
        return to_svg(figure, MARK, titles)


def strength_picture(results: Mapping[str, Any]) -> str:
    """Elo by estimator, one panel per task: each run, the mean, and its interval over seeds. Returns SVG."""
    panels = []
    for task, found in results["tasks"].items():
        rows = []
        for name, row in found["estimators"].items():
            each = tuple(run["rating"]["rating"] for run in row["runs"])
            rows.append(Estimate(name, row["rating"]["mean"], row["rating"]["low"], row["rating"]["high"], each))
        panels.append(Panel(f"{task}, {found['plies']:,} plies: Elo, random moves are 0", rows))
    return svg([panel for panel in panels if panel.rows])


def gradient_picture(results: Mapping[str, Any]) -> str:
    """The variance of the gradient by estimator, relative to that of plain, one panel per task. Returns SVG."""
    panels = []
    for task, found in results["tasks"].items():
        rows = found["gradient"]["estimators"].items() if found["gradient"] else ()
        ratios = ((name, row["variance_ratio"]) for name, row in rows)
        shown = [
            Estimate(name, ratio["value"], ratio["low"], ratio["high"]) for name, ratio in ratios if ratio["value"]
        ]
        panels.append(Panel(f"{task}: variance of the gradient, plain's is 1", shown))
    return svg([panel for panel in panels if panel.rows], logarithmic=True)


def _draw(axes: Axes, panel: Panel, color: str, gid: str, logarithmic: bool) -> dict[str, str]:
    """Draw a panel. Returns the title of each dot by its gid."""
    titles = {}
    axes.set_title(panel.title, loc="left", fontsize="medium", fontweight="bold", parse_math=False)
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    for y, row in enumerate(panel.rows):
        axes.plot(row.each, [y] * len(row.each), "|", color=INK, alpha=0.6, markersize=7)
        interval = ""
        if row.low is not None and row.high is not None:
            axes.hlines(y, row.low, row.high, color=color)
            interval = f" ({row.low:.3g} to {row.high:.3g})"
        dot = f"{gid}-{y}"
        axes.plot(row.value, y, "o", color=color, markersize=5, gid=dot)
        titles[dot] = f"{row.name}: {row.value:.3g}{interval}"
    axes.set_yticks(range(len(panel.rows)), [row.name for row in panel.rows], parse_math=False)
    axes.set_ylim(len(panel.rows) - 0.5, -0.5)  # the first at the top
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    return titles
