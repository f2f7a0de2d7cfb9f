"""Local servers of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from served import shared

from chesspg.browser.server import Server


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers with the arguments of `shared`, which end after the last test of the module."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(Server(shared(*arguments, **options)))
