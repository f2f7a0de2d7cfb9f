"""What an SVG of matplotlib shows: its texts, and the marks in its groups."""

from __future__ import annotations

import xml.etree.ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"


def texts(root: ET.Element) -> list[str]:
    return ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]


def group(root: ET.Element, name: str) -> ET.Element:
    (found,) = (node for node in root.iter(f"{SVG}g") if node.get("id") == name)
    return found


def place(root: ET.Element, name: str) -> tuple[float, float]:
    """The position of the mark in a group: a dot, or the tick of a number."""
    mark = next(group(root, name).iter(f"{SVG}use"))
    return float(mark.attrib["x"]), float(mark.attrib["y"])
