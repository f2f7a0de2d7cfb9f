"""f(x): what a game is worth to player 0; to player 1 it is worth the opposite.

The functions take arrays of numpy or torch alike, so that games are rewarded where they are played.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class BadReward(ValueError):
    """A reward function of the user's that does not return one finite number for each game."""


Array = Any  # of numpy or torch, whose operators are the same
Reward = Callable[[Array, Array, Array], Array]
"""A function (outcome, truncated, ahead) -> reward, each [games] and of player 0.

* `outcome` is 1 for a game won, -1 for a game lost, 0 for one that was drawn or truncated. A player who gives up, as
  an engine that crashes does, has lost.
* `truncated` says whether the game was stopped at the ply cap, before the rules ended it.
* `ahead` is the game's heuristic where it was truncated (for chess, player 0's material minus player 1's), elsewhere 0.
"""


def by_outcome(outcome: Array, truncated: Array, ahead: Array) -> Array:
    """[games] f(x) = the outcome; a game stopped at the ply cap is worth 0."""
    return outcome


def adjudicated(outcome: Array, truncated: Array, ahead: Array, weight: float) -> Array:
    """[games] f(x) = the outcome; a game stopped at the ply cap is worth `weight` to the side that is ahead.

    Args:
        outcome: [games] 1, 0 or -1, for player 0.
        truncated: [games] whether the game was stopped at the ply cap.
        ahead: [games] the heuristic for player 0; its sign says who is ahead.
        weight: What being ahead is worth, in [-1, 1].

    Returns:
        [games] the rewards of player 0.
    """
    sign = (ahead > 0) * 1.0 - (ahead < 0) * 1.0
    return outcome + truncated * weight * sign
