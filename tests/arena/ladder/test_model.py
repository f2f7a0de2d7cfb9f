"""Ratings from games: published and worked numbers, a slow reference, and the coverage of intervals."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from chesspg.arena import elo
from chesspg.arena.ladder.model import components, cycles, misfit, performance, rate
from chesspg.arena.ladder.pairings import LOGIT, Meeting, Rating
from chesspg.arena.ladder.scheduling import next_opponent, next_pairing

# Wins of the row over the column, American League 1987, 13 games a pairing: Agresti, Categorical Data Analysis (2002),
# table 10.10; the estimates below it are those of its section 10.6 and of R's BradleyTerry2, Baltimore 0.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
WINS = (
    (0, 7, 9, 7, 7, 9, 11),
    (6, 0, 7, 5, 11, 9, 9),
    (4, 6, 0, 7, 7, 8, 12),
    (6, 8, 6, 0, 6, 7, 10),
    (6, 2, 6, 7, 0, 7, 12),
    (4, 4, 5, 6, 6, 0, 6),
    (2, 4, 1, 3, 1, 7, 0),
)
LOGITS = (1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0)


def test_a_published_ladder() -> None:
    """A thousand equal seasons, so that the half games of the correction have no weight."""
    seasons = 1000
    meetings = [
        Meeting(TEAMS[i], TEAMS[j], ([1.0] * WINS[i][j] + [0.0] * WINS[j][i]) * seasons)
        for i, j in itertools.combinations(range(7), 2)
    ]
    rated = rate(meetings, anchor="Baltimore")
    assert [rated[team].rating / LOGIT for team in TEAMS] == pytest.approx(LOGITS, abs=1e-4)


def test_two_players_have_a_closed_form() -> None:
    """The rating is 400 log₁₀((W + ½)/(L + ½)), with half a draw on each side, and the interval is Wilson's."""
    pairs = [1, 1, 0.75, 0.5, 0.5, 0.25, 0.75, 1]  # 5.75 of 8, so 11.5 of 16 games
    rated = rate([Meeting("a", "random", pairs)])
    assert rated["random"] == (0, 0, 0)
    assert rated["a"].rating == pytest.approx(400 * math.log10(12 / 5))
    # φ with the pseudo pair: the mean is (5.75 + 0.5)/9, of squares (4.6875 + 0.375)/9.
    mean = 6.25 / 9
    phi = 2 * (5.0625 / 9 - mean**2) / (mean * (1 - mean))
    wanted = elo.wilson(5.75 / 8, 16 / phi, elo.student(8))
    assert rated["a"][1:] == pytest.approx([elo.elo(end) for end in wanted], abs=0.1)
    # From the other side everything has the other sign.
    mirrored = rate([Meeting("a", "random", pairs)], anchor="a")["random"]
    assert mirrored == pytest.approx((-rated["a"].rating, -rated["a"].high, -rated["a"].low), abs=0.1)


def test_the_order_of_players_and_of_meetings_changes_nothing() -> None:
    meetings = [Meeting("a", "random", [1, 0.5]), Meeting("b", "a", [0.5, 0.75, 0]), Meeting("b", "random", [0.75])]
    turned = [Meeting(b, a, [1 - pair for pair in pairs]) for a, b, pairs, _ in reversed(meetings)]
    for name, rating in rate(turned).items():
        assert rating == pytest.approx(rate(meetings)[name], abs=0.1)
    parts = [Meeting("a", "random", [1]), *meetings[1:], Meeting("random", "a", [0.5])]
    assert rate(parts)["b"] == pytest.approx(rate(meetings)["b"], abs=0.1)


