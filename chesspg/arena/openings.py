"""Openings, which make two deterministic players play many different games."""

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

DISTINCT_ATTEMPTS = 20  # most tries for an opening that no other slot has
ATTEMPTS = 100  # most tries for an opening in which the game is not over
FIRST_ROLLOUT = 1  # rollout 0 with the same seed is the match itself
MOST = 1000  # greatest number of plies of a random opening
FORMS = "balanced, random:PLIES, an EPD file or a PGN file"


class Unplayable(ValueError):
    """No match can be played with these numbers."""


def default_plies(game: Game) -> int:
    """The number of plies of a random opening: an eighth of the squares of the board.

    That is 8 in chess, and 1 in tic-tac-toe, where 8 plies would leave nothing to play. A game in which most random
    games are over by then gets half the median length of random games instead.

    Args:
        game: The game to play.

    Returns:
        The number of plies.
    """
    plies = game.board[0] * game.board[1] // 8
    if not plies:
        return 0
    lengths = play(game.start(100), (Random(), Random()), Randomness(0, FIRST_ROLLOUT), max_plies=plies).length
    median = int(np.median(lengths))
    return plies if median == plies else median // 2


def usual_openings(game: Game) -> str:
    """The default openings of a match: the balanced ones that the game offers, or else random ones."""
    return "balanced" if game.openings else f"random:{default_plies(game)}"


def openings_from_string(text: str, game: Game, count: int, seed: int) -> list[str]:
    """Openings from `balanced`, `random:PLIES`, an EPD file or a PGN file.

    The openings of a file are shuffled, and repeated in the same order if there are fewer than `count`. Lines of a file
    that can't be used are reported once on standard error.

    Args:
        text: The source of the openings.
        game: The game to play.
        count: Number of openings.
        seed: Seed of the order, or of the random plies.

    Returns:
        [count] positions.

    Raises:
        OSError: A file can't be read.
        ValueError: The source is unknown, or the file has no opening.
    """
    kind, colon, plies = text.partition(":")
    if kind == "random" and colon:
        try:
            return random_openings(game, count, whole(0, MOST)(plies), seed)
        except BadValue as error:
            raise Unplayable(f"PLIES in {text[:40]!r} {error}") from None
    path = game.openings if text == "balanced" else Path(text)
    if game.notation is None or path is None:
        raise ValueError(
            f"openings {text!r} can't be used with {game.name}; expected random:PLIES, such as {usual_openings(game)}"
        )
    if not path.is_file():
        raise ValueError(f"unknown openings {text!r}: no such file; expected {FORMS}")
    known = read_openings(path, game, _warn)
    order = Randomness(seed, FIRST_ROLLOUT).generator().permutation(len(known))
    return [known[order[k % len(known)]] for k in range(count)]


@cache
def _warn(line: str) -> None:
    """Print each warning once, even if a file is read several times."""
    say(f"warning: {line}")


def random_openings(game: Game, count: int, plies: int, seed: int) -> list[str]:
    """shape [count] positions after `plies` random plies, in none of which the game is over.

    They are all different unless the game has too few such positions.

    Args:
        game: The game to play.
        count: Number of openings.
        plies: Plies in each opening.
        seed: Seed of the moves.

    Returns:
        The positions.

    Raises:
        Unplayable: Hardly any game lasts that long.
    """
    distinct = DISTINCT_ATTEMPTS if plies else 0  # there is only one opening of 0 plies
    tries: list[list[str | None]] = [[] for _ in range(count)]  # tries of each slot; None where the game was over
    for attempt in range(ATTEMPTS):
        openings = _settle(tries, distinct)
        missing = np.array([i for i, opening in enumerate(openings) if opening is None], dtype=np.int64)
        if not len(missing):
            break
        # The random numbers depend on slot and attempt alone, so a slot that needs another attempt changes no other.
        rng = Randomness(seed, FIRST_ROLLOUT + attempt)
        rollout = play(game.start(len(missing)), (Random(), Random()), rng, max_plies=plies, index=missing)
        for slot, text, lasts in zip(missing, rollout.positions(), rollout.truncated, strict=True):
            tries[slot].append(text if lasts else None)
    found = [opening for opening in _settle(tries, distinct) if opening is not None]
    if len(found) < count:
        raise Unplayable(f"hardly any game of {game.name} lasts {plies} random plies; expected fewer opening plies")
    return found


def _settle(tries: Sequence[Sequence[str | None]], distinct: int) -> list[str | None]:
    """shape [slots] the first try of each slot that no earlier slot has; None if there is none yet.

    From try number `distinct` on, a try that an earlier slot has is accepted too. A slot depends only on those before
    it, so that asking for more openings does not change the first ones.
    """
    openings: list[str | None] = []
    seen: set[str] = set()
    for texts in tries:
        fit = (text for k, text in enumerate(texts) if text is not None and (text not in seen or k >= distinct))
        openings.append(next(fit, None))
        if openings[-1] is not None:
            seen.add(openings[-1])
    return openings
