"""Chess on python-chess: the reference for the rules, and the backend for variants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import chess
import numpy as np
from numpy.typing import NDArray

from chesspg.games.chess import encoding
from chesspg.games.game import IllegalAction, Indices, Legal, Observation, Outcomes, join_position

REASONS = (
    "ongoing",
    "checkmate",
    "stalemate",
    "insufficient material",
    "threefold repetition",
    "fifty-move rule",
    "variant rule",
)
_ONGOING, _CHECKMATE, _STALEMATE, _MATERIAL, _THREEFOLD, _FIFTY, _VARIANT = range(7)

_Key = tuple[int, ...]  # equal for two positions if the second repeats the first


class _Game:
    """One game: its board, its start, its moves, and the earlier positions that the rules need."""

    __slots__ = ("actions", "board", "keys", "moves", "passing", "start")

    def __init__(self, start: chess.Board) -> None:
        self.board = start.copy()
        self.start = start  # never played on; most games are never asked for its FEN, which takes a while to write
        self.moves: list[chess.Move] = []
        self.passing = 0  # word of the square on which a capture en passant is legal
        self.keys: list[_Key] = []  # the positions since the last capture or pawn move, including the current one
        self.actions: list[int] | None = None  # ascending; None until they are needed
        self._remember()

    def copy(self) -> _Game:
        twin = _Game.__new__(_Game)
        twin.board = self.board.copy(stack=False)
        twin.start, twin.passing, twin.actions = self.start, self.passing, self.actions
        twin.moves, twin.keys = self.moves.copy(), self.keys.copy()
        return twin

    def push(self, move: chess.Move) -> None:
        self.board.push(move)
        self.moves.append(move)
        self.actions = None
        if self.board.halfmove_clock == 0:
            self.keys.clear()
        self._remember()

    def _remember(self) -> None:
        board = self.board
        self.passing = chess.BB_SQUARES[board.ep_square] if board.ep_square and board.has_legal_en_passant() else 0
        self.keys.append(
            (board.pawns, board.knights, board.bishops, board.rooks, board.queens, board.kings,
             board.occupied_co[chess.WHITE], board.turn, board.castling_rights, self.passing)
        )  # fmt: skip

    def legal_actions(self) -> list[int]:
        if self.actions is None:
            board = self.board
            if board.is_variant_end() or self._drawn():
                self.actions = []
            elif board.pawns & board.occupied_co[board.turn] & (chess.BB_RANK_7 if board.turn else chess.BB_RANK_2):
                self.actions = [encoding.move_to_action(move, board.turn) for move in board.generate_legal_moves()]
            else:  # without promotions the same is computed faster, without one call per move
                flip = 0 if board.turn else 65 * encoding.FLIP
                self.actions = [(64 * m.from_square + m.to_square) ^ flip for m in board.generate_legal_moves()]
            self.actions.sort()
        return self.actions

    def repetitions(self) -> int:
        """How often this position has occurred before; it takes four plies at least to repeat one."""
        return self.keys.count(self.keys[-1]) - 1 if len(self.keys) > 4 else 0

    def _drawn(self) -> int:
        """The reason for which the rules end this game although there are moves, or 0."""
        board = self.board
        if board.is_insufficient_material():
            return _MATERIAL
        if board.halfmove_clock >= 100:
            return _FIFTY
        return _THREEFOLD if self.repetitions() >= 2 else 0

    def verdict(self) -> tuple[int, int]:
        """(outcome for player 0, reason), with the order of precedence of python-chess."""
        board = self.board
        mover = 1 if board.turn else -1
        if board.is_variant_end():
            return mover * (board.is_variant_win() - board.is_variant_loss()), _VARIANT
        if self.legal_actions():
            return 0, _ONGOING
        if not any(board.generate_legal_moves()):
            if board.is_check():
                return -mover, _CHECKMATE
            return 0, _MATERIAL if board.is_insufficient_material() else _STALEMATE
        return 0, self._drawn()


class PythonChessGames:
    """N games on python-chess boards."""

    def __init__(self, records: list[_Game]) -> None:
        self._records = records

    @classmethod
    def from_boards(cls, boards: Sequence[chess.Board]) -> PythonChessGames:
        """Games with the start of each board, in which the moves on its stack are played."""
        records = []
        for board in boards:
            record = _Game(board.root())
            for move in board.move_stack:
                record.push(move)
            records.append(record)
        return cls(records)

    def __len__(self) -> int:
        return len(self._records)

    def observe(self) -> Observation:
        records = self._records
        lists = [record.legal_actions() for record in records]
        actions = np.array([action for actions in lists for action in actions], dtype=np.int16)
        offsets = np.zeros(len(records) + 1, dtype=np.int64)
        np.cumsum([len(actions) for actions in lists], out=offsets[1:])
        scalars = np.array(
            [(min(r.board.halfmove_clock, 100), min(r.repetitions(), 2)) for r in records], dtype=np.uint8
        ).reshape(-1, 2)
        return Observation(self._planes(), scalars, self._player(), Legal(actions, offsets))

    def play(self, actions: NDArray[np.integer[Any]]) -> None:
        chosen = [int(action) for action in actions]
        if len(chosen) != len(self):
            raise ValueError(f"play needs one action for each of {len(self)} games, got {len(chosen)} actions")
        for index, (record, action) in enumerate(zip(self._records, chosen, strict=True)):
            if action not in record.legal_actions():
                named = encoding.action_text(action, record.board)
                state = "illegal" if record.legal_actions() else "after the end of the game"
                raise IllegalAction(f"game {index}: action {action} ({named}) is {state} in {record.board.fen()}")
        for record, action in zip(self._records, chosen, strict=True):
            record.push(encoding.action_to_move(action, record.board))

    def outcomes(self) -> Outcomes:
        verdicts = np.array([record.verdict() for record in self._records], dtype=np.int8).reshape(-1, 2)
        return Outcomes(verdicts[:, 0].copy(), verdicts[:, 1].astype(np.uint8))

    def heuristic(self) -> NDArray[np.float32]:
        return encoding.material(self._planes(), self._player())

    def __getitem__(self, indices: Indices) -> PythonChessGames:
        return PythonChessGames([self._records[i].copy() for i in np.arange(len(self))[indices]])

    def position(self, index: int) -> str:
        return join_position(self._records[index].start.fen(), self.moves(index))

    def moves(self, index: int) -> list[str]:
        return [move.uci() for move in self._records[index].moves]

    def board(self, index: int) -> chess.Board:
        """A copy of the game as a python-chess board with the moves on its stack."""
        record = self._records[index]
        board = record.start.copy()
        for move in record.moves:
            board.push(move)
        return board

    def fen(self, index: int) -> str:
        """The current position as a FEN, without the moves that led to it."""
        return self._records[index].board.fen()

    def _planes(self) -> NDArray[np.uint64]:
        return encoding.encode_planes([r.board for r in self._records], [r.passing for r in self._records])

    def _player(self) -> NDArray[np.int8]:
        return np.array([0 if record.board.turn else 1 for record in self._records], dtype=np.int8)
