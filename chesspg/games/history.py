"""The moves of a batch of games, as a chain of links that batches share, so that choosing games copies no moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Start = TypeVar("Start")


@dataclass(frozen=True, slots=True)
class Begun(Generic[Start]):
    """The first link: the starts of the games."""

    starts: Sequence[Start]  # [N]


@dataclass(frozen=True, slots=True)
class Played(Generic[Start]):
    """A link for one ply in each game."""

    before: History[Start]
    actions: NDArray[np.int16]  # [N] −1 if nothing was played


@dataclass(frozen=True, slots=True)
class Chosen(Generic[Start]):
    """A link for a choice of the games before, in some order."""

    before: History[Start]
    rows: NDArray[np.integer[Any]]  # [N] indices of the games


History = Begun[Start] | Played[Start] | Chosen[Start]


def story(history: History[Start], index: int) -> tuple[Start, list[int]]:
    """The start of a game and the actions played since.

    Args:
        history: The last link.
        index: The game, from 0.
    """
    actions = []
    link = history
    while not isinstance(link, Begun):
        if isinstance(link, Chosen):
            index = int(link.rows[index])
        elif link.actions[index] >= 0:
            actions.append(int(link.actions[index]))
        link = link.before
    return link.starts[index], actions[::-1]
