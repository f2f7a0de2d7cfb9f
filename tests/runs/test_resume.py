"""A run that was killed, stopped or finished continues as if it had not ended, or reports why it can't."""

from __future__ import annotations

import re
import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from preloaded import Started
from training_runs import (
    CLOCKED,
    SMALL_CHESS,
    assert_same_weights,
    contents,
    end_of,
    metrics,
    rollouts,
    train,
    wait_for,
)

from chesspg.arena.default_player import newest_run
from chesspg.learning import losses
from chesspg.policy import files
from chesspg.training.checkpoints import AtomicCheckpointIO, read_checkpoint

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"),
]

Start = Callable[..., Started]


@pytest.mark.parametrize(
    ("recipe", "k", "line"),
    [("small", 3, "--config small.yaml --data.games 512"), ("chess", 2, "--config chess.yaml --data.games 16")],
)
def test_a_killed_and_resumed_run_ends_with_the_same_bits(
    recipe: str, k: int, line: str, folder: Path, start: Start
) -> None:
    (folder / "chess.yaml").write_text(SMALL_CHESS)
    straight, killed = folder / "straight", folder / "killed"
    process = start(*shlex.split(f"{line} --run killed --trainer.max_epochs {2 * k}"))
    wait_for(process, lambda: len(rollouts(killed)) >= k)
    time.sleep(0.05)  # into the next rollout, which takes longer: its games or its updates
    process.kill()
    assert end_of(process)[2] == -signal.SIGKILL
    done = read_checkpoint(killed / "last.ckpt")["chesspg"]["played"]["rollouts"]
    assert k <= done < 2 * k

    assert train("--resume killed") == 0
    assert train(f"{line} --run straight --trainer.max_epochs {2 * k}") == 0
    assert_same_weights(straight, killed)
    assert [row["epoch"] for row in rollouts(killed)] == [str(i) for i in range(2 * k)]
    for one, other in zip(rollouts(straight), rollouts(killed), strict=True):
        assert {name for name in one if one[name] != other[name]} <= CLOCKED
    assert sorted(path.name for path in (straight / "games").iterdir()) == sorted(
        path.name for path in (killed / "games").iterdir()
    )


@pytest.mark.parametrize("baseline", ["running_mean", "leave_one_out"])
def test_a_resumed_run_goes_on_with_its_baseline(baseline: str, folder: Path) -> None:
    line = (
        f"--config small.yaml --model.advantages.baseline {baseline} --model.advantages.gae_lambda null "
        "--model.advantages.normalize true"
    )
    assert train(f"{line} --run parts --trainer.max_epochs 1") == 0
    for rollouts_in_all in (2, 4):
        assert train(f"--resume parts --trainer.max_epochs {rollouts_in_all}") == 0
    assert train(f"{line} --run straight") == 0
    assert_same_weights(folder / "straight", folder / "parts")


