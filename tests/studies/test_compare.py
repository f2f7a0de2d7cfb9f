"""The whole comparison: which estimators go on, figures over several seeds, and the policy for gradients."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studies.estimators.compare import Comparison, best, measured_trial, over_seeds, score_over_seeds
from studies.estimators.plan import TASKS, Trial

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning")


def comparison(home: Path, **given: Any) -> Comparison:
    usual = {"tasks": ["tic_tac_toe"], "estimators": [], "seeds": 2, "plies": None, "at_once": 2, "games": 4}
    return Comparison(home, **{**usual, "rollouts": 3, **given})


def test_a_small_comparison_for_real(tmp_path: Path, finish: Callable[[Trial], None]) -> None:
    """The policies are untrained, but their opponents, scores and gradients are real."""
    asked = comparison(tmp_path, estimators=["plain", "gae_0.8"], plies=10)
    for trial in asked.trials("tic_tac_toe", ["plain", "gae_0.8"]):
        finish(trial)
    lines: list[str] = []
    found = asked.results(lines.append)
    assert found["failed"] == []
    table = found["tasks"]["tic_tac_toe"]
    assert table["plies"] == 10
    assert list(table["opponents"]) == list(TASKS["tic_tac_toe"].opponents)
    for name in ("plain", "gae_0.8"):
        row = table["estimators"][name]
        assert [one["seed"] for one in row["runs"]] == [1, 2]
        assert row["rating"] == over_seeds([one["rating"]["rating"] for one in row["runs"]])
        for opponent, score in row["scores"].items():
            assert score == score_over_seeds([one["scores"][opponent]["score"] for one in row["runs"]], 4)
    # All estimators have the same policy for one seed, and the same opponents on the same openings.
    assert table["estimators"]["plain"]["rating"] == table["estimators"]["gae_0.8"]["rating"]
    assert table["gradient"]["policy"] == "tic_tac_toe gae_0.8-1"  # the first one that trained its value head
    assert list(table["gradient"]["estimators"]) == ["plain", "gae_0.8"]
    assert table["gradient"]["estimators"]["plain"]["variance_ratio"]["value"] == 1
    elo = table["estimators"]["plain"]["runs"][1]["rating"]
    assert f"tic_tac_toe plain-2: Elo {elo['rating']:.0f} " in "\n".join(lines)
    assert comparison(tmp_path, estimators=["plain", "gae_0.8"], plies=10).results(lines.append) == found


def test_the_best_three_go_on() -> None:
    rows = {name: {"rating": {"mean": mean}} for name, mean in {"a": 3.0, "b": -1.0, "c": 9.0, "d": 4.5}.items()}
    assert best(rows) == ["c", "d", "a"]


def test_gradients_are_of_a_policy_whose_value_head_has_learned(tmp_path: Path) -> None:
    trials = comparison(tmp_path).trials("tic_tac_toe", ["plain", "gae_0.8", "value"])
    assert measured_trial(trials).name == "tic_tac_toe gae_0.8-1"
    assert measured_trial(comparison(tmp_path).trials("tic_tac_toe", ["plain"])).name == "tic_tac_toe plain-1"


def test_over_seeds_by_hand() -> None:
    # 1, 2, 6: mean 3, variance (4 + 1 + 9)/2 = 7, t of two degrees of freedom 4.30265.
    half = 4.30265 * (7 / 3) ** 0.5
    assert over_seeds([1, 2, 6]) == pytest.approx({"mean": 3, "low": 3 - half, "high": 3 + half}, abs=1e-4)
    assert over_seeds([5]) == {"mean": 5, "low": None, "high": None}


def test_scores_over_seeds_stay_scores() -> None:
    """One of three trials learned nothing: Student's t alone gives the mean 0.45 an interval of -0.07 to 0.96."""
    reported = score_over_seeds([0.55, 0.58, 0.21], 400)
    assert reported["mean"] == pytest.approx(0.4467, abs=1e-4)
    assert reported["low"] is not None
    assert reported["high"] is not None
    assert 0 < reported["low"] < reported["mean"] < reported["high"] < 1
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
