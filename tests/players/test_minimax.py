"""Minimax against a plain recursion; mates, exchanges, and tic-tac-toe to its end."""

from __future__ import annotations

from functools import partial

import chess
import numpy as np
import pytest

from chesspg.games.chess import Chess, encoding
from chesspg.games.game import Game
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.learning.rewards import adjudicated
from chesspg.players.minimax import EXCHANGE, MATE, Minimax
from chesspg.players.player import Greedy, Random, Turn
from chesspg.selfplay.loop import play

VALUES = dict(zip(chess.PIECE_TYPES, encoding.PIECE_VALUES.tolist(), strict=True))


def answers(player: Minimax, game: Game, positions: list[str], uniforms: np.ndarray) -> list[str]:
    """The move of the player in each position."""
    games = game.start(positions)
    seen = games.observe()
    choice = player.choose(Turn(seen, uniforms, games, np.arange(len(positions))))
    actions = seen.legal.take(choice.index)
    return [game.move_name(position, int(action)) for position, action in zip(positions, actions, strict=True)]


def moves_of(depth: int, game: Game, position: str) -> set[str]:
    """All moves that it may choose in one position: log_prob gives their number, and equal uniforms find them all."""
    games = game.start([position])
    seen, player = games.observe(), Minimax(game, depth)
    count = round(float(np.exp(-player.choose(Turn(seen, np.zeros(1), games, np.arange(1))).log_prob[0])))
    grid = (np.arange(count) + 0.5) / count
    return set(answers(player, game, [position] * count, grid))


def balance(board: chess.Board) -> float:
    """Material of the mover less that of the other side."""
    return sum(VALUES[p.piece_type] * (1 if p.color == board.turn else -1) for p in board.piece_map().values())


def exchange(board: chess.Board, square: int | None, left: int = EXCHANGE) -> float:
    """The value for the mover if it may stop, or capture anything, or capture on one square."""
    best = balance(board)
    if not left or board.is_game_over():
        return best
    for move in list(board.legal_moves):
        if board.is_capture(move) and move.promotion in (None, chess.QUEEN) and square in (None, move.to_square):
            board.push(move)
            best = max(best, -exchange(board, move.to_square, left - 1))
            board.pop()
    return best


def value(board: chess.Board, depth: int, ply: int) -> float:
    """The value of the position for its mover."""
    if board.is_checkmate():
        return -(MATE - (ply - 1))
    if (
        board.is_stalemate()
        or board.is_insufficient_material()
        or board.halfmove_clock >= 100
        or board.is_repetition(3)
    ):
        return 0.0
    if not depth:
        return exchange(board, None)
    best = -MATE
    for move in list(board.legal_moves):
        board.push(move)
        best = max(best, -value(board, depth - 1, ply + 1))
        board.pop()
    return best


def reference(game: Chess, position: str, depth: int) -> set[str]:
    board, values = game.to_board(position), {}
    for move in list(board.legal_moves):
        name = board.san(move)
        board.push(move)
        values[name] = -value(board, depth - 1, 1)
        board.pop()
    return {name for name, of in values.items() if of == max(values.values())}


def positions_of_play(count: int, plies: int) -> list[str]:
    rollout = play(Chess().start(count), (Greedy(), Random()), Randomness(plies), max_plies=plies)
    return [text for text, going in zip(rollout.positions(), rollout.truncated, strict=True) if going]


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1, 2])
def test_it_chooses_among_the_best_of_a_plain_recursion(depth: int) -> None:
    positions = [*positions_of_play(1, 12), *positions_of_play(2, 41), *positions_of_play(3, 75)]
    assert len(positions) > 3
    for position in positions:
        assert moves_of(depth, Chess(), position) == reference(Chess(), position, depth), position


def test_three_plies_as_a_plain_recursion() -> None:
    for position in ("8/5k2/4p3/3pP3/1r1P4/5K2/2R5/8 w - - 0 1", "6k1/5p2/8/8/1n6/8/5PPP/R5K1 b - - 0 1"):
        assert moves_of(3, Chess(), position) == reference(Chess(), position, 3)


