"""The whole comparison: train, meet, measure; then everything there is to tell, for JSON."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chesspg.arena.elo import mean_score_interval, student
from studies.estimators.gradients import Measured
from studies.estimators.plan import BEST, ESTIMATORS, TASKS, Run
from studies.estimators.running import train_all
from studies.estimators.strength import ratings, strength


@dataclass(frozen=True)
class Comparison:
    """What a user asked for. Raises ValueError if it can't be, or if the folder holds something else."""

    home: Path
    tasks: Sequence[str]  # in the order of TASKS
    estimators: Sequence[str]  # on each task; none: all, or the best of an earlier task where a task is so planned
    seeds: int
    plies: int | None  # of a run; the task's own number if None
    at_once: int
    games: int  # of a match
    rollouts: int  # that a gradient's variance is measured on

    def __post_init__(self) -> None:
        for names, known, what in ((self.tasks, TASKS, "task"), (self.estimators, ESTIMATORS, "estimator")):
            for name in names:
                if name not in known:
                    raise ValueError(f"unknown {what} {name!r}; expected one of {', '.join(known)}")
                if list(names).count(name) > 1:
                    raise ValueError(f"{what} {name} is named twice; each must be named once")
        least = {"seeds": 1, "plies": 1, "at_once": 1, "games": 2, "rollouts": 3}
        for name, number in least.items():
            given = getattr(self, name)
            if given is not None and given < number:
                raise ValueError(f"--{name.replace('_', '-')} must be at least {number}, got {given}")
        if self.games % 2:
            raise ValueError(f"--games must be even, as each opening is played with both colors, got {self.games}")
        for name in self.tasks:
            best_of = TASKS[name].best_of
            if best_of and not self.estimators and best_of not in self.tasks:
                raise ValueError(
                    f"{name} compares the estimators that are best on {best_of}; add {best_of} to --tasks, or name "
                    "the estimators with --estimators"
                )
            for run in self.runs(name, list(ESTIMATORS)):
                run.check()

    def runs(self, task: str, estimators: Sequence[str]) -> list[Run]:
        """Those of one seed together, so that something can be seen of all early."""
        seeds = range(1, self.seeds + 1)
        return [Run(self.home, task, estimator, seed, self._plies(task)) for seed in seeds for estimator in estimators]

    def results(self, tell: Callable[[str], None]) -> dict[str, Any]:
        """Do what is not done yet, and tell a person of each part. Failed runs are listed under `failed`."""
        found: dict[str, Any] = {"seeds": self.seeds, "match_games": self.games, "tasks": {}, "failed": []}
        for name in sorted(self.tasks, key=list(TASKS).index):
            chosen = self.estimators or list(ESTIMATORS)
            if TASKS[name].best_of and not self.estimators:
                rows = found["tasks"][TASKS[name].best_of]["estimators"]
                chosen = sorted(rows, key=lambda row: -rows[row]["rating"]["mean"])[:BEST]
                tell(f"{name}: {', '.join(chosen)} go on")
            found["tasks"][name] = self._task(name, chosen, found["failed"], tell)
        return found

    def _task(self, name: str, chosen: Sequence[str], failed: list[str], tell: Callable[[str], None]) -> dict[str, Any]:
        runs = self.runs(name, chosen)

        def ended(run: Run) -> None:
            if run.finished:
                tell("{}: {plies:,} plies, {updates:,} updates, {seconds:.0f} s".format(run.name, **run.facts))
            else:
                tell(f"{run.name} failed; {run.log} says why, the same command goes on with it")

        train_all(runs, self.at_once, ended)
        done = [run for run in runs if run.finished]
        failed += [run.name for run in runs if not run.finished]
        known = ratings(name, self.home, self.games)
        by_estimator: dict[str, list[dict[str, Any]]] = {}
        for run in done:
            told = {"seed": run.seed, **run.facts, **strength(run, known, self.games)}
            against = ", ".join(known)
            tell(
                "{}: Elo {rating:.0f} ({low:.0f} to {high:.0f}) against {}".format(run.name, against, **told["rating"])
            )
            by_estimator.setdefault(run.estimator, []).append(told)
        table: dict[str, Any] = {"plies": self._plies(name), "opponents": known, "estimators": {}, "gradient": None}
        for estimator, mine in by_estimator.items():
            scores = {
                name: score_over_seeds([run["scores"][name]["score"] for run in mine], self.games) for name in known
            }
            rating = over_seeds([run["rating"]["rating"] for run in mine])
            table["estimators"][estimator] = {"rating": rating, "scores": scores, "runs": mine}
        # The policy that plays for all has a value head that has learned, if any estimator here needs one.
        valued = [run for run in done if ESTIMATORS[run.estimator].get("model.baseline") == "value"]
        if done:
            policy = (valued or done)[0]
            measured = Measured(self.home, name, policy.folder, self.rollouts)
            rows = {}
            for estimator in by_estimator:
                rows[estimator] = measured(estimator)
                tell(
                    "{} {}: variance {variance:.3g}, squared mean {squared_mean:.3g}".format(
                        name, estimator, **rows[estimator]
                    )
                )
            about = {"policy": policy.name, "games": measured.games, "rollouts": self.rollouts}
            table["gradient"] = {**about, "estimators": rows}
        return table

    def _plies(self, task: str) -> int:
        return TASKS[task].plies if self.plies is None else self.plies


def over_seeds(values: Sequence[float]) -> dict[str, float | None]:
    """The mean of K runs and its 95% interval by Student's t; of one run there is none."""
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return {"mean": mean, "low": None, "high": None}
    half = student(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def score_over_seeds(scores: Sequence[float], games: int) -> dict[str, float | None]:
    """The mean score of K runs and its 95% interval in [0, 1]; one run alone has no interval."""
    if len(scores) == 1:
        return over_seeds(scores)
    low, high = mean_score_interval(scores, games)
    return {"mean": math.fsum(scores) / len(scores), "low": low, "high": high}
