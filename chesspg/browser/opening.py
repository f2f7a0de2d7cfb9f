"""Showing an address to a person: in the terminal, and in their browser if there is a screen."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial

from chesspg.browser.server import Server


def show_address(server: Server, name: str, say: Callable[[str], None] | None = None) -> None:
    """Print the address of the page, and open it in a browser.

    Args:
        server: The server of the page.
        name: The player's string.
        say: Prints a line; by default at once, so that the address passes a pipe too.
    """
    say = say or partial(print, flush=True)
    say(f"Play against {name} at this address. Whoever knows it can play, so keep it to yourself.")
    say(f"  {server.address}")
    if "SSH_CONNECTION" in os.environ:
        port = server.port
        say(f"To open it on your own machine, first run there: ssh -L {port}:127.0.0.1:{port} HOST")
    say("Ctrl-C ends the game and shows it as PGN.")
    if _has_screen():
        # A thread, because some browsers keep the call until they are closed.
        threading.Thread(target=_open, args=(server.address_once,), daemon=True).start()


def _open(address: str) -> None:
    # A process without the terminal, in which a browser would take the input, print, or end with Ctrl-C.
    nothing = subprocess.DEVNULL
    command = [sys.executable, "-I", "-m", "webbrowser", address]
    with contextlib.suppress(OSError):  # the address is printed anyway
        subprocess.run(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True, check=False)


def _has_screen() -> bool:
    """Whether a browser would open a window; without one a browser of the terminal may open, which can't show the page.

    BROWSER, which names a browser, counts as a screen.
    """
    if not sys.platform.startswith(("linux", "freebsd", "openbsd", "netbsd")):
        return "SSH_CONNECTION" not in os.environ
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
