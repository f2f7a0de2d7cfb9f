"""The contract that every game keeps: many games in one batch, each seen from the side of its mover.

What a game may be: two players, nothing hidden, no chance, a result of won, lost or drawn. Beyond that little is asked:

* The board has any size; a game without a board, such as Nim, calls what it has to show a board of one row.
* A player may move several times in a row: who moves is read from `Observation.player`, never guessed from the ply.
* A pass is an action like any other. A game that goes on always has a legal action.
* A game ends by its own rules, however it is played; if moves can go round in circles, a rule must end them.
* Randomness, material and illegal actions need not occur.

`chesspg.games.contract.check` plays a game and says which rule it breaks; examples/nim.py is a small game to copy.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Indices = Sequence[int] | NDArray[np.integer[Any]] | NDArray[np.bool_] | slice

ONGOING = 0  # Outcomes.reason of a game that is not over, in every game
MOST_ACTIONS = 2**15 - 1  # the most that num_actions may be: actions are int16
MOST_REASONS = 2**8 - 1  # the most that reasons may hold: reasons are uint8, and 255 marks a game that was given up
EMPTY = "·"  # a free square, in `draw_board`


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
        """[N, M] with M the longest list (at least 1); −1 after each game's last action."""
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
    """What the movers of N games see and may do. A game that is over has no legal action.

    A plane is a set of squares as bits of W words of 64: square 64 · w + b is bit b of word w. Squares are counted row
    by row from the bottom left, a1 = 0, b1 = 1, …; bits beyond the last square are 0. The mover should see its own
    pieces on the same planes whichever player it is, and may see the board turned round, so that what is learned for
    one player holds for the other.

    The arrays stay as they are when the games go on.
    """

    planes: NDArray[np.uint64]  # [N, P, W] with W = ⌈squares / 64⌉; bit 0 = a1, from the mover's side
    scalars: NDArray[np.uint8]  # [N, S] counters that no plane can hold, none above its limit in Game.scalars
    player: NDArray[np.int8]  # [N] who moves, 0 or 1
    legal: Legal  # [N] ragged

    def __len__(self) -> int:
        return len(self.player)

    def __getitem__(self, indices: Indices) -> Observation:
        return Observation(self.planes[indices], self.scalars[indices], self.player[indices], self.legal[indices])


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The rules' verdicts on N games."""

    outcome: NDArray[
        np.int8
    ]  # [N] 1 if player 0 has won, −1 if player 1 has, 0 if drawn or ongoing, whoever moved last
    reason: NDArray[np.uint8]  # [N] index into Game.reasons, ONGOING while the game goes on

    @property
    def over(self) -> NDArray[np.bool_]:
        """[N] whether the rules have ended the game."""
        over: NDArray[np.bool_] = self.reason != ONGOING
        return over


class Games(Protocol):
    """A batch of N games in progress. A single game is a batch of one; N may be 0."""

    def __len__(self) -> int: ...

    def observe(self) -> Observation:
        """What the mover of each game sees and may do."""

    def play(self, actions: NDArray[np.integer[Any]]) -> None:
        """Play one ply in each game.

        Args:
            actions: [N] one action for each game, of any integer type.

        Raises:
            IllegalAction: An action is not legal in its game, or the game is over. No game is changed.
            ValueError: There are more or fewer actions than games.
        """

    def outcomes(self) -> Outcomes:
        """Whether each game is over, why, and who has won."""

    def material(self) -> NDArray[np.float32]:
        """[N] the material of player 0 minus that of player 1, in the game's usual units; zeros if it has none.

        The greedy player and `minimax` go by it, and `SelfPlay(material_weight=…)` rewards it at the ply cap. Without
        material the greedy player wins if it can in one ply, and else moves at random.
        """

    def __getitem__(self, indices: Indices) -> Games:
        """An independent copy of the games at these indices, in that order; an index may come more than once."""

    def position(self, index: int) -> str:
        """The game as text that `Game.start` reads back: its start, then ` moves ` and the moves, if any."""

    def moves(self, index: int) -> list[str]:
        """The moves played since the start, in the game's own notation (UCI for chess), none with white space."""


class Game(ABC):
    """The rules of a game and the sizes of its encoding. Holds no state of play."""

    name: str
    encoding_version: int  # raised whenever planes, scalars or actions change their meaning
    board: tuple[int, int]  # rows and columns
    planes: tuple[str, ...]  # [P] their names
    scalars: Mapping[str, int]  # [S] their names, each with its largest value, from 1 to 255
    num_actions: int  # A, at most MOST_ACTIONS
    reasons: tuple[str, ...]  # why a game is over, by Outcomes.reason; the first is 'ongoing'
    threads: int | None = 1  # that the rules may use; with None SelfPlay decides

    @property
    def init_args(self) -> dict[str, Any]:
        """What rebuilds these rules and this encoding (but not a backend), for policy files."""
        return {}

    @abstractmethod
    def start(self, positions: int | Sequence[str]) -> Games:
        """New games, as many as the number says, or one from each position.

        Raises:
            ValueError: A position can't be read; the message names it.
        """

    @abstractmethod
    def render(self, position: str) -> str:
        """The board as text with coordinates, player 0 below, the last move marked; `draw_board` draws it."""

    @abstractmethod
    def parse_move(self, position: str, text: str) -> int:
        """The action that a person means by `text`: what move_name gives, and what Games.moves writes.

        Raises:
            ValueError: The text is not a move, or the move is illegal or ambiguous in this position.
        """

    @abstractmethod
    def move_name(self, position: str, action: int) -> str:
        """The action as a person writes it (SAN for chess), without white space."""


def words_of(board: tuple[int, int]) -> int:
    """W: how many words of 64 bits a plane of the board has."""
    rows, columns = board
    return -(-rows * columns // 64)


def square_names(board: tuple[int, int]) -> tuple[str, ...]:
    """[rows · columns] the names a1, b1, … of the squares, by their numbers; after the column z come aa, ab, …."""
    rows, columns = board
    return tuple(f"{_letters(column)}{row + 1}" for row in range(rows) for column in range(columns))


def draw_board(board: tuple[int, int], pieces: Sequence[str], marked: Collection[int] = ()) -> str:
    """A board as text with coordinates, the bottom row last, as `play` and the report show it.

    Args:
        board: Its rows and columns.
        pieces: [rows · columns] one character for each square, such as EMPTY.
        marked: The squares of the last move, which stand in parentheses.
    """
    rows, columns = board
    cells = [f"({piece})" if square in marked else f" {piece} " for square, piece in enumerate(pieces)]
    lines = [f"{row + 1:<2}{''.join(cells[row * columns : (row + 1) * columns])}" for row in reversed(range(rows))]
    return "\n".join([*lines, f"  {''.join(f'{_letters(column):^3}' for column in range(columns))}".rstrip()])


def _letters(column: int) -> str:
    """A column's name: a to z, then aa, ab, …."""
    first, last = divmod(column, 26)
    return (_letters(first - 1) if first else "") + "abcdefghijklmnopqrstuvwxyz"[last]


def split_position(position: str) -> tuple[str, list[str]]:
    """A position's start and its moves."""
    start, _, moves = position.partition(" moves ")
    return start.strip(), moves.split()


def join_position(start: str, moves: Sequence[str]) -> str:
    """The inverse of split_position."""
    return f"{start} moves {' '.join(moves)}" if moves else start
