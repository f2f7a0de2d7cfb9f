"""A training from its command line to its exit code."""

from __future__ import annotations

import argparse
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

from chesspg.games.contract import BrokenContract
from chesspg.policy import files
from chesspg.storage import parsing
from chesspg.storage.lock import check_new, is_rank_zero, is_unstarted, sole_writer
from chesspg.storage.runs import RUNS
from chesspg.terminal.command import MISTAKE, one_line_errors, search_here
from chesspg.training import configuration
from chesspg.training.cli import DEFAULT_RECIPE, MISTAKES, RunCLI, recipe
from chesspg.training.module import NotFinite

USAGE = "%(prog)s [--config RECIPE] [--init POLICY] [--run FOLDER | --resume FOLDER] [--print_config] [--FIELD VALUE …]"
DESCRIPTION = (
    "All fields of a run's configuration, those of Lightning's Trainer included. --help lists those of most use."
)


def train(arguments: list[str]) -> int:
    """Train as a command line asks.

    Args:
        arguments: Of the command line, `--help-all` among them for all fields.

    Returns:
        The exit code: 0; 1 for a loss that is not finite; 2 for bad input, and for a file that can't be read or
        written, such as on a full disk; 130 or 143 for a run that was stopped.
    """
    arguments = ["--help" if argument == "--help-all" else argument for argument in arguments]
    search_here()  # for a game or network of one's own
    with ExitStack() as stack:
        with one_line_errors(*MISTAKES):
            resumed, arguments = _arguments(arguments)
            if resumed:
                stack.enter_context(sole_writer(resumed))
            cli = RunCLI.build(arguments, description=DESCRIPTION, prog="python -m chesspg.train", usage=USAGE)
            stack.push(cli.lock)
        return _train(cli)


def _train(cli: RunCLI) -> int:
    folder, trainer = cli.folder, cli.trainer
    size = sum(p.numel() for p in cli.model.parameters())
    network = type(cli.model.policy.network).__name__
    checkpoint = folder / "last.ckpt" if cli.checkpoint else None
    if trainer.is_global_zero:
        print(f"{cli.datamodule.game.name} · {network} of {size:,} parameters · {trainer.precision}")
        print(f"run folder  {folder}", flush=True)
    code = 0
    try:
        with _failed_writes_once():
            for logger in trainer.loggers:
                logger.log_hyperparams(cli.settings)
            trainer.fit(cli.model, cli.datamodule, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
    except NotFinite as error:
        if trainer.is_global_zero:
            print(f"error: {error}; its rollout is saved in {folder}, last.ckpt is from before it", file=sys.stderr)
        return 1
    except BrokenContract as error:
        if trainer.is_global_zero:
            print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    except BrokenPipeError:  # nobody reads what is printed any more, which is no fault of the run's files
        raise
    except OSError as error:  # a full disk, a folder that is gone, a file that may no longer be written
        print(f"error: {error.filename or folder}: {error.strerror or error}{_go_on(folder)}", file=sys.stderr)
        return MISTAKE
    except SystemExit as error:  # Lightning's way to end after Ctrl-C and SIGTERM
        if isinstance(error.__context__, BrokenPipeError):
            raise
        code = 128 + (signal.SIGTERM if trainer.received_sigterm else signal.SIGINT)
    if trainer.is_global_zero:
        # A command has a line of its own, which a terminal of 80 columns need not break.
        if code:
            print(f"stopped{_go_on(folder, between=chr(10))}")
        if (folder / "last.ckpt").is_file():
            own = "".join(f"--import {module} " for module in _own_modules(cli))
            print(f"see it with\npython -m chesspg.report {own}{folder}")
            print(f"play it with\npython -m chesspg.play {own}{folder}")
    return code


def _own_modules(cli: RunCLI) -> list[str]:
    """The modules of a game and a network that are not of this package, which whoever plays the policy must import."""
    modules = (type(thing).__module__ for thing in (cli.datamodule.game, cli.model.policy.network))
    return [module for module in dict.fromkeys(modules) if module.split(".")[0] != __package__.split(".")[0]]


def _go_on(folder: Path, between: str = "  ") -> str:
    """How to go on with a run that ended early, if it can be gone on with; `between` stands before the command."""
    if (folder / "last.ckpt").is_file():
        return f"; go on with{between}python -m chesspg.train --resume {folder}"
    if (folder / "config.yaml").is_file() and is_unstarted(folder):
        return f"; there is no checkpoint yet, so the same command with --run {folder} begins anew"
    return ""


@contextmanager
def _failed_writes_once() -> Iterator[None]:
    """Report no failed write in a thread of a logger, which raises it again in the main thread."""
    report = threading.excepthook
    threading.excepthook = lambda failure: None if isinstance(failure.exc_value, OSError) else report(failure)
    try:
        yield
    finally:
        threading.excepthook = report


def _arguments(arguments: list[str]) -> tuple[Path | None, list[str]]:
    """The folder to resume in, if any, and the arguments with the recipe or the run's own config in front."""
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
        if known.config or known.run or any(argument.split("=")[0] == "--init" for argument in rest):
            raise ValueError("--resume goes on with all that is the run's own; leave --config, --init and --run out")
        folder = Path(known.resume)
        for name in ("config.yaml", "last.ckpt"):
            if not (folder / name).is_file():
                begin = f"; --config {folder}/config.yaml --run {folder} begins it anew" if is_unstarted(folder) else ""
                raise ValueError(f"there is nothing to resume in {folder}: it has no {name}{begin}")
        configuration.read(folder / "config.yaml", run=folder)
        if (folder / "last.safetensors").is_file():  # else the next checkpoint writes it
            files.read_header(folder)  # a damaged run is refused before anything is built
        rest = configuration.logger(known.logger, folder) + rest
        init = ["--init", str(folder / files.INIT)] if (folder / files.INIT).is_file() else []
        return folder, ["--config", str(folder / "config.yaml"), "--resume", str(folder), *init, *rest]
    recipes = [recipe(name) for name in known.config or [DEFAULT_RECIPE]]
    for path in recipes:
        configuration.read(path)
    run = (
        Path(known.run)
        if known.run is not None
        else _unused(f"{_title(recipes[-1], rest)}-{time.strftime('%Y%m%d-%H%M%S')}")
    )
    if is_rank_zero():
        check_new(run)
    rest = configuration.logger(known.logger, run) + rest
    configs = [argument for recipe in recipes for argument in ("--config", str(recipe))]
    return None, [*configs, "--run", str(run), *rest]


def _unused(name: str) -> Path:
    """A folder for a run, with a number behind its name where another run began in the same second."""
    names = (name, *(f"{name}-{number}" for number in range(2, 100)))
    return next((RUNS / one for one in names if not (RUNS / one).exists()), RUNS / name)


def _title(recipe: Path, options: list[str]) -> str:
    """What a run's folder is named after: the recipe, or the game where the options choose another than the recipe's.

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
