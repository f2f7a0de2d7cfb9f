"""The bytes of a policy file: safetensors with the policy's fields as JSON in the header, and a checksum.

The header is read here, with the standard library only, because an engine reads one before its first answer and
`safe_open` of safetensors imports numpy: on two busy cores `uciok` came after 339 ms instead of 142 (medians of 20).
The safetensors library reads the weights.

    8 bytes     length of the header, little-endian
    header      JSON: `__metadata__` with `chesspg` (the fields, JSON as text) and `sha256`, then dtype, shape and
                offsets of each tensor
    the rest    the tensors

`sha256` is the SHA-256 of the whole file with 64 zeros in the place of the checksum. The first files of version 0.1
have no checksum.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, BinaryIO

from chesspg.storage.parsing import parse_json

MOST_HEADER = 16 << 20  # bytes; enough for a network of 100,000 tensors
MOST_FILE = 4 << 30  # bytes; enough for a billion weights
_ZEROS = "0" * 64


class PolicyFileError(ValueError):
    """A policy file is missing or damaged, or is for another game or encoding."""


def read_fields(path: Path) -> Any:
    """The fields that chesspg wrote into the header of a policy file.

    Raises:
        OSError: The file can't be read.
        PolicyFileError: The file is too large, truncated, damaged, or not a policy file.
    """
    size = path.stat().st_size
    if size > MOST_FILE:
        raise PolicyFileError(f"{path} has {size:,} bytes; a policy file must have at most {MOST_FILE:,}")
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        raw = file.read(length) if 0 < length <= min(size - 8, MOST_HEADER) else b""
        try:
            header = parse_json(raw)
            metadata = header["__metadata__"]
            own, digest = metadata["chesspg"], metadata.get("sha256")
            ends = [_end(entry) for name, entry in header.items() if name != "__metadata__"]
        except (AttributeError, LookupError, TypeError, ValueError):
            raise PolicyFileError(f"{path} is not a policy file" + (" (it is empty)" if size == 0 else "")) from None
        whole = 8 + length + max(ends, default=0)
        if size != whole:
            raise PolicyFileError(f"{path} is truncated: it has {size:,} of {whole:,} bytes")
        if digest is not None and digest != _digest(start, raw, file, digest):
            raise PolicyFileError(f"{path} is damaged: its content does not match its checksum")
    try:
        return parse_json(own)
    except (TypeError, ValueError) as error:
        raise PolicyFileError(f"{path} has a header this version can't read: {error}") from None


def with_fields(tensors: bytes, fields: Any) -> bytes:
    """The bytes of a policy file; equal content gives equal bytes.

    safetensors could add the fields too, but in an order that changes from process to process.

    Args:
        tensors: A safetensors file without metadata.
        fields: The policy's fields, anything that JSON can hold.

    Returns:
        The file with the fields and a checksum in its header.
    """
    length = int.from_bytes(tensors[:8], "little")
    header = tensors[8 : 8 + length].strip()
    metadata = json.dumps({"chesspg": json.dumps(fields), "sha256": _ZEROS}, separators=(",", ":")).encode()
    raw = b'{"__metadata__":' + metadata + (b"," if len(header) > len("{}") else b"") + header[1:]
    raw += b" " * (-len(raw) % 8)  # so that the tensors after it stay aligned
    blank = len(raw).to_bytes(8, "little") + raw + tensors[8 + length :]
    return _replaced(blank, _ZEROS, hashlib.sha256(blank).hexdigest())


def _digest(start: bytes, raw: bytes, rest: BinaryIO, digest: object) -> str:
    found = hashlib.sha256(start + _replaced(raw, str(digest), _ZEROS))
    while part := rest.read(1 << 20):
        found.update(part)
    return found.hexdigest()


def _replaced(data: bytes, old: str, new: str) -> bytes:
    """The data with another checksum. The fields are JSON inside a string, so these quotes occur nowhere else."""
    return data.replace(f'"sha256":"{old}"'.encode(), f'"sha256":"{new}"'.encode(), 1)


def _end(entry: Any) -> int:
    end = entry["data_offsets"][1]
    if not isinstance(end, int):
        raise TypeError
    return end
