"""Minimax over a game's heuristic, for a whole batch of games level by level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chesspg.games.capabilities import heuristic_or_zero
from chesspg.games.game import Game, Games
from chesspg.players.player import Choice, Turn, best_at_random

Floats = NDArray[np.float32]

MATE = 1000.0  # a game won by the rules, less one a ply until then
POSITIONS = 1 << 14  # looked at together: some 40 MB
EXCHANGE = 8  # captures on one square, after which the rest is not looked at


class Minimax:
    """Looks `depth` plies ahead, then along exchanges, and moves to the best heuristic in the end, equals at random.

    In chess the heuristic is material. A win is worth more than any heuristic, and the more the nearer it is; a draw by
    the rules is worth 0, as is every position that is not over in a game without a heuristic. After the last ply the
    mover may stop or capture anything, then each may stop or recapture on that square, in games that have exchanges.

    Args:
        game: What it plays.
        depth: Plies, from 1 to 3.

    Raises:
        ValueError: The depth is out of range.
    """

    def __init__(self, game: Game, depth: int = 2) -> None:
        if not 1 <= depth <= 3:
            raise ValueError(f"depth must be 1, 2 or 3, got {depth}")
        self.depth = depth
        self.exchanges = game.exchanges

    def choose(self, turn: Turn) -> Choice:
        legal = turn.observation.legal
        values = np.empty(len(legal.actions), np.float32)
        # As many games at a time as have POSITIONS leaves.
        part = np.cumsum(legal.counts.astype(float) ** self.depth) // POSITIONS
        for rows in np.split(np.arange(len(legal)), np.flatnonzero(np.diff(part)) + 1):
            values[legal.offsets[rows[0]] : legal.offsets[rows[-1] + 1]] = self._values(turn.games[turn.rows[rows]])
        return best_at_random(values, legal, turn.uniforms)

    def _values(self, games: Games) -> Floats:
        """[L] what each legal action of all games is worth to its mover; for one that can't be the best, a bound."""
        seen = games.observe()
        sign = (1 - 2 * seen.player).astype(np.float32)
        levels: list[_Level] = []
        for ply in range(self.depth):
            parent = np.repeat(np.arange(len(seen)), seen.legal.counts)
            games, sign = games[parent], sign[parent]
            games.play(seen.legal.actions)
            seen, outcomes = games.observe(), games.outcomes()
            value = sign * np.where(outcomes.over, (MATE - ply) * outcomes.outcome, heuristic_or_zero(games))
            levels.append(_Level(parent, value, sign == 1 - 2 * seen.player))
        square: NDArray[np.int64] | None = None
        for _ in range(EXCHANGE if self.exchanges else 0):
            assert self.exchanges
            found = self.exchanges.captures(seen, square)
            # Until more is known, the mover may win the most valuable piece it can take, and for nothing.
            levels[-1].widen(found.node, found.gain)
            taken = _back_up(levels)[found.node]
            node, action, square = found.node[taken], found.action[taken], found.square[taken]
            if not len(node):
                break
            games, sign = games[node], sign[node]
            games.play(action)
            seen = games.observe()
            levels.append(_Level(node, sign * heuristic_or_zero(games), sign == 1 - 2 * seen.player))
        _back_up(levels)
        return levels[0].low


class _Level:
    """The M positions after one more ply; values are of the root's mover."""

    def __init__(self, parent: NDArray[np.int64], value: Floats, mine: NDArray[np.bool_]) -> None:
        self.parent = parent  # [M] ascending, which position of the level before
        self.low = value  # [M] at least this much is it worth …
        self.high = value  # [M] … and at most this
        self.mine = mine  # [M] whether the root's mover is to move
        self.stand: Floats | None = None  # [M] where the mover may stop, what that is worth

    def widen(self, node: NDArray[np.int64], gain: Floats) -> None:
        """Let the mover stop, or capture in the positions `node` [C] what is worth `gain` [C]."""
        most = np.zeros_like(self.low)
        np.maximum.at(most, node, gain)
        self.stand = self.low
        self.high = np.where(self.mine, self.stand + most, self.high)
        self.low = np.where(self.mine, self.low, self.stand - most)


def _back_up(levels: list[_Level]) -> NDArray[np.bool_]:
    """Bring the bounds up to the first level; [M] which positions of the last can still change what is best there.

    A child whose interval cannot better what its parent's mover is sure of changes nothing, nor does what is below it.
    """
    for k in reversed(range(1, len(levels))):
        child, parent = levels[k], levels[k - 1]
        first = np.flatnonzero(np.diff(child.parent, prepend=-1))
        at = child.parent[first]
        mine = parent.mine[at]  # who moves there, not by the number of plies: a player may move twice
        low, high = (
            np.where(mine, np.maximum.reduceat(bound, first), np.minimum.reduceat(bound, first))
            for bound in (child.low, child.high)
        )
        if parent.stand is not None:
            stand = parent.stand[at]
            low, high = (np.where(mine, np.maximum(b, stand), np.minimum(b, stand)) for b in (low, high))
        parent.low, parent.high = parent.low.copy(), parent.high.copy()
        parent.low[at], parent.high[at] = low, high
    top = levels[0]
    sure = np.maximum.reduceat(top.low, np.flatnonzero(np.diff(top.parent, prepend=-1)))
    matters: NDArray[np.bool_] = top.high >= sure[top.parent]  # equals are wanted too
    for k in range(1, len(levels)):
        child, parent = levels[k], levels[k - 1]
        up = child.parent
        matters = matters[up] & np.where(parent.mine[up], child.high > parent.low[up], child.low < parent.high[up])
    return matters & (levels[-1].low < levels[-1].high)
