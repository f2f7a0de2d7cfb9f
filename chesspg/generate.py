"""`python -m chesspg.generate`: play games between any players, including engines, as PGN to learn from."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from chesspg.arena.devices import add_device_option, device_of_policies
from chesspg.arena.generation import AT_ONCE, ON_A_GPU, append, generate, varied_openings, written
from chesspg.arena.openings import FORMS, default_plies, openings_from_string
from chesspg.players import roster
from chesspg.players.game_strings import add_game_option
from chesspg.storage.lock import only_one
from chesspg.storage.outputs import check_writable
from chesspg.terminal import numbers
from chesspg.terminal.command import INTERRUPTED, Parser, one_line_errors, run, say
from chesspg.terminal.progress import Rate, progress

DESCRIPTION = f"""\
Play games and write them as PGN, which `python -m chesspg.pretrain` can read; games other than chess are written in a
form like it, which `python -m chesspg.report` reads. Every player meets every player,
including itself, with alternating seats. A game begins after an opening, which is not part of its moves.

A player is one of: {roster.KNOWN}. The game is that of the policy files, else that of --game or of a module given by
--import, else chess.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play games and append them to a file; returns the exit code."""
    given = _parser().parse_args(arguments)
    path: Path = given.pgn
    done = 0
    try:
        with ExitStack() as stack:
            with one_line_errors():
                _check(given)
                game = roster.game_of(given.player, given.imported, given.game)
                if given.openings:
                    openings = openings_from_string(given.openings, game, given.games, given.seed)
                else:
                    openings = varied_openings(game, given.games, default_plies(game), given.seed)
                # Before the lock, so that a command that is refused leaves no file.
                written(path, given.player, game, openings)
                device = device_of_policies(given.device, given.player, game)
                opened = roster.players(given.player, game, concurrency=given.concurrency, device=device)
                players = stack.enter_context(opened)
                busy = f"another process is writing games to {path}; wait until it ends, or name another file"
                stack.enter_context(only_one(path.with_name(f".{path.name}.lock"), busy))
                done, size = written(path, given.player, game, openings)
                if path.exists():
                    os.truncate(path, size)  # removes a game that was cut off when the process was killed
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
        say(f"\ninterrupted: {done:,} games are in {path}; the same command with --resume continues")
        return INTERRUPTED
    print(f"{done:,} games are in {path}")
    return 0


def _check(given: argparse.Namespace) -> None:
    """Raise ValueError or OSError if the file can't be written or must not be replaced."""
    check_writable(given.pgn)
    if given.pgn.exists() and not given.resume:
        raise ValueError(
            f"{given.pgn} exists and is not overwritten; name another file, or add --resume to continue it"
        )


def _progress() -> Progress:
    columns = (TextColumn("playing"), BarColumn(), MofNCompleteColumn(), TextColumn("games"))
    speed = Rate("{:,.1f} games/s", lambda task: task.completed - task.fields["before"])
    return progress(*columns, speed, TimeElapsedColumn(), TimeRemainingColumn())


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.generate", description=DESCRIPTION)
    parser.add_argument(
        "--player", action="append", required=True, metavar="P", help="a player; repeat the option for more players"
    )
    parser.add_argument(
        "--games",
        type=numbers.whole(1, numbers.GAMES),
        required=True,
        metavar="N",
        help="number of games in FILE, including those that it already has",
    )
    parser.add_argument(
        "--pgn", type=Path, required=True, metavar="FILE", help="the file to write; a file that exists is not replaced"
    )
    parser.add_argument("--resume", action="store_true", help="continue FILE")
    parser.add_argument("--seed", type=numbers.seed, default=0, help="seed of openings and moves (default: 0)")
    parser.add_argument(
        "--openings",
        metavar="O",
        help=f"{FORMS} (default: random openings of different lengths, at most 8 plies in chess)",
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
        metavar="N",
        help=f"number of games that are played together and then written (default: {AT_ONCE}; {ON_A_GPU} on a GPU)",
    )
    parser.add_argument(
        "--concurrency",
        type=numbers.processes,
        default=1,
        metavar="N",
        help="processes per engine (default: 1)",
    )
    add_game_option(parser)
    add_device_option(parser)
    return parser


if __name__ == "__main__":
    run(main)
