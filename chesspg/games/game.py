"""The contract of every game: many games in one batch, each seen from the side of its mover.

A game has two players, no hidden information, no chance, and ends in a win, a loss or a draw. Further rules:

* The board may have any size. A game without a board, such as Nim, shows its state as a board of one row.
* A player may move several times in a row: `Observation.player` is the mover, which is never guessed from the ply.
* A pass is an action like any other. A game that is not over always has a legal action.
* The planes show the mover's own pieces on the same planes whichever player it is. The board need not be turned around;
  turn it, planes and actions alike, if the rules are the same for both players then, as in chess and Hex.
* A game ends by its own rules, however it is played; if moves can repeat forever, a rule must end the game.

A game needs the attributes from `name` to `reasons` and the four abstract methods of `Game`, and the methods of
`Games`; everything else has a default. The arrays are

* `Observation`: planes [N, P, W] uint64, scalars [N, S] uint8, player [N] int8, and
  `Legal`: actions [L] int16, offsets [N + 1] int64, so that game i has actions[offsets[i]:offsets[i + 1]];
* `Outcomes`: outcome [N] int8, reason [N] uint8. Each is described in `chesspg.games.arrays`.

Optional capabilities, such as a heuristic or a notation, are in `chesspg.games.capabilities`.

`chesspg.games.contract.check` plays a game and reports which rule it breaks; examples/nim.py is a small game to copy.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

# Imported here so that this module has the whole contract.
from chesspg.games.arrays import ONGOING as ONGOING
from chesspg.games.arrays import Indices as Indices
from chesspg.games.arrays import Legal as Legal
from chesspg.games.arrays import Observation as Observation
from chesspg.games.arrays import Outcomes as Outcomes
from chesspg.games.capabilities import EngineProtocol, Exchanges, Notation, OpenSpielRules, Sgf
from chesspg.games.randomness import Randomness

if TYPE_CHECKING:  # it imports torch, which takes seconds and which games on the host do not need
    from chesspg.games.device import DeviceGames

MOST_ACTIONS = 2**15 - 1  # the largest num_actions: actions are int16
MOST_REASONS = 2**8 - 2  # the most reasons: they are uint8, and a rollout has two marks of its own, 254 and 255
EMPTY = "·"  # a free square, for `draw_board`
STONES = ("x", "o")  # a stone of player 0 and of player 1, for `draw_board`; `play` and the report color them


class IllegalAction(ValueError):
    """An action that its game does not allow, or any action in a game that is over."""


NO_NUMBA = "numba is not installed; install it with `pip install numba`"


def numba_problem(error: Exception) -> str:
    """Why numba can't be used, from what its import raised; a broken one raises anything, such as OSError."""
    missing = isinstance(error, ModuleNotFoundError) and error.name in ("numba", "llvmlite")
    return NO_NUMBA if missing else f"numba can't be used ({type(error).__name__}: {error})"


class NotOnDevice(ValueError):
    """Games can't be played on a device; the message says why, in one line."""


class Games(Protocol):
    """A batch of N games in progress. A single game is a batch of one; N may be 0.

    It may also have a method `heuristic`, see `chesspg.games.capabilities.Heuristic`.
    """

    def __len__(self) -> int: ...

    def observe(self) -> Observation:
        """What the mover of each game sees, and its legal actions."""

    def play(self, actions: NDArray[np.integer[Any]]) -> None:
        """Play one ply in each game.

        Args:
            actions: [N] one action per game, of any integer type.

        Raises:
            IllegalAction: An action is not legal in its game, or the game is over. No game is changed.
            ValueError: There are more or fewer actions than games.
        """

    def outcomes(self) -> Outcomes:
        """Whether each game is over, why, and who has won."""

    def __getitem__(self, indices: Indices) -> Games:
        """An independent copy of the games at these indices, in that order; an index may come more than once.

        Args:
            indices: A list or an array of numbers, a slice, or a mask.
        """

    def position(self, index: int) -> str:
        """The game as text that `Game.start` reads: its start, then ` moves ` and the moves, if any."""

    def moves(self, index: int) -> list[str]:
        """The moves since the start, in the notation of the game (UCI for chess). No move contains white space."""


