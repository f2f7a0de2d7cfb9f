"""Openings, so that two players that never roll dice still play many different games."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np

from chesspg.games.chess import Chess
from chesspg.games.game import Game, join_position
from chesspg.games.randomness import Randomness
from chesspg.pgn.archive import EVERY, Archived, Skipped, Source
from chesspg.pgn.fen import read_fen
from chesspg.pgn.replay import position_of
from chesspg.pgn.text import TextFile, numbered
from chesspg.players.player import Random
from chesspg.selfplay.loop import play
from chesspg.terminal.command import say
from chesspg.terminal.numbers import BadValue, whole

DISTINCT_ATTEMPTS = 20  # so often is an opening drawn again because another is equal to it …
ATTEMPTS = 100  # … and so often because the game was over
FIRST_ROLLOUT = 1  # rollout 0 of the same seed is the match itself
BALANCED = Path(__file__).with_name("openings.pgn")  # made by balanced.py
MOST = 1000  # plies of a random opening
NAMED = 5  # openings of a file that are left out; the others are counted
FORMS = "balanced, random:PLIES, an EPD file or a PGN file"
CONTENT = "positions as EPD or FEN, one per line, or games as .pgn"


class Unplayable(ValueError):
    """Numbers that make no match."""


def default_plies(game: Game) -> int:
    """An eighth of the squares: 8 plies in chess; 1 in tic-tac-toe, where 8 would leave nothing to play.

    Fewer where most random games would be over by then, whatever the size of the board.
    """
    plies = game.board[0] * game.board[1] // 8
    if not plies or isinstance(game, Chess):
        return plies
    lengths = play(game.start(100), (Random(), Random()), Randomness(0, FIRST_ROLLOUT), max_plies=plies).length
    median = int(np.median(lengths))
    return plies if median == plies else median // 2


def usual_openings(game: Game) -> str:
    """Those of a match if nobody says which: the balanced ones of standard chess, and else random ones."""
    return "balanced" if game.name == Chess().name else f"random:{default_plies(game)}"


def openings_from_string(text: str, game: Game, count: int, seed: int) -> list[str]:
    """[count] openings from `balanced`, `random:PLIES`, an EPD file or a PGN file, as `text` says.

    Those of a file come in an order drawn from the seed, and again in that order where it has fewer than count. What is
    left out of it is said on standard error, once.

    Raises:
        OSError: a file can't be read.
        ValueError: there is no such source, or no opening in the file; names what was given and what is accepted.
    """
    kind, colon, plies = text.partition(":")
    if kind == "random" and colon:
        try:
            return random_openings(game, count, whole(0, MOST)(plies), seed)
        except BadValue as error:
            raise Unplayable(f"the plies in {text[:40]!r} {error}") from None
    if not isinstance(game, Chess) or (text == "balanced" and game.variant != "standard"):
        raise ValueError(
            f"openings {text!r} are not of {game.name}; expected random:PLIES, as in {usual_openings(game)}"
        )
    path = BALANCED if text == "balanced" else Path(text)
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


def read_openings(path: Path, game: Chess, on_skipped: Callable[[str], None] = lambda line: None) -> list[str]:
    """The openings of a file, each once: the games of a PGN file with all their moves, or the positions of an EPD file.

    Args:
        path: the file; compressed or not, see TextFile. It is PGN if its name says so or it begins with a tag, else EPD
            or FEN, a position per line.
        on_skipped: called with one line that says what was left out and why, if anything was.

    Raises:
        OSError: the file can't be read.
        ValueError: there is no opening in it, or it is not a text file.
    """
    found: dict[str, str] = {}  # position -> where it is
    bad: list[str] = []
    for where, read in _read_pgn(path, game) if _is_pgn(path) else _read_epd(path, game):
        try:
            found.setdefault(read(), where)
        except ValueError as error:
            bad.append(f"{where}: {error}")
    try:
        games = game.start(list(found))
    except ValueError:
        for position, where in list(found.items()):
            try:
                game.to_board(position)
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
    return [games.position(index) for index in range(len(games)) if not over[index]]  # as games from there begin


_Openings = Iterator[tuple[str, Callable[[], str]]]  # where each one is, and what reads it or raises ValueError


def _is_pgn(path: Path) -> bool:
    if ".pgn" in (suffix.lower() for suffix in path.suffixes):
        return True
    return next((line.lstrip().startswith("[") for line in TextFile(path) if line.strip()), False)


def _read_pgn(path: Path, game: Chess) -> _Openings:
    for one in Source(path, EVERY, game):
        yield one.where, partial(_position, game, one)


def _position(game: Chess, one: Archived | Skipped) -> str:
    if isinstance(one, Skipped):
        raise ValueError(f"{one.why}, {one.detail}" if one.detail else one.why)
    if not one.moves and one.start == "startpos":
        raise ValueError("no moves")
    return position_of(game, one)


def _read_epd(path: Path, game: Chess) -> _Openings:
    before = 0  # number of the last line, of which a long one comes in pieces
    for number, line in numbered(TextFile(path)):
        line = line.strip(" \t\n\ufeff\x1a")  # the last is the mark of an end that DOS puts into files
        if line and number != before and line[0] not in "#%;":
            yield f"{path.name}, line {number}", partial(_fen, line, game)
        before = number


def _fen(line: str, game: Chess) -> str:
    """The position of a line of EPD, or of FEN, whose clocks may be missing and which `moves` as UCI may follow.

    Of EPD's operations only hmvc and fmvn matter here. Raises ValueError.
    """
    line = line.removeprefix("position ").removeprefix("fen ").strip("\"' ")
    line, with_moves, moves = line.partition(" moves ")
    if with_moves and '"' in line:  # a word in an operation
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
    fen = read_fen(" ".join([*(field.rstrip(";") for field in fields[:4]), *clocks]), game)
    return join_position(fen, moves.split())
