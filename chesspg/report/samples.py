"""A game as a page can step through it: each position, and what a policy makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import chess
import numpy as np
import torch
from numpy.typing import NDArray

from chesspg.games.chess import Chess
from chesspg.games.chess.encoding import action_to_move, move_to_action
from chesspg.games.game import Game, Legal, Observation
from chesspg.policy.policy import Policy

LIKELY = 3  # moves shown of each position
At = chess.Board | str  # a position: in chess a board without what went before, else as text with it
BATCH = 256  # positions a call of the network
KEYS = 4  # positions marked for each of two reasons: the policy is least sure, its value has changed most


@dataclass(frozen=True)
class Likely:
    """A move that the policy thinks of."""

    name: str
    probability: float
    squares: tuple[int, int] | None  # from and to in chess, a1 = 0; None in other games


@dataclass(frozen=True)
class Sample:
    """A game of T plies."""

    mover: int  # who makes the first move, 0 or 1
    number: int  # of the first move
    names: list[str]  # [T] the moves
    boards: list[str]  # [T + 1] in chess 64 letters from a1 to h8, a dot for an empty square; else Game.render
    likely: list[list[Likely]]  # [T] the policy's moves before each ply, likeliest first
    chances: list[float]  # [T] the probability of the move played
    values: list[float]  # [T] what the policy expects for player 0; empty if its network has no value
    reason: str  # why the rules ended it; empty if they did not
    left: int  # moves after that, which are left out: people play on after a third repetition that nobody claims
    keys: list[int]  # by plies played, the positions in which the policy is least sure or its value has changed most


def read_sample(start: str, moves: Sequence[str], policy: Policy) -> Sample:
    """The game of these moves, as people write them, and what `policy` makes of each position.

    start: where the game begins, as in Game.start; empty for the initial position.
    Raises ValueError if the moves are no game of policy.game.
    """
    game = policy.game
    games = game.start([start]) if start else game.start(1)
    # Boards of their own, as reading a position with all its moves takes the longer the longer the game is.
    at: list[At] = [game.to_board(games.position(0)) if isinstance(game, Chess) else games.position(0)]  # [T + 1]
    names, actions, seen = [], [], []
    for ply, move in enumerate(moves):
        if games.outcomes().over[0]:
            break
        try:
            actions.append(_parse(game, at[-1], move))
        except ValueError as error:
            raise ValueError(f"ply {ply + 1}: {error}") from None
        names.append(_name(game, at[-1], actions[-1]))
        seen.append(games.observe())
        games.play(np.array(actions[-1:]))
        at.append(_after(at[-1], actions[-1]) if isinstance(at[-1], chess.Board) else games.position(0))
    if not names:
        raise ValueError("it has no moves")

    together = Observation(
        np.concatenate([one.planes for one in seen]),
        np.concatenate([one.scalars for one in seen]),
        np.concatenate([one.player for one in seen]),
        Legal.concatenate([one.legal for one in seen]),
    )
    probs, entropies, values = _opinions(policy, together)
    ending = games.outcomes()
    # From one turn of a side to its next: a network's view of both sides seldom adds up to zero.
    course: NDArray[np.float64] = np.append(values, ending.outcome[ending.over]) if len(values) else values
    changes = np.abs(course[2:] - course[:-2])
    return Sample(
        mover=int(together.player[0]),
        number=at[0].fullmove_number if isinstance(at[0], chess.Board) else 1,
        names=names,
        boards=[_drawn(game, position) for position in at],
        likely=[_likely(game, *each) for each in zip(at[:-1], seen, probs, strict=True)],
        chances=[float(p[one.legal.actions == a][0]) for p, one, a in zip(probs, seen, actions, strict=True)],
        values=values.tolist(),
        reason=game.reasons[int(ending.reason[0])] if ending.over[0] else "",
        left=len(moves) - len(names),
        keys=sorted({*_largest(entropies), *(t + 2 for t in _largest(changes))}),
    )


def _opinions(
    policy: Policy, seen: Observation
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64], NDArray[np.float64]]:
    """What the policy makes of T positions.

    Returns: of each position the probabilities of its legal actions; [T] entropies; [T] values for player 0, or [0]
    without a value head.
    """
    probs: list[NDArray[np.float64]] = []
    entropies: list[NDArray[np.float64]] = []
    values: list[NDArray[np.float64]] = []
    for first in range(0, len(seen), BATCH):
        part = seen[first : first + BATCH]
        with torch.no_grad():
            distribution = policy.observe(part)
        padded = distribution.probs.double().cpu().numpy()
        probs += [row[:count] for row, count in zip(padded, part.legal.counts, strict=True)]
        entropies.append(distribution.entropy().double().cpu().numpy())
        if distribution.value is not None:
            sign = 1 - 2 * part.player.astype(np.float64)  # the network speaks for the mover, a sample for player 0
            values.append(sign * distribution.value.double().cpu().numpy())
    return probs, np.concatenate(entropies), np.concatenate(values) if values else np.empty(0)


def _parse(game: Game, at: At, move: str) -> int:
    if isinstance(at, chess.Board):
        try:
            return move_to_action(at.parse_san(move), at.turn)
        except ValueError:
            return game.parse_move(at.fen(), move)  # in another notation, or wrong: it says how
    return game.parse_move(at, move)


def _name(game: Game, at: At, action: int) -> str:
    return at.san(action_to_move(action, at)) if isinstance(at, chess.Board) else game.move_name(at, action)


def _after(board: chess.Board, action: int) -> chess.Board:
    after = board.copy(stack=False)
    after.push(action_to_move(action, board))
    return after


def _drawn(game: Game, at: At) -> str:
    if not isinstance(at, chess.Board):
        return game.render(at)
    pieces = at.piece_map()
    return "".join(pieces[square].symbol() if square in pieces else "." for square in chess.SQUARES)


def _likely(game: Game, at: At, seen: Observation, probs: NDArray[np.float64]) -> list[Likely]:
    likely = []
    for index in np.argsort(-probs, kind="stable")[:LIKELY]:
        action = int(seen.legal.actions[index])
        move = action_to_move(action, at) if isinstance(at, chess.Board) else None
        squares = (move.from_square, move.to_square) if move else None
        likely.append(Likely(_name(game, at, action), float(probs[index]), squares))
    return likely


def _largest(numbers: NDArray[np.float64]) -> list[int]:
    """Where the KEYS largest stand, the first of equals."""
    return [int(index) for index in np.argsort(-numbers, kind="stable")[:KEYS]]
