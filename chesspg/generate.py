"""python -m chesspg.generate: games between any players, engines included, as PGN to learn from."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from chesspg.arena.generation import append, generate, varied_openings, written
from chesspg.arena.openings import FORMS, default_plies, openings_from_string
from chesspg.players import roster
from chesspg.storage.lock import only_one
from chesspg.storage.outputs import check_writable
from chesspg.terminal import numbers
from chesspg.terminal.command import INTERRUPTED, Parser, one_line_errors, run, say
from chesspg.terminal.progress import Rate, progress

DESCRIPTION = f"""\
Play games and write them as PGN, as `python -m chesspg.pretrain` reads them. Each two of the players meet, and each
meets itself, with colors swapped in turn. A game begins after an opening, which is not part of its moves.

A player is one of: {roster.KNOWN}. The game is that of the policy files, else that of a module given by --import, else
chess.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    path: Path = given.pgn
    done = 0
    try:
        with ExitStack() as stack:
            with one_line_errors():
                _check(given)
                game = roster.game_of(given.player, given.imported)
                written(path, given.player, game)  # before there is a lock, which a refused command leaves nowhere
                if given.openings:
                    openings = openings_from_string(given.openings, game, given.games, given.seed)
                else:
                    openings = varied_openings(game, given.games, default_plies(game), given.seed)
                players = stack.enter_context(roster.players(given.player, game, concurrency=given.concurrency))
                busy = f"another process writes games to {path}; wait for its end, or name another file"
                stack.enter_context(only_one(path.with_name(f".{path.name}.lock"), busy))
                done, size = written(path, given.player, game)
                if path.exists():
                    os.truncate(path, size)  # a game that a kill cut off
            bar = stack.enter_context(_progress())
            task = bar.add_task("", total=given.games, completed=done, before=done)
            chunks = generate(
                game, list(zip(given.player, players, strict=True)), openings,
                first=done, at_once=given.at_once, max_plies=given.max_plies, seed=given.seed,
                on_ply=lambda over, plies: bar.update(task, completed=done + over),
            )  # fmt: skip
            with one_line_errors(OSError):
                for texts in chunks:
                    append(path, texts)
                    done += len(texts)
    except KeyboardInterrupt:
        say(f"\ninterrupted: {done:,} games are in {path}; with --resume the same command goes on")
        return INTERRUPTED
    print(f"{done:,} games are in {path}")
    return 0


def _check(given: argparse.Namespace) -> None:
    """Raise ValueError or OSError if the file can't be written."""
    check_writable(given.pgn)
    if given.pgn.exists() and not given.resume:
        raise ValueError(f"{given.pgn} exists and is not overwritten; name another, or add --resume to go on with it")


def _progress() -> Progress:
    columns = (TextColumn("playing"), BarColumn(), MofNCompleteColumn(), TextColumn("games"))
    speed = Rate("{:,.1f} games/s", lambda task: task.completed - task.fields["before"])
    return progress(*columns, speed, TimeElapsedColumn(), TimeRemainingColumn())


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.generate", description=DESCRIPTION)
    parser.add_argument("--player", action="append", required=True, metavar="P", help="a player; give several for more")
    parser.add_argument(
        "--games",
        type=numbers.whole(1, numbers.GAMES),
        required=True,
        metavar="N",
        help="how many, those of before included",
    )
    parser.add_argument("--pgn", type=Path, required=True, metavar="FILE", help="to write; never over one that exists")
    parser.add_argument("--resume", action="store_true", help="go on with FILE")
    parser.add_argument("--seed", type=numbers.seed, default=0, help="of openings and of all moves (default: 0)")
    parser.add_argument(
        "--openings",
        metavar="O",
        help=f"{FORMS} (default: random ones of different lengths, at most 8 plies in chess)",
    )
    parser.add_argument(
        "--max-plies",
        type=numbers.plies,
        metavar="P",
        help="stop longer games; they have no result (default: never)",
    )
    parser.add_argument(
        "--at-once",
        type=numbers.whole(1, 65_536),
        default=128,
        metavar="N",
        help="games played together, then written (default: 128)",
    )
    parser.add_argument(
        "--concurrency",
        type=numbers.processes,
        default=1,
        metavar="N",
        help="processes an engine runs side by side (default: 1)",
    )
    return parser


if __name__ == "__main__":
    run(main)
