"""A file written by `torch.save`, read as data: nothing that it names is imported or called.

A pickle is a program for a small stack machine whose instructions may import and call anything. The machine here runs
only the instructions that assemble data. In place of the result of an import or a call it puts an `Opaque`, except for
tensors and ordered dictionaries, which it assembles without importing or calling anything.
"""

from __future__ import annotations

import math
import pickletools
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chesspg.policy.container import PolicyFileError

if TYPE_CHECKING:
    from torch import Tensor

MOST_PICKLE = 2 << 20  # bytes of the pickle, which holds everything but the numbers of tensors
MOST_DEPTH, MOST_PARTS = 32, 100_000  # limits of `plain`
MOST_DIMENSIONS = 16  # of a tensor
# The dtypes that a network may have, by the name of torch's class of storage.
DTYPES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool",
}  # fmt: skip
_MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Opaque:
    """Stands for an object that was not created."""


@dataclass(frozen=True)
class _Global:
    """Stands for an import."""

    name: str  # module and name, separated by a space


@dataclass(frozen=True)
class _Storage:
    """The numbers of one or more tensors, in one record of the archive."""

    record: str
    dtype: str


@dataclass(frozen=True)
class Stored:
    """A tensor whose numbers are still in the file. Offset and stride count elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def numel(self) -> int:
        return math.prod(self.shape)


class Checkpoint:
    """The content of a checkpoint.

    Args:
        path: The file.

    Raises:
        PolicyFileError: The file is damaged or is not a checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with verified(path) as archive:
            pickles = [info for info in archive.infolist() if info.filename.endswith("/data.pkl")]
            if len(pickles) != 1 or pickles[0].file_size > MOST_PICKLE:
                raise PolicyFileError(
                    f"{path} is not a checkpoint: it has no data.pkl of at most {MOST_PICKLE:,} bytes"
                )
            self._folder = pickles[0].filename.removesuffix("data.pkl")
            try:
                self.content = _run(archive.read(pickles[0]))
            except _MALFORMED as error:
                reason = str(error)[:80] or type(error).__name__
                raise PolicyFileError(f"{path} is not a checkpoint: {reason!r}") from None

    def tensors(self, stored: Mapping[str, Stored]) -> dict[str, Tensor]:
        """Read these tensors. Together they take no more memory than the file.

        Raises:
            PolicyFileError: Their sizes are not possible, or do not fit the records of the file.
        """
        import torch

        dtypes = {one.storage: getattr(torch, one.storage.dtype) for one in stored.values()}
        size = sum(one.numel * dtypes[one.storage].itemsize for one in stored.values())
        if size > self.path.stat().st_size:
            raise PolicyFileError(f"{self.path} is not a checkpoint: its weights are larger than the file")
        with zipfile.ZipFile(self.path) as archive:
            try:
                flat = {
                    storage: torch.frombuffer(
                        bytearray(archive.read(f"{self._folder}data/{storage.record}")), dtype=dtype
                    )
                    for storage, dtype in dtypes.items()
                }
                return {
                    name: flat[one.storage].as_strided(one.shape, one.stride, one.offset).clone()
                    for name, one in stored.items()
                }
            except (*_MALFORMED, RuntimeError) as error:
                reason = str(error).partition("\n")[0]
                raise PolicyFileError(f"{self.path} is not a checkpoint: {reason}") from None


