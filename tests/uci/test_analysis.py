"""The analysis of one position: the choice against PolicyPlayer, scores against closed forms."""

from __future__ import annotations

import chess
import numpy as np
import pytest
import torch

from chesspg.games.chess import Chess
from chesspg.games.chess.encoding import action_to_move
from chesspg.players.player import Turn
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.uci.analysis import analyze, centipawns, win_draw_loss

GAME = Chess(backend="python-chess")
LONG = "startpos moves g1f3 g8f6 f3g1 f6g8 b1c3 b8c6 e2e4 e7e5 f1b5 f8b4"


@pytest.fixture(scope="module", params=[False, True], ids=["policy", "policy and value"])
def policy(request: pytest.FixtureRequest) -> Policy:
    torch.manual_seed(1)
    network = MLP(GAME, hidden=(8,), value=request.param)
    with torch.no_grad():
        network.policy_head.weight.mul_(10)  # so that moves differ
    return Policy(GAME, network.requires_grad_(False), temperature=2.0)


@pytest.mark.parametrize("uniform", [0.0, 0.37, 0.9999999])
@pytest.mark.parametrize("temperature", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("position", ["startpos", LONG])
def test_chooses_as_the_policy_player_does(policy: Policy, position: str, temperature: float, uniform: float) -> None:
    board, games = GAME.to_board(position), GAME.start([position])
    turn = Turn(games.observe(), np.array([uniform]), games, np.array([0]))
    index = PolicyPlayer(policy, temperature).choose(turn).index[0]
    move = action_to_move(int(turn.observation.legal.actions[index]), board)
    found = analyze(policy, board, list(board.legal_moves), temperature=temperature, uniform=uniform)
    assert found.lines[0].moves[0] == move


def test_top_p_draws_from_the_likeliest_alone(policy: Policy) -> None:
    board = chess.Board()
    every = analyze(policy, board, list(board.legal_moves), temperature=1.0, lines=20, look_ahead=False).lines
    probability = {line.moves[0]: line.probability for line in every}
    assert sum(probability.values()) == pytest.approx(1)
    likeliest = sorted(probability, key=lambda move: -probability[move])
    enough = probability[likeliest[0]] + probability[likeliest[1]] - 1e-6
    uniforms = np.linspace(0, 0.999, 200)
    drawn = [
        analyze(policy, board, probability, temperature=1.0, top_p=enough, uniform=u, look_ahead=False)
        .lines[0]
        .moves[0]
        for u in uniforms
    ]
    assert set(drawn) == set(likeliest[:2])
    share = probability[likeliest[0]] / (probability[likeliest[0]] + probability[likeliest[1]])
    assert drawn.count(likeliest[0]) / len(drawn) == pytest.approx(share, abs=0.02)


def test_lines_are_the_move_played_then_the_likeliest(policy: Policy) -> None:
    board = GAME.to_board(LONG)
    moves = list(board.legal_moves)
    lines = analyze(policy, board, moves, lines=len(moves)).lines
    assert [line.probability for line in lines] == sorted((line.probability for line in lines), reverse=True)
    assert {line.moves[0] for line in lines} == set(moves)
    drawn = analyze(policy, board, moves, temperature=2.0, uniform=0.99, lines=4).lines
    likeliest = [line.moves[0] for line in lines if line.moves[0] != drawn[0].moves[0]]
    assert [line.moves[0] for line in drawn[1:]] == likeliest[:3]


def test_a_move_is_scored_by_what_the_network_says_after_it(policy: Policy) -> None:
    board = GAME.to_board("r3k3/8/8/8/8/8/4P3/4K2R w K - 0 1")
    found = analyze(policy, board, list(board.legal_moves), lines=3)
    assert found.nodes == 4
    for line in found.lines:
        child = board.copy()
        child.push(line.moves[0])
        games = GAME.start([child.fen()])
        distribution = policy.observe(games.observe())
        best = int(distribution.mode()[0])
        assert line.moves[1] == action_to_move(int(games.observe().legal.actions[best]), child)
        if distribution.value is None:
            assert line.centipawns == 100  # a rook and a pawn against a rook
        else:
            assert line.centipawns == centipawns(-float(distribution.value[0]))


def test_without_a_look_ahead_all_lines_have_the_score_of_the_position(policy: Policy) -> None:
    board = chess.Board("4k3/p7/8/8/8/8/8/4K2R b K - 0 1")
    found = analyze(policy, board, list(board.legal_moves), lines=3, look_ahead=False)
    assert found.nodes == 1
    value = policy.observe(GAME.start([board.fen()]).observe()).value
    assert {line.centipawns for line in found.lines} == {-400 if value is None else centipawns(float(value[0]))}
    assert all(len(line.moves) == 1 for line in found.lines)


def test_a_move_that_mates_wins_and_one_that_draws_is_even(policy: Policy) -> None:
    board = chess.Board("7k/8/5KQ1/8/8/8/8/8 w - - 0 1")
    mate, stalemate = chess.Move.from_uci("g6g7"), chess.Move.from_uci("f6f7")
    found = analyze(policy, board, [mate, stalemate], lines=2)
    by_move = {line.moves[0]: line for line in found.lines}
    assert by_move[mate].wins
    assert not by_move[stalemate].wins
    assert by_move[stalemate].centipawns == 0
    assert all(len(line.moves) == 1 for line in found.lines)
    assert found.nodes == 1


@pytest.mark.parametrize(
    "position",
    [
        "startpos moves g1f3 g8f6 f3g1 f6g8 g1f3 g8f6 f3g1 f6g8",  # a threefold repetition that was not claimed
        "4k3/8/8/8/8/8/8/R3K3 w Q - 100 80",  # fifty moves
        "4k3/8/8/8/8/8/8/4K3 w - - 0 1",  # nobody can mate
    ],
)
def test_plays_on_where_a_draw_was_not_claimed(policy: Policy, position: str) -> None:
    board = GAME.to_board(position)
    found = analyze(policy, board, list(board.legal_moves))
    assert found.lines[0].moves[0] in board.legal_moves


def test_repetitions_of_a_long_game_are_seen(policy: Policy) -> None:
    """A move that repeats the position a third time is a draw, wherever it happens in the game."""
    position = f"{LONG} a2a3 a7a6 c3b1 c6b8 b1c3 b8c6 c3b1 c6b8 b1c3"
    board = GAME.to_board(position)
    repeats = chess.Move.from_uci("b8c6")
    found = analyze(policy, board, [repeats])
    assert found.nodes == 1
    assert found.lines[0].centipawns == 0


def test_centipawns() -> None:
    assert centipawns(0.0) == 0
    assert centipawns(9 / 11) == 400  # ten to one
    assert centipawns(-9 / 11) == -400
    assert centipawns(1.0) == -centipawns(-1.0) == 2120


@pytest.mark.parametrize("score", [-2120, -400, -37, 0, 37, 400, 2120])
def test_wins_draws_and_losses_have_the_expected_score(score: int) -> None:
    win, draw, loss = win_draw_loss(score)
    assert win + draw + loss == 1000
    assert min(win, draw, loss) >= 0
    assert (win + draw / 2) / 1000 == pytest.approx(1 / (1 + 10 ** (-score / 400)), abs=0.001)
    assert win_draw_loss(0) == (250, 500, 250)
