"""`play --browser` as a command: what it prints, what it opens, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chesspg.browser.opening import show_address
from chesspg.browser.server import Server
from chesspg.play import main

Serve = Callable[..., Server]
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of `show_address` on a machine without a screen."""
    for name in SCREENS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    return []


def test_without_a_screen_no_browser_is_opened(serve: Serve, lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("opened"))
    server = serve()
    show_address(server, "greedy", lines.append)
    assert lines[0].startswith("Play against greedy at this address.")
    assert lines[1] == f"  {server.address}"
    assert not any("ssh" in line for line in lines)


def test_over_ssh_a_tunnel_is_named(serve: Serve, lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    server = serve()
    show_address(server, "greedy", lines.append)
    assert lines[2].endswith(f"ssh -L {server.port}:127.0.0.1:{server.port} HOST")


def test_a_browser_gets_an_address_once_and_not_the_terminal(
    serve: Serve, lines: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A browser of the terminal would take the keys and the screen, and Ctrl-C would end a browser with the command."""
    saw = tmp_path / "saw"
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\necho "$1" $(ps -o sid= -p $$) $(readlink /proc/$$/fd/[012]) > {saw}.new; mv {saw}.new {saw}\n'
    )
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    server = serve()
    show_address(server, "greedy", lines.append)
    for _ in range(1000):
        if saw.exists():
            break
        time.sleep(0.01)
    address, session, *streams = saw.read_text().split()
    assert address == server.address_once
    assert session != str(os.getsid(0))
    assert streams == [os.devnull] * 3


def test_what_is_printed_and_when(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The address at once, also into a pipe; the game at Ctrl-C before the server ends, which may take a while."""
    out = (tmp_path / "out").open("w+")
    monkeypatch.setattr(sys, "stdout", out)
    for name in SCREENS:
        monkeypatch.delenv(name, raising=False)
    end, printed = Server.__exit__, []

    def sleep(seconds: float) -> None:
        assert seconds <= 1  # a signal just before a long sleep is noticed only after it
        address = re.search(r"http://127\.0\.0\.1:\d+/\S+/", (tmp_path / "out").read_text())
        assert address
        state = json.load(urllib.request.urlopen(f"{address[0]}state?after=0", timeout=20))
        if len(state["positions"]) > 1:  # the player has the first move
            raise KeyboardInterrupt

    def ends(server: Server, *error: Any) -> None:
        printed.append((tmp_path / "out").read_text())
        end(server, *error)

    monkeypatch.setattr("chesspg.play.time", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(Server, "__exit__", ends)
    with out, pytest.raises(SystemExit) as caught:
        main(["--browser", "random", "--game", "TicTacToe", "--color", "second", "--seed", "1"])
    assert caught.value.code == 130
    assert re.search(r"^1\. [abc][123] \*$", printed[0], re.MULTILINE)


@pytest.mark.slow
def test_a_game_until_ctrl_c(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in SCREENS}
    arguments = ["--browser", "random", "--game", "TicTacToe", "--color", "second", "--seed", "1"]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "chesspg.play", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:  # fmt: skip
        assert process.stdout
        head = [process.stdout.readline() for _ in range(3)]
        address = re.search(r"http://127\.0\.0\.1:\d+/\S+/", head[1])
        assert address, head
        state = json.load(urllib.request.urlopen(f"{address[0]}state", timeout=20))
        while len(state["positions"]) < 2:  # the player has the first move
            state = json.load(urllib.request.urlopen(f"{address[0]}state?after={state['update']}", timeout=60))
        assert (state["seat"], state["game"], state["mover"]) == (1, "tic-tac-toe", 1)
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "\ngoodbye\n"
    assert '[First "random"]' in printed
    assert re.search(r"^1\. [abc][123] \*$", printed, re.MULTILINE)