def test_resume_from_before_the_first_update(folder: Path, straight: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_power(*args: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(losses, "clipped_ratio_loss", no_power)  # in the first rollout's first update
        with pytest.raises(RuntimeError, match="power cut"):
            train("--config small.yaml --run cut")
    saved = read_checkpoint(folder / "cut/last.ckpt")
    assert (saved["global_step"], saved["chesspg"]["played"]["rollouts"]) == (0, 0)
    assert files.read_header(folder / "cut").facts["updates"] == 0

    assert train("--resume cut") == 0
    assert_same_weights(straight, folder / "cut")
    lines = (folder / "cut/metrics.csv").read_text().splitlines()
    assert len(lines) == 1 + 1 + 4  # the header, the evaluation before training, which is not repeated, 4 rollouts


@pytest.mark.parametrize("rollouts_done", [0, 1, 2, 3])
def test_a_power_cut_behind_a_checkpoint_keeps_its_row(
    rollouts_done: int, folder: Path, straight: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lightning logs an epoch only after its checkpoint."""

    class PowerCut(BaseException):
        pass

    def save(self: AtomicCheckpointIO, checkpoint: dict[str, Any], path: Path, *args: Any, **kwargs: Any) -> None:
        saved(self, checkpoint, path, *args, **kwargs)
        if Path(path).name == "last.ckpt" and checkpoint["chesspg"]["played"]["rollouts"] == rollouts_done:
            raise PowerCut

    saved = AtomicCheckpointIO.save_checkpoint
    with monkeypatch.context() as patch:
        patch.setattr(AtomicCheckpointIO, "save_checkpoint", save)
        with pytest.raises(PowerCut):
            train("--config small.yaml --run cut")
    assert train("--resume cut") == 0
    assert metrics(folder / "cut") == metrics(straight)
    assert len(metrics(folder / "cut")) == 1 + 4  # the evaluation before training has a separate row


def test_resume_drops_the_rows_of_what_was_lost(folder: Path) -> None:
    assert train("--config small.yaml --run run --trainer.max_epochs 2") == 0
    path = folder / "run/metrics.csv"
    header, *rows = path.read_text().splitlines()
    step = header.split(",").index("step")
    later = rows[-1].split(",")
    later[step] = "17"  # of a third rollout, whose updates 12 to 17 are in no checkpoint
    path.write_text("\n".join([header, *rows, ",".join(later), rows[-1][:9]]) + "\n")  # and half a row
    assert train("--resume run --trainer.max_epochs 4") == 0
    assert [row["epoch"] for row in rollouts(folder / "run")] == ["0", "1", "2", "3"]
    assert path.read_text().splitlines()[1].split(",")[step] == "0"


def test_resume_of_a_finished_run_says_how_to_go_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--config small.yaml --run run --trainer.max_epochs 2") == 0
    before = contents(folder)
    capsys.readouterr()
    written = (folder / "run/metrics.csv").stat().st_mtime_ns
    assert train("--resume run") == 2
    assert (
        capsys.readouterr().err == "error: all 2 rollouts are done; to continue, add --trainer.max_epochs N, above 2\n"
    )
    assert contents(folder) == before
    assert (folder / "run/metrics.csv").stat().st_mtime_ns == written
    assert train("--resume run --trainer.max_epochs 3") == 0
    assert len(rollouts(folder / "run")) == 3


def test_resume_of_a_run_whose_time_is_spent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--config small.yaml --run run --trainer.max_epochs null --trainer.max_time 00:00:00:01") == 0
    assert len(rollouts(folder / "run")) >= 1
    capsys.readouterr()
    assert train("--resume run") == 2
    message = re.fullmatch(
        r"error: the run's time is over; to continue, add --trainer.max_time DD:HH:MM:SS, above (\d+) seconds\n",
        capsys.readouterr().err,
    )
    assert message is not None
    before = len(rollouts(folder / "run"))
    assert train(f"--resume run --trainer.max_time 00:00:00:{int(message[1]) + 1:02}") == 0
    assert len(rollouts(folder / "run")) > before


def test_what_is_changed_as_a_run_goes_on_stays_so(folder: Path) -> None:
    assert train("--config small.yaml --run run --trainer.max_epochs 1") == 0
    own = yaml.safe_load((folder / "run/config.yaml").read_text())
    assert train("--resume run --trainer.max_epochs 2 --model.loss.entropy_weight 0.125") == 0
    own["trainer"]["max_epochs"], own["model"]["loss"]["entropy_weight"] = 2, 0.125
    assert yaml.safe_load((folder / "run/config.yaml").read_text()) == own
    assert train("--resume run --trainer.max_epochs 3") == 0
    own["trainer"]["max_epochs"] = 3
    assert yaml.safe_load((folder / "run/config.yaml").read_text()) == own


def test_updates_are_counted_in_whole_rollouts_of_a_run_that_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With Lightning's own max_steps, a resumed run would take one batch of its next rollout."""
    line = "--config small.yaml --data.updates 3 --data.passes 1 --trainer.max_epochs null --trainer.max_steps"
    assert train(f"{line} 6 --run parts") == 0
    capsys.readouterr()
    assert train("--resume parts") == 2
    assert (
        capsys.readouterr().err == "error: all 2 rollouts are done; to continue, add --trainer.max_steps N, above 6\n"
    )
    assert train("--resume parts --trainer.max_steps 12") == 0
    assert train(f"{line} 12 --run straight") == 0
    assert_same_weights(folder / "straight", folder / "parts")
    assert [row["epoch"] for row in rollouts(folder / "parts")] == ["0", "1", "2", "3"]


def test_resume_keeps_the_optimizer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its state, with the learning rate, is the checkpoint's: another one is refused, not silently ignored."""
    assert train("--config small.yaml --run run --trainer.max_epochs 1") == 0
    before = contents(folder)
    for field in ("--model.optimizer.lr 0.5", "--model.lr_scheduler torch.optim.lr_scheduler.ExponentialLR"):
        name = field.split()[0].split(".")[1]
        capsys.readouterr()
        assert train(f"--resume run --trainer.max_epochs 2 {field}") == 2
        assert capsys.readouterr().err == (
            f"error: a resumed run must keep its model.{name}, whose state the checkpoint holds; to change it, start a "
            "new run from its policy: --config run/config.yaml --init run\n"
        )
    assert contents(folder) == before
    own = (folder / "run/config.yaml").read_text()
    (folder / "run/config.yaml").write_text(own.replace("lr: ", "lr: 9"))  # by hand
    capsys.readouterr()
    assert train("--resume run --trainer.max_epochs 2") == 2
    message = "the checkpoint must be of the optimizer Adam with a learning rate of 9"
    assert message in capsys.readouterr().err
    (folder / "run/config.yaml").write_text(own)
    rate = read_checkpoint(folder / "run/last.ckpt")["optimizer_states"][0]["param_groups"][0]["lr"]
    assert train(f"--resume run --trainer.max_epochs 2 --model.optimizer.lr {rate}") == 0  # the rate of the run
    assert train("--config run/config.yaml --init run --run other --model.optimizer.lr 0.5 --trainer.max_epochs 1") == 0


def test_a_run_without_its_last_policy_file_is_resumed(folder: Path, straight: Path) -> None:
    assert train("--config small.yaml --run run --trainer.max_epochs 2") == 0
    (folder / "run/last.safetensors").unlink()
    halves = [
        folder / "run" / name for name in (".last.ckpt.9.tmp", "games/.rollout-000000.pgn.9.tmp", "pool/.x.9.tmp")
    ]
    for half in halves:  # as a kill in the middle of a write leaves it
        half.touch()
    assert train("--resume run --trainer.max_epochs 4") == 0
    assert not any(half.exists() for half in halves)
    assert_same_weights(straight, folder / "run")


def test_a_run_that_was_ended_before_its_first_checkpoint_is_begun_anew(
    folder: Path, straight: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_power(*arguments: Any, **more: Any) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(AtomicCheckpointIO, "save_checkpoint", no_power)
        with pytest.raises(RuntimeError, match="power cut"):
            train("--config small.yaml --run checkpoints/cut")
    assert newest_run() is None
    capsys.readouterr()
    assert train("--resume checkpoints/cut") == 2
    assert capsys.readouterr().err == (
        "error: there is nothing to resume in checkpoints/cut: it has no last.ckpt; "
        "--config checkpoints/cut/config.yaml --run checkpoints/cut starts it again\n"
    )
    assert train("--config checkpoints/cut/config.yaml --run checkpoints/cut") == 0  # as the message says
    assert_same_weights(straight, folder / "checkpoints/cut")
    assert metrics(straight) == metrics(folder / "checkpoints/cut")


def test_a_kill_within_the_first_checkpoint_leaves_it_without_its_policy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_power(*arguments: Any, **more: Any) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", no_power)  # of a policy file
        with pytest.raises(RuntimeError, match="power cut"):
            train("--config small.yaml --run cut --data.opponents null --model.loss.kl_weight 0")
    assert (folder / "cut/last.ckpt").is_file()
    assert train("--resume cut") == 0


def test_a_run_of_version_0_1_goes_on(folder: Path) -> None:
    """Its configuration has other names."""
    assert train("--config small.yaml --run straight --trainer.max_epochs 2") == 0
    assert train("--config small.yaml --run old --trainer.max_epochs 1") == 0
    own = yaml.safe_load((folder / "old/config.yaml").read_text())
    advantages, loss = own["model"].pop("advantages"), own["model"].pop("loss")
    del advantages["discount"]  # which it did not have
    own["model"] |= {"standardise": advantages.pop("normalize"), **advantages, **loss}
    own["trainer"]["callbacks"][0]["class_path"] = "chesspg.training.callbacks.EvaluationMatch"
    (folder / "old/config.yaml").write_text(yaml.safe_dump(own))
    assert train("--resume old --trainer.max_epochs 2") == 0
    assert_same_weights(folder / "straight", folder / "old")
    assert "advantages" in yaml.safe_load((folder / "old/config.yaml").read_text())["model"]
