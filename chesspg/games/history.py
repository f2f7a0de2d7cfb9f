"""The moves of a batch of games, as a chain of links that batches share, so that choosing games copies no moves.

Where new games keep replacing those that are over, the chain would grow without end, so `packed` shortens it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Start = TypeVar("Start")

ROOM = 1024  # links that may follow the first one before the chain is packed


@dataclass(frozen=True, slots=True)
class Begun(Generic[Start]):
    """The first link: the starts of the games."""

    starts: Sequence[Start]  # [N]
    room: int = ROOM  # how many links may follow before the chain is packed


@dataclass(frozen=True, slots=True)
class Played(Generic[Start]):
    """A link for one ply in each game."""

    before: History[Start]
    actions: NDArray[np.int16]  # [N] −1 if nothing was played
    room: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "room", self.before.room - 1)


@dataclass(frozen=True, slots=True)
class Chosen(Generic[Start]):
    """A link for a choice of the games before, in some order."""

    before: History[Start]
    rows: NDArray[np.integer[Any]]  # [N] indices of the games
    room: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "room", self.before.room - 1)


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


def packed(history: Played[Start]) -> History[Start]:
    """The same history. If there is no more room for links, it has only as many as the longest game has plies.

    Then there is room for at least twice as many links again, so packing is rare and takes little time.
    """
    if history.room > 0:
        return history
    link: History[Start] = history
    rows: NDArray[np.integer[Any]] = np.arange(len(history.actions))
    found = []  # [links, N] the actions of each link, the last link first
    while not isinstance(link, Begun):
        if isinstance(link, Chosen):
            rows = link.rows[rows]
        else:
            found.append(link.actions[rows])
        link = link.before
    actions = np.stack(found[::-1])
    order = np.argsort(actions < 0, axis=0, kind="stable")  # of the links in each game, those with an action first
    plies = int((actions >= 0).sum(axis=0).max(initial=0))
    short: History[Start] = Begun([link.starts[row] for row in rows.tolist()], ROOM + 3 * plies)
    for row in np.take_along_axis(actions, order, axis=0)[:plies].copy():
        short = Played(short, row)
    return short
