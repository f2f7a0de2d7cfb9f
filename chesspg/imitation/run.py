"""A run of imitation: its policy from a recipe, its folder, its bar; it can be stopped, killed and gone on with."""

from __future__ import annotations

import importlib
import json
import math
import re
import signal
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Timer

from chesspg.games.chess import Chess
from chesspg.imitation.module import MONITOR, Imitation, RecordedGames, done
from chesspg.policy.names import Unknown, build
from chesspg.policy.networks import Network
from chesspg.policy.policy import Policy
from chesspg.storage import atomic, parsing
from chesspg.storage.parsing import parse_json
from chesspg.training.checkpoints import AtomicCheckpointIO, RolloutCheckpoint, read_checkpoint
from chesspg.training.cli import keep_memory, quiet, recipe
from chesspg.training.loggers import MetricsLogger, read_metrics
from chesspg.training.precision import fastest_precision
from chesspg.training.progress import RolloutProgress

CONFIG = "pretrain.json"


@dataclass(frozen=True)
class Settings:
    """What a run is made of; kept in its folder. Raises ValueError for a setting that is not accepted."""

    shards: str  # their folder
    network: dict[str, Any]  # class_path, init_args, as in a recipe
    lr: float = 0.002
    batch: int = 512  # plies per update
    epochs: int | None = None  # over the games
    max_time: str | None = None  # DD:HH:MM:SS
    seed: int = 0
    # Chosen once: a run goes on with the same elsewhere.
    precision: Literal["bf16-mixed", "32-true"] = field(default_factory=fastest_precision)

    def __post_init__(self) -> None:
        for name, number in {"--batch": self.batch, "--epochs": self.epochs}.items():
            if number is not None and number < 1:
                raise ValueError(f"{name} must be at least 1, got {number}")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"--lr must be a number above 0, got {self.lr}")
        if self.max_time is not None and not re.fullmatch(r"\d+:\d\d:\d\d:\d\d", self.max_time):
            raise ValueError(f"--max-time must be DD:HH:MM:SS, as in 00:00:10:00, got {self.max_time!r}")
        policy_of(self.network)


def network_of(name: str, **sizes: int | None) -> dict[str, Any]:
    """The network of a recipe, some of its sizes replaced: the one that `train` will go on with.

    Raises:
        ValueError: there is no such recipe, no network in it, or it is a recipe of another game than chess.
    """
    path = recipe(name)
    tree = parsing.read_mapping(path)
    _check_game(path, tree)
    try:
        spec: dict[str, Any] = tree["model"]["network"]
        args = {**(spec.get("init_args") or {}), **{name: size for name, size in sizes.items() if size is not None}}
        found = {"class_path": spec["class_path"], "init_args": args}
        importlib.import_module(spec["class_path"].rpartition(".")[0])  # whoever names a recipe trusts it
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"{path} has no model.network with a class_path; expected a recipe of train") from None
    except ImportError as error:
        raise ValueError(f"{path} names the network {spec['class_path']}: {error}") from None
    return found


def _check_game(path: Path, tree: dict[str, Any]) -> None:
    """Raise ValueError if a recipe is of another game than standard chess, whose games are learned."""
    data = tree.get("data")
    game = data.get("game") if isinstance(data, dict) else None
    if isinstance(game, str):
        game = {"class_path": game}
    if not isinstance(game, dict):
        return  # a recipe without a game is of whatever it is used for
    of = str(game.get("class_path")).rpartition(".")[2]
    args = game.get("init_args")
    variant = args.get("variant", "standard") if isinstance(args, dict) else "standard"
    if of != Chess.__name__ or variant != "standard":
        named = of if of != Chess.__name__ else f"chess ({variant})"
        raise ValueError(f"{path} is a recipe of {named}; expected one of chess, whose games are learned from")


def policy_of(spec: dict[str, Any]) -> Policy:
    """A policy for chess, new. Raises ValueError if its network can't be built, or is not known here."""
    game = Chess()
    try:
        return Policy(game, build(spec, Network, game))
    except Unknown as error:
        raise ValueError(f"unknown {error}; a run folder imports no code") from None


