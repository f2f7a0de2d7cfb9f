"""The folder of a run: one training at a time, and a new run begins there only if nothing is lost by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chesspg.storage.lock import Busy, at_work, new_run, sole_writer


def test_a_new_folder_has_one_writer(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    with new_run(folder):
        assert at_work(folder)
        with pytest.raises(Busy, match="a training is at work in"), new_run(folder):
            pass
        (folder / "last.ckpt").touch()
    assert not at_work(folder)


def test_what_was_ended_before_its_first_checkpoint_is_begun_anew(tmp_path: Path) -> None:
    for name in ("config.yaml", "init.safetensors", "metrics.csv", "events.out.tfevents.1.host", ".last.ckpt.1.tmp"):
        (tmp_path / name).touch()
    (tmp_path / "games").mkdir()
    (tmp_path / "games" / "rollout-000000.pgn").touch()
    with new_run(tmp_path):
        assert [path.name for path in tmp_path.iterdir() if path.name != ".lock"] == []


@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt", "last.safetensors", "mine.txt"])
def test_what_would_be_lost_is_kept(name: str, tmp_path: Path) -> None:
    for known in ("config.yaml", name):
        (tmp_path / known).touch()
    message = "exists already; name another folder, or continue it with --resume"
    with pytest.raises(ValueError, match=message), new_run(tmp_path):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"config.yaml", name}


@pytest.mark.parametrize(
    "name", ["games/mine.pgn", "lightning_logs/version_0/checkpoints/mine.ckpt", "pool/a", "wandb/a"]
)
def test_folders_of_other_programs_are_kept(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match="exists already; name another folder"), new_run(tmp_path):
        pass
    assert (tmp_path / name).is_file()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_is_no_folder_to_begin_in(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with (
        pytest.raises(ValueError, match=r"--run must name a new folder, got .*/run, which is something else"),
        new_run(tmp_path / "run"),
    ):
        pass
    with (
        pytest.raises(ValueError, match=r"--run: the folder .*/run/deeper can't be made: Not a directory"),
        new_run(tmp_path / "run" / "deeper"),
    ):
        pass


def test_a_run_that_has_not_begun_to_write_is_at_work_too(tmp_path: Path) -> None:
    with sole_writer(tmp_path), pytest.raises(Busy), new_run(tmp_path):
        pass
