"""The study of blunders: what moves are worth, why they lose material, what the value head sees, and the command."""

from __future__ import annotations

import math
from typing import Any

import chess
import numpy as np
import pytest
import torch

from chesspg.games.chess import Chess
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import ResidualNet
from chesspg.policy.policy import Distribution, Policy
from studies import blunders
from studies.blunders import KINDS, MOST, Studied

HANGS = "4k3/8/8/3r4/8/8/8/3Q2K1 w - - 0 1"  # the rook is attacked and not defended, and attacks the queen
GUARDED = "4k3/8/4p3/3r4/8/8/8/3R2K1 w - - 0 1"  # the rook is defended by a pawn


@pytest.mark.parametrize(
    ("fen", "worth"),
    [
        (HANGS, 9),
        (GUARDED, -1),  # rook takes rook, pawn takes rook: a pawn behind, as before
        ("4k3/8/4p3/3n4/8/8/8/3R2K1 w - - 0 1", 1),  # taking would lose the rook for a knight
        ("4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1", 1),  # en passant
        ("4k3/8/8/8/8/8/8/4K3 w - - 0 1", 0),
    ],
)
def test_captures_go_on_until_they_stop_paying(fen: str, worth: int) -> None:
    assert blunders.settled(chess.Board(fen)) == worth


def plain(board: chess.Board) -> int:
    """The settled material without bounds."""
    best = blunders.material(board)
    for capture in list(board.generate_legal_captures()):
        board.push(capture)
        best = max(best, -plain(board))
        board.pop()
    return best


@pytest.mark.parametrize("fen", [HANGS, GUARDED, "r3k3/1p1n4/2p1b3/3P4/2B1N3/8/1P6/R3K3 w - - 0 1"])
def test_bounds_change_no_value_between_them(fen: str) -> None:
    board = chess.Board(fen)
    exact = plain(board)
    assert blunders.settled(board) == exact
    assert blunders.settled(board, exact - 1, exact + 1) == exact
    assert blunders.settled(board, exact + 1, exact + 3) <= exact + 1
    assert blunders.settled(board, exact - 3, exact - 1) >= exact - 1
    assert board.fen() == fen


@pytest.mark.parametrize(
    ("fen", "move", "kind"),
    [
        ("4k3/8/8/3r4/8/8/8/1R1Q2K1 w - - 0 1", "g1g2", "ignored"),  # the rook could take the queen already
        ("4k3/8/8/3n4/8/8/8/3Q2K1 w - - 0 1", "g1f1", "missed"),  # the knight was free
        ("4k3/8/2p5/3n1p2/8/8/4P3/3Q2K1 w - - 0 1", "e2e4", "moved"),  # onto a square that a pawn attacks
        ("4k3/8/8/3r4/8/1Q6/8/6K1 w - - 0 1", "b3b5", "moved"),  # onto a square that the rook attacks
        ("4k3/8/8/8/3p4/8/4P3/6K1 w - - 0 1", "e2e4", "moved"),  # en passant
        ("3rk3/8/8/8/8/4p3/3P4/3Q2K1 w - - 0 1", "d2e3", "opened"),  # the pawn stood between rook and queen
    ],
)
def test_kinds(fen: str, move: str, kind: str) -> None:
    board = chess.Board(fen)
    assert blunders.kind(board, chess.Move.from_uci(move)) == kind
    assert kind in KINDS
    assert board.fen() == fen


def player(value: bool) -> PolicyPlayer:
    torch.manual_seed(1)
    return PolicyPlayer(Policy(Chess(), ResidualNet(Chess(), channels=2, blocks=0, value=value)))


def moves(position: str) -> dict[str, int]:
    """The place of each legal move in the lists of a studied position."""
    game = Chess()
    board = game.to_board(position)
    actions = game.start([position]).observe().legal.actions.tolist()
    return {game.notation.to_move(action, board).uci(): k for k, action in enumerate(actions)}


