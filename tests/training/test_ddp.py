"""Two processes learn the same as one: the real command under DDP on the CPU."""

from __future__ import annotations

import csv
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from preloaded import Started
from safetensors.torch import load_file

from chesspg.train import main

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"),
]

# One update per rollout: with more, each rank shuffles the plies of its own games. Three starts for two ranks, so that
# the games of a start, which leave_one_out compares, are spread over both. Some games are against earlier policies,
# whose weights each rank has kept for itself.
LINE = (
    "--config small.yaml --model.advantages.baseline leave_one_out --model.advantages.gae_lambda null "
    "--model.loss.clip null --model.optimizer torch.optim.SGD --model.optimizer.lr 0.5 --model.lr_scheduler null "
    "--trainer.precision 32-true "
    '--data.updates 1 --data.passes 1 --data.games 48 --data.starts ["3/3/3 x","x2/1o1/3 x","3/3/x2 o"]'
)


def test_two_processes_learn_what_one_does(folder: Path, start: Callable[..., Started]) -> None:
    ddp = "--trainer.strategy ddp --trainer.devices 2 --trainer.accelerator cpu"
    process = start(*shlex.split(f"{LINE} {ddp}"))
    out, error = process.communicate(timeout=200)
    assert process.returncode == 0, error
    assert "sync_dist" not in error  # Lightning's advice for metrics that differ between ranks
    (run,) = (folder / "checkpoints").iterdir()  # one folder, although each process could choose another name
    assert main(shlex.split(f"{LINE} --run one")) == 0

    two, one = load_file(run / "last.safetensors"), load_file(folder / "one/last.safetensors")
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=1e-5)

    # The command prints once: the line of the start, three evaluations (before, after 2 and 4), the line of the end.
    lines = out.splitlines()
    assert [line.split()[0] for line in lines if re.match(r" +\d+ +\d+ ", line)] == ["0", "2", "4"]
    assert sum(line.startswith("play it with") for line in lines) == 1
    assert sum(line.startswith("tic-tac-toe · MLP") for line in lines) == 1
    assert len(list(run.glob("events.out.tfevents*"))) == 1
    assert {"config.yaml", "last.ckpt", "best.ckpt", "best.safetensors", "metrics.csv"} <= {
        p.name for p in run.iterdir()
    }

    def rows(path: Path) -> list[dict[str, str]]:
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    together, alone = rows(run / "metrics.csv"), rows(folder / "one/metrics.csv")
    assert len(together) == len(alone) == 1 + 4
    assert all(float(row["gradient_norm"]) > 0.01 for row in alone[1:])  # there was something to learn
    for a, b in zip(together, alone, strict=True):
        for name in a:
            if not name.endswith(("_per_s", "_seconds")) and b[name]:
                # Means over plies are means of the ranks' means, whose numbers of plies are similar but not equal.
                tolerance = 0.05 if name in ("entropy", "value_error", "log_prob_difference") else 1e-4
                assert float(a[name]) == pytest.approx(float(b[name]), abs=tolerance), name


SPAWN = """
import copy, multiprocessing
import pytorch_lightning as pl, torch
from chesspg import EvaluationMatch, OpponentPool, PolicyGradient, SelfPlay, TicTacToe
from chesspg.learning.advantages import Advantages
from chesspg.policy.networks import MLP

def main(strategy):
    torch.manual_seed(0)
    module = PolicyGradient(TicTacToe(), MLP, optimizer=Descent(), advantages=Advantages("running_mean"))
    data = SelfPlay(TicTacToe(), games=16, seed=1)
    if strategy == "fork":  # the user's own sweep: each process has other numbers
        queue = multiprocessing.get_context("fork").SimpleQueue()
        for seed in range(2):
            process = multiprocessing.get_context("fork").Process(target=sweep, args=(module, data, queue))
            process.start()
            process.join()
        print(queue.get(), queue.get(), module.played["rollouts"], data.rollouts)
        return
    module, data = copy.deepcopy(module), copy.deepcopy(data)
    for fit in range(2):
        devices = 1 if strategy == "auto" else 2
        trainer = pl.Trainer(max_epochs=2, accelerator="cpu", devices=devices, strategy=strategy, logger=False,
                             enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
        trainer.fit(module, data)
        print(module.played["rollouts"], module.played["games"], data.rollouts)
    print(float(sum(p.double().abs().sum() for p in module.parameters())))

def sweep(module, data, queue):
    pl.Trainer(max_epochs=2, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
               enable_progress_bar=False, enable_model_summary=False).fit(module, data)
    queue.put(module.played["rollouts"])

class Descent:
    def __call__(self, parameters):
        return torch.optim.SGD(parameters, lr=0.5)

if __name__ == "__main__":
    for strategy in ("fork", "ddp_notebook", "auto", "ddp_spawn"):
        print(strategy)
        main(strategy)
"""


def test_a_second_fit_of_spawned_processes_goes_on_where_the_first_ended(folder: Path) -> None:
    (folder / "spawn.py").write_text(SPAWN)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-u", "-W", "ignore", "spawn.py"]  # a child prints no buffer again
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stderr
    said = re.split(r"^(fork|ddp_notebook|auto|ddp_spawn)\n", done.stdout, flags=re.MULTILINE)[1:]
    lines = {strategy: printed.splitlines() for strategy, printed in zip(said[::2], said[1::2], strict=True)}
    assert lines["fork"] == ["2 2 0 0"]
    *alone, weights = lines["auto"]
    assert alone == ["2 32 2", "4 64 4"]
    for strategy in ("ddp_spawn", "ddp_notebook"):
        *counted, together = lines[strategy]
        assert counted == alone
        assert float(together) == pytest.approx(float(weights), abs=1e-4)  # other games would give other weights
