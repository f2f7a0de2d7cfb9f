"""A training stage by stage, each beside the bare network's work that bounds it."""

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
from chesspg.selfplay.loop import play
from chesspg.training.train_cli import TrainCLI

ROLLOUTS = 1  # that the whole loop is timed over
WARM = 10  # plies before a whole rollout is timed


def stages(run: TrainCLI) -> dict[str, Any]:
    """The bare network, the two stages that should cost no more than it, and the whole loop, by one recipe."""
    figures = loop(run)
    module, data, trainer = run.model, run.datamodule, run.trainer
    device = module.to(trainer.strategy.root_device).device  # Lightning leaves it on the CPU
    policy, network, game, games = module.policy, module.policy.network, module.policy.game, data.games
    context = trainer.precision_plugin.forward_context
    player = PolicyPlayer(policy, forward_context=context)

    def finished() -> None:  # an accelerator is asked and not waited for
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    # Self-play, and then the bare network on ready tensors of the very batch sizes that were met.
    def self_play(seed: int) -> tuple[float, list[int]]:
        over: list[tuple[int, int]] = []
        with context():
            rollout = play(game.start(games), (player, player), Randomness(seed), learner=player, max_plies=60,
                           on_ply=lambda *at: over.append(at))  # fmt: skip
        return len(rollout.plies) / rollout.seconds, [games - done for done, _ in over if done < games]

    rollout = data.rollout
    assert rollout is not None
    order = np.random.default_rng(1).permutation(len(rollout.plies))

    def ready(rows: NDArray[np.int64]) -> tuple[Tensor, ...]:
        """What the network takes, of some plies of the loop's last rollout."""
        plies = rollout.plies[rows].to(device)
        assert isinstance(plies.legal, Tensor)
        return plies.planes, plies.scalars, plies.legal

    some = ready(order[: full_batch(games, device)])

    def forward(sizes: list[int]) -> float:
        with torch.no_grad(), context():
            began = time.perf_counter()
            for size in sizes:
                network(*(tensor[: full_batch(size, device)] for tensor in some))
            finished()
            return sum(sizes) / (time.perf_counter() - began)

    self_play(0), forward([games] * 3)  # warm
    played, bare, shares = [], [], []
    for seed in range(REPEATS):
        speed, sizes = self_play(seed)
        limit = forward(sizes)
        played.append(speed)
        bare.append(limit)
        shares.append(speed / limit)

    def unpacked() -> None:
        network.unpack(some[0])
        finished()

    unpack = len(some[0]) / seconds(unpacked)

    # The bare forward and backward on the micro-batches of the loop's last rollout.
    split = np.array_split(order, data.updates * trainer.accumulate_grad_batches)[:4]
    parts = [ready(np.resize(rows, full_batch(len(rows), device))) for rows in split]

    def forward_backward() -> float:
        began = time.perf_counter()
        for part in parts:
            with context():
                output = network(*part)
                loss = output.logits.mean() + (0 if output.value is None else output.value.mean())
            loss.backward()
        finished()
        return sum(map(len, split)) / (time.perf_counter() - began)

    forward_backward()
    both = median(forward_backward)
    learned = float(trainer.callback_metrics["learned_plies_per_s"])
    return {
        "parameters": float(sum(p.numel() for p in network.parameters())),
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
    """The precision that was chosen, and how fast the whole loop is in each."""
    speeds = {chosen: plies_per_s} | {run.trainer.precision: loop(run)["loop_plies_per_s"] for run in others}
    ratio = {"bf16-mixed_over_32-true": speeds["bf16-mixed"] / speeds["32-true"]} if others else {}
    return {"precision": chosen, **{f"loop_in_{name}_plies_per_s": speed for name, speed in speeds.items()}, **ratio}


def loop(run: TrainCLI) -> dict[str, float]:
    """How fast the whole loop goes, after a short rollout to warm up."""
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
