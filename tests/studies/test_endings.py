"""The study of endings: its positions, what counts as mate, and its command."""

from __future__ import annotations

import chess
import numpy as np
import pytest

from chesspg.games.chess import Chess
from chesspg.players.minimax import Minimax
from chesspg.players.player import Choice, Random, Turn
from studies import endings

MATE_IN_ONE = "7k/8/6K1/8/8/8/8/1Q6 w - - 0 1"


@pytest.mark.parametrize("piece", endings.ENDINGS.values())
def test_positions_are_a_piece_against_a_bare_king(piece: chess.PieceType) -> None:
    sampled = endings.positions(piece, 60, seed=3)
    assert endings.positions(piece, 20, seed=3) == sampled[:20]
    assert endings.positions(piece, 20, seed=4) != sampled[:20]
    for fen in sampled:
        board = chess.Board(fen)
        assert board.is_valid()
        assert board.turn == chess.WHITE
        assert sorted(board.piece_map().values(), key=str) == sorted(
            [chess.Piece(chess.KING, True), chess.Piece(piece, True), chess.Piece(chess.KING, False)], key=str
        )


def test_only_mate_counts() -> None:
    won, others = endings.mated(Minimax(depth=1, game=Chess()), Random(), [MATE_IN_ONE] * 3)
    assert (won, others) == (3, {})
    won, others = endings.mated(Random(), Random(), endings.positions(chess.QUEEN, 20, seed=1))
    assert won + sum(others.values()) == 20
    assert others.keys() <= {"stalemate", "insufficient material", "threefold repetition", "fifty-move rule"}
    assert sum(others.values()) > 10


class GivesUp:
    """As an engine that crashes."""

    def choose(self, turn: Turn) -> Choice:
        return Choice(np.zeros(len(turn.rows), np.int64), forfeits=dict.fromkeys(range(len(turn.rows)), "crashed"))


def test_a_game_that_is_given_up_is_no_mate() -> None:
    starts = endings.positions(chess.ROOK, 3, seed=1)
    for players in ((Random(), GivesUp()), (GivesUp(), Random())):
        with pytest.raises(ValueError, match=r"^3 of 3 games were given up \(crashed\); start again$"):
            endings.mated(*players, starts)


def test_the_command_prints_a_row_for_each_ending(capsys: pytest.CaptureFixture[str]) -> None:
    assert endings.main(["chess_quick", "--positions", "5", "--defender", "random"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split(":")[0] for row in rows] == ["chess_quick  queen", "chess_quick  rook"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody"], "nobody"),
        (["chess_quick", "--defender", "uci:/no/engine"], "/no/engine"),
        (["chess_quick", "--positions", "0"], "--positions"),
    ],
)
def test_what_cannot_be_played(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        endings.main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
