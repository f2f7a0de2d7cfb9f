"""Run folders are read at any moment of a run."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from chesspg.policy import files
from chesspg.report import runs
from chesspg.report.runs import read_run, sample_games

HEADER = "step,epoch,score/random,score_low/random,score_high/random,length,total_plies,total_seconds\n"
ROWS = "0,,0.5,0.4,0.6,,,\n1,0,,,,7.5,100,1.5\n3,1,0.7,0.6,0.8,6.5,220,3\n"


def run_folder(
    path: Path, metrics: str | None = HEADER + ROWS, config: str | None = "trainer: {max_epochs: 2}"
) -> Path:
    path.mkdir(exist_ok=True)
    for name, text in (("metrics.csv", metrics), ("config.yaml", config)):
        if text is not None:
            (path / name).write_text(text)
    return path


def game(event: str, white: str, black: str, result: str) -> str:
    return f'[Event "{event}"]\n[White "{white}"]\n[Black "{black}"]\n[Result "{result}"]\n\n1. e4 {result}\n\n'


def test_columns_filled_in_the_same_rows_make_a_table(tmp_path: Path) -> None:
    evaluations, rollouts = sorted(read_run(run_folder(tmp_path)).tables, key=lambda table: len(table.columns))[::-1]
    assert evaluations.columns == {
        "score/random": [0.5, 0.7], "score_low/random": [0.4, 0.6], "score_high/random": [0.6, 0.8]
    }  # fmt: skip
    assert evaluations.clocks == {"plies": [0, 220], "seconds": [0, 3]}  # step 0 has an evaluation
    assert rollouts.columns == {"length": [7.5, 6.5]}
    assert rollouts.clocks == {"plies": [100, 220], "seconds": [1.5, 3]}


def test_a_clock_that_is_not_logged_is_left_out(tmp_path: Path) -> None:
    [table] = read_run(run_folder(tmp_path, "step,length,total_plies\n1,7,100\n")).tables
    assert table.clocks == {"plies": [100]}


def test_many_rows_are_averaged_in_groups(tmp_path: Path) -> None:
    count = 2 * runs.POINTS + 1  # three rows per point
    metrics = "total_plies,length\n" + "".join(f"{i},{2 * i}\n" for i in range(count))
    [table] = read_run(run_folder(tmp_path, metrics)).tables
    assert table.clocks["plies"][:2] == [1, 4]
    assert table.columns["length"][:2] == [2, 8]
    assert len(table.columns["length"]) == len(table.clocks["plies"]) == 267  # ⌈801 / 3⌉
    assert table.columns["length"][-1] == 2 * (798 + 799 + 800) / 3


def test_a_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    run = read_run(run_folder(tmp_path, HEADER + ROWS + "5,2,,,,6.1,33"))  # the value may still become 330
    assert run.latest("total_plies") == 220


def test_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    run = read_run(run_folder(tmp_path, "total_plies,length,note\n1,nan,a\n2,inf,b\n3,5,c,more\n"))
    assert run.rows == [{"total_plies": 1}, {"total_plies": 2}, {"total_plies": 3, "length": 5}]


@pytest.mark.parametrize(("seconds", "going"), [(0, True), (50, True), (100, False)])
def test_a_run_whose_last_row_is_fresh_may_be_going_on(tmp_path: Path, seconds: float, going: bool) -> None:
    folder = run_folder(tmp_path)
    then = time.time() - seconds
    os.utime(folder / "metrics.csv", (then, then))
    os.utime(folder / "config.yaml", (then - 3, then - 3))  # three rows, one per second
    assert read_run(folder).in_progress == going


def test_a_slow_run_is_given_the_time_of_three_rows(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    then = time.time() - 1000
    os.utime(folder / "metrics.csv", (then, then))
    os.utime(folder / "config.yaml", (then - 3 * 400, then - 3 * 400))
    assert read_run(folder).in_progress


def test_no_metrics_yet(tmp_path: Path) -> None:
    run = read_run(run_folder(tmp_path, metrics=None))
    assert (run.rows, run.tables, run.idle, run.in_progress) == ([], [], None, False)
    assert read_run(run_folder(tmp_path, metrics="")).tables == []


def test_settings_by_dotted_names(tmp_path: Path) -> None:
    config = "seed: 1\nmodel: {clip: 0.2, betas: [0.9, 1]}\ncallbacks:\n- a: 1\n- {}\n"
    assert read_run(run_folder(tmp_path, config=config)).settings == {
        "seed": "1", "model.clip": "0.2", "model.betas": "0.9, 1", "callbacks.0.a": "1", "callbacks.1": "{}"
    }  # fmt: skip


def test_an_empty_config_has_no_settings(tmp_path: Path) -> None:
    assert read_run(run_folder(tmp_path, config="")).settings == {}


@pytest.mark.parametrize(
    "config", ["a: [", "just words", "a: !!python/name:os.system", "z: 2001-99-99", "z: &z [*z]", "[" * 100_000]
)
def test_a_damaged_config_is_refused_by_name(tmp_path: Path, config: str) -> None:
    with pytest.raises(ValueError, match=r"config\.yaml (can't be read as YAML|must hold a mapping)"):
        read_run(run_folder(tmp_path, config=config))


def test_a_config_that_is_a_link_is_refused(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, config=None)
    (tmp_path / "private").write_text("token: secret\n")
    (folder / "config.yaml").symlink_to(tmp_path / "private")
    with pytest.raises(ValueError, match=r"config\.yaml is a symbolic link, so its text is not shown"):
        read_run(folder)


def test_what_no_run_writes_is_left_out_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's folder may hold links, pipes and endless files in the place of games."""
    (tmp_path / "metrics.csv").write_text("step\n")
    games = tmp_path / "games"
    games.mkdir()
    (games / "against-a-000001.pgn").symlink_to("/dev/zero")
    (games / "against-b-000001.pgn").mkdir()
    os.mkfifo(games / "rollout-000001.pgn")
    with (games / "rollout-000002.pgn").open("wb") as file:
        file.truncate(1 << 40)
    assert sample_games(tmp_path, 9) == []
    os.mkfifo(tmp_path / "last.safetensors")
    with pytest.raises(files.PolicyFileError):
        files.resolve(tmp_path)
    with (tmp_path / "metrics.csv").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match=r"metrics\.csv must have at most 268,435,456 bytes, got 1,099,511,627,776"):
        read_run(tmp_path)
    (tmp_path / "metrics.csv").unlink()
    (tmp_path / "private").write_text("step\n")
    (tmp_path / "metrics.csv").symlink_to(tmp_path / "private")
    with pytest.raises(ValueError, match=r"metrics\.csv is a symbolic link"):
        read_run(tmp_path)


