"""Chess and the variants whose whole state the encoding holds."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import chess
import chess.variant

from chesspg.games.chess import encoding, python_chess
from chesspg.games.game import Game, split_position

if TYPE_CHECKING:  # numba costs 0.3 s, which a GUI waiting for an engine should not pay
    from chesspg.games.chess.bitboards import BitboardGames

# Variants in which nothing but the encoding's planes and scalars matters (no pockets, no counted checks).
VARIANTS: dict[str, type[chess.Board]] = {
    "standard": chess.Board,
    "chess960": chess.Board,
    "atomic": chess.variant.AtomicBoard,
    "kingofthehill": chess.variant.KingOfTheHillBoard,
}
BACKENDS = ("auto", "python-chess", "bitboards")
INSTALL = "install it by `pip install numba`"
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


class Chess(Game):
    """Chess by the rules as they bind: mate, stalemate, insufficient material, and threefold repetition and
    the fifty-move rule when they occur (not when a player could claim them with the next move).

    variant: one of standard, chess960, atomic, kingofthehill.
    backend: bitboards (standard only, compiled by numba), python-chess, or auto for the fastest that plays the
        variant. Both play the same games: legal actions, planes, scalars, verdicts.
    threads: how many the bitboards may use. None leaves it to SelfPlay: one beside a network on the CPU, with an
        accelerator the cores of the machine, shared by its ranks. No game depends on it.
    """

    encoding_version = encoding.ENCODING_VERSION
    board = (8, 8)
    planes = encoding.PLANES
    scalars = encoding.SCALARS
    num_actions = encoding.NUM_ACTIONS
    reasons = python_chess.REASONS

    def __init__(self, variant: str = "standard", backend: str = "auto", threads: int | None = None) -> None:
        if variant not in VARIANTS:
            raise ValueError(f"variant {variant!r} is not one of {', '.join(VARIANTS)}")
        if backend not in BACKENDS:
            raise ValueError(f"backend {backend!r} is not one of {', '.join(BACKENDS)}")
        if backend == "bitboards" and variant != "standard":
            raise ValueError(f"backend 'bitboards' does not play {variant}; backend 'python-chess' does")
        if threads is not None and threads < 1:
            raise ValueError(f"threads is {threads}; it must be 1 or more")
        self.name = "chess" if variant == "standard" else f"chess ({variant})"
        self.variant = variant
        self.backend = backend
        self.threads = threads

    @property
    def init_args(self) -> dict[str, Any]:
        return {"variant": self.variant}

    def start(self, positions: int | Sequence[str]) -> python_chess.PythonChessGames | BitboardGames:
        """So many games from the initial position, or one from each FEN, `moves` and UCI moves after it if any."""
        fast = self._bitboards()
        if isinstance(positions, int):
            if fast:
                return fast.fresh(positions, self.threads or 1)
            return python_chess.PythonChessGames.from_boards([self._initial() for _ in range(positions)])
        boards = [self.to_board(position) for position in positions]
        if fast:
            return fast.from_boards(boards, self.threads or 1)
        return python_chess.PythonChessGames.from_boards(boards)

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
        board = self._initial()
        if start != "startpos":
            try:
                board.set_fen(_usual(start))
                if not board.chess960 and board.has_chess960_castling_rights():
                    raise ValueError("its castling rights are of Chess960")
            except ValueError as error:
                fault = next((ours for theirs, ours in FEN_FAULTS.items() if str(error).startswith(theirs)), error)
                raise ValueError(f"{position!r} is not a position of {self.name}: as a FEN, {fault}") from None
        board.castling_rights = board.clean_castling_rights()
        if board.status() & chess.STATUS_INVALID_EP_SQUARE:
            board.ep_square = None
        for number, text in enumerate(moves, 1):
            fault = "is illegal"
            try:
                move = board.parse_uci(text)
            except chess.InvalidMoveError:
                move, fault = chess.Move.null(), "can't be read; expected one such as e2e4 or e7e8q"
            except ValueError:
                move = chess.Move.null()
            if not move:  # python-chess reads 0000 as a pass, which no rule allows
                raise ValueError(f"{position!r} is not a position of {self.name}: move {number}, {text!r}, {fault}")
            board.push(move)
        if not board.root().is_valid():
            problems = board.root().status()
            names = ", ".join(str(flag.name).lower().replace("_", " ") for flag in chess.Status if flag & problems)
            raise ValueError(f"{position!r} is not a legal position of {self.name}: {names}")
        return board

    def render(self, position: str) -> str:
        """Unicode pieces; the squares of the last move in (parentheses), a king in check between !marks!."""
        board = self.to_board(position)
        last = {board.peek().from_square, board.peek().to_square} if board.move_stack else set()
        checked = board.king(board.turn) if board.is_check() else None
        lines = []
        for rank in reversed(range(8)):
            cells = []
            for square in chess.SquareSet(chess.BB_RANKS[rank]):
                piece = board.piece_at(square)
                sign = piece.unicode_symbol() if piece else "·"
                mark = "!!" if square == checked else "()" if square in last else "  "
                cells.append(mark[0] + sign + mark[1])
            lines.append(f"{rank + 1} {''.join(cells)}")
        return "\n".join([*lines, "   a  b  c  d  e  f  g  h"])

    def parse_move(self, position: str, text: str) -> int:
        """SAN or UCI."""
        board = self.to_board(position)
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
        return encoding.move_to_action(move, board.turn)

    def move_name(self, position: str, action: int) -> str:
        board = self.to_board(position)
        return board.san(encoding.action_to_move(action, board))

    def _bitboards(self) -> type[BitboardGames] | None:
        """The compiled rules where they are wanted and to be had; None means python-chess."""
        if self.backend == "python-chess" or self.variant != "standard":
            return None
        games, problem = _compiled_rules()
        if games is None and self.backend == "bitboards":
            raise ValueError(f"backend 'bitboards' needs numba, but {problem}; {INSTALL}")
        if games is None:
            _say_once(f"{problem}, so python-chess plays and training takes up to three times as long; {INSTALL}")
        return games

    def _initial(self) -> chess.Board:
        return VARIANTS[self.variant](chess960=self.variant == "chess960")


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


@cache
def _compiled_rules() -> tuple[type[BitboardGames] | None, str]:
    """The games on bitboards, or why there are none."""
    try:
        from chesspg.games.chess.bitboards import BitboardGames  # see TYPE_CHECKING above
    except ModuleNotFoundError:
        return None, "numba is not installed"
    except Exception as error:  # a broken numba raises anything: ImportError, OSError, SystemError
        return None, f"numba can't be used ({type(error).__name__}: {error})"
    return BitboardGames, ""


@cache
def _say_once(text: str) -> None:
    warnings.warn(text, stacklevel=4)


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
