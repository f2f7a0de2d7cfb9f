"""Reading text files of other programs, whose compression and encoding are recognized by their first bytes."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MOST_CHARACTERS = 1 << 20  # most characters of a line; a longer one is read in pieces
DAMAGED = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, zstd.ZstdError, OSError)
SKIPPABLE = [bytes([0x50 + k]) + b"\x2a\x4d\x18" for k in range(16)]  # skippable frames, with which .zst may begin
DECOMPRESS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open,
    b"\x28\xb5\x2f\xfd": zstd.open, **dict.fromkeys(SKIPPABLE, zstd.open),
}  # fmt: skip
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")  # suffixes of the formats in DECOMPRESS
OTHER_KINDS = {
    b"PK\x03\x04": "a zip archive", b"7z\xbc\xaf\x27\x1c": "a 7z archive", b"Rar!": "a RAR archive",
    b"%PDF-": "a PDF document", b"<!doctype": "a web page", b"<html": "a web page",
    b"SQLite format 3": "a database", b"\x89PNG": "an image", b"\xff\xd8\xff": "an image", b"GIF8": "an image",
}  # fmt: skip
HEAD = 512  # number of first bytes that are examined


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Decode bytes that are not UTF-8 as Windows-1252, which extends the Latin-1 of the PGN standard."""
    assert isinstance(error, UnicodeDecodeError)
    wrong = error.object[error.start : error.end]
    return "".join(codecs.decode(bytes([byte]), "cp1252", "replace") for byte in wrong), error.end


codecs.register_error("chesspg.windows-1252", _as_windows_1252)


class NotText(ValueError):
    """The file is not a text file. `kind` is what it is, such as `an image`."""

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(f"{path} is {kind}; expected a text file, plain or as {', '.join(COMPRESSED)}")
        self.kind = kind


class TextFile:
    """The lines of a text file, with any of the usual line ends. A compressed file is decompressed.

    The first bytes decide the format, not the name: gzip, bzip2, xz, zstd or plain; UTF-8, UTF-16 or UTF-32 with or
    without a byte order mark. A byte that is not UTF-8 is read as Windows-1252.

    Args:
        path: The file.

    Raises:
        OSError: The file can't be read.
        ValueError: During the iteration: it is not a text file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.size = self.path.stat().st_size  # in bytes
        self.damage = ""  # why the file ended early, if it did
        self._raw: BinaryIO | None = None

    @property
    def position(self) -> int:
        """The number of bytes read so far, of `size`."""
        if self._raw is None:
            return 0
        return self.size if self._raw.closed else self._raw.tell()

    def __iter__(self) -> Iterator[str]:
        with self.path.open("rb") as self._raw:
            head = self._raw.peek(HEAD)[:HEAD]
            decompress = next((opened for magic, opened in DECOMPRESS.items() if head.startswith(magic)), None)
            if decompress is None:
                yield from self._plain(self._raw, head)
                return
            read = False
            try:
                stream = io.BufferedReader(decompress(self._raw))
                for line in self._plain(stream, stream.peek(HEAD)[:HEAD]):
                    read = True
                    yield line
            except DAMAGED as error:
                if not read:
                    raise ValueError(f"{self.path} is a compressed file that can't be read: {error}") from None
                self.damage = str(error)

    def _plain(self, stream: Any, head: bytes) -> Iterator[str]:
        if kind := _other_kind(head):
            raise NotText(self.path, kind)
        if head[257:262] == b"ustar":
            raise ValueError(f"{self.path} is a tar archive; unpack it and name the files in it")
        if self.path.suffix.lower() in COMPRESSED and stream is self._raw and b"\0" in head:
            raise ValueError(f"{self.path} can't be read as {self.path.suffix}: its first bytes are of another format")
        with io.TextIOWrapper(stream, encoding=_encoding(head), errors="chesspg.windows-1252") as text:
            while line := text.readline(MOST_CHARACTERS):
                yield line


def _other_kind(head: bytes) -> str:
    """The kind of a file that is not a text file, by its first bytes; empty if it may be a text file."""
    if head[8:9] == b"{" and head[3:8] == bytes(5):  # safetensors begins with the length of a header, and its JSON
        return "a policy file" if b'"chesspg"' in head else "a safetensors file"
    lower = head.lstrip(codecs.BOM_UTF8 + b" \t\r\n").lower()
    for magic, kind in OTHER_KINDS.items():
        if lower.startswith(magic.lower()):
            return kind
    return ""


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Whether most of every fourth byte are zero, from the first, second, third and fourth byte on.
    zeros = [head[k::4].count(0) * 8 > len(head) for k in range(4)] if len(head) >= 4 else []
    for encoding, pattern in {
        "utf-16-le": "0101",
        "utf-16-be": "1010",
        "utf-32-le": "0111",
        "utf-32-be": "1110",
    }.items():
        if "".join(str(int(many)) for many in zeros) == pattern:
            return encoding
    return "utf-8-sig"


def numbered(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines with their numbers from 1 on; the pieces of a long line have the same number."""
    number, whole = 0, True
    for line in lines:
        number += whole
        yield number, line
        whole = line.endswith("\n")
