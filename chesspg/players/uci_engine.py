"""UCI engines as players: processes side by side, asked through chess.engine; what goes wrong costs one game."""

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

NODES = 1000  # per move, where no limit is given
TIMEOUT = 10.0  # seconds beyond its time that an engine may take for a move


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

    Args:
        target: A command or a path, arguments after it if any.
        game: What it plays; a game with an engine protocol.
        settings: UCI options, None for a button.
        nodes: The limit of a search in nodes; 1000 if no limit is given.
        depth: Its limit in plies.
        movetime: Its limit in milliseconds, as in UCI.
        timeout: Seconds it may take for a move, beyond its movetime.
        concurrency: How many processes run side by side.

    Raises:
        EngineError: It can't start, does not know an option, refuses a value or does not play the game.
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
        if game.engine_protocol is None:
            raise EngineError(f"uci:{target} plays chess, not {game.name}, which has no engine protocol")
        if concurrency < 1:
            raise ValueError(f"the concurrency of an engine must be at least 1, got {concurrency}")
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
    """The engines of one player, and the thread in which they are talked to."""

    def __init__(self, engines: list[EngineProcess]) -> None:
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
        """Start all, let them wait for questions, and return the engine's own name. Raises EngineError."""
        name: str = self._run(self._start())
        return name

    def ask(self, questions: Iterable[Question]) -> list[Future[Answer]]:
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

    async def _work(self, engine: EngineProcess) -> None:
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
