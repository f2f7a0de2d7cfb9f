"""The board as cells: marks, colors of squares, and the view of either side."""

from __future__ import annotations

import io

from rich.console import Console

from chesspg.games.chess import Chess
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


def test_from_black_it_is_turned_round() -> None:
    assert plain(TicTacToe(), "3/3/3 x moves a1 c2", from_black=True).splitlines() == [
        "1  ·  ·  x",
        "2 (o) ·  ·",
        "3  ·  ·  ·",
        "   c  b  a",
    ]
    lines = plain(Chess(), FOOL, from_black=True).splitlines()
    assert lines[0] == "1  ♖  ♘  ♗ !♔! ♕  ♗  ♘  ♖"
    assert lines[3] == "4 (♛) ♙  ·  ·  ·  ·  ·  ·"
    assert lines[-1] == "   h  g  f  e  d  c  b  a"


def test_a_game_that_draws_otherwise_is_left_as_it_is() -> None:
    class Odd(TicTacToe):
        def render(self, position: str) -> str:
            return "x|o\n-+-"

    assert read_board(Odd(), "3/3/3 x") is None
    assert plain(Odd(), "3/3/3 x", from_black=True) == "x|o\n-+-"


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
