"""SVG pictures drawn by matplotlib, an optional dependency. A mark in each picture names the command that made it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # matplotlib may be missing, and takes a second to import
    from matplotlib.figure import Figure

COLORS = ("#1f6fb4", "#d95f02", "#1b9e77", "#7570b3", "#c2185b", "#8a6d00")  # distinct for color-blind readers too
GRAY, INK, GRID = "#888", "#333", "#ddd"


def check_matplotlib(option: str) -> None:
    """Raise ValueError if matplotlib is missing. The message has this option and the command that installs it."""
    if find_spec("matplotlib") is None:
        raise ValueError(f"{option} needs matplotlib, which is not installed: pip install 'matplotlib>=3.10'")


@contextmanager
def plain_style() -> Iterator[None]:
    """Draw figures in the block in one style, whatever the user's matplotlibrc says. Text stays text in the SVG."""
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
    """A figure as SVG, without a date, so that equal figures give equal files.

    Args:
        figure: The figure, drawn inside `plain_style`.
        mark: A short text that names the kind of picture, by which `is_picture` recognizes it.
        titles: By the gid of an artist, the text to show while the pointer rests on it.

    Returns:
        The text of the file.
    """
    import matplotlib

    whole = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a viewer of the picture may have fonts with more letters
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
    # Version 0.1 drew without matplotlib and wrote the mark as the description.
    return f"<dc:title>{mark}, matplotlib ".encode() in head or f"<desc>{mark}</desc>".encode() in head
