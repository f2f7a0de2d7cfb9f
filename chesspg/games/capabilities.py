"""Capabilities: what a game may offer beyond its rules. All are optional; code that needs a missing one reports it.

* `Heuristic`, a method of `Games`: for greedy, minimax and the reward at the ply cap. In chess it is material.
* `PartialPlay`, a method of `Games`: for the loop of self-play and matches, and for vector environments, so that only
  some games of a batch advance.
* `Exchanges`, in `Game.exchanges`: for minimax after its last ply. In chess these are captures.
* `Notation`, in `Game.notation`: for PGN and FEN in `play`, `match`, `generate` and `report`, and openings from files.
* `Sgf`, in `Game.sgf`: for games as SGF in `match`, `play` and `report`.
* `EngineProtocol`, in `Game.engine_protocol`: for `uci:ENGINE` as a player.
* `Starts` (game.py), in `Game.starts`: for `SelfPlay(starts=…)`. In chess these are uneven armies.
* `Game.openings`, a file: for matches with `balanced` openings.
* `OpenSpielRules`, in `Game.open_spiel`: for `mcts` as a player and for `bench verify --game`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from chesspg.games.arrays import Observation

if TYPE_CHECKING:  # most games do not need python-chess
    import chess


MOST_HEURISTIC = 990.0  # below a win, which minimax counts as 1000 minus one per ply until then


@runtime_checkable
class Heuristic(Protocol):
    """A batch of games that estimates who is ahead, without looking ahead."""

    def heuristic(self) -> NDArray[np.float32]:
        """[N] how far player 0 is ahead of player 1, in any unit, at most ±MOST_HEURISTIC."""


def heuristic_or_zero(games: object) -> NDArray[np.float32] | float:
    """[N] the heuristic of N games, or the number 0 if they have no heuristic."""
    heuristic = getattr(games, "heuristic", None)  # isinstance with a protocol takes 90 µs in Python 3.11
    return heuristic() if heuristic else 0.0


@runtime_checkable
class PartialPlay(Protocol):
    """A batch in which some games can advance while the others stay as they are.

    It pays off where observing a game that has not changed costs little.
    """

    def play_some(self, rows: NDArray[np.integer[Any]], actions: NDArray[np.integer[Any]]) -> None:
        """Play one ply in some of N games.

        Args:
            rows: [n] indices of the games, each at most once.
            actions: [n] one action for each of them, of any integer type.

        Raises:
            IllegalAction: An action is not legal in its game, or the game is over. No game is changed.
        """


class Captures(NamedTuple):
    """C actions that win something at once."""

    node: NDArray[np.int64]  # [C] the index of the position, among M, ascending
    action: NDArray[np.int16]  # [C] the action
    gain: NDArray[np.float32]  # [C] the increase of the heuristic for the mover, above 0
    square: NDArray[np.int64]  # [C] the square of the capture, as the next mover sees the board


class Exchanges(Protocol):
    """Finds the actions that begin or continue an exchange, which minimax follows after its last ply."""

    def captures(self, seen: Observation, square: NDArray[np.int64] | None) -> Captures:
        """The captures in M positions.

        Args:
            seen: [M] positions.
            square: [M] the one square on which captures are wanted in each position; None for all squares.
        """


class Notation(Protocol):
    """Converts positions and moves to and from python-chess, for games that are chess or a variant of it.

    python-chess reads and writes FEN, EPD, SAN, UCI moves and PGN for its boards, so boards and moves are enough here.
    """

    def to_board(self, position: str) -> chess.Board:
        """The board of a position, with the moves on its stack.

        Args:
            position: A FEN, or what `Games.position` returns.

        Raises:
            ValueError: It is not a position of the game; the message names it.
        """

    def to_action(self, move: chess.Move, turn: chess.Color) -> int:
        """The action of a move by `turn`, whether it is legal or not."""

    def to_move(self, action: int, board: chess.Board) -> chess.Move:
        """The move of an action in [0, num_actions), whether it is legal or not."""


class Sgf(NamedTuple):
    """How a game is written as SGF, which programs for many board games read: https://www.red-bean.com/sgf/.

    The seats of the game are Black and White, and its squares have names such as c3, with row 1 at the top.
    """

    game: int  # the number of the game in SGF, its GM
    letters: bool = False  # whether a square is written as two letters, cc for c3
    words: Mapping[str, str] = {}  # the SGF of moves that are not squares, such as a pass, by their names


class EngineProtocol(Protocol):
    """How UCI engines play a game. What `Games.position` returns must be valid after `position fen`."""

    @property
    def variant(self) -> str:
        """The name of the game as a UCI variant."""

    @property
    def option(self) -> tuple[str, str] | None:
        """Name and value of the UCI option that makes an engine play it; None if every engine plays it."""

    def index(
        self, move: str, position: str, planes: NDArray[np.uint64], player: int, legal: NDArray[np.integer[Any]]
    ) -> int:
        """The index of an engine's move among the legal actions.

        Args:
            move: The move after `bestmove`.
            position: The position in which it is played.
            planes: [P, W] the planes that the mover sees.
            player: The mover.
            legal: [L] the legal actions, ascending.

        Raises:
            ValueError: The move can't be read or is not legal.
        """


@dataclass(frozen=True)
class OpenSpielRules:
    """How OpenSpiel plays a game from its initial position."""

    name: str  # the game as pyspiel.load_game takes it, such as `hex(board_size=6)`
    actions: NDArray[np.integer[Any]]  # [2, A] by player: OpenSpiel's action for each action
