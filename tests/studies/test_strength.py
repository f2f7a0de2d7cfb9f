"""Strength after training: the openings, the opponents, the scale of ratings; and each match is played once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chesspg.arena.ladder.shipped import shipped_ratings
from chesspg.arena.matches import play_in_parts
from chesspg.games.chess import Chess
from chesspg.players.player import Random
from studies.estimators.plan import TASKS, Trial
from studies.estimators.strength import match, opponent_ratings, strength


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The openings of each match."""
    seen: list[list[str]] = []

    def counted(*arguments: Any, **options: Any) -> Any:
        seen.append(arguments[3])
        return play_in_parts(*arguments, **options)

    monkeypatch.setattr("studies.estimators.strength.play_in_parts", counted)
    return seen


def test_chess_is_rated_by_the_ladder_that_ships(tmp_path: Path, starts: list[list[str]]) -> None:
    assert opponent_ratings("chess", tmp_path, 100) == {
        name: shipped_ratings()[name].rating for name in TASKS["chess"].opponents
    }
    assert not starts
    assert not list(tmp_path.iterdir())


def test_opponents_of_other_games_are_rated_by_their_own(tmp_path: Path, starts: list[list[str]]) -> None:
    known = opponent_ratings("tic_tac_toe", tmp_path, 40)
    assert len(starts) == 3  # three opponents make three pairs
    assert list(known) == list(TASKS["tic_tac_toe"].opponents)
    assert known["random"] == 0
    assert known["minimax?depth=3"] > known["greedy"] > 0
    assert opponent_ratings("tic_tac_toe", tmp_path, 40) == known
    assert len(starts) == 3
    opponent_ratings("tic_tac_toe", tmp_path, 20)
    assert len(starts) == 6


def test_the_opponents_of_a_recipe_have_no_ratings_of_chess(tmp_path: Path, starts: list[list[str]]) -> None:
    """All of them have names that are on the ladder of chess, too."""
    known = opponent_ratings("connect_four", tmp_path, 8)
    assert len(starts) == 3
    assert {name: known[name] for name in known if known[name] == shipped_ratings()[name].rating} == {"random": 0}


def test_the_policy_meets_each_opponent_once(
    tmp_path: Path, finish: Callable[[Trial], None], starts: list[list[str]]
) -> None:
    trial = Trial(tmp_path, "tic_tac_toe", "plain", 1, 1000)
    finish(trial)
    known = {"random": 0.0, "minimax?depth=3": 300.0}
    reported = strength(trial, known, 40)
    assert [len(openings) for openings in starts] == [20, 20]
    assert starts[0] == starts[1]
    for name in known:
        score = reported["scores"][name]
        assert score["wins"] + score["draws"] + score["losses"] == 40
        assert score["score"] == (score["wins"] + score["draws"] / 2) / 40
        assert score["low"] <= score["score"] <= score["high"]
    assert 0.3 < reported["scores"]["random"]["score"] < 0.7  # the policy is untrained
    rating = reported["rating"]
    assert rating["low"] < rating["rating"] < rating["high"]
    assert strength(trial, known, 40) == reported
    assert len(starts) == 2


def test_endgames_start_from_uneven_armies(starts: list[list[str]]) -> None:
    result = match(TASKS["endgame"], Random(), Random(), 6)
    assert result.games == 6
    (fens,) = starts
    assert len(set(fens)) == 3
    assert all(Chess().start([fen]).position(0) == fen != "startpos" for fen in fens)
    assert [position.split(" moves ")[0] for position in result.positions[::2]] == fens
