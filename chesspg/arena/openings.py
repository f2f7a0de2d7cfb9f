"""Random openings, so that two players that never roll dice still play many different games."""

from __future__ import annotations

import numpy as np

from chesspg.games.game import Game
from chesspg.players.draws import Draws
from chesspg.players.lockstep import play
from chesspg.players.player import Random

DISTINCT_ATTEMPTS = 20  # so often is an opening drawn again because another is equal to it …
ATTEMPTS = 100  # … and so often because the game was over
FIRST_ROLLOUT = 1  # rollout 0 of the same seed is the match itself


class Unplayable(ValueError):
    """Numbers that make no match."""


def default_plies(game: Game) -> int:
    """An eighth of the squares: 8 plies in chess; 1 in tic-tac-toe, where 8 would leave nothing to play."""
    return game.board[0] * game.board[1] // 8


def random_openings(game: Game, count: int, plies: int, seed: int) -> list[str]:
    """[count] positions after `plies` random plies, none over, all different while the game has that many.

    Raises Unplayable if hardly any game lasts that long.
    """
    openings: list[str | None] = [None] * count
    seen: set[str] = set()
    for attempt in range(ATTEMPTS):
        missing = np.array([i for i, opening in enumerate(openings) if opening is None], dtype=np.int64)
        if not len(missing):
            break
        # One draw for each slot and attempt: what one slot needs changes no other.
        draws = Draws(seed, FIRST_ROLLOUT + attempt)
        rollout = play(game.start(len(missing)), (Random(), Random()), draws, max_plies=plies, index=missing)
        for row, text in enumerate(rollout.positions()):
            if rollout.truncated[row] and (text not in seen or attempt >= DISTINCT_ATTEMPTS or plies == 0):
                openings[missing[row]] = text
                seen.add(text)
    found = [opening for opening in openings if opening is not None]
    if len(found) < count:
        raise Unplayable(f"{game.name} hardly ever lasts {plies} random plies; fewer opening plies would do")
    return found
