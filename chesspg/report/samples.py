"""A game to step through on a page: its positions, with the moves and values of a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import chess
import numpy as np
import torch
from numpy.typing import NDArray

from chesspg.games.capabilities import Notation
from chesspg.games.game import Game, Games, Observation
from chesspg.policy.policy import Policy

LIKELY = 3  # most moves of the policy shown in a position
BATCH = 256  # positions per call of the network
KEYS = 4  # key positions per criterion: highest entropy, and largest change of the value


@dataclass(frozen=True)
class Considered:
    """A move with its probability under the policy."""

    name: str
    probability: float
    squares: tuple[int, int] | None  # from and to square, a1 = 0; None in games without a notation


@dataclass(frozen=True)
class Sample:
    """A game of T plies."""

    mover: int  # the player of the first move, 0 or 1
    number: int  # number of the first move
    names: list[str]  # [T] the moves
    boards: list[str]  # [T + 1] 64 letters from a1 to h8, a dot for an empty square; without a notation `Game.render`
    likely: list[list[Considered]]  # [T] the policy's most likely moves before each ply, the most likely first
    chances: list[float]  # [T] probability of the move that was played
    values: list[float]  # [T] return that the policy expects for player 0; empty without a value head
    reason: str  # how the rules ended the game; empty if they did not
    left: int  # number of moves left out after that: people may play on after a third repetition
    keys: list[int]  # key positions, by plies played: highest entropy or largest change of the value


def read_sample(start: str, moves: Sequence[str], policy: Policy) -> Sample:
    """Play the moves of a game and evaluate each position with a policy.

    Args:
        start: The position to start from, as for `Game.start`; empty for the initial position.
        moves: The moves, in any notation that the game reads.
        policy: A policy for the game.

    Returns:
        The game.

    Raises:
        ValueError: There are no moves, or one of them is not legal in `policy.game`.
    """
    game = policy.game
    games = game.start([start]) if start else game.start(1)
    at: list[_Position] = [_first(game, games)]  # [T + 1]
    names, actions, seen = [], [], []
    for ply, move in enumerate(moves):
        if games.outcomes().over[0]:
            break
        try:
            actions.append(at[-1].parse(move))
        except ValueError as error:
            raise ValueError(f"ply {ply + 1}: {error}") from None
        names.append(at[-1].name(actions[-1]))
        seen.append(games.observe())
        games.play(np.array(actions[-1:]))
        at.append(at[-1].after(actions[-1], games))
    if not names:
        raise ValueError("it has no moves")

    together = Observation.concatenate(seen)
    probs, entropies, values = _opinions(policy, together)
    ending = games.outcomes()
    # Changes are over two plies, from one turn of a side to its next: values for the two sides seldom sum to zero.
    course: NDArray[np.float64] = np.append(values, ending.outcome[ending.over]) if len(values) else values
    changes = np.abs(course[2:] - course[:-2])
    return Sample(
        mover=int(together.player[0]),
        number=at[0].number,
        names=names,
        boards=[position.drawing() for position in at],
        likely=[_considered(*each) for each in zip(at[:-1], seen, probs, strict=True)],
        chances=[float(p[one.legal.actions == a][0]) for p, one, a in zip(probs, seen, actions, strict=True)],
        values=values.tolist(),
        reason=game.reasons[int(ending.reason[0])] if ending.over[0] else "",
        left=len(moves) - len(names),
        keys=sorted({*_largest(entropies), *(t + 2 for t in _largest(changes))}),
    )


def _opinions(
    policy: Policy, seen: Observation
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64], NDArray[np.float64]]:
    """Evaluate T positions with a policy.

    Returns:
        [T] × [legal actions] probabilities; [T] entropies in nats; [T] expected returns of player 0, or [0] without a
        value head.
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
            sign = 1 - 2 * part.player.astype(np.float64)  # from the mover's return to that of player 0
            values.append(sign * distribution.value.double().cpu().numpy())
    return probs, np.concatenate(entropies), np.concatenate(values) if values else np.empty(0)


class _Text:
    """A position of any game, given as text."""

    number = 1  # number of the next move

    def __init__(self, game: Game, position: str) -> None:
        self.game, self.position = game, position

    def parse(self, move: str) -> int:
        return self.game.parse_move(self.position, move)

    def name(self, action: int) -> str:
        return self.game.move_name(self.position, action)

    def squares(self, action: int) -> tuple[int, int] | None:
        return None

    def drawing(self) -> str:
        return self.game.render(self.position)

    def after(self, action: int, games: Games) -> _Text:
        """The position after an action that has been played in `games`."""
        return _Text(self.game, games.position(0))


class _Board:
    """A position of a game with a notation, given as a board: text of all moves is slow to read in a long game."""

    def __init__(self, game: Game, notation: Notation, board: chess.Board) -> None:
        self.game, self.notation, self.board = game, notation, board
        self.number = board.fullmove_number

    def parse(self, move: str) -> int:
        try:
            return self.notation.to_action(self.board.parse_san(move), self.board.turn)
        except ValueError:
            return self.game.parse_move(
                self.board.fen(), move
            )  # reads other notations, and its error says what is wrong

    def name(self, action: int) -> str:
        return self.board.san(self.notation.to_move(action, self.board))

    def squares(self, action: int) -> tuple[int, int] | None:
        move = self.notation.to_move(action, self.board)
        return move.from_square, move.to_square

    def drawing(self) -> str:
        pieces = self.board.piece_map()
        return "".join(pieces[square].symbol() if square in pieces else "." for square in chess.SQUARES)

    def after(self, action: int, games: Games) -> _Board:
        board = self.board.copy(stack=False)
        board.push(self.notation.to_move(action, board))
        return _Board(self.game, self.notation, board)


_Position = _Text | _Board


def _first(game: Game, games: Games) -> _Position:
    position = games.position(0)
    return _Board(game, game.notation, game.notation.to_board(position)) if game.notation else _Text(game, position)


def _considered(at: _Position, seen: Observation, probs: NDArray[np.float64]) -> list[Considered]:
    """The most likely moves of a position whose legal actions have the probabilities `probs` [legal actions]."""
    best = np.argsort(-probs, kind="stable")[:LIKELY]
    moves = [(int(seen.legal.actions[index]), float(probs[index])) for index in best]
    return [Considered(at.name(action), chance, at.squares(action)) for action, chance in moves]


def _largest(numbers: NDArray[np.float64]) -> list[int]:
    """Indices of the KEYS largest numbers; of equal numbers the first."""
    return [int(index) for index in np.argsort(-numbers, kind="stable")[:KEYS]]
