"""Pictures as SVG: the same content is the same file, whatever the user's settings; texts stay texts."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

from chesspg.storage.pictures import check_matplotlib, is_picture, plain_style, to_svg

SVG = "{http://www.w3.org/2000/svg}"


def drawn(label: str = "a <b> & $c$") -> str:
    with plain_style():
        axes = (figure := Figure(figsize=(2, 1))).add_subplot()
        axes.plot([0, 1], [0, 1], "o", gid="dots")
        axes.set_xlabel(label, parse_math=False)
        return to_svg(figure, "chesspg test", {"dots": "both <dots>"})


def test_equal_content_is_an_equal_file_whatever_a_user_prefers() -> None:
    first = drawn()
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.grid": False}):
        assert drawn() == first
        assert matplotlib.rcParams["font.size"] == 30  # and a user's settings are left alone
    assert drawn("another") != first


def test_texts_and_titles_stay_texts() -> None:
    root = ET.fromstring(drawn("\N{CJK UNIFIED IDEOGRAPH-68CB} a <b> & $c$"))  # no font here has the first letter
    assert "\N{CJK UNIFIED IDEOGRAPH-68CB} a <b> & $c$" in [
        "".join(node.itertext()) for node in root.iter(f"{SVG}text")
    ]
    (dots,) = (node for node in root.iter(f"{SVG}g") if node.get("id") == "dots")
    assert dots.findtext(f"{SVG}title") == "both <dots>"


def test_a_picture_is_known_by_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    path.write_text(drawn())
    assert is_picture(path, "chesspg test")
    assert not is_picture(path, "chesspg ladder")
    with plain_style():
        Figure().savefig(path, format="svg")  # of anybody else
    assert not is_picture(path, "chesspg test")


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    check_matplotlib("--picture")
    monkeypatch.setattr("chesspg.storage.pictures.find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=r"^--picture needs matplotlib, which is not installed: pip install 'matplotlib"
    ):
        check_matplotlib("--picture")
