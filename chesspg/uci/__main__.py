"""`python -m chesspg.uci [POLICY]`: a policy as a chess engine, for any GUI that supports UCI."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from chesspg.storage.shipped import shipped_policies
from chesspg.terminal import interrupts
from chesspg.terminal.command import INTERRUPTED, Parser, one_line_errors, run, say
from chesspg.uci.policies import check_chess
from chesspg.uci.protocol import Engine

DESCRIPTION = """\
Speak the Universal Chess Interface on standard input and output. docs/uci.md has the options.

POLICY is a policy file, .ckpt, run folder or name of a policy that ships, with options as for every player, such as
chess_quick?temperature=1. The option WeightsFile may name another policy later. Without both, the newest run under
./checkpoints plays, or else the strongest policy that ships.
"""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the engine until `quit` or the end of the input, then end the process."""
    parser = Parser("python -m chesspg.uci", description=DESCRIPTION)
    parser.add_argument("policy", metavar="POLICY", nargs="?", default="", help="the policy that plays")
    name = parser.parse_args(arguments).policy
    if name and not os.path.exists(name) and name not in shipped_policies():
        from chesspg.players import roster

        with one_line_errors():
            roster.policy_of(os.path.expanduser(name))
    with one_line_errors():
        check_chess(name)
    # Accept any bytes, which file names may have, and any line end.
    sys.stdin.reconfigure(errors="surrogateescape", newline=None)  # type: ignore[union-attr]
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    code = 0
    try:
        Engine(sys.stdout, name).run(sys.stdin)
    except KeyboardInterrupt:
        say("\ninterrupted")
        code = 128 + interrupts.came() if interrupts.came() else INTERRUPTED
    # End at once: the interpreter may crash if it shuts down while a thread imports torch.
    os._exit(code)


def command() -> NoReturn:
    """Entry point of the script chesspg-uci."""
    run(main)


if __name__ == "__main__":
    command()
