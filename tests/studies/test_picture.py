"""Pictures of made-up results, what they show and where, and the pictures of the README."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from drawn import SVG, group, place, texts

from studies.estimators.picture import Estimate, Panel, gradient_picture, is_comparison, strength_picture, svg


def ticks(root: ET.Element) -> list[tuple[float, float]]:
    """The number at each tick of the first panel, and its position."""
    found = []
    for node in group(root, "axes_1").iter(f"{SVG}g"):
        number = next(node.iter(f"{SVG}text"), None)
        if re.fullmatch(r"xtick_\d+", node.get("id", "")) and number is not None:
            text = (number.text or "").replace("\N{MINUS SIGN}", "-")
            found.append((float(text), place(root, node.attrib["id"])[0]))
    return found


def test_pictures_show_every_estimator_and_run(results: dict[str, Any]) -> None:
    for draw, dot in ((strength_picture, "value: 100 (-27 to 227)"), (gradient_picture, "value: 0.5 (0.4 to 0.6)")):
        picture = ET.fromstring(draw(results))
        assert [node.text for node in picture.iter(f"{SVG}title")] == [dot]
        assert "value" in texts(picture)
        assert sum("endgame" in text for text in texts(picture)) == 1
        assert not any("chess" in text for text in texts(picture))  # nothing is known of it
    assert ET.fromstring(svg([])) is not None  # nothing at all


@pytest.mark.parametrize(("logarithmic", "low"), [(False, 0.0), (True, 1.0)])
def test_values_stand_where_their_axis_says(logarithmic: bool, low: float) -> None:
    rows = [Estimate("a", 100.0, low, 100.0, (low, 100.0)), Estimate("b", 10.0, None, None)]
    root = ET.fromstring(svg([Panel("one", rows), Panel("two", rows)], logarithmic=logarithmic))
    scale = matplotlib.scale.LogTransform(10).transform if logarithmic else float
    (first, start), *_, (last, end) = ticks(root)
    for name, value in (("dot-0-0", 100.0), ("dot-0-1", 10.0), ("dot-1-0", 100.0), ("dot-1-1", 10.0)):
        wanted = start + (scale(value) - scale(first)) / (scale(last) - scale(first)) * (end - start)
        assert place(root, name)[0] == pytest.approx(wanted, abs=0.1)
    heights = [place(root, name)[1] for name in ("dot-0-0", "dot-0-1", "dot-1-0", "dot-1-1")]
    assert heights == sorted(heights)


def test_values_that_are_all_alike_are_a_picture_too() -> None:
    for logarithmic in (False, True):
        assert ET.fromstring(svg([Panel("all alike", [Estimate("a", 3.0, 3.0, 3.0)])], logarithmic=logarithmic))


def test_a_picture_is_known_for_one(tmp_path: Path, results: dict[str, Any]) -> None:
    path = tmp_path / "picture.svg"
    path.write_text(strength_picture(results))
    assert is_comparison(path)
    path.write_text("<svg><desc>chesspg estimators</desc></svg>")  # as version 0.1 drew it
    assert is_comparison(path)
    path.write_text("<svg><desc>chesspg ladder</desc></svg>")
    assert not is_comparison(path)


@pytest.mark.parametrize(("name", "draw"), [("estimators.svg", strength_picture), ("gradient.svg", gradient_picture)])
def test_the_pictures_of_this_checkout_are_those_of_its_figures(name: str, draw: Any) -> None:
    study = Path(__file__).parents[2] / "studies" / "estimators"
    drawn, kept = draw(json.loads((study / "results.json").read_text())), (study / name).read_text()
    assert texts(ET.fromstring(drawn)) == texts(ET.fromstring(kept))
    if f"matplotlib {matplotlib.__version__}<" in kept:  # another version may place them elsewhere
        assert drawn == kept
