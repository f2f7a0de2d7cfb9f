"""The moves of a game as people and programs write them: which words of its text are moves of the main line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

OUTCOMES = {"1-0": 1, "1/2-1/2": 0, "0-1": -1}  # for White
UNKNOWN = "*"  # the result of a game that is not over, or whose result is not known
MARKERS = {*OUTCOMES, UNKNOWN}
OTHER_MARKERS = dict.fromkeys(("1/2", "0.5-0.5", ".5-.5"), "1/2-1/2")

_COMMENTS = re.compile(r"\{[^}]*(?:\}|\Z)|;[^\n]*|\$\d+")
_PLAIN = str.maketrans(
    {
        **dict(zip("♔♕♖♗♘♙♚♛♜♝♞♟", "KQRBNPKQRBNP", strict=True)),
        **dict.fromkeys("‐‑‒–—−", "-"), "½": "1/2", "×": "x",
        **dict.fromkeys("\ufe0e\ufe0f\ufeff\u200b\u200e\u00ad", ""),
    }
)  # fmt: skip
MARKER = r"(?:1-0|0-1|1/2(?:-1/2)?|½(?:-½)?|0?[.,]5-0?[.,]5|\*)(?![\w/])"  # pattern of a result after the moves
_MARKER = re.compile(MARKER)
_MOVE = re.compile(
    r"""
    [+#!?.,:…]*(?:\d+[.…]*)?  # what stands before it, such as its number
    (?:
        ([PNBRQK])?([a-h])?([1-8])?([-x:])?([a-h][1-8])
        (?:[=/]?([NBRQKnbrqk])(?![a-h1-8x:@-]))?
        |([O0]-[O0](?:-[O0])?|OO(?:O)?|o-o(?:-o)?)(?![-O0o])
        |(--|Z0|0000|@@@@|[PNBRQK]?@[a-h][1-8])
    )
    (?:[+#!?=.,:†‡∞±∓⩲⩱□…]|/?(?:e\.p\.|ep(?!\w)|mate(?!\w)|ch(?!\w)))*
    """,
    re.VERBOSE,
)
_COORDINATES = re.compile(r"(?:\d+[.…]+)?([A-H][1-8]-?[A-H][1-8][NBRQ]?)(?=\W|\Z)")
_SHORT_CAPTURE = r"(?:ax?b|bx?[ac]|cx?[bd]|dx?[ce]|ex?[df]|fx?[eg]|gx?[fh]|hx?g)(?!\w)"  # as in exd
_LIKE_A_MOVE = re.compile(rf"[a-h][1-8]|\A(?:\d+\.+)?{_SHORT_CAPTURE}")
_PROMOTION = re.compile(r"(?<=[a-h][18])=?\(([NBRQ])\)")
_LONGEST_WORD = 64


def main_line(text: str) -> tuple[list[str], list[str]]:
    """The moves of the main line and the result markers in it; comments, marks and variations are left out.

    A move comes in one form, whatever the text has: letter, square, `=` before what a pawn becomes, no sign behind it,
    `O-O` or `O-O-O`. A word that looks like a move and is none that is known here, such as a German `Sf3`, comes as it
    is: it is for the rules to refuse it.
    """
    if "{" in text or ";" in text or "$" in text:
        text = _COMMENTS.sub(" ", text)
    if "(" in text or ")" in text:
        text = _PROMOTION.sub(r"=\1", text).replace("(", " ( ").replace(")", " ) ")
        words = list(_outside_variations(text.split()))
    else:
        words = text.split()
    read = _read if max(map(len, words), default=0) <= _LONGEST_WORD else _read.__wrapped__  # what is long is not kept
    found = list(chain.from_iterable(map(read, words)))
    markers: list[str] = []
    while found and found[-1] in MARKERS:
        markers.append(found.pop())
    if not MARKERS.isdisjoint(found):
        markers += [word for word in reversed(found) if word in MARKERS]
        found = [word for word in found if word not in MARKERS]
    return found, markers[::-1]


def begins_with_moves(text: str) -> bool:
    """Whether the first word outside comments is a move, its number or a result, as in a game without tags."""
    [first, *_] = [*_COMMENTS.sub(" ", text).split(maxsplit=1), ""]
    return re.match(r"\d+[.…]|\d+\Z", first) is not None or any(main_line(first))


def result(text: str) -> str | None:
    """A result as one of MARKERS, of whatever form it is written in; None if it is none."""
    text = "".join(text.translate(_PLAIN).split()).rstrip(".").replace(":", "-").replace(",", ".")
    text = OTHER_MARKERS.get(text, text)
    return text if text in MARKERS else None


def _outside_variations(words: list[str]) -> Iterator[str]:
    depth = 0
    for word in words:
        if word == "(":
            depth += 1
        elif word == ")":
            depth = max(0, depth - 1)
        elif not depth:
            yield word


@lru_cache(1 << 15)
def _read(word: str) -> tuple[str, ...]:
    """What a word without blanks says: moves and markers, nothing for a number or a remark, itself if unreadable."""
    word = word.translate(_PLAIN)
    found = []
    at = 0
    while at < len(word):
        if (marker := _MARKER.match(word, at)) and (known := result(marker[0])):
            found.append(known)
            at = marker.end()
        elif move := _MOVE.match(word, at):
            found.append(_form(move))
            at = move.end()
        elif written := _COORDINATES.match(word, at):
            found.append(written[1].lower().replace("-", ""))
            at = written.end()
        else:
            break
    rest = word[at:]
    if _LIKE_A_MOVE.search(rest):
        return (word,)
    return tuple(found)


def _form(match: re.Match[str]) -> str:
    piece, file, rank, takes, square, promotion, castling, special = match.groups()
    if castling:
        return "O-O" if len(castling.replace("-", "")) == 2 else "O-O-O"
    if special:
        return special
    letter = piece if piece and piece != "P" else ""
    between = "x" if takes in ("x", ":") else ""
    return f"{letter}{file or ''}{rank or ''}{between}{square}{'=' + promotion.upper() if promotion else ''}"
