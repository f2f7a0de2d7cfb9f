"""The contract every game keeps: many games in one batch, each seen from the side of its mover."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Indices = Sequence[int] | NDArray[np.integer[Any]] | NDArray[np.bool_] | slice

ONGOING = 0  # Outcomes.reason of a game that is not over, in every game


class IllegalAction(ValueError):
    """An action that its game does not allow, or any action in a game that is over."""


@dataclass(frozen=True, slots=True)
class Legal:
    """The legal actions of N games, ragged: game i has actions[offsets[i]:offsets[i + 1]]."""

    actions: NDArray[np.int16]  # [L] ascending within a game
    offsets: NDArray[np.int64]  # [N + 1]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """[N] how many actions each game has; 0 when it is over."""
        return self.offsets[1:] - self.offsets[:-1]

    def __getitem__(self, indices: Indices) -> Legal:
        rows = np.arange(len(self))[indices]
        counts = self.counts[rows]
        offsets = np.concatenate(([0], np.cumsum(counts)))
        shift = np.repeat(self.offsets[rows] - offsets[:-1], counts)
        return Legal(self.actions[np.arange(offsets[-1]) + shift], offsets)

    def padded(self) -> NDArray[np.int16]:
        """[N, M] with M the longest list (at least 1); −1 behind each game's last action."""
        counts = self.counts
        width = max(1, int(counts.max(initial=0)))
        table = np.full((len(self), width), -1, dtype=np.int16)
        table[np.arange(width) < counts[:, None]] = self.actions
        return table

    def take(self, choice: NDArray[np.integer[Any]]) -> NDArray[np.int16]:
        """[N] the action at position choice[i] of each game's list."""
        return self.actions[self.offsets[:-1] + choice]

    @staticmethod
    def concatenate(parts: Sequence[Legal]) -> Legal:
        counts = [part.counts for part in parts]
        return Legal(
            np.concatenate([part.actions for part in parts]) if parts else np.empty(0, np.int16),
            np.concatenate(([0], np.cumsum(np.concatenate(counts) if counts else []))).astype(np.int64),
        )


@dataclass(frozen=True, slots=True)
class Observation:
    """What the movers of N games see and may do. A game that is over has no legal action."""

    planes: NDArray[np.uint64]  # [N, P, W] bit 0 = a1, from the mover's side
    scalars: NDArray[np.uint8]  # [N, S] counters no plane can hold
    player: NDArray[np.int8]  # [N] who moves, 0 or 1
    legal: Legal  # [N] ragged

    def __len__(self) -> int:
        return len(self.player)

    def __getitem__(self, indices: Indices) -> Observation:
        return Observation(self.planes[indices], self.scalars[indices], self.player[indices], self.legal[indices])


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The rules' verdicts on N games."""

    outcome: NDArray[np.int8]  # [N] 1 player 0 won, −1 player 1 won, 0 drawn or ongoing
    reason: NDArray[np.uint8]  # [N] index into Game.reasons, ONGOING while the game goes on

    @property
    def over(self) -> NDArray[np.bool_]:
        """[N] whether the rules have ended the game."""
        over: NDArray[np.bool_] = self.reason != ONGOING
        return over


class Games(Protocol):
    """A batch of N games in progress. A single game is a batch of one."""

    def __len__(self) -> int: ...

    def observe(self) -> Observation: ...

    def play(self, actions: NDArray[np.integer[Any]]) -> None:
        """Play one ply in each game.

        Raises IllegalAction, and changes no game, if any action is not legal in its game.
        """

    def outcomes(self) -> Outcomes: ...

    def material(self) -> NDArray[np.float32]:
        """[N] the material of player 0 minus that of player 1, in the game's usual units."""

    def __getitem__(self, indices: Indices) -> Games:
        """An independent copy of the games named; an index may come more than once."""

    def position(self, index: int) -> str:
        """The game as text that `Game.start` takes back: its start, then `moves` and the moves if any."""

    def moves(self, index: int) -> list[str]:
        """The moves played since the start, in the game's own notation (UCI for chess)."""


class Game(ABC):
    """The rules of a game and the sizes of its encoding. Holds no state of play."""

    name: str
    encoding_version: int  # raised whenever planes, scalars or actions change their meaning
    board: tuple[int, int]  # rows and columns
    planes: tuple[str, ...]  # [P] their names
    scalars: Mapping[str, int]  # [S] their names, each with its largest value
    num_actions: int  # A
    reasons: tuple[str, ...]  # why a game is over, by Outcomes.reason; the first is 'ongoing'
    threads: int | None = 1  # that the rules may use; None leaves it to who knows what else is running

    @property
    def init_args(self) -> dict[str, Any]:
        """What rebuilds these rules and this encoding (but not a backend), for policy files."""
        return {}

    @abstractmethod
    def start(self, positions: int | Sequence[str]) -> Games:
        """So many fresh games, or one from each position. Raises ValueError naming a position it can't read."""

    @abstractmethod
    def render(self, position: str) -> str:
        """The board as text with coordinates, White (player 0) below, the last move marked."""

    @abstractmethod
    def parse_move(self, position: str, text: str) -> int:
        """The action a person means by `text`. Raises ValueError if that is illegal or ambiguous."""

    @abstractmethod
    def move_name(self, position: str, action: int) -> str:
        """The action as a person writes it (SAN for chess)."""


def split_position(position: str) -> tuple[str, list[str]]:
    """A position's start and its moves."""
    start, _, moves = position.partition(" moves ")
    return start.strip(), moves.split()


def join_position(start: str, moves: Sequence[str]) -> str:
    """The inverse of split_position."""
    return f"{start} moves {' '.join(moves)}" if moves else start
