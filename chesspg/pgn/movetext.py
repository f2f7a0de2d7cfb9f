"""Reading the moves of a game as people and programs write them: finding the moves of the main line in its text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

OUTCOMES = {"1-0": 1, "1/2-1/2": 0, "0-1": -1}  # for White
UNKNOWN = "*"  # the result of a game that is not over or whose result is unknown
MARKERS = {*OUTCOMES, UNKNOWN}
OTHER_MARKERS = dict.fromkeys(("1/2", "0.5-0.5", ".5-.5"), "1/2-1/2")

INVISIBLE = "\0\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"

_COMMENTS = re.compile(r"\{[^}]*(?:\}|\Z)|;[^\n]*|\$\d+")
_PLAIN = str.maketrans(
    {
        **dict(zip("♔♕♖♗♘♙♚♛♜♝♞♟", "KQRBNPKQRBNP", strict=True)),
        **dict.fromkeys("‐‑‒–—−", "-"), "½": "1/2", "×": "x",
        **dict.fromkeys("ОоΟο", "O"),  # as Cyrillic and Greek keyboards write castling
        **dict.fromkeys("\ufe0e\ufe0f" + INVISIBLE, ""),
    }
)  # fmt: skip
# Pattern of a result after the moves; `1-0F` is a win by forfeit.
MARKER = (
    r"(?:(?:1[-:][0O]|[0O][-:]1)(?:ff?|FF?)?|(?:1/2|½)(?:[-:](?:1/2|½))?(?!-)"
    r"|0?[.,]5[-:]0?[.,]5|\*(?=1-0|0-1|1/2|\W|\Z))(?![\w/])"
)
_SPACED = re.compile(r"(?<!\S)(?:([01½]|1/2) ?([-–:]) ?(?=(?:[01½]|1/2)(?!\S))|([Oo0О]) ?([-–]) ?(?=[Oo0О](?!\w)))")
_MARKER = re.compile(MARKER)
_MOVE = re.compile(
    r"""
    [+#!?.,:…]*(?:\d+[.…]*)?  # before it, such as its number
    (?:
        ([PNBRQK])?([a-h])?([1-8])?([-x:])?([a-h][1-8])
        (?:[=/]?([NBRQKnbrqk])(?![a-h1-8x:@-]))?
        |([Oo0]-[Oo0](?:-[Oo0])?|OOO?|(?<!\d)000?(?![\w:,./]))(?![-O0o])
        |(--|Z0|0000|@@@@|[PNBRQK]?@[a-h][1-8])
    )
    (?:[+#!?=.,:†‡∞±∓⩲⩱□…]|/?(?:e\.p\.|ep(?!\w)|mate(?!\w)|ch(?!\w)))*
    """,
    re.VERBOSE,
)
_COORDINATES = re.compile(r"(?:\d+[.…]+)?([A-H][1-8]-?[A-H][1-8][NBRQ]?)(?=\W|\Z)")
_SHORT_CAPTURE = r"(?:ax?b|bx?[ac]|cx?[bd]|dx?[ce]|ex?[df]|fx?[eg]|gx?[fh]|hx?g)(?!\w)"  # as in exd
_DESCRIPTIVE = r"(?:[KQ]?[RNB]|[PKQ])(?:x|-[KQ]?[RNBKQ]\d)"  # as in N-KB3 and QxP
_LIKE_A_MOVE = re.compile(
    rf"[a-h][1-8]|\A(?:\d+\.+)?(?:{_SHORT_CAPTURE}|{_DESCRIPTIVE}|[PNBRQK]?[A-H]?\d?[A-H][1-8](?!\w))"
)
_PROMOTION = re.compile(r"(?<=[a-h][18])=?\(([NBRQ])\)")
_NUMBER = re.compile(r"\s*(\d{1,4})(?:\s*[.…)]|\s+(?=[a-hNBRQKO]))")
_LONGEST_WORD = 64


def main_line(text: str) -> tuple[list[str], list[str]]:
    """The moves and result markers of the main line, without comments, marks and variations.

    However the text writes a move, it is returned in one form: letter, square, `=` before the piece of a promotion,
    `O-O` or `O-O-O`, and no sign after it. A word that looks like a move but can't be read here, such as a German
    `Sf3`, is returned unchanged, so that the rules refuse it.

    Args:
        text: The text of a game after its tags.

    Returns:
        The moves, and the result markers.
    """
    text = without_comments(text)
    if " - " in text or " : " in text or " – " in text:
        text = _SPACED.sub(lambda match: "".join(part for part in match.groups() if part), text.replace("  ", " "))
    if text[:2] == "1)":
        text = re.sub(r"(?<!\S)(\d+)\)", r"\1.", text)
    if "(" in text or ")" in text:
        text = _PROMOTION.sub(r"=\1", text).replace("(", " ( ").replace(")", " ) ")
        words = list(_outside_variations(text.split()))
    else:
        words = text.split()
    read = _read if max(map(len, words), default=0) <= _LONGEST_WORD else _read.__wrapped__  # long words aren't cached
    found = list(chain.from_iterable(map(read, words)))
    markers: list[str] = []
    while found and found[-1] in MARKERS:
        markers.append(found.pop())
    if not MARKERS.isdisjoint(found):
        markers += [word for word in reversed(found) if word in MARKERS]
        found = [word for word in found if word not in MARKERS]
    return found, markers[::-1]


def without_comments(text: str) -> str:
    """The text with a blank in place of each comment and numeric mark."""
    return _COMMENTS.sub(" ", text) if "{" in text or ";" in text or "$" in text else text


def begins_with_moves(text: str, words: int = 1) -> bool:
    """Whether each of the first words outside comments is a move, a move number or a result, so that a game begins."""
    first = without_comments(text).split(maxsplit=words)[:words]
    return bool(first) and all(
        re.match(r"\d+(?:[.…)]|\Z)|\W+\Z|[ND]\Z", word) or any(main_line(word)) for word in first
    )


def is_whole(text: str) -> bool:
    """Whether the text of a game does not look cut off: it ends with a move of the main line, or a mark after it."""
    words = without_comments(text).split()
    last = next((word for word in reversed(words) if re.search(r"\w", word)), "")
    return text.count("(") <= text.count(")") and (last.endswith(")") or bool(_MOVE.match(last)))


def first_number(text: str) -> int | None:
    """The number of the first move, if the text begins with one."""
    found = _NUMBER.match(without_comments(text))
    return int(found[1]) if found else None


def result(text: str) -> str | None:
    """The result, in any of its forms, as one of MARKERS; None if the text is not a result."""
    text = "".join(text.translate(_PLAIN).split()).rstrip(".Ff").replace(":", "-").replace(",", ".").replace("O", "0")
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
    """The moves and markers in a word; nothing for a number or a remark, and the word itself if it is unreadable."""
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
