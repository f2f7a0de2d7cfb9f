"""The process of a UCI engine: it is started, asked for moves, and ended with all processes that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import chess.engine
import numpy as np
from numpy.typing import NDArray

from chesspg.games.capabilities import EngineProtocol
from chesspg.players import keeper
from chesspg.players.uci_dialogue import Ask, Connection, Hello
from chesspg.storage.parsing import one_line

GAMES_FOLDER = "/usr/games"  # where Debian installs engines; not everybody has it on the PATH
LIMITS = ("nodes", "depth", "movetime", "timeout")  # options of chesspg; all others belong to the engine
START = 10.0  # seconds to wait for uciok, as in GUIs: on a busy machine it may take 5
READY = 30.0  # seconds to wait for readyok, before which engines load their networks
QUIT = 0.5  # seconds between `quit` and the end by force
GONE = 5.0  # seconds to wait for the end of a killed engine; it takes longer only if the system blocks it


class EngineError(ValueError):
    """An engine can't start, or does not support what was asked for."""


class Question(NamedTuple):
    """One game in which an engine is to move."""

    position: str  # the start of the game and its moves
    planes: NDArray[np.uint64]  # [P, W] the planes that the mover sees
    player: int  # the mover
    legal: NDArray[np.int16]  # [L] the legal actions, ascending


# The move's index among the legal actions and the expected return, NaN if unknown; or the reason for a forfeit.
Answer = tuple[int, float] | str


class Wanted(NamedTuple):
    """The engine to run, and how it should play."""

    command: list[str]  # the program and its arguments
    engine_protocol: EngineProtocol
    settings: Mapping[str, str | None]  # UCI options by name
    go: str  # the text after the word `go`
    timeout: float  # seconds for a move


