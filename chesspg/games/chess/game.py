"""Chess, and those variants whose whole state fits the encoding."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import chess

from chesspg.games.chess import encoding, python_chess
from chesspg.games.chess.engines import ChessEngineProtocol
from chesspg.games.chess.exchanges import ChessExchanges
from chesspg.games.chess.notation import VARIANTS, ChessNotation, parse_move
from chesspg.games.chess.starts import UnevenArmies
from chesspg.games.game import Game, Games, NotOnDevice, numba_problem

if TYPE_CHECKING:  # numba takes 0.3 s to import, and a GUI waits for its engine
    from chesspg.games.chess.bitboards import BitboardGames
    from chesspg.games.device import DeviceGames

BACKENDS = ("auto", "python-chess", "bitboards")


class Chess(Game):
    """Chess, or one of its variants.

    A game ends by checkmate, stalemate or insufficient material, and by threefold repetition or the fifty-move rule as
    soon as they occur (not when a player could claim them with the next move).

    Args:
        variant: One of standard, chess960, atomic, kingofthehill.
        backend: bitboards (standard chess only, compiled by numba), python-chess, or auto for the fastest that plays
            the variant. Both have the same legal actions, planes, scalars and verdicts.
        threads: The number of threads that the bitboards may use; games do not depend on it. With None, SelfPlay
            decides: one beside a network on the CPU; with an accelerator, all cores, shared by the ranks.

    Raises:
        ValueError: An argument is unknown or out of range, or the backend does not play the variant.
    """

    encoding_version = encoding.ENCODING_VERSION
    board = (8, 8)
    planes = encoding.PLANES
    scalars = encoding.SCALARS
    num_actions = encoding.NUM_ACTIONS
    max_legal = encoding.MAX_LEGAL
    view = (
        "The mover sees its own pieces at the bottom: for Black the ranks are reversed, so that a8 is called a1 and "
        "e7e5 is called e2e4. The promotion to a queen has the name of the move without a letter, such as a7a8."
    )
    reasons = python_chess.REASONS
    notation: ChessNotation
    exchanges: ChessExchanges
    engine_protocol: ChessEngineProtocol
    starts = UnevenArmies

    def __init__(self, variant: str = "standard", backend: str = "auto", threads: int | None = None) -> None:
        if variant not in VARIANTS:
            raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, got {variant!r}")
        if backend not in BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
        if backend == "bitboards" and variant != "standard":
            raise ValueError(f"backend 'bitboards' does not play {variant}; backend 'python-chess' does")
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self.notation = ChessNotation(variant)
        self.exchanges = ChessExchanges(compiled=variant == "standard" and backend != "python-chess")
        self.engine_protocol = ChessEngineProtocol(self.notation)
        self.openings = Path(__file__).with_name("openings.pgn") if variant == "standard" else None
        self.name = self.notation.name
        self.variant = variant
        self.backend = backend
        self.threads = threads

    @property
    def action_names(self) -> list[str]:
        return [encoding.action_name(action) for action in range(self.num_actions)]

    @property
    def init_args(self) -> dict[str, Any]:
        return {"variant": self.variant}

    def for_few_games(self) -> Chess:
        return Chess(self.variant, backend="python-chess")

    def start(self, positions: int | Sequence[str]) -> python_chess.PythonChessGames | BitboardGames:
        """Start new games from the initial position, or one from each FEN; ` moves ` and UCI moves may follow it."""
        fast = self._bitboards()
        if isinstance(positions, int):
            if fast:
                return fast.fresh(positions, self.threads or 1)
            return python_chess.PythonChessGames.from_boards([self.notation.initial() for _ in range(positions)])
        distinct = {position: number for number, position in enumerate(dict.fromkeys(positions))}  # to read each once
        boards = [self.to_board(position) for position in distinct]
        if fast:
            games: python_chess.PythonChessGames | BitboardGames = fast.from_boards(boards, self.threads or 1)
        else:
            games = python_chess.PythonChessGames.from_boards(boards)
        return games if len(distinct) == len(positions) else games[[distinct[position] for position in positions]]

    def on_device(self, starts: Games, slots: int, device: str) -> DeviceGames:
        """See `Game.on_device`; plays standard chess with numba on the CPU, and with numba-cuda on CUDA."""
        if self.variant != "standard":
            raise NotOnDevice(f"{self.variant} has no rules for a device; standard chess has")
        if self.backend == "python-chess":
            raise NotOnDevice("backend 'python-chess' does not play on a device; backends 'auto' and 'bitboards' do")
        games, problem = _compiled_rules()
        if games is None:
            raise NotOnDevice(f"chess on a device needs numba, but {problem}")
        from chesspg.games.chess.device import ChessOnDevice  # it imports torch

        if not isinstance(starts, games):
            raise NotOnDevice(f"chess on a device must start from BitboardGames, got {type(starts).__name__}")
        return ChessOnDevice(self, starts.rows, slots, device)

    def to_board(self, position: str) -> chess.Board:
        """The position as a python-chess board with the moves on its stack, see `ChessNotation.to_board`."""
        return self.notation.to_board(position)

    def render(self, position: str) -> str:
        """The board in Unicode pieces, with the last move in (parentheses) and a king in check between !marks!."""
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
        """The action of a move in SAN or UCI."""
        board = self.to_board(position)
        return encoding.move_to_action(parse_move(board, text), board.turn)

    def move_name(self, position: str, action: int) -> str:
        board = self.to_board(position)
        return board.san(encoding.action_to_move(action, board))

    def _bitboards(self) -> type[BitboardGames] | None:
        """The class of games on bitboards if they are wanted and available; None means python-chess."""
        if self.backend == "python-chess" or self.variant != "standard":
            return None
        games, problem = _compiled_rules()
        if games is None and self.backend == "bitboards":
            raise ValueError(f"backend 'bitboards' needs numba, but {problem}")
        if games is None:
            _say_once(f"{problem}; python-chess plays instead, and training takes up to three times as long")
        return games


@cache
def _compiled_rules() -> tuple[type[BitboardGames] | None, str]:
    """The class of games on bitboards, or None and the reason why they are not available."""
    try:
        from chesspg.games.chess.bitboards import BitboardGames  # see TYPE_CHECKING above
    except Exception as error:
        return None, numba_problem(error)
    return BitboardGames, ""


@cache
def _say_once(text: str) -> None:
    warnings.warn(text, stacklevel=4)
