"""The results as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Interval = Mapping[str, float | None]


def markdown(results: Mapping[str, Any]) -> str:
    """Two tables per task: strength after training, and the noise of the gradient on one policy.

    Args:
        results: All figures, as in results.json.
    """
    parts = []
    for task, found in results["tasks"].items():
        rows = found["estimators"]
        parts.append(f"### {task}: {found['plies']:,} plies per run\n")
        titles = [
            "estimator",
            "Elo (95%)",
            "each run",
            *(f"against `{name}`" for name in found["opponents"]),
            "updates",
        ]
        parts += _table(titles, (_strength(name, row, found["opponents"]) for name, row in rows.items()))
        if found["gradient"]:
            about = found["gradient"]
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


def _strength(name: str, row: Mapping[str, Any], opponents: Mapping[str, float]) -> Iterator[str]:
    yield f"`{name}`"
    yield _with_interval(row["rating"], "mean", ".0f")
    yield ", ".join(f"{run['rating']['rating']:.0f}" for run in row["runs"])
    yield from (_with_interval(row["scores"][opponent], "mean", ".2f") for opponent in opponents)
    yield f"{row['runs'][0]['updates']:,}"


def _gradient(name: str, row: Mapping[str, Any]) -> Iterator[str]:
    yield f"`{name}`"
    yield f"{row['variance']:.3g}"
    for figure, form in (("variance_ratio", ".2f"), ("signal_to_noise", ".3g"), ("cosine", ".2f")):
        yield _with_interval(row[figure], "value", form)


def _with_interval(interval: Interval, middle: str, form: str) -> str:
    """`12 (10 to 14)`, or `12` if there is no interval."""
    value, low, high = (interval[name] for name in (middle, "low", "high"))
    if value is None:
        return "?"
    known = low is not None and high is not None
    return f"{value:{form}} ({low:{form}} to {high:{form}})" if known else f"{value:{form}}"


def _table(titles: Sequence[str], rows: Iterator[Iterator[str]]) -> list[str]:
    lines = [titles, ["---", *("---:" for _ in titles[1:])], *rows]
    return [*("| " + " | ".join(cells) + " |" for cells in lines), ""]
