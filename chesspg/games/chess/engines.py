"""How UCI engines play chess and its variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import chess
import numpy as np
from numpy.typing import NDArray

from chesspg.games.chess import encoding
from chesspg.games.chess.notation import ChessNotation


@dataclass(frozen=True)
class ChessEngineProtocol:
    """The option that an engine needs for a variant, and the meaning of its moves."""

    notation: ChessNotation

    @property
    def variant(self) -> str:
        return self.notation.variant

    @property
    def option(self) -> tuple[str, str] | None:
        if self.variant == "standard":
            return None
        return ("UCI_Chess960", "true") if self.variant == "chess960" else ("UCI_Variant", self.variant)

    def index(
        self, move: str, position: str, planes: NDArray[np.uint64], player: int, legal: NDArray[np.integer[Any]]
    ) -> int:
        text = move.lower()  # some engines write e7e8Q
        pawns = int(planes[0, 0])
        index = _index(chess.Move.from_uci(text), pawns, player, legal)
        if index is None:  # in every variant, castling may be written as the king's move or as king takes rook
            index = _index(self.notation.to_board(position).parse_uci(text), pawns, player, legal)
        if index is None:
            raise ValueError(f"{move!r} is illegal")
        return index


def _index(move: chess.Move, pawns: int, player: int, legal: NDArray[np.integer[Any]]) -> int | None:
    """The index of a move among the legal actions [L], or None. `pawns` is the plane of the mover's pawns."""
    action = encoding.move_to_action(move, player == 0)
    source, target = divmod(action, 64)
    # A queen promotion has the same action as a plain move, but UCI writes the queen.
    queens = action < encoding.PLAIN_ACTIONS and target >= 56 and bool(pawns >> source & 1)
    index = int(np.searchsorted(legal, action))
    if move.promotion and not _promotes(move, player):  # the action of a promotion holds its file and direction alone
        return None
    if move.drop or queens != (move.promotion == chess.QUEEN) or action not in legal[index : index + 1]:
        return None
    return index


def _promotes(move: chess.Move, player: int) -> bool:
    """Whether a move leads from the seventh to the eighth rank, seen from the mover, on the same or the next file."""
    ranks = (6, 7) if player == 0 else (1, 0)
    files = chess.square_file(move.from_square) - chess.square_file(move.to_square)
    return (chess.square_rank(move.from_square), chess.square_rank(move.to_square)) == ranks and abs(files) <= 1
