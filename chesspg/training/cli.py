"""A run from its configuration: LightningCLI with a run folder, and what every run has."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import logging
import warnings
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.plugins import CheckpointIO
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import ProgressBar, Timer
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI

from chesspg.games.contract import BrokenContract
from chesspg.games.contract import check as check_contract
from chesspg.games.game import Game
from chesspg.players import roster
from chesspg.policy import files
from chesspg.storage import atomic, parsing
from chesspg.storage.lock import is_rank_zero, new_run
from chesspg.storage.shipped import shipped_files
from chesspg.training import configuration
from chesspg.training.checkpoints import AtomicCheckpointIO, RolloutCheckpoint, read_checkpoint
from chesspg.training.datamodule import SelfPlay
from chesspg.training.evaluation import EvaluationMatch
from chesspg.training.loggers import EventLogger, MetricsLogger, read_metrics
from chesspg.training.module import PolicyGradient, check_precision, fastest_precision
from chesspg.training.progress import RolloutProgress
from chesspg.training.sample_games import SampleGames

DEFAULT_RECIPE = "chess_quick"  # of train and bench
# Of a user's making; an ImportError is of a library that Lightning needs for what was asked for.
MISTAKES = (argparse.ArgumentError, MisconfigurationException, ValueError, TypeError, OSError, ImportError)


class RunCLI(LightningCLI):
    """LightningCLI with a run folder, and with what every run has: checkpoints, logs, sample games, a progress bar."""

    folder: Path
    lock: ExitStack  # of a new run, which its folder is made with
    settings: dict[str, Any]  # the configuration as it is kept with the run, primitives
    checkpoint: dict[str, Any] | None  # what a resumed run goes on from

    @classmethod
    def build(cls, arguments: list[str], **parser: Any) -> RunCLI:
        """The run that a command line asks for. Raises one of MISTAKES, before anything is written, if it can't be."""
        quiet()
        keep_memory()
        configuration.bound_yaml()
        try:
            return cls(
                PolicyGradient,
                SelfPlay,
                save_config_callback=None,
                run=False,
                auto_configure_optimizers=False,
                seed_everything_default=0,
                trainer_defaults={"log_every_n_steps": 1, "enable_model_summary": False, "enable_checkpointing": True},
                parser_kwargs={"exit_on_error": False, **parser},
                args=arguments,
            )
        except argparse.ArgumentError as error:
            raise ValueError(configuration.readable(error)) from None

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument("--run", type=str, default=None, help="the folder to make and write, checkpoints/… if none")
        parser.add_argument("--resume", type=str, default=None, help="the folder of a run to go on with, by its config")
        parser.add_argument(
            "--init",
            type=str | None,
            default=None,
            help="a policy file, .ckpt, run folder or name of one that ships, to start from",
        )
        parser.link_arguments("init", "model.init")
        parser.link_arguments("seed_everything", "data.seed", compute_fn=configuration.seed)
        parser.link_arguments("data.game", "model.game", apply_on="instantiate")

    def before_instantiate_classes(self) -> None:
        self.folder = Path(self.config.resume or self.config.run)
        self.lock = ExitStack()
        self.checkpoint = None
        configuration.check(self.config)
        if is_rank_zero():
            for program in configuration.programs(self.config):
                print(f"this run starts: {program if program.isprintable() else repr(program)}", flush=True)
        if self.config.resume:
            self.checkpoint = read_checkpoint(self.folder / "last.ckpt")
            own = self.parser.parse_path(self.folder / "config.yaml")
            for name in ("optimizer", "lr_scheduler"):
                if self.config.model[name] != own.model[name]:
                    raise ValueError(
                        f"a resumed run keeps its model.{name}, whose state the checkpoint holds; for another, start a "
                        f"run from its policy: --config {self.folder}/config.yaml --init {self.folder}"
                    )

    def instantiate_classes(self) -> None:
        try:
            super().instantiate_classes()
        except ValueError as error:
            # Where a field may be one thing or another, jsonargparse tells what each of them had against it.
            raise (error.__cause__ if isinstance(error.__cause__, MISTAKES) else error) from None
        _check(self.model, self.datamodule, self.trainer)
        if self.checkpoint is not None:
            _check_resumable(self.model, self.datamodule, self.trainer, self.checkpoint, self.config.trainer)
        elif is_rank_zero() and not type(self.datamodule.game).__module__.startswith("chesspg."):
            _refuse_a_broken_game(self.datamodule.game)
        text = self.parser.dump(_without_run(self.config))
        self.settings = parsing.parse_yaml(text)
        if is_rank_zero():  # nothing is written before all is known to be good
            with ExitStack() as held:
                if self.checkpoint is None:
                    held.enter_context(new_run(self.folder))
                    if self.config.init:  # a copy, so that the run can go on when that file is gone
                        files.write(self.folder / files.INIT, *files.read(self.config.init))
                atomic.write_text(self.folder / "config.yaml", text)  # a resumed run keeps what was changed
                self.lock = held.pop_all()

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        config = self.config_init.trainer
        # By epochs, which are rollouts: Lightning's own limits may stop between the micro-batches of an update, and a
        # run that goes on under max_steps would take a single batch of its next rollout.
        max_time, config["max_time"] = config["max_time"], None
        config["max_epochs"] = _rollouts(config, self.datamodule.updates * self.datamodule.passes)
        if config["precision"] is None:
            config["precision"] = fastest_precision(config["accelerator"])
            self.config.trainer.precision = config["precision"]  # kept with the run, which may go on elsewhere
        logger = config["logger"]
        if logger is not False:  # a user's own come first, since Lightning asks the first for a folder
            others = [EventLogger(self.folder, name="", version="")] if logger in (None, True) else _listed(logger)
            config["logger"] = [
                *others,
                MetricsLogger(self.folder, self.checkpoint["global_step"] if self.checkpoint else 0),
            ]
        plugins = _listed(config["plugins"])
        for plugin in plugins:
            if isinstance(plugin, CheckpointIO):
                raise ValueError(
                    f"--trainer.plugins must be without {type(plugin).__name__}: a run writes its checkpoints by "
                    "AtomicCheckpointIO, so that none is lost"
                )
        config["plugins"] = [AtomicCheckpointIO(), *plugins]
        config["default_root_dir"] = str(self.folder)
        callbacks = config["callbacks"] = list(config["callbacks"] or [])
        matches = [callback for callback in callbacks if isinstance(callback, EvaluationMatch)]
        for match in matches:
            match.folder = match.folder or self.folder / "games"
        if max_time is not None:
            callbacks.insert(0, Timer(max_time, interval="epoch"))  # first, so that the others know of the end
        callbacks.append(SampleGames(self.folder / "games"))
        if config["enable_checkpointing"] is not False:
            callbacks.append(RolloutCheckpoint(self.folder, matches[0].monitor if matches else None))
        if config["enable_progress_bar"] is not False and not any(isinstance(c, ProgressBar) for c in callbacks):
            callbacks.append(RolloutProgress())
        return super().instantiate_trainer(**kwargs)


