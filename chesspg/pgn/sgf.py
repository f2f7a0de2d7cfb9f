"""Games as SGF (https://www.red-bean.com/sgf/), which Quarry reads for Othello and HexGui for Hex."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chesspg.games.capabilities import Sgf
from chesspg.games.game import STONES, Game, split_position
from chesspg.pgn.writing import SEATS
from chesspg.terminal.board import read_board

SUFFIX = ".sgf"
MOST_CHARACTERS = 1 << 24  # of a file; what follows is not read
RESULTS = {"1-0": "{first}+", "0-1": "{second}+", "1/2-1/2": "0"}  # the value of RE by the result as in PGN; else Void
# A value without an end reaches to the end of the text: to look for its tokens would take quadratic time.
_TOKEN = re.compile(r"[();]|([A-Za-z]+)|\[((?:[^\]\\]|\\.)*+)(?:\]|\\?\Z)", re.DOTALL)
_WIDTH = 10  # moves in a line


class SgfGame(NamedTuple):
    """The main line of a game in a file."""

    line: int  # number of its first line
    root: dict[str, list[str]]  # the values of the properties before the first move
    moves: list[tuple[str, str]]  # the color, B or W, and the value of each move
    setup: bool  # whether stones are set up after the first move


def to_sgf(game: Game, position: str, headers: Mapping[str, str]) -> str:
    """Write a game as SGF.

    Args:
        game: The game that was played.
        position: The start and the moves, as returned by `Games.position`.
        headers: Values by tag, as for `to_pgn`: Event, Round, Date, First, Second, Result and Termination.

    Returns:
        The game.

    Raises:
        ValueError: The game has no SGF, or this one does not begin in the initial position.
    """
    form = _form(game)
    start, moves = split_position(position)
    initial = game.start(1).position(0)
    if start != initial:
        raise ValueError(f"only a game from the initial position can be written as SGF, got one from {start!r}")
    first, second = colors = _colors(game)
    result = RESULTS.get(headers.get("Result", "*"), "Void").format(first=first, second=second)
    properties = {
        "FF": "4", "CA": "UTF-8", "AP": "chesspg", "GM": str(form.game), "SZ": str(game.board[0]),
        "EV": headers.get("Event", ""), "RO": headers.get("Round", ""), "DT": headers.get("Date", "").replace(".", "-"),
        f"P{first}": headers.get(SEATS[0], ""), f"P{second}": headers.get(SEATS[1], ""), "RE": result,
        "GC": headers.get("Termination", ""),
    }  # fmt: skip
    head = "".join(f"{name}[{_escape(value)}]" for name, value in properties.items() if value)
    games, nodes = game.start(1), []
    for move in moves:
        nodes.append(f";{colors[int(games.observe().player[0])]}[{_value(form, move)}]")
        games.play(np.array([game.parse_move(games.position(0), move)]))
    lines = ["".join(nodes[at : at + _WIDTH]) for at in range(0, len(nodes), _WIDTH)]
    return "\n".join([f"(;{head}", *lines]) + ")"


def is_sgf(lines: Iterable[str]) -> bool:
    """Whether a file with these lines begins as SGF does."""
    first = next((line for line in lines if line.strip()), "")
    return re.match(r"\s*\(\s*(;|\Z)", first) is not None


def read_sgf(lines: Iterable[str]) -> Iterator[SgfGame]:
    """The main lines of the games in a file: in each position the first move, without variations.

    Args:
        lines: The lines of the file.

    Yields:
        The games; whatever is between them is left out.
    """
    text = _beginning(lines)
    depth, ended, name, at, line = 0, False, "", 0, 1
    game = SgfGame(0, {}, [], False)
    for token in _TOKEN.finditer(text):
        if token[0] == "(":
            if not depth:
                line += text.count("\n", at, token.start())
                at, ended, game = token.start(), False, SgfGame(line, {}, [], False)
            depth += 1
        elif token[0] == ")" and depth:
            depth, ended = depth - 1, True  # what follows in this game is a variation
            if not depth:
                yield game
        elif token[1]:
            name = re.sub("[a-z]", "", token[1])  # before version 4, names could have letters in lower case
        elif token[2] is not None and depth and not ended:
            value = re.sub(r"\\(\r?\n|.)", lambda escaped: escaped[1].strip("\r\n"), token[2])
            if name in ("B", "W"):
                game.moves.append((name, value.strip()))
            elif not game.moves:
                game.root.setdefault(name, []).append(value)
            elif name in ("AB", "AW", "AE"):
                game = game._replace(setup=True)


def plays(game: Game, one: SgfGame) -> bool:
    """Whether a file's game is of this kind, on a board of this size."""
    if game.sgf is None or one.root.get("GM", ["1"])[0].strip() != str(game.sgf.game):
        return False
    rows, columns = game.board
    return rows == columns and one.root.get("SZ", ["8"])[0].strip() in (str(rows), f"{columns}:{rows}")


