"""The local server of the page: it listens on the loopback interface, and answers only who knows the address."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import secrets
import socket
import threading
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from types import TracebackType

from aiohttp import web

from chesspg.browser.shared_game import Refused, SharedGame
from chesspg.browser.view import Json, line_of

LOOPBACK = "127.0.0.1"
HOST = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", re.ASCII)  # any port, as an SSH tunnel may have another
MOST_BYTES = 2**20  # of a request
MOST_SHOWN = 400  # characters of an error
READ = 10.0  # seconds in which a request must have arrived
STRANGERS = 100  # most connections on which no request with the token has arrived yet
LINGER = 0.5  # seconds for which the rest of a request that was refused is still read
POLL = 25.0  # seconds for which a request waits for a new state
PAGE = Path(__file__).parent / "page"
FILES = {
    "": ("index.html", "text/html"),
    "page.js": ("page.js", "text/javascript"),
    "page.css": ("page.css", "text/css"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
REFUSED = "This is not the address that the terminal shows."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Serves a game while its `with` block runs, in a thread of its own.

    Args:
        game: The game.

    Raises:
        OSError: No port can be opened.
    """

    def __init__(self, game: SharedGame) -> None:
        self.game = game
        self._token = secrets.token_urlsafe(24)
        self._once = secrets.token_urlsafe(24)  # for one visit, because other users see the arguments of a browser
        self._strangers: dict[web.RequestHandler, asyncio.TimerHandle] = {}  # the oldest first, with its time limit
        self._socket = socket.create_server((LOOPBACK, 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)
        self._listening: Future[None] = Future()
        self._files = {path: ((PAGE / name).read_bytes(), kind) for path, (name, kind) in FILES.items()}

    @property
    def address(self) -> str:
        """The address of the page."""
        return f"http://{LOOPBACK}:{self.port}/{self._token}/"

    @property
    def address_once(self) -> str:
        """An address that leads to the page once, for the command line of a browser."""
        return f"http://{LOOPBACK}:{self.port}/{self._once}/"

    def __enter__(self) -> Server:
        self._thread.start()
        self._listening.result()
        self.game.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._ending.set)
        self._thread.join(5)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            if self._listening.done():
                raise
            self._listening.set_exception(error)  # which `with` raises, instead of waiting forever

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        self._changed = asyncio.Event()
        self.game.on_change = lambda: self._call(self._wake)
        app = web.Application(middlewares=[self._guard], client_max_size=MOST_BYTES)
        app.on_response_prepare.append(_add_headers)
        app.router.add_get("/{token}/", self._file)
        app.router.add_get("/{token}/{file:page\\.(?:js|css)}", self._file)
        app.router.add_get("/{token}/state", self._state)
        app.router.add_get("/{token}/opinion", self._opinion)
        app.router.add_post("/{token}/act", self._act)
        runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=2, lingering_time=LINGER, logger=_quiet()
        )
        await runner.setup()
        assert runner.server
        listener = await self._loop.create_server(partial(self._connected, runner.server), sock=self._socket)
        self._listening.set_result(None)
        await self._ending.wait()
        self.game.stop()
        self._wake()  # tells every waiting tab that the server ends
        listener.close()
        await runner.cleanup()

    def _connected(self, answer: Callable[[], web.RequestHandler]) -> asyncio.BaseProtocol:
        """Answer a new connection, which a request with the token must follow soon.

        If there are too many strangers, the oldest one makes room. So whoever leaves connections open keeps nobody out.
        """
        if len(self._strangers) >= STRANGERS:
            self._drop(next(iter(self._strangers)))
        connection = answer()
        self._strangers[connection] = self._loop.call_later(READ, self._drop, connection)
        return connection

    def _drop(self, connection: web.RequestHandler) -> None:
        self._strangers.pop(connection).cancel()
        self._loop.call_soon(connection.force_close)  # later, as a new one may not have its transport yet

    def _call(self, function: Callable[[], None]) -> None:
        """Call a function in the server's thread, unless the server has ended."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse whoever does not know the address, and pages of other origins even if they do."""
        host = request.headers.getall("Host", [])
        origin = request.headers.getall("Origin", [])
        posts = request.method not in ("GET", "HEAD")
        token = request.rel_url.raw_path.removeprefix("/").partition("/")[0]
        if len(host) != 1 or not HOST.fullmatch(host[0]):
            return _error(403, REFUSED)  # a name that was made to lead to this machine (DNS rebinding)
        if (origin or posts) and origin != [f"http://{host[0]}"]:
            return _error(403, REFUSED)
        own = request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
        navigates = request.headers.get("Sec-Fetch-Mode") == "navigate"  # a person may click on the address anywhere
        if not own and not navigates:
            return _error(403, REFUSED)
        if self._once and request.method == "GET" and _same(token, self._once):
            self._once = ""
            return web.Response(status=302, headers={"Location": f"/{self._token}/"})
        if not _same(token, self._token):
            return _error(403, REFUSED)
        if known := self._strangers.pop(request.protocol, None):
            known.cancel()
        try:
            return await handler(request)
        except ConnectionError:
            return _error(400, "The request did not arrive.")  # whoever sent it has gone
        except web.HTTPRequestEntityTooLarge:
            return _error(413, f"The request has more than {MOST_BYTES:,} bytes.")
        except web.HTTPException as error:
            return _error(error.status, f"{error.reason}.")
        except Exception:
            traceback.print_exc()  # a bug
            return _error(500, "The server made a mistake, which the terminal shows.")

    async def _file(self, request: web.Request) -> web.Response:
        body, kind = self._files[request.match_info.get("file", "")]
        return web.Response(body=body, content_type=kind, charset="utf-8")

    async def _state(self, request: web.Request) -> web.Response:
        """The state of the game, once it is newer than the one whose number is given as `after`."""
        after = request.query.get("after", "")
        if re.fullmatch("[0-9]{1,9}", after, re.ASCII):
            changed = self._changed
            if self.game.state["update"] == int(after) and not self._ending.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), POLL)
        return web.json_response(self._shown())

    async def _opinion(self, request: web.Request) -> web.Response:
        """What the policy says of an earlier position."""
        ply = request.query.get("ply", "")
        if not re.fullmatch("[0-9]{1,6}", ply, re.ASCII):
            return _error(400, f"ply must be a whole number, got {ply[:40]!r}.")
        try:
            return web.json_response(await asyncio.wrap_future(self.game.opinion(int(ply))))
        except (ValueError, OSError, RuntimeError) as error:
            return _error(400, _sentence(error))

    async def _act(self, request: web.Request) -> web.Response:
        """Carry out an action. The answer is the state, with `error` if the action was not possible."""
        if request.content_type != "application/json":
            return _error(415, "Expected JSON.")
        try:
            body = json.loads(await asyncio.wait_for(request.read(), READ))
        except TimeoutError:
            return _error(408, "The request did not arrive in time.")
        except (ValueError, RecursionError, web.RequestPayloadError):  # the last one if it can't be decompressed
            return _error(400, "The request is not JSON.")
        if not isinstance(body, dict):
            return _error(400, "The request must be an object.")
        try:
            await asyncio.wrap_future(self.game.ask(body))
        except Refused as error:
            return self._answer(409, error)
        except ValueError as error:
            return self._answer(400, error)
        return web.json_response(self._shown())

    def _answer(self, status: int, error: Exception) -> web.Response:
        return web.json_response({**self._shown(), "error": _sentence(error)}, status=status)

    def _shown(self) -> Json:
        return {**self.game.state, "ended": self._ending.is_set()}


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _quiet() -> logging.Logger:
    """A logger that drops what aiohttp writes about requests that are not HTTP. Bugs are printed by `_guard`."""
    logger = logging.getLogger(__name__)
    logger.setLevel(logging.CRITICAL + 1)
    return logger


def _error(status: int, message: str) -> web.Response:
    body: Json = {"error": message}
    return web.json_response(body, status=status, headers={"Connection": "close"} if status != 400 else None)


def _same(given: str, secret: str) -> bool:
    """Whether two texts are the same, in a time that does not depend on where they differ."""
    return secrets.compare_digest(given.encode("utf-8", "surrogateescape"), secret.encode())


def _sentence(error: BaseException) -> str:
    """An error as a sentence. A long text that it quotes is left out in the middle, as the reason may come after it."""
    text = line_of(error)
    if len(text) > MOST_SHOWN:
        text = f"{text[: MOST_SHOWN // 2]} … {text[-MOST_SHOWN // 2 :]}"
    if text.partition(" ")[0].isalpha():  # not a move or a file, which stay as they were given
        text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."
