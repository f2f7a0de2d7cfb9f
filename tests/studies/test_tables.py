"""Tables and pictures of results made up for it."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from studies.estimators.compare import score_over_seeds
from studies.estimators.picture import LEFT, RIGHT, WIDTH, Panel, Row, log_ticks, svg
from studies.estimators.tables import gradient_picture, markdown, strength_picture

SVG = "{http://www.w3.org/2000/svg}"


def interval(middle: str, value: float | None, half: float) -> dict[str, float | None]:
    known = value is not None
    return {middle: value, "low": value - half if known else None, "high": value + half if known else None}


@pytest.fixture
def results() -> dict[str, Any]:
    runs = [{"rating": {"rating": elo}, "updates": 1200} for elo in (90, 110)]
    gradient = {
        "variance": 0.0123,
        "squared_mean": 0.001,
        "variance_ratio": interval("value", 0.5, 0.1),
        "signal_to_noise": interval("value", 0.08, 0.02),
        "cosine": interval("value", None, 0),
    }
    row = {"rating": interval("mean", 100, 127), "scores": {"random": interval("mean", 0.64, 0.1)}, "runs": runs}
    return {
        "tasks": {
            "endgame": {
                "plies": 2000000,
                "opponents": {"random": 0.0},
                "estimators": {"value": row},
                "gradient": {
                    "policy": "endgame value-1",
                    "games": 64,
                    "rollouts": 100,
                    "estimators": {"value": gradient},
                },
            },
            "chess": {"plies": 10, "opponents": {"random": 0.0}, "estimators": {}, "gradient": None},
        }
    }


def test_tables(results: dict[str, Any]) -> None:
    told = markdown(results)
    assert "| `value` | 100 (-27 to 227) | 90, 110 | 0.64 (0.54 to 0.74) | 1,200 |" in told
    assert "| `value` | 0.0123 | 0.50 (0.40 to 0.60) | 0.08 (0.06 to 0.1) | ? |" in told
    assert "64 games, by the last policy of `endgame value-1`, 100 rollouts" in told
    rows = [line.count("|") for line in told.splitlines() if line.startswith("|")]
    assert rows == [6] * 3 + [6] * 3 + [6] * 2
    assert told.endswith("|\n")


def test_pictures_show_every_estimator_and_run(results: dict[str, Any]) -> None:
    for draw, dots in ((strength_picture, "value: 100 (-27 to 227)"), (gradient_picture, "value: 0.5 (0.4 to 0.6)")):
        picture = ET.fromstring(draw(results))
        assert [node.text for node in picture.iter(f"{SVG}title")] == [dots]
        texts = [node.text or "" for node in picture.iter(f"{SVG}text")]
        assert "value" in texts
        assert sum("endgame" in text for text in texts) == 1
        assert not any("chess" in text for text in texts)  # nothing is known of it
    assert svg([])  # nothing at all


@pytest.mark.parametrize(("logarithmic", "low", "high"), [(False, 0.0, 100.0), (True, 1.0, 100.0)])
def test_values_stand_where_their_axis_says(logarithmic: bool, low: float, high: float) -> None:
    rows = [Row("a", high, low, high, (low, high)), Row("b", 10.0, None, None)]
    drawn = svg([Panel("one", rows), Panel("two", rows)], logarithmic=logarithmic)
    left, right = float(LEFT), float(WIDTH - RIGHT)
    dots = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', drawn)]
    middle = (left + right) / 2 if logarithmic else left + (right - left) / 10
    assert dots == pytest.approx([right, middle] * 2, abs=0.1)
    assert drawn.count(f"H{right:.1f}") == 2  # the interval ends at the last tick
    assert drawn.count(f"M{left:.1f}") >= 2
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', drawn)]
    assert heights == sorted(heights)


def test_ticks_hold_all_values() -> None:
    assert log_ticks(0.3, 3) == pytest.approx([0.2, 0.5, 1, 2, 5])
    assert log_ticks(1, 1) == pytest.approx([1, 2])
    for low, high in ((1e-4, 7e3), (0.999, 1.001), (20, 50)):
        ticks = log_ticks(low, high)
        assert ticks[0] <= low <= high <= ticks[-1]
        assert ticks[1] > low
        assert ticks[-2] < high
    assert ET.fromstring(svg([Panel("all alike", [Row("a", 3.0, 3.0, 3.0)])])) is not None


def test_the_tables_of_this_checkout_are_those_of_its_figures() -> None:
    """And no interval of a score or of a cosine leaves its range."""
    docs = Path(__file__).parents[2] / "studies" / "estimators"
    figures = json.loads((docs / "results.json").read_text(encoding="utf-8"))
    assert markdown(figures) in (docs / "README.md").read_text(encoding="utf-8")
    assert strength_picture(figures) == (docs / "estimators.svg").read_text(encoding="utf-8")
    assert gradient_picture(figures) == (docs / "gradient.svg").read_text(encoding="utf-8")
    for task in figures["tasks"].values():
        for row in task["estimators"].values():
            for name, score in row["scores"].items():
                wanted = score_over_seeds([run["scores"][name]["score"] for run in row["runs"]], figures["match_games"])
                assert score == pytest.approx(wanted)
                assert 0 <= score["low"] <= score["mean"] <= score["high"] <= 1
        for row in task["gradient"]["estimators"].values():
            assert -1 <= row["cosine"]["low"] <= row["cosine"]["value"] <= row["cosine"]["high"] <= 1
