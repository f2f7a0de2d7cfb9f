"""The stages of training, each compared with the work of the bare network, which is its limit."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chesspg.bench.timing import REPEATS, median, seconds
from chesspg.games.randomness import Randomness
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.policy import full_batch
from chesspg.runs.train_cli import TrainCLI
from chesspg.selfplay.loop import play

ROLLOUTS = 1  # number of rollouts over which the whole loop is timed
WARM = 10  # plies of the rollout before it, to warm up


class Stages:
    """Measures the stages of training, and the bare network with the batch sizes and on the plies of each stage.

    Args:
        run: A run whose Trainer has played a rollout.
    """

    def __init__(self, run: TrainCLI) -> None:
        module, data, trainer = run.model, run.datamodule, run.trainer
        self.device = module.to(trainer.strategy.root_device).device  # Lightning leaves the module on the CPU
        self.network = module.policy.network
        self.game, self.games = module.policy.game, data.games
        self.context = trainer.precision_plugin.forward_context
        self.player = PolicyPlayer(module.policy, forward_context=self.context)
        assert data.rollout is not None
        self.plies = data.rollout.plies
        order = np.random.default_rng(1).permutation(len(self.plies))
        self.some = self._ready(order[: full_batch(self.games, self.device)])
        # The first micro-batches of the rollout.
        self.split = np.array_split(order, data.updates * trainer.accumulate_grad_batches)[:4]
        self.parts = [self._ready(np.resize(rows, full_batch(len(rows), self.device))) for rows in self.split]

    def self_play(self, seed: int) -> tuple[float, list[int]]:
        """Plies per second of games without learning, and the number of positions per call of the network."""
        seen: list[tuple[int, int]] = []
        with self.context():
            rollout = play(
                self.game.start(self.games), (self.player, self.player), Randomness(seed), learner=self.player,
                max_plies=60, on_ply=lambda *at: seen.append(at),
            )  # fmt: skip
        return len(rollout.plies) / rollout.seconds, [self.games - done for done, _ in seen if done < self.games]

    def forward(self, sizes: list[int]) -> float:
        """Positions per second of the bare network in batches of these sizes."""
        with torch.no_grad(), self.context():
            began = time.perf_counter()
            for size in sizes:
                self.network(*(tensor[: full_batch(size, self.device)] for tensor in self.some))
            self._finish()
            return sum(sizes) / (time.perf_counter() - began)

    def unpack(self) -> None:
        """Unpack words to planes, as the network does first."""
        self.network.unpack(self.some[0])
        self._finish()

    def forward_backward(self) -> float:
        """Positions per second of the bare network's forward and backward pass on micro-batches of the rollout."""
        began = time.perf_counter()
        for part in self.parts:
            with self.context():
                output = self.network(*part)
                loss: Tensor = output.logits.mean() + (0 if output.value is None else output.value.mean())
            loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no hints
        self._finish()
        return sum(map(len, self.split)) / (time.perf_counter() - began)

    def _ready(self, rows: NDArray[np.int64]) -> tuple[Tensor, ...]:
        """The inputs of the network for these plies of the rollout."""
        plies = self.plies[rows].to(self.device)
        assert isinstance(plies.legal, Tensor)
        return plies.planes, plies.scalars, plies.legal

    def _finish(self) -> None:
        """Wait until an accelerator has run the kernels that were launched."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def stages(run: TrainCLI) -> dict[str, Any]:
    """Measure the bare network, self-play, the updates and the whole loop of one recipe.

    Args:
        run: A run of the recipe.

    Returns:
        Figures by name, as in bench.json.
    """
    figures = loop(run)
    stage = Stages(run)
    stage.self_play(0), stage.forward([stage.games] * 3)  # warms up
    played, bare, shares = [], [], []
    for seed in range(REPEATS):
        speed, sizes = stage.self_play(seed)
        limit = stage.forward(sizes)
        played.append(speed)
        bare.append(limit)
        shares.append(speed / limit)
    unpack = len(stage.some[0]) / seconds(stage.unpack)
    stage.forward_backward()
    both = median(stage.forward_backward)
    learned = float(run.trainer.callback_metrics["learned_plies_per_s"])
    return {
        "parameters": float(sum(p.numel() for p in stage.network.parameters())),
        "unpack_positions_per_s": unpack,
        "forward_positions_per_s": statistics.median(bare),
        "selfplay_plies_per_s": statistics.median(played),
        "selfplay_share": statistics.median(shares),
        "forward_backward_positions_per_s": both,
        "training_positions_per_s": learned,
        "training_share": learned / both,
        **figures,
    }


def in_precision(chosen: str, plies_per_s: float, others: list[TrainCLI]) -> dict[str, Any]:
    """Measure the whole loop in other precisions too.

    Args:
        chosen: The precision that the recipe chose.
        plies_per_s: The speed of the whole loop in it.
        others: Runs of the recipe in other precisions.

    Returns:
        Figures by name, as in bench.json.
    """
    speeds = {chosen: plies_per_s} | {run.trainer.precision: loop(run)["loop_plies_per_s"] for run in others}
    ratio = {"bf16-mixed_over_32-true": speeds["bf16-mixed"] / speeds["32-true"]} if others else {}
    return {"precision": chosen, **{f"loop_in_{name}_plies_per_s": speed for name, speed in speeds.items()}, **ratio}


def loop(run: TrainCLI) -> dict[str, float]:
    """Measure the whole loop, in plies and updates per second, after a short rollout to warm up."""
    module, data, trainer = run.model, run.datamodule, run.trainer
    max_plies, data.max_plies = data.max_plies, min(data.max_plies or WARM, WARM)
    trainer.fit(module, data)
    data.max_plies = max_plies
    trainer.fit_loop.max_epochs = 1 + ROLLOUTS
    plies, began = module.played["plies"], time.perf_counter()
    trainer.fit(module, data)
    seconds = time.perf_counter() - began
    updates = ROLLOUTS * data.updates * data.passes
    return {"loop_plies_per_s": (module.played["plies"] - plies) / seconds, "loop_updates_per_s": updates / seconds}
