"""What all commands share: signals, pipes and mistakes in one line, and files known to be writable before the work."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import importlib
import os
import re
import shutil
import signal
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NoReturn

from chesspg.terminal import interrupts

MISTAKE = 2  # exit code when the user asked for what can't be
INTERRUPTED = 130  # as shells have it: 128 + SIGINT
UNREAD = 141  # 128 + SIGPIPE: nobody reads the output any more


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command and end the process with its exit code. All commands go through here, as `run(main)`.

    Ctrl-C, SIGTERM and SIGHUP raise KeyboardInterrupt in `main`; the exit code is then 128 + signal. So it is for
    SIGPIPE, without a word, when whoever reads the output has gone. Standard streams that are closed are replaced.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # in this order, as 0, 1 and 2 are free
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # to the end
    interrupts.install()
    sys.unraisablehook = _not_lost
    warnings.formatwarning = lambda message, *_, **__: f"warning: {' '.join(str(message).split())}\n"
    try:
        interrupts.working(True)
        code: int | str | None = main()
        interrupts.working(False)
    except BaseException as error:
        interrupts.working(False)
        code = _exit_code(error)
    if interrupts.came() and code:
        # At once: a library's C code that saw the KeyboardInterrupt would have Python end with -2, and a thread that
        # still imports torch may crash an interpreter that ends.
        atexit._run_exitfuncs()
        _flush(code)
        os._exit(128 + interrupts.came())
    sys.exit(_flush(code))


def _exit_code(error: BaseException) -> int | str | None:
    """The exit code of a command that ended with an exception, which is printed if it is a bug."""
    if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):  # the latter by rich
        return UNREAD
    if isinstance(error, SystemExit) and not (interrupts.came() and error.code == 1):  # which is Lightning's for Ctrl-C
        return error.code
    if isinstance(error, KeyboardInterrupt) or interrupts.came():  # what an interrupted library makes of it, too
        say("\ninterrupted")
        return INTERRUPTED
    if isinstance(error, OSError) and (why := _unwritable(sys.stdout, probe="\n")):
        return _unwritten(why)
    from chesspg.games.contract import BrokenContract  # with numpy, which many a command need not wait for

    if isinstance(error, BrokenContract):  # of a user's own game
        say(f"error: {error}")
        return MISTAKE
    sys.excepthook(type(error), error, error.__traceback__)
    return 1


def _flush(code: int | str | None) -> int | str | None:
    """Write out what is left. The exit code if that can't be done, and else the one given."""
    for stream in (sys.stdout, sys.stderr):
        error = _unwritable(stream)
        if error is None:
            continue
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # else Python complains of it at its end
        if stream is sys.stdout and isinstance(error, BrokenPipeError):
            code = code or UNREAD
        elif stream is sys.stdout:
            code = code or _unwritten(error)
    return code


def _unwritten(error: OSError) -> int:
    say(f"error: standard output can't be written: {error.strerror}")
    return MISTAKE


def _unwritable(stream: Any, probe: str = "") -> OSError | None:
    """Why what a stream holds, and the probe, can't be written; None if it can."""
    try:
        stream.write(probe)
        stream.flush()
    except OSError as error:
        return error
    return None


def _not_lost(unraisable: Any) -> None:
    """Repeat a KeyboardInterrupt that struck where Python drops exceptions, such as in a finalizer.

    Others after it are not worth a word: of objects that were interrupted half made.
    """
    if not interrupts.came():
        sys.__unraisablehook__(unraisable)
    elif issubclass(unraisable.exc_type, KeyboardInterrupt):
        threading.Timer(0.01, interrupts.again).start()


def say(line: str) -> None:
    """Print a line on standard error, if anybody reads it."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def fail(message: object) -> NoReturn:
    """Say what is wrong in one line on standard error and end with exit code 2."""
    _unwritable(sys.stdout)
    say(f"error: {' '.join(str(message).split())}")
    raise SystemExit(MISTAKE)


@contextmanager
def one_line_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turn a mistake of the user's, any ValueError or OSError unless `kinds` says which, into one line and exit code 2.

    To be put around reading what the user gave and nothing more: elsewhere such an error is a bug of ours.
    """
    mistakes = kinds or (ValueError, OSError)
    try:
        yield
    except BrokenPipeError:
        raise  # nobody reads the output: see run
    except mistakes as error:
        if isinstance(error, OSError) and error.filename and error.strerror:
            fail(f"{error.filename}: {error.strerror}")
        fail(error)


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
    """Have a first Ctrl-C, SIGTERM or SIGHUP wait for the end of the block; a second one comes at once.

    To be put around what shares a lock with another thread: a KeyboardInterrupt there may leave the lock held for good.
    """
    handlers = {number: signal.getsignal(number) for number in interrupts.ENDINGS}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    if threading.current_thread() is not threading.main_thread():
        yield  # no other thread is ever interrupted
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
    """Show a person at a terminal what takes so long, until it is done."""
    shown = sys.stderr.isatty()
    if shown:
        print(text, end="\r", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if shown:
            print(" " * len(text), end="\r", file=sys.stderr, flush=True)


def search_here() -> None:
    """Search modules in the current folder too, as `python -m` does and a console script does not."""
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())


def wrapped(text: str, width: int, indent: str = "") -> str:
    """Text in lines of at most `width` columns, all but the first after `indent`; a word is never cut."""
    return textwrap.fill(text, max(width, 1), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


class _Help(argparse.HelpFormatter):
    """Wraps at the terminal's width: paragraphs as a whole, indented lines of a description each for itself."""

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
        # argparse indents by the command's name even where an option then has no room.
        return "\n".join([first, *(f"{'':7}{line.strip()}" for line in rest)]) + "\n\n"

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrapped(" ".join(text.split()), width).split("\n")


def print_help(text: str) -> None:
    """Print a help text that is laid out for 80 columns; on a narrower terminal its lines are wrapped."""
    columns = shutil.get_terminal_size().columns
    print(text.rstrip("\n") if columns >= 80 else _Help("")._fill_text(text, columns, ""))


def _wrapped_row(line: str, width: int) -> str:
    """An indented line; what follows two or more blanks in it is its second column, which stays one."""
    column = re.match(r"\s+\S+(?: \S+)*\s{2,}(?=\S)", line)
    hang = column.end() if column else len(line) - len(line.lstrip()) + 2
    return wrapped(line, width, " " * (hang if hang <= width - 24 else 4))


class _Import(argparse.Action):
    """Imports a module when its option is read, before the command looks at any policy."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        setattr(namespace, self.dest, (*getattr(namespace, self.dest), values))
        search_here()
        try:
            importlib.import_module(values)
        except ModuleNotFoundError as error:
            fail(f"--import {values}: {error}; modules are searched in the current folder and in PYTHONPATH")
        except Exception as error:
            fail(f"--import {values}: the module raised {type(error).__name__}: {error}")


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line and whose help fits the terminal.

    All commands have its option --import; `imported` of what was parsed is the names of those modules.
    """

    def __init__(self, prog: str, **kwargs: Any) -> None:
        super().__init__(prog, formatter_class=_Help, **kwargs)
        self.add_argument(
            "--import",
            action=_Import,
            default=(),
            dest="imported",
            metavar="MODULE",
            help="import a module first, such as my_module with a game or network of one's own, which policies need",
        )

    def error(self, message: str) -> NoReturn:
        name, _, bad = message.removeprefix("argument ").partition(": ")
        if bad.startswith("must be "):  # a BadValue, which says all
            fail(f"{name} {bad}")
        fail(f"{message}; {self.prog} --help lists what is accepted")
