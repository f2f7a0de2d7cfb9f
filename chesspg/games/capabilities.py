"""What a game may offer beyond its rules. Each is absent where a game has none, and what needs one says so.

* `Heuristic`, a method of `Games`: for greedy, minimax and the reward at the ply cap. In chess it is material.
* `Exchanges`, in `Game.exchanges`: for minimax after its last ply. In chess these are captures.
* `Notation`, in `Game.notation`: for PGN and FEN in `play`, `match`, `generate` and `report`, and openings from files.
* `EngineProtocol`, in `Game.engine_protocol`: for `uci:ENGINE` as a player.
* `Starts` (game.py), in `Game.starts`: for `SelfPlay(starts=…)`. In chess these are uneven armies.
* `Game.openings`, a file: for matches, as `balanced`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from chesspg.games.arrays import Observation

if TYPE_CHECKING:  # most games need no python-chess
    import chess


MOST_HEURISTIC = 990.0  # for minimax a win counts 1000, less one per ply until then


@runtime_checkable
class Heuristic(Protocol):
    """A batch of games that estimates who is ahead, without looking ahead."""

    def heuristic(self) -> NDArray[np.float32]:
        """[N] how far player 0 is ahead of player 1, in any unit, at most MOST_HEURISTIC."""


def heuristic_or_zero(games: object) -> NDArray[np.float32] | float:
    """[N] the heuristic of N games, or 0 if they have none."""
    return games.heuristic() if isinstance(games, Heuristic) else 0.0


class Captures(NamedTuple):
    """Actions that win something at once."""

    node: NDArray[np.int64]  # [C] in which of M positions, ascending
    action: NDArray[np.int16]  # [C]
    gain: NDArray[np.float32]  # [C] by how much the heuristic grows for the mover, above 0
    square: NDArray[np.int64]  # [C] where, as the next mover sees the board


class Exchanges(Protocol):
    """Which actions begin or continue an exchange: minimax follows them after its last ply."""

    def captures(self, seen: Observation, square: NDArray[np.int64] | None) -> Captures:
        """The captures in M positions.

        Args:
            seen: [M] positions.
            square: [M] the one square on which captures are wanted in each position; None for all squares.
        """


class Notation(Protocol):
    """Positions and moves as programs for chess and its variants exchange them.

    python-chess reads and writes FEN, EPD, SAN, UCI moves and PGN for its boards, so boards and moves are enough here.
    """

    def to_board(self, position: str) -> chess.Board:
        """The board of a position, as text of `Games.position` or as a FEN; its moves are on the stack.

        Raises:
            ValueError: It is not a position of the game; the message names it.
        """

    def to_action(self, move: chess.Move, turn: chess.Color) -> int:
        """The action of a move by `turn`, whether it is legal or not."""

    def to_move(self, action: int, board: chess.Board) -> chess.Move:
        """The move of an action in [0, num_actions), whether it is legal or not."""


class EngineProtocol(Protocol):
    """How UCI engines play a game whose `Games.position` is what may follow `position fen`."""

    @property
    def variant(self) -> str:
        """Its name among UCI's variants."""

    @property
    def option(self) -> tuple[str, str] | None:
        """Name and value of the UCI option that makes an engine play it; None if every engine plays it."""

    def index(
        self, move: str, position: str, planes: NDArray[np.uint64], player: int, legal: NDArray[np.integer[Any]]
    ) -> int:
        """Where in the legal actions an engine's move stands.

        Args:
            move: What follows `bestmove`.
            position: The position in which it is played.
            planes: [P, W] what the mover sees of it.
            player: The mover.
            legal: [L] the legal actions, ascending.

        Raises:
            ValueError: The move can't be read or is not legal.
        """
