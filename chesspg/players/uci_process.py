"""The process of a UCI engine: started, asked for moves, and ended with all that came of it."""

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

GAMES_FOLDER = "/usr/games"  # where Debian keeps engines; not on everybody's PATH
LIMITS = ("nodes", "depth", "movetime", "timeout")  # options of ours; all others are the engine's
START = 10.0  # seconds until uciok, as GUIs have it: a busy machine may take 5
READY = 30.0  # seconds until readyok: networks are loaded
QUIT = 0.5  # seconds between `quit` and the end by force
GONE = 5.0  # seconds in which a killed engine's processes are gone; longer only if the system holds them


class EngineError(ValueError):
    """An engine that can't start, or not as wanted."""


class Question(NamedTuple):
    """One game in which an engine is to move."""

    position: str  # its start and moves
    planes: NDArray[np.uint64]  # [P, W] what the mover sees
    player: int  # the mover
    legal: NDArray[np.int16]  # [L] ascending


Answer = tuple[int, float] | str  # the move's index and the expected return, NaN if not known; or why there is none


class Wanted(NamedTuple):
    """Which engine, and how it is to play."""

    command: list[str]
    engine_protocol: EngineProtocol
    settings: Mapping[str, str | None]
    go: str  # what follows the word
    timeout: float  # seconds for a move


class EngineProcess:
    """One engine, whose process may come and go."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.name = Path(wanted.command[0]).name
        self.protocol: Connection | None = None
        self.lifeline: int | None = None  # what keeps its keeper waiting, see keeper.py

    async def answer(self, question: Question) -> Answer:
        # Behind readyok, so that what an engine still had to say of the game before is no answer.
        said = f"ucinewgame\nisready\nposition fen {question.position}\ngo {self.wanted.go}"
        try:
            protocol = self.protocol or await self.start()
            async with asyncio.timeout(self.wanted.timeout):
                line, value = await protocol.communicate(partial(Ask, said, ("readyok", "bestmove")))
            move = (*line.split(), "no move")[1]
            return self.wanted.engine_protocol.index(move, *question), value
        except TimeoutError:
            why = f"{self.name} did not answer within {self.wanted.timeout:g} s"
        except chess.engine.EngineTerminatedError as error:
            why = f"{self.name}: {error}"
        except EngineError as error:
            why = f"could not be started again: {error}"
        except ValueError:
            why = f"{self.name} answered {move[:20]}, which is illegal"
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
        """Start the process, with a keeper where there are process groups."""
        command = self.wanted.command
        if not hasattr(os, "fork"):
            return (await Connection.popen(command, setpgrp=True))[1]
        end, self.lifeline = os.pipe()
        kept = [sys.executable, "-I", "-S", keeper.__file__, str(end), *command]
        opening = asyncio.ensure_future(Connection.popen(kept, setpgrp=True, pass_fds=(end,)))
        try:
            return (await asyncio.shield(opening))[1]
        except asyncio.CancelledError:  # to start a process takes a moment, and cannot be left half done
            self.protocol = (await opening)[1]
            raise
        finally:
            os.close(end)

    async def stop(self, patience: float = 0.0) -> None:
        """End all its processes, if there are any: by asking, for `patience` seconds, and then by force."""
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
            # Not by its own kill(), which may take the exit code away from the thread that waits for it.
            with contextlib.suppress(ProcessLookupError):
                while transport.get_returncode() is None:
                    os.kill(transport.get_pid(), getattr(signal, "SIGKILL", signal.SIGTERM))
                    await asyncio.sleep(0.01)
            transport.close()
        self.protocol = None

    def _options(self, protocol: Connection) -> dict[str, str | int | bool | None]:
        """What to set; the variant is set at once. Raises EngineError or chess.engine's for what can't be."""
        declared, options = protocol.options, dict[str, str | int | bool | None]()
        for name, value in self.wanted.settings.items():
            option = declared.get(name)
            if option is None:
                others = ", ".join(declared) or "none"
                raise EngineError(
                    f"unknown option {name!r}; expected one of {', '.join(LIMITS)} or of its own: {others}"
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
            if option.type == "spin" and least <= (least if option.max is None else option.max):  # not all make sense
                options.setdefault(option.name, least)
        if self.wanted.engine_protocol.option:
            name, value = self.wanted.engine_protocol.option
            if name not in declared or (declared[name].type != "check" and value not in (declared[name].var or ())):
                raise EngineError(
                    f"it does not play {self.wanted.engine_protocol.variant}: it declares no {name} for it"
                )
            protocol.send_line(f"setoption name {name} value {value}")
        return options


def find_program(target: str) -> list[str]:
    """The program and its arguments. Raises EngineError if there is none."""
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
