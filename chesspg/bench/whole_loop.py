"""The whole loop of a recipe, run by Lightning's Trainer, and the same games and updates without it."""

from __future__ import annotations

import copy
import statistics
import time

import torch

from chesspg.bench.timing import REPEATS, wait_for
from chesspg.runs.train_cli import TrainCLI

WARM = 10  # plies of the rollout that warms up


class WholeLoop:
    """Plays one rollout and learns from it, again and again from the same weights and with the same random numbers.

    It plays the same games each time, unless the choice of opponents depends on the learner's scores.

    Args:
        run: A run of the recipe that has not begun.
    """

    def __init__(self, run: TrainCLI) -> None:
        self.run = run
        data, bar = run.datamodule, run.trainer.progress_bar_callback
        if bar:
            bar.disable()  # the figures are all that the benchmark prints
        max_plies, data.max_plies = data.max_plies, min(data.max_plies or WARM, WARM)
        self._fit(1)
        data.max_plies = max_plies
        self._weights, self._rollouts = copy.deepcopy(run.model.state_dict()), data.rollouts
        self._setup = self._fit(0)  # seconds that Trainer.fit takes once and not per rollout

    def with_trainer(self) -> float:
        """Seconds of a rollout and its updates in Trainer.fit."""
        self._rewind()
        return self._fit(1) - self._setup

    def without_trainer(self) -> float:
        """Seconds of the same in a plain loop: batches, loss, backward, clipping, optimizer step."""
        self._rewind()
        module, data, trainer = self.run.model, self.run.datamodule, self.run.trainer
        module.to(trainer.strategy.root_device)  # Lightning leaves it on the CPU
        optimizer, parts = module.optimizer(module.parameters()), trainer.accumulate_grad_batches
        began = time.perf_counter()
        for index, batch in enumerate(data.train_dataloader()):
            if index % parts == 0:
                optimizer.zero_grad()
            with trainer.precision_plugin.forward_context():
                loss = module.training_step(batch, index) / parts
            loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no hints
            if index % parts == parts - 1:
                module.on_before_optimizer_step(optimizer)
                if trainer.gradient_clip_val:
                    torch.nn.utils.clip_grad_norm_(module.parameters(), trainer.gradient_clip_val)
                optimizer.step()
        wait_for(module.device)
        return time.perf_counter() - began

    def plies_per_s(self) -> float:
        """Plies played per second, whoever moves, in one rollout and its updates in Trainer.fit."""
        seconds = self.with_trainer()
        return self._plies() / seconds

    def figures(self) -> dict[str, float]:
        """Measure both in turn. Returns figures by name, as in bench.json."""
        both = [(self.with_trainer(), self.without_trainer()) for _ in range(REPEATS)]
        with_trainer, without = zip(*both, strict=True)
        taken = statistics.median(with_trainer)
        data = self.run.datamodule
        assert data.rollout is not None
        plies, occupancy = self._plies(), data.rollout.occupancy
        return {
            "recipe_selfplay_plies_per_s": plies / data.rollout.seconds,  # with its opponents, to the end of each game
            **({} if occupancy is None else {"occupancy": occupancy}),
            "loop_plies_per_s": plies / taken,
            "loop_learned_plies_per_s": len(data.rollout.recorded) / taken,
            "loop_updates_per_s": data.updates * data.passes / taken,
            # The work is the same each time, so the shortest times have the least noise.
            "lightning_share": 1 - min(without) / min(with_trainer),
        }

    def _plies(self) -> int:
        """The number of plies of the newest rollout, whoever moved."""
        rollout = self.run.datamodule.rollout
        assert rollout is not None
        return rollout.played

    def _rewind(self) -> None:
        self.run.model.load_state_dict(self._weights)
        self.run.datamodule.rollouts = self._rollouts

    def _fit(self, rollouts: int) -> float:
        """Seconds of Trainer.fit with this number of rollouts."""
        trainer = self.run.trainer
        trainer.fit_loop.max_epochs = trainer.current_epoch + rollouts
        began = time.perf_counter()
        trainer.fit(self.run.model, self.run.datamodule)
        return time.perf_counter() - began
