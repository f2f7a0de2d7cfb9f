"""Matches: pairs, colours, counts, and that nobody adjudicates."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from chesspg.arena import ratings
from chesspg.arena.matches import TRUNCATED, MatchResult, play_match
from chesspg.games.chess import Chess
from chesspg.games.game import split_position
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.player import Choice, Greedy, Random, Turn


class First:
    """Takes the first legal move: with x that is a row, from the empty board."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def choose(self, turn: Turn) -> Choice:
        self.asked.append(len(turn.rows))
        return Choice(np.zeros(len(turn.rows), np.int64))


def test_results_are_a_sides_and_colours_are_swapped() -> None:
    """From the empty board First wins with x: a1 c1 b2 a3 against b1 a2 c2."""
    result = play_match(TicTacToe(), First(), First(), 6, opening_plies=0)
    assert result.results == (1, 0) * 3
    assert result.positions == ("3/3/3 x moves a1 b1 c1 a2 b2 c2 a3",) * 6
    assert result.record == (3, 0, 3)
    assert result.as_white == (3, 0, 0)
    assert result.as_black == (0, 0, 3)
    assert (result.score, result.elo, result.mean_length) == (0.5, 0.0, 7.0)
    assert result.pairs == (0.5, 0.5, 0.5)
    assert result.reasons == ("three in a row",) * 6
    assert result.distinct_games == 1
    # One game six times over: its interval is that of hardly a game, not of three certain pairs.
    assert result.score_interval.low < 0.15 < 0.85 < result.score_interval.high


def test_pairs_share_an_opening() -> None:
    result = play_match(Chess(), Random(), Random(), 6, opening_plies=5, seed=2, max_plies=9)
    starts = [split_position(position)[1][:5] for position in result.positions]
    assert starts[::2] == starts[1::2]
    assert len({tuple(start) for start in starts}) == 3
    assert len(set(result.positions)) == result.distinct_games == 6


def test_all_games_are_in_progress_at_once() -> None:
    a, b = First(), First()
    result = play_match(TicTacToe(), a, b, 10, opening_plies=1)
    assert a.asked[0] == b.asked[0] == 5  # half of the games each, from the first ply on
    assert len(a.asked) <= max(result.lengths)


def test_games_at_the_cap_are_draws_counted_apart() -> None:
    result = play_match(Chess(), Random(), Random(), 4, opening_plies=8, max_plies=20)
    assert result.lengths == (20,) * 4  # the opening is part of the game
    assert result.record == (0, 4, 0)
    assert result.truncated == 4
    assert result.reason_counts == {TRUNCATED: 4}
    untruncated = play_match(TicTacToe(), Random(), Random(), 40)
    assert untruncated.truncated == 0
    assert TRUNCATED not in untruncated.reason_counts


def test_same_seed_same_match() -> None:
    one, again, other = (play_match(TicTacToe(), Random(), Greedy(), 20, seed=seed) for seed in (1, 1, 2))
    assert one.positions == again.positions
    assert one.results == again.results
    assert one.positions != other.positions


def test_greedy_beats_random_at_chess() -> None:
    result = play_match(Chess(), Greedy(), Random(), 12, seed=1)
    assert result.wins >= 9
    assert result.elo_interval.low > 0


def test_reports_its_progress() -> None:
    seen: list[tuple[int, int]] = []
    result = play_match(TicTacToe(), Random(), Random(), 8, opening_plies=2, on_ply=lambda *at: seen.append(at))
    assert seen[-1] == (8, sum(result.lengths) - 8 * 2)
    assert result.seconds > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"games": 0}, "0 games"),
        ({"games": -2}, "-2 games"),
        ({"games": 3}, "3 games; an even number"),
        ({"games": 2, "opening_plies": -1}, "-1 opening plies"),
        ({"games": 2, "opening_plies": 4, "max_plies": 4}, "more than 4"),
        ({"games": 2, "opening_plies": 9}, "hardly ever lasts 9"),
    ],
)
def test_numbers_that_make_no_match(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        play_match(TicTacToe(), Random(), Random(), **arguments)


def test_figures_worked_out() -> None:
    """Eight games: pairs 1, ¾, ½, ½; White scores 1 ½ 1 1, Black 1 1 0 0."""
    positions = tuple(f"startpos moves {'e2e4 ' * (k % 5)}".strip() for k in range(8))
    reasons = ("checkmate", "checkmate", "stalemate", "checkmate", "checkmate", "checkmate", "checkmate", TRUNCATED)
    result = MatchResult((1, 1, 0.5, 1, 1, 0, 1, 0), positions, reasons, 2.0)
    assert result.pairs == (1, 0.75, 0.5, 0.5)
    assert result.record == (5, 1, 2)
    assert result.as_white == (3, 1, 0)
    assert result.as_black == (2, 0, 2)
    assert result.score == 5.5 / 8
    assert result.distinct_games == 5
    assert result.mean_length == (0 + 1 + 2 + 3 + 4 + 0 + 1 + 2) / 8
    assert list(result.reason_counts.items()) == [("checkmate", 6), ("stalemate", 1), (TRUNCATED, 1)]
    assert result.elo == pytest.approx(400 * np.log10(5.5 / 2.5))
    low, high = ratings.score_interval((1, 0.75, 0.5, 0.5), 5 / 8)
    assert result.elo_interval == (ratings.elo(low), ratings.elo(high))
    told = json.loads(json.dumps(result.as_dict()))
    assert (told["wins"], told["draws"], told["losses"], told["games"], told["distinct_games"]) == (5, 1, 2, 8, 5)
    assert (told["score"], told["elo"]) == (result.score, result.elo)
    assert (told["elo_low"], told["elo_high"]) == result.elo_interval
    assert told["truncated"] == 1
