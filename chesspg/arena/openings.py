"""Openings, so that two players that never roll dice still play many different games."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from chesspg.games.game import Game
from chesspg.games.randomness import Randomness
from chesspg.pgn.positions import read_openings
from chesspg.players.player import Random
from chesspg.selfplay.loop import play
from chesspg.terminal.command import say
from chesspg.terminal.numbers import BadValue, whole

DISTINCT_ATTEMPTS = 20  # so often is an opening drawn again because another is equal to it …
ATTEMPTS = 100  # … and so often because the game was over
FIRST_ROLLOUT = 1  # rollout 0 of the same seed is the match itself
MOST = 1000  # plies of a random opening
FORMS = "balanced, random:PLIES, an EPD file or a PGN file"


class Unplayable(ValueError):
    """Numbers that make no match."""


def default_plies(game: Game) -> int:
    """An eighth of the squares: 8 plies in chess; 1 in tic-tac-toe, where 8 would leave nothing to play.

    Fewer where most random games would be over by then, whatever the size of the board.
    """
    plies = game.board[0] * game.board[1] // 8
    if not plies:
        return 0
    lengths = play(game.start(100), (Random(), Random()), Randomness(0, FIRST_ROLLOUT), max_plies=plies).length
    median = int(np.median(lengths))
    return plies if median == plies else median // 2


def usual_openings(game: Game) -> str:
    """Those of a match if nobody says which: the balanced ones that a game offers, and else random ones."""
    return "balanced" if game.openings else f"random:{default_plies(game)}"


def openings_from_string(text: str, game: Game, count: int, seed: int) -> list[str]:
    """Openings from `balanced`, `random:PLIES`, an EPD file or a PGN file.

    Those of a file come in an order drawn from the seed, and again in that order where it has fewer than count. What is
    left out of it is said on standard error, once.

    Args:
        text: Which openings.
        game: What is played.
        count: How many.
        seed: What the order, or the random plies, derive from.

    Returns:
        [count] positions.

    Raises:
        OSError: A file can't be read.
        ValueError: There is no such source, or no opening in the file; names what was given and what is accepted.
    """
    kind, colon, plies = text.partition(":")
    if kind == "random" and colon:
        try:
            return random_openings(game, count, whole(0, MOST)(plies), seed)
        except BadValue as error:
            raise Unplayable(f"the plies in {text[:40]!r} {error}") from None
    path = game.openings if text == "balanced" else Path(text)
    if game.notation is None or path is None:
        raise ValueError(
            f"openings {text!r} are not of {game.name}; expected random:PLIES, as in {usual_openings(game)}"
        )
    if not path.is_file():
        raise ValueError(f"unknown openings {text!r}: there is no such file; expected {FORMS}")
    known = read_openings(path, game, _warn)
    order = Randomness(seed, FIRST_ROLLOUT).generator().permutation(len(known))
    return [known[order[k % len(known)]] for k in range(count)]


@cache
def _warn(line: str) -> None:
    """Say it once, however often a file is read."""
    say(f"warning: {line}")


def random_openings(game: Game, count: int, plies: int, seed: int) -> list[str]:
    """[count] positions after `plies` random plies, none over, all different while the game has that many.

    Raises Unplayable if hardly any game lasts that long.
    """
    distinct = DISTINCT_ATTEMPTS if plies else 0  # of no plies there is one opening
    drawn: list[list[str | None]] = [[] for _ in range(count)]  # of each slot; None where the game was over
    for attempt in range(ATTEMPTS):
        openings = _settle(drawn, distinct)
        missing = np.array([i for i, opening in enumerate(openings) if opening is None], dtype=np.int64)
        if not len(missing):
            break
        # One draw for each slot and attempt: what one slot needs changes no other.
        rng = Randomness(seed, FIRST_ROLLOUT + attempt)
        rollout = play(game.start(len(missing)), (Random(), Random()), rng, max_plies=plies, index=missing)
        for slot, text, lasts in zip(missing, rollout.positions(), rollout.truncated, strict=True):
            drawn[slot].append(text if lasts else None)
    found = [opening for opening in _settle(drawn, distinct) if opening is not None]
    if len(found) < count:
        raise Unplayable(f"{game.name} hardly ever lasts {plies} random plies; expected fewer opening plies")
    return found


def _settle(drawn: Sequence[Sequence[str | None]], distinct: int) -> list[str | None]:
    """The first of each slot's tries that no slot before it has, or any from the `distinct`-th on, or None.

    So more slots change nothing in those before them.
    """
    openings: list[str | None] = []
    seen: set[str] = set()
    for texts in drawn:
        fit = (text for k, text in enumerate(texts) if text is not None and (text not in seen or k >= distinct))
        openings.append(next(fit, None))
        if openings[-1] is not None:
            seen.add(openings[-1])
    return openings
