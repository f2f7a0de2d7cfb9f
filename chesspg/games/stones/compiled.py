"""The rules of a game of stones, compiled by numba from functions of the game that play one row.

The functions `play`, `legal`, `allowed`, `see` and `weigh` below say what a game has to provide. `StoneKernels` puts
the game's own in their place and compiles the loops over rows: for the host's batches, and for games on a device, a
loop on the CPU and a grid on CUDA.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# numba infers the types of compiled functions; type hints would not be checked by anything.

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chesspg.games.arrays import Legal
from chesspg.games.compiling import ONE, U, announced, cached, compiled, inlined, numba_cuda, rebound, span
from chesspg.games.stones.rules import Players, Words


def play(words, row, player, action):
    """Play a legal action in words[row]. Returns the next player, the outcome for player 0, and the reason."""
    raise NotImplementedError


def legal(words, row, player, actions, place):
    """Write the legal actions of a game that is not over, ascending, from actions[place] on. Returns their end."""
    raise NotImplementedError


def allowed(words, row, player, action):
    """Whether an action, which may be any integer, is legal in a game that is not over."""
    raise NotImplementedError


def see(words, row, player, planes, place):
    """Write what the mover sees, P · W words, to planes[place]."""
    raise NotImplementedError


def weigh(words, row, player):
    """The heuristic for player 0."""
    raise NotImplementedError


class RowRules(NamedTuple):
    """A game's own functions, each decorated with `compiling.inlined`."""

    play: Any
    legal: Any
    allowed: Any
    see: Any
    weigh: Any


class Slots(NamedTuple):
    """Games on a device."""

    words: Any  # [slots, K] uint64
    planes: Any  # [slots, P · W] uint64
    actions: Any  # [slots · max_legal] int16 the legal actions of slot i from i · max_legal on; −1 after the last
    outcome: Any  # [slots] int8
    reason: Any  # [slots] uint8
    player: Any  # [slots] int8
    illegal: Any  # [slots] bool


def show_row(slots, row):
    """Write what the mover of a slot sees, and its legal actions."""
    see(slots.words, row, slots.player[row], slots.planes, row)
    room = U(len(slots.actions)) // U(len(slots.player))
    place, end = row * room, (row + ONE) * room
    if slots.reason[row] == 0:
        place = legal(slots.words, row, slots.player[row], slots.actions, place)
    for free in range(place, end):
        slots.actions[free] = -1


def reset_row(slots, row, starts, start):
    """Begin a game in a slot from starts[start]; a number that is out of range counts as the nearest."""
    index = U(min(max(start, 0), len(starts.player) - 1))
    for word in span(slots.words.shape[1]):
        slots.words[row, word] = starts.words[index, word]
    slots.outcome[row], slots.reason[row] = starts.outcome[index], starts.reason[index]
    slots.player[row], slots.illegal[row] = starts.player[index], False
    show_row(slots, row)


def step_row(slots, row, action):
    """Play one ply in a slot, or set `illegal`."""
    player = slots.player[row]
    if slots.reason[row] or not allowed(slots.words, row, player, action):
        slots.illegal[row] = True
        return
    slots.player[row], slots.outcome[row], slots.reason[row] = play(slots.words, row, player, action)
    show_row(slots, row)


# numba's cache knows a function by its file, its own code, and the variables that it takes from a function around it.
# So `version` stands for all other code.


def _loops(version: int) -> tuple[Callable[..., Any], ...]:
    def advance(words, player, outcome, reason, rows, actions):
        _ = version
        for place in span(len(rows)):
            row, action = U(rows[place]), actions[place]
            if reason[row] or not allowed(words, row, player[row], action):
                return np.int64(row)
            player[row], outcome[row], reason[row] = play(words, row, player[row], action)
        return np.int64(-1)

    def look(words, player, reason, planes, actions, offsets):
        _ = version
        place = U(0)
        for row in span(len(player)):
            see(words, row, player[row], planes, row)
            if reason[row] == 0:
                place = legal(words, row, player[row], actions, place)
            offsets[row + ONE] = place

    def weigh_rows(words, player, heuristic):
        _ = version
        for row in span(len(player)):
            heuristic[row] = weigh(words, row, player[row])

    def reset_slots(slots, starts, chosen, rows):
        _ = version
        for row in span(len(rows)):
            if rows[row]:
                reset_row(slots, row, starts, chosen[row])

    def step_slots(slots, actions, alive):
        _ = version
        for row in span(len(alive)):
            if alive[row]:
                step_row(slots, row, actions[row])

    return advance, look, weigh_rows, reset_slots, step_slots


