"""Atomic writes: a reader finds either the old file or the new one, never a part of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: str | Path, fill: Callable[[Path], object]) -> None:
    """Write a file in one step.

    Args:
        path: The file, which may exist.
        fill: Writes a temporary file in the same folder, whose path it is given. The file then replaces `path`.

    Raises:
        OSError: It can't be written; the old file is unchanged.
    """
    write_together({Path(path): fill})


def write_together(fills: Mapping[Path, Callable[[Path], object]]) -> None:
    """Write files that belong together: none replaces its path before all of them are complete on disk.

    Args:
        fills: For each file what writes it, as for `write_atomically`.

    Raises:
        OSError: One of them can't be written; the old files are unchanged.
    """
    temporaries = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in fills}
    try:
        for path, temporary in temporaries.items():
            with naming(path):
                fills[path](temporary)
                with temporary.open("rb+") as file:
                    os.fsync(file.fileno())
        for path, temporary in temporaries.items():
            with naming(path):
                temporary.replace(path)
    finally:
        for path, temporary in temporaries.items():
            with naming(path):
                temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Add the name of this file to an OSError in the block; one for a full disk has none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def write_text(path: str | Path, text: str) -> None:
    """Write a text as UTF-8, atomically, bytes of file names that are not text as escapes. Raises OSError."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8", errors="backslashreplace"))
