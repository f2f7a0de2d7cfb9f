"""`chesspg` and `python -m chesspg`: all commands; `chesspg COMMAND` is the same as `python -m chesspg.COMMAND`."""

from __future__ import annotations

import difflib
import runpy
import sys
from collections.abc import Sequence

from chesspg import __version__
from chesspg.terminal.command import fail, run

COMMANDS = {
    "train": "learn a game by policy gradients (default: ten minutes of chess)",
    "play": "play against a policy, in the terminal or a browser",
    "report": "show runs on one page: curves, and games to step through",
    "match": "play two players against each other",
    "ladder": "rate players on one scale of Elo",
    "uci": "let a policy play in any chess program",
    "pretrain": "learn the moves of recorded games before training",
    "generate": "play games between any players and write them as PGN",
    "export": "write a policy as an ONNX file for other programs",
    "bench": "measure where the time goes",
}
MOVED = {"estimators": "a study since version 0.2; run `python -m studies.estimators` in a clone of the repository"}
USAGE = f"""\
usage: chesspg COMMAND [OPTION …]

Policy-gradient learning for two-player board games, chess first.

commands:
{chr(10).join(f"  {name:<12}{what}" for name, what in COMMANDS.items())}

`chesspg COMMAND --help` describes a command. To begin, run
`chesspg train --config tic_tac_toe_plain`, which takes a minute.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names, or list all commands if there is no argument.

    Args:
        arguments: The command and its arguments; those of the process by default.

    Returns:
        The exit code. A command that runs ends the process instead.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    if arguments[0] == "--version":
        print(f"chesspg {__version__}")
        return 0
    name, *rest = arguments
    if name in MOVED:
        fail(f"{name} is {MOVED[name]}")
    if name not in COMMANDS:
        meant = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f"did you mean {meant[0]}? " if meant else ""
        fail(f"unknown command {name[:40]!r}; {hint}expected one of {', '.join(COMMANDS)}")
    sys.argv = [name, *rest]
    runpy.run_module(f"chesspg.{name}", run_name="__main__", alter_sys=True)
    raise AssertionError("a command ends the process")


def command() -> None:
    """The entry point of the script `chesspg`."""
    run(main)


if __name__ == "__main__":
    command()
