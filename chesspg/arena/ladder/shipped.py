"""The ladder that ships with the package, checkpoints/ratings.json."""

from __future__ import annotations

import json
from typing import Any

from chesspg.arena.ladder.model import Rating
from chesspg.storage.shipped import shipped_files


def shipped_table() -> dict[str, Any]:
    """The content of the file; empty if there is no such file."""
    path = shipped_files("checkpoints", ".json").get("ratings")
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path else {}
    return table


def shipped_ratings() -> dict[str, Rating]:
    """The ratings on the ladder that ships, by player string."""
    rows = shipped_table().get("players", [])
    return {row["player"]: Rating(*(row[name] for name in Rating._fields)) for row in rows}
