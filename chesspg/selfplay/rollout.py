"""What the loop records: the plies of the player that learns, and how every game ended."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.contract import BrokenContract
from chesspg.games.game import Game, Games, Legal, Observation
from chesspg.players.player import Choice

FORFEIT = 255  # Rollout.reason of a game that a player gave up; no game's rules have that many reasons


@dataclass
class Rollout:
    """Whole games. A ply is stored only if its mover learns: N plies, in the order they were played."""

    # Each stored ply.
    planes: NDArray[np.uint64]  # [N, P, W]
    scalars: NDArray[np.uint8]  # [N, S]
    player: NDArray[np.int8]  # [N] who moved
    legal: Legal  # [N] ragged
    choice: NDArray[np.int16]  # [N] which of the legal actions was played
    log_prob: NDArray[np.float32]  # [N] log π(a|s) under the distribution it was drawn from
    value: NDArray[np.float32] | None  # [N] the return its mover expected, None without a value head
    game: NDArray[np.int32]  # [N] whose ply it is: index into the arrays below
    # Each game.
    outcome: NDArray[np.int8]  # [games] the verdict for player 0: the rules', or lost for who gave it up
    reason: NDArray[np.uint8]  # [games] index into Game.reasons; 0 where it was truncated, FORFEIT where given up
    reward: NDArray[np.float32]  # [games] f(x) for player 0
    length: NDArray[np.int32]  # [games] plies played, whoever moved
    group: NDArray[np.int32]  # [games] equal for games of the same start and the same seats
    finished: list[tuple[NDArray[np.int64], Games]] = field(repr=False)  # the games themselves, by when they ended
    forfeits: dict[int, str] = field(default_factory=dict)  # game -> why its mover gave it up
    seconds: float = 0.0  # wall time it took
    advantage: NDArray[np.float32] = field(
        init=False
    )  # [N] what weighs each ply; the return, until a baseline says more

    def __post_init__(self) -> None:
        self.advantage = self.return_

    @property
    def games(self) -> int:
        return len(self.reward)

    @property
    def plies(self) -> int:
        """The number N of stored plies."""
        return len(self.game)

    @property
    def return_(self) -> NDArray[np.float32]:
        """[N] the reward of the game for the mover of the ply."""
        return np.where(self.player == 0, 1, -1).astype(np.float32) * self.reward[self.game]

    @property
    def truncated(self) -> NDArray[np.bool_]:
        """[games] stopped at the ply cap."""
        truncated: NDArray[np.bool_] = self.reason == 0
        return truncated

    def require_reasons(self, game: Game) -> None:
        """Raise BrokenContract for a game that ended for a reason which `game` has no name for."""
        nameless = (self.reason >= len(game.reasons)) & (self.reason != FORFEIT)
        if nameless.any():
            at = int(nameless.argmax())
            raise BrokenContract(
                f"{game.name} ends {self.position(at)!r} with reason {self.reason[at]}, but its reasons have numbers "
                f"from 0 to {len(game.reasons) - 1}: {', '.join(game.reasons)}"
            )

    def save(self, path: str | Path) -> None:
        """Write all arrays, and each game as text in `positions`, as a numpy .npz file."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if isinstance(getattr(self, f.name), np.ndarray)}
        np.savez_compressed(
            path,
            legal_actions=self.legal.actions,
            legal_offsets=self.legal.offsets,
            positions=self.positions(),
            **arrays,
        )

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
            for row, index in enumerate(indices.tolist()):
                texts[index] = games.position(row)
        return texts


class Recorder:
    """Collects the plies of the player that learns, each array in its final place: they are never held twice."""

    def __init__(self) -> None:
        self.columns = {
            "planes": _Column(np.uint64, 3),
            "scalars": _Column(np.uint8, 2),
            "player": _Column(np.int8),
            "choice": _Column(np.int16),
            "log_prob": _Column(np.float32),
            "value": _Column(np.float32),
            "game": _Column(np.int32),
            "actions": _Column(np.int16),
            "counts": _Column(np.int16),
        }

    def add(self, seen: Observation, choice: Choice, game: NDArray[np.integer[Any]]) -> None:
        """N plies of the games with indices `game` [N]."""
        if choice.log_prob is None:
            raise ValueError("a player that learns must tell the log-probability of what it chose")
        if choice.forfeits:
            raise ValueError("a player that learns can't give games up")
        rows: dict[str, NDArray[Any] | None] = {
            "planes": seen.planes,
            "scalars": seen.scalars,
            "player": seen.player,
            "choice": choice.index,
            "log_prob": choice.log_prob,
            "value": choice.value,
            "game": game,
            "actions": seen.legal.actions,
            "counts": seen.legal.counts,
        }
        for name, array in rows.items():
            if array is not None:
                self.columns[name].extend(array)

    def rollout(self, **per_game: Any) -> Rollout:
        """What was added, and the arrays that have an entry a game. Nothing can be added afterwards."""
        arrays: dict[str, Any] = {name: column.cut() for name, column in self.columns.items()}
        offsets = np.zeros(len(arrays["game"]) + 1, np.int64)
        np.cumsum(arrays.pop("counts"), out=offsets[1:])
        value = arrays.pop("value")
        legal = Legal(arrays.pop("actions"), offsets)
        return Rollout(legal=legal, value=value if len(value) else None, **arrays, **per_game)


class _Column:
    """An array that grows at its end, where the system can do so without moving it."""

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
