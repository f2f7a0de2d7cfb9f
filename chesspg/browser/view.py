"""What the page shows of a game, as values that JSON can hold. Squares are counted from the top left, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chesspg.arena.session import Likely, Session
from chesspg.games.capabilities import Notation
from chesspg.games.game import EMPTY, STONES, Game, split_position, square_names
from chesspg.storage.parsing import one_line
from chesspg.terminal.board import LAST, Board, read_board, stone_colors
from chesspg.terminal.command import reason_of

Json = dict[str, Any]
LIKELY = 5  # most moves of the policy that are shown


def view_of(game: Game) -> View:
    """How a game is shown: on a board of chess, on a board of cells, or as text."""
    if game.notation is not None:
        return ChessView(game, game.notation)
    board = read_board(game, game.start(1).position(0))
    if board is None or {f"{file}{rank.label}" for rank in board.rows for file in board.files} != {
        *square_names(game.board)
    }:
        return View(game)
    return GridView(game, board)


class View:
    """A game whose board is shown as text. Its moves are a list of buttons.

    Args:
        game: The game.
    """

    def __init__(self, game: Game) -> None:
        self.game = game

    def shape(self) -> Json:
        """What stays the same during a game."""
        return {"kind": "text"}

    def board(self, position: str) -> Json:
        """The board in a position."""
        return {"text": self.game.render(position)}

    def played(self, before: str, after: str) -> Json:
        """The move between two positions, by its name."""
        return {"name": split_position(after)[1][-1]}

    def legal(self, position: str) -> list[Json]:
        """The legal moves, each with its name and, if it has any, its squares."""
        actions = self.game.start([position]).observe().legal.actions
        return [{"name": self.game.move_name(position, int(action)), **self.squares(int(action))} for action in actions]

    def squares(self, action: int) -> Json:
        """The squares of an action on which a click is this move."""
        return {}

    def likely(self, likely: Sequence[Likely], legal: Sequence[Json]) -> list[Json]:
        """The likeliest moves of a policy, with their probabilities."""
        by_name = {move["name"]: move for move in legal}
        return [{**by_name[one.name], "probability": one.probability} for one in likely]


class ChessView(View):
    """Chess: a position is a FEN, and a move has `uci`, its squares as in UCI."""

    def __init__(self, game: Game, notation: Notation) -> None:
        super().__init__(game)
        self.notation = notation

    def shape(self) -> Json:
        return {"kind": "chess"}

    def board(self, position: str) -> Json:
        board = self.notation.to_board(position)
        return {"fen": board.fen(), "check": board.is_check()}

    def played(self, before: str, after: str) -> Json:
        board = self.notation.to_board(before)
        move = board.parse_uci(split_position(after)[1][-1])
        return {"name": board.san(move), "uci": move.uci()}

    def legal(self, position: str) -> list[Json]:
        board = self.notation.to_board(position)
        actions = self.game.start([position]).observe().legal.actions
        moves = [self.notation.to_move(int(action), board) for action in actions]
        return [{"name": board.san(move), "uci": move.uci()} for move in moves]


class GridView(View):
    """A board of cells: a position is one character per square, and a move has `squares` if it belongs to any."""

    def __init__(self, game: Game, board: Board) -> None:
        super().__init__(game)
        self.first = board
        rows, columns = game.board
        in_order = square_names(game.board)  # by the bits of the encoding, from row 1
        labels = [rank.label for rank in board.rows]
        self.names = [f"{file}{label}" for label in labels for file in board.files]  # from the top left
        self.at = {name: square for square, name in enumerate(self.names)}
        self.by_action: list[list[int]] = []  # [A] the squares of each action, if the game has an action layout
        for block in game.action_layout:
            if block == "cells":
                self.by_action += [[self.at[name]] for name in in_order]
            elif block == "columns":
                self.by_action += [list(range(column, rows * columns, columns)) for column in range(columns)]
            else:
                self.by_action.append([])

    def shape(self) -> Json:
        rows, columns = self.game.board
        colors, discs = stone_colors(self.game.seats)
        stones = {
            stone: {"name": name, "color": colors[stone], "disc": discs or "columns" in self.game.action_layout}
            for stone, name in zip(STONES, self.game.seats, strict=True)
        }
        sides = self.first.sides
        return {
            "kind": "grid", "rows": rows, "columns": columns, "squares": self.names,
            "rowNames": [rank.label for rank in self.first.rows], "columnNames": self.first.files,
            "namesOnTop": self.first.letters_on_top, "hexagonal": sides is not None,
            "sides": sides and [colors.get(side, "#777777") for side in sides],
            "columnar": "columns" in self.game.action_layout, "stones": stones, "empty": EMPTY,
            "words": [block for block in self.game.action_layout if block not in ("cells", "columns")],
        }  # fmt: skip

    def board(self, position: str) -> Json:
        board = read_board(self.game, position)
        if board is None:
            return super().board(position)
        cells = [cell for rank in board.rows for cell in rank.cells]
        last = [square for square, cell in enumerate(cells) if cell.mark == LAST]
        return {"cells": "".join(cell.piece for cell in cells), "last": last}

    def squares(self, action: int) -> Json:
        return {"squares": self.by_action[action]} if self.by_action and self.by_action[action] else {}


def line_of(error: BaseException) -> str:
    """An error as one line of printable text."""
    return one_line(reason_of(error)) or type(error).__name__


def first_move(session: Session) -> tuple[int, int]:
    """The number of the first move, and the seat that makes it."""
    start = split_position(session.start)[0]
    first = int(session.game.start([start]).observe().player[0])
    notation = session.game.notation
    return (notation.to_board(start).fullmove_number if notation else 1), first
