"""A PGN file cut into games, and the tags of each, whatever the order, the blanks and the faults of its lines."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chesspg.arena.records.movetext import MARKER, main_line
from chesspg.arena.records.pgn import ROSTER
from chesspg.arena.records.text import MOST_CHARACTERS

MOST_LINES = 10_000  # of a game, and MOST_CHARACTERS; anything longer is not a game

_NAMES = (*ROSTER, "SetUp", "FEN", "Variant", "WhiteElo", "BlackElo", "TimeControl", "Termination")
NAMES = {name.lower(): name for name in _NAMES}  # some programs write `Setup` or `Fen`
_NAME = r"\s*\[\s*([A-Za-z0-9_][A-Za-z0-9_+#=:-]*)\s*"
_TAG = re.compile(rf"{_NAME}\"|\s*\[(?:.*\[)?\s*(FEN)\b", re.IGNORECASE)  # a FEN must not get lost: see headers_of
_PAIR = re.compile(rf"{_NAME}\"((?:[^\"\\]|\\.)*)\"\s*\]")
_LOOSE_PAIR = re.compile(rf"{_NAME}\"(.*?)\"\s*\](?=\s*(?:\[|\Z))")  # with quotation marks within quotation marks
_BRACKETS = re.compile(r"\[[^\]]*(?:\]|\Z)")
_COMMENT_MARK = re.compile(r"[{};]")
_FIRST_MOVE = r"1\s*\.(?!\s*[.…])"
_BEGINS = re.compile(_FIRST_MOVE)
_ENDED = re.compile(rf"(?:^|[\s\])}}]){MARKER}\s*(?:\{{[^}}]*\}}\s*|;.*)?\Z")
_AGAIN = re.compile(rf"(?:^|\s){MARKER}\s*(?=\s{_FIRST_MOVE}|\[\s*\w+\s*\")")  # the next game in the same line
_TAIL = 500  # characters of a line in which _ENDED looks
_BLANK = " \t\r\n\f\v\x1a\ufeff\xa0"  # with the mark of an end that DOS puts into files


class GameText(NamedTuple):
    """One game, cut out of a file."""

    line: int  # number of its first one
    tags: list[str]  # lines
    moves: str
    too_long: bool


def headers_of(tags: Iterable[str]) -> dict[str, str]:
    """The tags by name; of one that comes twice the last.

    A line that is not a tag pair is left out. A FEN that can't be read is empty, so that nobody takes the game for one
    from the initial position.
    """
    headers = {}
    for line in tags:
        pairs, rest = _pairs(line)
        if (tag := _TAG.match(rest)) and (tag[2] or tag[1].upper() == "FEN"):
            pairs.append(("FEN", ""))
        for name, value in pairs:
            headers[NAMES.get(name.lower(), name)] = re.sub(r"\\([\"\\])", r"\1", value) if "\\" in value else value
    return headers


def _pairs(line: str) -> tuple[list[tuple[str, str]], str]:
    """The tag pairs that a line begins with, and what comes after them."""
    pairs, at = [], 0
    while match := _PAIR.match(line, at) or _LOOSE_PAIR.match(line, at):
        pairs.append((match[1], match[2]))
        at = match.end()
    return pairs, line[at:]


class _Collected:
    """What was read of a game so far."""

    def __init__(self) -> None:
        self.line = 0  # number of its first one
        self.tags: list[str] = []
        self.names: set[str] = set()  # of its tags, in lower case
        self.moves: list[str] = []
        self.blank = False  # whether the last line was blank
        self.comment = False  # whether the next line begins in one
        self.aside: list[tuple[int, str]] = []  # lines of a comment from one on that looks like a tag
        self.lines, self.characters = MOST_LINES, MOST_CHARACTERS  # that may still come
        self.too_long = False

    def count(self, number: int, line: str) -> None:
        self.line = self.line or number
        self.lines -= 1
        self.characters -= len(line)
        if self.lines <= 0 or self.characters <= 0:
            self.too_long = True
            self.tags, self.moves, self.comment = [], [], False

    def add(self, number: int, line: str, to: list[str]) -> None:
        self.blank = False
        to.append(line)
        self.count(number, line)

    def text(self) -> GameText:
        return GameText(self.line, self.tags, "\n".join(self.moves), self.too_long)


def split(lines: Iterable[str]) -> Iterator[GameText]:
    """The text of each game.

    A tag after moves begins a game. So does a tag that comes again, if it is Event or a blank line stands before it,
    and a first move after a result or a blank line. Other blank lines mean nothing. What comes after the limits of a
    game is left out up to the next tag.

    This is not left to chess.pgn: to it a blank line ends a game, and a comment without an end is the rest of a file.
    """
    back: deque[tuple[int, str]] = deque()  # lines to be read once more
    game = _Collected()
    for number, line in _and_again(lines, back):
        if game.comment:
            if not number or not _goes_on(game, number, line):  # it has no end: its game does not go on
                back.extendleft(reversed([*game.aside, (number, line)] if number else game.aside))
                yield game.text()
                game = _Collected()
            continue
        stripped = line.lstrip(_BLANK)
        if not stripped:
            game.blank = True
        elif line[0] == "%" or stripped[0] == ";":
            pass
        elif tag := _TAG.match(stripped):
            name = (tag[1] or tag[2]).lower()
            if game.moves or game.too_long or (name in game.names and (game.blank or name == "event")):
                yield game.text()
                game = _Collected()
            game.names.add(name)
            if not stripped.endswith(("]\n", "]")) and len(stripped) < game.characters:  # else nothing but tags
                _, rest = _pairs(stripped)
                if rest != stripped and main_line(rest)[0]:
                    back.appendleft((number, rest))
                    stripped = stripped[: -len(rest)]
            game.add(number, stripped, game.tags)
        elif not game.too_long:
            if not game.moves and _continues_tag(game, stripped):
                game.tags[-1] = f"{game.tags[-1].rstrip()} {stripped}"
                game.count(number, line)
                continue
            if stripped[0] == "[":  # a malformed tag, or a mark of some program
                stripped = _BRACKETS.sub("", stripped, count=1).lstrip(_BLANK) if game.moves else ""
                if not stripped:
                    continue
            parts = _parts(stripped) if "1." in line or "[" in line else [stripped]
            if len(parts) > 1:
                back.extendleft((number, part) for part in reversed(parts))
                continue
            if game.moves and _starts_over(game, stripped):
                yield game.text()
                game = _Collected()
            game.comment = _in_comment(stripped, False)
            game.add(number, stripped, game.moves)
    if game.line:
        yield game.text()


def _and_again(lines: Iterable[str], back: deque[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, before each what is put back; at the end number 0."""
    for numbered in enumerate(lines, 1):
        yield numbered
        while back:
            yield back.popleft()
    yield 0, ""
    while back:
        yield back.popleft()
        if not back:
            yield 0, ""