class EngineProcess:
    """One engine, whose process is started again after it failed."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.name = Path(wanted.command[0]).name
        self.protocol: Connection | None = None
        self.lifeline: int | None = None  # our end of the pipe that the keeper watches, see keeper.py

    async def answer(self, question: Question) -> Answer:
        """The engine's answer to a question; any failure of the engine is a forfeit."""
        # Only a bestmove after readyok counts, because one before it may belong to the game before.
        lines = f"ucinewgame\nisready\nposition fen {question.position}\ngo {self.wanted.go}"
        try:
            protocol = self.protocol or await self.start()
            async with asyncio.timeout(self.wanted.timeout):
                line, value = await protocol.communicate(partial(Ask, lines, ("readyok", "bestmove")))
            move = (*line.split(), "no move")[1]
            return self.wanted.engine_protocol.index(move, *question), value
        except TimeoutError:
            why = f"{self.name} did not answer within {self.wanted.timeout:g} s"
        except chess.engine.EngineTerminatedError as error:
            why = f"{self.name}: {error}"
        except EngineError as error:
            why = f"could not be started again: {error}"
        except ValueError:
            why = f"{self.name} answered {one_line(move[:20])}, which is illegal"
        await self.stop()
        return why

    async def start(self) -> Connection:
        """Start the process and set its options. Raises EngineError."""
        wait, word = START, "uciok"
        try:
            self.protocol = await self._open()
            async with asyncio.timeout(START):
                await self.protocol.communicate(Hello)
            await self.protocol.configure(self._options(self.protocol))
            wait, word = READY, "readyok"
            async with asyncio.timeout(READY):
                await self.protocol.communicate(partial(Ask, "isready", ("readyok",)))
            return self.protocol
        except TimeoutError:
            why = f"is not a UCI engine: no {word} within {wait:g} s"
        except chess.engine.EngineTerminatedError as error:
            why = f"is not a UCI engine: no {word} ({error})"
        except OSError as error:
            why = f"{keeper.CANT_RUN}{error.strerror or error}"
        except (EngineError, chess.engine.EngineError) as error:
            await self.stop()
            raise EngineError(f"{self.name}: {error}") from None
        last = self.protocol.last if self.protocol else ""
        if last.startswith(keeper.CANT_RUN):
            why = last
        elif last:
            why += f"; its last line was {last[:80]!r}"
        await self.stop()
        raise EngineError(f"{shlex.join(self.wanted.command)} {why}")

    async def _open(self) -> Connection:
        """Start the process, under a keeper where the system has process groups."""
        command = self.wanted.command
        if not hasattr(os, "fork"):
            return (await Connection.popen(command, setpgrp=True))[1]
        end, self.lifeline = os.pipe()
        kept = [sys.executable, "-I", "-S", keeper.__file__, str(end), *command]
        opening = asyncio.ensure_future(Connection.popen(kept, setpgrp=True, pass_fds=(end,)))
        try:
            return (await asyncio.shield(opening))[1]
        except asyncio.CancelledError:  # the start of a process can't be left half done, so wait for it
            self.protocol = (await opening)[1]
            raise
        finally:
            os.close(end)

    async def stop(self, patience: float = 0.0) -> None:
        """End all processes of the engine, if there are any: by `quit` if there is `patience`, and then by force.

        Args:
            patience: Seconds to wait after `quit`.
        """
        protocol = self.protocol
        if protocol and patience and not protocol.returncode.done():
            protocol.send_line("quit")
            await asyncio.wait([protocol.returncode], timeout=patience)
        if self.lifeline is not None:
            os.close(self.lifeline)
            self.lifeline = None
            if protocol:
                await asyncio.wait([protocol.returncode], timeout=GONE)
        transport = protocol and protocol.transport
        if transport:
            # Not by transport.kill(), which may take the exit code away from the thread that waits for it.
            with contextlib.suppress(ProcessLookupError):
                while transport.get_returncode() is None:
                    os.kill(transport.get_pid(), getattr(signal, "SIGKILL", signal.SIGTERM))
                    await asyncio.sleep(0.01)
            transport.close()
        self.protocol = None

    def _options(self, protocol: Connection) -> dict[str, str | int | bool | None]:
        """The options to set. Sets the variant at once. Raises EngineError for an option that can't be set."""
        declared, options = protocol.options, dict[str, str | int | bool | None]()
        for name, value in self.wanted.settings.items():
            option = declared.get(name)
            if option is None:
                others = ", ".join(declared) or "none"
                raise EngineError(
                    f"unknown option {name!r}; expected one of {', '.join(LIMITS)} or one of the engine: {others}"
                )
            if option.type == "string":
                value = value or ""
            if option.type == "button" and value is not None:
                raise EngineError(f"option {name!r} is a button, which takes no value, got {value!r}")
            if option.type != "button" and value is None:
                raise EngineError(f"option {name!r} needs a value, as in {name}=…")
            if option.type == "check" and value not in ("true", "false"):
                raise EngineError(f"option {name!r} must be true or false, got {value!r}")
            options[option.name] = value
        for option in (declared[name] for name in ("Threads", "Hash") if name in declared):
            least = max(1, option.min or 0)
            if option.type == "spin" and least <= (
                least if option.max is None else option.max
            ):  # some ranges are empty
                options.setdefault(option.name, least)
        if self.wanted.engine_protocol.option:
            name, value = self.wanted.engine_protocol.option
            if name not in declared or (declared[name].type != "check" and value not in (declared[name].var or ())):
                raise EngineError(
                    f"it does not play {self.wanted.engine_protocol.variant}: it has no option {name} for it"
                )
            protocol.send_line(f"setoption name {name} value {value}")
        return options


def find_program(target: str) -> list[str]:
    """Find the program of an engine.

    Args:
        target: A command or a path, with arguments after it if any.

    Returns:
        The path of the program and its arguments.

    Raises:
        EngineError: There is no such program.
    """
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), GAMES_FOLDER))
    try:
        words = shlex.split(target)
    except ValueError:  # an unmatched quotation mark
        words = []
    for command in ([target], words):  # a path may have spaces
        if command and command[0] and (found := shutil.which(os.path.expanduser(command[0]), path=path)):
            return [found, *command[1:]]
    program = words[0] if words else target
    unfit = program and Path(program).expanduser().exists()
    what = "is not a program" if unfit else f"is neither on the PATH nor in {GAMES_FOLDER}"
    raise EngineError(f"uci:{target}: {program!r} {what}; expected the command or path of an engine")
