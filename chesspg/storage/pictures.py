"""Pictures as SVG by matplotlib, which is an extra. A mark in each says which command made it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it is an extra, and takes a second to import
    from matplotlib.figure import Figure

COLORS = ("#1f6fb4", "#d95f02", "#1b9e77", "#7570b3", "#c2185b", "#8a6d00")  # apart for the color-blind too
GRAY, INK, GRID = "#888", "#333", "#ddd"


def check_matplotlib(option: str) -> None:
    """Raise ValueError, with the command that installs it, if matplotlib is missing for this option of a command."""
    if find_spec("matplotlib") is None:
        raise ValueError(f"{option} needs matplotlib, which is not installed: pip install 'matplotlib>=3.10'")


@contextmanager
def plain_style() -> Iterator[None]:
    """Figures made in the block look the same whatever a user's matplotlibrc says. Texts stay texts in the SVG."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams |= {
            "svg.fonttype": "none", "svg.hashsalt": "chesspg", "font.size": 9,
            "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
            "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GRID,
            "axes.grid": True, "grid.color": GRID, "axes.axisbelow": True,
        }  # fmt: skip
        yield


def to_svg(figure: Figure, mark: str, titles: Mapping[str, str]) -> str:
    """A figure as SVG, without a date.

    Args:
        figure: What was drawn, inside `plain_style`.
        mark: What the picture shows, by which `is_picture` knows it again.
        titles: By the gid of an artist, what is shown where the pointer rests on it.

    Returns:
        The text of the file.
    """
    import matplotlib

    whole = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # whoever shows the picture may have a font with more letters
        creator = f"{mark}, matplotlib {matplotlib.__version__}"
        figure.savefig(whole, format="svg", metadata={"Date": None, "Creator": creator})
    text = whole.getvalue()
    for gid, title in titles.items():
        group = f'<g id="{escape(gid)}">'
        text = text.replace(group, f"{group}\n<title>{escape(title)}</title>", 1)
    return text


def is_picture(path: Path, mark: str) -> bool:
    """Whether a file is a picture that `to_svg` made with this mark."""
    with path.open("rb") as file:
        head = file.read(2000)
    # Version 0.1 drew without matplotlib, with the mark as the description.
    return f"<dc:title>{mark}, matplotlib ".encode() in head or f"<desc>{mark}</desc>".encode() in head
