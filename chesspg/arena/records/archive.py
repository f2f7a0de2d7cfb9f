"""Games out of PGN files, however long, compressed or broken, read as a stream."""

from __future__ import annotations

import bz2
import gzip
import io
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import chess
import chess.pgn

from chesspg.arena.records.pgn import RESULTS
from chesspg.games.chess import Chess

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

OUTCOMES = {result: outcome for outcome, result in RESULTS.items()}
DECOMPRESS: dict[str, Callable[[BinaryIO], BinaryIO]] = {".gz": gzip.open, ".bz2": bz2.open, ".zst": zstd.open}  # type: ignore[dict-item]
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError, OSError)
MOST_LINES, MOST_CHARACTERS = 10_000, 1 << 20  # of a game; anything longer is not a game
UNWANTED = "not wanted"  # the reason of a game that a filter leaves out

_TAG = re.compile(r"\[[A-Za-z0-9]\w*\s+\"")


@dataclass(frozen=True)
class Wanted:
    """Which games to take, by their headers; one that does not say is not taken.

    min_rating: of both players.
    min_seconds: the time control, in seconds a player for a game of 40 moves; correspondence games have enough.
    results: those to take.
    """

    min_rating: int = 0
    min_seconds: int = 0
    results: tuple[str, ...] = tuple(OUTCOMES)

    def takes(self, headers: chess.pgn.Headers) -> bool:
        ratings = [headers.get(name, "") for name in ("WhiteElo", "BlackElo")]
        if self.min_rating and not all(text.isdigit() and int(text) >= self.min_rating for text in ratings):
            return False
        if self.min_seconds and seconds(headers.get("TimeControl", "?")) < self.min_seconds:
            return False
        return headers.get("Result", "*") in self.results


def seconds(control: str) -> float:
    """What a TimeControl gives a player for 40 moves: `600+5` is 800, `-` is without limit, what can't be read 0."""
    if control == "-":
        return float("inf")
    total = 0.0
    for period in control.split(":"):
        moves = re.fullmatch(r"(?:(\d+)/)?(\d+(?:\.\d+)?)(?:\+(\d+(?:\.\d+)?))?", period)
        if not moves:
            return 0.0
        total += float(moves[2]) + 40 * float(moves[3] or 0)
    return total


class Archived(NamedTuple):
    """A game as it was written."""

    where: str  # file and line, for messages
    start: str  # `startpos` or a FEN
    moves: list[str]  # SAN, not yet looked at
    outcome: int  # 1 White won, −1 Black won, 0 drawn


class Skipped(NamedTuple):
    """A game that is not taken, and why."""

    where: str
    why: str  # UNWANTED, or a kind of damage
    detail: str = ""


