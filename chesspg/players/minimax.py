"""Minimax with the heuristic of a game, level by level for a whole batch of games."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chesspg.games.capabilities import heuristic_or_zero
from chesspg.games.game import Game, Games
from chesspg.players.player import Choice, Turn, best_at_random

Floats = NDArray[np.float32]

MATE = 1000.0  # value of a game won by the rules, minus one per ply until then
POSITIONS = 1 << 14  # positions in memory at a time: some 40 MB
EXCHANGE = 8  # the most captures that are followed on one square


class Minimax:
    """Looks `depth` plies ahead, follows exchanges, and plays the move with the best value, one of the best at random.

    The value of a position is its heuristic, in chess material. A win is worth more than any heuristic, and more if it
    comes sooner. A draw by the rules is worth 0, and so is every position that is not over if the game has no
    heuristic. In games with exchanges, after the last ply the mover may stop or capture anything; then the players in
    turn may stop or recapture on that square.

    Args:
        game: The game to play.
        depth: The number of plies, from 1 to 3.

    Raises:
        ValueError: The depth is out of range.
    """

    def __init__(self, game: Game, depth: int = 2) -> None:
        if not 1 <= depth <= 3:
            raise ValueError(f"depth must be 1, 2 or 3, got {depth}")
        self.depth = depth
        self.exchanges = game.exchanges

    def choose(self, turn: Turn) -> Choice:
        """See `Player`."""
        legal = turn.observation.legal
        values = np.empty(len(legal.actions), np.float32)
        # At a time, as many games as have POSITIONS leaves together.
        part = np.cumsum(legal.counts.astype(float) ** self.depth) // POSITIONS
        for rows in np.split(np.arange(len(legal)), np.flatnonzero(np.diff(part)) + 1):
            values[legal.offsets[rows[0]] : legal.offsets[rows[-1] + 1]] = self._values(turn.games[turn.rows[rows]])
        return best_at_random(values, legal, turn.uniforms)

    def _values(self, games: Games) -> Floats:
        """[L] the value of each legal action of all games for its mover; a bound if it can't be the best."""
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
            # Until the recaptures are known, assume that the mover wins the most valuable capture for free.
            levels[-1].widen(found.node, found.gain)
            _back_up(levels)
            taken = _matters(levels)[found.node]
            node, action, square = found.node[taken], found.action[taken], found.square[taken]
            if not len(node):
                return levels[0].low
            games, sign = games[node], sign[node]
            games.play(action)
            seen = games.observe()
            levels.append(_Level(node, sign * heuristic_or_zero(games), sign == 1 - 2 * seen.player))
        _back_up(levels)
        return levels[0].low


class _Level:
    """The M positions after one more ply; values are for the mover of the root."""

    def __init__(self, parent: NDArray[np.int64], value: Floats, mine: NDArray[np.bool_]) -> None:
        self.parent = parent  # [M] index of the position in the level before, ascending
        self.first = np.flatnonzero(np.diff(parent, prepend=-1))  # [P] the first child of each parent that has any
        self.low = value  # [M] lower bound of the value
        self.high = value  # [M] upper bound of the value
        self.mine = mine  # [M] whether the mover of the root is to move
        self.stand: Floats | None = None  # [M] the value if the mover stops here, None if no one may stop

    def widen(self, node: NDArray[np.int64], gain: Floats) -> None:
        """Widen the bounds: the mover may stop, or in the positions `node` [C], ascending, gain `gain` [C]."""
        most, first = np.zeros_like(self.low), np.flatnonzero(np.diff(node, prepend=-1))
        most[node[first]] = np.maximum.reduceat(gain, first)
        self.stand = self.low
        self.high = np.where(self.mine, self.stand + most, self.high)
        self.low = np.where(self.mine, self.low, self.stand - most)


def _back_up(levels: list[_Level]) -> None:
    """Propagate the bounds up to the first level."""
    for child, parent in zip(levels[:0:-1], levels[-2::-1], strict=True):
        at = child.parent[child.first]
        mine = parent.mine[at]  # not derived from the number of plies, because a player may move twice
        stand = None if parent.stand is None else parent.stand[at]
        low, high = (_best(bound, child.first, mine, stand) for bound in (child.low, child.high))
        parent.low, parent.high = parent.low.copy(), parent.high.copy()
        parent.low[at], parent.high[at] = low, high


def _best(bound: Floats, first: NDArray[np.int64], mine: NDArray[np.bool_], stand: Floats | None) -> Floats:
    """[P] the best of its children's bounds [M] for the mover of each parent, or `stand` [P] if stopping is better."""
    found: list[Floats] = []
    for best, wanted in ((np.maximum, mine.any()), (np.minimum, not mine.all())):
        if wanted:  # mostly only one, since in most games all positions of a level have the same mover
            best_child = best.reduceat(bound, first)
            found.append(best_child if stand is None else best(best_child, stand))
    return found[0] if len(found) == 1 else np.where(mine, *found)


def _matters(levels: list[_Level]) -> NDArray[np.bool_]:
    """[M] whether each position of the last level can still change the best actions of the first.

    A child matters only if its bounds may improve on what the mover of its parent has for sure.
    """
    top = levels[0]
    sure = np.maximum.reduceat(top.low, top.first)
    matters: NDArray[np.bool_] = top.high >= sure[top.parent]  # >= because equally good actions are needed too
    for child, parent in zip(levels[1:], levels[:-1], strict=True):
        # [P] what a child must exceed, or fall below; beyond all values where the parent itself does not matter.
        above = np.where(matters & parent.mine, parent.low, np.float32(np.inf))
        below = np.where(matters & ~parent.mine, parent.high, np.float32(-np.inf))
        matters = (child.high > above[child.parent]) | (child.low < below[child.parent])
    return matters & (levels[-1].low < levels[-1].high)
