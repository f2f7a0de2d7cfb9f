"""The local server of the page: what it answers, and what strangers get."""

from __future__ import annotations

import json
import re
import socket
import struct
import time
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPMessage
from typing import Any, NamedTuple

import pytest
from served import shared

from chesspg.browser import server as module
from chesspg.browser.server import Server

Serve = Callable[..., Server]


class Answer(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture(scope="module")
def server(serve: Serve) -> Server:
    return serve()


def token(server: Server) -> str:
    return server.address.split("/")[3]


def ask(server: Server, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    """Send a request with exactly these headers; without any, with the usual Host."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    own = {"Host": f"127.0.0.1:{server.port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    for name, value in own.items():
        if value != "none":
            connection.putheader(name, value)
    if body:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body or None)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer


def get(server: Server, path: str = "", **headers: str) -> Answer:
    return ask(server, "GET", f"/{token(server)}/{path}", **headers)


def act(server: Server, body: Any, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    own = {"Origin": f"http://127.0.0.1:{server.port}", "Content_Type": "application/json", **headers}
    return ask(server, "POST", f"/{token(server)}/act", raw, **own)


def raw(server: Server, data: bytes, timeout: float = 10) -> bytes:
    """What the server answers to these bytes until it closes the connection, or nothing comes for a while."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout) as connection:
        connection.sendall(data)
        got = b""
        try:
            while part := connection.recv(65536):
                got += part
        except TimeoutError:
            got += b" [no end]"
        return got


def test_the_page_and_its_files_have_strict_headers(server: Server) -> None:
    for path, kind in (("", "text/html"), ("page.js", "text/javascript"), ("page.css", "text/css")):
        answer = get(server, path)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
        assert len(answer.body) > 500
    for answer in (get(server), get(server, "state"), ask(server, "GET", "/"), ask(server, "POST", "/x/act")):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert "Set-Cookie" not in answer.headers


def test_it_listens_on_the_loopback_interface_alone(server: Server) -> None:
    with socket.socket() as other:
        other.settimeout(2)
        # Linux gives every machine the whole of 127/8, and a server on 0.0.0.0 would answer on it.
        assert other.connect_ex(("127.0.0.2", server.port)) != 0


def test_whoever_has_not_the_address_gets_nothing(server: Server) -> None:
    right = token(server)
    assert len(right) >= 32
    wrong = [
        "",
        "x",
        right[:-1],
        right + "x",
        right.swapcase(),
        "%00",
        f"{right}%2f",
        "..",
        "a" * 4000,
        "%C3%A9",
        "%ff",
    ]
    for path in ["/", *(f"/{one}/{rest}" for one in wrong for rest in ("", "state", "page.js"))]:
        answer = ask(server, "GET", path)
        assert (answer.status, answer.json()) == (403, {"error": module.REFUSED}), path
    assert act(server, {}).status == 400  # with the token, the same request gets further
    assert ask(server, "POST", "/x/act", b"{}", Origin=f"http://127.0.0.1:{server.port}").status == 403


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "localhost.evil.example", "a@localhost", "localhost.",
     "127.0.0.1:99999999", "0.0.0.0", "2130706433", "[::1]", "127.1", ""],
)  # fmt: skip
def test_a_name_that_leads_to_this_machine_is_refused(server: Server, host: str) -> None:
    """DNS rebinding: the browser of a stranger's page sends the stranger's name."""
    assert get(server, "state", Host=host).status == 403
    assert act(server, {"action": "resign"}, Host=host, Origin=f"http://{host}").status == 403


