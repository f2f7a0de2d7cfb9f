"""What a policy makes of one chess position: the move it plays, its likeliest others, replies and scores."""

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

LIMIT = 0.99999  # a value nearer to ±1 says no more than this one


class Line(NamedTuple):
    """A move and what becomes of it, seen from its mover."""

    moves: list[chess.Move]  # the move, then the likeliest reply if it was looked for and there is one
    probability: float
    centipawns: int
    wins: bool = False  # the move ends the game, and wins it


class Analysis(NamedTuple):
    lines: list[Line]  # the move to play first, then the likeliest others
    nodes: int  # positions the network saw


def analyse(
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
    """Choose one of some moves, and score it and the likeliest others.

    Args:
        policy: A policy of chess.
        board: The position.
        moves: Those to choose from, at least one.
        temperature: Sharpness of the choice, as in PolicyPlayer; 0 takes the likeliest move.
        top_p: Only the likeliest moves that have this probability together are sampled from, Holtzman et al. (2020).
        random: With that probability any of the moves is played, all alike, as in Mixture.
        uniform: The number in [0, 1) that chooses, through the cumulative probabilities of the ascending actions.
        lines: How many moves are scored at most.
        look_ahead: Score each line by the position after its move, in one more call of the network; else all lines by
            the position itself.

    Returns:
        The move to play first, then the likeliest others.
    """
    played = {move_to_action(move, board.turn): move for move in moves}
    actions = np.array(sorted(played), dtype=np.int16)
    games = _games([board])
    seen = games.observe()
    # The rules of a Game end it where players may go on: at a repetition nobody claimed. So the moves are the board's.
    observation = Observation(seen.planes, seen.scalars, seen.player, Legal(actions, np.array([0, len(actions)])))
    distribution = PolicyPlayer(policy, temperature).distribution(observation)
    probability = distribution.probs[0].double().numpy(force=True)  # [actions]
    order = np.argsort(-probability, kind="stable")
    if uniform < random:
        first = int(uniform / random * len(actions))
    else:
        rest = (uniform - random) / (1 - random)
        first = int(order[0]) if temperature == 0 else _draw(probability, order, top_p, rest)
    best = [first, *order[order != first][: lines - 1]]

    if not look_ahead:
        value = None if distribution.value is None else float(distribution.value[0])
        score = _score(value, board)
        return Analysis([Line([played[int(actions[k])]], float(probability[k]), score) for k in best], 1)

    after = [_after(board, played[int(actions[k])]) for k in best]
    children = _games(after)
    outcomes, seen = children.outcomes(), children.observe()
    going_on = np.flatnonzero(~outcomes.over)
    replies = PolicyPlayer(policy, 0).distribution(seen[going_on]) if len(going_on) else None
    analysed = []
    for row, k in enumerate(best):
        moves_, wins, score = [played[int(actions[k])]], False, 0
        if outcomes.over[row]:
            wins = bool(outcomes.outcome[row] == (1 if board.turn else -1))
            score = centipawns(int(wins))
        elif replies is not None:
            at = int(np.searchsorted(going_on, row))
            legal = seen.legal[[row]].actions
            moves_.append(action_to_move(int(legal[int(replies.mode()[at])]), after[row]))
            score = -_score(None if replies.value is None else float(replies.value[at]), after[row])
        analysed.append(Line(moves_, float(probability[k]), score, wins))
    return Analysis(analysed, 1 + len(going_on))


def centipawns(value: float) -> int:
    """400·log₁₀(W / (1 − W)) with W = (1 + value) / 2, for an expected return in [−1, 1].

    The logistic relation of a pawn's advantage to the expected score found by Fischer and Kannan (2007).
    """
    value = max(-LIMIT, min(LIMIT, value))
    return round(400 * math.log10((1 + value) / (1 - value)))


def win_draw_loss(score: int) -> tuple[int, int, int]:
    """Wins, draws and losses in 1000 games at a score in centipawns: p², 2p(1 − p), (1 − p)², p the expected score.

    A score leaves open how many games are drawn; this is as if its two half points were won independently.
    """
    p = 1 / (1 + 10 ** (-score / 400))
    win, loss = round(1000 * p**2), round(1000 * (1 - p) ** 2)
    return win, 1000 - win - loss, loss


def _score(value: float | None, board: chess.Board) -> int:
    """Centipawns for the mover; without a value head by the material."""
    if value is not None:
        return centipawns(value)
    return round(100 * float(_games([board]).heuristic()[0])) * (1 if board.turn else -1)


def _draw(probability: NDArray[np.float64], order: NDArray[np.int64], top_p: float, uniform: float) -> int:
    """The index that `uniform` chooses among the likeliest that reach top_p together."""
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
    """A copy with the moves that a repetition can go back to, not all of a long game."""
    return board.copy(stack=board.halfmove_clock)
