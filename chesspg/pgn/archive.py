"""The reader of PGN files: games are read as a stream, from files of any length, compressed or damaged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from chesspg.games.capabilities import Notation
from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.pgn.fen import notation_of, read_fen
from chesspg.pgn.movetext import OUTCOMES, UNKNOWN, begins_with_moves, first_number, is_whole, main_line, result
from chesspg.pgn.split import MOST_LINES, GameText, headers_of, split
from chesspg.pgn.text import MOST_CHARACTERS, TextFile
from chesspg.pgn.variant import rules_of

UNWANTED = "not wanted"  # Skipped.why of a game that a filter leaves out
UNFINISHED = "no result"  # Skipped.why of a game that was not played to its end
LONGEST_TAG = 120  # most characters of a tag's value that is used here; a FEN has at most 100
NOTHING = ("", "?", "-")  # values of a tag that mean it is unknown


@dataclass(frozen=True)
class Wanted:
    """A filter of games by their headers. A game whose headers lack what is asked for is left out.

    Args:
        min_rating: Lowest rating of both players.
        min_seconds: Least time per player for 40 moves, as computed by `seconds`.
        results: Results to take. With `*` every game is taken, also one that breaks off or has no moves; without it
            only complete games.
    """

    min_rating: int = 0
    min_seconds: int = 0
    results: tuple[str, ...] = tuple(OUTCOMES)

    def takes(self, headers: Mapping[str, str]) -> bool:
        """Whether the filter accepts the ratings and the time control."""
        if self.min_rating and min(_rating(headers, name) for name in ("WhiteElo", "BlackElo")) < self.min_rating:
            return False
        return not self.min_seconds or seconds(headers.get("TimeControl", "?")) >= self.min_seconds


EVERY = Wanted(results=(*OUTCOMES, UNKNOWN))


def _rating(headers: Mapping[str, str], name: str) -> int:
    number = re.match(r"\s*(\d{1,4})(?!\d|[.,]\d)", headers.get(name, ""), re.ASCII)  # `1500?` is provisional
    return int(number[1]) if number else -1


_PERIOD = re.compile(r"\*?(?:(\d{1,4})/)?(\d{1,9}(?:\.\d{1,9})?)(?:\+(\d{1,9}(?:\.\d{1,9})?)d?)?", re.ASCII)


def seconds(control: str) -> float:
    """The seconds that a player has for 40 moves under a time control.

    They are the times of all periods and the increments of the first 40 moves: `600+5` gives 800, `40/5400+30:1800+30`
    gives 8400 and `40/5400:1800+30` gives 7200. A last period for a number of moves is repeated: `1/30` gives 1200. A
    sandclock of `*180` gives 180, and `-` infinity.

    Args:
        control: The value of a TimeControl tag.

    Returns:
        The seconds; 0 for a value that the PGN standard does not define, such as `?` and `90 min + 30 sec`.
    """
    control = re.sub(r"\s*([+:/*])\s*", r"\1", control.strip()[:LONGEST_TAG])
    if control == "-":
        return float("inf")
    total, left = 0.0, 40  # moves
    *_, last = periods = control.split(":")
    for period in periods:
        match = _PERIOD.fullmatch(period)
        moves = int(match[1] or 40) if match else 0
        if not match or not moves or (not match[1] and period is not last):  # `1:00:00` is a time of day
            return 0.0
        base, increment = float(match[2]), float(match[3] or 0)
        total += base + min(moves, left) * increment
        left = max(0, left - moves)
    while left:
        total += base + min(moves, left) * increment
        left = max(0, left - moves)
    return total


class Archived(NamedTuple):
    """A game of a PGN file. Its moves may be illegal, see replay.py."""

    where: str  # file and line, for messages
    start: str  # `startpos` or a FEN that the rules of the game accept
    moves: list[str]  # as returned by movetext.main_line
    outcome: int | None  # 1 White won, −1 Black won, 0 drawn, None unknown
    headers: Mapping[str, str] = MappingProxyType({})
    note: str = ""  # a contradiction in it, if there is any


class Skipped(NamedTuple):
    """A game that is left out, and the reason."""

    where: str  # file and line, for messages
    why: str  # UNWANTED, UNFINISHED, or a kind of damage
    detail: str = ""


class Source:
    """A PGN file. Iterating over it reads its games one by one.

    Args:
        path: A text file, compressed or not, see TextFile.
        wanted: Which games to take, by default all that have a result.
        game: The rules of the games to take; standard chess by default.

    Raises:
        OSError: The file can't be read.
        ValueError: The game has no notation; or, during the iteration, the file is not a text file.
    """

    def __init__(self, path: str | Path, wanted: Wanted | None = None, game: Game | None = None) -> None:
        self.path = Path(path)
        self.wanted = wanted or Wanted()
        self.game = game or Chess()
        self._notation = notation_of(self.game)
        self._initial = self._notation.to_board("startpos")
        self._file = TextFile(path)

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self._file.size

    @property
    def position(self) -> int:
        """The number of bytes read so far, of `size`."""
        return self._file.position

    @property
    def damage(self) -> str:
        """The reason why the file ended early; empty if it did not."""
        return self._file.damage

    def __iter__(self) -> Iterator[Archived | Skipped]:
        return self.read()

    def read(self, skip: int = 0) -> Iterator[Archived | Skipped]:
        """The games after the first `skip`, which are not parsed."""
        for number, text in enumerate(split(self._file)):
            if number >= skip:
                yield self._parse(text)

    def _parse(self, text: GameText) -> Archived | Skipped:
        where = f"{self.path.name}, line {text.line}"
        if text.too_long:
            limit = f"more than {MOST_LINES:,} lines or {MOST_CHARACTERS:,} characters"
            return Skipped(where, "too long", limit)
        headers = headers_of(text.tags)
        tag = result(headers.get("Result", UNKNOWN))
        everything = UNKNOWN in self.wanted.results
        if not self.wanted.takes(headers) or (tag in OUTCOMES and tag not in self.wanted.results):
            return Skipped(where, UNWANTED)
        try:
            self._check_variant(headers)
        except ValueError as error:
            return Skipped(where, "variant", str(error)[:LONGEST_TAG])
        try:
            start = _start(headers, text.moves, self._notation, self._initial.fen())
        except ValueError as error:
            return Skipped(where, "start position", str(error))
        moves, markers = main_line(text.moves)
        if not headers and not begins_with_moves(text.moves):
            return Skipped(where, "no game")
        cut = text.cut or self._file.damage or not (tag in OUTCOMES and is_whole(text.moves))
        if not markers and not everything and (cut or not moves):
            return Skipped(where, "cut off", f"no result after {len(moves)} plies")
        if not moves and not everything:
            return Skipped(where, "no moves")
        marker = markers[-1] if markers else tag
        known = tag if tag in OUTCOMES else marker
        if known not in self.wanted.results and not (everything and known is None):
            return Skipped(where, UNWANTED if known in OUTCOMES else UNFINISHED)
        note = ""
        if markers and headers.get("Result", "").strip() not in NOTHING and marker != tag:
            note = f"the Result tag is {headers['Result'][:40]!r} and the moves end with {marker}"
        elif len(set(markers)) > 1:
            note = f"several results come after the moves: {', '.join(sorted(set(markers)))}"
        return Archived(where, start, moves, OUTCOMES.get(known or UNKNOWN), headers, note)

    def _check_variant(self, headers: Mapping[str, str]) -> None:
        """Raise ValueError if the game is not of the variant to take."""
        variant = headers.get("Variant", "").strip()
        rules = rules_of({} if variant in NOTHING else {"Variant": variant})
        if rules != (type(self._initial), self._initial.chess960):
            raise ValueError(f"{variant or 'standard chess'} instead of {self.game.name}")


def _start(headers: Mapping[str, str], moves: str, notation: Notation, initial: str) -> str:
    """`startpos`, or the FEN in its usual form. Raises ValueError if no game can start there, or the FEN is missing."""
    if "FEN" not in headers:
        if headers.get("SetUp", "").strip() == "1":
            raise ValueError("there is no FEN tag, although the SetUp tag is '1'")
        if not moves.startswith("1.") and (number := first_number(moves) or 1) > 1:
            raise ValueError(f"there is no FEN tag, although the first move has the number {number}")
        return "startpos"
    fen = " ".join(headers["FEN"].split())
    if "/" not in fen or " moves " in fen or len(fen) > LONGEST_TAG:
        raise ValueError(f"the FEN tag is {headers['FEN'][:80]!r}; expected a FEN")
    fen = read_fen(fen, notation)
    return "startpos" if fen == initial else fen
