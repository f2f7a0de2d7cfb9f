"""The sample of games that the rules of the contract look at, and helpers with which they report errors."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.capabilities import Heuristic
from chesspg.games.game import Game, Games, Observation


class BrokenContract(AssertionError):
    """A game breaks a rule of the contract. The message has the rule, the place, what is expected, and what it got."""


@dataclass
class Sample:
    """A game, positions that its author knows, and batches from random games."""

    game: Game
    known: Mapping[int, Sequence[str]]  # by outcome for player 0
    starts: list[str]
    unreadable: list[str]
    running: list[Games] = field(default_factory=list)  # batches of games that are not over, by number of plies
    over: list[Games] = field(default_factory=list)  # batches of games that are over
    played: int = 0  # number of random games
    trying: str = ""  # what a rule is checking now, for a message
    met: set[int] = field(default_factory=set)  # numbers of the reasons for which games have ended

    @cached_property
    def initial(self) -> str:
        """The initial position."""
        return self.game.start(1).position(0)

    def found(self) -> str:
        """The result of the check if no rule is broken."""
        kept = f"{name_of(self.game)} keeps the contract"
        unmet = [reason for number, reason in enumerate(self.game.reasons) if number and number not in self.met]
        if not unmet:
            return kept
        return (
            f"{kept} as far as {self.played:,} random games show; none of them ended by "
            f"{', '.join(map(repr, unmet))}: pass positions that did, as won_by_first=[…], won_by_second=[…] or "
            "drawn=[…]"
        )

    def note_endings(self, games: Games) -> None:
        """Record the reasons for which games of the batch are over."""
        outcomes = games.outcomes()
        self.met.update(outcomes.reason[outcomes.over].tolist())

    def batches(self) -> Iterator[Games]:
        """Batches from all stages: new games, later ones, and games that are over."""
        stages = sorted({0, 1, 2, 3, 5, len(self.running) // 2, len(self.running) - 1})
        yield from (self.running[stage] for stage in stages if 0 <= stage < len(self.running))
        yield from self.over[:: max(1, len(self.over) // 4)]
        for texts in self.known.values():
            if texts:
                yield self.game.start(list(texts))


Rule = Callable[[Sample], None]


def name_of(game: object) -> str:
    """The name of a game, or of its class if it has none."""
    return str(getattr(game, "name", type(game).__name__))


def require(true: object, expected: str, got: object = None) -> None:
    """Raise BrokenContract unless `true`.

    Args:
        true: The condition.
        expected: What is expected, for the message.
        got: What was found instead, unless the message says it.
    """
    if not true:
        found = "" if got is None else f", got {textwrap.shorten(str(got), 200)}"
        raise BrokenContract(f"{expected}{found}")


def refuses(kind: type[Exception], what: str, call: Callable[[Any], object], argument: object) -> str:
    """Require that a call refuses its argument.

    Args:
        kind: The exception that it must raise.
        what: The call in words, for the message.
        call: The function to call.
        argument: Its argument.

    Returns:
        The message of the exception.
    """
    try:
        call(argument)
    except kind as error:
        return str(error)
    except Exception as error:
        raise BrokenContract(f"{what} must raise {kind.__name__}, got {type(error).__name__}: {error}") from None
    raise BrokenContract(f"{what} must raise {kind.__name__}, but raises nothing")


def arrays_of(seen: Observation) -> dict[str, NDArray[Any]]:
    """The arrays of an observation, by name."""
    legal = seen.legal
    return {
        "planes": seen.planes,
        "scalars": seen.scalars,
        "player": seen.player,
        "legal.actions": legal.actions,
        "legal.offsets": legal.offsets,
    }


def state_of(games: Games) -> dict[str, Any]:
    """A copy of everything that a batch of games shows."""
    outcomes = games.outcomes()
    return {
        **{name: np.array(array) for name, array in arrays_of(games.observe()).items()},
        "outcome": np.array(outcomes.outcome),
        "reason": np.array(outcomes.reason),
        "position": [games.position(i) for i in range(len(games))],
        "moves": [games.moves(i) for i in range(len(games))],
        **({"heuristic": np.array(games.heuristic())} if isinstance(games, Heuristic) else {}),
    }


def require_same(one: Mapping[str, Any], other: Mapping[str, Any], what: str) -> None:
    """Require that two states are equal; `one` is the expected one."""
    for name, expected in one.items():
        got = other[name]
        same = np.array_equal(expected, got) if isinstance(expected, np.ndarray) else expected == got
        if not same:
            at = _differs_at(expected, got)
            raise BrokenContract(f"{what}: {name}{at[0]} must be {at[1]}, got {at[2]}")


def _differs_at(expected: Any, got: Any) -> tuple[str, str, str]:
    """The first index at which two sequences differ, and both values there, as texts for a message."""
    if len(expected) == len(got) and not (isinstance(got, np.ndarray) and got.shape != expected.shape):
        for i, (a, b) in enumerate(zip(expected, got, strict=True)):
            if not np.array_equal(a, b):
                return f"[{i}]", textwrap.shorten(str(a), 120), textwrap.shorten(str(b), 120)
    return "", textwrap.shorten(str(expected), 120), textwrap.shorten(str(got), 120)


def random_actions(games: Games, rng: np.random.Generator) -> NDArray[np.int64]:
    """[N] a random legal action of each game."""
    legal = games.observe().legal
    choice = (rng.random(len(legal)) * legal.counts).astype(np.int64)
    return legal.take(choice).astype(np.int64)


def each_legal(seen: Observation) -> Iterator[tuple[int, list[int]]]:
    """The index and the legal actions of each game."""
    offsets = seen.legal.offsets.tolist()
    for i in range(len(offsets) - 1):
        yield i, seen.legal.actions[offsets[i] : offsets[i + 1]].tolist()
