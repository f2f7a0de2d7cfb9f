"""Self-play as training data: each epoch is one rollout, played by the very weights that learn from it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from chesspg.games.game import Game
from chesspg.players.draws import Draws
from chesspg.players.lockstep import play
from chesspg.players.policy_player import PolicyPlayer
from chesspg.players.rollout import Rollout
from chesspg.policy.policy import Policy, words


class Batch(NamedTuple):
    """A micro-batch: n of a rollout's plies, and what the whole rollout weighs."""

    planes: Tensor  # [n, P, W] int64
    scalars: Tensor  # [n, S] uint8
    legal: Tensor  # [n, M] int16, −1 behind a ply's last legal action
    choice: Tensor  # [n] which of the legal actions was played
    log_prob: Tensor  # [n] log π(a|s) as sampled
    advantage: Tensor  # [n] what weighs the ply
    return_: Tensor  # [n] the reward of the game for the mover
    games: int  # in the rollout, over all ranks
    plies: int  # stored in the rollout, over all ranks
    parts: int  # micro-batches the rollout is cut into, over all ranks


class SelfPlay(pl.LightningDataModule):
    """Plays `games` games with the policy of the Trainer's module, then hands out their plies. One epoch a rollout.

    After a rollout is played, `on_rollout(rollout)` of the module and of every callback that has it is called.

    Memory: each update is computed in `Trainer(accumulate_grad_batches=…)` micro-batches.

    Args:
        game: the rules.
        games: a rollout's games, over all ranks.
        updates: optimiser steps a pass. 1 is the unbiased estimator; more need `PolicyGradient.clip`.
        passes: how often each ply is learned from.
        max_plies: the ply cap; a game that reaches it is truncated.
        material_weight: f(x) of a truncated game for the side ahead in material (minus that for the other).
        starts: positions to start from, in turn; the initial position if none.
        seed: what all draws derive from.
    """

    def __init__(
        self,
        game: Game,
        games: int = 256,
        updates: int = 1,
        passes: int = 1,
        max_plies: int | None = None,
        material_weight: float = 0.0,
        starts: Sequence[str] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        for name, number in {"games": games, "updates": updates, "passes": passes, "max_plies": max_plies}.items():
            if number is not None and number < 1:
                raise ValueError(f"{name} is {number}; it must be 1 or more")
        if starts is not None and not len(starts):
            raise ValueError("starts is empty; name a position at least, or leave it out")
        over = game.start(starts or 1).outcomes().over  # what can't be read is said now, not after a rollout
        if over.any():
            raise ValueError(f"the game is over in starts: {(starts or [''])[int(over.argmax())]!r}")
        self.game = game
        self.games = games
        self.updates = updates
        self.passes = passes
        self.max_plies = max_plies
        self.material_weight = material_weight
        self.starts = list(starts) if starts else None
        self.seed = seed
        self.rollouts = 0  # how many were played
        self.rollout: Rollout | None = None  # the newest, for inspection

    def sample(self, player: PolicyPlayer, rank: int = 0, ranks: int = 1) -> Rollout:
        """Play this rank's share of the next rollout with `player` on both seats."""
        index, group = self.share(rank, ranks)
        positions = [self.starts[i] for i in group] if self.starts else len(index)
        return play(
            self.game.start(positions),
            (player, player),
            Draws(self.seed, self.rollouts),
            learner=player,
            max_plies=self.max_plies,
            material_weight=self.material_weight,
            index=index,
            group=group,
        )

    def share(self, rank: int = 0, ranks: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The games of one rank in every rollout: [n] their global indices, [n] which start each is from."""
        if self.games % ranks:
            raise ValueError(f"games is {self.games}, which {ranks} ranks can't share evenly")
        index = np.arange(rank, self.games, ranks)
        return index, (index % len(self.starts or [""])).astype(np.int32)

    def setup(self, stage: str) -> None:
        # Beside a network on the CPU the rules keep to one thread: it has the cores to itself.
        if self.game.threads is None and self.trainer and self.trainer.strategy.root_device.type != "cpu":
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
            self.game.threads = max(1, cores // self.trainer.num_devices)

    def train_dataloader(self) -> _RolloutLoader:
        return _RolloutLoader(self)

    def state_dict(self) -> dict[str, Any]:
        return {"rollouts": self.rollouts}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rollouts = state_dict["rollouts"]


class _RolloutLoader:
    """A plain sized iterable, so that Lightning fetches nothing ahead: games would be an update stale."""

    def __init__(self, data: SelfPlay) -> None:
        self.data = data
        accumulated = data.trainer.accumulate_grad_batches if data.trainer else 1
        self.parts = data.updates * accumulated

    def __len__(self) -> int:
        return self.parts * self.data.passes

    def __iter__(self) -> Iterator[Batch]:
        # A generator: nothing is played before the first batch is asked for.
        data = self.data
        trainer = data.trainer
        assert trainer is not None
        module = trainer.lightning_module
        policy = getattr(module, "policy", None)
        if not isinstance(policy, Policy):
            raise TypeError(f"{type(module).__name__} has no `policy`; SelfPlay needs a chesspg Policy there")
        player = PolicyPlayer(policy, forward_context=trainer.precision_plugin.forward_context)
        ranks = trainer.world_size
        data.rollout = None  # two rollouts need not fit in memory
        rollout = data.sample(player, trainer.global_rank, ranks)
        data.rollout = rollout
        order = Draws(data.seed, data.rollouts).generator()
        data.rollouts += 1
        plies = int(trainer.strategy.reduce(torch.tensor(float(rollout.plies), device=module.device), reduce_op="sum"))
        for listener in (module, *trainer.callbacks):  # type: ignore[attr-defined]  # Trainer.callbacks is untyped
            if hasattr(listener, "on_rollout"):
                listener.on_rollout(rollout)
        return_ = rollout.return_
        for _ in range(data.passes):
            # One update sees every ply whatever their order; then neighbours, alike in length, make the best parts.
            rows = np.arange(rollout.plies) if data.updates == 1 else order.permutation(rollout.plies)
            for part in np.array_split(rows, self.parts):
                yield _batch(rollout, return_, part, data.games, plies, self.parts * ranks)


def _batch(
    rollout: Rollout,
    return_: NDArray[np.float32],
    rows: NDArray[np.integer[Any]],
    games: int,
    plies: int,
    parts: int,
) -> Batch:
    return Batch(
        planes=words(rollout.planes[rows]),
        scalars=torch.from_numpy(rollout.scalars[rows]),
        legal=torch.from_numpy(rollout.legal[rows].padded()),
        choice=torch.from_numpy(rollout.choice[rows]),
        log_prob=torch.from_numpy(rollout.log_prob[rows]),
        advantage=torch.from_numpy(rollout.advantage[rows]),
        return_=torch.from_numpy(return_[rows]),
        games=games,
        plies=plies,
        parts=parts,
    )
