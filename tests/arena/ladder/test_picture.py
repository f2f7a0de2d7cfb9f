"""The picture of a ladder as SVG: everything is drawn, and at its place."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from drawn import SVG, group, place, texts

from chesspg.arena.ladder.pairings import Rating
from chesspg.arena.ladder.picture import AXES, Point, is_ladder_picture, points, svg

LEVEL = [Point("random", Rating(0, 0, 0), {}, ""), Point("a <b> & $c$", Rating(700, 650, 760), {}, "")]
LEARNED = [
    Point(f"run/{k}", Rating(300 * k, 300 * k - 40, 300 * k + 40), dict.fromkeys(AXES, 600.0 * k), "run")
    for k in range(3)
]


def ticks(root: ET.Element, axis: str) -> list[tuple[float, float]]:
    """The number at each tick, with its position."""
    found = []
    for node in root.iter(f"{SVG}g"):
        if re.fullmatch(rf"{axis}tick_\d+", node.get("id", "")):
            number = next(node.iter(f"{SVG}text")).text or ""
            found.append((float(number.replace("\N{MINUS SIGN}", "-")), place(root, node.attrib["id"])[axis == "y"]))
    return found


@pytest.mark.parametrize("against", AXES)
def test_checkpoints_over_what_they_learned_from(against: str) -> None:
    root = ET.fromstring(svg([*LEVEL, *LEARNED], [against]))
    assert {"0  random", "700  a <b> & $c$", "run", AXES[against], "Elo"} <= set(texts(root))
    dots = [place(root, f"dot-{k}") for k in range(3)]
    (x0, y0), (x1, y1), (x2, y2) = dots
    assert x0 < x1 < x2
    assert y0 > y1 > y2  # up is stronger
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert group(root, "dot-1").findtext(f"{SVG}title") == "run/1: 300 (260 to 340)"
    assert ("20" in texts(root)) == (against == "seconds")  # 20 minutes
    width, height = (float(root.attrib[name].removesuffix("pt")) for name in ("width", "height"))
    assert all(0 <= x <= width and 0 <= y <= height for x, y in dots)


def test_dots_stand_where_the_axes_say() -> None:
    root = ET.fromstring(svg([*LEVEL, *LEARNED], ["seconds"]))
    for axis, values in (("x", [0, 10, 20]), ("y", [0, 300, 600])):
        (low, start), *_, (high, end) = ticks(root, axis)
        for k, value in enumerate(values):
            wanted = start + (value - low) / (high - low) * (end - start)
            assert place(root, f"dot-{k}")[axis == "y"] == pytest.approx(wanted, abs=0.1)


def test_policies_that_ship_are_not_joined() -> None:
    """Each is of a run of its own, though all are in one folder."""
    row = {"rating": 900, "low": 860, "high": 940, "against": {}, "facts": {"seconds": 600, "plies": 1e6}}
    names = ["chess_quick", "chess_laptop?temperature=0.5", "run/a.safetensors"]
    *shipped, own = points({"players": [{"player": name, **row} for name in names]})
    assert [point.learned for point in shipped] == [{}, {}]
    assert own.learned == {"seconds": 600, "plies": 1e6}


def test_two_quantities_are_two_panels() -> None:
    only_games = Point("run/3", Rating(900, 860, 940), {"games": 1800.0}, "run")
    root = ET.fromstring(svg([*LEVEL, *LEARNED, only_games], ["seconds", "games"]))
    assert {AXES["seconds"], AXES["games"]} <= set(texts(root))
    assert [texts(root).count(name) for name in ("0  random", "Elo", "run")] == [1, 1, 1]
    dots = [place(root, f"dot-{k}") for k in range(7)]
    assert max(x for x, _ in dots[:3]) < min(x for x, _ in dots[3:])
    assert [y for _, y in dots[:3]] == pytest.approx([y for _, y in dots[3:6]])
    assert group(root, "dot-6").findtext(f"{SVG}title") == "run/3: 900 (860 to 940)"


def test_names_do_not_cover_each_other() -> None:
    crowd = [Point(f"p{k}", Rating(k, k - 5, k + 5), {}, "") for k in range(12)]
    top = [Point("top", Rating(1500, 1400, 1600), {}, ""), Point("next", Rating(1499, 1400, 1600), {}, "")]
    root = ET.fromstring(svg([*crowd, *top], ["updates"]))
    labels = [node for node in root.iter(f"{SVG}text") if "  " in (node.text or "")]
    heights = sorted(float(node.attrib["y"]) for node in labels)
    assert len(heights) == 14
    assert min(b - a for a, b in itertools.pairwise(heights)) >= 11  # points, of letters of 9
    assert 0 < heights[0] < heights[-1] < float(root.attrib["height"].removesuffix("pt"))


def test_one_player_at_zero_is_a_picture_too() -> None:
    assert "0  random" in texts(ET.fromstring(svg(LEVEL[:1], ["updates"])))


def test_large_numbers_are_short_and_opponents_are_named() -> None:
    learned = [
        Point(f"run/{k}", Rating(k, k - 1, k + 1), {"plies": 4e6 * k}, "run", ("greedy", "random")) for k in range(2)
    ]
    root = ET.fromstring(svg(learned, ["plies"]))
    assert {"1M", "4M"} <= set(texts(root))
    assert group(root, "dot-1").findtext(f"{SVG}title") == "run/1: 1 (0 to 2) against greedy, random"


def test_the_same_ladder_is_the_same_file_and_known_for_one(tmp_path: Path) -> None:
    drawn = svg([*LEVEL, *LEARNED], ["games"])
    assert svg([*LEVEL, *LEARNED], ["games"]) == drawn
    path = tmp_path / "ladder.svg"
    path.write_text(drawn)
    assert is_ladder_picture(path)
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg"><desc>chesspg ladder</desc></svg>'
    )  # as version 0.1 wrote it
    assert is_ladder_picture(path)
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg"><desc>anything</desc></svg>')
    assert not is_ladder_picture(path)
