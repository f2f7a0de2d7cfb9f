"""Checks before the work begins: a command can write its files, and replaces no file but its own earlier output."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple


def check_writable(path: str | Path) -> None:
    """Raise OSError or ValueError if a file can't be written at `path`. Changes nothing there."""
    path = Path(path)
    if path.is_symlink():  # the file would replace the link and leave what it leads to as it is
        raise ValueError(f"{path} is a symbolic link to {path.readlink()}; expected the name of a file")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected the name of a file")
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is a device or a pipe; expected the name of a file")
    if not path.parent.is_dir():
        raise ValueError(f"{path} can't be written: there is no folder {path.parent}")
    # A file is written under another name in the folder and then renamed, so the folder must be writable, not the file.
    probe = path.with_name(f".{path.name}.{os.getpid()}.probe")
    try:
        probe.touch(exist_ok=False)
    except OSError as error:
        raise ValueError(f"{path} can't be written: {error.strerror}") from None
    probe.unlink()


class Output(NamedTuple):
    """A file that a command writes."""

    option: str  # such as --json
    path: Path
    ours: Callable[[Path], bool]  # whether a file was written by this option before


def check_outputs(outputs: Sequence[Output], inputs: Mapping[str, Path | None]) -> None:
    """Check that a command can write its files without losing anything. Changes nothing.

    An existing file may be replaced only if it is empty or was written by the same option before.

    Args:
        outputs: The files that the command writes, which must be different files.
        inputs: The files that the command reads, by their names in messages; they are never replaced.

    Raises:
        OSError: A path can't be read.
        ValueError: A file can't be written, is used twice, or holds something else.
    """
    for option, path, _ in outputs:
        check_writable(path)
        for what, read in inputs.items():
            if read is not None and _same(path, read):
                raise ValueError(f"{option} {path} is the file of {what}, which is left as it is; name another file")
    for (one, path, _), (other, second, _) in combinations(outputs, 2):
        if _same(path, second):
            raise ValueError(f"{one} and {other} are both {path}; expected a file for each")
    for option, path, ours in outputs:
        if path.exists() and path.stat().st_size and not ours(path):
            raise ValueError(
                f"{path} holds something other than what {option} writes; it is left as it is; name another file with "
                f"{option}"
            )


def _same(a: Path, b: Path) -> bool:
    return os.path.realpath(a) == os.path.realpath(b) or (a.exists() and b.exists() and a.samefile(b))


def json_has(path: Path, keys: set[str]) -> bool:
    """Whether a file holds a JSON object with at least these keys."""
    from chesspg.storage.parsing import parse_json

    try:
        found = parse_json(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(found, dict) and keys <= found.keys()
