"""What a policy knew about the stalemates that it allowed, in games against random moves.

    python -m studies.stalemates chess_quick chess_laptop

Each policy plays at its own temperature from the initial position, half of the games with White. For the positions in
which its move ended the game in stalemate, a row shows how likely it was to choose such a move, in how many of them it
could have mated at once, how likely it was to do so, and the return that it expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chesspg.arena.elo import wilson
from chesspg.games.chess import Chess
from chesspg.games.game import join_position, split_position
from chesspg.games.randomness import Randomness
from chesspg.players.player import Player, Random
from chesspg.players.policy_player import PolicyPlayer
from chesspg.selfplay.loop import play
from chesspg.terminal import numbers
from chesspg.terminal.command import run
from studies.policies import parser, policies


class Stalemate(NamedTuple):
    """A position in which a player's move ended the game in stalemate, and what the player thought of it."""

    position: str
    stalemating: float  # the probability of all moves that end the game in stalemate
    mating: float  # the probability of all moves that mate
    can_mate: bool  # whether there is such a move
    value: float  # the return that the player expected; NaN without a value head


def stalemates(player: PolicyPlayer, games: int, seed: int = 0) -> tuple[list[Stalemate], dict[str, int]]:
    """Play games against random moves.

    Args:
        player: Plays White in every second game.
        games: The number of games.
        seed: Seed of the games.

    Returns:
        The stalemates that the player gave, and the number of all games by the reason for their end.
    """
    game = Chess()
    opponent = Random()
    seats: list[tuple[Player, Player]] = [(player, opponent), (opponent, player)]
    rollout = play(game.start(games), [seats[i % 2] for i in range(games)], Randomness(seed))
    reasons = [game.reasons[reason] for reason in rollout.reason.tolist()]
    positions = []
    for i in np.flatnonzero([reason == "stalemate" for reason in reasons]).tolist():
        start, moves = split_position(rollout.position(i))
        if (len(moves) - 1) % 2 == i % 2:  # White moves at even plies, and the player has White in even games
            positions.append(join_position(start, moves[:-1]))
    counts = {reason: reasons.count(reason) for reason in sorted(set(reasons))}
    return _described(player, game, positions) if positions else [], counts


def _described(player: PolicyPlayer, game: Chess, positions: Sequence[str]) -> list[Stalemate]:
    """What the player thought in each of the positions."""
    games = game.start(list(positions))
    observation = games.observe()
    distribution = player.distribution(observation)
    probs = distribution.probs.double().numpy(force=True)  # [positions, actions]
    values = np.full(len(positions), np.nan) if distribution.value is None else distribution.value.numpy(force=True)
    described = []
    for position, legal, row, value in zip(positions, observation.legal.padded(), probs, values.tolist(), strict=True):
        board = game.to_board(position)
        stalemating, mating = np.zeros((2, len(legal)), dtype=bool)
        for k, action in enumerate(legal[legal >= 0].tolist()):
            board.push(game.notation.to_move(action, board))
            stalemating[k], mating[k] = board.is_stalemate(), board.is_checkmate()
            board.pop()
        described.append(
            Stalemate(position, float(row[stalemating].sum()), float(row[mating].sum()), bool(mating.any()), value)
        )
    return described


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each policy; returns the exit code."""
    given = parser("python -m studies.stalemates", __doc__, numbers.whole(2, 100_000), 200).parse_args(arguments)
    with policies(given.players) as named:
        for text, player in named:
            found, counts = stalemates(player, given.games, given.seed)
            low, high = wilson(len(found) / given.games, given.games)
            ended = ", ".join(f"{reason} {count}" for reason, count in counts.items())
            print(f"{text}  gave stalemate in {len(found) / given.games:.3f} ({low:.3f} to {high:.3f})  {ended}")
            if found:
                of, mate = len(found), sum(one.can_mate for one in found)
                stalemating, mating, value = np.mean(
                    [(one.stalemating, one.mating, one.value) for one in found], axis=0
                )
                print(
                    f"    probability of moves that stalemate {stalemating:.2f}, of moves that mate {mating:.2f}; "
                    f"a mate was there in {mate} of {of}; expected return {value:.2f}",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    run(main)
