"""Runs of `train`: PolicyGradient learns from the games of SelfPlay; an epoch is one rollout."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pytorch_lightning.callbacks import Callback
from pytorch_lightning.cli import LightningArgumentParser

from chesspg.games.contract import BrokenContract
from chesspg.games.contract import check as check_contract
from chesspg.games.game import Game
from chesspg.learning.advantages import Advantages, WrongShape
from chesspg.learning.losses import Loss
from chesspg.learning.rewards import BadReward
from chesspg.players import roster
from chesspg.policy.policy import to_tensors
from chesspg.runs.run_cli import RunCLI
from chesspg.storage.lock import is_rank_zero
from chesspg.training import earlier
from chesspg.training.compiling import require_compiler
from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import PolicyGradient
from chesspg.training.sample_games import SampleGames


class TrainCLI(RunCLI):
    """A run of self-play."""

    COMMAND = "train"
    MODEL = PolicyGradient
    DATA = SelfPlay
    GROUPS: ClassVar[Mapping[str, type]] = {"model.advantages": Advantages, "model.loss": Loss}
    EPOCHS = "rollouts"
    DEFAULT_RECIPE = "chess_quick"
    REFUSALS = (BrokenContract, WrongShape, BadReward)

    model: PolicyGradient
    datamodule: SelfPlay

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        super().add_arguments_to_parser(parser)
        parser.add_argument(
            "--init",
            type=str | None,
            default=None,
            help="the policy to start from: a policy file, checkpoint, run folder, or name of a policy that ships",
        )
        parser.link_arguments("init", "model.init")

    @classmethod
    def renewed(cls, tree: Mapping[str, Any]) -> dict[str, Any]:
        return earlier.configuration(tree)

    def epochs(self, config: Any) -> int:
        # All limits become epochs, which are rollouts: Lightning's own may stop between the micro-batches of an update,
        # and a run that is resumed under max_steps would take a single batch of its next rollout.
        updates = self.datamodule.updates * self.datamodule.passes
        for name, whole in {"limit_train_batches": None, "overfit_batches": 0.0, "fast_dev_run": False}.items():
            if config[name] != whole:
                raise ValueError(
                    f"--trainer.{name} must be left out, since each rollout is learned from as a whole, got "
                    f"{config[name]}; --data.games sets its size"
                )
        steps = config["max_steps"]
        if steps > 0 and steps % updates:
            raise ValueError(
                f"--trainer.max_steps must be a multiple of {updates}, the updates per rollout, got {steps}"
            )
        limits = [limit for limit in (config["max_epochs"], steps // updates) if limit is not None and limit > 0]
        return min(limits, default=-1)

    def limits(self, epochs: int) -> dict[str, int]:
        return {"max_epochs": epochs, "max_steps": epochs * self.datamodule.updates * self.datamodule.passes}

    def more_callbacks(self) -> list[Callback]:
        return [SampleGames(self.folder / "games")]

    def check(self) -> None:
        super().check()
        segment, device = self.datamodule.segment, self.trainer.strategy.root_device
        if segment and device.type != "cuda" and self.datamodule.place(device) is None:
            raise ValueError(self._needs_a_gpu(segment))
        self.datamodule.check(self.trainer, self.model)
        if self.model.compiled:
            require_compiler(self.trainer.strategy.root_device)
        if self.datamodule.opponents:
            with roster.players(self.datamodule.opponents.players, self.datamodule.game):
                pass  # all of them are available
        own = not type(self.datamodule.game).__module__.startswith("chesspg.")
        if self.checkpoint is None and own and is_rank_zero():
            _refuse_a_broken_game(self.datamodule.game)

    def _needs_a_gpu(self, segment: int) -> str:
        """That a run with segments needs a GPU, how long it would take here, and what to run instead."""
        data, policy, count = self.datamodule, self.model.policy, 256
        position = [tensor.expand(count, *tensor.shape[1:]) for tensor in to_tensors(data.game.start(1).observe())]
        for _ in range(2):  # the first time, torch gets ready
            began = time.perf_counter()
            policy(*position).log_probs.sum().backward()  # type: ignore[no-untyped-call]
        seconds = (time.perf_counter() - began) / count * data.games * segment
        rollouts = self.trainer.max_epochs or -1
        whole = f"{rollouts:,} rollouts of this run" if rollouts > 0 else "each rollout of this run"
        device = self.trainer.strategy.root_device.type.upper()
        instead = ", or run --config chess_laptop, which is made for it" if data.game.name == "chess" else ""
        return (
            f"--data.segment {segment} needs an NVIDIA GPU, but this run is on the {device}, where {whole} would take "
            f"at least {_about(seconds * max(rollouts, 1))}; --data.segment null plays whole games there{instead}"
        )

    def after_not_finite(self) -> str:
        return f"its rollout is saved in {self.folder}, "

    def to_save_memory(self) -> str:
        data, parts = self.datamodule, self.trainer.accumulate_grad_batches
        if data.rollout is None:  # the games are not over
            at_once, name = min(data.slots, data.games), "games" if data.segment else "slots"
            return f"--data.{name} {max(1, at_once // 2)} plays half as many games at once"
        return f"--trainer.accumulate_grad_batches {2 * parts} learns from half as many plies at once"

    def restore(self, state: dict[str, Any]) -> None:
        self.datamodule.load_state_dict(state, Path(self.trainer.default_root_dir))


def _about(seconds: float) -> str:
    """A time in the largest unit of which there are at least two."""
    units = {"days": 86_400, "hours": 3_600, "minutes": 60}
    unit = next((unit for unit, length in units.items() if seconds >= 2 * length), None)
    return f"{seconds / units[unit]:.0f} {unit}" if unit else f"{seconds:.0f} seconds"


def _refuse_a_broken_game(game: Game) -> None:
    """Raise ValueError if the user's game breaks its contract; in a training the effect would be hard to see."""
    try:
        check_contract(game)
    except BrokenContract as error:
        raise ValueError(f"the game breaks the contract of chesspg.games.game: {error}") from None
