"""Reading what a person pastes: a position, or a recorded game."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from chesspg.games.capabilities import Notation
from chesspg.games.game import Game, split_position
from chesspg.pgn import sgf
from chesspg.pgn.archive import EVERY, Skipped, Source
from chesspg.pgn.own_games import recorded
from chesspg.pgn.replay import position_of
from chesspg.pgn.writing import players_of

_RECORD = re.compile(
    r"^[ \t]*\[\w+\s|^[ \t]*\(\s*;|(?<!\S)1\s*\.", re.MULTILINE
)  # a tag, SGF, or the number of a first move
NAME = 80  # most characters of a player's name
MOST_PLIES = 1000  # of a game


class Loaded(NamedTuple):
    """A position, or a game."""

    start: str  # the position from which the moves begin
    moves: list[str]
    players: tuple[str, str] = ("", "")  # by seat, empty if unknown


def read(text: str, game: Game) -> Loaded:
    """Read a position or the first game of a text.

    Args:
        text: In chess a FEN or PGN; in another game a position as text, or a game as `play` saves it or as SGF.
        game: The game that is played.

    Returns:
        The position or game. Its moves may be illegal.

    Raises:
        ValueError: The text is neither, or the game is too long.
    """
    text = text.strip()
    if not _RECORD.search(text):
        start, moves = split_position(text)
        _check_length(moves)
        return Loaded(start, moves)
    if game.notation:
        return _pgn(text, game, game.notation)
    if text.lstrip().startswith("("):
        return _sgf(text, game)
    for one in recorded(text.splitlines(keepends=True)):
        _check_length(one.moves)
        start = one.headers.get("FEN") or split_position(game.start(1).position(0))[0]
        return Loaded(start, one.moves, _names(one.headers))
    raise ValueError(f"there is no game of {game.name} in this text")


def _pgn(text: str, game: Game, notation: Notation) -> Loaded:
    with tempfile.TemporaryDirectory() as folder:  # the reader of PGN reads files
        path = Path(folder, "PGN")
        path.write_text(text, encoding="utf-8", errors="replace")
        for one in Source(path, EVERY, game):
            if isinstance(one, Skipped):
                raise ValueError(f"{one.where}: {one.why}{f' ({one.detail})' if one.detail else ''}")
            _check_length(one.moves)
            try:
                start, moves = split_position(position_of(notation, one))
            except ValueError as error:
                raise ValueError(f"{one.where}: {error}") from None
            return Loaded(notation.to_board(start).fen(), moves, _names(one.headers))
    raise ValueError(f"there is no game of {game.name} in this text; expected PGN or a FEN")


def _sgf(text: str, game: Game) -> Loaded:
    if game.sgf is None:
        raise ValueError(f"{game.name} has no SGF; expected a game as it is saved here, or a position as text")
    for one in sgf.read_sgf(text.splitlines(keepends=True)):
        if not sgf.plays(game, one):
            raise ValueError(f"the SGF is of {sgf.described(one)}; expected a game of {game.name}")
        _check_length(one.moves)
        start = split_position(game.start(1).position(0))[0]
        return Loaded(start, sgf.moves_of(game, one), _names(sgf.headers_of(game, one)))
    raise ValueError(f"there is no game of {game.name} in this SGF")


def _check_length(moves: Sequence[object]) -> None:
    """Refuse a game that is too long before its moves are played."""
    if len(moves) > MOST_PLIES:
        raise ValueError(f"a game may have at most {MOST_PLIES:,} plies here, got {len(moves):,}")


def _names(headers: Mapping[str, str]) -> tuple[str, str]:
    """The players' names by seat, without the characters that could steer a terminal or turn the direction of text."""
    first, second = (
        "".join(filter(str.isprintable, name.replace("?", "").strip()))[:NAME] for name in players_of(headers)
    )
    return first, second