class Pretraining:
    """A run in a folder, new or resumed. Raises ValueError for bad settings, and writes nothing then."""

    def __init__(self, folder: Path, settings: Settings, resume: bool = False) -> None:
        quiet()
        keep_memory()
        self.folder = folder
        self.settings = settings
        torch.manual_seed(settings.seed)
        self.module = Imitation(policy_of(settings.network), settings.lr)
        shards = sorted(Path(settings.shards).glob("*.npz"))
        if not shards:
            raise ValueError(f"{settings.shards} has no shards; name the PGN files again, without --resume")
        self.data = RecordedGames(shards, settings.batch, settings.epochs, settings.seed)
        self.checkpoint = folder / "last.ckpt" if resume else None
        checkpoint = read_checkpoint(self.checkpoint) if self.checkpoint else None
        timers = [Timer(settings.max_time)] if settings.max_time else []
        if checkpoint:
            self.module.load_state_dict(checkpoint["state_dict"])
            _check_left(self.data, timers, checkpoint)
            read_metrics(folder)  # another file of that name is said now
        self.trainer = pl.Trainer(
            max_epochs=-1,
            reload_dataloaders_every_n_epochs=1,
            callbacks=[*timers, RolloutCheckpoint(folder, MONITOR), Progress()],
            plugins=[AtomicCheckpointIO()],
            logger=MetricsLogger(folder, checkpoint["global_step"] if checkpoint else 0),
            log_every_n_steps=1,
            gradient_clip_val=1.0,
            precision=settings.precision,
            num_sanity_val_steps=0,
            enable_model_summary=False,
            devices=1,
            default_root_dir=str(folder),
        )

    @classmethod
    def resumed(cls, folder: Path, **changes: Any) -> Pretraining:
        """Go on with a run, some of its settings replaced."""
        for name in (CONFIG, "last.ckpt"):
            if not (folder / name).is_file():
                raise ValueError(f"nothing to resume in {folder}: it has no {name}")
        try:
            settings = Settings(**parse_json((folder / CONFIG).read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{folder / CONFIG} is damaged: {error}") from None
        return cls(folder, replace(settings, **changes), resume=True)

    def fit(self) -> int:
        """Train; 0, or 128 + the signal that stopped it. Raises NotFinite."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(self.settings), indent=1) + "\n"
        atomic.write_text(self.folder / CONFIG, text)
        try:
            only = True if self.checkpoint else None
            self.trainer.fit(self.module, datamodule=self.data, ckpt_path=self.checkpoint, weights_only=only)
        except SystemExit:  # Lightning's way to end after Ctrl-C and SIGTERM
            return 128 + (signal.SIGTERM if self.trainer.received_sigterm else signal.SIGINT)
        return 0


def _check_left(data: RecordedGames, timers: Sequence[Timer], checkpoint: dict[str, Any]) -> None:
    """Raise ValueError if a run that goes on has nothing left to do."""
    if data.total is not None and data.total <= checkpoint["global_step"]:
        raise ValueError("all its epochs are done; to go on, add --epochs N, more than before")
    for timer in timers:
        timer.load_state_dict(checkpoint["callbacks"].get(timer.state_key, timer.state_dict()))
        left = timer.time_remaining()
        if left is not None and left <= 0:
            raise ValueError(
                f"its time is spent; to go on, add --max-time DD:HH:MM:SS, above {int(timer.time_elapsed())} seconds"
            )


class Progress(RolloutProgress):
    """One bar for the whole run: updates, plies a second."""

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        assert isinstance(module, Imitation)
        text = f"{trainer.global_step:,} updates · {module.speed:,.0f} plies/s"
        if self._bar:
            self._bar.update(self._task, description="learning", completed=done(trainer), done=text)
        self._line(f"learning · {done(trainer):.0%} · {text}", self.every)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        pass
