"""UCI engines as players: several processes at once, through chess.engine. A failure costs only the game it is in."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from threading import Thread
from typing import Any

import numpy as np

from chesspg.games.game import Game
from chesspg.players.player import Choice, Turn
from chesspg.players.uci_process import QUIT, Answer, EngineError, EngineProcess, Question, Wanted, find_program

NODES = 1000  # per move, if no limit is given
TIMEOUT = 10.0  # seconds for a move, beyond its movetime


class EnginePlayer:
    """A UCI engine as a player, on `concurrency` processes. Call close() at the end.

    Each search starts afresh: `ucinewgame`, then the start of the game and its moves, so that repetitions are known. So
    a move depends neither on other games nor on the process that searches it, and with a limit in nodes or depth it is
    the same each time (unless the engine itself uses randomness, as Stockfish does below skill level 20). Unless set,
    Threads is 1 and Hash is the least that the engine allows, about 1 MB, because clearing 16 MB takes longer than
    searching a thousand nodes. If the engine declares no valid range for them, they are left unchanged. The turn's
    uniforms are not used.

    If an engine ends, does not answer in time or answers an illegal move, it forfeits that game with the reason, and is
    started again for the next one.

    Args:
        target: A command or a path, with arguments after it if any.
        game: The game to play, which must have an engine protocol.
        settings: UCI options by name; None for a button.
        nodes: The limit of a search in nodes; 1000 if no limit is given.
        depth: The limit of a search in plies.
        movetime: The limit of a search in milliseconds, as in UCI.
        timeout: Seconds that a move may take beyond its movetime.
        concurrency: The number of processes that search at the same time.

    Raises:
        EngineError: The engine can't start, does not know an option, refuses a value or does not play the game.
        ValueError: The concurrency is below 1.
    """

    is_async = True  # its processes search while rules and networks run here

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
        if game.engine_protocol is None:
            raise EngineError(f"uci:{target} plays chess, not {game.name}, which has no engine protocol")
        if concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, got {concurrency}")
        if not (nodes or depth or movetime):
            nodes = NODES
        limits = {"nodes": nodes, "depth": depth, "movetime": movetime}
        wanted = Wanted(
            find_program(target),
            game.engine_protocol,
            settings or {},
            " ".join(f"{name} {value}" for name, value in limits.items() if value),
            timeout + (movetime or 0) / 1000,
        )
        self._crew = _Crew([EngineProcess(wanted) for _ in range(concurrency)])
        # It closes the engines too when the player is garbage collected, or Python ends.
        self._closed = weakref.finalize(self, self._crew.close)
        try:
            self.version = self._crew.start()  # name and version that the engine reports
        except BaseException:
            self.close()
            raise

    def choose(self, turn: Turn) -> Choice:
        """See `Player`."""
        return self.launch(turn)()

    def launch(self, turn: Turn) -> Callable[[], Choice]:
        """See `Launching`."""
        legal, seen = turn.observation.legal, turn.observation
        answers = self._crew.ask(
            Question(
                turn.games.position(int(row)),
                seen.planes[k],
                int(seen.player[k]),
                legal.actions[legal.offsets[k] : legal.offsets[k + 1]],
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


_Job = tuple[Question, Future[Answer]]


class _Crew:
    """The engines of one player, and the thread that communicates with them."""

    def __init__(self, engines: list[EngineProcess]) -> None:
        self.engines = engines
        self.loop = asyncio.new_event_loop()
        self.todo: asyncio.Queue[_Job] = asyncio.Queue()
        # Only these are canceled: other tasks of asyncio never end once they are canceled.
        self.tasks: list[asyncio.Task[Any]] = []
        self.closing = False
        self.thread = Thread(target=self.loop.run_forever, name="chesspg-engines", daemon=True)
        self.thread.start()

    def start(self) -> str:
        """Start all engines and return the name that they report. Raises EngineError."""
        name: str = self._run(self._start())
        return name

    def ask(self, questions: Iterable[Question]) -> list[Future[Answer]]:
        """Queue the questions and return their future answers."""
        jobs: list[_Job] = [(question, Future()) for question in questions]
        # One call for all, because to wake the thread costs as much as to read a move.
        self.loop.call_soon_threadsafe(self._ask, jobs)
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

    async def _work(self, engine: EngineProcess) -> None:
        while True:
            question, answer = await self.todo.get()
            try:
                answer.set_result(await engine.answer(question))
            except Exception as error:  # a bug, which must be raised where the answer is awaited
                answer.set_exception(error)

    async def _stop(self) -> None:
        self.closing = True
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await asyncio.gather(*(engine.stop(QUIT) for engine in self.engines))