def _refuse_a_broken_game(game: Game) -> None:
    """Raise ValueError if a user's game breaks a rule of the contract: what it does to a training is hard to tell."""
    try:
        check_contract(game)
    except BrokenContract as error:
        raise ValueError(f"the game breaks the contract of chesspg.games.game: {error}") from None


def _listed(value: Any) -> list[Any]:
    """What Lightning takes as one thing, several or none, as a list."""
    return [] if value is None else list(value) if isinstance(value, Iterable) else [value]


def quiet() -> None:
    """Leave Lightning's remarks out that tell a user of a command nothing."""
    for library in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(library).setLevel(logging.WARNING)  # unused accelerators, tips, the seed
    for message, category in (
        ("LightningCLI's args parameter", UserWarning),  # ours are the command line
        ("Experiment logs directory", UserWarning),  # ours holds config.yaml, and metrics.csv is carried over
        (r"`isinstance\(treespec, LeafSpec\)`", FutureWarning),  # between Lightning 2.6 and torch
    ):
        warnings.filterwarnings("ignore", message, category)


def keep_memory() -> None:
    """Have glibc, where it is the allocator, keep what torch gives back.

    Each update asks for the tensors that the last one freed. With pages that the system must clear anew it takes a
    sixth longer, and self-play's forward pass half as long again.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for parameter, value in ((-3, 32 << 20), (-1, 2**31 - 1)):  # M_MMAP_THRESHOLD at its most, M_TRIM_THRESHOLD
            mallopt(parameter, value)


def recipe(name: str) -> Path:
    """A path to a YAML file, or the bare name of a recipe that ships."""
    if Path(name).is_file():
        return Path(name)
    ships = shipped_files("configs", ".yaml")
    if name in ships:
        return ships[name]
    what = "it is a folder" if Path(name).is_dir() and name else "there is no such file"
    raise ValueError(f"no recipe {name!r:.80}: {what}; expected a path to a YAML file or one of {', '.join(ships)}")


def _rollouts(config: Any, updates: int) -> int:
    """How many a run has at most, -1 for any number, each of so many updates; max_steps is then -1.

    Raises ValueError for limits that rollouts can't keep.
    """
    for name, whole in {"limit_train_batches": None, "overfit_batches": 0.0, "fast_dev_run": False}.items():
        if config[name] != whole:
            raise ValueError(f"trainer.{name} is not for rollouts, which are learned from whole; data.games sizes them")
    steps, config["max_steps"] = config["max_steps"], -1
    if steps > 0 and steps % updates:
        raise ValueError(
            f"trainer.max_steps {steps} ends inside a rollout of {updates} updates; take a multiple of them"
        )
    limits = [limit for limit in (config["max_epochs"], steps // updates) if limit is not None and limit > 0]
    return min(limits, default=-1)


def _check(model: PolicyGradient, data: SelfPlay, trainer: pl.Trainer) -> None:
    """Raise ValueError for what only the parts together can tell is wrong."""
    check_precision(trainer)
    model.configure_optimizers()  # a bad learning rate is said now
    data.check(trainer, model)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # untyped in Lightning
        if isinstance(callback, EvaluationMatch):
            callback.find_opponents(data.game)
            callback.refuse_others(trainer)
    if data.opponents:
        with roster.players(data.opponents.players, data.game):
            pass  # they can all be had


def _check_resumable(
    model: PolicyGradient, data: SelfPlay, trainer: pl.Trainer, checkpoint: dict[str, Any], config: Any
) -> None:
    """Raise ValueError if the checkpoint does not fit the model, or leaves the trainer, of `config`, nothing to do."""
    try:
        model.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        raise ValueError(f"the checkpoint does not fit the model: {error}") from None
    configured = model.configure_optimizers()
    optimizer = configured["optimizer"] if isinstance(configured, dict) else configured
    groups = optimizer.param_groups[0], checkpoint["optimizer_states"][0]["param_groups"][0]
    rates = [group.get("initial_lr", group["lr"]) for group in groups]  # which a schedule starts from
    if (set(groups[0]) ^ set(groups[1])) - {"initial_lr"} or rates[0] != rates[1]:
        raise ValueError(
            f"the checkpoint is of another optimiser than {type(optimizer).__name__} at a learning rate of {rates[0]}"
        )
    data.load_state_dict(checkpoint[type(data).__qualname__], Path(trainer.default_root_dir))
    read_metrics(trainer.default_root_dir)  # another file of that name is said now
    rollouts = checkpoint["chesspg"]["played"]["rollouts"]
    units = {"max_epochs": rollouts, "max_steps": rollouts * data.updates * data.passes}
    reached = [f"--trainer.{name} N, above {n}" for name, n in units.items() if 0 < (config[name] or -1) <= n]
    if reached:
        raise ValueError(f"all {rollouts} rollouts are done; to go on, add {' and '.join(reached)}")
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, Timer) and callback.state_key in checkpoint["callbacks"]:
            callback.load_state_dict(checkpoint["callbacks"][callback.state_key])
            spent, left = int(callback.time_elapsed()), callback.time_remaining()
            if left is not None and left <= 0:
                raise ValueError(
                    f"its time is spent; to go on, add --trainer.max_time DD:HH:MM:SS, above {spent} seconds"
                )


def _without_run(config: Any) -> Any:
    """The config as it is kept with the run: all but the folder's own name."""
    kept = config.clone()
    kept.run = kept.resume = kept.init = None
    return kept
