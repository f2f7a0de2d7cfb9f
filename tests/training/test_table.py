"""Rows of evaluation scores, at any width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chesspg.arena.ladder.model import Rating
from chesspg.arena.match_result import MatchResult
from chesspg.training.table import ScoreTable, fit_width


def result(points: float) -> MatchResult:
    """A match of two games."""
    results = {0.0: (0.0, 0.0), 0.5: (1.0, 0.0), 1.0: (1.0, 1.0)}[points]
    return MatchResult(results, ("a", "b"), ("won", "won"), seconds=1.0)


def columns(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))


def test_a_row_of_the_default_recipe_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    columns(monkeypatch, 80)
    names = ["random", "greedy", "minimax?depth=2"]  # as in configs/chess_quick.yaml
    table = ScoreTable(names, names)
    lines = table.row(9792, 178_336, dict.fromkeys(names, result(1.0)), Rating(1205.4, 1165.0, 1244.6))
    assert "against random, greedy and minimax?depth=2 alone," in " ".join(lines)
    assert lines[-2] == "update     games   random       greedy       minimax?depth=2   Elo"
    low = 100 * result(1.0).score_interval[0]
    cell = f"100 ({low:.0f}–100)"
    assert lines[-1] == f"  9792   178,336 {cell:<12} {cell:<12} {cell:<17}  1205 (1165–1245)"
    assert max(map(len, lines)) <= 80


def test_where_a_match_did_not_take_place_the_cell_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    columns(monkeypatch, 80)
    table = ScoreTable(["random", "previous"], ["random"])
    first = table.row(0, 0, {"random": result(0.5)}, Rating(3.0, -200.0, 210.0))
    second = table.row(1, 8, {"random": result(0.5), "previous": result(0.5)}, Rating(3.0, -200.0, 210.0))
    assert len(second) == 1
    assert first[-1].index("3 (-200–210)") == second[-1].index("3 (-200–210)")


def test_opponents_without_a_player_string_are_explained_once() -> None:
    table = ScoreTable(["random", "previous@0.5"], [])
    assert "`previous` is the policy of the row before" in " ".join(table.row(0, 0, {}, None))
    assert "previous" not in " ".join(table.row(1, 8, {}, None))
    assert "`" not in " ".join(ScoreTable(["random"], []).row(0, 0, {}, None))


def test_nobody_who_is_rated_and_nobody_who_counts_games(monkeypatch: pytest.MonkeyPatch) -> None:
    columns(monkeypatch, 80)
    lines = ScoreTable(["previous"], []).row(5, None, {"previous": result(0.0)}, None, "new best")
    assert "Elo" not in " ".join(lines)
    assert lines[-1].split()[0] == "5"
    assert lines[-1].endswith("new best")


def test_the_header_comes_again() -> None:
    table = ScoreTable(["random"], ["random"], repeat=3)
    sizes = [len(table.row(k, k, {}, None)) for k in range(7)]
    assert sizes[0] > sizes[3] == sizes[6] == 2  # the explanation once
    assert sizes[1] == sizes[2] == sizes[4] == sizes[5] == 1


@given(
    width=st.integers(20, 200),
    names=st.lists(st.sampled_from(["random", "greedy", "minimax?depth=2&random=0.3"]), max_size=3, unique=True),
)
def test_no_line_is_wider_and_no_cell_is_broken(width: int, names: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        columns(patch, width)
        table = ScoreTable(names, names)
        lines = table.row(123, 45_678, dict.fromkeys(names, result(0.5)), Rating(-1200.0, -1300.0, -1100.0))
    longest = max(len(name) + 2 for name in [*names, "-1200 (-1300–-1100)"])
    assert max(map(len, lines)) <= max(width, 17 + longest)
    assert sum(line.count("50 (") for line in lines) == len(names)
    assert ("-1200 (-1300–-1100)" in " ".join(lines)) == bool(names)


@given(st.lists(st.text("ab", min_size=1)), st.integers(0, 40))
def test_parts_that_fit(parts: list[str], width: int) -> None:
    line = fit_width(parts, width)
    assert len(line) <= width
    shown = line.split(" · ") if line else []
    assert shown == parts[: len(shown)]
    if len(shown) < len(parts):
        assert len(" · ".join(parts[: len(shown) + 1])) > width
