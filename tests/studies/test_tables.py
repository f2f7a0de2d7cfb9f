"""Tables of made-up results, and the tables in the README."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studies.estimators.compare import score_over_seeds
from studies.estimators.tables import markdown


def test_tables(results: dict[str, Any]) -> None:
    text = markdown(results)
    assert "| `value` | 100 (-27 to 227) | 90, 110 | 0.64 (0.54 to 0.74) | 1,200 |" in text
    assert "| `value` | 0.0123 | 0.50 (0.40 to 0.60) | 0.08 (0.06 to 0.1) | ? |" in text
    assert "64 games, by the last policy of `endgame value-1`, 100 rollouts" in text
    rows = [line.count("|") for line in text.splitlines() if line.startswith("|")]
    assert rows == [6] * 3 + [6] * 3 + [6] * 2
    assert text.endswith("|\n")


def test_the_tables_of_this_checkout_are_those_of_its_figures() -> None:
    """Also, no interval of a score or of a cosine leaves its range."""
    docs = Path(__file__).parents[2] / "studies" / "estimators"
    figures = json.loads((docs / "results.json").read_text(encoding="utf-8"))
    assert markdown(figures) in (docs / "README.md").read_text(encoding="utf-8")
    for task in figures["tasks"].values():
        for row in task["estimators"].values():
            for name, score in row["scores"].items():
                wanted = score_over_seeds([run["scores"][name]["score"] for run in row["runs"]], figures["match_games"])
                assert score == pytest.approx(wanted)
                assert 0 <= score["low"] <= score["mean"] <= score["high"] <= 1
        for row in task["gradient"]["estimators"].values():
            assert -1 <= row["cosine"]["low"] <= row["cosine"]["value"] <= row["cosine"]["high"] <= 1
