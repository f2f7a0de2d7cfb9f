"""Self-play as training data: each epoch is one rollout, played by the very weights that learn from it."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.trainer.states import TrainerFn
from pytorch_lightning.utilities import CombinedLoader, rank_zero_info, rank_zero_warn

from chesspg.games.capabilities import Heuristic
from chesspg.games.contract.device import require_device
from chesspg.games.game import Game, NotOnDevice, Starts
from chesspg.games.randomness import Randomness
from chesspg.learning.rewards import Reward, adjudicated
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy import files
from chesspg.selfplay.device_loop import SLOTS
from chesspg.selfplay.loop import Seats
from chesspg.selfplay.opponents import POOL, OpponentPool
from chesspg.selfplay.rollout import Rollout
from chesspg.selfplay.segments import play_segment
from chesspg.selfplay.shares import play_on
from chesspg.training.batches import Batch, OneBatch, StoredRollout
from chesspg.training.counters import Counters
from chesspg.training.fitting import PLAYING, cores, in_fast_dev_run, innermost, is_announced, is_running, policy_of
from chesspg.training.kept_slots import KeptSlots, require_segments
from chesspg.training.packages import check_package
from chesspg.training.pool_files import PoolFiles
from chesspg.training.precision import playing_precision
from chesspg.training.progress import watching
from chesspg.training.ranges import require, require_choices
from chesspg.training.requirements import (
    RolloutListener,
    require_hook,
    require_whole_rollouts,
    value_targets_of,
    weights_of,
)
from chesspg.training.start_positions import StartPositions


class SelfPlay(pl.LightningDataModule):
    """Plays `games` games with the policy of the Trainer's module, then hands out their plies: one epoch per rollout.

    After a rollout is played, `on_rollout(trainer, pl_module, rollout)` is called on the module and on every callback
    that has it (`RolloutListener`). Then the module weighs the plies (`Weigher`), and they are handed out.

    Each update is computed in `Trainer(accumulate_grad_batches=K)` micro-batches, and every ply of a rollout is used: a
    Trainer that divides by another K, or takes fewer batches, is refused before the first game. A GPU holds the plies
    of a rollout: in chess about 180 bytes each if they were played on the host, and 0.4 KB if on the GPU.

    Works as the Trainer's data module, inside another data module, and through `train_dataloader()` alone. The
    validation loader has one element, so that `EvaluationMatch` plays in Lightning's validation loop.

    Args:
        game: The rules.
        games: Number of games per rollout, over all ranks.
        updates: Optimizer steps per pass over the rollout. 1 is the unbiased estimator; more need `Loss.clip`.
        passes: Number of times that each ply is learned from (PPO calls them epochs; Lightning's epoch is a rollout).
        max_plies: The ply cap; a game that reaches it is truncated.
        material_weight: f(x) of a truncated game for the side that is ahead by the game's heuristic (in chess,
            material); minus that for the other side.
        reward: f(x) in place of the outcome: a function (outcome, truncated, ahead) -> [games] as in
            `learning.rewards`, in a configuration by its import path.
        starts: Positions to start from, in turn, or a `Starts` that samples one for each game; '' and None stand for
            the initial position.
        opponents: The opponents of the policy in a share of the games; if None, it plays itself in all games.
        seed: Seed of all random numbers of the games; by default that of `pl.seed_everything`, else 0.
        device: Where the games are played. `auto`: on the GPU of the network if it is on one and the game has rules
            for it, else on the host, with the reason in one line; `cuda`: on the GPU, or else an error; `cpu`: on the
            host. Games against engines and minimax are always played on the host.
        slots: The largest number of games at once on a GPU; the others wait until a game ends. The games do not depend
            on it.
        segment: The length of a rollout, in plies per slot, in place of whole games. Then `games` is the number of
            slots, in each of which the next game begins as soon as one has ended, and games go on from one rollout to
            the next. Biased: a game that is cut has the return that the value head expects at the cut, and its plies
            are played by different weights. Needs a GPU, the value baseline and an average over plies. Games are
            counted in the rollout in which they end.

    Raises:
        ValueError: An argument is out of its range, or a position to start from can't be read.
    """

    def __init__(
        self,
        game: Game,
        games: int = 256,
        updates: int = 1,
        passes: int = 1,
        max_plies: int | None = None,
        material_weight: float = 0.0,
        reward: Reward | None = None,
        starts: Starts | Sequence[str] | None = None,
        opponents: OpponentPool | None = None,
        seed: int | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        slots: int = SLOTS,
        segment: int | None = None,
    ) -> None:
        super().__init__()
        check_package()
        counts = {"games": games, "updates": updates, "passes": passes, "max_plies": max_plies, "slots": slots}
        require(SelfPlay, {**counts, "segment": segment, "material_weight": material_weight, "seed": seed})
        require_choices(SelfPlay, {"device": device})
        if segment and games > slots:
            raise ValueError(f"games must be at most slots ({slots:,}) with segments, got {games:,}")
        if isinstance(starts, Sequence) and not len(starts):
            raise ValueError("starts must name at least one position, got none; leave it out for the initial position")
        self.game = game
        self.games = operator.index(games)
        self.updates = operator.index(updates)
        self.passes = operator.index(passes)
        self.max_plies = None if max_plies is None else operator.index(max_plies)
        self.material_weight = material_weight
        self.reward = reward
        self.segment = None if segment is None else operator.index(segment)
        self.starts = StartPositions(game, starts)
        self.opponents = opponents
        self._seed = None if seed is None else operator.index(seed)  # a sweep may pass numpy's
        self.device = str(device)  # a sweep may pass numpy's
        self.slots = operator.index(slots)
        self._kept = KeptSlots()  # with segments
        self._host_because = ""  # why the games are not played on the GPU, once that has been reported
        self._counters = Counters(rollouts=0)
        self.accumulated = 1  # the K for which the newest rollout is cut
        self.rollout: Rollout | None = None  # the newest, for inspection
        first = np.arange(self.starts.in_turn if isinstance(starts, Sequence) else games)
        positions = self.starts.texts(first, self._apart) if starts else [""]
        started = self.starts.start(positions)  # what can't be read is reported now, not after a rollout
        if material_weight and not isinstance(started, Heuristic):
            raise ValueError(
                f"material_weight must be 0 for {game.name}, which has no heuristic, got {material_weight:g}"
            )
        if reward and material_weight:
            raise ValueError(f"material_weight must be 0 with a reward of your own, got {material_weight:g}")
        over = started.outcomes().over
        if over.any():
            position = positions[int(over.argmax())]
            raise ValueError(f"starts must be positions from which the game goes on, got {position!r}")

    @property
    def seed(self) -> int:
        return int(os.environ.get("PL_GLOBAL_SEED", 0)) if self._seed is None else self._seed

    @property
    def rollouts(self) -> int:
        """The number of rollouts played."""
        return int(self._counters.latest()["rollouts"])

    @rollouts.setter
    def rollouts(self, rollouts: int) -> None:
        self._counters.latest()["rollouts"] = rollouts

    def sample(self, player: PolicyPlayer, rank: int = 0, ranks: int = 1) -> Rollout:
        """Play this rank's share of the next rollout.

        Args:
            player: The learner, which has every seat that is not an opponent's.
            rank: The rank.
            ranks: The number of ranks.

        Returns:
            The rollout.

        Raises:
            BrokenContract: The game breaks its contract.
            ValueError: The ranks can't share the games evenly.
        """
        index, group = self.share(rank, ranks)
        seats: list[Seats] = [(player, player)] * len(index)
        if self.opponents:
            facts = getattr(self.fitting.lightning_module, "facts", None) if self.fitting else None
            self.opponents.snapshot(player.policy, self.rollouts, facts() if facts else {})
            placing = Randomness(~self.seed) if self.segment else None  # then the seats of a slot stay as they are
            everyone, pair = self.opponents.seats(player, self.games, self.starts.in_turn, self._apart, placing)
            seats = [everyone[i] for i in index]
            group = (group * (int(pair.max()) + 1) + pair[index]).astype(np.int32)
        more: dict[str, Any] = {
            "learner": player,
            "max_plies": self.max_plies,
            "reward": self.reward or partial(adjudicated, weight=self.material_weight),
            "on_ply": watching(self.fitting, "playing", self.segment or len(index)) if self.fitting else None,
        }
        with player.forward_context():  # around that of each ply, so that weights are cast once per rollout
            if self.segment:
                rollout = self._sample_segment(self.segment, player, rank, ranks, seats, more)
            else:
                rollout = replace(
                    play_on(
                        self.place(player.policy.device),
                        self.game,
                        self.starts.start(self.starts.texts(index, self._apart)),
                        seats,
                        Randomness(self.seed, self.rollouts),
                        index=index,
                        slots=self.slots,
                        **more,
                    ),
                    group=group,
                )
        rollout.require_reasons(self.game)
        return rollout

    def _sample_segment(
        self, segment: int, player: PolicyPlayer, rank: int, ranks: int, seats: list[Seats], more: dict[str, Any]
    ) -> Rollout:
        index = self.share(rank, ranks)[0]
        rollout, slots = play_segment(
            # A slot begins at most one game per ply. So with this first number, a training that goes on without the
            # slots of an earlier one, such as after `ddp_spawn`, plays other games.
            self._kept.of_rank(rank, ranks, index, self.rollouts * segment),
            segment,
            seats,
            self.seed,
            game=self.game,
            device=self._place_of_segments(player.policy.device),
            start=self.starts.start,
            positions=partial(self.starts.texts_of_slots, seed=~self.seed) if self.starts.starts else None,
            **more,
        )
        self._kept.keep(slots)
        return rollout

    def _place_of_segments(self, device: torch.device) -> str:
        """Where segments are played. Raises ValueError if that would be the host."""
        place = self.place(device)
        if place is None:
            why = "device is cpu" if self.device == "cpu" else f"the Trainer runs on {device}"
            raise ValueError(
                f"SelfPlay(segment={self.segment}) needs a GPU that plays the games, but {self._host_because or why}; "
                "leave it out to play whole games"
            )
        return place

    def place(self, device: torch.device) -> str | None:
        """Where the games are played.

        Args:
            device: The device of the network.

        Returns:
            The device, or None for the host.

        Raises:
            ValueError: They can't be played where `device` of this object says.
        """
        if self.device == "cpu" or (self.device == "auto" and device.type != "cuda"):
            return None
        if device.type != "cuda":
            raise ValueError(
                f"device must be auto or cpu unless the Trainer runs on a CUDA GPU, got cuda with a Trainer on {device}"
            )
        try:
            require_device(self.game, str(device))
        except NotOnDevice as error:
            if self.device == "cuda":
                raise ValueError(f"device must be auto or cpu here, got cuda: {error}") from None
            if str(error) != self._host_because:
                rank_zero_info(f"the games are played on the host, since {error}")
            self._host_because = str(error)
            return None
        return str(device)

    def share(self, rank: int = 0, ranks: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The games of one rank in every rollout.

        Args:
            rank: The rank.
            ranks: The number of ranks.

        Returns:
            [n] their global indices, and [n] the number of each one's start. Starts that are sampled count as
            different, except those of games that are `alike`.

        Raises:
            ValueError: The ranks can't share the games evenly.
        """
        if self.games % ranks:
            raise ValueError(f"games must be a multiple of {ranks}, the number of ranks, got {self.games}")
        index = np.arange(rank, self.games, ranks)
        return index, self.starts.numbers(index).astype(np.int32)

    def groups(self) -> NDArray[np.int64]:
        """[games] Group ids: games with the same id have the same start and seats in every rollout."""
        start = self.share()[1].astype(np.int64)
        if self.opponents is None:
            return start
        block, seat = self.opponents.blocks(self.games, self.starts.in_turn)
        return (start * (self.games + 1) + block) * 2 + seat

    @property
    def _apart(self) -> Randomness:
        """Random numbers for the next rollout that its plies do not use."""
        return Randomness(~self.seed, self.rollouts)

    def setup(self, stage: str) -> None:
        # If the network runs on the CPU, the rules keep to one thread and leave it the cores.
        if self.game.threads is None and self.trainer and self.trainer.strategy.root_device.type != "cpu":
            self.game.threads = cores(self.trainer)

    def train_dataloader(self) -> Any:
        return _RolloutLoader(self)

    def val_dataloader(self) -> Any:
        """One batch of one position, which is there only so that the validation loop runs."""
        return OneBatch(self.game)

    @property
    def fitting(self) -> pl.Trainer | None:
        """The Trainer that learns from these games, whether this is its data module or a part of it."""
        own = self.trainer
        if own and is_running(own) and getattr(own, "datamodule", None) is self:
            return own
        return innermost() or own

    def check(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Raise ValueError if the gradient would not be that of the module's loss over whole rollouts.

        Args:
            trainer: The Trainer that is to fit.
            module: Its module.
        """
        require_whole_rollouts(trainer, self.updates * self.passes)
        if self.segment:
            self._place_of_segments(trainer.strategy.root_device)
            require_segments(module, self.segment, self.opponents)
        else:
            self.place(trainer.strategy.root_device)
        ours, theirs = self.game, policy_of(module).game
        if files.describe(ours) != files.describe(theirs):
            raise ValueError(
                f"SelfPlay plays {files.distinguished(ours, theirs)}, but the policy of {type(module).__name__} is for "
                f"{files.distinguished(theirs, ours)}; both must be given the same game"
            )
        for listener in (module, *trainer.callbacks):  # type: ignore[attr-defined]  # Trainer.callbacks is untyped
            require_hook(listener)
        self.share(0, trainer.world_size)
        if check := getattr(module, "check", None):
            check(self)

    def check_factor(self, trainer: pl.Trainer) -> None:
        """Raise ValueError if Lightning would divide by another K than the one for which the rollout was cut."""
        if trainer.accumulate_grad_batches != self.accumulated:
            raise ValueError(
                f"accumulate_grad_batches changed from {self.accumulated} to {trainer.accumulate_grad_batches} while "
                "training; rollouts are cut into parts by the former, so it must stay the same"
            )

    def teardown(self, stage: str) -> None:
        if self.opponents:
            self.opponents.close()
        if self.fitting:
            self._counters.publish(self.fitting)

    def on_exception(self, exception: BaseException) -> None:
        self.teardown("fit")

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {"rollouts": self.rollouts}
        if self.opponents:
            state["opponents"] = self.opponents.state_dict()
        if self.segment and (slots := self._kept.state_dict()):
            state["slots"] = slots
        return state

    def load_state_dict(self, state_dict: dict[str, Any], folder: Path | None = None) -> None:
        """Continue with the games after a checkpoint.

        Args:
            state_dict: As `state_dict` returned it.
            folder: The folder of the checkpoint, in which the opponent pool lies; by default that of the Trainer's.

        Raises:
            ValueError: A policy file of the opponent pool is missing or damaged, or there are other slots.
        """
        trainer = self.fitting
        to_fit = trainer is None or trainer.state.fn in (None, TrainerFn.FITTING)  # else the pool is not needed
        if self.opponents and "opponents" in state_dict and to_fit:
            folders = [folder] if folder else [Path(trainer.default_root_dir)] if trainer else [Path()]
            if not folder and trainer and trainer.ckpt_path:
                folders.insert(0, Path(trainer.ckpt_path).parent)
            pools = [folder / POOL for folder in folders]
            home = next((pool for pool in pools if pool.is_dir()), pools[0])
            self.opponents.load_state_dict(state_dict["opponents"], home, self.game)
        if self.segment and "slots" in state_dict and to_fit:
            self._kept.load_state_dict(state_dict["slots"], self.games)
        self.rollouts = state_dict["rollouts"]


def self_play_of(trainer: pl.Trainer) -> SelfPlay | None:
    """The SelfPlay whose games a Trainer learns from, whether it is its data module or not; None if there is none."""
    data = getattr(trainer, "datamodule", None)
    if isinstance(data, SelfPlay):
        return data
    playing: SelfPlay | None = PLAYING.get(trainer)
    if playing:
        return playing
    loaders = trainer.train_dataloader
    flat = CombinedLoader(loaders).flattened if loaders is not None else []
    return next((loader.data for loader in flat if isinstance(loader, _RolloutLoader)), None)


class _RolloutLoader:
    """A plain iterable with a length, from which Lightning prefetches nothing: such games would be one update old."""

    def __init__(self, data: SelfPlay) -> None:
        self.data = data
        self._met: tuple[pl.Trainer, pl.LightningModule] | None = None  # the two that have been checked

    def __len__(self) -> int:
        self._meet()
        return self.data.updates * self.data.accumulated * self.data.passes

    def __iter__(self) -> Iterator[Batch]:
        # A generator: nothing is played before the first batch is requested.
        data, trainer, batches = self.data, self._meet(), len(self)
        if trainer is None:
            raise ValueError(
                "SelfPlay has no Trainer: pass it to Trainer.fit as the data module or, if another data module wraps "
                "it and the module is not a PolicyGradient, set its attribute `trainer` first"
            )
        data.check_factor(trainer)
        if trainer.fit_loop.restarting and (begun := trainer.fit_loop.epoch_loop.batch_progress.current.ready):
            rank_zero_warn(
                f"{trainer.ckpt_path} was saved after {begun} batches of a rollout, whose games it does not hold; "
                "training continues with the next rollout"
            )
            return
        if not in_fast_dev_run(trainer) and trainer.num_training_batches != batches:
            raise ValueError(
                f"the Trainer takes {trainer.num_training_batches} batches per epoch, but a rollout of SelfPlay has "
                f"{batches}; an epoch must be one whole rollout, so all other loaders need as many batches"
            )
        # Read once per rollout: a callback may change them for the next one.
        updates, passes, parts = data.updates, data.passes, data.updates * data.accumulated
        order = Randomness(data.seed, data.rollouts).generator()
        stored = self._play(trainer, parts)
        for _ in range(passes):
            # A single update sees every ply in any order; then neighbors go together, since lists of legal actions of
            # similar length need the least padding.
            rows = np.arange(len(stored)) if updates == 1 else order.permutation(len(stored))
            for part in np.array_split(rows, parts):
                data.check_factor(trainer)
                yield stored.batch(part)

    def _play(self, trainer: pl.Trainer, parts: int) -> StoredRollout:
        """Play the next rollout, show it to the listeners, and weigh its plies for `parts` micro-batches per rank."""
        data, module, rank, ranks = self.data, trainer.lightning_module, trainer.global_rank, trainer.world_size
        data.rollout = None  # two rollouts need not fit in memory
        player = PolicyPlayer(policy_of(module), forward_context=partial(playing_precision, trainer))
        rollout = data.rollout = data.sample(player, rank, ranks)
        data.rollouts += 1
        total = partial(trainer.strategy.reduce, reduce_op="sum")
        if rollout.forfeits:
            why = next(iter(rollout.forfeits.values()))
            rank_zero_warn(f"opponents gave up {len(rollout.forfeits)} of {rollout.games} games ({why})")
        if data.opponents:
            index = rollout.group if data.segment else np.arange(rank, data.games, ranks)
            data.opponents.record(rollout, index, lambda tensor: total(tensor.to(module.device)))
        own = len(rollout.recorded)
        sizes = torch.tensor((float(rollout.games), float(own), float(own == 0)), device=module.device)
        games, stored, idle = (int(size) for size in total(sizes))
        if idle:  # on every rank, since the others would wait for this one
            where = f" on {idle} of {ranks} ranks" if ranks > 1 else ""
            raise ValueError(
                f"the learner made no move in the {rollout.games} games of a rollout{where}; set more games, or raise "
                "max_plies"
            )
        for listener in (module, *trainer.callbacks):  # type: ignore[attr-defined]  # Trainer.callbacks is untyped
            if isinstance(listener, RolloutListener):
                listener.on_rollout(trainer, module, rollout)
        weights, targets = weights_of(module, rollout), value_targets_of(module, rollout)
        return StoredRollout(rollout, weights, targets, module.device, games, stored, parts * ranks)

    def _meet(self) -> pl.Trainer | None:
        """The Trainer that learns from the games, checked once. Raises ValueError if its gradient would be wrong."""
        before = self._met[0] if self._met else None
        trainer = before if before and is_running(before) else self.data.fitting
        if trainer and self._met != (trainer, trainer.lightning_module):
            module = trainer.lightning_module
            self.data.check(trainer, module)
            if PLAYING.get(trainer, self.data) is not self.data and is_announced(trainer):
                raise ValueError("a PolicyGradient can learn from the games of one SelfPlay at a time, got two")
            PLAYING[trainer] = self.data
            self._met, self.data.accumulated = (trainer, module), trainer.accumulate_grad_batches
            if self.data.opponents:
                PoolFiles.install(trainer, self.data.opponents)
            if meet := getattr(module, "meet", None):
                meet(self.data)
        return trainer
