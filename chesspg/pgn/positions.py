"""Openings from files of EPD, FEN or PGN: the positions from which games start."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from chesspg.games.capabilities import Notation
from chesspg.games.game import Game, join_position
from chesspg.pgn.archive import EVERY, Archived, Skipped, Source
from chesspg.pgn.fen import notation_of, read_fen
from chesspg.pgn.replay import position_of
from chesspg.pgn.text import TextFile, numbered

NAMED = 5  # most openings that a message names of those that are left out; it counts the others
CONTENT = "positions as EPD or FEN, one per line, or games as .pgn"


def read_openings(path: Path, game: Game, on_skipped: Callable[[str], None] = lambda line: None) -> list[str]:
    """Read the openings of a file, without duplicates.

    An opening is a game of a PGN file with all its moves, or a position of an EPD file.

    Args:
        path: The file, compressed or not, see TextFile. It is read as PGN if its name has .pgn or it begins with a tag,
            and otherwise as EPD or FEN, with one position per line.
        game: The game to start from them, which must have a notation.
        on_skipped: Called with one line that names the openings that were left out, and why, if there are any.

    Returns:
        Positions, as text.

    Raises:
        OSError: The file can't be read.
        ValueError: There is no opening in it, it is not a text file, or the game has no notation.
    """
    notation = notation_of(game)
    found: dict[str, str] = {}  # by position: file and line
    bad: list[str] = []
    for where, read in _read_pgn(path, game, notation) if _is_pgn(path) else _read_epd(path, notation):
        try:
            found.setdefault(read(), where)
        except ValueError as error:
            bad.append(f"{where}: {error}")
    try:
        games = game.start(list(found))
    except ValueError:
        for position, where in list(found.items()):
            try:
                notation.to_board(position)
            except ValueError as error:
                bad.append(f"{where}: {error}")
                del found[position]
        games = game.start(list(found))
    over = games.outcomes().over  # [N]
    bad += [f"{where}: the game is over there" for where, ended in zip(found.values(), over, strict=True) if ended]
    named = "; ".join(bad[:NAMED]) + (f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else "")
    if over.all():
        raise ValueError(f"{path} has no opening in it; expected {CONTENT}" + (f" ({named})" if bad else ""))
    if bad:
        on_skipped(f"{path}: {len(bad)} of its openings left out: {named}")
    return [games.position(index) for index in range(len(games)) if not over[index]]  # in the form of Games.position


_Openings = Iterator[tuple[str, Callable[[], str]]]  # file and line, and a function that reads it or raises ValueError


def _is_pgn(path: Path) -> bool:
    if ".pgn" in (suffix.lower() for suffix in path.suffixes):
        return True
    return next((line.lstrip().startswith("[") for line in TextFile(path) if line.strip()), False)


def _read_pgn(path: Path, game: Game, notation: Notation) -> _Openings:
    for one in Source(path, EVERY, game):
        yield one.where, partial(_position, notation, one)


def _position(notation: Notation, one: Archived | Skipped) -> str:
    if isinstance(one, Skipped):
        raise ValueError(f"{one.why}, {one.detail}" if one.detail else one.why)
    if not one.moves and one.start == "startpos":
        raise ValueError("no moves")
    return position_of(notation, one)


def _read_epd(path: Path, notation: Notation) -> _Openings:
    before = 0  # number of the line before; the pieces of a long line have the same number
    for number, line in numbered(TextFile(path)):
        line = line.strip(" \t\n\ufeff\x1a")  # the last one is the end-of-file mark of DOS
        if line and number != before and line[0] not in "#%;":
            yield f"{path.name}, line {number}", partial(_fen, line, notation)
        before = number


def _fen(line: str, notation: Notation) -> str:
    """The position of a line of EPD or FEN. Raises ValueError if there is none.

    The clocks of a FEN may be missing, and `moves` with UCI moves may follow. Of the operations of EPD only hmvc and
    fmvn are used.
    """
    line = line.removeprefix("position ").removeprefix("fen ").strip("\"' ")
    line, with_moves, moves = line.partition(" moves ")
    if with_moves and '"' in line:  # the word is part of an operation
        line, moves = line + with_moves + moves, ""
    fields = line.split(maxsplit=4)
    if (
        len(fields) < 4
        or not re.fullmatch(r"[1-8pnbrqk~]+(?:/[1-8pnbrqk~]+){7}", fields[0], re.IGNORECASE)
        or max(map(len, fields[:4])) > 80
    ):
        raise ValueError(f"expected a position as EPD or FEN, got {line[:40]!r}")
    rest = fields[4] if len(fields) > 4 else ""
    clocks = ["0", "1"]  # halfmove clock, number of the move
    for k, word in enumerate(rest.split()[:2]):
        if not re.fullmatch(r"[-+]?\d+(?:\.\d*)?;*", word):
            if re.match(r"\d", word):
                raise ValueError(f"a clock must be a whole number from 0 to 9,999, got {word[:20]!r}")
            break
        clocks[k] = word.rstrip(";")
        if word.endswith(";"):
            break
    operations = re.sub(r'"(?:[^"\\]|\\.)*"?', "", rest)
    for k, name in enumerate(("hmvc", "fmvn")):
        if operation := re.search(rf"(?:^|;|\d)\s*{name}\s+([^;\s]+)", operations):
            clocks[k] = operation[1]
    for clock in clocks:
        if not re.fullmatch(r"\d{1,4}", clock, re.ASCII):
            raise ValueError(f"a clock must be a whole number from 0 to 9,999, got {clock[:20]!r}")
    fen = read_fen(" ".join([*(field.rstrip(";") for field in fields[:4]), *clocks]), notation)
    return join_position(fen, moves.split())
