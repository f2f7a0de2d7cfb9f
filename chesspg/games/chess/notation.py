"""Reading FEN, SAN and UCI. Small departures from the formats are accepted if the meaning is unambiguous."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

import chess
import chess.variant

from chesspg.games.chess import encoding
from chesspg.games.game import split_position

# Variants whose whole state is in the planes and scalars of the encoding (no pockets, no counted checks).
VARIANTS: dict[str, type[chess.Board]] = {
    "standard": chess.Board,
    "chess960": chess.Board,
    "atomic": chess.variant.AtomicBoard,
    "kingofthehill": chess.variant.KingOfTheHillBoard,
}
WRITTEN = "moves are written as in Nf3 or g1f3"
# By the beginning of a message of python-chess for a bad FEN: what the FEN must be.
FEN_FAULTS = {
    "empty fen": "it must not be empty",
    "expected 8 rows": "its first part must be 8 ranks with a / between them",
    "two subsequent digits": "a rank must not have two digits side by side",
    "'~' not after piece": "a ~ must stand after a piece",
    "invalid character": "its ranks may have the letters PNBRQK and pnbrqk and the digits 1 to 8",
    "expected 8 columns": "each rank must have 8 squares",
    "expected 'w' or 'b'": "its second part, the side to move, must be w or b",
    "invalid castling part": "its third part, the castling rights, must be - or letters such as KQkq",
    "invalid en passant part": "its fourth part, the en passant square, must be - or a square such as e3",
    "fen string has more parts": "it must have at most six parts",
}


@dataclass(frozen=True)
class ChessNotation:
    """The notation of a variant.

    Args:
        variant: One of VARIANTS.
    """

    variant: str = "standard"
    # The start, the moves and the board of the position read last, as most often the next one has the same moves first.
    _latest: list[tuple[str, list[str], chess.Board]] = dataclasses.field(
        default_factory=list, init=False, repr=False, compare=False
    )

    @property
    def name(self) -> str:
        """The name of the game."""
        return "chess" if self.variant == "standard" else f"chess ({self.variant})"

    def initial(self) -> chess.Board:
        """The initial position."""
        return VARIANTS[self.variant](chess960=self.variant == "chess960")

    def to_board(self, position: str) -> chess.Board:
        """The position as a python-chess board with the moves on its stack.

        A FEN may have its castling letters in any order, any dash for `-`, and a `;` at its end. Fields that are
        missing at its end are filled from `w - - 0 1`. As in Stockfish, castling rights without their king or rook are
        ignored, and so is an en passant square that no pawn has just passed. Castling may be written as the king's
        move or as king takes rook.

        Args:
            position: `startpos` or a FEN; ` moves ` and moves in UCI notation may follow.

        Returns:
            The board.

        Raises:
            ValueError: The FEN is wrong in any other way, or a move is illegal. The message names the position.
        """
        start, moves = split_position(position)
        board, known = self._begun(start, moves)
        if board is None:
            board = self._start(position, start)
        for number, text in enumerate(moves[known:], known + 1):
            try:
                board.push(_read_uci(board, text))
            except ValueError as error:
                raise ValueError(
                    f"{position!r} is not a position of {self.name}: move {number}, {text!r}, {error}"
                ) from None
        if problems := board.root().status():
            names = ", ".join(str(flag.name).lower().replace("_", " ") for flag in chess.Status if flag & problems)
            raise ValueError(f"{position!r} is not a legal position of {self.name}: {names}")
        self._latest[:] = [(start, moves, board)]
        return board.copy()

    def _begun(self, start: str, moves: list[str]) -> tuple[chess.Board | None, int]:
        """A board after some of the moves, and their number; None if there is none. It is handed out once."""
        try:
            of, known, board = self._latest.pop()
        except IndexError:  # the first call, or another thread has it
            return None, 0
        return (board, len(known)) if of == start and known == moves[: len(known)] else (None, 0)

    def _start(self, position: str, start: str) -> chess.Board:
        board = self.initial()
        if start != "startpos":
            try:
                _read_fen(board, start)
            except ValueError as error:
                raise ValueError(f"{position!r} is not a position of {self.name}: as a FEN, {error}") from None
        board.castling_rights = board.clean_castling_rights()
        if board.ep_square is not None and board.status() & chess.STATUS_INVALID_EP_SQUARE:
            board.ep_square = None
        return board

    def to_action(self, move: chess.Move, turn: chess.Color) -> int:
        """The action in [0, 4168) of a move by `turn`, without a check that it is legal."""
        return encoding.move_to_action(move, turn)

    def to_move(self, action: int, board: chess.Board) -> chess.Move:
        """The move of an action in [0, 4168), without a check that it is legal."""
        return encoding.action_to_move(action, board)


def parse_move(board: chess.Board, text: str) -> chess.Move:
    """Read a legal move that a person typed, in SAN or UCI.

    Raises:
        ValueError: The text is not a move, or the move is illegal or ambiguous.
    """
    try:
        move = board.parse_san(text.upper() if text in ("o-o", "o-o-o") else text)
    except chess.AmbiguousMoveError:
        raise ValueError(f"{text} is ambiguous: {' or '.join(_readings(board, text))}") from None
    except ValueError as error:
        try:
            move = board.parse_uci(text.lower())
        except ValueError as second:
            if promotions := _promotions(board, text):
                raise ValueError(f"{text} needs a piece to promote to: {promotions}") from None
            if isinstance(error, chess.IllegalMoveError) or isinstance(second, chess.IllegalMoveError):
                raise ValueError(f"{text} is illegal here") from None
            raise ValueError(f"unknown move {text!r}; {WRITTEN}") from None
    if not move:
        raise ValueError(f"unknown move {text!r}; {WRITTEN}")
    return move


def _read_fen(board: chess.Board, fen: str) -> None:
    """Set up the board from a FEN. Raises ValueError with a message that states what a FEN must be."""
    try:
        board.set_fen(_usual(fen))
    except ValueError as error:
        fault = next((ours for theirs, ours in FEN_FAULTS.items() if str(error).startswith(theirs)), error)
        raise ValueError(fault) from None
    if not board.chess960 and board.has_chess960_castling_rights():
        raise ValueError("its castling rights are of Chess960")


def _read_uci(board: chess.Board, text: str) -> chess.Move:
    """Read a legal move in UCI notation. Raises ValueError with the end of a sentence about the move."""
    try:
        move = board.parse_uci(text)
    except chess.InvalidMoveError:
        raise ValueError("can't be read; expected one such as e2e4 or e7e8q") from None
    except ValueError:
        move = chess.Move.null()
    if not move:  # python-chess reads 0000 as a pass, which is never legal
        raise ValueError("is illegal")
    return move


def _usual(fen: str) -> str:
    """A FEN in the exact form that python-chess reads. Raises ValueError if a counter is not a number."""
    fields = re.sub("[‐‑‒–—―−]", "-", fen).rstrip("; ").split()
    if len(fields) > 2:
        fields[2] = "".join(sorted(fields[2], key=str.islower))
    parts = ("fifth part, the halfmove clock", "sixth part, the number of the move")
    for name, field in zip(parts, fields[4:6], strict=False):
        if not re.fullmatch("[0-9]{1,6}", field):  # int() accepts more than that
            raise ValueError(f"its {name}, must be a whole number from 0 to 999,999, got {field[:40]!r}")
    return " ".join(fields)


def _readings(board: chess.Board, text: str) -> list[str]:
    """The legal moves that an ambiguous SAN may mean: those of the same piece to the same square."""
    letters = [c for c in text if c not in "x+#="]
    piece, target = letters[0], "".join(letters[-2:])
    sans = map(board.san, board.legal_moves)
    return [san for san in sans if san[0] == piece and san.rstrip("+#").endswith(target)]


def _promotions(board: chess.Board, text: str) -> str:
    """The promotions that a move may mean if its piece is missing or impossible; empty if it is not a promotion."""
    meant = text.partition("=")[0].rstrip("+#!?")
    for read, queen in ((board.parse_san, f"{meant}=Q"), (board.parse_uci, f"{meant.lower()}q")):
        try:
            move = read(queen)
        except ValueError:
            continue
        pieces = (chess.QUEEN, chess.ROOK, chess.BISHOP, chess.KNIGHT)
        sans = [board.san(chess.Move(move.from_square, move.to_square, piece)).rstrip("+#") for piece in pieces]
        return f"{', '.join(sans[:-1])} or {sans[-1]}"
    return ""
