"""The ladder that ships: how it is read, and whether its numbers follow from its games."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from chesspg.arena.ladder.entries import policy_path
from chesspg.arena.ladder.model import performance, rate
from chesspg.arena.ladder.pairings import Meeting, Rating
from chesspg.arena.ladder.shipped import shipped_ratings, shipped_table


def test_what_ships(ships: Path) -> None:
    assert shipped_ratings() == {}
    rows = [("random", 0.0, 0.0, 0.0), ("greedy", 700.5, 690.0, 712.0)]
    text = json.dumps({"players": [dict(zip(("player", *Rating._fields), row, strict=True)) for row in rows]})
    (ships / "checkpoints" / "ratings.json").write_text(text)
    assert shipped_ratings() == {"random": Rating(0.0, 0.0, 0.0), "greedy": Rating(700.5, 690.0, 712.0)}


def test_the_ladder_of_this_checkout() -> None:
    ratings = {name: one.rating for name, one in shipped_ratings().items()}
    assert ratings["random"] == 0
    assert 0 < ratings["greedy"] < ratings["minimax?depth=2"]
    later = {name: list[Meeting]() for name in ratings if policy_path(name) or "nodes" in name}
    first = []
    for met in shipped_table()["meetings"]:
        distinct = met.get("distinct_games", met["games"]) / met["games"]  # older rows do not have it
        meeting = Meeting(met["a"], met["b"], [met["score"]] * (met["games"] // 2), distinct)
        later.get(meeting.a, first).append(meeting)
    for name, rating in (rate(first) | {name: performance(mine, ratings) for name, mine in later.items()}).items():
        assert ratings[name] == pytest.approx(rating.rating, abs=1)


def test_every_row_of_this_checkout_says_against_whom_it_was_rated() -> None:
    table = shipped_table()
    for row in table["players"]:
        mine = [met for met in table["meetings"] if row["player"] in (met["a"], met["b"])]
        assert sum(row["against"].values()) == row["games"]
        for name, games in row["against"].items():
            assert [met["games"] for met in mine if name in (met["a"], met["b"])] == [games]


def test_the_scale_of_this_checkout_has_no_wide_gap() -> None:
    ratings = sorted(one.rating for name, one in shipped_ratings().items() if not policy_path(name))
    assert ratings[-1] == shipped_ratings()["uci:stockfish?nodes=1000"].rating
    assert max(np.diff(ratings)) < 400