def test_the_last_evaluation_after_a_million_updates(tmp_path: Path) -> None:
    (tmp_path / "games").mkdir()
    for updates in (999_984, 1_000_016):
        text = game(f"after {updates}", "policy", "random", "1-0")
        (tmp_path / f"games/against-random-{updates:06}.pgn").write_text(text)
    [shown] = sample_games(tmp_path, 9)
    assert shown.headers["Event"] == "after 1000016"


def test_a_resumed_run_is_as_slow_as_before(tmp_path: Path) -> None:
    rows = "".join(f"{k},{100 * k}\n" for k in range(1, 31))
    (tmp_path / "metrics.csv").write_text(f"step,total_seconds\n{rows}")
    (tmp_path / "config.yaml").write_text("seed_everything: 1\n")  # written again when the run was resumed
    assert read_run(tmp_path).pace == 100


def test_what_is_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"not a run folder; expected a folder with metrics\.csv or config\.yaml"):
        read_run(tmp_path)
    with pytest.raises(ValueError, match="is not a folder; expected a run folder"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"metrics\.csv is damaged"):
        read_run(run_folder(tmp_path, metrics=f"{'x' * 200_000}\n"))


def test_games_of_the_last_evaluation_won_and_not(tmp_path: Path) -> None:
    games = tmp_path / "games"
    games.mkdir()
    (games / "against-random-000010.pgn").write_text(game("early", "policy", "random", "1-0"))
    (games / "against-random-000200.pgn").write_text(
        game("a", "policy", "random", "1/2-1/2")
        + game("b", "random", "policy", "1-0")
        + game("c", "random", "policy", "0-1")
        + game("d", "policy", "random", "1-0")
    )
    (games / "against-greedy-000200.pgn").write_text(game("e", "greedy", "policy", "*"))
    for number in (0, 10, 20):
        (games / f"rollout-{number:06}.pgn").write_text(2 * game(f"rollout {number}", "?", "?", "*"))
    events = [game.headers["Event"] for game in sample_games(tmp_path, 10)]
    assert events == ["e", "c", "a", "rollout 20", "rollout 0"]
    assert [game.headers["Event"] for game in sample_games(tmp_path, 3)] == ["e", "rollout 20", "rollout 0"]
    assert len(sample_games(tmp_path, 1)) == 1


def test_one_rollout_is_shown_once(tmp_path: Path) -> None:
    (tmp_path / "games").mkdir()
    (tmp_path / "games" / "rollout-000000.pgn").write_text(2 * game("only", "?", "?", "*"))
    assert len(sample_games(tmp_path, 10)) == 1
    assert sample_games(tmp_path / "nowhere", 10) == []
