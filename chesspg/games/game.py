"""The contract that every game keeps: many games in one batch, each seen from the side of its mover.

What a game may be: two players, nothing hidden, no chance, a result of won, lost or drawn. Beyond that little is asked:

* The board has any size; a game without a board, such as Nim, calls what it has to show a board of one row.
* A player may move several times in a row: who moves is read from `Observation.player`, never guessed from the ply.
* A pass is an action like any other. A game that goes on always has a legal action.
* A game ends by its own rules, however it is played; if moves can go round in circles, a rule must end them.
* Randomness and illegal actions need not occur.

What a game may offer besides, such as a heuristic or a notation, is in `chesspg.games.capabilities`; none is needed.

`chesspg.games.contract.check` plays a game and says which rule it breaks; examples/nim.py is a small game to copy.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

# Whoever writes or uses a game has all of the contract from here.
from chesspg.games.arrays import ONGOING as ONGOING
from chesspg.games.arrays import Indices as Indices
from chesspg.games.arrays import Legal as Legal
from chesspg.games.arrays import Observation as Observation
from chesspg.games.arrays import Outcomes as Outcomes
from chesspg.games.capabilities import EngineProtocol, Exchanges, Notation
from chesspg.games.randomness import Randomness

MOST_ACTIONS = 2**15 - 1  # the most that num_actions may be: actions are int16
MOST_REASONS = 2**8 - 1  # the most that reasons may hold: reasons are uint8, and 255 marks a game that was given up
EMPTY = "·"  # a free square, in `draw_board`


class IllegalAction(ValueError):
    """An action that its game does not allow, or any action in a game that is over."""


class Games(Protocol):
    """A batch of N games in progress. A single game is a batch of one; N may be 0.

    It may have a method `heuristic` besides, see `chesspg.games.capabilities.Heuristic`.
    """

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
    notation: Notation | None = None
    exchanges: Exchanges | None = None
    engine_protocol: EngineProtocol | None = None
    starts: type[Starts] | None = None  # the class of starts of its own, whose arguments have defaults
    openings: Path | None = None  # a PGN file of balanced openings, for matches

    @property
    def init_args(self) -> dict[str, Any]:
        """What rebuilds these rules and this encoding (but not a backend), for policy files."""
        return {}

    def for_few_games(self) -> Game:
        """The same rules, ready at once: for one game at a time, in which faster rules do not earn their loading."""
        return self

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


class Starts(Protocol):
    """Positions to start from, sampled anew for each rollout."""

    def positions(self, game: Game, index: NDArray[np.integer[Any]], rng: Randomness) -> list[str]:
        """Sample where games start.

        The result must depend on nothing but the arguments, so that ranks and resumed runs agree, and must not use the
        random numbers of the plies. Where games in a row start alike, an attribute `alike` says how many.

        Args:
            game: What is played.
            index: [n] global indices of the games.
            rng: The random numbers of the rollout.

        Returns:
            [n] positions, '' for the initial one.

        Raises:
            ValueError: The starts are of another game.
        """


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