class Source:
    """A PGN file, plain or compressed as its suffix says; iterate over it for its games, each read when asked for.

    Raises OSError if it can't be read, ValueError if it is not what its suffix says.
    """

    def __init__(self, path: str | Path, wanted: Wanted | None = None) -> None:
        self.path = Path(path)
        self.wanted = wanted or Wanted()
        self.size = self.path.stat().st_size
        self.damage = ""  # why the file ended early, if it did
        self._raw: BinaryIO | None = None

    @property
    def position(self) -> int:
        """How many of its `size` bytes were read."""
        if self._raw is None:
            return 0
        return self.size if self._raw.closed else self._raw.tell()

    def __iter__(self) -> Iterator[Archived | Skipped]:
        return self.read()

    def read(self, skip: int = 0) -> Iterator[Archived | Skipped]:
        """The games behind the first `skip`, which are passed over without being parsed."""
        for number, (line, text) in enumerate(self._texts()):
            if number >= skip:
                yield self._parse(f"{self.path.name}, line {line}", text)

    def _texts(self) -> Iterator[tuple[int, str]]:
        """The text of each game and the number of its first line. A tag behind moves begins a game, as does Event.

        Not left to chess.pgn, to which a comment without an end is the rest of the file.
        """
        lines: list[str] = []
        first = 1
        tags = moves = False  # whether there were any in this game
        size = 0
        for number, line in enumerate(self._lines(), 1):
            tag = line[0] == "[" and _TAG.match(line)
            if (
                (tag and (moves or (tags and line.startswith("[Event "))))
                or len(lines) == MOST_LINES
                or size > MOST_CHARACTERS
            ):
                yield first, "".join(lines)
                lines, first, tags, moves, size = [], number, False, False, 0
            if tag:
                tags = True
            elif not moves:
                moves = not (line.isspace() or line[0] in "%;")
            if lines or not line.isspace():
                lines.append(line)
                size += len(line)
            else:
                first = number + 1
        if lines:
            yield first, "".join(lines)

    def _lines(self) -> Iterator[str]:
        decompress = DECOMPRESS.get(self.path.suffix.lower())
        read = False
        with self.path.open("rb") as self._raw:
            try:
                stream = decompress(self._raw) if decompress else self._raw
                with io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace") as text:
                    while line := text.readline(MOST_CHARACTERS):
                        read = True
                        yield line
            except DAMAGED as error:
                if decompress is None:
                    raise
                if not read:
                    raise ValueError(f"{self.path} can't be read as {self.path.suffix}: {error}") from None
                self.damage = str(error)

    def _parse(self, where: str, text: str) -> Archived | Skipped:
        told = chess.pgn.read_game(io.StringIO(text), Visitor=lambda: _Reader(where, self.wanted))
        return told if told is not None else Skipped(where, "no game")


class _Reader(chess.pgn.BaseVisitor[Archived | Skipped]):
    """Takes the main line's words and looks at no move: on python-chess's boards that would be most of the time."""

    def __init__(self, where: str, wanted: Wanted) -> None:
        self.where = where
        self.wanted = wanted
        self.headers = chess.pgn.Headers({})
        self.moves: list[str] = []
        self.ended = ""
        self.skipped: Skipped | None = None

    def begin_headers(self) -> chess.pgn.Headers:
        return self.headers

    def visit_header(self, tagname: str, tagvalue: str) -> None:
        self.headers[tagname] = tagvalue

    def end_headers(self) -> chess.pgn.SkipType | None:
        start = self.headers.get("FEN")
        try:
            if "Result" not in self.headers:
                self.skipped = Skipped(self.where, "cut off", "no tag Result")
            elif not self.wanted.takes(self.headers):
                self.skipped = Skipped(self.where, UNWANTED)
            elif self.headers.variant() is not chess.Board or self.headers.is_chess960():
                raise ValueError(self.headers["Variant"])
        except ValueError as error:
            self.skipped = Skipped(self.where, "variant", str(error))
        if self.skipped is None and start:
            try:
                Chess().to_board(start)
            except ValueError as error:
                self.skipped = Skipped(self.where, "start position", str(error))
        return chess.pgn.SKIP if self.skipped else None

    def visit_board(self, board: chess.Board) -> None:
        if not board.move_stack:
            board.push(chess.Move.null())  # else a variation would be taken for the main line

    def begin_variation(self) -> chess.pgn.SkipType:
        return chess.pgn.SKIP

    def begin_parse_san(self, board: chess.Board, san: str) -> chess.pgn.SkipType:
        self.moves.append(san)
        return chess.pgn.SKIP

    def visit_result(self, result: str) -> None:
        self.ended = result

    def result(self) -> Archived | Skipped:
        if self.skipped:
            return self.skipped
        if not self.ended:
            return Skipped(self.where, "cut off", f"no result after {len(self.moves)} plies")
        if not self.moves:
            return Skipped(self.where, "no moves")
        return Archived(self.where, self.headers.get("FEN", "startpos"), self.moves, OUTCOMES[self.headers["Result"]])
