"""How the shipped openings were chosen, with a fake engine whose scores are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import chess
import chess.pgn
from chess.engine import Cp, Limit, PovScore

from studies import balanced_openings as module

SHIPPED = Path(module.__file__).parent.parent / "chesspg/games/chess/openings.pgn"


class Judge:
    """Scores every third move as equal to the best and the others as worse; and a pawn on e4 as an advantage."""

    def analyse(self, board: chess.Board, limit: Limit, *, multipv: int, game: Any) -> list[dict[str, Any]]:
        if multipv == 1:
            assert limit.nodes == 20_000
            mover = 100 if board.piece_at(chess.E4) else 50
            return [{"score": PovScore(Cp(mover), board.turn)}]
        moves = sorted(board.legal_moves, key=str)
        return [
            {"score": PovScore(Cp(-module.WITHIN - (k % 3 > 0)), board.turn), "pv": [move]}
            for k, move in enumerate(moves)
        ] + [{"score": PovScore(Cp(0), board.turn), "pv": [moves[0]]}]


def test_sensible_balanced_and_different() -> None:
    boards = list(module.balanced(Judge(), 5, seed=3))  # type: ignore[arg-type]
    again = list(module.balanced(Judge(), 5, seed=3))  # type: ignore[arg-type]
    assert boards == again
    assert len({board.epd() for board in boards}) == 5
    for board in boards:
        assert len(board.move_stack) == module.PLIES
        assert not board.piece_at(chess.E4)
        while board.move_stack:
            move = board.pop()
            assert sorted(board.legal_moves, key=str).index(move) % 3 == 0


def test_the_shipped_openings_are_written_so_that_other_programs_find_them() -> None:
    """CuteChess and fastchess look for tags, and found no game in a file without any."""
    text = SHIPPED.read_text()
    boards = []
    with SHIPPED.open() as file:
        while game := chess.pgn.read_game(file):
            boards.append(game.end().board())
    assert len(boards) == 600
    assert "\n".join(map(module.as_pgn, boards)) in text