def test_no_host_and_two_hosts_are_refused(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    own = f"Host: 127.0.0.1:{server.port}\r\n"
    for hosts in ("", own + "Host: evil.example\r\n", "Host: evil.example\r\n" + own):
        for version in ("1.0", "1.1"):
            request = f"GET /{token(server)}/state HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n"
            assert re.match(rb"HTTP/1.[01] 40[03] ", raw(server, request.encode()))
    assert capfd.readouterr().err == ""


def test_an_ssh_tunnel_may_have_another_port(server: Server) -> None:
    assert get(server, "state", Host="localhost:8000").status == 200
    assert act(server, {}, Host="localhost:8000", Origin="http://localhost:8000").status == 400
    assert act(server, {}, Host="localhost:8000", Origin=f"http://localhost:{server.port}").status == 403


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "none"],
)
def test_pages_of_other_origins_change_nothing(server: Server, origin: str) -> None:
    before = get(server, "state").json()
    request = {"action": "resign", "revision": before["revision"]}
    answer = act(server, request, Origin=origin.replace("{port}", str(server.port)))
    assert answer.status == 403
    if origin != "none":
        assert get(server, "state", Origin=origin.replace("{port}", str(server.port))).status == 403
    assert get(server, "state").json() == before


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_requests_that_other_sites_cause_are_refused(server: Server, site: str) -> None:
    """Browsers send no Origin for an image, a form or a link on another page."""
    assert get(server, "state", Sec_Fetch_Site=site).status == 403
    assert get(server, "state", Sec_Fetch_Site="same-origin").status == 200
    assert get(server, Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate").status == 200  # a click on the address
    assert ask(server, "GET", "/x/", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate").status == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_what_a_form_can_send_is_refused(server: Server, kind: str) -> None:
    revision = get(server, "state").json()["revision"]
    assert act(server, {"action": "resign", "revision": revision}, Content_Type=kind).status == 415


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_odd_methods_are_refused(server: Server, method: str) -> None:
    for path in ("", "state", "act"):
        answer = ask(server, method, f"/{token(server)}/{path}", Origin=f"http://127.0.0.1:{server.port}")
        assert answer.status == 405
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert ask(server, method, f"/{token(server)}/{path}", Origin="http://evil.example").status == 403


def test_no_path_leads_to_a_file_elsewhere(server: Server) -> None:
    right = token(server)
    for path in (
        "../server.py", "..%2fserver.py", "%2e%2e/server.py", "page.js/../../server.py", "page.js%00", "/etc/passwd",
        "....//....//etc/passwd", "..\\server.py", "page.css/", "index.html", "act", "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    ):  # fmt: skip
        answer = ask(server, "GET", f"/{right}/{path}")
        assert answer.status in (403, 404, 405), path
        assert set(answer.json()) == {"error"}
    assert b"root:" not in raw(
        server, b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )


def test_large_requests_are_refused(server: Server) -> None:
    large = json.dumps({"action": "new", "text": "x" * module.MOST_BYTES}).encode()
    assert act(server, large).status == 413
    head = f"POST /{token(server)}/act HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
    head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head.encode())
        with pytest.raises(OSError):  # noqa: PT012  # the server closes the connection at some chunk
            for _ in range(1000):
                connection.sendall(chunk)
                time.sleep(0.001)
    assert b" 400 " in raw(server, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")[:20]
    assert b" 400 " in raw(server, b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")[:20]


def test_a_slow_body_is_not_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ", 0.2)
    head = f"POST /{token(server)}/act HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
    head += 'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"act'
    began = time.monotonic()
    assert b" 408 " in raw(server, head.encode()).splitlines()[0]
    assert time.monotonic() - began < 5
    assert get(server, "state").status == 200  # meanwhile others are answered


def test_strangers_who_leave_connections_open_keep_nobody_out(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STRANGERS", 3)
    server = serve()
    with ExitStack() as stack:
        waiting = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 5)) for _ in range(5)]
        waiting[-1].sendall(f"GET /{token(server)}/state HTTP/1.1\r\nHost: local".encode())
        assert get(server, "state").status == 200
        waiting[-1].sendall(b"host\r\n\r\n")
        assert waiting[-1].recv(15) == b"HTTP/1.1 200 OK"
        assert waiting[0].recv(1) == b""  # the oldest made room


def test_the_head_of_a_request_must_arrive_soon(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ", 0.3)
    begun = b"", b"GET / HTTP/1.1\r\nHost: local"
    own = f"GET /{token(server)}/state HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with ExitStack() as stack:
        tab, *strangers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 5)) for _ in range(3)
        ]
        tab.sendall(own)
        for stranger, some in zip(strangers, begun, strict=True):
            stranger.sendall(some)
        assert [stranger.recv(1) for stranger in strangers] == [b"", b""]
        tab.sendall(own)  # a tab may keep its connection
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK") < 2:
            answers += tab.recv(65536) or pytest.fail("closed")


