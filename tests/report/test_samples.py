"""Sample games: positions as in python-chess, and the policy's output as for single positions."""

from __future__ import annotations

import chess
import pytest
import torch

from chesspg.games.chess import Chess
from chesspg.games.chess.encoding import move_to_action
from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.pgn.own_games import recorded
from chesspg.pgn.writing import to_pgn
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.report.samples import Sample, read_sample

# A castle, a capture in passing, a promotion, a mate: all that changes more than two squares, and an end.
GAME = (
    "startpos moves e2e4 d7d5 e4e5 f7f5 e5f6 g8h6 g1f3 h6f7 f1c4 f7d6 e1g1 d6c4 f6g7 c4d6 g7h8q c8h3 f3e5 b8c6 d2d3 "
    "c6b4 e5g4 d8c8 h8f6 f8h6 d1e1 b7b5 e1e7"
)
BLACK_BEGINS = "7k/8/3Q4/8/8/8/7r/1K6 b - - 0 31 moves h2h3 d6f8"


def sampled(game: Game, position: str, *, value: bool = True) -> tuple[Sample, Policy]:
    torch.manual_seed(0)
    policy = Policy(game, MLP(game, hidden=(8,), value=value))
    [one] = recorded(to_pgn(game, position).split("\n"))
    return read_sample(one.headers.get("FEN", ""), one.moves, policy), policy


@pytest.mark.parametrize("position", [GAME, BLACK_BEGINS])
def test_against_python_chess_and_one_call_a_position(position: str) -> None:
    game = Chess()
    sample, policy = sampled(game, position)
    start, _, moves = position.partition(" moves ")
    board = chess.Board() if start == "startpos" else chess.Board(start)
    assert sample.mover == (0 if board.turn else 1)
    assert sample.number == board.fullmove_number
    assert len(sample.boards) == len(sample.names) + 1 == len(moves.split()) + 1
    before = start
    for t, text in enumerate(moves.split()):
        assert sample.boards[t] == "".join(str(board.piece_at(square) or ".") for square in chess.SQUARES)
        move = chess.Move.from_uci(text)
        assert sample.names[t] == board.san(move)
        observation = game.start([before]).observe()
        with torch.no_grad():
            distribution = policy.observe(observation)
        probs = dict(zip(observation.legal.actions.tolist(), distribution.probs[0].tolist(), strict=True))
        assert sample.chances[t] == pytest.approx(probs[move_to_action(move, board.turn)], abs=1e-5)
        assert distribution.value is not None
        assert sample.values[t] == pytest.approx(float(distribution.value) * (1 if board.turn else -1), abs=1e-5)
        assert [one.probability for one in sample.likely[t]] == pytest.approx(
            sorted(probs.values(), reverse=True)[:3], abs=1e-5
        )
        for one in sample.likely[t]:
            meant = board.parse_san(one.name)
            assert one.squares == (meant.from_square, meant.to_square)
        board.push(move)
        before = f"{start} moves {' '.join(moves.split()[: t + 1])}"
    assert sample.boards[-1] == "".join(str(board.piece_at(square) or ".") for square in chess.SQUARES)


def test_keys_are_where_the_policy_is_least_sure_or_its_value_has_changed_most() -> None:
    game = Chess()
    sample, policy = sampled(game, GAME)
    with torch.no_grad():
        entropies = [
            float(
                policy.observe(game.start([" ".join(GAME.split()[: 2 + t]) if t else "startpos"]).observe()).entropy()
            )
            for t in range(len(sample.names))
        ]
    course = [*sample.values, 1.0]  # White mates
    changes = {t: abs(course[t] - course[t - 2]) for t in range(2, len(course))}
    unsure = sorted(range(len(entropies)), key=lambda t: -entropies[t])[:4]
    assert sample.keys == sorted({*unsure, *sorted(changes, key=lambda t: -changes[t])[:4]})


def test_another_game_is_drawn_as_text() -> None:
    game = TicTacToe()
    sample, _ = sampled(game, f"{game.start(1).position(0)} moves b2 a1 c3", value=False)
    assert sample.names == ["b2", "a1", "c3"]
    assert sample.boards[-1] == game.render(f"{game.start(1).position(0)} moves b2 a1 c3")
    assert sample.values == []
    assert sample.keys == [0, 1, 2]
    assert sample.likely[0][0].squares is None


def test_a_start_of_its_own() -> None:
    sample, _ = sampled(TicTacToe(), "x2/1o1/3 x moves c3")
    assert (sample.mover, sample.names) == (0, ["c3"])
    sample, _ = sampled(TicTacToe(), "x2/3/3 o moves c3")
    assert sample.mover == 1


@pytest.mark.parametrize("moves", ["1. e4 e5 2. Ke3 *", "1. e4 nonsense *", "*", "1. f3 e5 2. g4 Qh4# 3. a3 *", ""])
def test_what_is_no_game_is_refused(moves: str) -> None:
    torch.manual_seed(0)
    policy = Policy(Chess(), MLP(Chess(), hidden=(8,)))
    with pytest.raises(ValueError):
        read_sample(f'[Event "?"]\n\n{moves}\n', {"Event": "?"}, policy)
    with pytest.raises(ValueError):
        read_sample(f'[Event "?"]\n\n{moves}\n', {"FEN": "no position"}, policy)
