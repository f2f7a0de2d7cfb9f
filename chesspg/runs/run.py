"""A training from its command line to its exit code."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from chesspg.runs.arguments import read_request
from chesspg.runs.run_cli import MISTAKES, RunCLI
from chesspg.storage.lock import is_unstarted, sole_writer
from chesspg.terminal.command import MISTAKE, one_line_errors, search_here
from chesspg.training.module import NotFinite

USAGE = "%(prog)s [--config RECIPE] [--run FOLDER | --resume FOLDER] [--print_config] [--FIELD VALUE …]"
DESCRIPTION = (
    "All fields of a run's configuration, those of Lightning's Trainer included. --help lists the most useful ones."
)


def run(command: type[RunCLI], arguments: Sequence[str], fields: Mapping[str, Any] | None = None) -> int:
    """Train as a command line asks.

    Args:
        command: The class of the command's runs.
        arguments: The arguments of the command line; `--help-all` lists all fields.
        fields: Defaults of fields, in addition to those of the class.

    Returns:
        The exit code: 0; 1 for a loss that is not finite; 2 for bad input, and for a file that can't be read or
        written, such as on a full disk; 130 or 143 for a run that was stopped.
    """
    arguments = ["--help" if argument == "--help-all" else argument for argument in arguments]
    search_here()  # for the user's own game, network or module
    with ExitStack() as stack:
        with one_line_errors(*MISTAKES):
            request = read_request(command, arguments)
            if request.resumed:
                stack.enter_context(sole_writer(request.resumed))
            prog = f"python -m chesspg.{command.COMMAND}"
            cli = command.build(
                request.arguments, request.model, fields, description=DESCRIPTION, prog=prog, usage=USAGE
            )
            stack.push(cli.lock)
        return _train(cli)


def _train(cli: RunCLI) -> int:
    folder, trainer = cli.folder, cli.trainer
    if trainer.is_global_zero:
        for line in cli.about():
            print(line)
        print(f"run folder  {folder}", flush=True)
    try:
        code = _fit(cli)
    except NotFinite as error:
        if trainer.is_global_zero:
            print(f"error: {error}; {cli.after_not_finite()}last.ckpt is from before it", file=sys.stderr)
        return 1
    except torch.OutOfMemoryError:
        if trainer.is_global_zero:
            device = trainer.strategy.root_device
            print(f"error: the memory of {device} is full; {cli.to_save_memory()}{_go_on(cli)}", file=sys.stderr)
        return MISTAKE
    except cli.REFUSALS as error:
        if trainer.is_global_zero:
            print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    except BrokenPipeError:  # nobody reads the output any more; the run's files are not at fault
        raise
    except OSError as error:  # a full disk, a folder that is gone, a file that may no longer be written
        print(f"error: {error.filename or folder}: {error.strerror or error}{_go_on(cli)}", file=sys.stderr)
        return MISTAKE
    if trainer.is_global_zero:
        # Each command is alone on its line, which a terminal of 80 columns then need not break.
        if code:
            print(f"stopped{_go_on(cli, between=chr(10))}")
        if (folder / "last.ckpt").is_file():
            own = "".join(f"--import {module} " for module in _own_modules(cli))
            print(f"see it with\npython -m chesspg.report {own}{folder}")
            print(f"play it with\npython -m chesspg.play {own}{folder}")
    return code


def _fit(cli: RunCLI) -> int:
    """Train. Returns 0, or 128 + the signal that stopped the run."""
    checkpoint = cli.folder / "last.ckpt" if cli.checkpoint else None
    try:
        with _failed_writes_once():
            for logger in cli.trainer.loggers:
                logger.log_hyperparams(cli.settings)
            cli.trainer.fit(cli.model, cli.datamodule, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
    except SystemExit as error:  # Lightning's way to end after Ctrl-C and SIGTERM
        if isinstance(error.__context__, BrokenPipeError):
            raise
        return 128 + (signal.SIGTERM if cli.trainer.received_sigterm else signal.SIGINT)
    return 0


def _own_modules(cli: RunCLI) -> list[str]:
    """The modules of the user's own game and network, which must be imported to play with the policy."""
    modules = (type(thing).__module__ for thing in (cli.datamodule.game, cli.model.policy.network))
    return [module for module in dict.fromkeys(modules) if module.split(".")[0] != __package__.split(".")[0]]


def _go_on(cli: RunCLI, between: str = "  ") -> str:
    """How to resume a run that ended early, if that is possible; `between` is the text before the command."""
    folder: Path = cli.folder
    if (folder / "last.ckpt").is_file():
        return f"; go on with{between}python -m chesspg.{cli.COMMAND} --resume {folder}"
    if (folder / "config.yaml").is_file() and is_unstarted(folder):
        return f"; there is no checkpoint yet, so the same command with --run {folder} starts it again"
    return ""


@contextmanager
def _failed_writes_once() -> Iterator[None]:
    """Silence failed writes in the threads of loggers, which raise them again in the main thread."""
    report = threading.excepthook
    threading.excepthook = lambda failure: None if isinstance(failure.exc_value, OSError) else report(failure)
    try:
        yield
    finally:
        threading.excepthook = report
