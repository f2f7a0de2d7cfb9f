"""Splitting a PGN file into games, and reading their tags, whatever the order, blanks and faults of the lines."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from chesspg.pgn.movetext import INVISIBLE, MARKER, begins_with_moves, first_number, main_line, without_comments
from chesspg.pgn.text import MOST_CHARACTERS, numbered
from chesspg.pgn.writing import ROSTER

MOST_LINES = 10_000  # a text with more lines, or more than MOST_CHARACTERS, is not a game

_NAMES = (*ROSTER, "SetUp", "FEN", "Variant", "WhiteElo", "BlackElo", "TimeControl", "Termination")
NAMES = {name.lower(): name for name in _NAMES}  # some programs write `Setup` or `Fen`
_NAME = r"\s*\[\s*([A-Za-z0-9_][A-Za-z0-9_+#=:-]*)\s*"
_TAG = re.compile(rf"{_NAME}\"|\s*\[(?:.*\[)?\s*(FEN)\b", re.IGNORECASE)  # a bad FEN must not be lost: see headers_of
_PAIR = re.compile(rf"{_NAME}\"((?:[^\"\\]|\\.)*)\"\s*\]")
_LOOSE_PAIR = re.compile(rf"{_NAME}\"(.*?)\"\s*\](?=\s*(?:\[|\Z))")  # its value contains quotation marks
_BRACKETS = re.compile(r"\[[^\]]*\]|\[")
_BOARD = re.compile(r"[1-8pnbrqk]{1,8}(?:/[1-8pnbrqk]{1,8}){7}", re.IGNORECASE)  # of a FEN
_FIRST_MOVE = re.compile(r"1(?:\s*[.)](?!\s*[.…])|\s+(?=[a-hNO]))")
_TWO_PLIES = re.compile(r"1\s*\.\s*[a-hN][a-h1-8]\S*\s+[a-hKQRBNO][a-h1-8-]")  # the beginning of most games
_MARK = re.compile(rf"\{{[^}}]*(?:\}}|\Z)|;.*|[()]|(?<![^\s\])}}#+*]){MARKER}")
_DEEPEST = 20  # deepest variation whose end is looked for before the first move
_BEGINNING = 200  # characters at the beginning of a line in which its first two moves are looked for
_BLANK = " \t\r\n\f\v\x1a\xa0" + INVISIBLE  # with the end-of-file mark of DOS


class GameText(NamedTuple):
    """The text of one game of a file."""

    line: int  # number of its first line
    tags: list[str]  # the lines of its tags
    moves: str  # the rest
    too_long: bool  # whether it exceeds the limits; tags and moves are then empty
    cut: bool = False  # whether it ends inside a comment


def headers_of(tags: Iterable[str]) -> dict[str, str]:
    """The values of tags by name; if a name occurs twice, the last value.

    Lines that are not tag pairs are left out. A FEN that can't be read is empty, so that the game is not mistaken for
    one from the initial position.

    Args:
        tags: Lines of tags.
    """
    headers = {}
    for line in tags:
        pairs, rest = _pairs(line)
        if (tag := _TAG.match(rest)) and (tag[2] or tag[1].upper() == "FEN"):
            pairs.append(("FEN", ""))
        for name, value in pairs:
            name = name.rstrip(":=")
            headers[NAMES.get(name.lower(), name)] = re.sub(r"\\([\"\\])", r"\1", value) if "\\" in value else value
    return headers


def _pairs(line: str) -> tuple[list[tuple[str, str]], str]:
    """The tag pairs at the beginning of a line, and the rest of the line."""
    pairs, at = [], 0
    while match := _PAIR.match(line, at) or _LOOSE_PAIR.match(line, at):
        pairs.append((match[1], match[2]))
        at = match.end()
    return pairs, line[at:]


class _Game:
    """The part of a game that was read so far."""

    def __init__(self) -> None:
        self.line = 0  # number of its first line
        self.tags: list[str] = []
        self.names: set[str] = set()  # names of its tags, in lower case
        self.open = False  # whether the last line was a tag without an end
        self.moves: list[str] = []
        self.plies = 0  # number of plies of the main line; once it is two or more, it is no longer exact
        self.marked = False  # whether there is a result in the main line
        self.doubtful = False  # whether a tag came after moves; if a first move follows, the moves before are dropped
        self.blank = False  # whether the last line was blank
        self.depth = 0  # depth of the variation in which the next line begins
        self.comment = False  # whether the next line begins inside a comment
        self.aside: list[tuple[int, str]] = []  # lines of a comment that may already belong to the next game
        self.lines, self.characters = MOST_LINES, MOST_CHARACTERS  # number of both that may still follow
        self.too_long = False

    @property
    def ended(self) -> bool:
        return self.marked and self.plies > 0

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
        return GameText(self.line, self.tags, "\n".join(self.moves), self.too_long, self.comment)


def split(lines: Iterable[str]) -> Iterator[GameText]:
    """Split the lines of a PGN file into games.

    The moves of a game begin with the first move or result of its main line. Everything before that belongs to the
    game too, and there everything but tags and comments is left out. The next game begins with moves after a result,
    with a tag after moves, with a tag that occurs again after a blank line, or with a first move after other moves.
    Other blank lines have no meaning. Lines beyond the limits of a game are left out up to the next tag.

    chess.pgn is not used, because it ends a game at a blank line, and takes the rest of a file for a comment if the
    comment has no end.

    Args:
        lines: The lines of the file.

    Yields:
        The text of each game.
    """
    back: deque[tuple[int, str]] = deque()  # lines to be read once more
    game = _Game()
    for number, line in _and_again(lines, back):
        if game.comment:
            if not number or not _goes_on(game, number, line, back):  # the comment has no end, so the game ends here
                back.extendleft(reversed([*game.aside, (number, line)] if number else game.aside))
                yield game.text()
                game = _Game()
            continue
        stripped = line.lstrip(_BLANK)
        if not stripped:
            game.blank, game.open, game.depth = True, False, 0
        elif line[0] == "%" or stripped[0] == ";":
            pass
        elif tag := _TAG.match(stripped):
            name = (tag[1] or tag[2]).lower().rstrip(":=")
            if _is_of_the_next(game, name):
                yield game.text()
                game = _Game()
            game.doubtful = game.plies > 0
            if not game.doubtful or name not in game.names:
                _add_tag(game, number, stripped, back)
                game.names.add(name)
        elif not game.too_long:
            now = _read_moves(game, number, line, stripped, back)
            if now is not game:
                yield game.text()
                game = now
    if game.line:
        yield game.text()


def _read_moves(game: _Game, number: int, line: str, stripped: str, back: deque[tuple[int, str]]) -> _Game:
    """Read a line that is no tag. Returns the game, or a new one if the line begins it."""
    if game.open and _continues_tag(stripped):
        game.tags[-1] = f"{game.tags[-1].rstrip()} {stripped}"
        game.open = not stripped.rstrip().endswith("]")
        game.count(number, line)
        return game
    if stripped[0] == "[" and not (stripped := _unbracketed(game, number, stripped, back)):
        return game
    ends, depth, opens = _scan(stripped, game.depth)
    if len(ends) > 1 or (ends and stripped[ends[0] :].strip()):
        parts = [stripped[at:end] for at, end in pairwise([0, *ends, len(stripped)])]
        back.extendleft((number, part) for part in reversed(parts) if part.strip())
        return game
    follows = "game" if _begins_again(game, stripped) else "moves"
    if game.ended:
        follows = _after_result(game, stripped)
    if follows == "game":
        if game.ended or not game.doubtful:
            game = _Game()
        game.moves, game.plies, game.doubtful = [], 0, False
    if opens >= 0:
        game.comment, stripped = True, stripped[:opens]
    if follows != "remark" and _is_moves(game, number, stripped):
        game.marked = game.marked or bool(ends)
        game.add(number, stripped, game.moves)
    else:
        game.count(number, line)
    game.depth = depth
    return game


def _and_again(lines: Iterable[str], back: deque[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, and before each next line those that were put back; at the end the number 0."""
    for line in numbered(lines):
        yield line
        while back:
            yield back.popleft()
    yield 0, ""
    while back:
        yield back.popleft()
        if not back:
            yield 0, ""


