"""What all commands share: exit codes, signals, closed pipes, one-line errors, and an argument parser."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import importlib
import io
import os
import re
import shutil
import signal
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NoReturn

from chesspg.storage.parsing import one_line
from chesspg.terminal import interrupts

MISTAKE = 2  # exit code after a mistake of the user
INTERRUPTED = 130  # as in shells: 128 + SIGINT
UNREAD = 141  # 128 + SIGPIPE: the reader of the output has gone


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command and end the process with its exit code. Every command starts this way.

    Ctrl-C, SIGTERM and SIGHUP raise KeyboardInterrupt in `main`, and the exit code is then 128 + signal. If the reader
    of the output has gone, the exit code is 128 + SIGPIPE and nothing is printed. Closed standard streams are replaced.

    Args:
        main: The command, which returns its exit code.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # in this order they get the numbers 0, 1, 2
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # open until the process ends
        elif name == "stdout" and isinstance(sys.stdout, io.TextIOWrapper):  # stderr writes such characters already
            sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be text, nor a terminal UTF-8
    interrupts.install()
    sys.unraisablehook = _not_lost
    warnings.formatwarning = lambda message, *_, **__: f"warning: {one_line(message)}\n"
    try:
        interrupts.working(True)
        code: int | str | None = main()
        interrupts.working(False)
    except BaseException as error:
        interrupts.working(False)
        code = _exit_code(error)
    if interrupts.came() and code:
        # End at once: C code that saw the KeyboardInterrupt can make Python end with -2, and a thread that still
        # imports torch may crash while the interpreter shuts down.
        atexit._run_exitfuncs()
        _flush(code)
        os._exit(128 + interrupts.came())
    sys.exit(_flush(code))


def _exit_code(error: BaseException) -> int | str | None:
    """The exit code of a command that ended with an exception. Prints the traceback if the exception is a bug."""
    if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):  # rich wraps it
        return UNREAD
    if isinstance(error, SystemExit) and not (interrupts.came() and error.code == 1):  # Lightning exits 1 after Ctrl-C
        return error.code
    if isinstance(error, KeyboardInterrupt) or interrupts.came():  # an interrupted library may raise something else
        say("\ninterrupted")
        return INTERRUPTED
    if isinstance(error, OSError) and (why := _unwritable(sys.stdout, probe="\n")):
        return _unwritten(why)
    from chesspg.games.contract import BrokenContract  # imported late because it imports numpy

    if isinstance(error, BrokenContract):  # a mistake in the user's game
        say(f"error: {error}")
        return MISTAKE
    full = getattr(sys.modules.get("torch"), "OutOfMemoryError", ())
    if isinstance(error, full):
        say("error: the memory of the GPU is full; end other programs that use it, or compute on the CPU")
        return MISTAKE
    sys.excepthook(type(error), error, error.__traceback__)
    return 1


def _flush(code: int | str | None) -> int | str | None:
    """Write out the rest of the output. Returns the given exit code, or another one if the output can't be written."""
    for stream in (sys.stdout, sys.stderr):
        error = _unwritable(stream)
        if error is None:
            continue
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # otherwise Python prints an error when it ends
        if stream is sys.stdout and isinstance(error, BrokenPipeError):
            code = code or UNREAD
        elif stream is sys.stdout:
            code = code or _unwritten(error)
    return code


def _unwritten(error: OSError) -> int:
    say(f"error: standard output can't be written: {error.strerror}")
    return MISTAKE


def _unwritable(stream: Any, probe: str = "") -> OSError | None:
    """The error if the content of a stream's buffer and the probe can't be written, else None."""
    try:
        stream.write(probe)
        stream.flush()
    except OSError as error:
        return error
    return None


def _not_lost(unraisable: Any) -> None:
    """Repeat a KeyboardInterrupt that was raised where Python drops exceptions, such as in a finalizer.

    After an interrupt, other dropped exceptions are not printed: they come from objects that are only half built.
    """
    if not interrupts.came():
        sys.__unraisablehook__(unraisable)
    elif issubclass(unraisable.exc_type, KeyboardInterrupt):
        threading.Timer(0.01, interrupts.again).start()


def say(line: str) -> None:
    """Print a line on standard error; do nothing if that is closed."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def reason_of(error: BaseException) -> str:
    """What an error says to the user: of a file, its name and what is wrong with it."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def fail(message: object) -> NoReturn:
    """Print an error as one line on standard error and end the process with exit code 2."""
    _unwritable(sys.stdout)
    say(f"error: {one_line(message)}")
    raise SystemExit(MISTAKE)


@contextmanager
def one_line_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turn a mistake of the user into one line and exit code 2.

    Use it only around code that reads what the user gave; elsewhere such an error is a bug and needs its traceback.

    Args:
        kinds: The exceptions that are mistakes of the user; by default ValueError and OSError.
    """
    mistakes = kinds or (ValueError, OSError)
    try:
        yield
    except BrokenPipeError:
        raise  # the reader of the output has gone, which `run` handles
    except mistakes as error:
        fail(reason_of(error))


@contextmanager
def polite_interrupt(message: str = "interrupted") -> Iterator[None]:
    """Turn Ctrl-C into one line and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"\n{message}")
        raise SystemExit(INTERRUPTED) from None


