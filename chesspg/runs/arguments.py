"""Reads a run's command line before Lightning does: the recipes, the run's folder, the user's own module."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from chesspg.policy import files
from chesspg.runs import configuration
from chesspg.runs.own_model import flattened, model_of
from chesspg.runs.run_cli import RunCLI, recipe
from chesspg.storage import parsing
from chesspg.storage.lock import check_new, is_rank_zero, is_unstarted
from chesspg.storage.run_folder import RUNS


class Request(NamedTuple):
    """What a command line asks for."""

    resumed: Path | None  # the folder of the run to resume; None for a new run
    model: type  # the class of the run's module
    arguments: list[str]  # for RunCLI; the recipes, or the resumed run's configuration, come first


def read_request(command: type[RunCLI], arguments: Sequence[str]) -> Request:
    """Read what a command line asks for.

    Args:
        command: The class of the command's runs.
        arguments: The arguments of the command line.

    Returns:
        The request; the files that it names have been checked.

    Raises:
        OSError: A recipe or a configuration can't be read.
        ValueError: The arguments contradict each other, or a recipe, a configuration or a run is not valid.
    """
    early = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    early.add_argument("--resume")
    early.add_argument("-c", "--config", action="append", default=[])
    early.add_argument("--run")
    early.add_argument("--trainer.logger", dest="logger")
    for argument in arguments:
        option, _, value = argument.partition("=")
        configuration.bound(value if argument.startswith("--") else argument, f"{option:.80}")
    known, rest = early.parse_known_args(arguments)
    if known.resume is not None:
        return _resumed(command, known, rest)
    default = [command.DEFAULT_RECIPE] if command.DEFAULT_RECIPE else []
    recipes = [recipe(name) for name in known.config or default]
    model, rest = _model(command, recipes, rest)
    stem = _run_name(recipes[-1], rest) if recipes else command.COMMAND
    run = Path(known.run) if known.run is not None else _unused(f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}")
    if is_rank_zero():
        check_new(run)
    rest = configuration.logger_arguments(known.logger, run) + rest
    configs = [argument for path in recipes for argument in ("--config", str(path))]
    return Request(None, model, [*configs, "--run", str(run), *rest])


def _resumed(command: type[RunCLI], known: argparse.Namespace, rest: list[str]) -> Request:
    if known.config or known.run or any(argument.split("=")[0] == "--init" for argument in rest):
        raise ValueError("--resume continues a run with its own configuration; leave out --config, --init and --run")
    folder = Path(known.resume)
    config = folder / "config.yaml"
    for path in (config, folder / "last.ckpt"):
        if not path.is_file():
            begin = f"; --config {folder}/config.yaml --run {folder} starts it again" if is_unstarted(folder) else ""
            raise ValueError(f"there is nothing to resume in {folder}: it has no {path.name}{begin}")
    model, rest = _model(command, [config], rest, run=folder)
    if (folder / "last.safetensors").is_file():  # else the next checkpoint writes it
        files.read_header(folder)  # a damaged run is refused before anything is built
    rest = configuration.logger_arguments(known.logger, folder) + rest
    init = ["--init", str(folder / files.INIT)] if (folder / files.INIT).is_file() else []
    return Request(folder, model, ["--config", str(config), "--resume", str(folder), *init, *rest])


def _model(
    command: type[RunCLI], configs: Sequence[Path], arguments: list[str], run: Path | None = None
) -> tuple[type, list[str]]:
    """The class of the module, and the arguments without it. The configurations are checked before it is imported."""
    own = command.sections(command.MODEL)
    trees = [(path, configuration.read(path, own, run)) for path in configs]
    if run is not None:
        trees = [(path, command.renewed(tree)) for path, tree in trees]
    model, rest = model_of([(str(path), tree) for path, tree in trees], arguments, command.MODEL)
    for path, tree in trees:
        configuration.check_names(path, flattened(tree), command.sections(model))
    return model, rest


def _unused(name: str) -> Path:
    """A folder for a new run; its name ends with a number if another run started in the same second."""
    names = (name, *(f"{name}-{number}" for number in range(2, 100)))
    return next((RUNS / one for one in names if not (RUNS / one).exists()), RUNS / name)


def _run_name(recipe: Path, options: list[str]) -> str:
    """The name of a run's folder: that of the recipe, or of the game if the options choose another game.

    Args:
        recipe: The last of the recipes.
        options: The other arguments of the command line.
    """
    words = [word for option in options for word in option.split("=", 1)]
    given = {word: value for word, value in pairwise([*words, ""]) if word.startswith("--data.game")}
    own = (parsing.read_mapping(recipe).get("data") or {}).get("game")
    own = own.get("class_path") if isinstance(own, dict) else own
    path = given.get("--data.game") or given.get("--data.game.class_path") or own
    name = str(path).rpartition(".")[2]
    arguments = [value for word, value in given.items() if word.startswith("--data.game.init_args.")]
    if not given or not name.isidentifier() or (name == str(own).rpartition(".")[2] and not arguments):
        return recipe.stem
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return "_".join([snake, *(value for value in arguments if re.fullmatch(r"\w{1,20}", value))])
