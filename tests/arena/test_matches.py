"""Matches: pairs, colors, counts, and that nobody adjudicates."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fake_gpu import fake_gpu
from table import table

from chesspg.arena import elo
from chesspg.arena.match_result import FORFEITED, TRUNCATED, MatchResult
from chesspg.arena.matches import play_in_parts, play_match
from chesspg.arena.openings import random_openings
from chesspg.games.chess import Chess
from chesspg.games.game import Game, split_position
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.minimax import Minimax
from chesspg.players.player import Choice, Greedy, Mixture, Player, Random, Turn


class First:
    """Takes the first legal move, which wins with x from the empty board."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def choose(self, turn: Turn) -> Choice:
        self.asked.append(len(turn.rows))
        return Choice(np.zeros(len(turn.rows), np.int64))


def test_results_are_a_sides_and_colors_are_swapped() -> None:
    """From the empty board First wins with x: a1 c1 b2 a3 against b1 a2 c2."""
    result = play_match(TicTacToe(), First(), First(), 6, opening_plies=0)
    assert result.results == (1, 0) * 3
    assert result.positions == ("3/3/3 x moves a1 b1 c1 a2 b2 c2 a3",) * 6
    assert result.record == (3, 0, 3)
    assert result.as_first == (3, 0, 0)
    assert result.as_second == (0, 0, 3)
    assert (result.score, result.elo, result.mean_length) == (0.5, 0.0, 7.0)
    assert result.pairs == (0.5, 0.5, 0.5)
    assert result.reasons == ("three in a row",) * 6
    assert result.distinct_games == 1
    # The same game six times: the interval is that of about one game, not of three pairs without variance.
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
    assert (a.asked[0], b.asked[0]) == (5, 10)  # a begins five games; then b answers in these and begins the others
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
        ({"games": 0}, "games must be an even number of at least 2, .*, got 0"),
        ({"games": -2}, "games must be .*, got -2"),
        ({"games": 3}, "games must be an even number .*, got 3"),
        ({"games": 2, "opening_plies": -1}, "opening_plies must be at least 0, got -1"),
        ({"games": 2, "opening_plies": 4, "max_plies": 4}, "greater than 4, the plies of the longest opening, got 4"),
        ({"games": 2, "opening_plies": 9}, "hardly any game of tic-tac-toe lasts 9"),
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
    assert result.as_first == (3, 1, 0)
    assert result.as_second == (2, 0, 2)
    assert result.score == 5.5 / 8
    assert result.distinct_games == 5
    assert result.mean_length == (0 + 1 + 2 + 3 + 4 + 0 + 1 + 2) / 8
    assert list(result.reason_counts.items()) == [("checkmate", 6), ("stalemate", 1), (TRUNCATED, 1)]
    assert result.elo == pytest.approx(400 * np.log10(5.5 / 2.5))
    low, high = elo.score_interval((1, 0.75, 0.5, 0.5), 5 / 8)
    assert result.elo_interval == (elo.elo(low), elo.elo(high))
    figures = json.loads(json.dumps(result.as_dict()))
    assert (figures["wins"], figures["draws"], figures["losses"], figures["games"], figures["distinct_games"]) == (
        5,
        1,
        2,
        8,
        5,
    )
    assert (figures["score"], figures["elo"]) == (result.score, result.elo)
    assert (figures["elo_low"], figures["elo_high"]) == result.elo_interval
    assert figures["truncated"] == 1
    assert (figures["los"], figures["normalized_elo"]) == (result.los, result.normalized_elo)
    assert result.los == elo.likelihood_of_superiority((1, 0.75, 0.5, 0.5), 5 / 8)
    assert figures["pentanomial"] == [0, 0, 2, 1, 1]
    assert figures["draw_rate"] == 1 / 8  # the stalemate; the game at the cap is not a draw by the rules
    assert result.sprt(0, 50) == elo.sprt((1, 0.75, 0.5, 0.5), 0, 50, distinct=5 / 8)


