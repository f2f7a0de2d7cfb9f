"""A conversation in a terminal: the lines that a person types, and the text printed between them."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text


class Screen:
    """Prints to a console and reads lines from standard input.

    Args:
        console: Where to print.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    def ask(self, prompt: str) -> str | None:
        """The next line of input, without blanks at its ends; None at the end of input.

        A terminal shows the typed line after the prompt. A line from a pipe or a file is printed in the same way.
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
        """Print a text as it is, without markup."""
        self.console.print(Text(text) if isinstance(text, str) else text)
