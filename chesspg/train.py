"""python -m chesspg.train: sample games from the current policy, weigh them by their outcome, step; again.

python -m chesspg.train                                   ten minutes of chess
python -m chesspg.train --config tic_tac_toe              a recipe that ships, or a path to one's own
python -m chesspg.train --config chess_quick --data.games 512 --trainer.max_epochs 100
python -m chesspg.train --init checkpoints/OTHER          start from that policy instead of from nothing
python -m chesspg.train --resume checkpoints/RUN          go on where a run stopped, by its own config
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from chesspg.arena.commands import fail, run
from chesspg.arena.roster import RUNS
from chesspg.policy import files
from chesspg.training.cli import DEFAULT_RECIPE, MISTAKES, RunCLI, recipe
from chesspg.training.lock import is_rank_zero, sole_writer
from chesspg.training.module import NotFinite

DESCRIPTION = (
    "Sample games from the current policy, weigh them by their outcome, step; again. Without arguments: ten minutes of "
    "chess. NAME is a recipe that ships (see configs/) or a path to a YAML file; every field of it is also an option, "
    "such as --data.games 512. A run writes one folder; --resume goes on with it."
)
USAGE = "%(prog)s [--config NAME]… [--init POLICY] [--run FOLDER | --resume FOLDER] [--print_config] [--FIELD VALUE]…"


def main(arguments: list[str] | None = None) -> int:
    """Train; the exit code is 0, 1 when the loss is not finite, 2 for bad input, 130 or 143 when stopped."""
    with ExitStack() as stack:
        try:
            resumed, arguments = _arguments(sys.argv[1:] if arguments is None else arguments)
            if resumed:
                stack.enter_context(sole_writer(resumed))
            cli = RunCLI.build(arguments, description=DESCRIPTION, prog="python -m chesspg.train", usage=USAGE)
            if not resumed:  # the folder was made just now
                stack.enter_context(sole_writer(cli.folder))
        except MISTAKES as error:
            fail(error)
        return _train(cli)


def _train(cli: RunCLI) -> int:
    folder, trainer = cli.folder, cli.trainer
    size = sum(p.numel() for p in cli.model.parameters())
    network = type(cli.model.policy.network).__name__
    checkpoint = folder / "last.ckpt" if cli.checkpoint else None
    if trainer.is_global_zero:
        print(
            f"{cli.datamodule.game.name} · {network} of {size:,} parameters · {trainer.precision} · {folder}",
            flush=True,
        )
    code = 0
    try:
        trainer.fit(cli.model, cli.datamodule, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
    except NotFinite as error:
        if trainer.is_global_zero:
            print(f"error: {error}; its rollout is saved in {folder}, last.ckpt is from before it", file=sys.stderr)
        return 1
    except SystemExit:  # Lightning's way to end after Ctrl-C and SIGTERM
        code = 128 + (signal.SIGTERM if trainer.received_sigterm else signal.SIGINT)
    if trainer.is_global_zero and (folder / "last.ckpt").is_file():  # not if stopped before the first games
        if code:
            print(f"stopped; go on with  python -m chesspg.train --resume {folder}")
        print(f"play it with  python -m chesspg.play {folder}")
    return code


def _arguments(arguments: list[str]) -> tuple[Path | None, list[str]]:
    """The folder to resume in, if any, and the arguments with the recipe or the run's own config in front."""
    early = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    early.add_argument("--resume")
    early.add_argument("-c", "--config", action="append", default=[])
    early.add_argument("--run")
    known, rest = early.parse_known_args(arguments)
    if known.resume:
        if known.config or known.run or any(argument.split("=")[0] == "--init" for argument in rest):
            raise ValueError("--resume goes on with all that is the run's own; leave --config, --init and --run out")
        folder = Path(known.resume)
        for name in ("config.yaml", "last.ckpt"):
            if not (folder / name).is_file():
                raise ValueError(f"there is nothing to resume in {folder}: it has no {name}")
        files.read_header(folder)  # a damaged run is refused before anything is built
        init = ["--init", str(folder / files.INIT)] if (folder / files.INIT).is_file() else []
        return folder, ["--config", str(folder / "config.yaml"), "--resume", str(folder), *init, *rest]
    recipes = [recipe(name) for name in known.config or [DEFAULT_RECIPE]]
    run = Path(known.run or RUNS / f"{recipes[-1].stem}-{time.strftime('%Y%m%d-%H%M%S')}")
    if run.exists() and is_rank_zero():
        raise ValueError(f"{run} exists already; name another folder, or go on with it by --resume {run}")
    configs = [argument for recipe in recipes for argument in ("--config", str(recipe))]
    return None, [*configs, "--run", str(run), *rest]


if __name__ == "__main__":
    run(main)