class Quitter(First):
    """Gives up the games in which it has White, at its second move."""

    def choose(self, turn: Turn) -> Choice:
        second = [len(turn.games.moves(int(row))) == 4 for row in turn.rows]
        return Choice(super().choose(turn).index, forfeits={k: "tired" for k, now in enumerate(second) if now})


def test_forfeits_are_lost_and_counted_apart() -> None:
    openings = random_openings(Chess(), 2, 2, seed=0)
    (result,) = play_in_parts(Chess(), Quitter(), Random(), openings, max_plies=20)
    assert result.results == (0, 0.5, 0, 0.5)
    assert result.reasons == (FORFEITED, TRUNCATED) * 2
    assert result.forfeits == {0: "tired", 2: "tired"}
    assert result.forfeited == (2, 0)
    assert result.lengths == (4, 20, 4, 20)
    assert result.as_dict()["forfeits"] == {"a": 2, "b": 0}
    (mirrored,) = play_in_parts(Chess(), Random(), Quitter(), openings, max_plies=20)
    assert (mirrored.forfeited, mirrored.results) == ((0, 2), (0.5, 1, 0.5, 1))
    both = result + mirrored
    assert both.forfeits == {0: "tired", 2: "tired", 5: "tired", 7: "tired"}
    assert (both.forfeited, both.games) == ((2, 2), 8)
    assert both.seconds == result.seconds + mirrored.seconds


def test_no_game_depends_on_the_parts_nor_on_a_stop() -> None:
    openings = random_openings(TicTacToe(), 7, 1, seed=4)
    (whole,) = play_in_parts(TicTacToe(), Random(), Greedy(), openings, seed=4)
    seen: list[tuple[int, int]] = []
    parts = list(
        play_in_parts(TicTacToe(), Random(), Greedy(), openings, seed=4, part=3, on_ply=lambda *at: seen.append(at))
    )
    assert [part.games for part in parts] == [6, 12, 14]
    assert parts[-1].positions == whole.positions
    assert parts[-1].results == whole.results
    assert seen == sorted(seen)
    assert seen[-1] == (14, sum(whole.lengths) - 14)
    (rest,) = play_in_parts(TicTacToe(), Random(), Greedy(), openings, seed=4, before=parts[0])
    assert (rest.positions, rest.results) == (whole.positions, whole.results)
    assert list(play_in_parts(TicTacToe(), Random(), Greedy(), openings, seed=4, before=whole)) == []


def test_openings_of_different_lengths_are_played_on_for_as_long() -> None:
    openings = ["startpos moves e2e4", "startpos moves e2e4 e7e5 g1f3"]
    (result,) = play_in_parts(Chess(), Random(), Random(), openings, max_plies=10)
    assert result.lengths == (8, 8, 10, 10)
    with pytest.raises(ValueError, match="max_plies must be greater than 3, the plies of the longest opening, got 3"):
        next(play_in_parts(Chess(), Random(), Random(), openings, max_plies=3))


class Confident(First):
    """Expects a higher return the longer a game lasts."""

    def choose(self, turn: Turn) -> Choice:
        plies = [len(turn.games.moves(int(row))) for row in turn.rows]
        return Choice(super().choose(turn).index, value=np.array(plies, np.float32) / 128)


def test_what_players_expected() -> None:
    openings = random_openings(Chess(), 4, 2, seed=0)
    figures = (
        play_in_parts(Chess(), Confident(), Random(), openings, seed=1, max_plies=6, part=part) for part in (1, 4)
    )
    small, whole = (list(results)[-1] for results in figures)
    assert small.values == whole.values
    assert set(whole.values) == set(range(8))
    for game, values in whole.values.items():
        mine = [ply / 128 if ply % 2 == game % 2 else None for ply in range(2, 6)]
        assert values == tuple(mine)
    (silent,) = play_in_parts(Chess(), Random(), Random(), openings, max_plies=6)
    assert silent.values == {}
    alone = Confident()
    (same,) = play_in_parts(Chess(), alone, alone, openings, max_plies=6)
    assert alone.asked == [8, 8, 8, 8]  # one call per ply for both seats
    assert same.values[0] == (2 / 128, 3 / 128, 4 / 128, 5 / 128)