@pytest.mark.parametrize(
    ("position", "depth", "best"),
    [
        ("6k1/q4ppp/8/8/8/8/5PPP/R3R1K1 w - - 0 1", 1, {"Re8#"}),  # mate, although a queen can be captured
        ("r3r1k1/5ppp/8/8/8/8/Q4PPP/6K1 b - - 0 1", 2, {"Re1#"}),
        ("7k/8/5K2/8/8/8/8/R7 w - - 0 1", 3, {"Kf7", "Kg6"}),  # either mates with the next move
        ("7k/8/6K1/8/8/8/8/R7 w - - 0 1", 3, {"Ra8#"}),  # sooner is better than two plies later
        ("3q3k/2p5/1p6/1p6/P7/8/3R4/7K w - - 0 1", 1, {"Rxd8+"}),  # the queen before the pawn
        ("3rr2k/8/1p6/P5Q1/8/8/8/7K w - - 0 1", 1, {"axb6"}),  # the rook is protected
        ("7k/8/8/2pP4/8/8/8/7K w - c6 0 1", 1, {"dxc6"}),  # en passant
        ("1n5k/P7/8/8/8/8/8/7K w - - 0 1", 1, {"axb8=Q+"}),
        ("7k/8/8/8/3n4/8/1q6/R6K b - - 0 1", 2, {"Qxa1+"}),
    ],
)
@pytest.mark.parametrize("backend", ["python-chess", "bitboards"])
def test_moves_known_by_hand(position: str, depth: int, best: set[str], backend: str) -> None:
    if backend == "bitboards":
        pytest.importorskip("numba")
    assert moves_of(depth, Chess(backend=backend), position) == best


def test_it_answers_each_game_of_a_mixed_batch_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """All games at once, one game at a time within a batch, and single games."""
    positions = [*positions_of_play(4, 20), *positions_of_play(4, 33)]
    uniforms = np.random.default_rng(0).random(len(positions))
    player = Minimax(Chess(), 2)
    together = answers(player, Chess(), positions, uniforms)
    monkeypatch.setattr("chesspg.players.minimax.POSITIONS", 1)
    assert answers(player, Chess(), positions, uniforms) == together
    assert [answers(player, Chess(), [p], uniforms[[k]])[0] for k, p in enumerate(positions)] == together


def test_variants_are_played() -> None:
    """A capture that explodes next to a king is a win: 1 Nxd7 destroys e8 too."""
    game = Chess("atomic")
    start = "rnbqkbnr/pppppppp/8/4N3/8/8/PPPPPPPP/RNBQKB1R w KQkq - 0 1"
    assert moves_of(1, game, start) == {"Nxd7#", "Nxf7#"}


def test_tic_tac_toe_is_won_and_held() -> None:
    assert moves_of(1, TicTacToe(), "3/3/3 x moves a1 b1 a2 b2") == {"a3"}
    assert moves_of(2, TicTacToe(), "3/3/3 x moves a1 b2 a2") == {"a3"}  # otherwise a3 loses
    player = Minimax(TicTacToe(), 3)
    rollout = play(TicTacToe().start(200), [(player, Random()), (Random(), player)] * 100, Randomness(0))
    mine = rollout.outcome * np.tile([1, -1], 100)
    assert (mine == -1).mean() < 0.1  # forks are seen too late
    assert (mine == 1).mean() > 0.8


def test_it_beats_the_greedy_player() -> None:
    player, greedy, count = Minimax(Chess(), 2), Greedy(), 20
    rollout = play(
        Chess().start(count),
        [(player, greedy), (greedy, player)] * (count // 2),
        Randomness(0),
        max_plies=160,
        reward=partial(adjudicated, weight=0.5),
    )
    assert (rollout.reward * np.tile([1, -1], count // 2)).mean() > 0.4


def test_depths_it_does_not_have() -> None:
    for depth in (0, 4):
        with pytest.raises(ValueError, match=f"depth must be 1, 2 or 3, got {depth}"):
            Minimax(Chess(), depth)
