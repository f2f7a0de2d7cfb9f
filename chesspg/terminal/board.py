"""A board as cells, read from what `Game.render` draws, so that it can be turned around and colored."""

from __future__ import annotations

from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from chesspg.games.game import Game

LAST, CHECK, PLAIN = "()", "!!", "  "  # the characters around a piece: of the last move, of a king in check, of others
WHITE_PIECES, SOLID = "♔♕♖♗♘♙", "♚♛♜♝♞♟"  # on colored squares both sides have solid pieces, in their color
BACKGROUND = {LAST: ("#cdd26a", "#aaa23a"), CHECK: ("#e05050", "#e05050"), PLAIN: ("#b59a6c", "#7d5f3f")}


class Cell(NamedTuple):
    """A square of the board."""

    piece: str  # one character
    mark: str  # LAST, CHECK or PLAIN
    dark: bool  # whether it is one of the dark squares of a checkered board


class Rank(NamedTuple):
    """A row of the board."""

    label: str  # the number of the rank
    cells: list[Cell]


class Board(NamedTuple):
    """A board that can be drawn."""

    rows: list[Rank]  # from the top
    files: list[str]  # the letters below the board


def read_board(game: Game, position: str, *, from_black: bool = False) -> Board | None:
    """Read the board that `Game.render` draws.

    Args:
        game: The game.
        position: The start and the moves, as text.
        from_black: Whether player 1 is at the bottom.

    Returns:
        The board, or None if the game does not draw cells that are three characters wide.
    """
    height, width = game.board
    *lines, last = game.render(position).splitlines()
    rows = []
    for rank, line in enumerate(lines):
        label, text = line[:2], line[2:].ljust(3 * width)
        triples = [text[i : i + 3] for i in range(0, 3 * width, 3)]
        if len(text) != 3 * width or any(triple[0] + triple[2] not in (LAST, CHECK, PLAIN) for triple in triples):
            return None
        cells = [Cell(t[1], t[0] + t[2], (rank + file + height) % 2 == 1) for file, t in enumerate(triples)]
        rows.append(Rank(label.strip(), cells[::-1] if from_black else cells))
    files = last.split()
    if (len(rows), len(files)) != (height, width):
        return None
    return Board(rows[::-1], files[::-1]) if from_black else Board(rows, files)


def plain(game: Game, position: str, *, from_black: bool = False) -> str:
    """The board as plain text."""
    board = read_board(game, position, from_black=from_black)
    if board is None:
        return game.render(position)
    rows = [f"{r.label} {''.join(c.mark[0] + c.piece + c.mark[1] for c in r.cells)}".rstrip() for r in board.rows]
    return "\n".join([*rows, f"   {'  '.join(board.files)}"])


def draw(game: Game, position: str, from_black: bool, console: Console) -> Text:
    """The board in colors if the console has any, else as plain text."""
    squares = read_board(game, position, from_black=from_black) if console.color_system else None
    if squares is None:
        return Text(plain(game, position, from_black=from_black))
    text = Text()
    for label, cells in squares.rows:
        text.append(f"{label} ", "dim")
        for piece, mark, dark in cells:
            white = piece in WHITE_PIECES
            sign = SOLID[WHITE_PIECES.index(piece)] if white else piece.replace("·", " ")
            # The marks are kept for terminals and readers that distinguish few colors.
            text.append(mark[0] + sign + mark[1], f"{'#ffffff' if white else '#000000'} on {BACKGROUND[mark][dark]}")
        text.append("\n")
    return text.append(f"   {'  '.join(squares.files)}", "dim")
