"""A screen without a terminal: lines from a pipe are shown as if they were typed."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from chesspg.terminal.screen import Screen


def test_lines_of_a_pipe_are_shown_after_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(" e4 \n\n"))
    out = io.StringIO()
    screen = Screen(Console(file=out, highlight=False))
    assert screen.ask("1. ") == "e4"
    assert screen.ask("1... ") == ""
    assert screen.ask("> ") is None
    screen.say("[1/2]")
    screen.say(Text("drawn"))
    assert out.getvalue() == "1. e4\n1...\n[1/2]\ndrawn\n"
