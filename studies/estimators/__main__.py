"""`python -m studies.estimators`: which way to weigh the plies learns most from equally many of them?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chesspg.storage.atomic import write_text
from chesspg.storage.outputs import Output, check_outputs, check_writable, json_has
from chesspg.storage.runs import RUNS
from chesspg.terminal import numbers
from chesspg.terminal.command import Parser, one_line_errors, polite_interrupt, run, say
from studies.estimators.compare import Comparison
from studies.estimators.picture import is_picture
from studies.estimators.plan import BEST, ESTIMATORS, TASKS
from studies.estimators.tables import gradient_picture, markdown, strength_picture

DESCRIPTION = f"""\
Compare estimators of the policy gradient: train each on each task for equally many plies with several seeds, one thread
per run; let the last policies meet known opponents; measure the noise of each gradient on one policy. Prints tables.

Everything is kept in one folder: after Ctrl-C or a kill the same command goes on, and what is done is not done again.
Without options all of them learn tic-tac-toe and the endgame, and the {BEST} that are best at the endgame learn chess.

studies/estimators/README.md says what is measured and how.
"""
PICTURES = {"estimators.svg": strength_picture, "gradient.svg": gradient_picture}


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare. The exit code is 0, 1 if the training of some runs failed, 2 for bad input, 128 + signal if stopped."""
    given = _parser().parse_args(arguments)
    with one_line_errors():
        pictures = [given.pictures / name for name in PICTURES] if given.pictures else []
        outputs = [Output("--pictures", path, is_picture) for path in pictures]
        if given.json:
            outputs.append(Output("--json", given.json, lambda path: json_has(path, {"seeds", "match_games", "tasks"})))
        check_outputs(outputs, {})
        comparison = Comparison(
            given.folder, given.tasks, given.estimators, given.seeds, given.plies, given.at_once, given.games,
            given.rollouts,
        )  # fmt: skip
        given.folder.mkdir(parents=True, exist_ok=True)
        check_writable(given.folder / "any")
    with polite_interrupt(f"interrupted: {given.folder} keeps what was done; the same command goes on"):
        results = comparison.results(lambda line: print(line, flush=True))
    with one_line_errors():
        if given.json:
            write_text(given.json, json.dumps(results, indent=1) + "\n")
        for path in pictures:
            write_text(path, PICTURES[path.name](results))
    print("\n" + markdown(results), end="")
    if results["failed"]:
        say(f"error: {len(results['failed'])} runs failed: {', '.join(results['failed'])}")
    return 1 if results["failed"] else 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m studies.estimators", description=DESCRIPTION)
    add: Callable[..., Any] = parser.add_argument
    add("--tasks", nargs="+", default=list(TASKS), metavar="TASK", help=f"of {', '.join(TASKS)} (default: all)")
    add("--estimators", nargs="+", default=[], metavar="NAME", help=f"of {', '.join(ESTIMATORS)} (default: all)")
    add(
        "--seeds",
        type=numbers.whole(1, 10_000),
        default=3,
        metavar="N",
        help="runs of each estimator on each task (default: 3)",
    )
    add("--plies", type=numbers.whole(1, 10**12), metavar="N", help="of each run, opponents' included (default: "
        + ", ".join(f"{task.plies:,} of {name}" for name, task in TASKS.items()) + ")")  # fmt: skip
    add("--at-once", type=numbers.whole(1, 1024), default=2, metavar="N", help="runs side by side (default: 2)")
    add(
        "--games",
        type=numbers.whole(2, numbers.GAMES, even=True),
        default=400,
        metavar="N",
        help="of a match after training (default: 400)",
    )
    add(
        "--rollouts",
        type=numbers.whole(3, 100_000),
        default=100,
        metavar="N",
        help="that each gradient is taken of (default: 100)",
    )
    add("--folder", type=Path, default=RUNS / "estimators", metavar="FOLDER",
        help=f"where everything is kept (default: {RUNS / 'estimators'})")  # fmt: skip
    add(
        "--json",
        type=Path,
        metavar="FILE",
        help="write all figures there; a file that holds anything else is not replaced",
    )
    add("--pictures", type=Path, metavar="FOLDER", help=f"draw {' and '.join(PICTURES)} there")
    return parser


if __name__ == "__main__":
    run(main)