@pytest.fixture
def on_device(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Play matches on torch's CPU through the device loop, and list how many games each call plays."""
    return fake_gpu(monkeypatch)


def timeless(results: list[MatchResult]) -> list[MatchResult]:
    return [replace(result, seconds=0.0) for result in results]


def opponents(game: Game) -> list[Player]:
    others: list[Player] = [Random(), Greedy(), Mixture(Greedy(), 0.3), Minimax(game, 1)]
    return [*others, table(2.0, game), table(0, game)]


@pytest.mark.parametrize("which", range(6))
@pytest.mark.parametrize("max_plies", [None, 5])
def test_a_match_on_a_device_is_that_of_the_host(on_device: list[int], which: int, max_plies: int | None) -> None:
    game, a = TicTacToe(), table()
    b = opponents(game)[which]
    openings = random_openings(game, 23, 2, 3)
    options: dict[str, Any] = {"seed": 5, "part": 4, "max_plies": max_plies}
    there = list(play_in_parts(game, a, b, openings, **options))
    assert on_device == ([] if isinstance(b, Minimax) else [46])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chesspg.arena.matches.place", lambda game, players: None)
        here = list(play_in_parts(game, a, b, openings, **options))
    assert len(here) == 6
    assert timeless(there) == timeless(here)
    assert sum(here[-1].results) > 0
    assert here[-1].values


@pytest.mark.slow
@pytest.mark.parametrize("which", range(6))
def test_a_match_of_chess_on_a_device_is_that_of_the_host(
    on_device: list[int], which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    game = Chess()
    a, b = table(game=game), opponents(game)[which]
    there = play_match(game, a, b, 8, seed=2, max_plies=40)
    monkeypatch.setattr("chesspg.arena.matches.place", lambda game, players: None)
    here = play_match(game, a, b, 8, seed=2, max_plies=40)
    assert timeless([there]) == timeless([here])


def test_on_a_device_several_parts_are_played_at_once_and_reported_one_by_one(
    on_device: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chesspg.arena.matches.ON_A_GPU", 7)
    openings = random_openings(TicTacToe(), 20, 2, 3)
    seen: list[tuple[int, int]] = []
    parts = play_in_parts(TicTacToe(), table(), Random(), openings, part=3, on_ply=lambda *at: seen.append(at))
    first = next(parts)
    assert first.games == 6
    assert on_device == [18]
    rest = list(parts)
    assert [result.games for result in rest] == [12, 18, 24, 30, 36, 40]
    assert on_device == [18, 18, 4]
    assert seen == sorted(seen)
    assert seen[-1] == (40, sum(rest[-1].lengths) - 40 * 2)
    again = play_in_parts(TicTacToe(), table(), Random(), openings, part=3, before=first)
    assert timeless([*again])[-1] == timeless(rest)[-1]


def test_parts_that_are_larger_stay_as_they_are(on_device: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chesspg.arena.matches.ON_A_GPU", 2)
    list(play_in_parts(TicTacToe(), table(), Random(), random_openings(TicTacToe(), 10, 2, 3), part=5))
    assert on_device == [10, 10]


def test_a_part_of_a_match_keeps_what_belongs_to_its_games() -> None:
    result = MatchResult(
        (1.0, 0.5, 0.0, 1.0), ("a", "b", "c", "d"), ("w", "x", "y", "z"), 8.0,
        {0: "gone", 3: "tired"}, {1: (0.5,), 2: (None, 0.25)},
    )  # fmt: skip
    first, second = result.part(0, 2), result.part(2, 4)
    assert second == MatchResult((0.0, 1.0), ("c", "d"), ("y", "z"), 4.0, {1: "tired"}, {0: (None, 0.25)})
    assert first + second == result
    assert result.part(2, 9) == second
