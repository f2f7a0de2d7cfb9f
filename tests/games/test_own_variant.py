"""A user's own variant of chess: PGN, FEN, sessions and matches need nothing but its rules and its notation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import chess
import chess.variant
import pytest

from chesspg.arena.openings import openings_from_string, usual_openings
from chesspg.arena.session import Session
from chesspg.games.chess import Chess, encoding
from chesspg.games.chess.engines import ChessEngineProtocol
from chesspg.games.chess.exchanges import ChessExchanges
from chesspg.games.chess.notation import ChessNotation, parse_move
from chesspg.games.chess.python_chess import PythonChessGames
from chesspg.games.contract import check
from chesspg.games.game import Game, draw_board
from chesspg.games.randomness import Randomness
from chesspg.pgn.archive import EVERY, Archived, Source
from chesspg.pgn.writing import to_pgn


class RacingNotation(ChessNotation):
    @property
    def name(self) -> str:
        return "racing kings"

    def initial(self) -> chess.Board:
        return chess.variant.RacingKingsBoard()


class RacingKings(Game):
    """The first player whose king reaches the eighth rank wins; no move may give check."""

    name = "racing kings"
    encoding_version = 1
    board = (8, 8)
    planes, scalars, num_actions, reasons = Chess.planes, Chess.scalars, Chess.num_actions, Chess.reasons
    notation = RacingNotation("racingkings")
    exchanges = ChessExchanges()
    engine_protocol = ChessEngineProtocol(notation)

    def start(self, positions: int | Sequence[str]) -> PythonChessGames:
        texts = ["startpos"] * positions if isinstance(positions, int) else positions
        return PythonChessGames.from_boards([self.notation.to_board(text) for text in texts])

    def render(self, position: str) -> str:
        board = self.notation.to_board(position)
        last = [board.peek().from_square, board.peek().to_square] if board.move_stack else []
        return draw_board(self.board, [str(board.piece_at(square) or "·") for square in chess.SQUARES], last)

    def parse_move(self, position: str, text: str) -> int:
        board = self.notation.to_board(position)
        return encoding.move_to_action(parse_move(board, text), board.turn)

    def move_name(self, position: str, action: int) -> str:
        board = self.notation.to_board(position)
        return board.san(encoding.action_to_move(action, board))


GAME = RacingKings()


@pytest.mark.slow
def test_it_keeps_the_contract() -> None:
    check(GAME)


def test_its_games_are_written_and_read(tmp_path: Path) -> None:
    position = GAME.start(1).position(0)
    session = Session(GAME, 0, Randomness(0), position)
    session.move("Kg3")
    assert session.shown == "8/8/8/8/8/6K1/krbnNBR1/qrbnNBRQ b - - 1 1"
    path = tmp_path / "games.pgn"
    path.write_text(to_pgn(GAME, session.position) + "\n")
    assert '[Variant "Racing Kings"]' in path.read_text()
    [game] = Source(path, EVERY, GAME)
    assert isinstance(game, Archived)
    assert game.moves == ["Kg3"]
    assert usual_openings(GAME) == "random:8"
    assert openings_from_string(str(path), GAME, 1, seed=0) == [session.position]
    assert GAME.engine_protocol.option == ("UCI_Variant", "racingkings")
