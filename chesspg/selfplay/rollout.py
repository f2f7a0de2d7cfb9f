"""A rollout: the games that one policy played between two updates, and the plies of the player that learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chesspg.games.contract import BrokenContract
from chesspg.games.game import Game, Games, Legal, Observation
from chesspg.learning.rewards import BadReward, Reward
from chesspg.players.player import Choice
from chesspg.selfplay.plies import Plies

# Two values of Rollout.reason besides those of the rules, of which there are at most MOST_REASONS:
FORFEIT = 255  # a player gave the game up
UNFINISHED = 254  # the game goes on in the next rollout
PART = 1 << 16  # plies whose lists of legal actions are sorted at a time
Values = tuple[float | None, ...]  # the return that the mover of each ply expected, None where it gave none


class Written(Protocol):
    """Games that can be written as text: a batch of games that are over, or a `Replay`."""

    def position(self, index: int) -> str:
        """As `Games.position`."""


@dataclass(frozen=True)
class Rollout:
    """Games, and the plies whose mover learns, in the order in which they were played. Do not change it.

    The games are whole, except with segments: then a game may have begun in an earlier rollout, and may go on in the
    next one.
    """

    recorded: Plies[Any]  # N plies where they were played: numpy, or torch on a device; `plies` has them in numpy
    outcome: NDArray[np.int8]  # [games] for player 0, by the rules; whoever gives a game up loses it
    reason: NDArray[np.uint8]  # [games] index into Game.reasons, 0 where truncated; or FORFEIT or UNFINISHED
    reward: NDArray[np.float32]  # [games] f(x) for player 0; where unfinished, the value of the position at the cut
    length: NDArray[np.int32]  # [games] plies played since the game began, whoever moved
    finished: Sequence[tuple[NDArray[np.int64], Written]] = field(repr=False)  # the games themselves, in some order
    group: NDArray[np.int32]  # [games] equal for games with the same start and seats; with segments, the game's slot
    forfeits: Mapping[int, str] = field(default_factory=dict)  # game -> why its mover gave it up
    values: Mapping[int, Values] = field(default_factory=dict)  # game -> value of each ply; empty if a player learns
    seconds: float = 0.0  # wall time it took
    occupancy: float | None = None  # on a device, `DeviceLog.occupancy`
    carried: int = 0  # the plies of these games that earlier rollouts played
    to_move: NDArray[np.int8] | None = None  # [games] with segments, whose turn it is at the cut; −1 where it ended

    @cached_property
    def plies(self) -> Plies[NDArray[Any]]:
        """N plies in numpy; their `game` is an index into the arrays of games."""
        return self.recorded.numpy()

    @property
    def games(self) -> int:
        return len(self.reward)

    @property
    def truncated(self) -> NDArray[np.bool_]:
        """[games] whether the game was stopped at the ply cap."""
        truncated: NDArray[np.bool_] = self.reason == 0
        return truncated

    @property
    def ended(self) -> NDArray[np.bool_]:
        """[games] whether the game ended in this rollout: all do, except with segments."""
        ended: NDArray[np.bool_] = self.reason != UNFINISHED
        return ended

    @property
    def played(self) -> int:
        """The number of plies that were played in this rollout, whoever moved."""
        return int(self.length.sum()) - self.carried

    def require_reasons(self, game: Game) -> None:
        """Raise BrokenContract for a game that ended for a reason without a name in `game.reasons`."""
        nameless = (self.reason >= len(game.reasons)) & ~np.isin(self.reason, (FORFEIT, UNFINISHED))
        if nameless.any():
            at = int(nameless.argmax())
            raise BrokenContract(
                f"{game.name} ends {self.position(at)!r} with reason {self.reason[at]}, but its reasons have numbers "
                f"from 0 to {len(game.reasons) - 1}: {', '.join(game.reasons)}"
            )

    def save(self, path: Path) -> None:
        """Write all arrays, and each game as text in `positions`, to a numpy .npz file."""
        arrays = {one.name: getattr(self, one.name) for one in fields(self)}
        per_game = {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}
        self.plies.save(path, positions=np.array(self.positions()), **per_game)

    def position(self, game: int) -> str:
        """A game as text: its start and its moves."""
        for indices, games in self.finished:
            row = np.flatnonzero(indices == game)
            if len(row):
                return games.position(int(row[0]))
        raise IndexError(f"game {game} of {self.games}")

    def positions(self) -> list[str]:
        """[games] every game as text."""
        texts = [""] * self.games
        for indices, games in self.finished:
            every = games.positions() if isinstance(games, Replay) else map(games.position, range(len(indices)))
            for index, text in zip(indices.tolist(), every, strict=True):
                texts[index] = text
        return texts


def rewarded(
    reward: Reward, outcome: NDArray[np.int8], reason: NDArray[np.uint8], ahead: NDArray[np.float32]
) -> NDArray[np.float32]:
    """[games] f(x). Raises BadReward if it is not one finite number for each game; see `Rollout` and `Reward`."""
    f = np.asarray(reward(outcome, reason == 0, ahead), np.float32)
    if f.shape != outcome.shape or not np.isfinite(f).all():
        got = f"shape {list(f.shape)}" if f.shape != outcome.shape else f"{f[~np.isfinite(f)][0]} for one of them"
        raise BadReward(f"a reward must be one finite number for each of {len(outcome)} games, got {got}")
    return f


class Replay:
    """Games as their starts and their moves, which the host plays again when someone asks for a text.

    Args:
        starts: From the numbers of games [n] to those games at their starts.
        total: The number of games.
        game: [M] the game of each move, in any order.
        ply: [M] its ply.
        action: [M] its action.
    """

    def __init__(
        self,
        starts: Callable[[NDArray[np.int64]], Games],
        total: int,
        game: NDArray[np.integer[Any]],
        ply: NDArray[np.integer[Any]],
        action: NDArray[np.integer[Any]],
    ) -> None:
        self._starts, self._total = starts, total
        self._moves = game, ply, action

    @cached_property
    def _lists(self) -> tuple[NDArray[np.integer[Any]], NDArray[np.int64]]:
        """[M] the actions of all games, one game after the other, and [games + 1] where each begins."""
        game, ply, action = self._moves
        order = np.lexsort((ply, game))
        return action[order], np.searchsorted(game[order], np.arange(self._total + 1))

    def position(self, index: int) -> str:
        """As `Games.position`."""
        return self.positions([index])[0]

    def positions(self, rows: Sequence[int] | None = None) -> list[str]:
        """The games of these numbers as text; all games by default. They are played again in lockstep."""
        actions, first = self._lists
        live = np.arange(self._total) if rows is None else np.asarray(rows, np.int64)
        games, place = self._starts(live), np.arange(len(live))
        texts = [""] * len(live)
        ply = 0
        while len(live):
            goes_on = first[live] + ply < first[live + 1]
            for row in np.flatnonzero(~goes_on).tolist():
                texts[place[row]] = games.position(row)
            games, live, place = games[goes_on], live[goes_on], place[goes_on]
            games.play(actions[first[live] + ply])
            ply += 1
        return texts


class Recorder:
    """Collects the plies of the player that learns. Each array grows in place, so that no ply is held twice."""

    def __init__(self) -> None:
        self._columns = {
            "planes": _Column(np.uint64, 3),
            "scalars": _Column(np.uint8, 2),
            "player": _Column(np.int8),
            "choice": _Column(np.int16),
            "game": _Column(np.int32),
            "ply": _Column(np.int32),
            "log_prob": _Column(np.float32),
            "value": _Column(np.float32),
            "actions": _Column(np.int16),
            "counts": _Column(np.int16),
        }

    def add(
        self, seen: Observation, choice: Choice, game: NDArray[np.integer[Any]], ply: NDArray[np.integer[Any]]
    ) -> None:
        """Add N plies.

        Args:
            seen: What their movers saw.
            choice: What they chose.
            game: [N] the indices of their games.
            ply: [N] the number of each ply in its game.

        Raises:
            ValueError: The player gave no log-probability, or gave a game up.
        """
        if choice.log_prob is None:
            raise ValueError("a player that learns must give the log-probability of what it chose")
        if choice.forfeits:
            raise ValueError("a player that learns can't give games up")
        rows: dict[str, NDArray[Any] | None] = {
            "planes": seen.planes,
            "scalars": seen.scalars,
            "player": seen.player,
            "choice": choice.index,
            "game": game,
            "ply": ply,
            "log_prob": choice.log_prob,
            "value": choice.value,
            "actions": seen.legal.actions,
            "counts": seen.legal.counts,
        }
        for name, array in rows.items():
            if array is not None:
                self._columns[name].extend(array)

    def plies(self) -> Plies[NDArray[Any]]:
        """The plies that have been added, by ply and then by game. No more can be added afterwards."""
        columns = self._columns
        counts, ply, actions = (columns.pop(name).cut() for name in ("counts", "ply", "actions"))
        offsets = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(counts, out=offsets[1:])
        legal = Legal(actions, offsets)
        order = np.lexsort((columns["game"].cut(), ply))
        sort = bool((order[1:] < order[:-1]).any())
        arrays: dict[str, Any] = {}
        for name in list(columns):  # one after the other, so that only one column is held twice
            array = columns.pop(name).cut()
            arrays[name] = array[order] if sort and len(array) else array
        if not len(arrays["value"]):
            arrays["value"] = None
        if sort:  # in parts, since choosing lists takes ten times the memory of the lists
            legal = Legal.concatenate([legal[part] for part in np.array_split(order, 1 + len(order) // PART)])
        return Plies(legal=legal, **arrays)


class _Column:
    """An array that grows at its end, without being moved if the system allows it."""

    def __init__(self, dtype: Any, dimensions: int = 1) -> None:
        self.array = np.empty((0,) * dimensions, dtype)
        self.length = 0

    def extend(self, rows: NDArray[Any]) -> None:
        end = self.length + len(rows)
        if end > len(self.array):
            self._resize(max(end, len(self.array) * 9 // 8), rows.shape[1:])
        self.array[self.length : end] = rows
        self.length = end

    def cut(self) -> NDArray[Any]:
        """The array, without the room that was left for more."""
        self._resize(self.length, self.array.shape[1:])
        return self.array

    def _resize(self, rows: int, shape: tuple[int, ...]) -> None:
        self.array.resize((rows, *shape), refcheck=False)  # no view of it has been given away