def _grids(version: int, cuda: Any) -> tuple[Callable[..., Any], ...]:
    def weigh_rows(words, player, heuristic):
        _ = version
        row = cuda.grid(1)
        if row < len(player):
            heuristic[row] = weigh(words, U(row), player[row])

    def reset_slots(slots, starts, chosen, rows):
        _ = version
        row = cuda.grid(1)
        if row < len(rows) and rows[row]:
            reset_row(slots, U(row), starts, chosen[row])

    def step_slots(slots, actions, alive):
        _ = version
        row = cuda.grid(1)
        if row < len(alive) and alive[row]:
            step_row(slots, U(row), actions[row])

    return weigh_rows, reset_slots, step_slots


class Grid(NamedTuple):
    """The kernels for CUDA, with one thread for each slot."""

    weigh_rows: Any
    reset_slots: Any
    step_slots: Any


class StoneKernels:
    """A game's compiled rules; see `rules.Rules`. They are compiled at the first call, and cached on disk.

    Args:
        name: The name of the game.
        rules: The functions of the game.
        files: The files with all code that the functions consist of.
        planes: [P, W] the shape of what a mover sees.
        max_legal: The most legal actions.
        sizes: Numbers that are constants in the functions, such as the size of the board.
    """

    def __init__(
        self,
        name: str,
        rules: RowRules,
        files: tuple[str, ...],
        planes: tuple[int, int],
        max_legal: int,
        sizes: tuple[int, ...] = (),
    ) -> None:
        self.name, self._planes, self._max_legal = name, planes, max_legal
        code = [Path(file).read_bytes() for file in (*files, __file__)]
        self._version = int.from_bytes(hashlib.sha256(b"".join([*code, repr((name, sizes)).encode()])).digest()[:4])
        self._functions = rules._asdict()
        for row in show_row, reset_row, step_row:
            self._functions[row.__name__] = inlined(rebound(row, self._functions))
        loops = [compiled(self._own(loop)) for loop in _loops(self._version)]
        self._advance, self._look, self.weigh_rows, self.reset_slots, self.step_slots = loops

    def _own(self, loop: Callable[..., Any]) -> Any:
        """A copy of a loop that calls the game's own functions in place of those of this module."""
        own = rebound(loop, self._functions)
        own.__qualname__ = f"{self.name.replace(' ', '_')}.{loop.__name__}"  # numba's cache has a file for each
        return own

    def advance(
        self,
        words: Words,
        player: Players,
        outcome: NDArray[np.int8],
        reason: NDArray[np.uint8],
        rows: NDArray[np.integer[Any]],
        actions: NDArray[np.integer[Any]],
    ) -> int:
        """See `Rules`."""
        with announced(self.name):
            return int(self._advance(words, player, outcome, reason, rows, actions))

    def look(self, words: Words, player: Players, reason: NDArray[np.uint8]) -> tuple[Words, Legal]:
        """See `Rules`."""
        count = len(player)
        planes = np.empty((count, self._planes[0] * self._planes[1]), np.uint64)
        actions, offsets = np.empty(count * self._max_legal, np.int16), np.zeros(count + 1, np.int64)
        with announced(self.name):
            self._look(words, player, reason, planes, actions, offsets)
        return planes.reshape(count, *self._planes), Legal(actions[: offsets[-1]].copy(), offsets)

    def weigh(self, words: Words, player: Players) -> NDArray[np.float32]:
        """See `Rules`."""
        heuristic = np.empty(len(player), np.float32)
        with announced(self.name):
            self.weigh_rows(words, player, heuristic)
        return heuristic

    @cache  # noqa: B019  # games are built once for each size and kept
    def grid(self) -> Grid:
        """The kernels for CUDA, which are compiled at their first launch and cached on disk like those for the CPU."""
        cuda = numba_cuda()
        return Grid(*(cached(self._own(loop), cuda.jit) for loop in _grids(self._version, cuda)))
