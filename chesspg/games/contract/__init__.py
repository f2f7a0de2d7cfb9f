"""A check of the contract in `game.py`, which reports the first rule that a game breaks, and where."""

from __future__ import annotations

import textwrap
import traceback
from collections.abc import Sequence
from pathlib import Path

from chesspg.games.contract import arrays, capabilities, playing, text
from chesspg.games.contract.sample import BrokenContract as BrokenContract
from chesspg.games.contract.sample import Rule, Sample, name_of
from chesspg.games.game import Game

# The order matters: a game that breaks one rule usually breaks some of the later ones too.
RULES: tuple[Rule, ...] = (
    arrays.sizes, arrays.types, arrays.fresh, playing.random_games, playing.many_games, playing.known_positions,
    playing.outcomes, playing.two_players, playing.copies, playing.children, playing.kept, playing.alone,
    text.positions, playing.illegal, playing.ended, text.unreadable, text.names, text.rendered, arrays.rebuilt,
    capabilities.notation, capabilities.partial_play, capabilities.exchanges, capabilities.engine_protocol,
    capabilities.starts, capabilities.openings, capabilities.for_few_games,
)  # fmt: skip


def check(
    game: Game,
    *,
    won_by_first: Sequence[str] = (),
    won_by_second: Sequence[str] = (),
    drawn: Sequence[str] = (),
    starts: Sequence[str] = (),
    unreadable: Sequence[str] = (),
) -> str:
    """Play a game at random and check that it keeps the contract of `chesspg.games.game`.

    Random play can't show that these are the rules the author meant; known positions can. Give at least one position
    that player 0 has won, one that player 1 has won and, if games can be drawn, one that is drawn. Endings that random
    games rarely reach are checked only in known positions.

    Args:
        game: The game to check.
        won_by_first: Positions, as text, that are over and won by player 0.
        won_by_second: Positions that are over and won by player 1.
        drawn: Positions that are over and drawn.
        starts: Positions that are not over, to be checked as starts too, such as one in which player 1 moves.
        unreadable: Texts that are not positions of the game.

    Returns:
        One sentence, which says that the game keeps the contract and names the reasons to end that never occurred.

    Raises:
        BrokenContract: The game breaks a rule.
    """
    sample = Sample(game, {1: won_by_first, -1: won_by_second, 0: drawn}, list(starts), list(unreadable))
    for rule in RULES:
        sample.trying = ""
        try:
            rule(sample)
        except BrokenContract as error:
            raise BrokenContract(f"{name_of(game)}: {error}") from None
        except Exception as error:
            did = textwrap.shorten(f"{type(error).__name__}: {error}", 200)
            raise BrokenContract(
                f"{name_of(game)}: {_first_line(rule)} Checking this raised {did}{sample.trying}{_place(error)}"
            ) from None
    return sample.found()


def _place(error: BaseException) -> str:
    """The place where a game raised an exception: the innermost line outside of numpy and other libraries."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    own = [
        frame
        for frame in frames
        if Path(frame.filename).parent != Path(__file__).parent and not frame.filename.startswith("<")
    ]
    return f" in {own[-1].name}, {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""


def _first_line(rule: Rule) -> str:
    return str(rule.__doc__).split("\n\n")[0].replace("\n    ", " ")