def _goes_on(game: _Game, number: int, line: str, back: deque[tuple[int, str]]) -> bool:
    """Read a line that begins inside a comment. Returns False if it shows that the comment has no end.

    A line that looks like a tag, or like a first move after a blank line, may belong to the comment or begin the next
    game; the next brace decides.
    """
    opens, closes = line.find("{"), line.find("}")
    stripped = line.lstrip(_BLANK)
    if game.aside or _TAG.match(stripped) or (game.blank and _TWO_PLIES.match(stripped)):
        full = game.lines <= len(game.aside) + 1 or game.characters <= len(line)
        if full or (opens >= 0 and (closes < 0 or opens < closes)):
            return False
        if closes < 0:
            game.aside.append((number, line))
            game.characters -= len(line)
            return True
        game.aside.clear()
    game.blank = not stripped
    game.comment = closes < 0
    game.count(number, line[: closes + 1] or line)  # the content of a comment is not kept
    if closes >= 0 and line[closes + 1 :].strip():
        back.appendleft((number, " " + line[closes + 1 :]))
    return True


def _is_of_the_next(game: _Game, name: str) -> bool:
    """Whether a tag begins the next game."""
    again = name in game.names
    if game.too_long or game.ended:
        return True
    if not game.plies:
        return (again or game.blank) if game.marked else (again and game.blank)
    if again and name in ("event", "fen"):
        return True
    return not game.tags or (game.blank and first_number(game.moves[0]) is not None)  # otherwise it is a line of moves


