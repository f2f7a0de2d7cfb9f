"""Games in the form in which `to_pgn` writes them are read back, whatever the names of their moves."""

from __future__ import annotations

import pytest
from others import ConnectFour, Placing

from chesspg.games.chess import Chess
from chesspg.games.game import Game, join_position
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.pgn import own_games
from chesspg.pgn.own_games import recorded
from chesspg.pgn.writing import players_of, players_tags, to_pgn


@pytest.mark.parametrize(
    ("game", "moves"),
    [
        (ConnectFour(), "d d d d d d e e e e e e a a a b b b"),
        (Placing(), "a1 i9 pass b2 c3 pass pass"),
        (TicTacToe(), "a1 b1 a2 b2 a3"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_is_written_is_read(game: Game, moves: str) -> None:
    start = game.start(1).position(0)
    names = ('A "quoted" \\ [one]', "B")
    text = to_pgn(game, join_position(start, moves.split()), {"Event": "e", **players_tags(game, *names)})
    first, second = recorded(f"{text}\n\n{text}\n".splitlines(keepends=True))
    assert first.moves == second.moves == moves.split()
    assert (first.line, second.line) == (1, text.count("\n") + 3)
    assert players_of(first.headers) == names
    assert first.headers["Variant"] == game.name


def test_games_of_chess_and_of_earlier_versions_name_white_and_black() -> None:
    [one] = recorded(to_pgn(Chess(), "startpos moves e2e4", {"White": 'A "x"', "Black": "B"}).split("\n"))
    assert (players_of(one.headers), one.moves) == (('A "x"', "B"), ["e4"])
    assert players_of({}) == ("?", "?")


def test_tags_without_moves_and_lines_without_tags() -> None:
    assert [len(one.moves) for one in recorded(['[Event "a"]\n', '[Event "b"]\n', "\n", "1. a1 *\n"])] == [0, 1]
    assert [one.moves for one in recorded(["\n", "1. a1\n"])] == [["a1"]]
    assert list(recorded(["\n"])) == []


def test_a_game_that_is_too_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_games, "MOST_LINES", 100)
    lines = [*['[Event "a"]\n'], *["a1\n"] * 500, '[Event "b"]\n', "b1\n"]
    assert [len(one.moves) for one in recorded(lines)] == [100, 1]
    monkeypatch.setattr(own_games, "MOST_CHARACTERS", 31)
    assert [len(one.moves) for one in recorded(lines)] == [6, 1]
