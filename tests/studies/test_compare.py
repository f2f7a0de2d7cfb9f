"""The comparison as a whole: who goes on, what is told of several seeds, which policy the gradients are of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from studies.estimators import compare
from studies.estimators.compare import Comparison, over_seeds, score_over_seeds
from studies.estimators.plan import ESTIMATORS, TASKS, Trial

ELO = {name: 10.0 * number for number, name in enumerate(ESTIMATORS)}


def comparison(home: Path, **given: Any) -> Comparison:
    usual = {"tasks": ["tic_tac_toe"], "estimators": [], "seeds": 2, "plies": None, "at_once": 2, "games": 4}
    return Comparison(home, **{**usual, "rollouts": 3, **given})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, finish: Callable[[Trial], None]) -> list[Path]:
    """All runs are finished at once but one; ratings as of ELO plus the seed; whose gradients were measured."""
    policies: list[Path] = []

    def train(runs: Sequence[Trial], at_once: int, on_end: Callable[[Trial], None]) -> None:
        for run in runs:
            if run.name != "endgame running_mean-2" and not run.finished:
                finish(run)
            on_end(run)

    def measure(home: Path, task: str, policy: Path, rollouts: int) -> Any:
        policies.append(policy)
        told = {"variance": 1.0, "squared_mean": 1.0}

        class Fake:
            games = 64

            def __call__(self, estimator: str) -> dict[str, Any]:
                return told

        return Fake()

    def strength(run: Trial, known: dict[str, float], games: int) -> dict[str, Any]:
        rating = ELO[run.estimator] + run.seed
        return {"rating": {"rating": rating, "low": 0, "high": 9}, "scores": {"random": {"score": 0.5}}}

    monkeypatch.setattr(compare, "train_all", train)
    monkeypatch.setattr(compare, "ratings", lambda task, home, games: {"random": 0.0})
    monkeypatch.setattr(compare, "strength", strength)
    monkeypatch.setattr(compare, "Measured", measure)
    return policies


def test_the_best_three_go_on(tmp_path: Path, measured: list[Path]) -> None:
    lines: list[str] = []
    told = comparison(tmp_path, tasks=["chess", "endgame"]).results(lines.append)
    assert list(told["tasks"]) == ["endgame", "chess"]
    assert list(told["tasks"]["endgame"]["estimators"]) == list(ESTIMATORS)
    best = sorted(ELO, key=lambda name: -ELO[name])[:3]
    assert sorted(told["tasks"]["chess"]["estimators"]) == sorted(best)
    assert told["tasks"]["chess"]["plies"] == TASKS["chess"].plies
    assert told["failed"] == ["endgame running_mean-2"]
    assert any("running_mean-2 failed" in line for line in lines)
    assert "endgame value-1: Elo 31 (0 to 9) against random" in lines
    row = told["tasks"]["endgame"]["estimators"]["value"]
    assert row["rating"]["mean"] == ELO["value"] + 1.5
    assert [run["seed"] for run in row["runs"]] == [1, 2]
    assert told["tasks"]["endgame"]["estimators"]["running_mean"]["rating"]["low"] is None


def test_gradients_are_of_a_policy_whose_value_head_has_learned(tmp_path: Path, measured: list[Path]) -> None:
    comparison(tmp_path, estimators=["plain", "gae_0.8", "value"]).results(lambda line: None)
    assert [policy.name for policy in measured] == ["gae_0.8-1"]
    told = comparison(tmp_path, estimators=["plain"]).results(lambda line: None)
    assert told["tasks"]["tic_tac_toe"]["gradient"]["policy"] == "tic_tac_toe plain-1"


def test_over_seeds_by_hand() -> None:
    # 1, 2, 6: mean 3, variance (4 + 1 + 9)/2 = 7, t of two degrees of freedom 4.30265.
    half = 4.30265 * (7 / 3) ** 0.5
    assert over_seeds([1, 2, 6]) == pytest.approx({"mean": 3, "low": 3 - half, "high": 3 + half}, abs=1e-4)
    assert over_seeds([5]) == {"mean": 5, "low": None, "high": None}


def test_scores_over_seeds_stay_scores() -> None:
    """As of a run in three that learned nothing: by Student's t alone 0.45 had an interval of -0.07 to 0.96."""
    told = score_over_seeds([0.55, 0.58, 0.21], 400)
    assert told["mean"] == pytest.approx(0.4467, abs=1e-4)
    assert told["low"] is not None
    assert told["high"] is not None
    assert 0 < told["low"] < told["mean"] < told["high"] < 1
    assert score_over_seeds([0.5], 400) == {"mean": 0.5, "low": None, "high": None}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tasks": ["go"]}, "unknown task 'go'; expected one of tic_tac_toe"),
        ({"tasks": ["chess", "chess"], "estimators": ["plain"]}, "task chess is named twice"),
        ({"estimators": ["best"]}, "unknown estimator 'best'; expected one of plain"),
        ({"plies": 0}, "--plies must be at least 1, got 0"),
        ({"seeds": 0}, "--seeds must be at least 1, got 0"),
        ({"at_once": 0}, "--at-once must be at least 1, got 0"),
        ({"rollouts": 2}, "--rollouts must be at least 3, got 2"),
        ({"games": 0}, "--games must be at least 2, got 0"),
        ({"games": 5}, "--games must be even, "),
        ({"tasks": ["chess"]}, "best on endgame"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as refused:
        comparison(tmp_path, **given)
    assert words in str(refused.value)


def test_a_folder_of_other_settings_is_refused(tmp_path: Path, finish: Callable[[Trial], None]) -> None:
    finish(Trial(tmp_path, "tic_tac_toe", "value", 2, 1000))
    comparison(tmp_path, plies=1000)
    with pytest.raises(ValueError, match="value-2 was run with plies 1000, not 2000"):
        comparison(tmp_path, plies=2000, estimators=["plain"])
