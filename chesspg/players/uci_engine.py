"""UCI engines as players: processes side by side, asked through chess.engine; what goes wrong costs one game."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import math
import os
import re
import shlex
import shutil
import signal
import sys
import weakref
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import chess
import chess.engine
import numpy as np
from numpy.typing import NDArray

from chesspg.games.chess import Chess, encoding
from chesspg.games.game import Game
from chesspg.players import keeper
from chesspg.players.player import Choice, Turn

GAMES_FOLDER = "/usr/games"  # where Debian keeps engines; not on everybody's PATH
LIMITS = ("nodes", "depth", "movetime", "timeout")  # options of ours; all others are the engine's
NODES = 1000  # a move, where no limit is given
TIMEOUT = 10.0  # seconds beyond its time that an engine may take for a move
START = 10.0  # seconds until uciok, as GUIs have it: a busy machine may take 5
READY = 30.0  # seconds until readyok: networks are loaded
QUIT = 0.5  # seconds between `quit` and the end by force
GONE = 5.0  # seconds in which a killed engine's processes are gone; longer only if the system holds them
MOST = 30_000  # centipawns; anything more is the same
chess.engine.LOGGER.addHandler(logging.NullHandler())  # else what an engine babbles would reach the terminal


class EngineError(ValueError):
    """An engine that can't start, or not as wanted."""


class EnginePlayer:
    """An engine as a player, on `concurrency` processes of its own. To be closed.

    Each move is searched from nothing: `ucinewgame`, then the start of the game and its moves, so that repetitions are
    known. So it depends neither on the other games nor on which process takes it, and within nodes or depth it is the
    same each time (unless the engine throws dice of its own, as Stockfish does below skill level 20). Threads is 1 and
    Hash the least the engine allows, 1 MB or so, unless set: to clear 16 MB takes longer than a thousand nodes. Where
    what an engine declares of them allows no value, they stay as they are.
    The turn's uniforms are not used.

    An engine that ends, does not answer in time or answers no legal move gives that game up, with the reason, and is
    started again for the next.

    target: a command or a path, arguments behind it if any.
    settings: UCI options, None for a button.
    nodes, depth, movetime: the limits of a search, movetime in milliseconds as in UCI; 1000 nodes if none is given.
    timeout: seconds it may take for a move, beyond its movetime.
    Raises EngineError if it can't start, does not know an option, refuses a value or does not play the game's variant.
    """

    is_async = True  # its processes work while the rules and networks do

    def __init__(
        self,
        target: str,
        game: Game,
        *,
        settings: Mapping[str, str | None] | None = None,
        nodes: int | None = None,
        depth: int | None = None,
        movetime: int | None = None,
        timeout: float = TIMEOUT,
        concurrency: int = 1,
    ) -> None:
        if not isinstance(game, Chess):
            raise EngineError(f"uci:{target} plays chess, not {game.name}")
        if concurrency < 1:
            raise ValueError(f"the concurrency of an engine must be at least 1, got {concurrency}")
        if not (nodes or depth or movetime):
            nodes = NODES
        limits = {"nodes": nodes, "depth": depth, "movetime": movetime}
        wanted = _Wanted(
            _command(target),
            game,
            settings or {},
            " ".join(f"{name} {value}" for name, value in limits.items() if value),
            timeout + (movetime or 0) / 1000,
        )
        self._crew = _Crew([_Engine(wanted) for _ in range(concurrency)])
        # Also when the player is forgotten, or Python ends.
        self._closed = weakref.finalize(self, self._crew.close)
        try:
            self.version = self._crew.start()  # the engine's own name and version
        except BaseException:
            self.close()
            raise

    def choose(self, turn: Turn) -> Choice:
        return self.launch(turn)()

    def launch(self, turn: Turn) -> Callable[[], Choice]:
        legal, seen = turn.observation.legal, turn.observation
        answers = self._crew.ask(
            _Question(
                turn.games.position(int(row)),
                legal.actions[legal.offsets[k] : legal.offsets[k + 1]],
                int(seen.planes[k, 0, 0]),
                seen.player[k] == 0,
            )
            for k, row in enumerate(turn.rows)
        )

        def answer() -> Choice:
            index, value = np.zeros(len(answers), np.int64), np.full(len(answers), np.nan, np.float32)
            forfeits = {}
            for k, one in enumerate(answers):
                found = one.result()
                if isinstance(found, str):
                    forfeits[k] = found
                else:
                    index[k], value[k] = found
            return Choice(index, value=value, forfeits=forfeits)

        return answer

    def close(self) -> None:
        """End the processes."""
        self._closed()


