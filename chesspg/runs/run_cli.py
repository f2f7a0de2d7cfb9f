"""Builds a run from its configuration: LightningCLI with a run folder and the parts that every run has."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import pytorch_lightning as pl
from lightning_fabric.plugins import CheckpointIO
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, ProgressBar, Timer
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI

from chesspg.policy import files
from chesspg.runs import configuration, resuming
from chesspg.runs.messages import readable, with_option
from chesspg.runs.own_model import RunParser
from chesspg.runs.process import keep_memory, quiet
from chesspg.storage import atomic, parsing
from chesspg.storage.lock import is_rank_zero, new_run
from chesspg.storage.shipped import shipped_files
from chesspg.training.checkpoints import AtomicCheckpointIO, RolloutCheckpoint, read_checkpoint
from chesspg.training.evaluation import EvaluationMatch
from chesspg.training.loggers import EventLogger, MetricsLogger, read_metrics
from chesspg.training.precision import check_precision, fastest_precision
from chesspg.training.progress import RolloutProgress

# Errors in what the user gave. An ImportError is one, too: Lightning lacks a library for an option that was set.
MISTAKES = (argparse.ArgumentError, MisconfigurationException, ValueError, TypeError, OSError, ImportError)


class RunCLI(LightningCLI):
    """LightningCLI with a run folder and the parts of every run: checkpoints, logs, a progress bar, a lock.

    Each command that trains has a subclass, which names its module and data module and overrides what differs.
    """

    COMMAND: ClassVar[str]  # as in `python -m chesspg.COMMAND`
    MODEL: ClassVar[type[pl.LightningModule]]
    DATA: ClassVar[type[pl.LightningDataModule]]
    GROUPS: ClassVar[Mapping[str, type]] = {}  # classes whose options form a group in a section, such as `model.loss`
    EPOCHS: ClassVar[str] = "epochs"  # what messages call the epochs of the data
    STOPS_AT: ClassVar[Literal["epoch", "step"]] = "epoch"  # where a run stops when its time is over
    DEFAULTS: ClassVar[Mapping[str, Any]] = {}  # defaults of the Trainer's arguments
    FIELDS: ClassVar[Mapping[str, Any]] = {}  # defaults of other fields, for which the classes have none
    DEFAULT_RECIPE: ClassVar[str | None] = None
    REFUSALS: ClassVar[tuple[type[Exception], ...]] = ()  # errors during a run that are due to what the user gave

    folder: Path
    lock: ExitStack  # holds the lock of a new run's folder
    settings: dict[str, Any]  # the configuration that is kept with the run, as primitives
    checkpoint: dict[str, Any] | None  # the checkpoint from which a run is resumed

    @classmethod
    def build(
        cls, arguments: list[str], model: type | None = None, fields: Mapping[str, Any] | None = None, **parser: Any
    ) -> Self:
        """Build the run that a command line asks for. Nothing is written before all of it is known to be valid.

        Args:
            arguments: The arguments of the command line.
            model: The class of the module; by default MODEL.
            fields: Defaults of fields, such as `model.network`, in addition to FIELDS.
            **parser: Arguments of the parser.

        Returns:
            The run, ready for `trainer.fit`.

        Raises:
            ValueError: The run can't be built. Any other error in MISTAKES means the same.
        """
        quiet()
        keep_memory()
        configuration.bound_yaml()
        model = model or cls.MODEL
        own = None if model is cls.MODEL else f"{model.__module__}.{model.__qualname__}"
        resumed = any(argument.partition("=")[0] == "--resume" for argument in arguments)
        trainer = {"log_every_n_steps": 1, "enable_model_summary": False, "enable_checkpointing": True}
        try:
            return cls(
                model,
                cls.DATA,
                save_config_callback=None,
                run=False,
                auto_configure_optimizers=False,
                seed_everything_default=0,
                trainer_defaults={**trainer, **cls.DEFAULTS},
                parser_class=RunParser,
                parser_kwargs={
                    "exit_on_error": False,
                    "own_model": own,
                    "renewed": cls.renewed if resumed else None,
                    "kept": [name for name, value in cls.DEFAULTS.items() if value is not None],
                    **parser,
                },
                args=arguments,
                own=model,
                fields=fields,
            )
        except argparse.ArgumentError as error:
            raise ValueError(readable(error, configuration.options(cls.sections(model)))) from None

    def __init__(self, *args: Any, own: type, fields: Mapping[str, Any] | None = None, **options: Any) -> None:
        self._own = own
        self._fields = {**self.FIELDS, **(fields or {})}
        super().__init__(*args, **options)

    @classmethod
    def sections(cls, model: type) -> configuration.Sections:
        """The classes whose arguments are the fields of the configuration; `model` is the class of the module."""
        return {"model": model, "data": cls.DATA, "trainer": pl.Trainer, **cls.GROUPS}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--run", type=str, default=None, help="the new folder to write to; by default in checkpoints/"
        )
        parser.add_argument("--resume", type=str, default=None, help="the folder of a run to continue as it was begun")
        parser.link_arguments("seed_everything", "data.seed", compute_fn=configuration.seed)
        parser.link_arguments("data.game", "model.game", apply_on="instantiate")
        parser.set_defaults(self._fields)

    def before_instantiate_classes(self) -> None:
        self.folder = Path(self.config.resume or self.config.run)
        self.lock = ExitStack()
        self.checkpoint = None
        configuration.check(self.config, self.sections(self._own), self.game_of(self.config))
        if is_rank_zero():
            for program in configuration.programs(self.config):
                print(f"this run starts: {program if program.isprintable() else repr(program)}", flush=True)
        if self.config.resume:
            self.checkpoint = read_checkpoint(self.folder / "last.ckpt")
            own = self.parser.parse_path(self.folder / "config.yaml")
            start = f" from its policy: --config {self.folder}/config.yaml --init {self.folder}"
            resuming.check_optimizer_kept(self.config, own, start if "init" in self.config else "")

    def instantiate_classes(self) -> None:
        try:
            super().instantiate_classes()
        except ValueError as error:
            # If a field accepts several types, jsonargparse reports why each of them failed; the cause is the real one.
            cause = error.__cause__ if isinstance(error.__cause__, MISTAKES) else error
            raise ValueError(with_option(str(cause), self.config.items())) from None
        for name in ("optimizer", "lr_scheduler"):
            setattr(self.model, name, _copyable(getattr(self.model, name)))
        self.check()
        self.prepare()
        if self.checkpoint is not None:
            resuming.check_model(self.model, self.checkpoint)
            self.restore(self.checkpoint[type(self.datamodule).__qualname__])
            read_metrics(self.folder)  # reports a file of that name that is not ours now, not after the first rollout
            done = resuming.epochs_done(self.checkpoint)
            resuming.check_limits(self.config.trainer, self.limits(done), f"{done} {self.EPOCHS}")
            resuming.check_time(self.trainer, self.checkpoint)
        self.keep(self.config)
        text = self.parser.dump(_without_run(self.config))
        self.settings = parsing.parse_yaml(text)
        if is_rank_zero():  # nothing is written before everything is known to be valid
            with ExitStack() as held:
                if self.checkpoint is None:
                    held.enter_context(new_run(self.folder))
                    if init := self.config.get("init"):  # a copy, so that the run can be resumed without that file
                        files.write(self.folder / files.INIT, *files.read(init))
                atomic.write_text(self.folder / "config.yaml", text)  # options given with --resume are kept
                self.lock = held.pop_all()

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        config = self.config_init.trainer
        max_time, config["max_time"] = config["max_time"], None
        config["max_epochs"] = self.epochs(config)
        config["max_steps"] = -1
        if config["precision"] is None:
            config["precision"] = fastest_precision(config["accelerator"])
            self.config.trainer.precision = config["precision"]  # kept, since the run may be resumed elsewhere
        self._set_loggers(config)
        self._set_plugins(config)
        config["default_root_dir"] = str(self.folder)
        self._set_callbacks(config, max_time)
        return super().instantiate_trainer(**kwargs)

    def _set_loggers(self, config: Any) -> None:
        logger = config["logger"]
        if logger is False:
            return
        # The user's loggers come first, since Lightning takes its folder from the first one.
        others = [EventLogger(self.folder, name="", version="")] if logger in (None, True) else _listed(logger)
        updates = self.checkpoint["global_step"] if self.checkpoint else 0
        config["logger"] = [*others, MetricsLogger(self.folder, updates)]

    def _set_plugins(self, config: Any) -> None:
        plugins = _listed(config["plugins"])
        for plugin in plugins:
            if isinstance(plugin, CheckpointIO):
                raise ValueError(
                    f"--trainer.plugins must not contain {type(plugin).__name__}: a run writes its checkpoints with "
                    "AtomicCheckpointIO, so that none is lost"
                )
        config["plugins"] = [AtomicCheckpointIO(), *plugins]

    def _set_callbacks(self, config: Any, max_time: Any) -> None:
        callbacks = config["callbacks"] = _listed(config["callbacks"])
        matches = [callback for callback in callbacks if isinstance(callback, EvaluationMatch)]
        for match in matches:
            match.folder = match.folder or self.folder / "games"
        if max_time is not None:  # first, so that the others see that the run ends
            callbacks.insert(0, Timer(max_time, interval=self.STOPS_AT))
        callbacks += self.more_callbacks()
        if config["enable_checkpointing"] is not False:
            callbacks.append(RolloutCheckpoint(self.folder, self.monitor(matches)))
        if config["enable_progress_bar"] is not False and not any(isinstance(c, ProgressBar) for c in callbacks):
            callbacks.append(RolloutProgress())

    # --- What differs from command to command -------------------------------------------------------------------------

    @classmethod
    def renewed(cls, tree: Mapping[str, Any]) -> dict[str, Any]:
        """A run's configuration, which an earlier version may have written, in the form of this version."""
        return dict(tree)

    def game_of(self, config: Any) -> Any:
        """The class_path and, if given, init_args of a configuration's game."""
        return config.data.game

    def epochs(self, config: Any) -> int:
        """The number of epochs after which the run ends; -1 for no limit.

        Args:
            config: The configuration of the Trainer.

        Raises:
            ValueError: The configuration has a limit that does not suit the command's data.
        """
        return config["max_epochs"] or -1

    def limits(self, epochs: int) -> dict[str, int]:
        """By argument of the Trainer, the number that it must exceed for a run to continue after this many epochs."""
        return {"max_epochs": epochs}

    def more_callbacks(self) -> list[Callback]:
        """Callbacks that every run of the command has, in addition to those of the configuration."""
        return []

    def monitor(self, matches: list[EvaluationMatch]) -> str | None:
        """The metric that chooses the best checkpoint; `matches` are those of the configuration."""
        return matches[0].monitor if matches else None

    def check(self) -> None:
        """Raise ValueError if the parts, each valid alone, don't work together."""
        check_precision(self.trainer)
        self.model.configure_optimizers()  # reports a bad learning rate now
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]  # untyped in Lightning
            if isinstance(callback, EvaluationMatch):
                callback.find_opponents(self.datamodule.game)
                callback.refuse_others(self.trainer)

    def about(self) -> list[str]:
        """The lines that are printed before a run begins."""
        policy = self.model.policy
        size = sum(p.numel() for p in self.model.parameters())
        network = type(policy.network).__name__
        return [f"{policy.game.name} · {network} of {size:,} parameters · {self.trainer.precision}"]

    def after_not_finite(self) -> str:
        """Text for the message about a loss that is not finite, such as `its rollout is saved in FOLDER, `."""
        return ""

    def to_save_memory(self) -> str:
        """Text for the message about a GPU whose memory is full: which option halves what is needed."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Prepare the data, which may take long; the run folder is made afterwards."""

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the data module from its state in a checkpoint. Raises ValueError if its data are others."""
        self.datamodule.load_state_dict(state)

    def keep(self, config: Any) -> None:
        """Put into the configuration, before it is written, what a resumed run will need."""


def _listed(value: Any) -> list[Any]:
    """A list of what Lightning accepts as one thing, several, or None."""
    return [] if value is None else list(value) if isinstance(value, Iterable) else [value]


def recipe(name: str) -> Path:
    """The path of a recipe.

    Args:
        name: The path to a YAML file, or the bare name of a recipe that ships.

    Raises:
        ValueError: There is no such recipe.
    """
    if Path(name).is_file():
        return Path(name)
    ships = shipped_files("configs", ".yaml")
    if name in ships:
        return ships[name]
    what = "it is a folder" if Path(name).is_dir() and name else "there is no such file"
    raise ValueError(f"no recipe {name!r:.80}: {what}; expected a path to a YAML file or one of {', '.join(ships)}")


def _without_run(config: Any) -> Any:
    """The configuration that is kept with the run: without its folder and the policy it starts from."""
    kept = config.clone()
    kept.run = kept.resume = None
    if "init" in kept:
        kept.init = None
    return kept


def _copyable(make: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """The same factory as a function, which a copy of the module shares.

    Those of jsonargparse can't be copied, and Lightning's averages of weights begin with a copy of the module.
    """
    return make and (lambda *args: make(*args))