def described(one: SgfGame) -> str:
    """What a file says of the game and the size of its board."""
    return f"game {one.root.get('GM', ['1'])[0]:.20} of SGF on a board of size {one.root.get('SZ', ['8'])[0]:.20}"


def moves_of(game: Game, one: SgfGame) -> list[str]:
    """The moves of a game in a file, in the notation of the game.

    Files of Othello may leave out passes: a second move of the same color in a row follows a pass.

    Args:
        game: A game for which `plays` is true.
        one: The game in the file.

    Returns:
        The moves, which may be illegal.

    Raises:
        ValueError: The game in the file begins in another position, or stones are set up after its first move.
    """
    form, colors = _form(game), _colors(game)
    names = {value: move for move, value in form.words.items()}
    if one.setup or not _begins_at_the_start(game, one):
        raise ValueError("it does not begin in the initial position")
    moves: list[str] = []
    before = colors[1]
    for color, value in one.moves:
        if color == before and "pass" in form.words:
            moves.append("pass")
        before = color
        if value.lower() != "resign":
            moves.append(names[value] if value in names else _point(value))
    return moves


def headers_of(game: Game, one: SgfGame) -> dict[str, str]:
    """The tags of a game in a file, as for `to_sgf`."""
    first, second = _colors(game)
    names = {"EV": "Event", "RO": "Round", "DT": "Date", f"P{first}": SEATS[0], f"P{second}": SEATS[1],
             "GC": "Termination"}  # fmt: skip
    headers = {tag: " ".join(one.root[name][0].split()) for name, tag in names.items() if name in one.root}
    given = one.root.get("RE", [""])[0].strip()
    results = {form.format(first=first, second=second): result for result, form in RESULTS.items()}
    results["Draw"] = "1/2-1/2"
    return headers | {"Result": next((result for form, result in results.items() if given.startswith(form)), "*")}


def all_of_event(path: Path, event: str) -> bool:
    """Whether a file has games, and all of them are of this event."""
    with path.open(encoding="utf-8", errors="replace") as file:
        games = [one.root.get("EV") for one in read_sgf(file)]
    return bool(games) and all(one == [event] for one in games)


def _form(game: Game) -> Sgf:
    if game.sgf is None:
        raise ValueError(f"{game.name} has no form in SGF; expected a game such as Othello or Hex")
    return game.sgf


def _colors(game: Game) -> tuple[str, str]:
    """B and W in the order of the players."""
    return ("B", "W") if game.seats[0] == "Black" else ("W", "B")


def _value(form: Sgf, move: str) -> str:
    """The value of a move: a point such as c3, or for some games its letters, cc."""
    if move in form.words:
        return form.words[move]
    return f"{move[0]}{chr(ord('a') - 1 + int(move[1:]))}" if form.letters else move


def _point(value: str) -> str:
    """The name of a point that is given in either form; anything else is returned as it is."""
    if re.fullmatch("[a-zA-Z]{2}", value):
        return f"{value[0]}{ord(value[1].lower()) - ord('a') + 1}".lower()
    return value.lower() or "pass"


def _begins_at_the_start(game: Game, one: SgfGame) -> bool:
    """Whether no stones are set up before the first move, or only those of the initial position."""
    given = {(color, _point(value)) for color in "BW" for value in one.root.get(f"A{color}", ())}
    if not given:
        return True
    board = read_board(game, game.start(1).position(0))
    colors = dict(zip(STONES, _colors(game), strict=True))
    return board is not None and given == {
        (colors[cell.piece], f"{file}{row.label}")
        for row in board.rows
        for file, cell in zip(board.files, row.cells, strict=True)
        if cell.piece in colors
    }


def _beginning(lines: Iterable[str]) -> str:
    """The text of a file, up to MOST_CHARACTERS."""
    parts, left = [], MOST_CHARACTERS
    for line in lines:
        parts.append(line[:left])
        left -= len(line)
        if left <= 0:
            break
    return "".join(parts)


def _escape(value: str) -> str:
    return re.sub(r"([\]\\])", r"\\\1", value)
