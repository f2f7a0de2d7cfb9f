"""A game as a page can step through it: each position, and what a policy makes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import chess
import numpy as np
import torch
from numpy.typing import NDArray

from chesspg.games.chess import Chess
from chesspg.games.chess.encoding import action_to_move
from chesspg.games.game import Game, Legal, Observation
from chesspg.policy.policy import Policy

LIKELY = 3  # moves told of each position
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
    keys: list[int]  # by plies played, the positions in which the policy is least sure or its value has changed most


def read_sample(pgn: str, headers: Mapping[str, str], policy: Policy) -> Sample:
    """The game in a PGN that to_pgn wrote, and what `policy` makes of each position.

    Raises ValueError if its moves are no game of policy.game.
    """
    game = policy.game
    games = game.start([headers["FEN"]]) if "FEN" in headers else game.start(1)
    # A FEN a ply, as reading a position with all its moves takes the longer the longer the game is.
    board = game.to_board(games.position(0)) if isinstance(game, Chess) else None
    positions, names, actions, seen = [], [], [], []
    for word in pgn.rpartition("]\n")[2].split():
        if re.fullmatch(r"\d+\.+|1-0|0-1|1/2-1/2|\*", word):
            continue
        positions.append(board.fen() if board else games.position(0))
        actions.append(game.parse_move(positions[-1], word))
        names.append(word)
        seen.append(games.observe())
        games.play(np.array(actions[-1:]))
        if board:
            board.push(action_to_move(actions[-1], board))
    if not names:
        raise ValueError("a game without moves")
    positions.append(board.fen() if board else games.position(0))

    together = Observation(
        np.concatenate([one.planes for one in seen]),
        np.concatenate([one.scalars for one in seen]),
        np.concatenate([one.player for one in seen]),
        Legal.concatenate([one.legal for one in seen]),
    )
    with torch.no_grad():
        distribution = policy.observe(together)
    padded, entropies = (tensor.double().cpu().numpy() for tensor in (distribution.probs, distribution.entropy()))
    probs = [row[:count] for row, count in zip(padded, together.legal.counts, strict=True)]
    sign = 1 - 2 * together.player.astype(np.float64)  # the network speaks for the mover, a sample for player 0
    values = np.empty(0) if distribution.value is None else sign * distribution.value.double().cpu().numpy()
    ending = games.outcomes()
    # From one turn of a side to its next: a network's view of both sides seldom adds up to zero.
    course = np.append(values, ending.outcome[ending.over]) if len(values) else values
    changes = np.abs(course[2:] - course[:-2])
    return Sample(
        mover=int(together.player[0]),
        number=int(positions[0].split()[-1]) if board else 1,
        names=names,
        boards=[_drawn(game, position) for position in positions],
        likely=[_likely(game, *each) for each in zip(positions, seen, probs, strict=False)],
        chances=[float(p[one.legal.actions == a][0]) for p, one, a in zip(probs, seen, actions, strict=True)],
        values=values.tolist(),
        keys=sorted({*_largest(entropies), *(t + 2 for t in _largest(changes))}),
    )


def _drawn(game: Game, position: str) -> str:
    if not isinstance(game, Chess):
        return game.render(position)
    pieces = game.to_board(position).piece_map()
    return "".join(pieces[square].symbol() if square in pieces else "." for square in chess.SQUARES)


def _likely(game: Game, position: str, seen: Observation, probs: NDArray[np.float64]) -> list[Likely]:
    board = game.to_board(position) if isinstance(game, Chess) else None
    likely = []
    for index in np.argsort(-probs, kind="stable")[:LIKELY]:
        action = int(seen.legal.actions[index])
        move = action_to_move(action, board) if board else None
        squares = (move.from_square, move.to_square) if move else None
        likely.append(Likely(game.move_name(position, action), float(probs[index]), squares))
    return likely


def _largest(numbers: NDArray[np.float64]) -> list[int]:
    """Where the KEYS largest stand, the first of equals."""
    return [int(index) for index in np.argsort(-numbers, kind="stable")[:KEYS]]