class _Question(NamedTuple):
    """One game in which an engine is to move."""

    position: str  # its start and moves
    legal: NDArray[np.int16]  # [L] ascending
    pawns: int  # the mover's, a word from its side
    white: bool

    def find(self, uci: str, game: Chess) -> int:
        """Where in `legal` a move stands. Raises ValueError if it is not a legal one."""
        text = uci.lower()  # some engines write e7e8Q
        index = self._index(chess.Move.from_uci(text))
        if index is None:  # castling may be written as the king's move or as king takes rook, in every variant
            index = self._index(game.to_board(self.position).parse_uci(text))
        if index is None:
            raise ValueError
        return index

    def _index(self, move: chess.Move) -> int | None:
        action = encoding.move_to_action(move, self.white)
        source, target = divmod(action, 64)
        # An action leaves a queen unsaid, UCI does not.
        queens = action < encoding.PLAIN_ACTIONS and target >= 56 and bool(self.pawns >> source & 1)
        index = int(np.searchsorted(self.legal, action))
        if move.drop or queens != (move.promotion == chess.QUEEN) or action not in self.legal[index : index + 1]:
            return None
        return index


_Answer = tuple[int, float] | str  # the move's index and the expected return, NaN if not known; or why there is none
_Job = tuple[_Question, Future[_Answer]]


