"""The train command: what a run writes, how it is stopped, killed and resumed, what it refuses, that it learns."""

from __future__ import annotations

import csv
import errno
import os
import pickle
import queue
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

import chess.pgn
import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger
from safetensors.torch import load_file
from tensorboard.summary.writer.record_writer import RecordWriter

from chesspg.arena.default_player import newest_run
from chesspg.games.game import Game
from chesspg.games.randomness import Randomness
from chesspg.learning import estimators
from chesspg.players.player import Turn
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy import files
from chesspg.policy.policy import Policy
from chesspg.train import main
from chesspg.training.checkpoints import AtomicCheckpointIO, read_checkpoint

CONFIGS = Path(__file__).parent.parent / "configs"
Start = Callable[..., subprocess.Popen[str]]

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning")

SMALL_CHESS = """
seed_everything: 5
model:
  network:
    class_path: chesspg.policy.networks.ResidualNet
    init_args: {channels: 8, blocks: 1}
  baseline: leave_one_out
data:
  game: {class_path: chesspg.games.chess.Chess, init_args: {backend: python-chess}}
  games: 32
  max_plies: 60
  material_weight: 0.5
trainer: {accumulate_grad_batches: 3}
"""


class Drawn:
    """Starts that are drawn, all at the beginning."""

    alike = 1

    def positions(self, game: Game, index: NDArray[np.integer[Any]], rng: Randomness) -> list[str]:
        return [""] * len(index)


