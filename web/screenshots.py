"""Take the pictures of the pages in docs/images, at the widths of a phone and a desktop: `python web/screenshots.py`.

It needs Chromium, the extras `dev` and `site`, and the scripts that `python web/policies.py` writes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from playwright.sync_api import Browser, Page, sync_playwright

from chesspg.arena.session import Session
from chesspg.browser.server import Server
from chesspg.browser.shared_game import SharedGame
from chesspg.games.chess import Chess
from chesspg.games.randomness import Randomness
from chesspg.players.player import Player
from chesspg.players.roster import player_from_string
from chesspg.terminal.command import Parser, run

ROOT = Path(__file__).parent.parent
WIDTHS = {390: 844, 1280: 900}  # CSS pixels, and the heights of the screens; the narrow one is a phone in dark colors
PLAYER = "chess_from_pgn?temperature=2"


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures; returns the exit code."""
    parser = Parser("python web/screenshots.py", description=__doc__)
    parser.add_argument(
        "folder", metavar="FOLDER", type=Path, nargs="?", default=ROOT / "docs/images",
        help="where to write them (default: docs/images)",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    with ExitStack() as opened:
        chromium = opened.enter_context(started_browser())
        server = opened.enter_context(Server(a_game()))
        site = opened.enter_context(served_site())
        pages: dict[str, tuple[str, Callable[[Page], None]]] = {
            "play": (server.address, play),
            "learn": ((ROOT / "docs/learn/index.html").as_uri(), learn),
            "site": (site, lambda page: page.wait_for_load_state("networkidle")),
        }
        for name, (address, prepare) in pages.items():
            for width, height in WIDTHS.items():
                path = given.folder / f"{name}-{width}.png"
                with a_page(chromium, width, height) as page:
                    page.goto(address)
                    prepare(page)
                    page.screenshot(path=path)
                print(path)
    return 0


@contextmanager
def started_browser() -> Iterator[Browser]:
    """The Chromium that is installed."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@contextmanager
def served_site() -> Iterator[str]:
    """The address of the site, built anew; from disk it has no search."""
    with TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", folder], cwd=ROOT, check=True)
        files = partial(SimpleHTTPRequestHandler, directory=folder)
        with ThreadingHTTPServer(("127.0.0.1", 0), files) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}/"
            server.shutdown()


@contextmanager
def a_page(chromium: Browser, width: int, height: int) -> Iterator[Page]:
    """A page of a width in a new context; a narrow one is a phone's."""
    phone = width < 600
    context = chromium.new_context(
        viewport={"width": width, "height": height}, is_mobile=phone, has_touch=phone, reduced_motion="reduce",
        color_scheme="dark" if phone else "light",
    )  # fmt: skip
    yield context.new_page()
    context.close()


def a_game() -> SharedGame:
    """A game against a policy, with its first three moves."""
    game = Chess().for_few_games()
    player: Future[Player] = Future()
    player.set_result(player_from_string(PLAYER, game))
    session = Session(game, 0, Randomness(1), game.start(1).position(0))
    return SharedGame(session, player, PLAYER, None)


def play(page: Page) -> None:
    """Play 1. e4, 2. Nf3 and 3. d4, where they are not on the board already."""
    page.wait_for_selector("#line:not(:empty)")
    for number, move in enumerate(("e4", "Nf3", "d4")):
        if page.locator("#moves button").count() <= 2 * number:
            page.fill("#move", move)
            page.press("#move", "Enter")
            page.locator("#moves button").nth(2 * number + 1).wait_for()  # the reply
    page.wait_for_selector("cg-board piece")


def learn(page: Page) -> None:
    """On a phone, set a slider of section 1; on a desktop, train in section 6."""
    if page.viewport_size and page.viewport_size["width"] < 600:
        page.locator("#one-rows input[type=range]").nth(1).fill("1.2")
        page.evaluate("document.querySelector('#one-controls').previousElementSibling.scrollIntoView()")
    else:
        page.click("#train-run")
        page.locator("#train-status", has_text="Finished").wait_for(timeout=90_000)
        page.evaluate("document.querySelector('#train').scrollIntoView()")


if __name__ == "__main__":
    run(main)
