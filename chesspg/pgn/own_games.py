"""Reading games of any game in the form in which `to_pgn` writes them, which docs/match.md describes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chesspg.pgn.text import MOST_CHARACTERS, numbered

MOST_LINES = 10_000  # a game with more lines, or more than MOST_CHARACTERS, is cut off there
_TAG = re.compile(r'\[(\w+) "(.*)"\]')  # python-chess writes quotation marks as they are
_NOT_A_MOVE = re.compile(r"\d+\.+|1-0|0-1|1/2-1/2|\*")


class Recorded(NamedTuple):
    """A game of a file."""

    line: int  # number of its first line
    headers: dict[str, str]  # the values of its tags
    moves: list[str]  # in the notation of the game


def recorded(lines: Iterable[str]) -> Iterator[Recorded]:
    """The games in these lines. A game begins with a tag after moves, or with a tag that it already has."""
    game, characters = Recorded(0, {}, []), 0
    for number, line in numbered(lines):
        tag = _TAG.fullmatch(line.strip())
        if tag and (game.moves or tag[1] in game.headers):
            yield game
            game, characters = Recorded(0, {}, []), 0
        if not game.line and line.strip():
            game, characters = game._replace(line=number), 0
        characters += len(line)
        if number - game.line > MOST_LINES or characters > MOST_CHARACTERS:
            continue
        if tag:
            game.headers[tag[1]] = re.sub(r"\\(.)", r"\1", tag[2])
        else:
            game.moves.extend(word for word in line.split() if not _NOT_A_MOVE.fullmatch(word))
    if game.line:
        yield game
