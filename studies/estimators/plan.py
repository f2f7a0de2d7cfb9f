"""Estimators and tasks, each given by fields of a recipe, and trials: one training of an estimator on a task."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import yaml

from chesspg.games.capabilities import Heuristic
from chesspg.games.chess import Chess
from chesspg.games.chess.starts import UnevenArmies
from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files, names
from chesspg.runs.run_cli import recipe
from chesspg.storage import atomic, parsing

Fields = Mapping[str, Any]  # by the dotted name of a field of `python -m chesspg.train`: its value, as in JSON

# Every trial has a value head, so that all trials of a seed start from the same weights; only these train it.
_VALUE: Fields = {"model.advantages.baseline": "value", "model.loss.value_weight": 0.5}
_GAE: Fields = {**_VALUE, "model.advantages.gae_lambda": 0.95}
_CLIPPED: Fields = {**_GAE, "model.loss.clip": 0.2, "data.updates": 8, "trainer.accumulate_grad_batches": 1}
_POOL: Fields = {"data.opponents": {"players": {"random": 0.3}, "share": 0.2}}

# Every estimator of chesspg is declared here and nowhere else.
ESTIMATORS: Mapping[str, Fields] = {
    "plain": {},
    "running_mean": {"model.advantages.baseline": "running_mean"},
    "leave_one_out": {"model.advantages.baseline": "leave_one_out"},
    "value": _VALUE,
    "gae_0.99": {**_VALUE, "model.advantages.gae_lambda": 0.99},
    "gae_0.95": _GAE,
    "gae_0.8": {**_VALUE, "model.advantages.gae_lambda": 0.8},
    "clipped": _CLIPPED,
    "plain_pool": _POOL,
    "gae_0.95_pool": {**_GAE, **_POOL},
    "clipped_pool": {**_CLIPPED, **_POOL},
}
PLAIN = "plain"  # the estimator with which the gradients of the others are compared
BEST = 3  # number of estimators that are trained on a task that is too expensive for all
ADVANTAGES = "advantages="  # before the import path of an advantage function

# What makes any recipe the plain formula, so that each estimator adds to it what it is.
_COMMON: Fields = {
    "model.network.init_args.value": True,
    "model.advantages.baseline": "none",
    "model.advantages.gae_lambda": None,
    "model.advantages.value_lambda": None,
    "model.advantages.discount": 1.0,
    "model.advantages.normalize": False,
    "model.loss.value_weight": 0.0,
    "model.loss.average": "games",
    "model.loss.clip": None,
    "model.lr_scheduler": None,
    "data.games": 128,
    "data.updates": 1,
    "data.passes": 1,
    "data.segment": None,
    "data.opponents": None,
    "trainer.gradient_clip_val": None,
    "trainer.max_epochs": -1,
    "trainer.max_time": None,
}
_CHESS: Fields = {
    "model.optimizer.init_args.lr": 0.002,
    "model.loss.entropy_weight": 0.01,
    "data.games": 64,
    "data.material_weight": 0.4,
    "trainer.accumulate_grad_batches": 4,
}
_ALIKE = 4  # games that share a start, so that leave_one_out has other games of it


@dataclass(frozen=True)
class Task:
    """A task that the estimators learn."""

    game: Callable[[], Game]
    recipe: str  # a shipped recipe, or the path of one
    fields: Fields  # changes to the recipe, the same for all estimators
    plies: int  # default number of plies per trial
    opponents: tuple[str, ...]  # opponents after training, with random first
    starts: UnevenArmies | None = None  # starts of the games against them; with None, those of the ladder
    best_of: str = ""  # the task whose BEST estimators are compared here; all estimators if empty


# All of these are rated in checkpoints/ratings.json.
_LADDER = ("random", "greedy?random=0.5", "greedy", "minimax?depth=2&random=0.3")
_ARMIES = {"class_path": "chesspg.games.chess.starts.UnevenArmies", "init_args": {"share": 1.0, "alike": _ALIKE}}
TASKS: Mapping[str, Task] = {
    "tic_tac_toe": Task(
        TicTacToe,
        "tic_tac_toe",
        {"model.loss.entropy_weight": 0.1},
        500_000,
        ("random", "greedy", "minimax?depth=3"),
    ),
    "endgame": Task(
        Chess,
        "chess_plain",
        {**_CHESS, "data.max_plies": 100, "data.starts": _ARMIES},
        1_000_000,
        _LADDER,
        UnevenArmies(share=1.0),
    ),
    "chess": Task(Chess, "chess_plain", {**_CHESS, "data.max_plies": 200}, 1_500_000, _LADDER, best_of="endgame"),
}


_PLIES = 500_000  # of a trial with a recipe that is no task of this study


@cache
def task_named(name: str) -> Task:
    """The task of this name, or one with the game and network of a recipe of this name or path.

    Raises:
        ValueError: There is neither, or the recipe has no game that can be built.
    """
    if name in TASKS:
        return TASKS[name]
    try:
        data = parsing.read_mapping(recipe(name)).get("data")
    except (OSError, ValueError) as error:
        raise ValueError(f"unknown task {name!r}; expected one of {', '.join(TASKS)}, or a recipe: {error}") from None
    spec = data.get("game") if isinstance(data, dict) else None
    spec = {"class_path": spec, "init_args": {}} if isinstance(spec, str) else spec
    if isinstance(spec, dict) and isinstance(spec.get("class_path"), str):
        spec = {"class_path": spec["class_path"], "init_args": spec.get("init_args") or {}}
        with contextlib.suppress(ImportError):
            import_module(spec["class_path"].rpartition(".")[0])
    try:
        game: Game = names.build(spec, Game)
    except ValueError as error:
        raise ValueError(f"task {name!r}: the recipe's data.game can't be built: {error}") from None
    starts = data.get("starts") if isinstance(data, dict) else None
    heuristic = isinstance(game.start(0), Heuristic)
    opponents = ("random", "greedy", *["minimax?depth=2"] * heuristic)
    return Task(lambda: game, name, _alike(starts), _PLIES, opponents)


def _alike(starts: Any) -> Fields:
    """The change of a recipe whose starts are sampled by a class that lets several games share one."""
    path = starts.get("class_path") if isinstance(starts, dict) else None
    if not isinstance(path, str):
        return {}
    module, _, name = path.rpartition(".")
    with contextlib.suppress(ImportError):
        if "alike" in signature(getattr(import_module(module), name)).parameters:
            return {"data.starts.init_args.alike": _ALIKE}
    return {}


def check_estimator(name: str) -> None:
    """Raise ValueError unless the name is one of ESTIMATORS or the import path of a user's function."""
    if name in ESTIMATORS:
        return
    if "." not in name:
        raise ValueError(
            f"unknown estimator {name!r}; expected one of {', '.join(ESTIMATORS)}, or your own function such as "
            f"my_file.my_baseline or {ADVANTAGES}my_file.my_advantages"
        )
    module, _, function = name.removeprefix(ADVANTAGES).rpartition(".")
    try:
        found = getattr(import_module(module), function)
    except Exception as error:  # a user's module may raise anything when it is imported
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"estimator {name} can't be imported: {reason:.200}") from None
    if not callable(found):
        raise ValueError(f"estimator {name} must be a function from a Sample to [N] numbers, got {found!r:.80}")


