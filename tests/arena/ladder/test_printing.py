"""A printed ladder: it fits into a terminal."""

from __future__ import annotations

import io
import re

from rich.console import Console

from chesspg.arena.ladder.printing import print_ladder


def test_long_names_break_at_slashes_and_no_number_breaks() -> None:
    """Thirteen policies of one folder on a terminal of 80 columns."""
    folder = "checkpoints/connect_four-20261126-153135/pool"
    names = [f"{folder}/{k:06}-5b484b4b.safetensors" for k in range(13)]
    meeting = {"wins": 20, "draws": 0, "losses": 20, "games": 40, "score": 0.5}
    rows = [
        {"player": name, "rating": 0.0, "low": -123.0, "high": 123.0, "forfeits": 0, "wins": 20 * n, "draws": 0}
        | {"losses": 20 * n, "games": 40 * n, "score": 0.5, "against": against}
        for name, n, against in (
            (names[0], 12, dict.fromkeys(names[1:], 40)),
            *((name, 1, {names[0]: 40}) for name in names[1:]),
        )
    ]
    meetings = [{"a": names[0], "b": name, **meeting} for name in names[1:]]
    table = {"players": rows, "meetings": meetings, "cycles": [], "misfits": [], "scale": "own", "anchor": names[12]}
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None, highlight=False)
    print_ladder(console, table, set(names), 40)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())  # type: ignore[attr-defined]
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines[1:4]] == [
        ["1", "checkpoints/", "0", "-123", "to", "123", "480", "50.0%", "0%"],
        ["connect_four-20261126-153135/pool/"],
        ["000000-5b484b4b.safetensors"],
    ]
    assert "1 was rated against 2 (40 games), 3 (40), 4 (40), 5 (40), 6 (40)," in shown
    assert "13 was rated" not in shown  # the anchor
    assert "± 40: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 13; more --games may\nnarrow these intervals\n" in shown
    assert shown.count(folder.partition("/")[0]) == len(names) + 1  # in the table, and of the anchor
