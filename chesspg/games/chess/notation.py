"""Chess as it is written: FEN, SAN and UCI, read loosely where a text can mean only one thing."""

from __future__ import annotations

import re
from dataclasses import dataclass

import chess
import chess.variant

from chesspg.games.chess import encoding
from chesspg.games.game import split_position

# Variants in which nothing but the encoding's planes and scalars matters (no pockets, no counted checks).
VARIANTS: dict[str, type[chess.Board]] = {
    "standard": chess.Board,
    "chess960": chess.Board,
    "atomic": chess.variant.AtomicBoard,
    "kingofthehill": chess.variant.KingOfTheHillBoard,
}
WRITTEN = "moves are written as in Nf3 or g1f3"
# What python-chess says of a FEN that it can't read begins with one of these; beside it what a FEN must be.
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

    @property
    def name(self) -> str:
        return "chess" if self.variant == "standard" else f"chess ({self.variant})"

    def initial(self) -> chess.Board:
        """The initial position."""
        return VARIANTS[self.variant](chess960=self.variant == "chess960")

    def to_board(self, position: str) -> chess.Board:
        """The position as a python-chess board with its moves on the stack.

        A FEN may be written loosely where it can mean only one thing: castling letters in any order, any dash for `-`,
        a `;` at its end. Fields that are missing at its end are those of `w - - 0 1`. Castling rights without their
        king or rook, and an en passant square that no pawn has just passed, are left out, as Stockfish does. Castling
        may be written as the king's move or as king takes rook.

        Args:
            position: `startpos` or a FEN; ` moves ` and moves in UCI notation may follow.

        Returns:
            The board.

        Raises:
            ValueError: Something else is wrong with the FEN, or a move is illegal. The message names the position.
        """
        start, moves = split_position(position)
        board = self.initial()
        if start != "startpos":
            try:
                _read_fen(board, start)
            except ValueError as error:
                raise ValueError(f"{position!r} is not a position of {self.name}: as a FEN, {error}") from None
        board.castling_rights = board.clean_castling_rights()
        if board.status() & chess.STATUS_INVALID_EP_SQUARE:
            board.ep_square = None
        for number, text in enumerate(moves, 1):
            try:
                board.push(_read_uci(board, text))
            except ValueError as error:
                raise ValueError(
                    f"{position!r} is not a position of {self.name}: move {number}, {text!r}, {error}"
                ) from None
        if not board.root().is_valid():
            problems = board.root().status()
            names = ", ".join(str(flag.name).lower().replace("_", " ") for flag in chess.Status if flag & problems)
            raise ValueError(f"{position!r} is not a legal position of {self.name}: {names}")
        return board

    def to_action(self, move: chess.Move, turn: chess.Color) -> int:
        return encoding.move_to_action(move, turn)

    def to_move(self, action: int, board: chess.Board) -> chess.Move:
        return encoding.action_to_move(action, board)


def parse_move(board: chess.Board, text: str) -> chess.Move:
    """The legal move that a person means by `text`, in SAN or UCI.

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
    """Set up a FEN that may be written loosely. Raises ValueError that says what a FEN must be."""
    try:
        board.set_fen(_usual(fen))
    except ValueError as error:
        fault = next((ours for theirs, ours in FEN_FAULTS.items() if str(error).startswith(theirs)), error)
        raise ValueError(fault) from None
    if not board.chess960 and board.has_chess960_castling_rights():
        raise ValueError("its castling rights are of Chess960")


def _read_uci(board: chess.Board, text: str) -> chess.Move:
    """A legal move in UCI notation. Raises ValueError that says what is wrong with it."""
    try:
        move = board.parse_uci(text)
    except chess.InvalidMoveError:
        raise ValueError("can't be read; expected one such as e2e4 or e7e8q") from None
    except ValueError:
        move = chess.Move.null()
    if not move:  # python-chess reads 0000 as a pass, which no rule allows
        raise ValueError("is illegal")
    return move


def _usual(fen: str) -> str:
    """A FEN as python-chess reads it, from one that is written loosely. Raises ValueError for a number that is none."""
    fields = re.sub("[‐‑‒–—―−]", "-", fen).rstrip("; ").split()
    if len(fields) > 2:
        fields[2] = "".join(sorted(fields[2], key=str.islower))
    parts = ("fifth part, the halfmove clock", "sixth part, the number of the move")
    for name, field in zip(parts, fields[4:6], strict=False):
        if not re.fullmatch("[0-9]{1,6}", field):  # int() takes more than that
            raise ValueError(f"its {name}, must be a whole number from 0 to 999,999, got {field[:40]!r}")
    return " ".join(fields)


def _readings(board: chess.Board, text: str) -> list[str]:
    """The legal moves that an ambiguous SAN could mean: those that differ from it by a letter or two."""
    letters = [c for c in text if c not in "x+#="]
    piece, target = letters[0], "".join(letters[-2:])
    sans = map(board.san, board.legal_moves)
    return [san for san in sans if san[0] == piece and san.rstrip("+#").endswith(target)]


def _promotions(board: chess.Board, text: str) -> str:
    """The promotions that a move could mean which does not say to which piece, or to one that can't be; maybe none."""
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
