"""SGF: what is written, and what files of other programs hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chesspg.games.hex import Hex
from chesspg.games.othello import Othello
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.pgn.sgf import all_of_event, headers_of, is_sgf, moves_of, plays, read_sgf, to_sgf

OPENING = "d3 c3 c4 e3"
TAGS = {"Event": "a match", "Round": "1.2", "Date": "2026.11.26", "First": "po]l:i\\cy", "Second": "random"}


def played(moves: str) -> str:
    return f"{Othello().start(1).position(0)} moves {moves}"


def test_a_game_of_othello_as_other_programs_read_it() -> None:
    """Quarry 0.2.0 shows these stones, names and result; a game with passes ends there as it does here."""
    text = to_sgf(Othello(), played(OPENING), TAGS | {"Result": "0-1", "Termination": "forfeit"})
    assert text == (
        "(;FF[4]CA[UTF-8]AP[chesspg]GM[2]SZ[8]EV[a match]RO[1.2]DT[2026-11-26]"
        "PB[po\\]l:i\\\\cy]PW[random]RE[W+]GC[forfeit]\n"
        ";B[dc];W[cc];B[cd];W[ec])"
    )


def test_a_game_of_hex_with_a_swap_as_other_programs_read_it() -> None:
    """HexGui, as of 2024, reads these points and swap-pieces, which mirrors the stone as `swap` does."""
    game = Hex(9, swap=True)
    position = f"{game.start(1).position(0)} moves c2 swap i9"
    text = to_sgf(game, position, {"First": "A", "Result": "1-0"})
    assert text.endswith("GM[11]SZ[9]PB[A]RE[B+]\n;B[c2];W[swap-pieces];B[i9])")
    [one] = read_sgf([text])
    assert plays(game, one)
    assert not plays(Hex(8), one)
    assert moves_of(game, one) == ["c2", "swap", "i9"]
    assert headers_of(game, one) == {"First": "A", "Result": "1-0"}


def test_the_first_player_may_be_white() -> None:
    class Reversed(Othello):
        seats = ("White", "Black")

    text = to_sgf(Reversed(), played("d3 c3"), {"First": "A", "Result": "1-0"})
    assert text.endswith("PW[A]RE[W+]\n;W[dc];B[cc])")
    [one] = read_sgf([text])
    assert moves_of(Reversed(), one) == ["d3", "c3"]
    assert headers_of(Reversed(), one) == {"First": "A", "Result": "1-0"}


@pytest.mark.parametrize(("result", "value"), [("1-0", "B+"), ("0-1", "W+"), ("1/2-1/2", "0"), ("*", "Void")])
def test_what_is_written_is_read(result: str, value: str) -> None:
    text = to_sgf(Othello(), played(OPENING), TAGS | {"Result": result})
    assert f"RE[{value}]" in text
    first, second = read_sgf(f"{text}\n\n{text}\n".splitlines(keepends=True))
    assert (first.line, second.line) == (1, 4)
    assert plays(Othello(), second)
    assert moves_of(Othello(), second) == OPENING.split()
    assert headers_of(Othello(), second) == {**TAGS, "Date": "2026-11-26", "Result": result}


HEAD = "(;GM[2]SZ[8]"


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        (HEAD + ";B[dc];W[cc])", "d3 c3"),
        (HEAD + ";B[d3];W[C3])", "d3 c3"),  # points as in Hex
        (HEAD + ";B[dc];B[cd])", "d3 pass c4"),  # a pass that is left out
        (HEAD + ";B[dc];W[];B[cd];W[resign])", "d3 pass c4"),
        (HEAD + "C[a (;comment\\]) here];B[dc](;W[cc];B[cd](;W[ec])(;W[c5]))(;W[ce]))", "d3 c3 c4 e3"),  # the main line
        (HEAD + "AB[dd][ee]AW[ed][de];B[dc])", None),  # other colors on the four squares
        (HEAD + "AB[ed][de]AW[dd][ee];B[dc])", "d3"),
        (HEAD + "AB[aa];B[dc])", None),
        (HEAD + ";B[dc]AW[aa];W[cc])", None),
        ("(;GaMe[2]SiZe[8:8];Black[dc])", "d3"),  # names before version 4
        ("words ( before ;)\n" + HEAD + ";B[dc])", "d3"),
    ],
)
def test_games_of_other_programs(text: str, moves: str | None) -> None:
    *_, one = read_sgf([text])
    if moves is None:
        with pytest.raises(ValueError, match="it does not begin in the initial position"):
            moves_of(Othello(), one)
    else:
        assert plays(Othello(), one)
        assert moves_of(Othello(), one) == moves.split()


@pytest.mark.parametrize("head", ["GM[1]SZ[8]", "SZ[8]", "GM[2]SZ[10]", "GM[2]SZ[8:10]", "GM[x]"])
def test_games_that_are_not_of_othello(head: str) -> None:
    [one] = read_sgf([f"(;{head};B[dc])"])
    assert not plays(Othello(), one)
    assert not plays(TicTacToe(), one)


def test_a_position_in_the_middle_of_a_game_and_a_game_without_sgf_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"only a game from the initial position can be written as SGF, got one from '8/"
    ):
        to_sgf(Othello(), "8/8/8/2oox3/3xo3/8/8/8 x moves b4", {})
    with pytest.raises(ValueError, match="tic-tac-toe has no form in SGF"):
        to_sgf(TicTacToe(), "3/3/3 x", {})


@pytest.mark.parametrize(
    "text", ["", "(;", "(;B[", ")", "(((", ";B[aa])", "(;B[a\\", "x" * 1000, "(;B[aa)", "[" * 10_000]
)
def test_what_is_not_whole_has_no_games(text: str) -> None:
    assert list(read_sgf([text])) == []


def test_files_are_recognized_by_their_first_lines(tmp_path: Path) -> None:
    assert is_sgf(["\n", " (\n", ";FF[4])"])
    assert is_sgf(["(;FF[4])"])
    assert not is_sgf(['[Event "a"]'])
    assert not is_sgf(["(a comment)"])
    assert not is_sgf([])
    path = tmp_path / "a.sgf"
    text = to_sgf(Othello(), played(OPENING), {"Event": "mine"})
    path.write_text(f"{text}\n\n{text}\n")
    assert all_of_event(path, "mine")
    assert not all_of_event(path, "yours")
    path.write_text(text + re.sub("mine", "yours", text))
    assert not all_of_event(path, "mine")
    path.write_text("my notes")
    assert not all_of_event(path, "mine")
