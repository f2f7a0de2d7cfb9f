"""The whole comparison: train, play and measure, and return all figures for JSON."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chesspg.arena.elo import mean_score_interval, student
from studies.estimators.gradients import Measured
from studies.estimators.plan import BEST, ESTIMATORS, TASKS, Trial, check_estimator, task_named
from studies.estimators.running import train_all
from studies.estimators.strength import opponent_ratings, strength

Report = Callable[[str], None]  # prints a line about the progress


@dataclass(frozen=True)
class Comparison:
    """The comparison that a user asked for.

    Raises:
        ValueError: An argument is unknown or out of range, or the folder holds something else.
    """

    home: Path  # the folder for everything that is kept
    tasks: Sequence[str]
    estimators: Sequence[str]  # on each task; if empty, all, or for some tasks the best ones of another task
    seeds: int  # number of trials per estimator and task
    plies: int | None  # plies per trial; the default of the task if None
    at_once: int  # number of trainings at the same time
    games: int  # games per match
    rollouts: int  # number of rollouts on which gradients are measured

    def __post_init__(self) -> None:
        for task in self.tasks:
            task_named(task)
        for estimator in self.estimators:
            check_estimator(estimator)
        for names, what in ((self.tasks, "task"), (self.estimators, "estimator")):
            for name in names:
                if list(names).count(name) > 1:
                    raise ValueError(f"{what} {name} is named twice; expected each once")
        least = {"seeds": 1, "plies": 1, "at_once": 1, "games": 2, "rollouts": 3}
        for name, number in least.items():
            given = getattr(self, name)
            if given is not None and given < number:
                raise ValueError(f"--{name.replace('_', '-')} must be at least {number}, got {given}")
        if self.games % 2:
            raise ValueError(f"--games must be even, since each opening is played with both colors, got {self.games}")
        for name in self.tasks:
            best_of = task_named(name).best_of
            if best_of and not self.estimators and best_of not in self.tasks:
                raise ValueError(
                    f"{name} compares the estimators that are best on {best_of}; add {best_of} to --tasks, or name "
                    "the estimators with --estimators"
                )
            for trial in self.trials(name, list(dict.fromkeys([*ESTIMATORS, *self.estimators]))):
                trial.check()

    def trials(self, task: str, estimators: Sequence[str]) -> list[Trial]:
        """All trials of a task, seed by seed, so that early results cover every estimator."""
        seeds = range(1, self.seeds + 1)
        plies = self._plies(task)
        return [Trial(self.home, task, estimator, seed, plies) for seed in seeds for estimator in estimators]

    def results(self, report: Report) -> dict[str, Any]:
        """Do everything that is not done yet.

        Args:
            report: Called with a line about each finished part.

        Returns:
            All figures, as in results.json. Trials that failed are listed under `failed`.
        """
        found: dict[str, Any] = {"seeds": self.seeds, "match_games": self.games, "tasks": {}, "failed": []}
        for task in sorted(self.tasks, key=lambda task: [*TASKS, task].index(task)):
            chosen = self.estimators or list(ESTIMATORS)
            if task_named(task).best_of and not self.estimators:
                chosen = best(found["tasks"][task_named(task).best_of]["estimators"])
                report(f"{task}: compares {', '.join(chosen)}")
            done, failed = self._trained(self.trials(task, chosen), report)
            found["failed"] += failed
            known = opponent_ratings(task, self.home, self.games)
            rows = self._strengths(done, known, report)
            gradient = self._gradient(task, done, list(rows), report) if done else None
            about = {"plies": self._plies(task), "opponents": known}
            found["tasks"][task] = {**about, "estimators": rows, "gradient": gradient}
        return found

    def _trained(self, trials: Sequence[Trial], report: Report) -> tuple[list[Trial], list[str]]:
        """Train. Returns the trials that are finished, and the names of those that failed."""

        def ended(trial: Trial) -> None:
            if trial.finished:
                report("{}: {plies:,} plies, {updates:,} updates, {seconds:.0f} s".format(trial.name, **trial.facts))
            else:
                report(f"{trial.name} failed; {trial.log} says why; the same command continues it")

        train_all(trials, self.at_once, ended)
        done = [trial for trial in trials if trial.finished]
        return done, [trial.name for trial in trials if trial not in done]

    def _strengths(self, done: Sequence[Trial], known: Mapping[str, float], report: Report) -> dict[str, Any]:
        """The rating and scores of each estimator over all seeds, and those of its trials."""
        by_estimator: dict[str, list[dict[str, Any]]] = {}
        for trial in done:
            row = {"seed": trial.seed, **trial.facts, **strength(trial, known, self.games)}
            rating, against = row["rating"], ", ".join(known)
            report("{}: Elo {rating:.0f} ({low:.0f} to {high:.0f}) against {}".format(trial.name, against, **rating))
            by_estimator.setdefault(trial.estimator, []).append(row)
        return {estimator: over_trials(rows, known, self.games) for estimator, rows in by_estimator.items()}

    def _gradient(self, task: str, done: Sequence[Trial], estimators: Sequence[str], report: Report) -> dict[str, Any]:
        """The noise of each estimator's gradient, all on the policy of one trial."""
        trial = measured_trial(done)
        measured = Measured(self.home, task, trial.folder, self.rollouts)
        rows = {}
        for estimator in estimators:
            rows[estimator] = row = measured(estimator)
            figures = "variance {variance:.3g}, squared mean {squared_mean:.3g}".format(**row)
            report(f"{task} {estimator}: {figures}")
        return {"policy": trial.name, "games": measured.games, "rollouts": self.rollouts, "estimators": rows}

    def _plies(self, task: str) -> int:
        return task_named(task).plies if self.plies is None else self.plies


def best(rows: Mapping[str, Any]) -> list[str]:
    """The BEST estimators of a task by mean rating, the highest first.

    Args:
        rows: Figures by estimator, as in results.json.
    """
    return sorted(rows, key=lambda name: -rows[name]["rating"]["mean"])[:BEST]


def measured_trial(done: Sequence[Trial]) -> Trial:
    """The trial on whose policy gradients are measured: the first one that trained a value head, else the first."""
    valued = (
        trial for trial in done if ESTIMATORS.get(trial.estimator, {}).get("model.advantages.baseline") == "value"
    )
    return next(valued, done[0])


def over_trials(rows: Sequence[dict[str, Any]], opponents: Mapping[str, float], games: int) -> dict[str, Any]:
    """The rating and scores of an estimator over its trials.

    Args:
        rows: The figures of each trial.
        opponents: The opponents, by player string.
        games: Games per match.

    Returns:
        Means with intervals, and the figures of the trials under `runs`.
    """
    scores = {name: score_over_seeds([row["scores"][name]["score"] for row in rows], games) for name in opponents}
    return {"rating": over_seeds([row["rating"]["rating"] for row in rows]), "scores": scores, "runs": list(rows)}


def over_seeds(values: Sequence[float]) -> dict[str, float | None]:
    """The mean of K values and its 95% interval by Student's t, which a single value does not have."""
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return {"mean": mean, "low": None, "high": None}
    half = student(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def score_over_seeds(scores: Sequence[float], games: int) -> dict[str, float | None]:
    """The mean of K scores and its 95% interval within [0, 1], which a single score does not have."""
    if len(scores) == 1:
        return over_seeds(scores)
    low, high = mean_score_interval(scores, games)
    return {"mean": math.fsum(scores) / len(scores), "low": low, "high": high}
