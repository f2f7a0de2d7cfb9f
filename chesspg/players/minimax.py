"""Minimax over material, for a whole batch of games level by level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chesspg.games.chess import Chess, encoding
from chesspg.games.game import Game, Games, Observation
from chesspg.players.player import Choice, Turn, best_at_random

Floats = NDArray[np.float32]

MATE = 1000.0  # a game won by the rules, less one a ply until then
POSITIONS = 1 << 14  # looked at together: some 40 MB
EXCHANGE = 8  # captures on one square, after which the rest is not looked at


class Minimax:
    """Looks `depth` plies ahead, then along captures, and moves to the most material in the end, equals at random.

    A win is worth more than any material, and the more the nearer it is; a draw by the rules is worth 0. After the last
    ply the mover may stop or capture anything, then each may stop or recapture on that square.
    """

    def __init__(self, game: Game, depth: int = 2) -> None:
        if not 1 <= depth <= 3:
            raise ValueError(f"a depth of {depth}; 1, 2 or 3 would do")
        self.depth = depth
        self.captures = isinstance(game, Chess)

    def choose(self, turn: Turn) -> Choice:
        legal = turn.observation.legal
        values = np.empty(len(legal.actions), np.float32)
        # As many games at a time as have so many leaves.
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
            value = sign * np.where(outcomes.over, (MATE - ply) * outcomes.outcome, games.material())
            levels.append(_Level(parent, value, sign == 1 - 2 * seen.player))
        square: NDArray[np.int64] | None = None
        for _ in range(EXCHANGE if self.captures else 0):
            node, action, gain = _captures(seen, square)
            # Until more is known, the mover may win the most valuable piece it can take, and for nothing.
            levels[-1].widen(node, gain)
            taken = _back_up(levels)[node]
            node, action = node[taken], action[taken]
            if not len(node):
                break
            games, sign = games[node], sign[node]
            games.play(action)
            seen = games.observe()
            square = action % 64 ^ encoding.FLIP  # as the next mover sees it
            levels.append(_Level(node, sign * games.material(), sign == 1 - 2 * seen.player))
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


def _captures(
    seen: Observation, square: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int16], Floats]:
    """[C] the captures of M positions, where given only those on `square` [M]: position, action, what it wins.

    A promotion by capture wins the new queen too; to make less is no capture here.
    """
    words = seen.planes[:, :, 0]
    theirs = np.bitwise_or.reduce(words[:, 6:11], axis=1) | words[:, 13]
    if square is not None:
        theirs &= np.uint64(1) << square.astype(np.uint64)
    counts = seen.legal.counts
    hit = np.repeat(theirs, counts) >> (seen.legal.actions % 64).astype(np.uint64) & 1
    at = np.flatnonzero(hit.astype(bool) & (seen.legal.actions < encoding.PLAIN_ACTIONS))
    node, action = np.repeat(np.arange(len(seen)), counts)[at], seen.legal.actions[at]
    source, target = (part.astype(np.uint64) for part in np.divmod(action, 64))
    victims = words[node, 6:11] >> target[:, None] & 1  # [C, 5]
    pawn = words[node, 0] >> source & 1
    gain = victims @ encoding.PIECE_VALUES[:5] + pawn * (words[node, 13] >> target & 1)
    gain += pawn * (target >= 56) * (encoding.PIECE_VALUES[4] - 1)
    wins = gain > 0  # other pieces pass over the square behind a pawn as over any other
    return node[wins], action[wins], gain[wins].astype(np.float32)
