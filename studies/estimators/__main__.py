"""`python -m studies.estimators`: which way of weighing plies learns most from the same number of plies?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chesspg.storage.atomic import write_text
from chesspg.storage.outputs import Output, check_outputs, check_writable, json_has
from chesspg.storage.pictures import check_matplotlib
from chesspg.storage.run_folder import RUNS
from chesspg.terminal import numbers
from chesspg.terminal.command import Parser, one_line_errors, polite_interrupt, run, say
from studies.estimators.compare import Comparison
from studies.estimators.plan import ADVANTAGES, BEST, ESTIMATORS, TASKS
from studies.estimators.tables import markdown

DESCRIPTION = f"""\
Compare estimators of the policy gradient: train each on each task for the same number of plies with several seeds, one
thread per run; play the last policies against known opponents; measure the noise of each gradient on one policy. Print
tables.

An estimator is one of {", ".join(ESTIMATORS)};
or your own function: my_file.my_baseline, which returns the expected return of the mover of each ply, or
{ADVANTAGES}my_file.my_advantages. Both take a chesspg.learning.advantages.Sample and return [N] numbers.

A task may be a recipe of any game: all estimators then have its game, network, optimizer and start positions, 128 games
in a rollout, and nothing else of it that changes the estimator.

Everything is kept in one folder. After Ctrl-C or a kill the same command continues and does not repeat finished work.
Without options all estimators learn tic-tac-toe and the endgame, and the {BEST} best ones at the endgame learn chess.

studies/estimators/README.md describes what is measured and how.
"""
PICTURES = ("estimators.svg", "gradient.svg")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison.

    Returns:
        The exit code: 0, 1 if the training of some runs failed, 2 for bad input, 128 + signal if stopped.
    """
    given = _parser().parse_args(arguments)
    with one_line_errors():
        outputs = _pictures(given.pictures) if given.pictures else []
        pictures = [output.path for output in outputs]
        if given.json:
            outputs.append(Output("--json", given.json, lambda path: json_has(path, {"seeds", "match_games", "tasks"})))
        check_outputs(outputs, {})
        comparison = Comparison(
            given.folder, given.tasks, given.estimators, given.seeds, given.plies, given.at_once, given.games,
            given.rollouts,
        )  # fmt: skip
        given.folder.mkdir(parents=True, exist_ok=True)
        check_writable(given.folder / "any")
    with polite_interrupt(f"interrupted: finished work is kept in {given.folder}; the same command continues"):
        results = comparison.results(lambda line: print(line, flush=True))
    with one_line_errors():
        if given.json:
            write_text(given.json, json.dumps(results, indent=1) + "\n")
        if pictures:
            from studies.estimators.picture import gradient_picture, strength_picture

            for path, draw in zip(pictures, (strength_picture, gradient_picture), strict=True):
                write_text(path, draw(results))
    print("\n" + markdown(results), end="")
    if results["failed"]:
        say(f"error: {len(results['failed'])} runs failed: {', '.join(results['failed'])}")
    return 1 if results["failed"] else 0


def _pictures(folder: Path) -> list[Output]:
    """The files that --pictures writes. Raises ValueError if matplotlib is missing."""
    check_matplotlib("--pictures")
    from studies.estimators.picture import is_comparison

    return [Output("--pictures", folder / name, is_comparison) for name in PICTURES]


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m studies.estimators", description=DESCRIPTION)
    add: Callable[..., Any] = parser.add_argument
    add("--tasks", nargs="+", default=list(TASKS), metavar="TASK", help=f"any of {', '.join(TASKS)} (default: these), "
        "or recipes of any game, by name or path, such as connect_four")  # fmt: skip
    add("--estimators", nargs="+", default=[], metavar="NAME", help="see above (default: all of chesspg)")
    add(
        "--seeds",
        type=numbers.whole(1, 10_000),
        default=3,
        metavar="N",
        help="runs of each estimator on each task (default: 3)",
    )
    add("--plies", type=numbers.whole(1, 10**12), metavar="N", help="plies per run, with opponents' plies (default: "
        + ", ".join(f"{task.plies:,} of {name}" for name, task in TASKS.items()) + ")")  # fmt: skip
    add("--at-once", type=numbers.whole(1, 1024), default=2, metavar="N", help="runs side by side (default: 2)")
    add(
        "--games",
        type=numbers.whole(2, numbers.GAMES, even=True),
        default=400,
        metavar="N",
        help="games per match after training (default: 400)",
    )
    add(
        "--rollouts",
        type=numbers.whole(3, 100_000),
        default=100,
        metavar="N",
        help="number of rollouts on which gradients are measured (default: 100)",
    )
    add("--folder", type=Path, default=RUNS / "estimators", metavar="FOLDER",
        help=f"folder for everything that is kept (default: {RUNS / 'estimators'})")  # fmt: skip
    add(
        "--json",
        type=Path,
        metavar="FILE",
        help="write all figures to this file; a file that holds anything else is not replaced",
    )
    add("--pictures", type=Path, metavar="FOLDER", help=f"write {' and '.join(PICTURES)} to this folder")
    return parser


if __name__ == "__main__":
    run(main)
