"""Text files of other programs: formats recognized by their first bytes, and messages about all others."""

from __future__ import annotations

import codecs
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import oddities
import pytest
import safetensors.numpy

from chesspg.pgn.text import TextFile

TEXT = '[White "Müller – ½"]\n\n1. e4 *\n'


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (TEXT.encode(), TEXT),
        (codecs.BOM_UTF8 + TEXT.encode(), TEXT),
        (TEXT.encode("utf-16"), TEXT),
        (TEXT.encode("utf-16-le"), TEXT),
        (TEXT.encode("utf-16-be"), TEXT),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), TEXT),
        (TEXT.encode("utf-32"), TEXT),
        (TEXT.encode("cp1252"), TEXT),
        (b"M\xfcller\n" + "Müller\n".encode(), "Müller\nMüller\n"),  # two files put together
        (b"cut off M\xc3", "cut off MÃ"),
        (b"a\r\nb\rc\n\rd", "a\nb\nc\n\nd"),
        (b"", ""),
    ],
)
@pytest.mark.parametrize("suffix", ["", *oddities.COMPRESS])
def test_encodings_and_line_ends(tmp_path: Path, content: bytes, text: str, suffix: str) -> None:
    path = tmp_path / "text.pgn"  # the name does not show the format
    path.write_bytes(oddities.COMPRESS[suffix](content) if suffix else content)
    file = TextFile(path)
    assert "".join(file) == text
    assert (file.damage, file.position) == ("", file.size)


def a_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("games.pgn", TEXT)
    return content.getvalue()


def a_tar() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("games.pgn"))
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (a_zip(), "a zip archive"),
        (a_tar(), "a tar archive"),
        (oddities.COMPRESS[".gz"](a_tar()), "a tar archive"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z archive"),
        (b"Rar!\x1a\7\0", "a RAR archive"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\n <!DOCTYPE html>\n", "a web page"),
        (b"<HTML><body>", "a web page"),
        (b"SQLite format 3\0", "a database"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "an image"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "an image"),
        (safetensors.numpy.save({"a": np.zeros(1)}), "a safetensors file"),
        (safetensors.numpy.save({"a": np.zeros(1)}, {"chesspg": "{}"}), "a policy file"),
    ],
)
def test_other_files_are_called_by_their_kind(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "games.pgn"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"games.pgn is {kind}; ") as caught:
        list(TextFile(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", oddities.COMPRESS)
def test_a_compressed_file_of_which_nothing_can_be_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "games.pgn"
    path.write_bytes(oddities.COMPRESS[suffix](TEXT.encode())[:9])
    with pytest.raises(ValueError, match=r"games\.pgn is a compressed file that can't be read: "):
        list(TextFile(path))