def descent(parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """What is no class."""
    raise AssertionError("it must not be called")


def train(line: str) -> int:
    """The exit code of the command with these arguments, in this process."""
    try:
        return main(shlex.split(line))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else -1


def assert_same_weights(a: Path, b: Path) -> None:
    one, other = load_file(a / "last.safetensors"), load_file(b / "last.safetensors")
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def rollouts(run: Path) -> list[dict[str, str]]:
    """The rows of metrics.csv that are of a rollout."""
    path = run / "metrics.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row.get("loss")]


# What depends on the clock, and may differ between a run and its like.
CLOCKED = {"sampled_plies_per_s", "learned_plies_per_s", "total_seconds"}


def metrics(run: Path) -> list[dict[str, str]]:
    """All rows of metrics.csv, but what depends on the clock."""
    with (run / "metrics.csv").open(newline="") as file:
        return [{name: text for name, text in row.items() if name not in CLOCKED} for row in csv.DictReader(file)]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def wait_for(process: subprocess.Popen[str], condition: Callable[[], object], seconds: float = 100.0) -> None:
    """Until `condition`, or until the process ends, which it must not."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


def end_of(process: subprocess.Popen[str]) -> tuple[str, str, int]:
    out, error = process.communicate(timeout=100)
    return out, error, process.returncode


# --- Kill and resume -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "k", "line"),
    [("small", 3, "--config small.yaml --data.games 1024"), ("chess", 2, "--config chess.yaml")],
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
    line = f"--config small.yaml --model.baseline {baseline} --model.gae_lambda null --model.standardise true"
    assert train(f"{line} --run parts --trainer.max_epochs 1") == 0
    for rollouts_in_all in (2, 4):
        assert train(f"--resume parts --trainer.max_epochs {rollouts_in_all}") == 0
    assert train(f"{line} --run straight") == 0
    assert_same_weights(folder / "straight", folder / "parts")


def test_resume_from_before_the_first_update(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_power(*args: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(estimators, "clipped_ratio_loss", no_power)  # in the first rollout's first update
        with pytest.raises(RuntimeError, match="power cut"):
            train("--config small.yaml --run cut")
    saved = read_checkpoint(folder / "cut/last.ckpt")
    assert (saved["global_step"], saved["chesspg"]["played"]["rollouts"]) == (0, 0)
    assert files.read_header(folder / "cut").facts["updates"] == 0

    assert train("--resume cut") == 0
    assert train("--config small.yaml --run straight") == 0
    assert_same_weights(folder / "straight", folder / "cut")
    lines = (folder / "cut/metrics.csv").read_text().splitlines()
    assert len(lines) == 1 + 1 + 4  # the header, the evaluation before training, which is not repeated, 4 rollouts


@pytest.mark.parametrize("rollouts_done", [0, 1, 2, 3])
def test_a_power_cut_behind_a_checkpoint_keeps_its_row(
    rollouts_done: int, folder: Path, monkeypatch: pytest.MonkeyPatch
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
    assert train("--config small.yaml --run straight") == 0
    assert metrics(folder / "cut") == metrics(folder / "straight")
    assert len(metrics(folder / "cut")) == 1 + 4  # the evaluation before training has a row of its own


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_by_a_signal(
    number: signal.Signals, folder: Path, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    run = folder / "run"
    process = start(*shlex.split("--config small.yaml --run run --trainer.max_epochs 100000 --data.games 256"))
    wait_for(process, lambda: len(rollouts(run)) >= 2)
    process.send_signal(number)
    out, error, code = end_of(process)
    assert code == 128 + number
    assert "Traceback" not in error
    assert "\nstopped; go on with\npython -m chesspg.train --resume run\n" in out
    assert out.endswith("\nplay it with\npython -m chesspg.play run\n")
    done = read_checkpoint(run / "last.ckpt")["chesspg"]["played"]["rollouts"]
    assert train(f"--resume run --trainer.max_epochs {done + 1}") == 0
    assert [int(row["epoch"]) for row in rollouts(run)] == list(range(done + 1))
    assert capsys.readouterr().out.endswith("play it with\npython -m chesspg.play run\n")


def test_two_trainings_in_one_folder(folder: Path, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder / "run"
    process = start(*shlex.split("--config small.yaml --run run --trainer.max_epochs 100000"))
    wait_for(process, lambda: (run / "last.ckpt").is_file())
    assert train("--resume run") == 2
    assert capsys.readouterr().err == "error: a training is at work in run; wait for its end, or stop it\n"
    before = len(rollouts(run))
    wait_for(process, lambda: len(rollouts(run)) > before)
    process.kill()
    process.wait()
    done = read_checkpoint(run / "last.ckpt")["chesspg"]["played"]["rollouts"]
    assert train(f"--resume run --trainer.max_epochs {done + 1}") == 0  # a kill leaves nothing held


def test_an_interrupt_while_logging_waits_for_what_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard's writer has a thread, and a lock that an exception would leave held."""
    put = queue.Queue.put
    waiting: list[bool] = []

    def interrupted(self: queue.Queue[Any], *args: Any, **kwargs: Any) -> None:
        if not waiting and rollouts(folder / "run"):
            waiting.append(True)
            signal.raise_signal(signal.SIGINT)
            waiting.append(False)  # the signal has not ended this
        put(self, *args, **kwargs)

    monkeypatch.setattr(queue.Queue, "put", interrupted)
    assert train("--config small.yaml --run run --trainer.max_epochs 100000") == 130
    assert waiting == [True, False]


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
    assert capsys.readouterr().err == "error: all 2 rollouts are done; to go on, add --trainer.max_epochs N, above 2\n"
    assert contents(folder) == before
    assert (folder / "run/metrics.csv").stat().st_mtime_ns == written
    assert train("--resume run --trainer.max_epochs 3") == 0
    assert len(rollouts(folder / "run")) == 3


def test_resume_of_a_run_whose_time_is_spent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--config small.yaml --run run --trainer.max_epochs null --trainer.max_time 00:00:00:01") == 0
    assert len(rollouts(folder / "run")) >= 1
    capsys.readouterr()
    assert train("--resume run") == 2
    told = re.fullmatch(
        r"error: its time is spent; to go on, add --trainer.max_time DD:HH:MM:SS, above (\d+) seconds\n",
        capsys.readouterr().err,
    )
    assert told is not None
    before = len(rollouts(folder / "run"))
    assert train(f"--resume run --trainer.max_time 00:00:00:{int(told[1]) + 1:02}") == 0
    assert len(rollouts(folder / "run")) > before


def test_what_is_changed_as_a_run_goes_on_stays_so(folder: Path) -> None:
    assert train("--config small.yaml --run run --trainer.max_epochs 1") == 0
    own = yaml.safe_load((folder / "run/config.yaml").read_text())
    assert train("--resume run --trainer.max_epochs 2 --model.entropy_weight 0.125") == 0
    own["trainer"]["max_epochs"], own["model"]["entropy_weight"] = 2, 0.125
    assert yaml.safe_load((folder / "run/config.yaml").read_text()) == own
    assert train("--resume run --trainer.max_epochs 3") == 0
    own["trainer"]["max_epochs"] = 3
    assert yaml.safe_load((folder / "run/config.yaml").read_text()) == own


def test_updates_are_counted_in_whole_rollouts_of_a_run_that_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lightning's own max_steps has a run that goes on take one batch of its next rollout."""
    line = "--config small.yaml --data.updates 3 --data.passes 1 --trainer.max_epochs null --trainer.max_steps"
    assert train(f"{line} 6 --run parts") == 0
    capsys.readouterr()
    assert train("--resume parts") == 2
    assert capsys.readouterr().err == "error: all 2 rollouts are done; to go on, add --trainer.max_steps N, above 6\n"
    assert train("--resume parts --trainer.max_steps 12") == 0
    assert train(f"{line} 12 --run straight") == 0
    assert_same_weights(folder / "straight", folder / "parts")
    assert [row["epoch"] for row in rollouts(folder / "parts")] == ["0", "1", "2", "3"]


def test_resume_keeps_the_optimiser(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its state is the checkpoint's, learning rate and all: another is refused and not passed over in silence."""
    assert train("--config small.yaml --run run --trainer.max_epochs 1") == 0
    before = contents(folder)
    for field in ("--model.optimizer.lr 0.5", "--model.lr_scheduler torch.optim.lr_scheduler.ExponentialLR"):
        name = field.split()[0].split(".")[1]
        capsys.readouterr()
        assert train(f"--resume run --trainer.max_epochs 2 {field}") == 2
        assert capsys.readouterr().err == (
            f"error: a resumed run keeps its model.{name}, whose state the checkpoint holds; for another, start a run "
            "from its policy: --config run/config.yaml --init run\n"
        )
    assert contents(folder) == before
    own = (folder / "run/config.yaml").read_text()
    (folder / "run/config.yaml").write_text(own.replace("lr: ", "lr: 9"))  # by hand
    capsys.readouterr()
    assert train("--resume run --trainer.max_epochs 2") == 2
    assert "the checkpoint is of another optimiser than" in capsys.readouterr().err
    (folder / "run/config.yaml").write_text(own)
    rate = read_checkpoint(folder / "run/last.ckpt")["optimizer_states"][0]["param_groups"][0]["lr"]
    assert train(f"--resume run --trainer.max_epochs 2 --model.optimizer.lr {rate}") == 0  # what it is anyway
    assert train("--config run/config.yaml --init run --run other --model.optimizer.lr 0.5 --trainer.max_epochs 1") == 0


# --- What a run writes -----------------------------------------------------------------------------------------------


def test_a_run_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "chess.yaml").write_text(SMALL_CHESS)
    (folder / "match.yaml").write_text(
        "trainer: {max_epochs: 2, callbacks: [{class_path: chesspg.training.evaluation.EvaluationMatch, "
        "init_args: {opponents: [random], games: 2, every_n_rollouts: 1}}]}"
    )
    assert train("--config chess.yaml --config match.yaml --run run --data.games 4 --trainer.precision bf16-mixed") == 0
    run = folder / "run"
    names = {path.name for path in run.iterdir()}
    assert {"config.yaml", "last.ckpt", "last.safetensors", "best.ckpt", "best.safetensors", "metrics.csv"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert not any(name.endswith(".tmp") for name in names)

    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["trainer"]["precision"] in (
        "32-true",
        "bf16-mixed",
    )  # chosen once: it goes on with the same elsewhere
    assert config["data"]["games"] == 4  # the command line's
    assert config["model"]["network"]["init_args"] == {"channels": 8, "blocks": 1, "value": False}
    assert config["trainer"]["callbacks"][0]["init_args"]["games"] == 2  # the second --config's

    checkpoint = torch.load(run / "last.ckpt", weights_only=True)
    assert checkpoint["chesspg"]["played"]["games"] == 8  # 2 rollouts of 4
    header = files.read_header(run)
    assert header.facts["updates"] == 2
    assert files.load(run / "best.ckpt").game.name == "chess"
    policy = load_file(run / "last.safetensors")
    for name, tensor in checkpoint["state_dict"].items():
        assert torch.equal(policy[name.removeprefix("policy.network.")], tensor)

    games = sorted(path.name for path in (run / "games").iterdir())
    assert games == [*(f"against-random-{update:06}.pgn" for update in (0, 1, 2)), "rollout-000000.pgn"]
    with (run / "games/rollout-000000.pgn").open() as file:
        for _ in range(4):
            game = chess.pgn.read_game(file)
            assert game is not None
            assert not game.errors
            assert 4 <= game.end().ply() <= 60
        assert chess.pgn.read_game(file) is None

    assert [int(row["step"]) for row in rollouts(run)] == [0, 1]
    row = rollouts(run)[1]
    logged = (
        "seat_0_wins draws truncated length entropy advantage_variance gradient_norm log_prob_difference "
        "sampled_plies_per_s learned_plies_per_s score/random score_low/random ended/stalemate total_games"
    )
    for name in logged.split():
        assert float(row[name]) >= 0, name
    out = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"chess · ResidualNet of [\d,]+ parameters · (32-true|bf16-mixed)", out[0])
    assert out[1] == "run folder  run"
    rows = [line for line in out if re.match(r" +\d+ +\d+ ", line)]
    assert [row.split()[:2] for row in rows] == [["0", "0"], ["1", "4"], ["2", "8"]]
    assert re.fullmatch(r" +0 +0 +\d+ \(\d+–\d+\) +-?\d+ \(-?\d+–-?\d+\)", rows[0])
    assert out[-4::2] == ["see it with", "play it with"]
    assert out[-3::2] == ["python -m chesspg.report run", "python -m chesspg.play run"]


def test_a_run_without_a_name_gets_one(folder: Path) -> None:
    assert train("--config small.yaml --trainer.max_epochs 1") == 0
    (run,) = (folder / "checkpoints").iterdir()
    assert re.fullmatch(r"small-\d{8}-\d{6}", run.name)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ("--config tic_tac_toe --data.game TicTacToe", "tic_tac_toe"),
        ("--config tic_tac_toe --data.game chesspg.games.tic_tac_toe.TicTacToe", "tic_tac_toe"),
        ("--config chess_plain --data.game TicTacToe", "tic_tac_toe"),
        ("--config chess_plain --data.game=chesspg.games.tic_tac_toe.TicTacToe", "tic_tac_toe"),
        ("--config chess_plain --data.game.class_path chesspg.games.tic_tac_toe.TicTacToe", "tic_tac_toe"),
        ("--config chess_plain --data.game.init_args.variant atomic", "chess_atomic"),
        ("--config chess_plain --data.games 2", "chess_plain"),
    ],
)
def test_a_run_of_another_game_than_the_recipes_is_named_after_it(options: str, name: str, folder: Path) -> None:
    line = f"{options} --model.network chesspg.policy.networks.MLP --model.network.init_args.hidden [2]"
    rest = "--trainer.callbacks [] --trainer.max_epochs 1 --data.games 2 --data.max_plies 4 --data.updates 1"
    assert train(f"{line} {rest} --trainer.accumulate_grad_batches 1") == 0
    (run,) = (folder / "checkpoints").iterdir()
    assert re.fullmatch(rf"{name}-\d{{8}}-\d{{6}}", run.name)


