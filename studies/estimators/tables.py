"""The results as markdown and as the rows of two pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studies.estimators.picture import Panel, Row, svg

Interval = Mapping[str, float | None]


def markdown(results: Mapping[str, Any]) -> str:
    """Two tables a task: strength after training, and the gradient on one policy."""
    parts = []
    for task, told in results["tasks"].items():
        rows = told["estimators"]
        parts.append(f"### {task}: {told['plies']:,} plies a run\n")
        titles = [
            "estimator",
            "Elo (95%)",
            "each run",
            *(f"against `{name}`" for name in told["opponents"]),
            "updates",
        ]
        parts += _table(titles, (_strength(name, row, told["opponents"]) for name, row in rows.items()))
        if told["gradient"]:
            about = told["gradient"]
            parts.append(
                f"The gradient of {about['games']} games, by the last policy of `{about['policy']}`, "
                f"{about['rollouts']} rollouts:\n"
            )
            titles = [
                "estimator",
                "tr Cov(g)",
                "of plain's (95%)",
                "signal-to-noise ratio (95%)",
                "cosine with plain (95%)",
            ]
            parts += _table(titles, (_gradient(name, row) for name, row in about["estimators"].items()))
    return "\n".join(parts).rstrip() + "\n"


def strength_picture(results: Mapping[str, Any]) -> str:
    """Elo by estimator, a panel a task: each run, the mean, its interval over seeds."""
    panels = []
    for task, told in results["tasks"].items():
        rows = []
        for name, row in told["estimators"].items():
            each = tuple(run["rating"]["rating"] for run in row["runs"])
            rows.append(Row(name, row["rating"]["mean"], row["rating"]["low"], row["rating"]["high"], each))
        panels.append(Panel(f"{task}, {told['plies']:,} plies: Elo, random moves are 0", rows))
    return svg([panel for panel in panels if panel.rows])


def gradient_picture(results: Mapping[str, Any]) -> str:
    """The variance of the gradient by estimator in units of plain's, a panel a task."""
    panels = []
    for task, told in results["tasks"].items():
        rows = told["gradient"]["estimators"].items() if told["gradient"] else ()
        ratios = ((name, row["variance_ratio"]) for name, row in rows)
        shown = [Row(name, ratio["value"], ratio["low"], ratio["high"]) for name, ratio in ratios if ratio["value"]]
        panels.append(Panel(f"{task}: variance of the gradient, plain's is 1", shown))
    return svg([panel for panel in panels if panel.rows], logarithmic=True)


def _strength(name: str, row: Mapping[str, Any], opponents: Mapping[str, float]) -> Iterator[str]:
    yield f"`{name}`"
    yield _told(row["rating"], "mean", ".0f")
    yield ", ".join(f"{run['rating']['rating']:.0f}" for run in row["runs"])
    yield from (_told(row["scores"][opponent], "mean", ".2f") for opponent in opponents)
    yield f"{row['runs'][0]['updates']:,}"


def _gradient(name: str, row: Mapping[str, Any]) -> Iterator[str]:
    yield f"`{name}`"
    yield f"{row['variance']:.3g}"
    for figure, form in (("variance_ratio", ".2f"), ("signal_to_noise", ".3g"), ("cosine", ".2f")):
        yield _told(row[figure], "value", form)


def _told(interval: Interval, middle: str, form: str) -> str:
    """`12 (10 to 14)`, without the interval where there is none."""
    value, low, high = (interval[name] for name in (middle, "low", "high"))
    if value is None:
        return "?"
    known = low is not None and high is not None
    return f"{value:{form}} ({low:{form}} to {high:{form}})" if known else f"{value:{form}}"


def _table(titles: Sequence[str], rows: Iterator[Iterator[str]]) -> list[str]:
    lines = [titles, ["---", *("---:" for _ in titles[1:])], *rows]
    return [*("| " + " | ".join(cells) + " |" for cells in lines), ""]