class Game(ABC):
    """The rules of a game and the sizes of its encoding. It holds no state of play."""

    name: str
    encoding_version: int  # raised whenever the meaning of planes, scalars or actions changes
    board: tuple[int, int]  # rows and columns
    planes: tuple[str, ...]  # [P] names of the planes
    scalars: Mapping[str, int]  # [S] the largest value of each scalar by name, from 1 to 255
    num_actions: int  # A, at most MOST_ACTIONS
    # The blocks of the actions, in order: "cells" has one action per square in the order of bits, "columns" one per
    # column, and any other name, such as "pass", is one action. Empty if the actions have no such order.
    action_layout: tuple[str, ...] = ()
    view: str = "Both players see the board in the same way."  # or how not, for programs that use an exported policy
    reasons: tuple[str, ...]  # names of the reasons for which a game is over, by Outcomes.reason; first 'ongoing'
    seats: tuple[str, str] = ("White", "Black")  # what player 0 and player 1 are called
    threads: int | None = 1  # number of threads that the rules may use; with None SelfPlay decides
    notation: Notation | None = None
    sgf: Sgf | None = None
    exchanges: Exchanges | None = None
    engine_protocol: EngineProtocol | None = None
    starts: type[Starts] | None = None  # class of the game's start positions; all its arguments have defaults
    openings: Path | None = None  # a PGN file of balanced openings, for matches
    open_spiel: OpenSpielRules | None = None  # how OpenSpiel plays the same game

    @property
    def max_legal(self) -> int:
        """The most legal actions of a position; only a game that is played on a device needs it."""
        raise NotOnDevice(f"{self.name} has no max_legal, the most legal actions of a position")

    @property
    def action_names(self) -> Sequence[str]:
        """[A] the actions on the board as the mover sees it, for programs that use an exported policy.

        By default the squares, columns and names in `action_layout`, or else the numbers of the actions. An action that
        is never legal may have an empty name.
        """
        blocks = {"cells": square_names(self.board), "columns": [_letters(column) for column in range(self.board[1])]}
        names = [name for block in self.action_layout for name in blocks.get(block, (block,))]
        return names or [str(action) for action in range(self.num_actions)]

    @property
    def init_args(self) -> dict[str, Any]:
        """Arguments that build the same rules and encoding again, for policy files; without any choice of backend."""
        return {}

    def for_few_games(self) -> Game:
        """The same rules in the backend that loads fastest, for a few games at a time."""
        return self

    def on_device(self, starts: Games, slots: int, device: str) -> DeviceGames:
        """Empty slots for games on a device.

        Args:
            starts: The positions from which games begin, by number.
            slots: The number of slots.
            device: The device as torch names it, such as `cuda:0`, or `cpu` for torch's CPU.

        Raises:
            NotOnDevice: The game has no rules for a device, or what they need is missing.
        """
        raise NotOnDevice(f"{self.name} has no rules for a device")

    @abstractmethod
    def start(self, positions: int | Sequence[str]) -> Games:
        """Start new games: the given number of them, or one from each position.

        A position may be one that is over. The text is never empty.

        Raises:
            ValueError: A position can't be read; the message names it.
        """

    @abstractmethod
    def render(self, position: str) -> str:
        """The board as text with coordinates, the last move marked; see `draw_board`. If sides have a direction, as in
        chess, player 0 is at the bottom.
        """

    @abstractmethod
    def parse_move(self, position: str, text: str) -> int:
        """The action for a move that a person typed. It must read what `move_name` and `Games.moves` write.

        Raises:
            ValueError: The text is not a move, or the move is illegal or ambiguous in this position.
        """

    @abstractmethod
    def move_name(self, position: str, action: int) -> str:
        """The action as a person writes it (SAN for chess), without white space."""


class Starts(Protocol):
    """Start positions, sampled anew for each rollout."""

    def positions(self, game: Game, index: NDArray[np.integer[Any]], rng: Randomness) -> list[str]:
        """Sample the start positions of games.

        The result must depend on nothing but the arguments, so that ranks and resumed runs agree, and must not use the
        random numbers of the plies. If several games in a row share a start, the attribute `alike` is their number.

        Args:
            game: The game to play.
            index: [n] global indices of the games.
            rng: The random numbers of the rollout.

        Returns:
            [n] positions, '' for the initial one.

        Raises:
            ValueError: These starts are for another game.
        """


def words_of(board: tuple[int, int]) -> int:
    """W, the number of 64-bit words in a plane of the board."""
    rows, columns = board
    return -(-rows * columns // 64)


def layout_size(action_layout: Sequence[str], board: tuple[int, int]) -> int:
    """The number of actions in the blocks of an action layout."""
    rows, columns = board
    return sum({"cells": rows * columns, "columns": columns}.get(block, 1) for block in action_layout)


def square_names(board: tuple[int, int]) -> tuple[str, ...]:
    """[rows · columns] the names of the squares, a1, b1, …; the columns after z are aa, ab, …."""
    rows, columns = board
    return tuple(f"{_letters(column)}{row + 1}" for row in range(rows) for column in range(columns))


def draw_board(
    board: tuple[int, int],
    pieces: Sequence[str],
    marked: Collection[int] = (),
    *,
    first_row_on_top: bool = False,
    sides: Sequence[str] = (),
) -> str:
    """Draw a board as text with coordinates, in the form that `play` and the report read.

    Args:
        board: Rows and columns.
        pieces: [rows · columns] one character per square, such as EMPTY or one of STONES.
        marked: The squares of the last move, which are put in parentheses.
        first_row_on_top: Whether row 1 is drawn at the top, with the letters above it; otherwise it is at the bottom,
            with the letters below it.
        sides: For a board of hexagons, such as that of Hex: the character that marks the top and bottom sides, and the
            one that marks the left and right sides. Row 1 is then at the top, and every row begins half a cell further
            to the right than the row above it.
    """
    rows, columns = board
    cells = [f"({piece})" if square in marked else f" {piece} " for square, piece in enumerate(pieces)]
    lines = [f"{row + 1:<2}{''.join(cells[row * columns : (row + 1) * columns])}" for row in range(rows)]
    letters = f"  {''.join(f'{_letters(column):^3}' for column in range(columns))}".rstrip()
    if not sides:
        return "\n".join([letters, *lines] if first_row_on_top else [*reversed(lines), letters])
    edge = f"{'':5}{columns * f' {sides[0]} '}"
    lines = [f"{line[:2]} {sides[1]} {line[2:]} {sides[1]} " for line in lines]
    return "\n".join(" " * (3 * k // 2) + line for k, line in enumerate([f"   {letters}", edge, *lines, edge]))


def _letters(column: int) -> str:
    """The name of a column: a to z, then aa, ab, …."""
    first, last = divmod(column, 26)
    return (_letters(first - 1) if first else "") + "abcdefghijklmnopqrstuvwxyz"[last]


def split_position(position: str) -> tuple[str, list[str]]:
    """The start of a position and its moves."""
    start, _, moves = position.partition(" moves ")
    return start.strip(), moves.split()


def join_position(start: str, moves: Sequence[str]) -> str:
    """The inverse of split_position."""
    return f"{start} moves {' '.join(moves)}" if moves else start
