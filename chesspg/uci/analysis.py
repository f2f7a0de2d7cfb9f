"""A policy's analysis of one chess position: the move to play, the most likely other moves, replies and scores."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import NamedTuple

import chess
import numpy as np
from numpy.typing import NDArray

from chesspg.games.chess.encoding import action_to_move, move_to_action
from chesspg.games.chess.python_chess import PythonChessGames
from chesspg.games.game import Legal, Observation
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.policy import Policy

LIMIT = 0.99999  # values closer to ±1 are clipped to this


class Line(NamedTuple):
    """A move with its evaluation, from the side of its mover."""

    moves: list[chess.Move]  # the move, then the most likely reply if it was computed and there is one
    probability: float
    centipawns: int
    wins: bool = False  # whether the move wins the game at once


class Analysis(NamedTuple):
    """The lines of one position."""

    lines: list[Line]  # the move to play first, then the most likely other moves
    nodes: int  # number of positions that the network evaluated


def analyze(
    policy: Policy,
    board: chess.Board,
    moves: Collection[chess.Move],
    *,
    temperature: float = 0.0,
    top_p: float = 1.0,
    random: float = 0.0,
    uniform: float = 0.0,
    lines: int = 1,
    look_ahead: bool = True,
) -> Analysis:
    """Choose one of the moves, and score it and the most likely other moves.

    Args:
        policy: A policy for chess or a variant of it.
        board: The position.
        moves: The moves to choose from, at least one.
        temperature: The temperature of the choice, as in PolicyPlayer; with 0 the most likely move is chosen.
        top_p: Sample only from the most likely moves whose probabilities sum to this, Holtzman et al. (2020).
        random: Probability of a uniformly random move, as in Mixture.
        uniform: The number in [0, 1) that determines the choice, by the cumulative probabilities of ascending actions.
        lines: The most moves to score.
        look_ahead: Whether each line is scored by the position after its move, in one more call of the network;
            otherwise all lines have the score of the position itself.

    Returns:
        The move to play first, then the most likely other moves.
    """
    played = {move_to_action(move, board.turn): move for move in moves}
    actions = np.array(sorted(played), dtype=np.int16)
    games = _games([board])
    seen = games.observe()
    # The legal moves are those of the board: a Game ends at a third repetition, but in a GUI play may go on after it.
    observation = Observation(seen.planes, seen.scalars, seen.player, Legal(actions, np.array([0, len(actions)])))
    distribution = PolicyPlayer(policy, temperature).distribution(observation)
    probability = distribution.probs[0].double().numpy(force=True)  # [actions]
    order = np.argsort(-probability, kind="stable")
    if uniform < random:
        first = int(uniform / random * len(actions))
    else:
        rest = (uniform - random) / (1 - random)
        first = int(order[0]) if temperature == 0 else _sample(probability, order, top_p, rest)
    best = [first, *order[order != first][: lines - 1]]
    chosen = [(played[int(actions[k])], float(probability[k])) for k in best]
    if look_ahead:
        return _look_ahead(policy, board, chosen)
    score = _score(None if distribution.value is None else float(distribution.value[0]), board)
    return Analysis([Line([move], share, score) for move, share in chosen], 1)


def _look_ahead(policy: Policy, board: chess.Board, chosen: list[tuple[chess.Move, float]]) -> Analysis:
    """Lines for these moves and their probabilities, each with the most likely reply and the score after the move."""
    after = [_after(board, move) for move, _ in chosen]
    children = _games(after)
    outcomes, seen = children.outcomes(), children.observe()
    going_on = np.flatnonzero(~outcomes.over)
    replies = PolicyPlayer(policy, 0).distribution(seen[going_on]) if len(going_on) else None
    lines = []
    for row, (move, probability) in enumerate(chosen):
        moves, wins, score = [move], False, 0
        if outcomes.over[row]:
            wins = bool(outcomes.outcome[row] == (1 if board.turn else -1))
            score = centipawns(int(wins))
        elif replies is not None:
            at = int(np.searchsorted(going_on, row))
            legal = seen.legal[[row]].actions
            moves.append(action_to_move(int(legal[int(replies.mode()[at])]), after[row]))
            score = -_score(None if replies.value is None else float(replies.value[at]), after[row])
        lines.append(Line(moves, probability, score, wins))
    return Analysis(lines, 1 + len(going_on))


def centipawns(value: float) -> int:
    """Convert an expected return to centipawns: 400·log₁₀(W / (1 − W)) with W = (1 + value) / 2.

    This is the logistic relation of the advantage in pawns to the expected score of Fischer and Kannan (2007).

    Args:
        value: The expected return in [−1, 1].
    """
    value = max(-LIMIT, min(LIMIT, value))
    return round(400 * math.log10((1 + value) / (1 - value)))


def win_draw_loss(score: int) -> tuple[int, int, int]:
    """Expected wins, draws and losses in 1000 games: p², 2p(1 − p) and (1 − p)², with p the expected score.

    A score does not determine the number of draws; this assumes that the two half points of a game are independent.

    Args:
        score: The score in centipawns.
    """
    p = 1 / (1 + 10 ** (-score / 400))
    win, loss = round(1000 * p**2), round(1000 * (1 - p) ** 2)
    return win, 1000 - win - loss, loss


def _score(value: float | None, board: chess.Board) -> int:
    """Centipawns for the mover, by material if there is no value head."""
    if value is not None:
        return centipawns(value)
    return round(100 * float(_games([board]).heuristic()[0])) * (1 if board.turn else -1)


def _sample(probability: NDArray[np.float64], order: NDArray[np.int64], top_p: float, uniform: float) -> int:
    """The index that `uniform` selects among the most likely moves whose probabilities sum to top_p."""
    enough = int(np.searchsorted(np.cumsum(probability[order]), top_p)) + 1
    kept = np.zeros_like(probability)
    kept[order[:enough]] = probability[order[:enough]]
    cumulative = np.cumsum(kept)
    return min(int((cumulative <= uniform * cumulative[-1]).sum()), len(probability) - 1)


def _after(board: chess.Board, move: chess.Move) -> chess.Board:
    child = _recent(board)
    child.push(move)
    return child


def _games(boards: list[chess.Board]) -> PythonChessGames:
    return PythonChessGames.from_boards([_recent(board) for board in boards])


def _recent(board: chess.Board) -> chess.Board:
    """A copy that keeps only the moves since the last capture or pawn move, which are enough to see repetitions."""
    return board.copy(stack=board.halfmove_clock)