def fields(task: str, estimator: str) -> dict[str, Any]:
    """All fields of an estimator on a task that differ from the recipe of the task."""
    shared = {**_COMMON, **task_named(task).fields}
    if estimator in ESTIMATORS:
        return {**shared, **ESTIMATORS[estimator]}
    path = estimator.removeprefix(ADVANTAGES)
    if path == estimator:
        return {**shared, "model.advantages.baseline": path}
    # An advantage function replaces all options of the advantages.
    return {name: value for name, value in shared.items() if not name.startswith("model.advantages.")} | {
        "model.advantages": path
    }


def source(estimator: str) -> str | None:
    """A digest of the file that defines a user's function; None for an estimator of chesspg."""
    if estimator in ESTIMATORS:
        return None
    module = import_module(estimator.removeprefix(ADVANTAGES).rpartition(".")[0])
    return hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest()


def arguments(task: str, fields: Fields) -> list[str]:
    """The command line of `python -m chesspg.train` for a task with these fields."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return ["--config", str(recipe(task_named(task).recipe)), *(f"--{name}={text}" for name, text in texts.items())]


@dataclass(frozen=True)
class Trial:
    """One training of an estimator on a task, with its run folder."""

    home: Path  # the folder of the whole comparison
    task: str
    estimator: str
    seed: int
    plies: int  # the number of plies after which it ends

    @property
    def name(self) -> str:
        """Its name in messages and results."""
        return f"{self.task} {self.estimator}-{self.seed}"

    @property
    def folder(self) -> Path:
        """Its run folder."""
        return self.home / Path(self.task).stem / f"{self.estimator}-{self.seed}"

    @property
    def log(self) -> Path:
        """The file with the output of the training."""
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def facts(self) -> dict[str, Any]:
        """The facts about its training in the last policy file; empty if there is none."""
        return files.read_header(self.folder).facts if (self.folder / "last.ckpt").is_file() else {}

    @property
    def finished(self) -> bool:
        """Whether it has played all its plies."""
        return bool(self.facts.get("plies", 0) >= self.plies)

    def check(self) -> None:
        """Raise ValueError if the folder holds a run with other settings, or a damaged run. Changes nothing there."""
        if not self.folder.exists():
            return
        try:
            before = dict(json.loads(self._settings.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise ValueError(f"{self.folder} is not a run of a comparison; choose another --folder") from None
        wanted = self._wanted()
        for name in sorted({*wanted, *before}):
            if before.get(name) != wanted.get(name):
                both = f"{name} {json.dumps(before.get(name))}, not {json.dumps(wanted.get(name))}"
                raise ValueError(f"{self.folder} was run with {both}; choose another --folder")
        if (self.folder / "last.ckpt").is_file():
            files.read_header(self.folder)  # raises if it is damaged

    def command(self) -> list[str]:
        """The arguments of `python -m chesspg.train` that start or resume this run. Writes its settings."""
        if (self.folder / "last.ckpt").is_file():
            return ["--resume", str(self.folder)]
        if self.folder.exists():
            shutil.rmtree(self.folder)  # it was stopped before its first checkpoint
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self._wanted(), indent=1) + "\n"
        atomic.write_text(self._settings, text)
        budget = {"class_path": "chesspg.training.budget.PlyBudget", "init_args": {"plies": self.plies}}
        wanted = {**fields(self.task, self.estimator), "trainer.callbacks": [budget], "seed_everything": self.seed}
        return [*arguments(self.task, wanted), "--run", str(self.folder)]

    @property
    def _settings(self) -> Path:
        """The file with its settings. It lies beside the run folder, because `train` must make that folder itself."""
        return self.folder.with_name(f"{self.folder.name}.json")

    def _wanted(self) -> dict[str, Any]:
        """The settings of this run: its plies, its fields, and the content of the recipe, which may change."""
        text = recipe(task_named(self.task).recipe).read_text(encoding="utf-8")
        wanted = {"plies": self.plies, "recipe": yaml.safe_load(text), **fields(self.task, self.estimator)}
        digest = source(self.estimator)
        return wanted if digest is None else {**wanted, "source": digest}
