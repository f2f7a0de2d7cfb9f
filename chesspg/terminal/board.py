"""A board as cells, read from what `Game.render` draws, so that it can be turned, colored and shown on a page."""

from __future__ import annotations

import re
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from chesspg.games.game import EMPTY, STONES, Game

LAST, CHECK, PLAIN = "()", "!!", "  "  # the characters around a piece: of the last move, of a king in check, of others
WHITE_PIECES, SOLID = "♔♕♖♗♘♙", "♚♛♜♝♞♟"  # on colored squares both sides have solid pieces, in their color
CHECKERED = {LAST: ("#cdd26a", "#aaa23a"), CHECK: ("#e05050", "#e05050"), PLAIN: ("#b59a6c", "#7d5f3f")}
WOOD = {LAST: "#d9cf7a", PLAIN: "#b59a6c"}  # the background of stones
COLORS = {"Black": "#000000", "White": "#ffffff", "Red": "#b01212", "Yellow": "#ffe24d", "Blue": "#10308f"}
UNNAMED = (COLORS["Blue"], COLORS["Red"])  # of the letters of players who are not named by colors
_ROW = re.compile(r" *(\d\d|\d )(.*)")  # a row of the board: its number and its cells


class Cell(NamedTuple):
    """A square of the board."""

    piece: str  # one character
    mark: str  # LAST, CHECK or PLAIN
    dark: bool  # whether it is one of the dark squares of a checkered board


class Rank(NamedTuple):
    """A row of the board."""

    label: str  # the number of the row
    cells: list[Cell]


class Board(NamedTuple):
    """A board that can be drawn."""

    rows: list[Rank]  # from the top
    files: list[str]  # the letters of the columns
    letters_on_top: bool = False  # whether the letters are above the board
    sides: tuple[str, str] | None = None  # of a board of hexagons: the marks of top and bottom, and of left and right


def read_board(game: Game, position: str, *, turned: bool = False) -> Board | None:
    """Read the board that `Game.render` draws of a position; see `parse_board`."""
    return parse_board(game.render(position), game.board, turned=turned)


def parse_board(text: str, shape: tuple[int, int], *, turned: bool = False) -> Board | None:
    """Read a board that `draw_board` has drawn.

    Args:
        text: What `Game.render` returned.
        shape: Rows and columns of the board.
        turned: Whether the board is turned by 180°, as player 1 of chess sees it.

    Returns:
        The board, or None if the text has another form.
    """
    height, width = shape
    lines = text.splitlines() or [""]
    on_top = not _ROW.fullmatch(lines[0])
    letters, *rest = lines if on_top else lines[::-1]
    files, sides = letters.split(), None
    edges = [rest.pop(0).split(), rest.pop().split()] if on_top and len(rest) == height + 2 else []
    drawn = [match.groups() for line in (rest if on_top else rest[::-1]) if (match := _ROW.fullmatch(line))]
    if (len(rest), len(drawn), len(files)) != (height, height, width):
        return None
    if edges:
        if not edges[0] == edges[1] == width * edges[0][:1]:
            return None
        sides = (edges[0][0], drawn[0][1][1:2])
        drawn = [(label, text[3 : 3 + 3 * width]) for label, text in drawn]
    rows = []
    for rank, (label, text) in enumerate(drawn):
        triples = [text.ljust(3 * width)[i : i + 3] for i in range(0, 3 * width, 3)]
        if len(text) > 3 * width or any(triple[0] + triple[2] not in (LAST, CHECK, PLAIN) for triple in triples):
            return None
        cells = [Cell(t[1], t[0] + t[2], (rank + file + height) % 2 == 1) for file, t in enumerate(triples)]
        rows.append(Rank(label.strip(), cells[::-1] if turned else cells))
    if turned:
        rows, files = rows[::-1], files[::-1]
    return Board(rows, files, on_top, sides)


def plain(game: Game, position: str, *, turned: bool = False) -> str:
    """The board as plain text."""
    board = read_board(game, position, turned=turned)
    if board is None:
        return game.render(position)
    return "\n".join(line.rstrip() for line in _text(board, _Plain()).plain.splitlines())


def draw(game: Game, position: str, turned: bool, console: Console) -> Text:
    """The board in colors if the console has any, else as plain text."""
    board = read_board(game, position, turned=turned) if console.color_system else None
    if board is None:
        return Text(plain(game, position, turned=turned))
    pieces = {cell.piece for row in board.rows for cell in row.cells}
    return _text(board, _Chessmen() if pieces & {*WHITE_PIECES, *SOLID} else _Stones(game.seats))


class _Plain:
    """A look of the board without colors."""

    def cell(self, cell: Cell) -> tuple[str, str]:
        """A cell as three characters, and their style."""
        return cell.mark[0] + cell.piece + cell.mark[1], ""

    def side(self, mark: str) -> tuple[str, str]:
        """The edge beside a cell as three characters, and their style."""
        return f" {mark} ", ""


class _Chessmen(_Plain):
    """White and black pieces on a checkered board."""

    def cell(self, cell: Cell) -> tuple[str, str]:
        white = cell.piece in WHITE_PIECES
        sign = SOLID[WHITE_PIECES.index(cell.piece)] if white else cell.piece.replace(EMPTY, " ")
        # The marks are kept for terminals and readers that distinguish few colors.
        style = f"{'#ffffff' if white else '#000000'} on {CHECKERED[cell.mark][cell.dark]}"
        return cell.mark[0] + sign + cell.mark[1], style


def stone_colors(seats: tuple[str, str]) -> tuple[dict[str, str], bool]:
    """The color of each of STONES, and whether they are discs: letters if the players are not named by colors."""
    discs = all(seat in COLORS for seat in seats)
    return dict(zip(STONES, [COLORS[seat] for seat in seats] if discs else UNNAMED, strict=True)), discs


class _Stones(_Plain):
    """Stones in the colors of the players on wood."""

    def __init__(self, seats: tuple[str, str]) -> None:
        self.colors, discs = stone_colors(seats)
        self.disc = "●" if discs else ""

    def cell(self, cell: Cell) -> tuple[str, str]:
        color = self.colors.get(cell.piece)
        sign = (self.disc or cell.piece) if color else cell.piece
        return cell.mark[0] + sign + cell.mark[1], f"{color or '#6b5836'} on {WOOD.get(cell.mark, WOOD[PLAIN])}"

    def side(self, mark: str) -> tuple[str, str]:
        return "   ", f"on {self.colors[mark]}" if mark in self.colors else ""


def _text(board: Board, look: _Plain) -> Text:
    """The board as lines of text, in the form of `draw_board`."""
    width, sides = len(board.files), board.sides
    letters = f"  {'   ' if sides else ''}{''.join(f'{letter:^3}' for letter in board.files)}".rstrip()
    lines = []
    for row in board.rows:
        cells = [look.cell(cell) for cell in row.cells]
        beside = [look.side(sides[1])] if sides else []
        lines.append(Text.assemble((f"{row.label:<2}", "dim"), *beside, *cells, *beside))
    if sides:
        edge = Text.assemble("     ", *[look.side(sides[0])] * width)
        lines = [edge, *lines, edge]
    named = Text(letters, "dim")
    lines = [named, *lines] if board.letters_on_top else [*lines, named]
    if sides:
        lines = [Text(" " * (3 * number // 2)) + line for number, line in enumerate(lines)]
    return Text("\n").join(lines)
