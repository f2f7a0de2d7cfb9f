"""Who should meet next: cases with a known answer."""

from __future__ import annotations

from chesspg.arena.ladder.pairings import Meeting, Rating
from chesspg.arena.ladder.scheduling import next_opponent, next_pairing


def test_players_whose_ratings_stay_do_not_meet() -> None:
    fixed = {"random": Rating(0, 0, 0), "greedy": Rating(574, 500, 650)}
    assert next_pairing([], ["random", "greedy"], 40, fixed=fixed) is None
    pairing = next_pairing([], ["random", "greedy", "new"], 40, fixed=fixed, tired={"random", "greedy"})
    assert pairing is not None
    assert "new" in pairing
    assert next_pairing([], ["random", "greedy", "new"], 40, fixed=fixed, tired={"random", "greedy", "new"}) is None
    # The interval of its own games is narrow enough, but that of the rating it depends on is not.
    met = [Meeting("new", "greedy", [0.5, 0.75, 0.25] * 2000)]
    assert next_pairing(met, ["greedy", "new"], 40, fixed=fixed, within=50) is not None
    assert next_pairing(met, ["greedy", "new"], 40, fixed=fixed, within=80) is None


def test_whom_a_newcomer_meets() -> None:
    known = {f"p{k}": 250.0 * k for k in range(9)}
    assert next_opponent([], known, 40) == "p4"  # the mean
    # Its first games put it half way between p6 and p7; the next opponent is the one nearest to that.
    first = [Meeting("new", "p4", [1, 0.75, 1, 1] * 5)]
    assert next_opponent(first, known, 40) in {"p6", "p7"}
    sure = [Meeting("new", "p2", [0.5, 0.25, 0.75] * 50)]
    assert next_opponent(sure, known, 40) in {"p1", "p3"}  # a rating should not depend on one opponent alone
    assert next_opponent(sure, {"p2": 500.0}, 40) == "p2"
    sure.append(Meeting("new", "p3", [0.25, 0.0, 0.5, 0.25] * 5))
    assert next_opponent(sure, known, 40) == "p2"
    # Of two equal ratings, the one with the narrower interval; with many games even one farther away.
    wide = {"wide": Rating(500, 450, 550), "narrow": Rating(500, 490, 510), "exact": Rating(250, 250, 250)}
    assert next_opponent([], {name: wide[name] for name in ("wide", "narrow")}, 40) == "narrow"
    exact = Meeting("new", "exact", [1, 0.75, 0.75])
    few, many = ([exact, Meeting("new", "wide", [0.5, 0.25, 0.75] * k)] for k in (4, 1000))
    pair = {name: wide[name] for name in ("wide", "exact")}
    assert next_opponent(few, pair, 40) == "wide"
    assert next_opponent(many, pair, 40) == "exact"


def test_the_pairing_that_narrows_most() -> None:
    assert next_pairing([], ["random", "greedy"], 40) == ("random", "greedy")
    even = [0.5, 0.75, 0.25, 0.5] * 20
    # b met only a. c is far above all, so its games with a are more informative than those with random, who never wins.
    meetings = [Meeting("a", "random", [0.9] * 20), Meeting("b", "a", [0.9] * 20), Meeting("c", "b", [0.75, 1])]
    assert next_pairing(meetings, ["random", "a", "b", "c"], 40) in {("b", "c"), ("a", "c")}
    # Every interval but the newcomer's is narrow enough: the newcomer plays.
    meetings = [Meeting("a", "random", even * 10), Meeting("b", "a", even * 10)]
    choice = next_pairing(meetings, ["random", "a", "b", "new"], 40, within=40)
    assert choice is not None
    assert "new" in choice
    assert next_pairing(meetings, ["random", "a", "b"], 40, within=40) is None
    # Two tired players do not meet. One of them does meet a newcomer, who could not be rated otherwise.
    for tired in ({"a", "b"}, {"a", "b", "random"}):
        choice = next_pairing(meetings, ["random", "a", "b", "new"], 40, within=40, tired=tired)
        assert choice is not None
        assert "new" in choice
    assert next_pairing(meetings, ["random", "a", "b", "new"], 40, tired={"a", "b", "random", "new"}) is None
    # A player that is only in the results does not play either.
    assert set(next_pairing(meetings, ["random", "b"], 40) or ()) == {"random", "b"}
