"""python -m chesspg.pretrain: a policy learns the moves of recorded games; `train --init` goes on from it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from chesspg.imitation.run import Pretraining, Settings, network_of
from chesspg.imitation.shards import Damaged, Shards, Tally
from chesspg.pgn.archive import Wanted
from chesspg.pgn.movetext import OUTCOMES
from chesspg.storage.lock import sole_writer
from chesspg.storage.runs import RUNS
from chesspg.terminal import numbers
from chesspg.terminal.command import Parser, fail, one_line_errors, polite_interrupt, run, say
from chesspg.terminal.progress import progress
from chesspg.training.cli import DEFAULT_RECIPE
from chesspg.training.module import NotFinite

DESCRIPTION = """\
Learn the moves of recorded games, and with the value head their results. Some games are held out to measure how well.

Games are parsed once, into a folder of shards that the same files and filters find again. The run writes one folder,
which `python -m chesspg.train --init` and whatever plays take: last.safetensors in it, or best.safetensors by name.
"""
MAX_TIME = "00:00:10:00"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and learn; the exit code is 0, 1 when the loss is not finite, 2 for bad input, 130 or 143 when stopped."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.resume:
        changes = {name: getattr(given, name) for name in ("epochs", "max_time") if getattr(given, name) is not None}
        kept = vars(given).keys() - {"resume", "epochs", "max_time", "imported"}
        others = sorted(name for name in kept if getattr(given, name) != parser.get_default(name))
        if others:
            extra = ", ".join("files" if name == "files" else f"--{name.replace('_', '-')}" for name in others)
            fail(f"--resume keeps the run's own settings; expected only --epochs or --max-time with it, got {extra}")
        with one_line_errors():
            run = Pretraining.resumed(given.resume, **changes)
    else:
        if not given.files:
            fail("no games given; expected a PGN file, or --resume FOLDER")
        folder = given.run or RUNS / f"pretrain-{time.strftime('%Y%m%d-%H%M%S')}"
        with one_line_errors():
            if folder.exists():
                raise ValueError(
                    f"{folder} exists already; expected a new folder, or --resume {folder} to go on with it"
                )
            wanted = Wanted(given.min_rating, given.min_seconds, _results(given.results))
            network = network_of(given.recipe, channels=given.channels, blocks=given.blocks)
            shards = Shards(given.files, given.shards, wanted, given.games)
            limit = given.max_time or (MAX_TIME if given.epochs is None else None)
            settings = Settings(
                str(shards.folder), network, given.lr, given.batch, epochs=given.epochs, max_time=limit, seed=given.seed
            )
        _parse(shards)
        with one_line_errors():
            run = Pretraining(folder, settings)
    with ExitStack() as stack:
        with one_line_errors():
            run.folder.mkdir(parents=True, exist_ok=given.resume is not None)  # parsing took its time
            stack.enter_context(sole_writer(run.folder))
        return _learn(run)


def _learn(run: Pretraining) -> int:
    size = sum(p.numel() for p in run.module.parameters())
    print(f"{size:,} parameters · {run.data.plies:,} plies to learn from · {run.folder}", flush=True)
    try:
        code = run.fit()
    except Damaged as error:
        fail(error)
    except NotFinite as error:
        say(f"error: {error}")
        return 1
    except BrokenPipeError:  # nobody reads the output: see run
        raise
    except OSError as error:  # a full disk, a folder that is gone, a file that may no longer be written
        fail(f"{error.filename or run.folder}: {error.strerror or error}{_go_on(run.folder)}")
    if (run.folder / "last.ckpt").is_file():
        if code:
            print(f"stopped{_go_on(run.folder)}")
        print(f"play it with  python -m chesspg.play {run.folder}")
    return code


def _go_on(folder: Path) -> str:
    """How to go on with a run that ended early."""
    if (folder / "last.ckpt").is_file():
        return f"; go on with  python -m chesspg.pretrain --resume {folder}"
    return f"; there is no checkpoint yet, so remove {folder} and run the same command again"


def _parse(shards: Shards) -> None:
    """Parse what is not parsed yet, with a bar, and print what became of the games."""
    if shards.complete:
        print(f"parsed before: {shards.folder}")
    columns = (TextColumn("parsing"), BarColumn(), DownloadColumn(), TextColumn("{task.fields[done]}"))
    bar = progress(*columns, TimeElapsedColumn(), TimeRemainingColumn())
    with polite_interrupt("interrupted; the same command goes on after the last shard"), one_line_errors(), bar:
        task = bar.add_task("", total=shards.size, done="")

        def show(read: int, tally: Tally) -> None:
            bar.update(task, completed=read, done=f"{tally.used:,} games, {tally.plies:,} plies")

        shards.parse(show)
    for line in shards.tally.lines:
        print(line, flush=True)


def _results(text: str) -> tuple[str, ...]:
    results = tuple(text.split(","))
    unknown = [result for result in results if result not in OUTCOMES]
    if unknown:
        fail(f"--results must be some of {','.join(OUTCOMES)}, got {unknown[0]!r}")
    return results


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.pretrain", description=DESCRIPTION)
    parser.add_argument(
        "files",
        metavar="GAMES.pgn",
        nargs="*",
        default=[],
        type=Path,
        help="files of games, also as .gz, .bz2, .xz or .zst",
    )
    which = parser.add_argument_group("which games")
    which.add_argument(
        "--min-rating", type=numbers.whole(0, 10_000), default=0, metavar="R", help="least rating of both players"
    )
    which.add_argument(
        "--min-seconds",
        type=numbers.whole(0, 10**9),
        default=0,
        metavar="S",
        help="least time per player for 40 moves, as the time control says",
    )
    which.add_argument(
        "--results", default=",".join(OUTCOMES), metavar="R,R", help="results to learn from (default: %(default)s)"
    )
    which.add_argument("--games", type=numbers.whole(1, 10**12), metavar="N", help="most games to learn from")
    which.add_argument(
        "--shards",
        type=Path,
        default=RUNS / "shards",
        metavar="FOLDER",
        help="where parsed games are kept (default: %(default)s)",
    )
    how = parser.add_argument_group("how to learn")
    how.add_argument(
        "--recipe",
        default=DEFAULT_RECIPE,
        metavar="NAME",
        help="recipe of train whose network is used (default: %(default)s)",
    )
    how.add_argument(
        "--channels", type=numbers.whole(1, 65_536), metavar="C", help="of the network, instead of the recipe's"
    )
    how.add_argument(
        "--blocks", type=numbers.whole(0, 1024), metavar="B", help="of the network, instead of the recipe's"
    )
    how.add_argument(
        "--lr",
        type=numbers.number(0, 1000, above=True),
        default=Settings.lr,
        help="peak learning rate (default: %(default)s)",
    )
    how.add_argument(
        "--batch",
        type=numbers.whole(1, 2**20),
        default=Settings.batch,
        metavar="N",
        help="plies per update (default: %(default)s)",
    )
    how.add_argument("--epochs", type=numbers.whole(1, 10**9), metavar="N", help="epochs over the games")
    how.add_argument(
        "--max-time",
        type=numbers.duration,
        metavar="DD:HH:MM:SS",
        help=f"time after which to stop (default: {MAX_TIME}, or none with --epochs)",
    )
    how.add_argument(
        "--seed",
        type=numbers.seed,
        default=0,
        help="seed of weights, order and held-out games (default: 0)",
    )
    where = parser.add_argument_group("the run")
    where.add_argument("--run", type=Path, metavar="FOLDER", help=f"folder to create (default: {RUNS}/pretrain-…)")
    where.add_argument("--resume", type=Path, metavar="FOLDER", help="folder of a stopped run to go on with")
    return parser


if __name__ == "__main__":
    run(main)
