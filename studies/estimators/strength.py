"""The strength of a trial's policy: matches after training, and the rating that results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from chesspg.arena.ladder.model import Rating, performance, rate
from chesspg.arena.ladder.pairings import Meeting
from chesspg.arena.match_result import MatchResult
from chesspg.arena.matches import play_in_parts
from chesspg.arena.openings import default_plies, random_openings
from chesspg.games.randomness import Randomness
from chesspg.players import roster
from chesspg.players.player import Player
from chesspg.training.policy_matches import known_ratings
from studies.estimators.kept import kept
from studies.estimators.plan import Task, Trial, task_named

SEED = 0  # seed of openings and moves: all policies of a task meet the same opponents on the same openings


def opponent_ratings(task: str, home: Path, games: int) -> dict[str, float]:
    """The Elo of the opponents of a task, with 0 for random.

    It is taken from the shipped ladder if the games start as in the ladder, and otherwise from matches of each opponent
    against each other.

    Args:
        task: The task.
        home: The folder of the comparison.
        games: Games per match.
    """
    about = task_named(task)
    known = {} if about.starts else _exact(known_ratings(about.game()))
    if known.keys() >= set(about.opponents):
        return {name: known[name] for name in about.opponents}
    settings = {"games": games, "opponents": list(about.opponents)}
    return kept(home / Path(task).stem / "opponents.json", settings, lambda: _rated(about, games))


def strength(trial: Trial, known: Mapping[str, float], games: int) -> dict[str, Any]:
    """Play the last policy of a trial, at the temperature of its training, against opponents.

    Args:
        trial: The trial.
        known: The ratings of the opponents, which count as exact, by player string.
        games: Games per match.

    Returns:
        The rating with its 95% interval, and the score against each opponent.
    """

    def make() -> dict[str, Any]:
        about = task_named(trial.task)
        game, meetings, scores = about.game(), [], {}
        with roster.players([str(trial.folder)], game) as (policy,), roster.players(known, game) as others:
            for name, other in zip(known, others, strict=True):
                result = match(about, policy, other, games)
                meetings.append(_meeting("policy", name, result))
                low, high = result.score_interval
                scores[name] = {"score": result.score, "low": low, "high": high, **result.record._asdict()}
        return {"rating": performance(meetings, known)._asdict(), "scores": scores}

    settings = {"games": games, "opponents": dict(known), "updates": trial.facts.get("updates")}
    return kept(trial.folder / "strength.json", settings, make)


def _exact(ratings: Mapping[str, float | Rating]) -> dict[str, float]:
    return {name: one if isinstance(one, float) else one.rating for name, one in ratings.items()}


def _rated(about: Task, games: int) -> dict[str, float]:
    game, names = about.game(), about.opponents

    def meetings() -> Iterator[Meeting]:
        with roster.players(names, game) as players:
            for (a, one), (b, other) in combinations(zip(names, players, strict=True), 2):
                yield _meeting(a, b, match(about, one, other, games))

    return {name: rating.rating for name, rating in rate(meetings(), names[0]).items()}


def _meeting(a: str, b: str, result: MatchResult) -> Meeting:
    return Meeting(a, b, result.pairs, result.distinct_games / result.games)


def match(about: Task, a: Player, b: Player, games: int) -> MatchResult:
    """Play a match of a task: each opening is played twice, with colors exchanged."""
    game = about.game()
    if about.starts:
        openings = about.starts.positions(game, np.arange(games // 2), Randomness(SEED))
    else:
        openings = random_openings(game, games // 2, default_plies(game), SEED)
    (result,) = play_in_parts(game, a, b, openings, seed=SEED)
    return result