def test_the_likelihood_s_maximum_by_brute_force() -> None:
    """Davidson's likelihood with ν = 2, plus half the logarithm of the determinant of the information, Firth (1993)."""
    # W, D and L of (a, random), (b, a), (b, random).
    counts = {("a", "random"): (7, 2, 1), ("b", "a"): (3, 6, 1), ("b", "random"): (4, 0, 0)}
    pairs = {(7, 2, 1): [1, 1, 1, 0.75, 0.25], (3, 6, 1): [0.75, 0.5, 0.5, 0.5, 0.75], (4, 0, 0): [1, 1]}
    rated = rate([Meeting(*names, pairs[wdl]) for names, wdl in counts.items()])

    def likelihood(a: float, b: float) -> float:
        theta = {"random": 0.0, "a": a, "b": b}
        total, information = 0.0, np.zeros((2, 2))
        for (x, y), (won, drawn, lost) in counts.items():
            s = 1 / (1 + math.exp(theta[y] - theta[x]))
            # A game is two half points: its information is 2 s(1 − s), and that of a coin flip s(1 − s).
            total += won * math.log(s**2) + drawn * math.log(2 * s * (1 - s)) + lost * math.log((1 - s) ** 2)
            row = np.array([(x == "a") - (y == "a"), (x == "b") - (y == "b")], dtype=float)
            information += (won + drawn + lost) * s * (1 - s) * np.outer(row, row)
        return total / 2 + math.log(np.linalg.det(information)) / 2

    best, step = (0.0, 0.0), 1.0
    while step > 1e-6:
        around = [(best[0] + step * i, best[1] + step * j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        better = max(around, key=lambda point: likelihood(*point))
        best, step = (better, step) if better != best else (best, step / 2)
    assert (rated["a"].rating, rated["b"].rating) == pytest.approx([x * LOGIT for x in best], abs=0.01)


def test_who_won_or_lost_everything_has_a_bound() -> None:
    for pairs, sign in (([1.0] * 20, 1), ([0.0] * 20, -1)):
        rating = rate([Meeting("x", "random", pairs)])["x"]
        assert all(map(math.isfinite, rating))
        assert sign * rating.rating == pytest.approx(400 * math.log10(40.5 / 0.5))
        assert elo.BOUND in (rating.low * sign, rating.high * sign)
    # A group that won every game against another: both ends are finite, and the order is kept.
    rated = rate([Meeting("a", "random", [1] * 5), Meeting("b", "a", [1] * 5), Meeting("b", "random", [1] * 5)])
    assert 0 < rated["a"].low < rated["a"].rating < rated["b"].rating < rated["b"].high < 4000


def test_repeated_games_do_not_count_double() -> None:
    pairs = [1, 0.5, 0.25, 0.75]
    once = rate([Meeting("a", "random", pairs)])["a"]
    copied = rate([Meeting("a", "random", pairs * 25, distinct=0.04)])["a"]
    honest = rate([Meeting("a", "random", pairs * 25)])["a"]
    assert copied.rating == pytest.approx(once.rating)
    assert copied.high - copied.low > 4 * (honest.high - honest.low)
    # Next to another pairing, copies of a game count as one game.
    other = Meeting("b", "random", [0.5] * 10)
    link = [Meeting("b", "a", pairs), other], [Meeting("b", "a", pairs * 25, distinct=0.04), other]
    assert rate(link[1])["a"].rating == pytest.approx(rate(link[0])["a"].rating)


def test_only_those_connected_with_the_anchor_are_rated() -> None:
    meetings = [Meeting("a", "random", [1]), Meeting("c", "d", [0.5]), Meeting("d", "e", [1])]
    assert set(rate(meetings)) == {"random", "a"}
    assert set(rate(meetings, anchor="c")) == {"c", "d", "e"}
    assert components(meetings, ["random", "d", "z"]) == [["random", "a"], ["d", "c", "e"], ["z"]]
    assert rate([]) == {}
    assert rate([Meeting("a", "b", [])]) == {}
    assert rate([Meeting("a", "b", [1])])["a"] == (0, 0, 0)  # without random the first player has 0
    assert set(rate(meetings, wanted={"a"})) == {"a"}
    assert rate(meetings, anchor="nobody") == {"nobody": (0, 0, 0)}
    with pytest.raises(ValueError, match="against itself"):
        rate([Meeting("a", "a", [1])])


def test_performance_against_known_players() -> None:
    known = {"random": 0.0, "greedy": 700.0}
    alone = performance([Meeting("new", "random", [1, 0.5, 0.75, 0.5])], known)
    assert alone == rate([Meeting("new", "random", [1, 0.5, 0.75, 0.5])])["new"]
    # The scores against 0 and 700 are symmetric, so the rating is in the middle.
    rating, low, high = performance(
        [Meeting("new", "random", [1, 0.75] * 5), Meeting("new", "greedy", [0, 0.25] * 5)], known
    )
    assert rating == pytest.approx(350)
    assert 350 - low == pytest.approx(high - 350, abs=0.1)
    assert performance([Meeting("new", "greedy", [1] * 50)], known).high == 700 + elo.BOUND
    with pytest.raises(ValueError, match="no rating of stockfish; rated players are random, greedy"):
        performance([Meeting("new", "stockfish", [1])], known)
    with pytest.raises(ValueError, match="0 players"):
        performance([], known)
    with pytest.raises(ValueError, match="2 players"):
        performance([Meeting("new", "random", [1]), Meeting("random", "greedy", [1])], known)


def test_several_players_on_a_scale_of_fixed_ratings() -> None:
    """With one player this is `performance`; games among players connect those that met no fixed player."""
    fixed = {"random": Rating(0, 0, 0), "greedy": Rating(574, 560, 589), "nobody": Rating(9, 8, 10)}
    mine = [Meeting("a", "random", [1, 0.75] * 9), Meeting("a", "greedy", [0.25, 0.75, 0.5] * 6)]
    rated = rate([*mine, Meeting("random", "greedy", [1] * 500)], fixed=fixed)
    assert {name: rated[name] for name in fixed} == fixed  # their games do not move them
    assert rated["a"] == pytest.approx(performance(mine, fixed), abs=1e-6)
    pairs = [0.75, 1, 0.5, 0.75] * 500
    both = rate([*mine, Meeting("b", "a", pairs), Meeting("c", "d", [1])], fixed=fixed)
    assert set(both) == {*fixed, "a", "b"}
    assert both["b"].rating - both["a"].rating == pytest.approx(191, abs=2)  # 400 log₁₀ 3
    assert both["b"].high - both["b"].low > both["a"].high - both["a"].low
    # Half of the information comes from `greedy`, whose interval widens that of a, and through a that of b.
    exact = {name: Rating(rating.rating, rating.rating, rating.rating) for name, rating in fixed.items()}
    sure = rate([*mine, Meeting("b", "a", pairs)], fixed=exact)
    assert both["b"].high - both["b"].low > sure["b"].high - sure["b"].low


@pytest.mark.slow
def test_the_scale_of_fixed_ratings_holds_the_truth_too() -> None:
    """Newcomers meet each other and players with estimated ratings; 400 intervals have a standard error of 1.1%."""
    rng = np.random.default_rng(5)
    truth = {"random": 0.0, "a": 150.0, "b": 420.0, "x": 300.0, "y": 500.0}
    old, new = [("random", "a"), ("a", "b"), ("random", "b")], [("x", "a"), ("x", "b"), ("y", "x"), ("y", "b")]

    def play(pairings: list[tuple[str, str]]) -> list[Meeting]:
        return [Meeting(a, b, simulated(rng, truth[a] - truth[b], 60)) for a, b in pairings]

    inside = []
    for _ in range(200):
        fixed = rate(play(old))
        rated = rate(play(new), fixed=fixed)
        inside += [rated[name].low <= truth[name] <= rated[name].high for name in "xy"]
    assert np.mean(inside) >= 0.93


def test_games_that_fit_no_single_rating() -> None:
    """A policy that beats greedy but can't mate random: 566 and 124, where a ladder has one number."""
    known = {"random": 0.0, "greedy": 574.0, "minimax": 1373.0}
    met = [Meeting("new", "random", [0.75, 0.5] * 20), Meeting("new", "greedy", [0.5, 0.75, 0.25] * 12)]
    (low, below), (high, above) = misfit(met, known)
    assert (low, high) == ("random", "greedy")
    assert below == performance(met[:1], known)
    assert above == performance(met[1:], known)
    assert below.high < above.low
    assert misfit([*met, Meeting("new", "minimax", [0.0] * 20)], known)[0][0] == "random"
    assert misfit(met[:1], known) == misfit([], known) == []
    assert misfit([Meeting("new", "random", [1, 0.75] * 3), met[1]], known) == []  # a few games fit any rating
    # The parts of a meeting are merged.
    assert misfit([met[0], met[1], met[0]], known)[0][1] == performance([met[0], met[0]], known)


def simulated(rng: np.random.Generator, difference: float, pairs: int, draws: float = 0.0) -> list[float]:
    """Pairs of independent games at a difference in Elo, with as many draws as it allows up to `draws`."""
    s = elo.expected_score(difference)
    draw = min(draws, 2 * min(s, 1 - s))
    games = rng.choice([1, 0.5, 0], size=(pairs, 2), p=[s - draw / 2, draw, 1 - s - draw / 2])
    return games.mean(axis=1).tolist()


TRUTH = {"random": 0.0, "a": 150.0, "b": 420.0, "c": 500.0, "d": 800.0}


@pytest.mark.slow
@pytest.mark.parametrize("draws", [0.0, 0.7])
def test_the_truth_lies_inside_nineteen_times_of_twenty(draws: float) -> None:
    """200 ladders of four ratings: a standard error of 0.8% for independent ones, so 93% is the least."""
    rng = np.random.default_rng(2)
    met = [("random", "a"), ("a", "b"), ("b", "c"), ("c", "d"), ("random", "b"), ("b", "d")]
    inside = []
    for _ in range(200):
        meetings = [Meeting(x, y, simulated(rng, TRUTH[x] - TRUTH[y], 60, draws)) for x, y in met]
        rated = rate(meetings)
        inside += [rated[name].low <= TRUTH[name] <= rated[name].high for name in "abcd"]
    assert 0.93 <= np.mean(inside) <= 0.98


def test_a_newcomer_s_interval_includes_those_of_its_opponents() -> None:
    """One opponent, of half width h: where s is expected, an end has (s − S)² = t²φ s(1 − s)/n + (h s(1 − s))²."""
    pairs = [1, 0.75, 0.5, 0.75] * 25  # S = ¾, n = 200
    t, n, phi = elo.student(100), 200, 2 * 101 / elo.effective_games(pairs)
    rating, low, high = performance([Meeting("new", "greedy", pairs)], {"greedy": Rating(700, 640, 760)})
    assert rating == performance([Meeting("new", "greedy", pairs)], {"greedy": 700.0}).rating
    for end in (low, high):
        s = elo.expected_score(end - 700)
        variance = s * (1 - s)
        assert abs(s - 0.75) == pytest.approx(
            math.hypot(t * math.sqrt(phi * variance / n), 60 / LOGIT * variance), abs=1e-4
        )
    exact = performance([Meeting("new", "greedy", pairs)], {"greedy": 700.0})
    assert performance([Meeting("new", "greedy", pairs)], {"greedy": Rating(700, 700, 700)}) == exact
    # With this many games only the opponents' intervals matter: ±60 and ±20, with half of the information each.
    known = {"low": Rating(600, 580, 620), "high": Rating(800, 740, 860)}
    met = [Meeting("new", "low", [0.75] * 10**6), Meeting("new", "high", [0.25] * 10**6)]
    rating, low, high = performance(met, known)
    assert (rating, high - rating, rating - low) == pytest.approx(
        (700, 40, 40), abs=1.5
    )  # the score test is not linear


@pytest.mark.slow
def test_the_truth_of_newcomers_lies_inside_too() -> None:
    """The opponents' ratings are themselves estimated; intervals that take them as exact are too narrow."""
    rng = np.random.default_rng(3)
    met = [("random", "a"), ("a", "b"), ("b", "c"), ("c", "d"), ("random", "b"), ("b", "d")]
    inside, exact = [], []
    for k in range(200):
        rated = rate([Meeting(x, y, simulated(rng, TRUTH[x] - TRUTH[y], 60)) for x, y in met])
        truth = (300.0, 700.0)[k % 2]
        meetings: list[Meeting] = []
        for _ in range(6):
            opponent = next_opponent(meetings, rated, 40)
            meetings.append(Meeting("new", opponent, simulated(rng, truth - TRUTH[opponent], 20)))
        estimate = performance(meetings, rated)
        inside.append(estimate.low <= truth <= estimate.high)
        estimate = performance(meetings, {name: rating.rating for name, rating in rated.items()})
        exact.append(estimate.low <= truth <= estimate.high)
    assert np.mean(inside) >= 0.93
    assert np.mean(exact) <= 0.9


def test_a_whole_ladder_needs_fewer_games_than_everybody_against_everybody() -> None:
    truth = {"random": 0.0} | {f"p{k}": 250.0 * k for k in range(1, 7)}

    def play(x: str, y: str, pairs: int) -> Meeting:
        return Meeting(x, y, simulated(rng, truth[x] - truth[y], pairs))

    rng = np.random.default_rng(0)
    meetings: list[Meeting] = []
    while (choice := next_pairing(meetings, list(truth), 40, within=60)) is not None:
        meetings.append(play(*choice, 20))
        assert len(meetings) < 300
    rated = rate(meetings)
    assert max(r.high - r.low for r in rated.values()) < 135
    assert [name for name, _ in sorted(rated.items(), key=lambda item: item[1].rating)] == list(truth)
    robin = [play(x, y, 20 * len(meetings) // 21) for x, y in itertools.combinations(truth, 2)]
    assert max(r.high - r.low for r in rate(robin).values()) > 1.1 * max(r.high - r.low for r in rated.values())
    met = Counter(frozenset((m.a, m.b)) for m in meetings)
    assert met[frozenset(("random", "p6"))] <= 1  # 1500 Elo apart: their games carry no information


def test_triples_that_no_ladder_can_show() -> None:
    win, even = [1.0, 0.75] * 10, [0.5, 0.25, 0.75] * 5
    ring = [
        Meeting("rock", "scissors", win),
        Meeting("paper", "rock", win),
        Meeting("paper", "scissors", [1 - p for p in win]),
    ]
    [found] = cycles(ring)
    assert set(found) == {"rock", "scissors", "paper"}
    beats = {("rock", "scissors"), ("paper", "rock"), ("scissors", "paper")}
    assert {(found[k], found[(k + 1) % 3]) for k in range(3)} == beats
    assert cycles([*ring[:2], Meeting("paper", "scissors", win)]) == []
    assert cycles([*ring[:2], Meeting("paper", "scissors", even)]) == []  # not significant


def test_a_rating_is_a_tuple_of_three() -> None:
    assert Rating(1.0, 0.0, 2.0)._fields == ("rating", "low", "high")
