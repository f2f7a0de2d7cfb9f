"""The study of blunders: what moves are worth, why they lose material, what the value head sees, and the command."""

from __future__ import annotations

import math

import chess
import numpy as np
import pytest
import torch

from chesspg.games.chess import Chess
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import ResidualNet
from chesspg.policy.policy import Policy
from studies import blunders
from studies.blunders import MATE, Studied

HANGS = "4k3/8/8/3r4/8/8/8/3Q2K1 w - - 0 1"  # the rook is attacked and not defended, and attacks the queen
GUARDED = "4k3/8/4p3/3r4/8/8/8/3R2K1 w - - 0 1"  # the rook is defended by a pawn


@pytest.mark.parametrize(
    ("fen", "worth"),
    [
        (HANGS, 9),
        (GUARDED, 4 - 5 + 0),  # rook takes rook, pawn takes rook: a pawn behind, as before
        ("4k3/8/4p3/3n4/8/8/8/3R2K1 w - - 0 1", 1),  # taking would lose the rook for a knight
        ("4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1", 1),  # en passant
        ("4k3/8/8/8/8/8/8/4K3 w - - 0 1", 0),
    ],
)
def test_captures_go_on_until_they_stop_paying(fen: str, worth: int) -> None:
    assert blunders.settled(chess.Board(fen)) == worth


def test_the_bounds_of_the_search_do_not_change_what_lies_between_them() -> None:
    board = chess.Board("r1bqk2r/ppp2ppp/2np1n2/2b1p3/2B1P3/2NP1N2/PPP2PPP/R1BQK2R w KQkq - 0 6")
    everything = plain(board, 3)
    assert blunders.settled(board) == pytest.approx(everything, abs=1)
    assert blunders.settled(board, everything - 20, everything + 20) == blunders.settled(board)


def plain(board: chess.Board, depth: int) -> int:
    """The settled material without any bounds, over so many captures."""
    best = blunders.material(board)
    for capture in list(board.generate_legal_captures()) if depth else []:
        board.push(capture)
        best = max(best, -plain(board, depth - 1))
        board.pop()
    return best


def test_the_end_of_a_game_is_worth_what_the_rules_say() -> None:
    board = chess.Board("7k/8/6KQ/8/8/8/8/8 w - - 0 1")
    assert blunders.after(board, chess.Move.from_uci("h6g7")) == MATE
    assert blunders.after(chess.Board("7k/8/6K1/8/8/8/5Q2/8 w - - 0 1"), chess.Move.from_uci("f2f7")) == 0
    assert blunders.after(board, chess.Move.from_uci("h6g5")) == 9


@pytest.mark.parametrize(
    ("fen", "move", "kind"),
    [
        ("4k3/8/8/3r4/8/8/8/1R1Q2K1 w - - 0 1", "g1g2", "ignored"),  # the rook could take the queen already
        ("4k3/8/8/3n4/8/8/8/3Q2K1 w - - 0 1", "g1f1", "missed"),  # the knight was free
        ("4k3/8/8/3r4/8/1Q6/8/6K1 w - - 0 1", "b3b5", "moved"),  # onto a square that the rook attacks
        ("3rk3/8/8/8/8/8/3P4/3Q2K1 w - - 0 1", "d2d3", "none"),
        ("3rk3/8/8/8/8/4p3/3P4/3Q2K1 w - - 0 1", "d2e3", "opened"),  # the pawn stood between rook and queen
    ],
)
def test_kinds(fen: str, move: str, kind: str) -> None:
    board = chess.Board(fen)
    worth = {one.uci(): blunders.after(board, one) for one in board.legal_moves}
    if kind == "none":
        assert worth[move] == max(worth.values())
    else:
        assert worth[move] <= max(worth.values()) - 1
        assert blunders.kind(board, chess.Move.from_uci(move)) == kind
    assert board.fen() == fen


def player(value: bool) -> PolicyPlayer:
    torch.manual_seed(1)
    return PolicyPlayer(Policy(Chess(), ResidualNet(Chess(), channels=2, blocks=0, value=value)))


def test_a_position_is_studied_move_by_move() -> None:
    (studied,) = [blunders._study(player(value=True), Chess(), HANGS)]
    board = chess.Board(HANGS)
    assert len(studied.probs) == len(studied.loses) == len(studied.next_values) == board.legal_moves.count()
    assert studied.probs.sum() == pytest.approx(1)
    assert studied.loses.min() == 0
    assert studied.loses.max() == 18 - 4  # with the rook 9, at worst a rook down
    assert studied.material == 4
    assert not np.isnan([studied.value, *studied.next_values]).any()
    fen = "7k/8/6K1/8/8/8/8/5Q2 w - - 0 1"  # one move mates, and two stalemate
    assert np.isnan(blunders._study(player(value=True), Chess(), fen).next_values).sum() == 3
    assert math.isnan(blunders._study(player(value=False), Chess(), HANGS).value)


def test_slopes_of_a_value_that_sees_half_of_what_hangs() -> None:
    rng = np.random.default_rng(1)
    studied = []
    for _ in range(50):
        loses, pawns = rng.integers(0, 9, 6).astype(float), int(rng.integers(-8, 9))
        studied.append(Studied(np.ones(6) / 6, loses, None, pawns, 0.1 * pawns + 0.3, 0.2 - 0.05 * loses))
    assert blunders.slopes(studied) == pytest.approx((0.1, 0.05))
    blind = [one._replace(next_values=np.append(np.full(5, 0.2), np.nan)) for one in studied]
    assert blunders.slopes(blind) == pytest.approx((0.1, 0))


def test_a_value_head_learned_from_strong_games_sees_what_hangs(capsys: pytest.CaptureFixture[str]) -> None:
    assert blunders.main(["chess_from_pgn", "chess_from_pgn?temperature=2", "--games", "4"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split("  ")[0] for row in rows if not row.startswith(" ")] == [
        "chess_from_pgn",
        "chess_from_pgn?temperature=2",
    ]
    on_board, saved = (float(number) for number in rows[2].replace(",", "").split() if number.startswith("0."))
    assert 0.02 < saved < on_board < 0.2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["nobody"], "nobody"), (["random"], "random has no probabilities"), (["chess_quick", "--games", "0"], "--games")],
)
def test_what_cannot_be_studied(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        blunders.main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
