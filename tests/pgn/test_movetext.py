"""Moves and results in the text of a game, in all common notations."""

from __future__ import annotations

import pytest

from chesspg.pgn.movetext import main_line, result


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        ("1. e4 e5 2. Nf3", ["e4", "e5", "Nf3"]),
        ("1.e4 e5 2.Nf3 Nc6", ["e4", "e5", "Nf3", "Nc6"]),
        ("1 . e4 1 ... e5 2.Nf3 2...Nc6", ["e4", "e5", "Nf3", "Nc6"]),
        ("1. e4 … e5 2.…Nc6", ["e4", "e5", "Nc6"]),
        ("e4 e5", ["e4", "e5"]),
        ("1.e4,e5", ["e4", "e5"]),
        ("1. e4!e5?! 2.Nf3Nc6 3.Bb5+a6", ["e4", "e5", "Nf3", "Nc6", "Bb5", "a6"]),
        ("e2e4 e7-e5 Ng1-f3 Nb8c6 e4xd5", ["e2e4", "e7e5", "Ng1f3", "Nb8c6", "e4xd5"]),
        ("E2E4 E7-E5 1.G1-F3", ["e2e4", "e7e5", "g1f3"]),
        ("Nbd7 R1e2 Qh4e1 N1xf3 N:f3 N×f3", ["Nbd7", "R1e2", "Qh4e1", "N1xf3", "Nxf3", "Nxf3"]),
        ("Pe4 Pe2-e4", ["e4", "e2e4"]),
        ("O-O 0-0 o-o OO 5.0-0 O–O", ["O-O"] * 6),
        ("O-O-O 0-0-0+ o-o-o# OOO 12.O-O-O!", ["O-O-O"] * 5),
        ("e8=Q e8Q e8(Q) e8=(Q) e8/Q e8=q e7e8q e7-e8=Q+", ["e8=Q"] * 6 + ["e7e8=Q"] * 2),
        ("axb8=N# axb8N a7xb8/n", ["axb8=N", "axb8=N", "a7xb8=N"]),
        ("exd6e.p. exd6ep exd6 e.p. exd6/e.p.", ["exd6"] * 4),
        ("Qf7+ Qf7# Qf7++ Qf7† Qf7!! Qf7?! Qf7+! Qf7= Qf7!? Qf7mate Qf7ch. Qf7 # Qf7 +-", ["Qf7"] * 13),
        ("♘f3 ♞c6 ♙e4 e8=♕", ["Nf3", "Nc6", "e4", "e8=Q"]),
        ("e4 $1 $146 e5$2 N D = (=) +- ∞ 12:30", ["e4", "e5"]),
        ("e4 {a {b} e5", ["e4", "e5"]),
        ("e4 { without an end e5", ["e4"]),
        ("e4 ; the rest } e5\nd5", ["e4", "d5"]),
        ("e4 (d4 (c4 {)} ;(\n e5) d5) e5 (", ["e4", "e5"]),
        ("e4 ) e5 )", ["e4", "e5"]),
        ("e4\u200b e\u00ad5\xa0Nf3", ["e4", "e5", "Nf3"]),
        ("1. P-K4 2. N-KB3 NxP QxQP D4 NB1D2 5254 7775", ["P-K4", "N-KB3", "NxP", "QxQP", "D4", "NB1D2"]),
        ("O - O 00 o-0 О-О O - O - O 000", ["O-O"] * 4 + ["O-O-O"] * 2),
        ("e4(d4 d5)e5", ["e4", "e5"]),
        ("1. e4 (0:01) e5 (0:02)", ["e4", "e5"]),
        ("-- Z0 0000 @@@@ N@f3 @e4 3.--", ["--", "Z0", "0000", "@@@@", "N@f3", "@e4", "--"]),
        # An unreadable word that looks like a move is kept, so that it is neither lost nor mistaken for another move.
        ("Sf3 nf3 Кf3 exd ed 4.fe Nf3g5e4", ["Sf3", "nf3", "Кf3", "exd", "ed", "4.fe", "Nf3g5", "e4"]),
    ],
)
def test_the_moves_of_a_text(text: str, moves: list[str]) -> None:
    assert main_line(text) == (moves, [])


@pytest.mark.parametrize(
    ("text", "markers"),
    [
        ("1-0", ["1-0"]),
        ("Qf7#1-0", ["1-0"]),
        ("e4 *", ["*"]),
        ("e4*", ["*"]),
        ("½-½", ["1/2-1/2"]),
        ("½", ["1/2-1/2"]),
        ("1/2", ["1/2-1/2"]),
        ("0.5-0.5", ["1/2-1/2"]),
        ("1/2–1/2", ["1/2-1/2"]),  # as a word processor writes it
        ("1-0 1-0", ["1-0", "1-0"]),
        ("1-0 e4 0-1", ["1-0", "0-1"]),
        ("(1-0) {0-1} ; *", []),
        ("1/2/2020 11-0", []),
        ("1-0, White resigns", ["1-0"]),
    ],
)
def test_the_results_in_a_text(text: str, markers: list[str]) -> None:
    assert main_line(text)[1] == markers


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("1-0", "1-0"),
        (" 0 - 1 ", "0-1"),
        ("1:0", "1-0"),
        ("½-½", "1/2-1/2"),
        ("1/2", "1/2-1/2"),
        ("0,5-0,5", "1/2-1/2"),
        ("1–0", "1-0"),  # as a word processor writes it
        ("*", "*"),
        ("2-0", None),
        ("", None),
        ("?", None),
        ("0-0", None),
    ],
)
def test_a_result(text: str, known: str | None) -> None:
    assert result(text) == known


def test_a_word_without_end_is_read_and_not_kept() -> None:
    words = ["".join(f"{k}.e4e5" for k in range(2000)), "x" * 100_000]
    assert main_line(" ".join(words)) == (["e4e5"] * 2000, [])