def test_a_sender_that_goes_away_is_not_a_bug(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    head = f"POST /{token(server)}/act HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode())
        get(server, "state")  # so that its body is being read
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, not closed
    get(server, "state")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"1", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"action": {}}', b'{"action": "__init__"}',
     b'{"action": "_publish"}', b'{"action": "stop"}', b'{"action": null}', b'{"action": "<img src=x>"}'],
)  # fmt: skip
def test_what_is_no_action_is_refused_in_one_line(server: Server, text: bytes) -> None:
    before = get(server, "state").json()
    answer = act(server, text)
    assert answer.status == 400
    assert "\n" not in answer.json()["error"]
    assert answer.json()["error"].endswith(".")
    assert get(server, "state").json() == before


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\0\0 x\r\n\r\n"]
)
def test_what_is_not_http_is_refused(server: Server, garbage: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    answer = raw(server, garbage, timeout=1)
    assert not answer.startswith(b"HTTP/1.1 2")
    assert b"<html" not in answer
    assert get(server, "state").status == 200
    assert "Traceback" not in capfd.readouterr().err


def test_the_address_for_a_command_line_leads_to_the_page_once(serve: Serve) -> None:
    server = serve()
    path = server.address_once.removeprefix(f"http://127.0.0.1:{server.port}")
    assert token(server) not in path
    assert ask(server, "GET", path, Host="evil.example").status == 403
    assert ask(server, "GET", path, Sec_Fetch_Site="cross-site").status == 403
    first = ask(server, "GET", path, Sec_Fetch_Site="none")
    assert (first.status, first.headers["Location"]) == (302, f"/{token(server)}/")
    assert ask(server, "GET", path).status == 403


def test_html_in_names_and_moves_is_sent_as_text(serve: Serve) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    server = serve(name=hostile)
    state = get(server, "state").json()
    assert state["player"] == hostile
    pgn = f'[White "{hostile}"]\n[Black "</script>"]\n\n1. e4 *'
    answer = act(server, {"action": "new", "revision": state["revision"], "text": pgn, "side": "0"})
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert f'[White "{hostile} and you"]' in answer.json()["pgn"]
    answer = act(server, {"action": "move", "revision": answer.json()["revision"], "move": hostile})
    assert answer.status == 400
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_an_error_is_a_sentence_that_keeps_what_was_given(server: Server) -> None:
    revision = get(server, "state").json()["revision"]
    for action, move, error in (
        ("move", "e5", "e5 is illegal here."),
        ("move", "fish", "Unknown move 'fish'; moves are written as in Nf3 or g1f3."),
        ("undo", "", "There is no move of yours to take back."),
    ):
        assert act(server, {"action": action, "move": move, "revision": revision}).json()["error"] == error


def test_a_tab_that_waits_is_told_of_a_change(serve: Serve) -> None:
    server = serve()
    state = get(server, "state").json()
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("GET", f"/{token(server)}/state?after={state['update']}")  # waits
    answer = act(server, {"action": "move", "revision": state["revision"], "move": "e4"})
    assert (answer.status, answer.json()["positions"][1]["move"]["name"]) == (200, "e4")
    told = json.loads(connection.getresponse().read())
    assert told["update"] > state["update"]
    while len(told["positions"]) < 3:  # until the reply
        told = get(server, f"state?after={told['update']}").json()
    stale = act(server, {"action": "move", "revision": state["revision"], "move": "d4"})
    assert stale.status == 409
    assert re.match("The game has changed in the meantime|Wait for the move of random", stale.json()["error"])
    assert stale.json()["positions"][1]["move"]["name"] == "e4"
    connection.close()


def test_opinions_are_asked_for_by_number(server: Server) -> None:
    assert get(server, "opinion?ply=0").json() == {"likely": [], "value": None}  # random has no policy
    for ply in ("", "-1", "x", "99", "1e3", "%D9%A3"):
        answer = get(server, f"opinion?ply={ply}")
        assert answer.status == 400
        assert answer.json()["error"].endswith(".")


def test_a_tab_that_waits_is_told_of_the_end(serve: Serve) -> None:
    with Server(shared()) as server:
        state = get(server, "state?after=0").json()
        assert not state["ended"]
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("GET", f"/{token(server)}/state?after={state['update']}")
        time.sleep(0.1)
    last = json.loads(connection.getresponse().read())
    assert last["ended"]
    assert last["pgn"] == state["pgn"]
    connection.close()
    with pytest.raises(OSError):
        get(server, "state")


def test_a_body_that_is_not_compressed_as_it_says_is_refused(server: Server) -> None:
    assert act(server, b"xxxxx", Content_Encoding="gzip").status == 400
