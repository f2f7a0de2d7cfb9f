"""The limits of a `go` command."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

from chesspg.terminal.numbers import BadValue, whole

# The words of `go` that a number follows.
NUMBERS = {name: whole(0, 2**63 - 1) for name in ("movestogo", "depth", "nodes", "mate", "movetime")}
NUMBERS |= {name: whole(-(2**63), 2**63 - 1) for name in ("wtime", "btime", "winc", "binc")}  # some clocks go below 0
LIMITS = ("searchmoves", "ponder", "infinite", *NUMBERS)


class Search:
    """One `go` command: its limits, and events for when it may be answered and when it was.

    Args:
        words: The words after `go`.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.ponder = "ponder" in words
        self.infinite = "infinite" in words
        limits: dict[str, int] = {}
        self.refused: list[str] = []  # messages about limits that can't be read, which are ignored
        for name, read in NUMBERS.items():
            if name in words:
                try:
                    limits[name] = read(" ".join(words[words.index(name) + 1 :][:1]))
                except BadValue as error:
                    self.refused.append(f"the {name} of go {error}")
        self.depth, self.nodes = limits.get("depth", math.inf), limits.get("nodes", math.inf)
        start = words.index("searchmoves") + 1 if "searchmoves" in words else len(words)
        end = next((k for k in range(start, len(words)) if words[k] in LIMITS), len(words))
        self.moves = [word.lower() for word in words[start:end]]  # as in `position`
        self.answered = threading.Event()
        self.may_answer = threading.Event()
        if not (self.ponder or self.infinite):
            self.may_answer.set()
