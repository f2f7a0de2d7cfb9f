"""`python -m chesspg.report [RUN | GAMES]…`: make an HTML page of runs and games."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn

from chesspg.arena import default_player
from chesspg.pgn.text import COMPRESSED
from chesspg.report.choice import check_is_pgn, policy_for
from chesspg.report.runs import read_run
from chesspg.storage.outputs import check_writable
from chesspg.storage.parsing import one_line
from chesspg.storage.run_folder import RUNS
from chesspg.terminal.command import Parser, one_line_errors, polite_interrupt, run, say
from chesspg.terminal.progress import progress

PAGE = "report.html"
DESCRIPTION = f"""\
Make an HTML page of runs, of games or of both, which any browser can open from disk.

RUN is the folder of a run, which may still be in progress. The page shows ratings and scores with intervals, how games
end, learning curves, throughput, and sample games to step through with the policy's moves and values. Several runs are
drawn on the same axes. By default the page shows the newest run under ./{RUNS}.

GAMES is any PGN file, compressed or not, an SGF file of Othello or Hex, or a file that match, generate or play wrote
with any game. The page shows the first of its games to step through. Games that can't be read are left out and
reported.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page; returns the exit code."""
    given = _parser().parse_args(arguments)
    with polite_interrupt("interrupted: nothing written"):
        with one_line_errors():
            paths = list(dict.fromkeys(given.paths)) or [_newest()]
            for path in paths:
                if not (path.is_dir() or path.is_file()):
                    problem = f"{path} is neither a folder nor a file" if path.exists() else f"there is no {path}"
                    raise ValueError(f"{problem}; expected a run folder or a file of games")
            out = given.out or _place(paths)
            check_writable(out)
            if out.exists() and not _is_page(out):
                raise ValueError(f"{out} exists and is not a page of chesspg; name another file with --out")
            opened = [read_run(path) for path in paths if not path.is_file()]
            files = [path for path in paths if path.is_file()]
            for path in files:
                check_is_pgn(path)
            chosen = {path: policy_for(path, given.policy) for path in files}
            if given.policy and not chosen:
                raise ValueError(f"--policy {given.policy} is for files of games, but no file of games is given")
        # Importing torch takes seconds; the mistakes above are reported before that.
        from chesspg.report.collection import read_collection
        from chesspg.report.page import write_page

        collections = []
        with one_line_errors(), _progress() as bar:
            for path, (policy, why) in chosen.items():
                show = partial(_show, bar, bar.add_task(str(path)))
                collections.append(read_collection(path, policy, why, show))
        with one_line_errors(OSError):
            write_page(out, opened, collections)
    for one in collections:
        for line in one.skipped:
            say(one_line(line))
        print(f"{one.path}: {one.share}, with the moves and values of {one.policy}")
    print(f"wrote {out} (from {', '.join(map(str, paths))}); open it in a browser")
    return 0


def _newest() -> Path:
    newest = default_player.newest_run()
    if newest is None:
        raise ValueError(f"no run under ./{RUNS}; name a run folder or a file of games, or train with chesspg.train")
    return newest


def _place(paths: Sequence[Path]) -> Path:
    """The default path of the page: beside the run or file if there is only one, so that each has its own page."""
    if len(paths) > 1:
        return Path(PAGE)
    if not paths[0].is_file():
        return paths[0] / PAGE
    plain = paths[0].with_suffix("") if paths[0].suffix.lower() in COMPRESSED else paths[0]
    return plain.with_suffix(".html")


def _progress() -> Progress:
    return progress(
        TextColumn("{task.description}", markup=False), SpinnerColumn(), TextColumn("{task.completed} games")
    )


def _show(bar: Progress, task: TaskID, games: int) -> None:
    bar.update(task, completed=games)


def _is_page(path: Path) -> bool:
    """Whether this command wrote a file."""
    with path.open("rb") as file:
        return b"<title>chesspg report</title>" in file.read(2000)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.report", description=DESCRIPTION)
    parser.add_argument("paths", metavar="RUN|GAMES", nargs="*", type=Path, help="a run folder or a file of games")
    parser.add_argument(
        "--policy", metavar="POLICY", default="",
        help="the policy whose moves and values are shown for the games of files: a policy file, .ckpt, run folder "
        "or name of a policy that ships (default: the newest run of the same game under ./checkpoints, or else the "
        "strongest policy that ships)",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="FILE", type=Path,
        help="the page to write; an earlier page is replaced, any other file is not (default: RUN/report.html for a "
        "run, GAMES.html beside a file of games, ./report.html for several)",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    run(main)