@contextmanager
def verified(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip archive of a checkpoint, after each of its records was compared with its CRC-32.

    The comparison reads one part of a record at a time, so it needs little memory.

    Raises:
        OSError: The file can't be read.
        PolicyFileError: The file is damaged or is not a checkpoint.
    """
    try:
        archive = zipfile.ZipFile(path)
    except OSError:
        raise
    except Exception:  # zipfile raises ten kinds of error for damaged archives
        raise PolicyFileError(f"{path} is damaged or not a checkpoint: it is not a zip archive") from None
    with archive:
        try:
            records = archive.infolist()
            stored = all(record.compress_type == zipfile.ZIP_STORED for record in records)
            if not stored or sum(record.file_size for record in records) > path.stat().st_size:
                raise zipfile.BadZipFile("its records are larger than the file")
            bad = archive.testzip()
            if bad is not None:
                raise zipfile.BadZipFile(f"{bad} does not match its checksum")
            orders = [record for record in records if record.filename.endswith("/byteorder")]
            if orders and archive.read(orders[0]).decode() != sys.byteorder:
                raise zipfile.BadZipFile("it was written on a machine with another byte order")
        except Exception as error:
            raise PolicyFileError(f"{path} is damaged or not a checkpoint: {error}") from None
        yield archive


def plain(thing: Any) -> Any:
    """A copy of what was read, made of dictionaries, lists, text and numbers alone.

    Raises:
        ValueError: It holds anything else or text that is not Unicode, or is too large or nested too deeply.
    """
    left = MOST_PARTS  # a few instructions can build lists that contain each other, and a walk through them never ends

    def copied(thing: Any, depth: int) -> Any:
        nonlocal left
        left -= 1 + len(thing) // 64 if isinstance(thing, str) else 1  # a text may stand in many places
        if left < 0 or depth > MOST_DEPTH:
            raise ValueError("it is too large")
        if isinstance(thing, dict) and all(isinstance(key, str) for key in thing):
            return {copied(key, depth + 1): copied(value, depth + 1) for key, value in thing.items()}
        if isinstance(thing, list | tuple):
            return [copied(value, depth + 1) for value in thing]
        if isinstance(thing, str):
            thing.encode()  # raises for half of a surrogate pair, which no file can hold
        if thing is None or isinstance(thing, bool | int | float | str):
            return thing
        raise ValueError("it holds something other than numbers and text")

    return copied(thing, 0)


def _run(pickled: bytes) -> Any:
    """The result of a pickle, with an Opaque for each object. Raises one of _MALFORMED if this is not a pickle."""
    machine = _Machine()
    instructions: Iterator[tuple[Any, Any, int | None]] = pickletools.genops(pickled)
    for opcode, argument, _ in instructions:
        name = opcode.name
        if name == "STOP":
            return machine.stack.pop()
        if machine.arrange(name, argument) or machine.collect(name) or machine.call(name, argument):
            continue
        if not isinstance(argument, bool | int | float | str | bytes | bytearray) or not opcode.stack_after:
            raise ValueError(f"its pickle has the instruction {name}")
        machine.stack.append(argument)
    raise ValueError("its pickle has no end")


class _Machine:
    """The stack machine. Each method runs an instruction of its kind and returns False for any other."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def _after_mark(self) -> list[Any]:
        at = self._marks.pop()
        some = self.stack[at:]
        del self.stack[at:]
        return some

    def arrange(self, name: str, argument: Any) -> bool:
        """Instructions for the stack and the memo."""
        stack = self.stack
        match name:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                self._marks.append(len(stack))
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = stack[-1]
            case "MEMOIZE":
                self._memo[len(self._memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(self._memo[argument])
            case "DUP":
                stack.append(stack[-1])
            case "POP":
                stack.pop()
            case "POP_MARK":
                self._after_mark()
            case _:
                return False
        return True

    def collect(self, name: str) -> bool:
        """Instructions that make constants and collections. A set becomes an Opaque."""
        stack = self.stack
        match name:
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "EMPTY_TUPLE" | "EMPTY_LIST" | "EMPTY_DICT" | "EMPTY_SET":
                kinds = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": Opaque}
                stack.append(kinds[name]())
            case "DICT":
                stack.append(_updated({}, self._after_mark()))
            case "TUPLE" | "LIST" | "FROZENSET":
                some = self._after_mark()
                stack.append({"TUPLE": tuple, "LIST": list}.get(name, lambda _: Opaque())(some))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                some = [stack.pop() for _ in range(int(name[-1]))]
                stack.append(tuple(reversed(some)))
            case "APPEND" | "APPENDS" | "ADDITEMS":
                some = [stack.pop()] if name == "APPEND" else self._after_mark()
                if isinstance(stack[-1], list):
                    stack[-1].extend(some)
            case "SETITEM" | "SETITEMS":
                some = [stack.pop(), stack.pop()][::-1] if name == "SETITEM" else self._after_mark()
                if isinstance(stack[-1], dict):
                    _updated(stack[-1], some)
            case _:
                return False
        return True

    def call(self, name: str, argument: Any) -> bool:
        """Instructions that would import, call or create an object; here none of them does."""
        stack = self.stack
        match name:
            case "GLOBAL":
                stack.append(_Global(argument))
            case "STACK_GLOBAL":
                thing, module = stack.pop(), stack.pop()
                stack.append(_Global(f"{module:s} {thing:s}"))
            case "BINPERSID":
                stack.append(_storage(stack.pop()))
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                stack.append(_made(function, arguments))
            case "NEWOBJ" | "NEWOBJ_EX":
                del stack[-2 if name == "NEWOBJ" else -3 :]
                stack.append(Opaque())
            case "OBJ" | "INST":
                self._after_mark()
                stack.append(Opaque())
            case "PERSID" | "EXT1" | "EXT2" | "EXT4":
                stack.append(Opaque())
            case "BUILD":  # the attributes of an object, or of a dictionary; nothing here needs them
                stack.pop()
            case _:
                return False
        return True


def _updated(into: dict[Any, Any], some: list[Any]) -> dict[Any, Any]:
    """Add keys and values to a dictionary. Keys other than text, numbers and None are left out.

    To hash a tuple that contains tuples may take forever.
    """
    items = zip(some[::2], some[1::2], strict=True)
    into.update({key: value for key, value in items if key is None or isinstance(key, int | float | str | bytes)})
    return into


def _storage(persistent: Any) -> _Storage | Opaque:
    """The storage that torch writes as ("storage", type, key, device, number of elements)."""
    _, kind, key, *_ = persistent
    module, _, name = kind.name.partition(" ")
    known = module == "torch" and isinstance(key, str) and name in DTYPES
    return _Storage(key, DTYPES[name]) if known else Opaque()


def _made(function: Any, arguments: Any) -> Any:
    """The result of a call where that is a tensor or an ordered dictionary, else an Opaque."""
    match function:
        case _Global("collections OrderedDict"):
            return {}
        case _Global("torch._utils _rebuild_parameter"):
            return arguments[0]
        case _Global("torch._utils _rebuild_tensor_v2"):
            storage, offset, shape, stride, *_ = arguments
            if max(len(shape), len(stride)) <= MOST_DIMENSIONS:  # many calls may share one long shape
                numbers = (offset, *shape, *stride)
                plausible = all(type(number) is int and 0 <= number < 1 << 63 for number in numbers)
                if isinstance(storage, _Storage) and plausible:
                    return Stored(storage, offset, tuple(shape), tuple(stride))
    return Opaque()