class _Crew:
    """The engines of one player, and the thread in which they are talked to."""

    def __init__(self, engines: list[_Engine]) -> None:
        self.engines = engines
        self.loop = asyncio.new_event_loop()
        self.todo: asyncio.Queue[_Job] = asyncio.Queue()
        self.tasks: list[
            asyncio.Task[Any]
        ] = []  # ours; asyncio has others, which would never end if they were cancelled
        self.closing = False
        self.thread = Thread(target=self.loop.run_forever, name="chesspg-engines", daemon=True)
        self.thread.start()

    def start(self) -> str:
        """Start all, let them wait for questions, and tell the engine's own name. Raises EngineError."""
        name: str = self._run(self._start())
        return name

    def ask(self, questions: Iterable[_Question]) -> list[Future[_Answer]]:
        jobs: list[_Job] = [(question, Future()) for question in questions]
        self.loop.call_soon_threadsafe(self._ask, jobs)  # once: to wake the thread costs as much as to read a move
        return [answer for _, answer in jobs]

    def _ask(self, jobs: list[_Job]) -> None:
        for job in jobs:
            self.todo.put_nowait(job)

    def close(self) -> None:
        """End the processes and the thread."""
        self._run(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    async def _start(self) -> str:
        name = ""
        self.tasks = [asyncio.create_task(engine.start()) for engine in self.engines]
        for started in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(started, BaseException):
                raise started
            name = started.id.get("name", "")
        if not self.closing:
            self.tasks = [asyncio.create_task(self._work(engine)) for engine in self.engines]
        return name

    async def _work(self, engine: _Engine) -> None:
        while True:
            question, answer = await self.todo.get()
            try:
                answer.set_result(await engine.answer(question))
            except Exception as error:  # ours: who waits must hear of it
                answer.set_exception(error)

    async def _stop(self) -> None:
        self.closing = True
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await asyncio.gather(*(engine.stop(QUIT) for engine in self.engines))


class _Protocol(chess.engine.UciProtocol):
    """Remembers the last line, which is often the reason."""

    last = ""

    def line_received(self, line: str) -> None:
        self.last = line

    def error_line_received(self, line: str) -> None:
        self.last = line


class _Hello(chess.engine.BaseCommand[None]):
    """Says `uci` and reads what the engine declares up to `uciok`.

    In place of UciProtocol.initialize, to which one option that it can't read is the end of the engine.
    """

    def __init__(self, engine: _Protocol) -> None:
        super().__init__(engine)
        self.engine = engine

    def check_initialized(self) -> None:
        """It is what initializes."""

    def start(self) -> None:
        self.engine.send_line("uci")

    def line_received(self, line: str) -> None:
        match line.split():
            case ["uciok", *_] if not self.result.done():
                self.engine.initialized = True
                self.result.set_result(None)
                self.set_finished()
            case ["id", key, *value]:
                self.engine.id[key] = " ".join(value)
            case ["option", *words]:
                option = _option(" ".join(words))
                if option:
                    self.engine.options[option.name] = option
                    if option.default is not None:
                        self.engine.config[option.name] = option.default


_OPTION = re.compile(r"name (.+?) type (check|spin|combo|button|string)((?: (?:default|min|max|var)\b.*)?)")
_FIELD = re.compile(r" (default|min|max|var)\b ?((?:(?! (?:default|min|max|var)\b).)*)")


def _option(declared: str) -> chess.engine.Option | None:
    """An option from what stands after that word, with single blanks; None if it is not as UCI has it."""
    match = _OPTION.fullmatch(declared)
    if not match:
        return None
    name, kind, rest = match.groups()
    found = [("default", rest.removeprefix(" default").strip())] if kind == "string" else _FIELD.findall(rest)
    fields = dict(found)
    least, most = (int(fields[key]) if _whole(fields.get(key, "")) else None for key in ("min", "max"))
    option = chess.engine.Option(name, kind, None, least, most, [value for key, value in found if key == "var"])
    try:
        return dataclasses.replace(option, default=option.parse(fields.get("default", "")))
    except chess.engine.EngineError:  # a default that it would refuse itself
        return option


def _whole(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d{1,9}", text, re.ASCII) is not None


class _Ask(chess.engine.BaseCommand[tuple[str, float]]):
    """Says something to an engine and waits for lines that begin with these words, one after the other.

    The result is the last of them, and the return that the engine expected meanwhile, NaN if it said nothing of it.
    """

    def __init__(self, said: str, words: tuple[str, ...], engine: _Protocol) -> None:
        super().__init__(engine)
        self.said, self.words, self.engine = said, list(words), engine
        self.value, self.exact = math.nan, False  # of the last score; whether it is no mere bound

    def start(self) -> None:
        self.engine.send_line(self.said)

    def line_received(self, line: str) -> None:
        word, *rest = line.split() or [""]
        if word == "info":
            self._look(rest)
        elif self.words and word == self.words[0]:
            del self.words[0]
            if not self.words:
                if not self.result.done():
                    self.result.set_result((line, self.value))
                self.set_finished()

    def _look(self, info: list[str]) -> None:
        """Keep the score of the best line: a bound only as long as there is no score."""
        if "string" in info:
            info = info[: info.index("string")]  # behind it stands a text
        if "score" not in info or _after("multipv", info) not in ("", "1"):
            return
        score = info[info.index("score") + 1 :][:4]
        exact = "lowerbound" not in score and "upperbound" not in score
        value = _expected_return(score)
        if not math.isnan(value) and exact >= self.exact:
            self.value, self.exact = value, exact


def _after(word: str, words: list[str]) -> str:
    """The word after another one, empty if there is none."""
    return [*words[words.index(word) + 1 :], ""][0] if word in words else ""


def _expected_return(score: list[str]) -> float:
    """In [−1, 1], of `cp N` or `mate N`: 2s − 1, s being the score that Elo expects of N more. NaN of anything else."""
    mate, centipawns = _after("mate", score), _after("cp", score)
    if _whole(mate):
        return 1.0 if int(mate) > 0 else -1.0
    if not _whole(centipawns):
        return math.nan
    return 2 / (1 + 10 ** (-min(max(int(centipawns), -MOST), MOST) / 400)) - 1


class _Wanted(NamedTuple):
    """Which engine, and how it is to play."""

    command: list[str]
    game: Chess
    settings: Mapping[str, str | None]
    go: str  # what stands behind the word
    timeout: float  # seconds for a move


class _Engine:
    """One engine, whose process may come and go."""

    def __init__(self, wanted: _Wanted) -> None:
        self.wanted = wanted
        self.name = Path(wanted.command[0]).name
        self.protocol: _Protocol | None = None
        self.lifeline: int | None = None  # what keeps its keeper waiting, see keeper.py

    async def answer(self, question: _Question) -> _Answer:
        # Behind readyok, so that what an engine still had to say of the game before is no answer.
        said = f"ucinewgame\nisready\nposition fen {question.position}\ngo {self.wanted.go}"
        try:
            protocol = self.protocol or await self.start()
            async with asyncio.timeout(self.wanted.timeout):
                line, value = await protocol.communicate(partial(_Ask, said, ("readyok", "bestmove")))
            move = (*line.split(), "no move")[1]
            return question.find(move, self.wanted.game), value
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

    async def start(self) -> _Protocol:
        """Start the process and set its options. Raises EngineError."""
        wait, word = START, "uciok"
        try:
            self.protocol = await self._open()
            async with asyncio.timeout(START):
                await self.protocol.communicate(_Hello)
            await self.protocol.configure(self._options(self.protocol))
            wait, word = READY, "readyok"
            async with asyncio.timeout(READY):
                await self.protocol.communicate(partial(_Ask, "isready", ("readyok",)))
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

    async def _open(self) -> _Protocol:
        """Start the process, with a keeper where there are process groups."""
        command = self.wanted.command
        if not hasattr(os, "fork"):
            return (await _Protocol.popen(command, setpgrp=True))[1]
        end, self.lifeline = os.pipe()
        kept = [sys.executable, "-I", "-S", keeper.__file__, str(end), *command]
        opening = asyncio.ensure_future(_Protocol.popen(kept, setpgrp=True, pass_fds=(end,)))
        try:
            return (await asyncio.shield(opening))[1]
        except asyncio.CancelledError:  # to start a process takes a moment, and cannot be left half done
            self.protocol = (await opening)[1]
            raise
        finally:
            os.close(end)

    async def stop(self, patience: float = 0.0) -> None:
        """End all its processes, if there are any: by asking, for so many seconds, and then by force."""
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

    def _options(self, protocol: _Protocol) -> dict[str, str | int | bool | None]:
        """What to set; the variant is set at once. Raises EngineError or chess.engine's for what can't be."""
        declared, options = protocol.options, dict[str, str | int | bool | None]()
        for name, value in self.wanted.settings.items():
            option = declared.get(name)
            if option is None:
                others = ", ".join(declared) or "none"
                raise EngineError(
                    f"unknown option {name!r}; expected one of {', '.join(LIMITS)} or of its own: {others}"
                )
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
        variant = self.wanted.game.variant
        if variant == "chess960":
            name, value = "UCI_Chess960", "true"
        elif variant != "standard":
            name, value = "UCI_Variant", variant
        else:
            return options
        if name not in declared or (variant != "chess960" and variant not in (declared[name].var or ())):
            raise EngineError(f"it does not play {variant}: it declares no {name} for it")
        protocol.send_line(f"setoption name {name} value {value}")
        return options


def _command(target: str) -> list[str]:
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
