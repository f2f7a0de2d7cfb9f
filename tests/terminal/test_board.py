"""The board as cells: marks, colors of squares, and the view of either side."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from chesspg.games.chess import Chess
from chesspg.games.game import EMPTY, STONES, Game, draw_board
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.terminal.board import CHECK, LAST, PLAIN, draw, plain, read_board

FOOL = "startpos moves f2f3 e7e5 g2g4 d8h4"


def test_cells_of_a_mate() -> None:
    board = read_board(Chess(), FOOL)
    assert board is not None
    assert [row.label for row in board.rows] == list("87654321")
    assert board.files == list("abcdefgh")
    cells = {f"{file}{row.label}": cell for row in board.rows for file, cell in zip("abcdefgh", row.cells, strict=True)}
    assert cells["h4"][:2] == ("♛", LAST)
    assert cells["d8"][:2] == ("·", LAST)
    assert cells["e1"][:2] == ("♔", CHECK)
    assert cells["e8"][:2] == ("♚", PLAIN)
    assert [square for square, cell in cells.items() if cell.mark != PLAIN] == ["d8", "h4", "e1"]
    assert [cells[square].dark for square in ("a1", "h1", "a8", "h8", "d4", "e4")] == [
        True,
        False,
        False,
        True,
        True,
        False,
    ]


def test_plain_from_white_is_the_games_own_drawing() -> None:
    for game, position in ((Chess(), FOOL), (TicTacToe(), "3/3/3 x moves a1 c3")):
        drawn = [line.rstrip() for line in game.render(position).splitlines()]
        assert plain(game, position).splitlines() == drawn


def test_turned_by_half_a_turn() -> None:
    assert plain(TicTacToe(), "3/3/3 x moves a1 c2", turned=True).splitlines() == [
        "1  ·  ·  x",
        "2 (o) ·  ·",
        "3  ·  ·  ·",
        "   c  b  a",
    ]
    lines = plain(Chess(), FOOL, turned=True).splitlines()
    assert lines[0] == "1  ♖  ♘  ♗ !♔! ♕  ♗  ♘  ♖"
    assert lines[3] == "4 (♛) ♙  ·  ·  ·  ·  ·  ·"
    assert lines[-1] == "   h  g  f  e  d  c  b  a"


def test_a_game_that_draws_otherwise_is_left_as_it_is() -> None:
    class Odd(TicTacToe):
        def render(self, position: str) -> str:
            return "x|o\n-+-"

    assert read_board(Odd(), "3/3/3 x") is None
    assert plain(Odd(), "3/3/3 x", turned=True) == "x|o\n-+-"


class Drawn(TicTacToe):
    """A board of any size whose drawing is given, with x on the first square and o, marked, on the last one."""

    seats = ("Black", "White")

    def __init__(self, rows: int, columns: int, **form: Any) -> None:
        self.board, self.form = (rows, columns), form

    def render(self, position: str) -> str:
        squares = self.board[0] * self.board[1]
        pieces = ["x", *[EMPTY] * (squares - 2), "o"]
        return draw_board(self.board, pieces, [squares - 1], **self.form)


def test_the_first_row_on_top() -> None:
    assert Drawn(2, 3, first_row_on_top=True).render("").splitlines() == [
        "   a  b  c",
        "1  x  ·  · ",
        "2  ·  · (o)",
    ]


def test_a_board_of_hexagons_is_slanted_and_shows_whose_sides_are_where() -> None:
    game = Drawn(3, 3, sides=STONES)
    assert plain(game, "").splitlines() == [
        "      a  b  c",
        "       x  x  x",
        "   1  o  x  ·  ·  o",
        "    2  o  ·  ·  ·  o",
        "      3  o  ·  · (o) o",
        "             x  x  x",
    ]
    assert plain(game, "", turned=True).splitlines() == [
        "      c  b  a",
        "       x  x  x",
        "   3  o (o) ·  ·  o",
        "    2  o  ·  ·  ·  o",
        "      1  o  ·  ·  x  o",
        "             x  x  x",
    ]


@pytest.mark.parametrize("form", [{}, {"first_row_on_top": True}, {"sides": STONES}], ids=str)
@pytest.mark.parametrize("size", [3, 10, 19])
def test_boards_of_every_form_and_size_are_read(size: int, form: dict[str, Any]) -> None:
    game = Drawn(size, size, **form)
    board = read_board(game, "")
    assert board is not None
    assert (len(board.files), board.files[-1]) == (size, "abcdefghijklmnopqrs"[size - 1])
    downwards = [str(row + 1) for row in range(size)]
    assert [row.label for row in board.rows] == (downwards if form else downwards[::-1])
    first, *_, last = (cell for row in (board.rows if form else board.rows[::-1]) for cell in row.cells)
    assert (first[:2], last[:2]) == (("x", PLAIN), ("o", LAST))
    assert board.sides == (("x", "o") if "sides" in form else None)
    assert plain(game, "").splitlines() == [line.rstrip() for line in game.render("").splitlines()]


def colors(game: Game) -> dict[str, str]:
    """The styles of the pieces of a game on a terminal with colors."""
    text = draw(game, "", False, Console(force_terminal=True, color_system="truecolor", file=io.StringIO()))
    return {text.plain[span.start : span.end]: str(span.style) for span in text.spans}


def test_stones_have_the_colors_of_the_players() -> None:
    game = Drawn(3, 3, sides=STONES)
    assert colors(game)[" ● "].startswith("#000000 on ")
    assert colors(game)["(●)"].startswith("#ffffff on ")
    assert colors(game)["   "] in ("on #000000", "on #ffffff")  # the sides of the board
    game.seats = ("x", "o")
    blue, red = (colors(game)[piece].split()[0] for piece in (" x ", "(o)"))
    assert blue != red


def test_in_colors() -> None:
    console = Console(force_terminal=True, color_system="truecolor", file=io.StringIO())
    text = draw(Chess(), "startpos moves f2f3 e7e5 g2g4 d8h4", True, console)
    lines = text.plain.splitlines()
    assert lines[0].startswith("1  ♜  ♞  ♝ !♚! ♛ ")  # solid for both sides, seen from Black
    styles = {text.plain[span.start : span.end]: str(span.style) for span in text.spans}
    assert "#ffffff" in styles["!♚!"]
    assert "#000000" in styles["(♛)"]
    plain = draw(Chess(), "startpos", False, Console(file=io.StringIO()))
    assert not plain.spans
