"""The site: it builds without a warning, every link leads somewhere, and nothing comes from anywhere else."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import os
import posixpath
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

import pytest

import chesspg

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parent.parent
LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "link": "href",
    "source": "src",
}  # what a page loads by itself


class Html(HTMLParser):
    """A page: its links, what it loads, its anchors, its scripts, and what a content security policy would block."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.scripts: list[str] = []
        self.policy = ""
        self.blocked: list[str] = []
        self.in_script = False
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADED and LOADED[tag] in given and given.get("rel") not in ("canonical", "prev", "next"):
            self.loads.append(given[LOADED[tag]])
        if given.get("http-equiv") == "Content-Security-Policy":
            assert not self.scripts, "the policy comes after a script"
            self.policy = given["content"]
        self.in_script = tag == "script" and given.get("type") != "application/json"
        if self.in_script and "src" not in given:
            self.scripts.append("")
        self.blocked += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        self.blocked += ["style"] if tag == "style" else []

    def handle_endtag(self, tag: str) -> None:
        self.in_script = False

    def handle_data(self, data: str) -> None:
        if self.in_script:
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built as for publishing."""
    pytest.importorskip("material", reason="needs the extra site")
    folder = tmp_path_factory.mktemp("site")
    ended = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr  # not with --quiet, which lets mkdocs overlook its own warnings
    assert "WARNING" not in ended.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Html]:
    """Every page by its address from the root of the site."""
    return {posixpath.join("/", path.relative_to(site).as_posix()): Html(path) for path in site.rglob("*.html")}


def test_every_link_and_anchor_leads_somewhere(site: Path, pages: dict[str, Html]) -> None:
    dead = []
    for address, page in pages.items():
        for link in page.links + page.loads:
            parts = urlsplit(urljoin(f"http://site{address}", link))
            if parts.netloc != "site":
                continue
            target = unquote(parts.path)
            target += "index.html" if target.endswith("/") else ""
            found = (site / target.lstrip("/")).is_file()
            anchors = pages[target].anchors if target in pages else set()
            if not found or (parts.fragment and unquote(parts.fragment) not in anchors | {"__skip"}):
                dead.append(f"{address}: {link}")
    assert not dead, "\n".join(dead)
    assert sum(len(page.links) for page in pages.values()) > 1000


def test_no_page_loads_anything_from_elsewhere(pages: dict[str, Html]) -> None:
    loads = {(address, load) for address, page in pages.items() for load in page.loads}
    assert not {(address, load) for address, load in loads if re.match(r"\w+:|//", load) and load[:5] != "data:"}
    assert len(loads) > 100


def test_every_page_has_a_policy_that_allows_its_own_scripts_and_no_others(pages: dict[str, Html]) -> None:
    for address, page in pages.items():
        rules = {rule.split()[0]: set(rule.split()[1:]) for rule in page.policy.split(";") if rule.strip()}
        assert rules.get("default-src") == {"'none'"}, address
        assert not rules["script-src"] & {"'unsafe-inline'", "'unsafe-eval'", "https:", "*"}, address
        assert rules["base-uri"] == rules["form-action"] == {"'none'"}, address
        digests = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in page.scripts}
        assert {f"'sha256-{digest}'" for digest in digests} <= rules["script-src"], address
        if "'unsafe-inline'" not in rules["style-src"]:
            assert page.blocked == [], address


def test_the_reference_has_every_public_name_and_no_private_one(pages: dict[str, Html]) -> None:
    shown = {anchor for address, page in pages.items() if address.startswith("/reference/") for anchor in page.anchors}
    for name in chesspg.__all__:
        export = getattr(chesspg, name)
        assert {f"chesspg.{name}", f"{export.__module__}.{export.__qualname__}"} & shown, name
    assert not {name for name in shown if re.match(r"chesspg\..*\._(?!_(call|getitem)__)", name)}


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page whose problems fail the test: errors, messages on the console, requests to elsewhere."""
    problems: list[str] = []
    with chromium.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(100_000)  # for a busy machine
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("response", lambda response: problems.append(response.url) if response.status >= 400 else None)
        page.on("request", lambda request: problems.append(request.url) if "127.0.0.1" not in request.url else None)
        yield page
    assert [problem for problem in problems if not problem.startswith("data:")] == []


@pytest.mark.parametrize("width", [390, 1280])
def test_pages_render_without_errors_and_fit(address: str, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for path in ("", "readme/", "reference/training/"):
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.locator("h1").count() == 1, path
        assert page.locator("img").evaluate_all("all => all.every(one => one.naturalWidth > 0 && one.alt)"), path


def test_search_finds_a_word_of_the_reference(address: str, page: Page) -> None:
    page.goto(address)
    page.keyboard.press("/")
    page.keyboard.type("leave_one_out_baseline")
    page.locator(".md-search-result__link[href*='reference/learning']").first.wait_for()


def test_search_lists_a_guide_before_what_mentions_its_subject(address: str, page: Page) -> None:
    page.goto(address)
    page.keyboard.press("/")
    page.keyboard.type("own game")
    page.locator(".md-search-result__item").first.locator("a[href*='own_game/']").first.wait_for()


def test_the_palette_is_chosen_by_keyboard_and_kept(address: str, page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(address)
    scheme = "document.body.dataset.mdColorScheme"
    assert page.evaluate(scheme) == "default"
    page.locator("label[title='Switch to the dark palette']").press("Enter")
    page.wait_for_function(f"{scheme} === 'slate'")
    page.goto(address + "glossary/")
    assert page.evaluate(scheme) == "slate"
