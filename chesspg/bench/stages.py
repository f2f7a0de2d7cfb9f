"""The stages of training, each compared with the work of the bare network, which is its limit, and with the chip."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chesspg.bench.chip import forward_flops, graphed, matmul_flops_per_s
from chesspg.bench.timing import REPEATS, median, seconds, wait_for
from chesspg.bench.whole_loop import WholeLoop
from chesspg.games.randomness import Randomness
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.policy import full_batch
from chesspg.runs.train_cli import TrainCLI
from chesspg.selfplay.shares import play_on

PLIES = 60  # the ply cap of self-play where it is measured alone


class Stages:
    """Measures the stages of training, and the bare network with the batch sizes and on the plies of each stage.

    Args:
        run: A run whose Trainer has played a rollout.
    """

    def __init__(self, run: TrainCLI) -> None:
        module, data, trainer = run.model, run.datamodule, run.trainer
        self.device = module.to(trainer.strategy.root_device).device  # Lightning leaves the module on the CPU
        self.network = module.policy.network
        self.game, self.games, self.slots = module.policy.game, data.games, data.slots
        self.place = data.place(self.device)
        self.context = trainer.precision_plugin.forward_context
        self.player = PolicyPlayer(module.policy, forward_context=self.context)
        assert data.rollout is not None
        self.plies = data.rollout.plies
        order = np.random.default_rng(1).permutation(len(self.plies))
        self.some = self._ready(np.resize(order, full_batch(self.at_once, self.device)))
        # The first micro-batches of the rollout.
        self.split = np.array_split(order, data.updates * trainer.accumulate_grad_batches)[:4]
        self.parts = [self._ready(np.resize(rows, full_batch(len(rows), self.device))) for rows in self.split]

    @property
    def at_once(self) -> int:
        """The number of games at once while none is over."""
        return min(self.games, self.slots) if self.place else self.games

    def self_play(self, seed: int) -> tuple[float, list[int]]:
        """Plies per second of games without learning, and the number of positions per call of the network."""
        seen: list[tuple[int, int]] = []
        with self.context():
            rollout = play_on(
                self.place, self.game, self.game.start(self.games), (self.player, self.player), Randomness(seed),
                learner=self.player, max_plies=PLIES, on_ply=lambda *at: seen.append(at), slots=self.slots,
            )  # fmt: skip
        sizes = [self.games - over for over, _ in seen if over < self.games]
        # On a device all slots are computed, and it is seldom asked which games are over.
        return len(rollout.recorded) / rollout.seconds, [self.at_once] * PLIES if self.place else sizes

    def forward(self, sizes: list[int]) -> float:
        """Positions per second of the bare network in batches of these sizes."""
        with torch.no_grad(), self.context():
            began = time.perf_counter()
            for size in sizes:
                self.network(*(tensor[: full_batch(size, self.device)] for tensor in self.some))
            wait_for(self.device)
            return sum(sizes) / (time.perf_counter() - began)

    def graphed(self) -> float:
        """Positions per second of the bare network with all games at once, as a CUDA graph."""
        with torch.no_grad(), self.context():
            replay = graphed(lambda: self.network(*self.some), self.device)

            def replayed() -> None:
                replay()
                wait_for(self.device)

            return len(self.some[0]) / seconds(replayed)

    def unpack(self) -> None:
        """Unpack words to planes, as the network does first."""
        self.network.unpack(self.some[0])
        wait_for(self.device)

    def forward_backward(self) -> float:
        """Positions per second of the bare network's forward and backward pass on micro-batches of the rollout."""
        began = time.perf_counter()
        for part in self.parts:
            with self.context():
                output = self.network(*part)
                loss: Tensor = output.logits.mean() + (0 if output.value is None else output.value.mean())
            loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no hints
        wait_for(self.device)
        return sum(map(len, self.split)) / (time.perf_counter() - began)

    def _ready(self, rows: NDArray[np.int64]) -> tuple[Tensor, ...]:
        """The inputs of the network for these plies of the rollout."""
        plies = self.plies[rows].to(self.device)
        assert isinstance(plies.legal, Tensor)
        return plies.planes, plies.scalars, plies.legal


def stages(run: TrainCLI) -> dict[str, Any]:
    """Measure the bare network, self-play, the updates and the whole loop of one recipe.

    Args:
        run: A run of the recipe.

    Returns:
        Figures by name, as in bench.json.
    """
    whole = WholeLoop(run).figures()
    stage = Stages(run)
    one = torch.ones(1, 1, device=stage.device)
    with stage.context():
        flops = forward_flops(stage.network, stage.some)
        precision = (one @ one).dtype
    chip = matmul_flops_per_s(stage.device, precision)
    stage.self_play(0), stage.forward([stage.at_once] * 3)  # warms up
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
    figures: dict[str, Any] = {
        "parameters": float(sum(p.numel() for p in stage.network.parameters())),
        "forward_mflops": flops / 1e6,
        "matrix_product_tflops_per_s": chip / 1e12,
        "unpack_positions_per_s": unpack,
        "forward_positions_per_s": statistics.median(bare),
        "selfplay_plies_per_s": statistics.median(played),
        "selfplay_share": statistics.median(shares),
        "forward_backward_positions_per_s": both,
        "training_positions_per_s": float(run.trainer.callback_metrics["learned_plies_per_s"]),
    }
    figures["training_share"] = figures["training_positions_per_s"] / both
    if stage.device.type == "cuda":
        figures |= _beside_graph(stage, figures["selfplay_plies_per_s"])
    figures |= whole
    # A ply is one forward pass to play and three to learn, since the backward pass takes two.
    passes = {"forward_positions": 1, "selfplay_plies": 1, "training_positions": 3, "loop_plies": 4}
    of_chip = {
        f"{name.rpartition('_')[0]}_of_chip": count * flops * figures[f"{name}_per_s"] / chip
        for name, count in passes.items()
    }
    return figures | of_chip


def _beside_graph(stage: Stages, plies_per_s: float) -> dict[str, Any]:
    """The forward pass as a CUDA graph, and the share of it that self-play reaches."""
    try:
        limit = stage.graphed()
    except RuntimeError as error:  # a network of your own may ask the device for a number, which no graph can record
        return {"forward_graphed": f"skipped: {str(error).splitlines()[0]}"}
    return {"forward_graphed_positions_per_s": limit, "selfplay_of_graphed": plies_per_s / limit}


def in_precision(chosen: str, plies_per_s: float, others: list[TrainCLI]) -> dict[str, Any]:
    """Measure the whole loop in other precisions too.

    Args:
        chosen: The precision that the recipe chose.
        plies_per_s: The speed of the whole loop in it.
        others: Runs of the recipe in other precisions.

    Returns:
        Figures by name, as in bench.json.
    """
    speeds = {chosen: plies_per_s} | {run.trainer.precision: WholeLoop(run).plies_per_s() for run in others}
    ratio = {"bf16-mixed_over_32-true": speeds["bf16-mixed"] / speeds["32-true"]} if others else {}
    return {"precision": chosen, **{f"loop_in_{name}_plies_per_s": speed for name, speed in speeds.items()}, **ratio}
