"""`play --browser` as a command: what it prints, what it opens, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest

from chesspg.browser.opening import show_address
from chesspg.browser.server import Server

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
    monkeypatch.setattr(webbrowser, "open", lambda url: pytest.fail("opened"))
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


def test_a_browser_gets_an_address_once(serve: Serve, lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    opened, came = [], threading.Event()

    def open_(url: str) -> bool:
        opened.append(url)
        came.set()
        raise webbrowser.Error("no browser")  # which must not end the command

    monkeypatch.setattr(webbrowser, "open", open_)
    monkeypatch.setenv("DISPLAY", ":0")
    server = serve()
    show_address(server, "greedy", lines.append)
    assert came.wait(5)
    assert opened == [server.address_once]
    assert server.address not in opened


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