def _goes_on(game: _Collected, number: int, line: str) -> bool:
    """Take a line that begins in a comment; False if this shows that the comment has no end.

    What looks like a tag may be part of it, or the beginning of the next game: the next brace decides.
    """
    opens, closes = line.find("{"), line.find("}")
    if game.aside or _TAG.match(line.lstrip(_BLANK)):
        full = game.lines <= len(game.aside) + 1 or game.characters <= len(line)
        if full or (opens >= 0 and (closes < 0 or opens < closes)):
            return False
        if closes < 0:
            game.aside.append((number, line))
            game.characters -= len(line)
            return True
        game.aside.clear()
    game.comment = _in_comment(line, True)
    if closes < 0:
        game.count(number, line)  # of a comment nobody needs the inside
    else:
        game.add(number, line, game.moves)
    return True


def _in_comment(line: str, inside: bool) -> bool:
    """Whether what comes after a line is in a comment in braces; inside: whether its beginning is."""
    if ";" not in line:
        opens, closes = line.rfind("{"), line.rfind("}")
        return inside if opens == closes else opens > closes
    for mark in _COMMENT_MARK.findall(line):
        if inside:
            inside = mark != "}"
        elif mark == ";":
            break
        else:
            inside = mark == "{"
    return inside


def _continues_tag(game: _Collected, line: str) -> bool:
    """Whether a line is the rest of a tag whose value has a line break in it."""
    if not game.tags or not line.rstrip().endswith('"]'):
        return False
    return not game.tags[-1].rstrip().endswith("]")


def _starts_over(game: _Collected, line: str) -> bool:
    """Whether a line of moves after others begins a game that has no tags."""
    begins = _BEGINS.match(line)
    if not begins and not game.blank:
        return False
    ended = _ENDED.search(game.moves[-1][-_TAIL:])
    if begins:
        return game.blank or ended is not None
    return ended is not None and main_line(line)[0] != []


def _parts(line: str) -> list[str]:
    """A line, cut after each game that ends in it with another one after it."""
    parts, begin, seen, inside = [], 0, 0, False
    for match in _AGAIN.finditer(line):
        inside = _in_comment(line[seen : match.end()], inside)
        seen = match.end()
        if not inside:
            parts.append(line[begin:seen])
            begin = seen
    return [*parts, line[begin:]]