def _add_tag(game: _Game, number: int, line: str, back: deque[tuple[int, str]]) -> None:
    game.open = False
    if not game.tags and not game.plies:
        game.line = 0  # the lines before it were not a game
    if not line.endswith(("]\n", "]")) and len(line) < game.characters:  # otherwise it has nothing but tags
        pairs, rest = _pairs(line)
        rest = rest.lstrip()
        if pairs and rest and (rest[0] == "{" or (first_number(rest) and main_line(rest)[0])):
            back.appendleft((number, rest))
            line = line[: line.rindex(rest)]
        game.open = rest.startswith("[")
    game.add(number, line, game.tags)


def _continues_tag(line: str) -> bool:
    """Whether a line after a tag without an end is the rest of its value."""
    return line.rstrip().endswith('"]') or (line[0] != "{" and not begins_with_moves(line))


def _unbracketed(game: _Game, number: int, line: str, back: deque[tuple[int, str]]) -> str:
    """The rest of a line that begins with a malformed tag, or with brackets that some program writes."""
    plain = line.translate(dict.fromkeys(map(ord, INVISIBLE)))
    if plain != line:
        back.appendleft((number, plain))
        return ""
    if game.plies:
        return _BRACKETS.sub("", line, count=1).lstrip(_BLANK)
    _look_for_a_board(game, number, line)
    return ""


def _look_for_a_board(game: _Game, number: int, line: str) -> bool:
    """Whether there is a FEN outside a tag. It is recorded as an unreadable FEN, since the start is then unknown."""
    found = "/" in line and _BOARD.search(without_comments(line)) is not None
    if found and "fen" not in game.names:
        game.add(number, "[FEN]", game.tags)
    return found


def _begins_again(game: _Game, line: str) -> bool:
    """Whether a line has the first move of the next game, after a game without a result."""
    if game.depth or not (game.plies or game.marked):
        return False
    return (game.blank or game.plies > 1) and _FIRST_MOVE.match(line) is not None


def _after_result(game: _Game, line: str) -> str:
    """What a line after a result is: `game` if it begins another one, more `moves` of the same, or a `remark`."""
    moves, markers = main_line(line)
    if not moves:
        return "moves" if markers else "remark"
    if (first_number(line) or 1) > 1 and not game.blank:  # a result among the moves
        game.marked = False
        return "moves"
    return "game" if begins_with_moves(line, words=2) else "remark"


def _is_moves(game: _Game, number: int, line: str) -> bool:
    """Whether a line has moves or results. Counts the first plies."""
    if game.plies > 1:
        return True
    if _TWO_PLIES.match(line) and not game.depth:
        game.plies = 2
        return True
    begins = "(" * min(game.depth, _DEEPEST)
    moves, markers = main_line(begins + line[:_BEGINNING])
    if not moves and not markers and len(line) > _BEGINNING:
        moves, markers = main_line(begins + line)
    if not game.plies:
        if _look_for_a_board(game, number, line):
            return False
        if not moves and not markers:
            return False
    game.plies += len(moves)
    game.marked = game.marked or (not game.plies and bool(markers))
    return True


def _scan(line: str, depth: int) -> tuple[list[int], int, int]:
    """Scan a line that begins in a variation of this depth.

    Returns:
        The indices after results of the main line, the depth at the end of the line, and the index of a comment that
        does not end in the line, or −1.
    """
    if not (depth or "(" in line or ";" in line):
        opens = line.rfind("{")
        opens = opens if opens > line.rfind("}") else -1
        if not (
            "1-0" in line or "0-1" in line or "*" in line or "1/2" in line or "½" in line or "5-" in line
            or "1:0" in line or "0:1" in line
        ):  # fmt: skip
            return [], 0, opens
    ends: list[int] = []
    opens = -1
    for match in _MARK.finditer(line):
        mark = match[0]
        if mark == "(":
            depth += 1
        elif mark == ")":
            depth = max(0, depth - 1)
        elif mark[0] == "{":
            if mark[-1] != "}":
                opens = match.start()
        elif mark[0] != ";" and not depth:
            if ends and not line[ends[-1] : match.start()].strip():
                ends.pop()  # one of several
            ends.append(match.end())
    return ends, depth, opens
