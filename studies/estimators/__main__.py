"""`python -m studies.estimators`: which way to weigh the plies learns most from the same number of them?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chesspg.storage.atomic import write_text
from chesspg.storage.outputs import Output, check_outputs, check_writable, json_has
from chesspg.storage.pictures import check_matplotlib
from chesspg.storage.runs import RUNS
from chesspg.terminal import numbers
from chesspg.terminal.command import Parser, one_line_errors, polite_interrupt, run, say
from studies.estimators.compare import Comparison
from studies.estimators.plan import ADVANTAGES, BEST, ESTIMATORS, TASKS
from studies.estimators.tables import markdown

DESCRIPTION = f"""\
Compare estimators of the policy gradient: train each on each task for equally many plies with several seeds, one thread
per run; let the last policies meet known opponents; measure the noise of each gradient on one policy. Prints tables.

An estimator is one of {", ".join(ESTIMATORS)};
or a function of your own: my_file.my_baseline, which returns what the mover of each ply could expect, or
{ADVANTAGES}my_file.my_advantages. Both take a chesspg.learning.advantages.Sample and return [N] numbers.

Everything is kept in one folder: after Ctrl-C or a kill the same command goes on, and what is done is not done again.
Without options all of them learn tic-tac-toe and the endgame, and the {BEST} that are best at the endgame learn chess.

studies/estimators/README.md says what is measured and how.
"""
PICTURES = ("estimators.svg", "gradient.svg")


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare. The exit code is 0, 1 if the training of some runs failed, 2 for bad input, 128 + signal if stopped."""
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
    with polite_interrupt(f"interrupted: {given.folder} keeps what was done; the same command goes on"):
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
    """What --pictures writes. Raises ValueError without matplotlib."""
    check_matplotlib("--pictures")
    from studies.estimators.picture import is_comparison

    return [Output("--pictures", folder / name, is_comparison) for name in PICTURES]


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m studies.estimators", description=DESCRIPTION)
    add: Callable[..., Any] = parser.add_argument
    add("--tasks", nargs="+", default=list(TASKS), metavar="TASK", help=f"of {', '.join(TASKS)} (default: all)")
    add("--estimators", nargs="+", default=[], metavar="NAME", help="see above (default: all of the package)")
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
