"""`python -m chesspg.report RUN…`: how runs went, as one HTML page that opens from disk."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from chesspg.arena import roster
from chesspg.arena.commands import Parser, check_writable, one_line_errors, polite_interrupt, run
from chesspg.arena.report.runs import read_run

DESCRIPTION = f"""\
How runs went, as one HTML page: rating and score with intervals, how games end, what the learner does, throughput,
and sample games to step through, with what the policy makes of each position. Several runs are drawn over each other.

RUN is a run folder, of a run that is done or still going; if none is named, it is the newest under ./{roster.RUNS}.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    with polite_interrupt("interrupted: nothing written"):
        with one_line_errors():
            check_writable(given.out)
            runs = [read_run(folder) for folder in dict.fromkeys(given.runs or _newest())]
        from chesspg.arena.report.page import write_page  # torch takes seconds to import; mistakes are told before

        with one_line_errors(OSError):
            write_page(given.out, runs)
    print(f"{given.out}: {', '.join(str(run.folder) for run in runs)}; open it in a browser")
    return 0


def _newest() -> list[Path]:
    newest = roster.newest_run()
    if newest is None:
        raise ValueError(f"there is no run under {roster.RUNS}; name a run folder, or make one by chesspg.train")
    return [newest]


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.report", description=DESCRIPTION, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", metavar="RUN", nargs="*", type=Path, help="a run folder")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, default=Path("report.html"),
        help="where the page goes; an existing file\nis replaced when the page is made (default: %(default)s)",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    run(main)