@contextmanager
def interrupt_later() -> Iterator[None]:
    """Delay a first Ctrl-C, SIGTERM or SIGHUP until the end of the block; a second one acts at once.

    Use it around code that shares a lock with another thread: a KeyboardInterrupt there may leave it locked forever.
    """
    handlers = {number: signal.getsignal(number) for number in interrupts.ENDINGS}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    if threading.current_thread() is not threading.main_thread():
        yield  # Python interrupts only the main thread
        return
    came: list[int] = []

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def first(number: int, _: object) -> None:
        came.append(number)
        restore()

    for number in handlers:
        signal.signal(number, first)
    try:
        yield
    finally:
        restore()
        if came:
            signal.raise_signal(came[0])


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show this text on a terminal during a block that takes long."""
    shown = sys.stderr.isatty()
    if shown:
        print(text, end="\r", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if shown:
            print(" " * len(text), end="\r", file=sys.stderr, flush=True)


def search_here() -> None:
    """Let imports search the current folder too, as `python -m` does and a console script does not."""
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())


def listed(words: Sequence[str]) -> str:
    """The words as `a`, `a and b` or `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def wrapped(text: str, width: int, indent: str = "") -> str:
    """Wrap a text without cutting words.

    Args:
        text: The text; its line breaks are not kept.
        width: The most columns of a line.
        indent: The start of every line but the first.
    """
    return textwrap.fill(text, max(width, 1), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


class _Help(argparse.HelpFormatter):
    """Wraps help at the width of the terminal: paragraphs as a whole, indented lines of a description one by one."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        blocks = []
        for block in text.strip("\n").split("\n\n"):
            lines: list[str] = []
            for indented, some in groupby(block.split("\n"), lambda line: line[:1].isspace()):
                rows = list(some)
                lines += [_wrapped_row(row, width) for row in rows] if indented else [wrapped("\n".join(rows), width)]
            blocks.append("\n".join(lines))
        return textwrap.indent("\n\n".join(blocks), indent)

    def _format_usage(self, *args: Any, **kwargs: Any) -> str:
        text = super()._format_usage(*args, **kwargs)
        first, *rest = text.rstrip("\n").split("\n")
        if max(map(len, rest), default=0) <= self._width:
            return text
        # argparse indents by the length of the command's name even if an option then does not fit.
        return "\n".join([first, *(f"{'':7}{line.strip()}" for line in rest)]) + "\n\n"

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrapped(" ".join(text.split()), width).split("\n")


def print_help(text: str) -> None:
    """Print a help text that is laid out for 80 columns; on a narrower terminal its lines are wrapped."""
    columns = shutil.get_terminal_size().columns
    print(text.rstrip("\n") if columns >= 80 else _Help("")._fill_text(text, columns, ""))


def _wrapped_row(line: str, width: int) -> str:
    """Wrap an indented line. Text after two or more blanks is a second column, whose lines stay aligned."""
    column = re.match(r"\s+\S+(?: \S+)*\s{2,}(?=\S)", line)
    hang = column.end() if column else len(line) - len(line.lstrip()) + 2
    return wrapped(line, width, " " * (hang if hang <= width - 24 else 4))


class _Import(argparse.Action):
    """Imports a module as soon as the option is parsed, before the command looks at any policy."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        setattr(namespace, self.dest, (*getattr(namespace, self.dest), values))
        search_here()
        expected = "expected a module in the current folder or in PYTHONPATH, such as my_module"
        if not values or values.startswith("."):
            fail(f"--import {values!r}: {expected}")
        try:
            importlib.import_module(values)
        except ModuleNotFoundError as error:
            fail(f"--import {values}: {error}; {expected}")
        except Exception as error:
            fail(f"--import {values}: the module raised {type(error).__name__}: {error}")


class Parser(argparse.ArgumentParser):
    """An argument parser with one-line errors and help that fits the terminal.

    It adds the option --import, which every command has; `imported` of the parsed arguments has the modules' names.

    Args:
        prog: The name of the command in its help.
        kwargs: Further arguments of argparse.ArgumentParser.
    """

    def __init__(self, prog: str, **kwargs: Any) -> None:
        super().__init__(prog, formatter_class=_Help, **kwargs)
        self.add_argument(
            "--import",
            action=_Import,
            default=(),
            dest="imported",
            metavar="MODULE",
            help="import a module first, such as my_module, that defines your own game or network",
        )

    def error(self, message: str) -> NoReturn:
        name, _, bad = message.removeprefix("argument ").partition(": ")
        if bad.startswith("must be "):  # from a BadValue, which is complete
            fail(f"{name} {bad}")
        fail(f"{message}; {self.prog} --help lists what is accepted")
