"""How often the likeliest move of a policy keeps the game-theoretic value of a position of Connect Four.

python -m studies.connect_four RUN …    (200 positions: 20 s to sample and solve)

Each position comes after 12 to 24 random plies and is not over. The alpha-beta search below solves it after every legal
move, so the values, won, drawn or lost, are exact. Only positions in which the choice matters count: some move keeps
the value, and another does not.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from chesspg.arena.elo import wilson
from chesspg.games.compiling import ONE, ZERO, U, popcount, span, together
from chesspg.games.connect_four import ConnectFour, rules
from chesspg.games.connect_four.rules import COLUMNS, FILE, UP
from chesspg.games.stones.batch import StoneGames
from chesspg.players import roster
from chesspg.players.player import Player, Turn
from chesspg.terminal import numbers
from chesspg.terminal.command import Parser, one_line_errors, run

ENTRIES = 1 << 20  # of the table of positions
LEAST, MOST = 12, 24  # random plies before a position

playable, holes, threats = together(rules.playable, rules.holes, rules.threats)


@njit
def solve(own: Any, other: Any, alpha: int, beta: int, table: Any, bounds: Any) -> Any:
    """The value of a position that is not over, for the mover, if it is inside (alpha, beta); else a bound of it.

    Negamax with alpha-beta, a table of positions, and forced moves, after Pascal Pons, blog.gamesolver.org.

    Args:
        own: The squares of the mover.
        other: The squares of the other player.
        alpha: −1 or 0.
        beta: 0 or 1, above alpha.
        table: [entries, 2] positions.
        bounds: [entries, 2] the least and the greatest value that each position in the table may have.
    """
    free = playable(own | other)
    if free == ZERO:
        return 0
    if threats(own, other) & free:
        return 1
    danger = threats(other, own)
    forced = danger & free
    if forced:
        if forced & (forced - ONE):
            return -1
        free = forced
    free &= ~(danger >> UP)  # a stone below such a square lets the other player win
    if free == ZERO:
        return -1
    entry = ((own * U(0x9E3779B97F4A7C15)) ^ (other * U(0xC2B2AE3D27D4EB4F))) >> U(44)
    low, high = -1, 1
    if table[entry, 0] == own and table[entry, 1] == other:
        low, high = bounds[entry, 0], bounds[entry, 1]
        if low >= beta or low == high:
            return low
        if high <= alpha:
            return high
    best, begun = -1, alpha
    while free and best < beta:
        chosen, most = ZERO, -1
        for column in span(COLUMNS):
            bit = free & (FILE << column)
            if bit:
                worth = 8 * np.int64(popcount(threats(own | bit, other))) + min(column, U(COLUMNS - 1) - column)
                if worth > most:
                    chosen, most = bit, worth
        free ^= chosen
        value = -solve(other, own | chosen, -beta, -max(alpha, best), table, bounds)
        best = max(best, value)
    if best >= beta:
        low = max(low, best)
    elif best <= begun:
        high = min(high, best)
    else:
        low = high = best
    table[entry, 0], table[entry, 1] = own, other
    bounds[entry, 0], bounds[entry, 1] = low, high
    return best


class Solver:
    """The exact values of positions, with the table of those that were met."""

    def __init__(self) -> None:
        self._table = np.zeros((ENTRIES, 2), np.uint64)
        self._bounds = np.zeros((ENTRIES, 2), np.int64)

    def values(self, games: StoneGames) -> NDArray[np.int8]:
        """[N] 1 if the mover wins, −1 if it loses, 0 for a draw; in a game that is over, as it ended."""
        state = games.state
        ended = (1 - 2 * state.player) * state.outcome
        return np.array(
            [
                ended[i] if state.reason[i] else solve(own, other, -1, 1, self._table, self._bounds)
                for i, (own, other, *_) in enumerate(state.words)
            ],
            np.int8,
        )


def sample(count: int, seed: int) -> tuple[StoneGames, list[NDArray[np.int8]]]:
    """Positions in which the choice matters, and the value of each legal move for the mover.

    Args:
        count: The number of positions.
        seed: Seed of the positions.
    """
    rng, solver, game = np.random.default_rng(seed), Solver(), ConnectFour()
    positions: list[str] = []
    values: list[NDArray[np.int8]] = []
    while len(positions) < count:
        games = game.start(1)
        for _ in range(rng.integers(LEAST, MOST + 1)):
            if not games.outcomes().over[0]:
                games.play(rng.choice(games.observe().legal.actions, 1))
        legal = games.observe().legal
        if len(legal.actions):
            children = games[np.zeros(len(legal.actions), np.int64)]
            children.play(legal.actions)
            worth = -solver.values(children)
            if worth.min() < worth.max():
                positions.append(games.position(0))
                values.append(worth.astype(np.int8))
    return game.start(positions), values


def share_kept(player: Player, games: StoneGames, values: Sequence[NDArray[np.int8]]) -> float:
    """The fraction of positions in which the player's move keeps the value."""
    count = len(games)
    choice = player.choose(Turn(games.observe(), np.full(count, 0.5), games, np.arange(count))).index
    return sum(float(worth[i] == worth.max()) for i, worth in zip(choice, values, strict=True)) / count


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the share of each player; returns the exit code."""
    given = _parser().parse_args(arguments)
    with one_line_errors():
        game = ConnectFour()
        players = {text: roster.player_from_string(roster.with_temperature(text, 0), game) for text in given.players}
    games, values = sample(given.positions, given.seed)
    by_chance = sum(float((worth == worth.max()).mean()) for worth in values) / len(values)
    print(f"{len(values)} positions; a random move keeps the value in {by_chance:.1%} of them")
    for text, player in players.items():
        share = share_kept(player, games, values)
        low, high = wilson(share, len(values))
        print(f"{text}: {share:.1%} ({low:.1%} to {high:.1%})")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m studies.connect_four", description=__doc__)
    parser.add_argument("players", metavar="POLICY", nargs="+", help="a policy file, a .ckpt or a run folder")
    parser.add_argument("--positions", type=numbers.whole(1, 100_000), default=1000, help="(default: 1000)")
    parser.add_argument("--seed", type=numbers.seed, default=1, help="seed of the positions (default: 1)")
    return parser


if __name__ == "__main__":
    run(main)
