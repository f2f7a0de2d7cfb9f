"""A tab of a browser that shows a page from disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page


class DiskTab:
    """A tab of Chromium. `problems` collects errors, console messages and requests that leave the disk.

    Args:
        chromium: The browser.
        schemes: Those of the addresses that the page may request.
    """

    def __init__(self, chromium: Browser, schemes: tuple[str, ...] = ("file:", "data:")) -> None:
        self.chromium, self.schemes = chromium, schemes
        self.problems: list[str] = []
        self.context: BrowserContext | None = None

    def open(self, page: Path, width: int, **options: Any) -> Page:
        """Open a page in place of the last, on a screen of this width in CSS pixels; a narrow screen is a phone's."""
        if self.context:
            self.context.close()
        self.problems.clear()
        phone = width < 600
        self.context = self.chromium.new_context(
            viewport={"width": width, "height": 900}, is_mobile=phone, has_touch=phone, **options
        )
        self.context.set_default_timeout(120_000)  # ms; the machine may be busy
        tab = self.context.new_page()
        tab.on("console", lambda message: self.problems.append(message.text))
        tab.on("pageerror", lambda error: self.problems.append(str(error)))
        tab.on("request", lambda request: self._note(request.url))
        tab.goto(page.as_uri())
        return tab

    def _note(self, url: str) -> None:
        if not url.startswith(self.schemes):
            self.problems.append(url)