def test_a_position_is_studied_move_by_move() -> None:
    studied, place = blunders._study(player(value=True), Chess(), HANGS), moves(HANGS)
    assert studied.probs.sum() == pytest.approx(1)
    assert studied.material == 4
    rows = {move: (studied.taken[k], studied.hanging[k], studied.lost[k]) for move, k in place.items()}
    assert rows["d1d5"] == (5, 0, 0)
    assert rows["g1f1"] == (0, 9, MOST)  # the queen hangs, and the rook is not taken: 14 pawns
    assert not np.isnan([studied.value, *studied.next_values]).any()
    assert math.isnan(blunders._study(player(value=False), Chess(), HANGS).value)


@pytest.mark.parametrize(
    ("position", "move", "lost"),
    [
        ("7k/8/6K1/8/8/8/8/5Q2 w - - 0 1", "f1f8", 0),  # mate
        ("7k/8/6K1/8/8/8/8/5Q2 w - - 0 1", "f1f7", MOST),  # stalemate
        ("7k/8/6K1/8/8/8/8/5Q2 w - - 99 80", "f1a1", MOST),  # the fiftieth move
        (
            "6k1/8/1Q6/8/8/8/8/1K6 w - - 0 1 moves b1a1 g8h8 a1a2 h8g8 a2a1 g8h8 a1a2 h8g8",
            "a2a1",
            MOST,  # the third time
        ),
    ],
)
def test_the_end_of_a_game_is_worth_what_the_rules_say(position: str, move: str, lost: int) -> None:
    studied, at = blunders._study(player(value=True), Chess(), position), moves(position)[move]
    assert studied.lost[at] == lost
    assert math.isnan(studied.next_values[at])


def test_a_likeliest_move_that_draws_is_no_capture_of_the_opponent(monkeypatch: pytest.MonkeyPatch) -> None:
    position = "7k/8/6K1/8/8/8/8/5Q2 w - - 0 1"
    uniform, at = player(value=True), moves(position)["f1f7"]
    original = uniform.distribution

    def certain(observation: Any) -> Distribution:
        given = original(observation)
        if len(observation) > 1:
            return given
        log_probs = torch.full_like(given.log_probs, -20.0)
        log_probs[0, at] = 0.0
        return Distribution(log_probs, given.mask, given.value)

    monkeypatch.setattr(uniform, "distribution", certain)
    assert blunders._study(uniform, Chess(), position).kind == "drawn"


def test_no_move_may_go_on() -> None:
    studied = blunders._study(player(value=True), Chess(), "7k/8/8/8/8/8/1q6/K7 w - - 0 1")  # king takes queen
    assert np.isnan(studied.next_values).all()
    assert np.isnan(blunders.pawns([studied])).all()


def test_pawns_of_heads_that_see_the_board_alone_or_what_hangs_too() -> None:
    rng = np.random.default_rng(1)
    for seen in (0.0, 0.5, 1.0):
        studied = []
        for _ in range(50):
            taken, hanging = rng.integers(0, 9, (2, 6)).astype(float)
            now = int(rng.integers(-8, 9))
            after = 0.1 * (now + taken - seen * hanging) + 0.3
            after[0] = np.nan
            studied.append(Studied(np.ones(6) / 6, hanging, None, now, taken, hanging, 0.1 * now + 0.3, after))
        assert blunders.pawns(studied) == pytest.approx((0.1, 0.1, 0.1 * seen))


def test_a_value_head_learned_from_strong_games_sees_what_hangs(capsys: pytest.CaptureFixture[str]) -> None:
    assert blunders.main(["chess_from_pgn", "chess_from_pgn?temperature=2", "--games", "4"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split("  ")[0] for row in rows if not row.startswith(" ")] == [
        "chess_from_pgn",
        "chess_from_pgn?temperature=2",
    ]
    on_board, taken, kept = (float(number) for number in rows[2].replace(",", "").split() if number.startswith("0."))
    assert min(on_board, taken, kept) > 0.02


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["nobody"], "nobody"), (["random"], "random has no probabilities"), (["chess_quick", "--games", "0"], "--games")],
)
def test_what_cannot_be_studied(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        blunders.main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
