"""A conversation in a terminal: lines that a person types, and what is printed between them."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text


class Screen:
    """What a person reads and where they type.

    Args:
        console: Where it is printed.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    def ask(self, prompt: str) -> str | None:
        """A line of the person's, None when there are no more.

        A terminal shows what is typed after the prompt; what comes out of a pipe or a file is shown in the same way.
        """
        typed = sys.stdin.isatty()
        try:
            line = input(prompt if typed else "").strip()
        except EOFError:
            if typed:
                self.say("")
            return None
        if not typed:
            self.say(f"{prompt}{line}".rstrip())
        return line

    def say(self, text: str | Text) -> None:
        """Print a text as it is."""
        self.console.print(Text(text) if isinstance(text, str) else text)
