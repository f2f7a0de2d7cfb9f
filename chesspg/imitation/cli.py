"""Runs of `pretrain`: Imitation learns from RecordedGames; an epoch has every ply of the games once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from jsonargparse import Namespace

from chesspg.imitation.data import RecordedGames
from chesspg.imitation.module import MONITOR, OPTIMIZER, Imitation
from chesspg.imitation.recorded import Damaged
from chesspg.runs.run_cli import RunCLI, recipe
from chesspg.storage import parsing
from chesspg.terminal.command import polite_interrupt
from chesspg.training.evaluation import EvaluationMatch

CHESS = "chesspg.games.chess.Chess"  # the game of RecordedGames
UPDATES = 500  # from one validation to the next


class PretrainCLI(RunCLI):
    """A run of imitation."""

    COMMAND = "pretrain"
    MODEL = Imitation
    DATA = RecordedGames
    STOPS_AT = "step"
    DEFAULTS: ClassVar[Mapping[str, Any]] = {
        "gradient_clip_val": 1.0,
        "val_check_interval": UPDATES,
        "check_val_every_n_epoch": None,
        "num_sanity_val_steps": 0,
        "devices": 1,
    }
    FIELDS: ClassVar[Mapping[str, Any]] = {
        "model.optimizer": {"class_path": f"torch.optim.{OPTIMIZER.func.__name__}", "init_args": OPTIMIZER.keywords}
    }
    REFUSALS = (Damaged,)

    model: Imitation
    datamodule: RecordedGames

    def game_of(self, config: Any) -> Any:
        return Namespace(class_path=CHESS)  # type: ignore[no-untyped-call]  # jsonargparse gives it no hints

    def epochs(self, config: Any) -> int:
        # A run that is resumed under Lightning's max_steps would not continue at its position in the data.
        if config["max_steps"] > 0:
            raise ValueError(
                f"--trainer.max_steps must be left out for recorded games, got {config['max_steps']}; set "
                "--trainer.max_epochs or --trainer.max_time"
            )
        return super().epochs(config)

    def monitor(self, matches: list[EvaluationMatch]) -> str | None:
        return MONITOR

    def check(self) -> None:
        super().check()
        self.model.check(self.trainer)
        rate = self.model.optimizer(self.model.parameters()).param_groups[0]["lr"]
        if not rate > 0:
            raise ValueError(f"--model.optimizer.init_args.lr must be above 0, got {rate}")

    def about(self) -> list[str]:
        return [*super().about(), f"{self.datamodule.examples.plies:,} plies to learn from"]

    def prepare(self) -> None:
        with polite_interrupt("interrupted; the same command continues after the last shard"):
            self.datamodule.prepare_data()
        self.datamodule.examples  # noqa: B018  # so that damaged shards are found now

    def to_save_memory(self) -> str:
        return f"--data.batch {max(1, self.datamodule.batch // 2)} learns from half as many plies at once"

    def keep(self, config: Any) -> None:
        config.data.shards = str(self.datamodule.shards.folder)  # so that the run no longer needs the files


def network_of(name: str) -> dict[str, Any]:
    """The network in a recipe of `train`, with which `train` can continue from the policy.

    Args:
        name: The recipe: a path to a YAML file, or the bare name of one that ships.

    Returns:
        Its class_path and init_args.

    Raises:
        OSError: The recipe can't be read.
        ValueError: There is no such recipe, it has no network, or it is for another game than chess.
    """
    path = recipe(name)
    tree = parsing.read_mapping(path)
    data, model = tree.get("data"), tree.get("model")
    game = data.get("game") if isinstance(data, dict) else None
    game = {"class_path": game} if isinstance(game, str) else game
    if isinstance(game, dict):  # a recipe without a game can be used for any game
        kind = str(game.get("class_path")).rpartition(".")[2]
        arguments = game.get("init_args")
        variant = arguments.get("variant", "standard") if isinstance(arguments, dict) else "standard"
        if kind != CHESS.rpartition(".")[2] or variant != "standard":
            named = f"chess ({variant})" if kind == CHESS.rpartition(".")[2] else kind
            raise ValueError(f"{path} is a recipe for {named}; expected one for chess, the game of the PGN files")
    network = model.get("network") if isinstance(model, dict) else None
    network = {"class_path": network} if isinstance(network, str) else network
    if not (isinstance(network, dict) and isinstance(network.get("class_path"), str)):
        raise ValueError(f"{path} has no model.network with a class_path; expected a recipe of train")
    return {"class_path": network["class_path"], "init_args": network.get("init_args") or {}}