def test_two_runs_that_begin_in_one_second(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.strftime", lambda form: "20261126-120000")
    for _ in range(3):
        assert train("--config small.yaml --trainer.max_epochs 1") == 0
    names = {run.name for run in (folder / "checkpoints").iterdir()}
    assert names == {f"small-20261126-120000{number}" for number in ("", "-2", "-3")}


# --- Configuration ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", sorted(path.stem for path in CONFIGS.glob("*.yaml")))
def test_every_recipe_trains_by_its_bare_name_from_another_folder(recipe: str, folder: Path) -> None:
    line = f"--config {recipe} --run run --data.games 4 --data.max_plies 20 --trainer.max_epochs 1"
    text = (CONFIGS / f"{recipe}.yaml").read_text()
    if "EvaluationMatch" in text:
        line += " --trainer.callbacks.init_args.games 2"
    if "kl_weight" in text:  # it stays near a policy that another run left
        assert train(line.replace("--run run", "--run first") + " --model.kl_weight 0") == 0
        line += " --init first"
    assert train(line) == 0
    before, after = read_checkpoint(folder / "run/last.ckpt"), rollouts(folder / "run")
    assert before["chesspg"]["played"]["games"] == 4
    assert len(after) == 1
    assert before["global_step"] >= 1
    assert np.isfinite(float(after[0]["gradient_norm"]))  # 0 where no game was decided in so few plies


def test_without_a_progress_bar_and_without_checkpoints(folder: Path) -> None:
    assert (
        train(
            "--config small.yaml --run run --trainer.max_epochs 1 --trainer.enable_progress_bar false "
            "--trainer.enable_checkpointing false"
        )
        == 0
    )
    assert not list(folder.glob("run/*.ckpt"))


def test_init_starts_from_a_policy_and_a_resumed_run_needs_no_more_than_its_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("--config small.yaml --run teacher --trainer.max_epochs 1")
    line = "--config small.yaml --model.kl_weight 0.1 --init teacher"
    train(f"{line} --run whole")
    weights = load_file(folder / "teacher/last.safetensors")
    assert all(
        torch.equal(tensor, weights[name]) for name, tensor in load_file(folder / "whole/init.safetensors").items()
    )
    assert float(rollouts(folder / "whole")[0]["kl_to_init"]) < float(rollouts(folder / "whole")[-1]["kl_to_init"])
    train(f"{line} --run parts --trainer.max_epochs 2")
    shutil.rmtree(folder / "teacher")
    train("--resume parts --trainer.max_epochs 4")
    assert_same_weights(folder / "whole", folder / "parts")
    capsys.readouterr()
    assert train("--config small.yaml --model.network.init_args.hidden [8] --run other --init whole") == 2
    error = capsys.readouterr().err
    advice = "--model.network.init_args.hidden '[16]'"
    assert error == f"error: whole: its network has hidden [16], the training's [8]; add {advice}\n"
    assert not (folder / "other").exists()
    last = "--config small.yaml --model.network.init_args.hidden [8] --trainer.max_epochs 1"
    assert train(f"{last} --run other --init whole {advice}") == 0


@pytest.mark.parametrize("value", ["value", "none"])
def test_the_advice_for_another_network_makes_the_same_command_work(
    value: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "small_chess.yaml").write_text(SMALL_CHESS)
    few = "--data.games 2 --data.max_plies 2 --trainer.max_epochs 1"
    assert train(f"--config small_chess.yaml {few} --run teacher") == 0
    capsys.readouterr()
    mlp = "--model.network chesspg.policy.networks.MLP --model.network.init_args.value true"
    line = f"--config small_chess.yaml {few} {mlp} --model.baseline {value} --init teacher --run run"
    assert train(line) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: teacher: its network is ResidualNet, the training's is MLP; add --model.network")
    assert "--model.network.init_args.channels 8 --model.network.init_args.blocks 1" in error
    assert ("--model.baseline running_mean" in error) == (value == "value")
    assert train(f"{line} {error.partition('; add ')[2]}") == 0


def test_starts_that_are_drawn(folder: Path) -> None:
    assert train("--config small.yaml --run run --trainer.max_epochs 1 --data.starts test_train.Drawn") == 0
    kept = yaml.safe_load((folder / "run/config.yaml").read_text())
    assert kept["data"]["starts"]["class_path"] == "test_train.Drawn"
    assert train("--resume run --trainer.max_epochs 2") == 0


def test_starts_that_are_drawn_for_several_games_have_others_alike(folder: Path) -> None:
    line = "--config small.yaml --run run --trainer.max_epochs 1 --model.baseline leave_one_out --model.gae_lambda null"
    armies = '{"class_path": "chesspg.games.chess.starts.UnevenArmies", "init_args": {"share": 1.0, "alike": 4}}'
    assert train(f"{line} --data.game chesspg.games.chess.Chess --data.max_plies 3 --data.starts '{armies}'") == 0


def test_any_field_can_be_overridden(folder: Path) -> None:
    line = (
        "--config small.yaml --run run --trainer.max_epochs 1 --seed_everything 11 "
        "--model.network chesspg.policy.networks.MLP --model.network.init_args.hidden [5,6] "
        "--model.optimizer torch.optim.SGD --model.optimizer.lr 0.5 --model.baseline none --model.gae_lambda null "
        '--data.starts ["x2/1o1/3 x","3/3/2x o"] --data.passes 1 --data.updates 1'
    )
    assert train(line) == 0
    checkpoint = read_checkpoint(folder / "run/last.ckpt")
    assert checkpoint["state_dict"]["policy.network.body.2.weight"].shape == (6, 5)
    assert checkpoint["optimizer_states"][0]["param_groups"][0]["initial_lr"] == 0.5
    assert yaml.safe_load((folder / "run/config.yaml").read_text())["data"]["starts"][1] == "3/3/2x o"


@pytest.mark.parametrize("short", ["--config", "-c"])
def test_print_config_is_complete(short: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([short, "tic_tac_toe", "--data.games", "7", "--print_config"])
    assert ended.value.code == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["seed_everything"] == 1
    assert printed["data"]["games"] == 7
    assert printed["model"]["network"]["class_path"] == "chesspg.policy.networks.MLP"
    assert {"gae_lambda", "standardise", "clip", "lr_scheduler", "temperature"} <= printed["model"].keys()
    assert {"updates", "passes", "max_plies", "starts", "material_weight"} <= printed["data"].keys()
    assert {"max_epochs", "gradient_clip_val", "precision", "strategy", "devices"} <= printed["trainer"].keys()
    assert list(folder.iterdir()) == [folder / "small.yaml"]


def test_help_is_complete(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help-all"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for field in ("--resume", "--run", "--config", "--model.baseline", "--model.clip", "--data.games", "--data.starts",
                  "--trainer.max_time", "--trainer.accumulate_grad_batches", "--print_config"):  # fmt: skip
        assert field in text, field
    assert "generalised advantages with the value baseline" in text  # the docstrings are the help
    assert "the ply cap" in text
    assert list(folder.iterdir()) == [folder / "small.yaml"]


# --- Bad input -------------------------------------------------------------------------------------------------------

TOUCH = """'{"class_path": "os.system", "init_args": {"command": "touch x"}}'"""
BAD = {
    "unknown field": ("--data.gamez 3", "--data.gamez"),
    "unknown class": ("--model.network chesspg.policy.networks.Transformer", "Transformer"),
    "unknown argument of a class": ("--model.network.init_args.hiden [3]", "hiden"),
    "bad value": ("--data.games three", "three"),
    "no games": ("--data.games 0", "--data.games must be between 1 and 1,048,576, got 0"),
    "no micro-batch": ("--trainer.accumulate_grad_batches 0", "must be between 1 and 1,048,576, got 0"),
    "no rollout": ("--trainer.max_epochs 0", "--trainer.max_epochs must be at least 1 or -1, got 0"),
    "no such device": ("--trainer.devices 0", "devices"),
    "bad time": ("--trainer.max_time soon", "soon"),
    "illegal start": ('--config chess_quick --data.starts ["8/8/8/8/8/8/8/k6K w - - 0 1","8/8/8/8/8/8/8/7k w - - 0 1"]',
                      "'8/8/8/8/8/8/8/7k w - - 0 1'"),
    "unreadable start": ('--data.starts ["xo/ox"]', "'xo/ox'"),
    "no start": ("--data.starts []", "starts must name at least one position"),
    "one game without others": ("--model.baseline leave_one_out --model.gae_lambda null --data.games 1", "two games"),
    "starts without others": ("--model.baseline leave_one_out --model.gae_lambda null --data.games 3 "
                              "--data.opponents null "
                              '--data.starts ["3/3/3 x","3/3/2x o"]', "1 of 2 groups"),
    "opponents without others": ("--model.baseline leave_one_out --model.gae_lambda null --data.games 10",
                                 "2 of 6 groups"),
    "starts that never come again": ("--model.baseline leave_one_out --model.gae_lambda null "
                                     "--data.starts test_train.Drawn", "leave_one_out"),
    "no policy to start from": ("--init nowhere", "nowhere"),
    "nothing to stay near": ("--model.kl_weight 0.1", "there is no init"),
    "unknown opponent in the pool": ("--data.opponents.players '{kasparov: 0.1}'", "unknown player 'kasparov'"),
    "more games than all": ("--data.opponents.players '{random: 0.8}'", "0.8 (random) + 0.3 (earlier policies)"),
    "no room in the pool": ("--data.opponents.size 0", "size must be between 1 and 1,024, got 0"),
    "gae without a value baseline": ("--model.baseline none", "gae_lambda needs the value baseline"),
    "value without a value head": ("--model.network.init_args.value false", "value head"),
    "reuse without a ratio": ("--model.clip null", "model.clip"),
    "half of everything": ("--trainer.precision bf16-true", "bf16-true"),
    "an end inside a rollout": ("--data.updates 4 --model.clip 0.2 --trainer.max_steps 6", "max_steps 6"),
    "a start that is over": ('--data.starts ["xxx/oo1/3 o"]', "'xxx/oo1/3 o'"),
    "clipping to nothing": ("--model.clip -1", "--model.clip must be above 0 and at most 1,000, got -1"),
    "more than all of what follows": ("--model.gae_lambda 1.5", "--model.gae_lambda must be between 0 and 1, got 1.5"),
    "temperature 0": ("--model.temperature 0", "--model.temperature must be between 0.01 and 100, got 0"),
    "negative learning rate": ("--model.optimizer.init_args.lr -1", "-1"),
    "a schedule by a metric": ("--model.lr_scheduler torch.optim.lr_scheduler.ReduceLROnPlateau", "ReduceLROnPlateau"),
    "network of another game": ("--model.network chesspg.policy.networks.ResidualNet", "use MLP instead"),
    "unknown opponent": ("--trainer.callbacks.init_args.opponents [kasparov]", "kasparov"),
    "a gate the wrong way round": ("--trainer.callbacks.init_args.gate [10,0]", "the lower first, got 10 and 0"),
    "odd games of evaluation": ("--trainer.callbacks.init_args.games 3", "games is 3"),
    "unknown recipe": ("--config nowhere", "chess_quick"),
    "an existing folder": ("--run there", "--resume there"),
    "a path below a file": ("--run small.yaml/run", "small.yaml/run"),
    "nothing to resume": ("--resume nowhere", "no config.yaml"),
    "no folder to resume in": ("--resume ''", "there is nothing to resume in"),
    "no folder for a run": ("--run ''", "exists already"),
    "an empty run": ("--resume there", "no config.yaml"),
    "resume with a config": ("--resume there --config small.yaml", "leave --config, --init and --run out"),
    "resume from another policy": ("--resume there --init chess_quick", "leave --config, --init and --run out"),
    "parts of rollouts": ("--trainer.limit_train_batches 2", "limit_train_batches is not for rollouts"),
    "no part of rollouts": ("--trainer.limit_train_batches 0", "limit_train_batches is not for rollouts"),
    "one batch of a rollout": ("--trainer.fast_dev_run true", "fast_dev_run is not for rollouts"),
    "no updates": ("--trainer.max_steps 0", "--trainer.max_steps must be at least 1 or -1, got 0"),
    "more games than memory": ("--data.games 1000000000", "--data.games must be between 1 and 1,048,576"),
    "more plies than memory": ("--data.max_plies 100000000000", "--data.max_plies must be between 1 and"),
    "more updates than memory": ("--data.updates 1000000000", "--data.updates must be between 1 and"),
    "a batch in too many parts": ("--trainer.accumulate_grad_batches 1000000000", "must be between 1 and 1,048,576"),
    "a layer too wide": ("--model.network.init_args.hidden [16,1000000]",
                         "--model.network.init_args.hidden must be between 1 and 16,384, got 1000000"),
    "a network too large": ("--config chess_quick --model.network.init_args.channels 16000",
                            "--model.network must have at most 1,073,741,824 parameters, got 9,"),
    "no time": ("--trainer.max_time 00:00:00:00", "max_time must be DD:HH:MM:SS, above 00:00:00:00, got 00:00:00:00"),
    "no time as a mapping": ("--trainer.max_time '{hours: 0}'", "--trainer.max_time must be DD:HH:MM:SS, above"),
    "gradients below nothing": ("--trainer.gradient_clip_val -1", "gradient_clip_val must be at least 0, got -1"),
    "less than no limit": ("--trainer.max_epochs -5", "--trainer.max_epochs must be at least 1 or -1, got -5"),
    "a size that is no number": ("--data.opponents.size .nan", "--data.opponents.size: expected int, got nan"),
    "games that are no number": ("--trainer.callbacks.init_args.games .nan", "games: expected int, got nan"),
    "a wrong plugin": ("--trainer.plugins Hello", "--trainer.plugins: expected list, got Hello"),
    "another way to write checkpoints": ("--trainer.plugins AsyncCheckpointIO", "AtomicCheckpointIO"),
    "others among them": ("--trainer.plugins [AsyncCheckpointIO]", "AtomicCheckpointIO"),
    "a command for an optimizer": (f"--model.optimizer {TOUCH}",
                                   "--model.optimizer must be a subclass of Optimizer, got os.system"),
    "a command by name": ("--model.optimizer os.system", "os.system"),
    "a process for an optimizer": (
        """--model.optimizer '{"class_path": "subprocess.Popen", "init_args": {"args": ["touch", "x"]}}'""", "Popen"),
    "code for an optimizer": ("--model.optimizer.class_path builtins.eval",
                              "--model.optimizer must be a subclass of Optimizer, got builtins.eval"),
    "a command for a schedule": (
        f"--model.lr_scheduler {TOUCH}",
        "--model.lr_scheduler must be a subclass of LRScheduler, got os.system"),
    "a command for a network": (f"--model.network {TOUCH}",
                                "--model.network must be a subclass of Network, got os.system"),
    "a function for an optimizer": ("--model.optimizer test_train.descent",
                                    "--model.optimizer must be a subclass of Optimizer"),
    "a function with a path for an optimizer": ("--model.optimizer.class_path test_train.descent", "--model.optimizer"),
    "a command for a callback": (
        f"--trainer.callbacks {TOUCH}", "os.system"),
    "a command for a logger": (
        f"--trainer.logger {TOUCH}", "os.system"),
    "more games than there are numbers": ("--data.games 99999999999999999999",
                                          "--data.games must be between 1 and 1,048,576, got 99999999999999999999"),
    "a policy for a recipe": ("--config policy.safetensors",
                              "policy.safetensors can't be read as YAML: it is not a text file"),
    "a folder for a recipe": ("--config there", "no recipe 'there': it is a folder; expected a path to a YAML"),
    "an empty recipe": ("--config empty.yaml",
                        "empty.yaml holds no settings; expected a YAML mapping with model, data"),
    "a list for a recipe": ("--config list.yaml", "list.yaml must hold a mapping of settings, got list"),
    "an unknown part of a recipe": ("--config unknown.yaml",
                                    "unknown.yaml: unknown setting modle; did you mean model?"),
    "an unknown field of a recipe": ("--config unknown_field.yaml",
                                     "unknown setting model.optimiser; did you mean model.optimizer?"),
    "a recipe without a game": ("--config nothing.yaml", "the recipe must set model.network and data.game"),
    "tabs in a recipe": ("--config tab.yaml", "tab.yaml can't be read as YAML"),
    "a rate that is no number": ("--model.optimizer.init_args.lr nan", "--model.optimizer.lr: expected float, got nan"),
    "a rate of nan": ("--model.optimizer.init_args.lr .nan",
                      "--model.optimizer.init_args.lr must be between 0 and 1,000, got nan"),
    "an infinite rate": ("--model.optimizer.init_args.lr 1e400", "lr must be between 0 and 1,000, got inf"),
    "moments of nan": ("--model.optimizer.init_args.betas [.nan,0.9]", "betas must be a finite number, got nan"),
    "a schedule of nan": ("--model.lr_scheduler.init_args.gamma .nan", "gamma must be between 0 and 1,000, got nan"),
    "steps of nothing": ("--model.lr_scheduler.init_args.step_size 0",
                         "step_size must be between 1 and 1,048,576, got 0"),
    "a missing argument": ("--config bare.yaml --model.lr_scheduler torch.optim.lr_scheduler.StepLR",
                           "--model.lr_scheduler must set step_size"),
    "a folder that can't be made": ("--run /proc/foo", "--run: the folder /proc/foo can't be made: No such file"),
    "a device for a folder": ("--run /dev/null", "--run must name a folder to make, got /dev/null"),
    "a typo": ("--data.gmaes 12", "unknown option --data.gmaes; did you mean --data.games?"),
    "a typo of a part": ("--modle.clip 1", "unknown option --modle.clip; did you mean --model.clip?"),
    "a typo in a class": ("--model.network.hiddne [3]", "unknown argument hiddne; did you mean hidden?"),
    "a typo in a callback": ("--trainer.callbacks.gmaes 3",
                             "--trainer.callbacks: unknown argument gmaes; did you mean games?"),
    "no option": ("foo", "unexpected argument 'foo'; options begin with --"),
    "a seed of its own": ("--data.seed 3", "--data.seed can't be set; it follows --seed_everything"),
    "a start of its own": ("--model.init there", "--model.init can't be set; it follows --init"),
    "a negative seed": ("--seed_everything -1", "--seed_everything must be between 0 and 4,294,967,295, got -1"),
    "a module that is not there": ("--data.game nowhere_at_all.Game",
                                   "No module named 'nowhere_at_all'; modules are searched in the current folder and"),
    "a game without a module": ("--data.game nim", "--data.game: expected the path of a class, such as"),
    "no opponents": ("--trainer.callbacks.init_args.opponents []", "must be at least one player, such as random"),
    "a network of no kind": ("--model.network chesspg.policy.networks.Network", "must be a subclass of Network, got"),
    "a library that is not there": ("--trainer.strategy deepspeed", "deepspeed"),
    "a temperature too low": ("--model.temperature 1e-300",
                              "--model.temperature must be between 0.01 and 100, got 1e-300"),
    "a huge bonus": ("--model.entropy_weight 1e300", "--model.entropy_weight must be between 0 and 1,000, got 1e+300"),
    "a negative value weight": ("--model.value_weight -1", "--model.value_weight must be between 0 and 1,000, got -1"),
    "clipping by nan": ("--model.clip .nan", "--model.clip must be above 0 and at most 1,000, got nan"),
    "material of nan": ("--data.material_weight .nan", "--data.material_weight must be between -1 and 1, got nan"),
    "a share of nan": ("--data.opponents.share .nan",
                       "--data.opponents.init_args.share must be between 0 and 1, got nan"),
    "a share below nothing": ("--data.opponents.players '{random: -1}'", "players must be between 0 and 1, got -1.0"),
    "armies of nan": ("--config chess_quick --data.starts.share .nan",
                      "--data.starts.init_args.share must be between 0 and 1, got nan"),
    "matches at no temperature": ("--trainer.callbacks.init_args.temperature .nan",
                                  "temperature must be between 0.01 and 100 or 0, got nan"),
    "matches with a negative seed": ("--trainer.callbacks.init_args.seed -1",
                                     "seed must be between 0 and 4,294,967,295"),
    "too many devices": ("--trainer.devices 99999999999999999999",
                         "--trainer.devices must be between 1 and 1,024 or -1"),
    "no validation": ("--trainer.val_check_interval 0", "--trainer.val_check_interval must be above 0 and at most"),
    "never evaluated": ("--trainer.check_val_every_n_epoch 0", "must be between 1 and 1,048,576, got 0"),
    "empty time": ("--trainer.max_time ''", "--trainer.max_time must be DD:HH:MM:SS, above 00:00:00:00, got ''"),
    "time of nan": ("--trainer.max_time '{minutes: .nan}'", "--trainer.max_time must be DD:HH:MM:SS"),
    "another callback of nan": (
        "--trainer.callbacks '[{class_path: pytorch_lightning.callbacks.EarlyStopping, "
        "init_args: {monitor: score/random, min_delta: .nan}}]'", "min_delta must be a finite number, got nan"),
    "half precision": ("--trainer.precision 16", "--trainer.precision must be 32-true or bf16-mixed, got 16"),
    "an old name of a precision": ("--trainer.precision bf16", "must be 32-true or bf16-mixed, got bf16"),
    "no such precision": ("--trainer.precision fast", "fast"),
    "an accelerator that is not for this": ("--trainer.accelerator tpu",
                                            "--trainer.accelerator must be cpu, gpu or auto, got tpu"),
    "no such accelerator": ("--trainer.accelerator cup", "--trainer.accelerator must be cpu, gpu or auto, got cup"),
    "two matches that differ in games alone": (
        "--trainer.callbacks '[{class_path: chesspg.EvaluationMatch, init_args: {opponents: [random], games: 2}}, "
        "{class_path: chesspg.EvaluationMatch, init_args: {opponents: [random], games: 4}}]'",
        "two EvaluationMatch would both log score/random; give them different opponents"),
    "a look at scores that are not new": (
        "--trainer.callbacks '[{class_path: chesspg.EvaluationMatch, init_args: {games: 2, every_n_rollouts: 2}}, "
        "{class_path: pytorch_lightning.callbacks.EarlyStopping, init_args: {monitor: score/random}}]'",
        "EarlyStopping monitors 'score/random' but would look more often"),
    "no such baseline": ("--model.baseline leave-one-out", "--model.baseline"),
    "more than policy files hold": ("--trainer.precision 64-true", "must be 32-true or bf16-mixed, got 64-true"),
}  # fmt: skip


RECIPES = {
    "empty.yaml": "# nothing",
    "list.yaml": "- 1",
    "unknown.yaml": "modle: {}",
    "unknown_field.yaml": "model: {optimiser: torch.optim.Adam}",
    "nothing.yaml": "model: {}",
    "tab.yaml": "model:\n\tbaseline: value",
    "bare.yaml": "model: {network: chesspg.policy.networks.MLP}\ndata: {game: chesspg.games.tic_tac_toe.TicTacToe}",
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line, said = BAD[case]
    (folder / "there").mkdir()
    (folder / "there/mine.txt").write_text("mine")
    for name, text in RECIPES.items():
        if name in line:
            (folder / name).write_text(text)
    if "policy.safetensors" in line:
        (folder / "policy.safetensors").write_bytes(bytes(range(256)))
    names = sorted(path.name for path in folder.iterdir())
    if "--resume" not in line:
        line = ("" if "--config" in line else "--config small.yaml ") + ("" if "--run" in line else "--run run ") + line
    before = contents(folder)
    assert train(line) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert len(error) <= len("error: ") + 300 + len("\n")
    assert said in error
    assert contents(folder) == before
    assert sorted(path.name for path in folder.iterdir()) == names


def test_bad_input_to_the_real_command(folder: Path, start: Start) -> None:
    out, error, code = end_of(start("--config", "tic_tac_toe", "--model.temperature", "0"))
    assert (out, code) == ("", 2)
    assert error == "error: --model.temperature must be between 0.01 and 100, got 0.0\n"
    assert list(folder.iterdir()) == [folder / "small.yaml"]


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("hacked",)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "truncated checkpoint": ("last.ckpt", _truncate),
    "empty checkpoint": ("last.ckpt", lambda path: path.write_bytes(b"")),
    "noise for a checkpoint": ("last.ckpt", lambda path: path.write_bytes(b"not a checkpoint")),
    "another file of torch": ("last.ckpt", lambda path: torch.save({"state_dict": {}}, path)),
    "a pickle with code": ("last.ckpt", lambda path: path.write_bytes(pickle.dumps(_Code()))),
    "a checkpoint with code": ("last.ckpt", lambda path: torch.save({"state_dict": _Code()}, path)),
    "a checkpoint that is gone": ("last.ckpt", Path.unlink),
    "a truncated member": ("pool", lambda path: _truncate(max(path.iterdir()))),
    "a member that is gone": ("pool", lambda path: max(path.iterdir()).unlink()),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, recipe: str) -> dict[str, bytes]:
    """The files of a run of two rollouts."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "small.yaml").write_text(recipe)
    assert train(f"--config {folder}/small.yaml --run {folder}/run --trainer.max_epochs 2") == 0
    return contents(folder / "run")


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_run_is_not_resumed(
    case: str, finished: dict[str, bytes], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in finished.items():
        (folder / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "run" / name).write_bytes(content)
    name, damage = DAMAGE[case]
    damage(folder / "run" / name)
    before = contents(folder)
    assert train("--resume run --trainer.max_epochs 9") == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert name in error
    assert contents(folder) == before
    assert not (folder / "hacked").exists()


@pytest.mark.parametrize("damage", [_truncate, lambda path: path.write_bytes(b""), Path.unlink])
def test_a_run_goes_on_without_its_policy_file(
    damage: Callable[[Path], object], finished: dict[str, bytes], folder: Path
) -> None:
    """The checkpoint has all that is in it, and the next one writes it again."""
    for name, content in finished.items():
        (folder / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "run" / name).write_bytes(content)
    damage(folder / "run" / "last.safetensors")
    assert train("--resume run --trainer.max_epochs 3") == 0
    assert files.read_header(folder / "run" / "last.safetensors").facts["rollouts"] == 3


def test_resume_with_another_network(
    finished: dict[str, bytes], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in finished.items():
        (folder / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "run" / name).write_bytes(content)
    assert train("--resume run --trainer.max_epochs 9 --model.network.init_args.hidden [7]") == 2
    assert capsys.readouterr().err.startswith("error: the checkpoint does not fit the model")


# --- Files that can't be written --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "rollouts_done"),
    [("config.yaml", 0), ("metrics.csv", 1), ("last.ckpt", 1), ("last.safetensors", 1), ("best.ckpt", 2),
     ("games/rollout-000000.pgn", 0), ("games/against-previous-000012.pgn", 1), ("pool/000002", 1)],
)  # fmt: skip
def test_a_full_disk_is_one_line_and_the_run_goes_on_with_room(
    named: str, rollouts_done: int, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if Path(named).name in path and len(rollouts(folder / "full")) >= rollouts_done:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        synced(descriptor)

    synced = os.fsync
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert train("--config small.yaml --run full") == 2
    assert not list((folder / "full").rglob("*.tmp"))
    resumable = (folder / "full/last.ckpt").is_file()
    assert resumable or rollouts_done == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert re.match(rf"error: full/{named}.*: No space left on device", lines[0])
    if named != "config.yaml":  # before which there is nothing
        assert ("go on with  python -m chesspg.train --resume full" if resumable else "begins anew") in lines[0]

    assert train("--resume full" if resumable else "--config small.yaml --run full") == 0
    assert train("--config small.yaml --run straight") == 0
    assert_same_weights(folder / "straight", folder / "full")
    assert metrics(folder / "straight") == metrics(folder / "full")


def test_a_full_disk_under_another_thread_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(self: RecordWriter, data: bytes) -> None:
        if rollouts(folder / "run"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, data)

    write = RecordWriter.write
    with monkeypatch.context() as patch:
        patch.setattr(RecordWriter, "write", full)
        assert train("--config small.yaml --run run") == 2
    assert capsys.readouterr().err == (
        "error: run/events.out.tfevents: No space left on device; go on with  python -m chesspg.train --resume run\n"
    )
    assert train("--resume run") == 0


def _replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


GONE: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (shutil.rmtree, "run: the run's folder was moved or deleted\n"),
    "renamed": (lambda run: run.rename("moved"), "run: the run's folder was moved or deleted\n"),
    "a checkpoint that is a folder": (lambda run: _replace_by_folder(run / "last.ckpt"),
                                      "run/last.ckpt: Is a directory"),
    "a policy that is a folder": (lambda run: _replace_by_folder(run / "last.safetensors"),
                                  "run/last.safetensors: Is a directory; go on with"),
    "metrics that are a folder": (lambda run: _replace_by_folder(run / "metrics.csv"),
                                  "run/metrics.csv: Is a directory; go on with"),
}  # fmt: skip


@pytest.mark.parametrize("case", GONE)
def test_a_run_whose_folder_is_taken_away_ends_with_one_line(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def take_away_in_the_third_rollout(*arguments: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 2 * 12 + 1:  # 2 passes × 3 updates × 2 micro-batches
            take(folder / "run")
        return clipped(*arguments)

    take, said = GONE[case]
    clipped, calls = estimators.clipped_ratio_loss, 0
    monkeypatch.setattr(estimators, "clipped_ratio_loss", take_away_in_the_third_rollout)
    assert train("--config small.yaml --run run") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {said}")
    assert error.count("\n") == 1
    if case in ("deleted", "renamed"):
        assert not (folder / "run/config.yaml").exists()
        assert not list(folder.glob("run/*.ckpt"))


# --- The beginning of a run ------------------------------------------------------------------------------------------


def test_a_run_that_was_ended_before_its_first_checkpoint_is_begun_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
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
        "--config checkpoints/cut/config.yaml --run checkpoints/cut begins it anew\n"
    )
    assert train("--config checkpoints/cut/config.yaml --run checkpoints/cut") == 0  # as it was told
    assert train("--config small.yaml --run straight") == 0
    assert_same_weights(folder / "straight", folder / "checkpoints/cut")
    assert metrics(folder / "straight") == metrics(folder / "checkpoints/cut")


def test_a_kill_within_the_first_checkpoint_leaves_it_without_its_policy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_power(*arguments: Any, **more: Any) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", no_power)  # of a policy file
        with pytest.raises(RuntimeError, match="power cut"):
            train("--config small.yaml --run cut --data.opponents null --model.kl_weight 0")
    assert (folder / "cut/last.ckpt").is_file()
    assert train("--resume cut") == 0


def test_two_trainings_begun_at_once_in_one_folder(folder: Path, start: Start) -> None:
    line = shlex.split("--config small.yaml --run run --trainer.max_epochs 1")
    ends = [end_of(process) for process in [start(*line) for _ in range(3)]]
    assert sorted(code for _, _, code in ends) == [0, 2, 2]
    for _, error, code in ends:
        if code:
            assert error in (
                "error: a training is at work in run; wait for its end, or stop it\n",
                "error: run exists already; name another folder, or go on with it by --resume run\n",
            )
    assert len(rollouts(folder / "run")) == 1


def test_a_run_without_its_last_policy_file_is_resumed(folder: Path) -> None:
    assert train("--config small.yaml --run run --trainer.max_epochs 2") == 0
    (folder / "run/last.safetensors").unlink()
    halves = [
        folder / "run" / name for name in (".last.ckpt.9.tmp", "games/.rollout-000000.pgn.9.tmp", "pool/.x.9.tmp")
    ]
    for half in halves:  # as a kill in the middle of a write leaves them
        half.touch()
    assert train("--resume run --trainer.max_epochs 4") == 0
    assert not any(half.exists() for half in halves)
    assert train("--config small.yaml --run straight") == 0
    assert_same_weights(folder / "straight", folder / "run")


# --- A stranger's configuration --------------------------------------------------------------------------------------

HOSTILE = {
    "brackets": ("z: " + "[" * 100_000, "can't be read as YAML: it must be nested at most 50 deep"),
    "a list of itself": ("z: &z [*z]", "can't be read as YAML: alias *z"),
    "no such day": ("z: 2001-99-99", "can't be read as YAML: a value is not valid: month must be in 1..12"),
    "just words": ("hello", "must hold a mapping of settings, got str"),
    "a large file": ("#" * 2_000_000, "at most 1,048,576 bytes"),
    "a command": ("model: {optimizer: {class_path: os.system, init_args: {command: touch PWNED}}}",
                  "model.optimizer.class_path is 'os.system', which can't be a part of a training"),
    "a command by name": ("model: {optimizer: os.system}", "model.optimizer is 'os.system'"),
    "a command in a list": ("trainer: {callbacks: [os.system]}", "trainer.callbacks is 'os.system'"),
    "a module that opens a browser": ("data: {game: {class_path: antigravity.Game}}", "'antigravity.Game'"),
    "a module that takes over the command line": ("data: {starts: {class_path: unittest.__main__.x}}", "unittest"),
    "a module that is a program": ("data: {starts: {class_path: pip.__main__.x}}", "'pip.__main__.x'"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("line", ["--config run/config.yaml --run other", "--resume run"])
def test_a_hostile_configuration_is_one_line(
    case: str, line: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, said = HOSTILE[case]
    (folder / "run").mkdir()
    (folder / "run/last.ckpt").touch()
    (folder / "run/config.yaml").write_text(content)
    before = contents(folder)
    assert train(line) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("error: run/config.yaml")
    assert error.count("\n") == 1
    assert len(error) < 400
    assert said in error
    assert {name: text for name, text in contents(folder).items() if not name.endswith(".lock")} == before


NINE = "{" + ", ".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 9)}]" for i in range(10)) + "}"


@pytest.mark.parametrize("bomb", ["[" * 100_000, "- " * 100_000, NINE])
@pytest.mark.parametrize("line", [
    "--data.starts '{}'", "--data.games '{}'", "--data.games='{}'", "--data.opponents bomb.yaml", "--config bomb.yaml",
    "--config string.yaml", "--config strings.yaml",
])  # fmt: skip
def test_texts_that_a_configuration_holds_are_bounded_too(
    line: str, bomb: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bomb.yaml").write_text(bomb)
    (folder / "string.yaml").write_text(yaml.safe_dump({"data": {"games": bomb}}))
    (folder / "strings.yaml").write_text(yaml.safe_dump({"data": {"games": yaml.safe_dump({"x": [bomb]})}}))
    assert train(f"--config small.yaml --run run {line.format(bomb)}") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert len(error) < 400
    assert not (folder / "run").exists()


@pytest.mark.parametrize("module", ["checkpoints.their-run.evil.Game", "checkpoints.their-run.deep.evil.Game"])
def test_a_module_in_a_run_folder_is_not_imported(
    module: str, finished: dict[str, bytes], folder: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    run = folder / "checkpoints/their-run"
    for name, content in finished.items():
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(content)
    (run / "deep").mkdir()
    for path in (run / "evil.py", run / "deep/evil.py"):
        path.write_text("open('PWNED', 'w')")
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["data"]["game"] = {"class_path": module}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.syspath_prepend(str(folder))  # as with python -m
    assert train("--resume checkpoints/their-run --trainer.max_epochs 9") == 2
    error = capsys.readouterr().err
    assert f"config.yaml: data.game.class_path is '{module}', whose module lies in the run's folder" in error
    assert error.count("\n") == 1
    monkeypatch.chdir(run)
    monkeypatch.syspath_prepend("")
    config["data"]["game"] = {"class_path": "evil.Game"}
    Path("config.yaml").write_text(yaml.safe_dump(config))
    assert train("--resume .") == 2
    assert "lies in the run's folder" in capsys.readouterr().err
    assert not list(folder.rglob("PWNED"))


def test_the_programs_that_a_run_starts_are_named_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine, other = "uci:nowhere/engine --deep?nodes=1", "uci:nowhere/another?nodes=2&random=0.5"
    callback = '[{"class_path": "chesspg.training.evaluation.EvaluationMatch", "init_args": {"opponents": ["%s"]}}]'
    opponents = '{"players": {"%s": 0.25, "random": 0.1}}'
    line = ["--config", "chess_quick", "--run", "run", "--trainer.callbacks", callback % engine]
    with pytest.raises(SystemExit) as ended:
        main([*line, "--data.opponents", opponents % other])
    assert ended.value.code == 2
    out, error = capsys.readouterr()
    assert sorted(out.splitlines()) == sorted([f"this run starts: {engine}", f"this run starts: {other}"])
    assert "nowhere" in error
    assert error.count("\n") == 1


# --- Loggers ---------------------------------------------------------------------------------------------------------


class Kept(Logger):
    """A user's logger, which keeps what it gets."""

    params: ClassVar[dict[str, Any]] = {}
    steps: ClassVar[list[int | None]] = []

    @property
    def name(self) -> str:
        return "kept"

    @property
    def version(self) -> int:
        return 7

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        Kept.params = {**Kept.params, **params}

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        Kept.steps = [*Kept.steps, step]


def test_a_users_logger_gets_the_configuration_beside_metrics_csv(folder: Path) -> None:
    assert train("--config small.yaml --run run --trainer.max_epochs 2 --trainer.logger test_train.Kept") == 0
    kept = yaml.safe_load((folder / "run/config.yaml").read_text())
    for name in ("model", "data", "trainer", "seed_everything"):
        assert Kept.params[name] == kept[name]
    assert set(Kept.steps) >= {5, 11}
    assert len(rollouts(folder / "run")) == 2
    assert train("--resume run --trainer.max_epochs 3") == 0
    assert len(rollouts(folder / "run")) == 3


@pytest.mark.parametrize("name", ["CSVLogger", "TensorBoardLogger", "pytorch_lightning.loggers.CSVLogger"])
def test_a_logger_of_lightning_by_its_name(name: str, folder: Path) -> None:
    line = "--config small.yaml --run run --trainer.max_epochs 1 --trainer.logger"
    assert train(f"{line} {name}") == 0
    (hparams,) = folder.glob("run/lightning_logs/version_0/hparams.yaml")
    assert yaml.safe_load(hparams.read_text())["data"]["games"] == 32
    assert len(rollouts(folder / "run")) == 1
    assert train(f"{line.replace('run run', 'run other')} {name} --trainer.logger.save_dir mine") == 0
    assert list(folder.glob("mine/lightning_logs/version_0/hparams.yaml"))


# --- A loss that is not finite ---------------------------------------------------------------------------------------


def test_a_nan_stops_the_run_and_spares_the_checkpoint(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = 0

    def nan_in_the_third_rollout(*arguments: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return clipped(*arguments) * (float("nan") if calls > 2 * 12 else 1)  # 2 passes × 3 updates × 2 micro-batches

    clipped = estimators.clipped_ratio_loss
    with monkeypatch.context() as patch:
        patch.setattr(estimators, "clipped_ratio_loss", nan_in_the_third_rollout)
        assert train("--config small.yaml --run run") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: the gradient is nan in rollout 3; nothing was stepped")
    assert error.count("\n") == 1

    saved = np.load(folder / "run/failed-rollout-0.npz", allow_pickle=False)
    assert len(saved["positions"]) == 32
    assert saved["positions"][0].startswith("3/3/3 x moves ")
    assert saved["reward"].shape == (32,)
    assert len(saved["log_prob"]) == len(saved["legal_offsets"]) - 1 <= saved["length"].sum()

    assert read_checkpoint(folder / "run/last.ckpt")["chesspg"]["played"]["rollouts"] == 2
    assert train("--resume run") == 0
    assert train("--config small.yaml --run straight") == 0
    assert_same_weights(folder / "straight", folder / "run")


# --- Learning --------------------------------------------------------------------------------------------------------


def lost_games(policy: Policy, seat: int) -> int:
    """How many of all ways to play against the policy at temperature 0 on `seat` beat it."""
    games, player, lost = policy.game.start(1), PolicyPlayer(policy, temperature=0), 0
    while len(games):
        observation = games.observe()
        if observation.player[0] == seat:
            turn = Turn(observation, np.zeros(len(games)), games, np.arange(len(games)))
            games.play(observation.legal.take(player.choose(turn).index))
        else:  # every reply
            games = games[np.repeat(np.arange(len(games)), observation.legal.counts)]
            games.play(observation.legal.actions)
        outcomes = games.outcomes()
        lost += int((outcomes.outcome == (-1, 1)[seat]).sum())
        games = games[~outcomes.over]
    return lost


def test_lost_games_finds_what_there_is_to_find() -> None:
    torch.manual_seed(0)
    from chesspg.games.tic_tac_toe import TicTacToe
    from chesspg.policy.networks import MLP

    assert lost_games(Policy(TicTacToe(), MLP(TicTacToe())), 0) > 0
    assert lost_games(Policy(TicTacToe(), MLP(TicTacToe())), 1) > 0


def test_tic_tac_toe_is_learned_to_the_end(folder: Path) -> None:
    assert train("--config tic_tac_toe --run run") == 0
    policy = files.load(folder / "run")
    assert lost_games(policy, 0) == 0
    assert lost_games(policy, 1) == 0
