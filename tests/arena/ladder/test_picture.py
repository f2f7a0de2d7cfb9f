"""A ladder as SVG: whole, and everything where it belongs."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import pytest

from chesspg.arena.ladder.model import Rating
from chesspg.arena.ladder.picture import AXES, HEIGHT, LINE, WIDTH, Point, svg

LEVEL = [Point("random", Rating(0, 0, 0), None, ""), Point("a <b> & c", Rating(700, 650, 760), None, "")]
LEARNED = [Point(f"run/{k}", Rating(300 * k, 300 * k - 40, 300 * k + 40), 3600.0 * k, "run") for k in range(3)]


def read(picture: str) -> tuple[list[str], list[ET.Element]]:
    root = ET.fromstring(picture)
    return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")], list(root)


@pytest.mark.parametrize("against", AXES)
def test_checkpoints_over_what_they_learned_from(against: str) -> None:
    texts, nodes = read(svg([*LEVEL, *LEARNED], against))
    assert {"0  random", "700  a <b> & c", "run", AXES[against], "Elo"} <= set(texts)
    circles = [node for node in nodes if node.tag.endswith("circle")]
    xs, ys = ([float(node.attrib[name]) for node in circles] for name in ("cx", "cy"))
    assert xs == sorted(xs)
    assert ys == sorted(ys, reverse=True)  # up is stronger
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    assert "".join(circles[1].itertext()) == "run/1: 300 (260 to 340)"
    assert ("2" in texts) == (against == "seconds")  # two hours
    for node in nodes:
        for name, end in (("x", WIDTH), ("cx", WIDTH), ("y", HEIGHT + LINE), ("cy", HEIGHT)):
            assert 0 <= float(node.attrib.get(name, 0)) <= end


def test_names_do_not_cover_each_other() -> None:
    crowd = [Point(f"p{k}", Rating(k, k - 5, k + 5), None, "") for k in range(12)]
    _, nodes = read(svg([*crowd, Point("top", Rating(1500, 1400, 1600), None, "")], "updates"))
    labels = [node for node in nodes if node.tag.endswith("text") and "  " in (node.text or "")]
    heights = sorted(float(node.attrib["y"]) for node in labels)
    assert len(heights) == 13
    assert min(b - a for a, b in itertools.pairwise(heights)) >= LINE - 0.1


def test_one_player_at_zero_is_a_picture_too() -> None:
    texts, _ = read(svg(LEVEL[:1], "updates"))
    assert "0  random" in texts
