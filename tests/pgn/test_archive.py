"""Reading PGN files: every kind of damage, compression, games that are cut off, filters."""

from __future__ import annotations

import bz2
import gzip
import random
import sys
import tracemalloc
from collections import deque
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chesspg.games.chess import Chess
from chesspg.pgn.archive import EVERY, UNFINISHED, Archived, Skipped, Source, Wanted, seconds
from chesspg.pgn.replay import position_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TAGS = '[Event "?"]\n[White "A"]\n[Black "B"]\n[Result "1-0"]\n'
SHORT = "1. e4 e5 2. Qh5 Nc6 3. Bc4 Nf6 4. Qxf7# 1-0\n\n"


def pgn(moves: str = SHORT, **tags: str) -> str:
    text = "".join(f'[{name} "{value}"]\n' for name, value in {"Event": "?", "Result": "1-0", **tags}.items())
    return f"{text}\n{moves}"


def source(folder: Path, text: str, wanted: Wanted | None = None) -> Source:
    path = folder / "games.pgn"
    path.write_text(text, encoding="utf-8")
    return Source(path, wanted)


def taken(folder: Path, text: str, wanted: Wanted | None = None) -> list[Archived | Skipped]:
    return list(source(folder, text, wanted))


def test_comments_marks_variations_and_escapes_are_passed_over(tmp_path: Path) -> None:
    text = (
        "\ufeff% an escape\n"
        + TAGS
        + "\n{ before } 1. e4! $14 e5 (1... c5 2. Nf3 (2. c3 d5) 2... d6 $6 {(1-0}) ; the rest 2. d4\n"
        "% another\n2. Qh5?! {[%eval 0] two\nlines} Nc6 (2... Ke7?? 3. Qxe5#) 3. Bc4 (3. Nf3) Nf6\n4. Qxf7# 1-0\n\n"
    )
    [game] = taken(tmp_path, text.replace("\n", "\r\n"))
    assert isinstance(game, Archived)
    assert game.moves == ["e4", "e5", "Qh5", "Nc6", "Bc4", "Nf6", "Qxf7"]
    assert game.outcome == 1


@pytest.mark.parametrize(
    ("text", "why", "detail"),
    [
        (pgn("1. e4 e5 2. N"), "cut off", "after 2 plies"),
        (pgn("1. e4 {a comment without an end"), "cut off", "after 1 plies"),
        ('[Event "?"]\n[White "A"]\n', "cut off", "no result after 0 plies"),
        (pgn(Variant="Atomic"), "variant", "Atomic"),
        (pgn(Variant="Chess960", FEN="bbqnnrkr/pppppppp/8/8/8/8/PPPPPPPP/BBQNNRKR w HFhf - 0 1"), "variant", "960"),
        (pgn(Variant="Of my own"), "variant", "Of my own"),
        (pgn(FEN="8/8/8/8/8/8/8/8 w - - 0 1"), "start position", "no white king"),
        (pgn(FEN="what is this"), "start position", "what is this"),
        (pgn("1-0\n\n"), "no moves", ""),
        (pgn("1. e4 e5 *", Result="*"), UNFINISHED, ""),
        (pgn("1. e4 e5 *", Result="2-0"), UNFINISHED, ""),
    ],
)
def test_a_broken_game_is_named_and_the_next_is_read(tmp_path: Path, text: str, why: str, detail: str) -> None:
    first, broken, last = taken(tmp_path, pgn() + text + ("" if text.endswith("\n\n") else "\n\n") + pgn())
    assert isinstance(first, Archived)
    assert isinstance(last, Archived)
    assert isinstance(broken, Skipped)
    assert (broken.where, broken.why) == ("games.pgn, line 6", why)
    assert detail in broken.detail


FEN = "4k3/8/8/8/8/8/8/R3K3 w Q - 0 1"


def test_a_start_of_its_own(tmp_path: Path) -> None:
    [game] = taken(tmp_path, pgn("1. O-O-O+ 1-0\n\n", SetUp="1", FEN=FEN, Variant="From Position"))
    assert isinstance(game, Archived)
    assert (game.start, game.moves) == (FEN, ["O-O-O"])


@pytest.mark.parametrize(
    ("tag", "start"),
    [
        (f'[FEN "{FEN}"]', FEN),
        (f'[FEN "  {FEN} "]', FEN),
        (f'[ FEN  "{FEN}" ]', FEN),
        (f'[Fen "{FEN}"]', FEN),
        (f'[FEN"{FEN}"]', FEN),
        (f'[SetUp "1"][FEN "{FEN}"][Variant ""]', FEN),
        (f'[FEN "{FEN}"] ; a remark', FEN),
        (f'[FEN "{FEN[:25]}\n{FEN[25:]}"]', FEN),
        ('[FEN "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"]', "startpos"),
        ('[SetUp "0"]', "startpos"),
        ('[Variant "Standard"]', "startpos"),
        ('[Variant "?"]', "startpos"),
        ('[FEN ""]', None),
        ('[FEN " "]', None),
        ('[FEN "?"]', None),
        ('[FEN "startpos"]', None),
        (f'[FEN "{FEN} moves e1d1"]', None),
        (f'[FEN "{FEN} extra"]', None),
        ('[FEN "4k3/8/8/8/8/8/8 w - - 0 1"]', None),
        ('[FEN "4k3/9/8/8/8/8/8/4K3 w - - 0 1"]', None),
        (f"[FEN {FEN}]", None),
        (f'["x"][FEN "{FEN}"]', None),
        (f'[Site "x"] [FEN {FEN}]', None),
        (f'[FEN "{FEN}]', None),
        (f'[FEN "{FEN}"', None),
        (f'[FEN {FEN}"]', None),
        ('[FEN "bbqnnrkr/pppppppp/8/8/8/8/PPPPPPPP/BBQNNRKR w HFhf - 0 1"]', None),  # of Chess960
    ],
)
@pytest.mark.parametrize("last", [True, False])
def test_fen_tags(tmp_path: Path, tag: str, start: str | None, last: bool) -> None:
    """A game whose start is unknown is not mistaken for one from the initial position."""
    tags = ['[Event "?"]\n[Result "1-0"]', tag]
    [first, game, third] = taken(
        tmp_path, pgn() + "\n".join(tags if last else tags[::-1]) + "\n\n1. e4 1-0\n\n" + pgn()
    )
    assert isinstance(first, Archived)
    assert isinstance(third, Archived)
    if start is None:
        assert isinstance(game, Skipped)
        assert (game.where, game.why) == ("games.pgn, line 6", "start position")
    else:
        assert isinstance(game, Archived)
        assert game.start == start


@pytest.mark.parametrize(
    ("text", "games"),
    [
        # The beginning of a game without tags, or with tags in an odd order.
        ("1. e4 e5 1-0\n\n1. d4 1-0\n", [["e4", "e5"], ["d4"]]),
        ("1. e4 e5 1-0\n1. d4 1-0\n", [["e4", "e5"], ["d4"]]),
        ("1. e4 e5 1-0 1. d4 1-0 1. c4 1-0\n", [["e4", "e5"], ["d4"], ["c4"]]),
        ("e4 e5 1-0\n\nd4 1-0\n", [["e4", "e5"], ["d4"]]),
        ("1. e4 {1-0 1. d4} e5 1-0\n", [["e4", "e5"]]),
        ("1. e4\n\n1... e5 1-0\n", [["e4", "e5"]]),
        ("1. e4 1-0\n\n{White is better}\n\n; and so on\n\nThe end.\n", [["e4"]]),
        ("1. e4 1-0 {White is better}\n\n1. d4 1-0\n", [["e4"], ["d4"]]),
        ('1. e4 1-0[Event "x"]\n1. d4 1-0\n', [["e4"], ["d4"]]),
        ('[Event "x"] 1. e4 1-0\n[Event "y"] 1. d4 1-0\n', [["e4"], ["d4"]]),
        ('[Event "x"][Site "y"]\n1. e4 1-0\n[Event "y"]\n\n1. d4 1-0\n', [["e4"], ["d4"]]),
        ('[Event "x"]\n\n[Site "y"]\n\n\n\n1. e4 1-0\n', [["e4"]]),
        ('[Event "x"]\n[Site "y"]\n[Site "z"]\n\n1. e4 1-0\n', [["e4"]]),
        ('[Event "a line\nbreak"]\n[Site "y"]\n\n1. e4 1-0\n', [["e4"]]),
        ('[Event "x"]\n\n1. e4\n[Diagram]\ne5 [%clk 0:01] 2. d4\n[%clk 0:02] d5 1-0\n', [["e4", "e5", "d4", "d5"]]),
        ('[Event "x"]\n1. e4 {a } [Event "y"] 1-0\n\n[Event "z"]\n\n1. d4 1-0\n', [["e4"], ["d4"]]),
        ("1. e4 1-0\n\x1a\n1. d4 1-0\n\x1a", [["e4"], ["d4"]]),
        ("\ufeff\n\n\ufeff1. e4 1-0\n\n\ufeff1. d4 1-0\n", [["e4"], ["d4"]]),
        ('once upon a time on e4 1-0\n\n[Event "x"]\n\n1. d4 1-0\n', [["d4"]]),
    ],
)
def test_where_a_game_begins(tmp_path: Path, text: str, games: list[list[str]]) -> None:
    assert [game.moves for game in taken(tmp_path, text) if isinstance(game, Archived)] == games


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("{ without an end\n\n", 1),
        ("{ without an end\n\n" + pgn("1. e4 { without an end\n\n") * 2, 3),
        ('{ with a tag\n[Source "x"]\n and more\n', 1),
        ('{ with a tag\n[Source "x"] } e5\n', 0),
        ('{ with many\n[Event "x"]\n[Site "x"]\n\n1. e4 1-0\n[Event "y"]\n} e5\n', 0),
        ("{\n" * 30, 1),
    ],
)
@pytest.mark.parametrize("rest", ["", "{good} ", "{a { b} "])
def test_a_comment_without_an_end_takes_no_other_game_with_it(
    tmp_path: Path, text: str, broken: int, rest: str
) -> None:
    after = pgn(SHORT.replace("2.", f"{rest}2.")) * 3
    games = taken(tmp_path, pgn("1. e4 " + text + ("" if broken else "1-0\n\n")) + after)
    assert [type(game) for game in games[-3:]] == [Archived] * 3
    assert len(games) == 3 + (broken or 1)
    assert [type(game) for game in games[:-3]] == ([Skipped] * broken if broken else [Archived])
    assert {game.why for game in games if isinstance(game, Skipped)} <= {"cut off"}


@pytest.mark.parametrize(
    ("tag", "marker", "outcome", "note"),
    [
        ("1-0", "1-0", 1, ""),
        (None, "1-0", 1, ""),
        ("", "0-1", -1, ""),
        ("?", "½-½", 0, ""),
        ("1/2", "1/2-1/2", 0, ""),
        ("1 - 0", "1-0", 1, ""),
        ("1-0", "1-0 1-0", 1, ""),
        ("1-0", "0-1", 1, "the Result tag is '1-0' and the moves end with 0-1"),
        ("1-0", "*", 1, "the Result tag is '1-0' and the moves end with *"),
        ("*", "0-1", -1, "the Result tag is '*' and the moves end with 0-1"),
        ("White", "0-1", -1, "the Result tag is 'White' and the moves end with 0-1"),
        ("1-0", "0-1 1-0", 1, "several results come after the moves: 0-1, 1-0"),
        ("*", "*", None, ""),
        (None, "*", None, ""),
    ],
)
def test_the_tag_counts_or_else_what_stands_after_the_moves(
    tmp_path: Path, tag: str | None, marker: str, outcome: int | None, note: str
) -> None:
    tags = '[Event "?"]\n' + ("" if tag is None else f'[Result "{tag}"]\n')
    [game] = taken(tmp_path, f"{tags}\n1. e4 e5 {marker}\n")
    if outcome is None:
        assert isinstance(game, Skipped)
        assert game.why == UNFINISHED
        [game] = taken(tmp_path, f"{tags}\n1. e4 e5 {marker}\n", EVERY)
    assert isinstance(game, Archived)
    assert (game.outcome, game.note) == (outcome, note)


def test_tags_that_are_read_and_lines_that_are_none(tmp_path: Path) -> None:
    text = r"""[White "Paul \"the\" K. \\ M"]
  [Black "a "quoted" one"]
[Site 'x']
[Date 2020.01.01]
[Round "3]
[ECO ]
[]
[%x "y"]
[whiteelo "2500"]
[Custom_1 "a ] b"]
[Result "1-0"]

1. e4 1-0
"""
    [game] = taken(tmp_path, text)
    assert isinstance(game, Archived)
    assert game.headers == {
        "White": 'Paul "the" K. \\ M',
        "Black": 'a "quoted" one',
        "WhiteElo": "2500",
        "Custom_1": "a ] b",
        "Result": "1-0",
    }


@pytest.mark.parametrize(
    ("wanted", "games"),
    [
        (Wanted(), [0, 1, 2, 3]),
        (Wanted(min_rating=2000), [0, 1]),
        (Wanted(min_rating=2001), [0]),
        (Wanted(results=("1/2-1/2",)), [1]),
        (Wanted(min_seconds=600), [0, 2]),
        (Wanted(min_seconds=300), [0, 1, 2]),
        (Wanted(min_rating=1), [0, 1, 2]),
        (Wanted(min_seconds=1), [0, 1, 2]),
    ],
)
def test_filters_look_at_the_tags(tmp_path: Path, wanted: Wanted, games: list[int]) -> None:
    text = (
        pgn("1. a4 1-0\n\n", WhiteElo="2400", BlackElo="2300", TimeControl="600+5")
        + pgn("1. b4 1/2-1/2\n\n", WhiteElo="2000", BlackElo="2100", TimeControl="180+3", Result="1/2-1/2")
        + pgn("1. c4 0-1\n\n", WhiteElo="2500", BlackElo="1999", TimeControl="-", Result="0-1")
        + pgn("1. d4 1-0\n\n", WhiteElo="?", BlackElo="2500", TimeControl="?")
    )
    found = [game.moves[0] for game in taken(tmp_path, text, wanted) if isinstance(game, Archived)]
    assert found == [("a4", "b4", "c4", "d4")[number] for number in games]


@pytest.mark.parametrize(
    ("rating", "taken_at"),
    [
        ("2500", 2500),
        (" 2500 ", 2500),
        ("1500?", 1500),
        ("2,500", 0),
        ("-", 0),
        ("", 0),
        ("?", 0),
        ("²", 0),
        ("9" * 5000, 0),
        ("0", 0),
    ],
)
def test_ratings(tmp_path: Path, rating: str, taken_at: int) -> None:
    text = pgn(WhiteElo=rating, BlackElo="3000")
    for least in (1, 1400, 1501, 2500):
        [game] = taken(tmp_path, text, Wanted(min_rating=least))
        assert isinstance(game, Archived) == (taken_at >= least)


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ("600+5", 800),
        ("180", 180),
        ("40/7200:3600", 10800),
        ("-", float("inf")),
        ("?", 0),
        ("", 0),
        ("60+0.5", 80),
        ("40/5400+30:1800+30", 8400),
        ("40/5400:1800+30", 7200),
        ("20/3600+30:1800+60", 3600 + 1800 + 20 * 30 + 20 * 60),
        ("40/7200:20/3600:900", 11700),
        ("60/7200+10", 7600),
        ("*180", 180),
        ("1/259200", 40 * 259200),
        ("20/600", 1200),
        ("300+3d", 420),
        (" 600 + 5 ", 800),
        ("40/5400 + 30 : 1800 + 30", 8400),
        ("0+1", 40),
        ("90 min + 30 sec", 0),
        ("G/90", 0),
        ("5 0", 0),
        ("0/600", 0),
        ("600+", 0),
        ("600:", 0),
        ("-5", 0),
        ("1e9", 0),
        ("1:00:00", 0),
        ("00:10:00", 0),
        ("٣", 0),
        ("9" * 400, 0),
    ],
)
def test_time_controls(control: str, expected: float) -> None:
    assert seconds(control) == expected


COMPRESS = {".gz": gzip.compress, ".bz2": partial(bz2.compress, compresslevel=1), ".zst": zstd.compress, ".PGN": bytes}


@pytest.mark.parametrize("suffix", COMPRESS)
def test_compressed_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"games{suffix}"
    path.write_bytes(COMPRESS[suffix](pgn().encode()) + COMPRESS[suffix](pgn().encode() * 2))  # two compressed parts
    read = Source(path)
    assert [type(game) for game in read] == [Archived] * 3
    assert (read.damage, read.position) == ("", path.stat().st_size)


def test_frames_of_zstd_that_are_to_be_skipped(tmp_path: Path) -> None:
    path = tmp_path / "games.pgn"
    skipped = b"\x53\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"index"
    path.write_bytes((skipped + zstd.compress(pgn().encode())) * 2 + skipped)
    assert [type(game) for game in Source(path)] == [Archived] * 2


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst"])
def test_a_truncated_file_gives_the_games_up_to_there(tmp_path: Path, suffix: str) -> None:
    chance = random.Random(1)
    names = ["".join(chance.choices("abcdefgh", k=200)) for _ in range(5_000)]  # nothing to compress
    whole = COMPRESS[suffix]("".join(pgn(White=name) for name in names).encode())
    path = tmp_path / f"games{suffix}"
    path.write_bytes(whole[: len(whole) // 2])
    read = Source(path)
    games = list(read)
    assert 1_000 < len(games) < 3_000
    assert all(isinstance(game, Archived) for game in games[:-1])
    assert "ended before" in read.damage


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst"])
def test_the_first_bytes_decide_and_not_the_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"games{suffix}"
    path.write_text(pgn())
    assert [type(game) for game in Source(path)] == [Archived]
    path.write_bytes(b"\0" + COMPRESS[suffix](pgn().encode())[1:])
    with pytest.raises(ValueError, match=f"can't be read as {suffix}"):
        list(Source(path))


def test_every_game_whatever_its_result(tmp_path: Path) -> None:
    text = pgn("1. e4 e5 *\n\n", Result="*") + pgn() + pgn("*\n\n", Result="*") + "1. d4\n"
    games = taken(tmp_path, text, EVERY)
    assert [(game.moves, game.outcome) for game in games if isinstance(game, Archived)] == [
        (["e4", "e5"], None),
        (["e4", "e5", "Qh5", "Nc6", "Bc4", "Nf6", "Qxf7"], 1),
        ([], None),
        (["d4"], None),
    ]
    assert [type(game) for game in games] == [Archived] * 4
    assert isinstance(games[0], Archived)
    assert games[0].headers == {"Event": "?", "Result": "*"}


def test_a_long_file_is_read_as_games_are_asked_for(tmp_path: Path) -> None:
    read = source(tmp_path, pgn() * 20_000)
    games = iter(read)
    next(games)
    assert read.position < read.size / 20
    games.close()  # type: ignore[attr-defined]


def test_games_passed_over_are_the_first_ones(tmp_path: Path) -> None:
    text = "".join(pgn(f"1. {move} 1-0\n\n") for move in ("a4", "b4", "c4"))
    assert [game.moves for game in source(tmp_path, text).read(2) if isinstance(game, Archived)] == [["c4"]]


def test_what_is_no_text_at_all(tmp_path: Path) -> None:
    path = tmp_path / "games.pgn"
    path.write_bytes(random.Random(0).randbytes(100_000))
    assert not any(isinstance(game, Archived) for game in Source(path))


MANY = (
    "\n",
    "1. e4\n",
    "{\n",
    "[A\n",
    '{\n[Event "?"]\n',
    '[Event "\n',
    '[A "1"]\n',
    ";{\n",
    "* 1. e4 ",
    "1. e4 *\n\n",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "part",
    [
        "x", "1. e4 ", "[", " ", "(", '[Event "?"]', "\0", "{", "{}", "1-0 {", "\\", '"', "e4", "$1", "e4 (", ")",
        ".", "1", "1.", "0-", "…", "e.p.", "* ", '[A "b"c"]x', "[ ", "a8(", "-", *MANY,
    ],
)  # fmt: skip
def test_an_archive_that_grows_takes_little_memory(tmp_path: Path, part: str) -> None:
    """20 MB of one repeated text, or 0.04 MB of short lines, in a file of some KB, and a game after it."""
    path = tmp_path / "games.pgn.gz"
    size = 40_000 if part in MANY else 20_000_000
    path.write_bytes(gzip.compress((part * (size // len(part)) + "\n\n" + pgn()).encode()))
    tracemalloc.start()
    [last] = deque(Source(path), maxlen=1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < (3_200_000 if part in MANY else 16_000_000)
    assert isinstance(last, Archived)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["FEN", "TimeControl", "Variant", "Result", "WhiteElo", "Event"])
@pytest.mark.parametrize("part", ["1", " ", "/", "+", "1/", "a ", "\\", '"', "½"])
def test_a_tag_of_a_megabyte(tmp_path: Path, name: str, part: str) -> None:
    value = f"1{part * (900_000 // len(part))}1"
    broken, game = taken(
        tmp_path, pgn(**{name: value}) + pgn(TimeControl="9", WhiteElo="9", BlackElo="9"), Wanted(1, 1)
    )
    assert isinstance(broken, Skipped)
    assert len(broken.detail) < 500
    assert isinstance(game, Archived)
    for one in taken(tmp_path, pgn(**{name: value}), EVERY):
        assert len(str(one[:3])) < 500


@pytest.mark.parametrize(
    ("lines", "characters", "taken_at"),
    [(5_000, 10, True), (12_000, 10, False), (10, 90_000, True), (10, 120_000, False)],
)
def test_a_game_may_be_only_so_long(tmp_path: Path, lines: int, characters: int, taken_at: bool) -> None:
    comment = f"{{{'x' * characters}}}\n" * lines
    first, game, last = taken(tmp_path, pgn() + pgn(f"1. e4 {comment} e5 1-0\n\n") + pgn())
    assert isinstance(first, Archived)
    assert isinstance(last, Archived)
    assert isinstance(game, Archived) == taken_at
    if isinstance(game, Skipped):
        assert (game.where, game.why) == ("games.pgn, line 6", "too long")


ASTRAY = "rnbqkbnr/pppp1ppp/8/4p3/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"  # 1. e4 Nf6 is legal from here too


@pytest.mark.parametrize(
    "line",
    [
        "{c}\n\n", "one day\n\n", "$1\n\n", "<D>\n\n", "(1. d4)\n\n", "{a}\n{b}\n\n", "*\n", "1-0\n",
        '{c}\n[Site "x"]\n\n', 'Opening: Sicilian\n[Site "x"]\n\n', '<br>\n[Site "x"]\n\n', 'e4\n[Site "x"]\n\n',
        '[Site "a\nb\nc"]\n\n', '[Site "a\nb]\n\n', '[Site\n"x"]\n\n', '\u200b[Site "x"]\n\n', '[Site "x"] {a\nb}\n\n',
        '[Site "x"] O-O\n\n',
    ],
)  # fmt: skip
def test_what_stands_before_the_first_move_loses_no_fen(tmp_path: Path, line: str) -> None:
    [game] = taken(tmp_path, f'[Event "x"]\n[FEN "{ASTRAY}"]\n{line}1. e4 Nf6 1-0\n')
    assert isinstance(game, Archived)
    assert (game.start, game.moves, game.outcome) == (ASTRAY, ["e4", "Nf6"], 1)


@pytest.mark.parametrize(
    "tag",
    [
        f'[FEN "{ASTRAY}"\n]', f'[FEN: "{ASTRAY}"]', f'[FEN="{ASTRAY}"]', f'[\u200bFEN "{ASTRAY}"]',
        f'[F\0EN "{ASTRAY}"]',
        f'FEN "{ASTRAY}"]', f'(FEN "{ASTRAY}")', f'\0[FEN "{ASTRAY}"]', f'> [FEN "{ASTRAY}"]', '[SetUp "1"]',
        f'[FEN "{ASTRAY[:20]}\n{ASTRAY[20:40]}\n{ASTRAY[40:]}"]', f'[Event "a"]\n[FEN "{ASTRAY}"]\n[Event "a"]',
    ],
)  # fmt: skip
def test_no_damage_to_a_fen_makes_the_game_one_from_the_initial_position(tmp_path: Path, tag: str) -> None:
    [game] = taken(tmp_path, f"{tag}\n\n1. e4 Nf6 1-0\n")
    if isinstance(game, Archived):
        assert game.start == ASTRAY
    else:
        assert game.why == "start position"


@pytest.mark.parametrize(
    ("text", "games"),
    [
        ("1 e4 e5 1-0\n1 d4 d5 1-0\n", [["e4", "e5"], ["d4", "d5"]]),
        ("e4 e5 1-0\nd4 d5 1-0\n", [["e4", "e5"], ["d4", "d5"]]),
        ("e2e4 e7e5 1-0\nd2d4 d7d5 1-0\n", [["e2e4", "e7e5"], ["d2d4", "d7d5"]]),
        ("1. e4 e5 1-0 {x} 1. d4 d5 1-0\n", [["e4", "e5"], ["d4", "d5"]]),
        ("1. e4 e5 1-0 Black resigned as Qxh7 follows\n", [["e4", "e5"]]),
        ("1. e4 (1. d4 d5 1-0 1. c4) e5 2. Nf3 1-0\n", [["e4", "e5", "Nf3"]]),
        ("1. a3 h6\n[novelty 2. b3 a6\n3. c3 g6 1-0\n", [["a3", "h6", "b3", "a6", "c3", "g6"]]),
        ("1) e4 Nf6 1-0\n", [["e4", "Nf6"]]),
        ("2. c3 g6 1-0\n", []),
        ('[Event "x"]\n[Result "1-0"]\n\n1. e4 e5 2. Nf3\n', [["e4", "e5", "Nf3"]]),
        ('[Event "x"]\n[Result "1-0"]\n\n1. e4 e5 2. N\n', []),
        ('[Event "x"]\n[Result "1-0"]\n\n1. e4 e5 +-\n', [["e4", "e5"]]),
    ],
)
def test_results_end_games(tmp_path: Path, text: str, games: list[list[str]]) -> None:
    assert [game.moves for game in taken(tmp_path, text) if isinstance(game, Archived)] == games


FRAGMENTS = (
    '[Event "x"]\n', '[FEN "', "[", "]", '"', "{", "}", "(", ")", ";", "%", "\n", "\n\n", "1. ", "1.", "e4 ", "e8=Q",
    "(Q)", "O-O ", "1-0 ", "* ", "1/2-1/2\n", "½", "--", "$1", "\\", "\r", "\x1a", "\ufeff",
    "4k3/8/8/8/8/8/8/4K3 w - - 0 1",
)  # fmt: skip
NOT_NUL = st.characters(exclude_characters="\0", exclude_categories=["Cs"])


@given(
    st.lists(st.sampled_from(FRAGMENTS) | st.text(NOT_NUL, max_size=3), max_size=40),
    st.sampled_from(["utf-8", "utf-16"]),
)
def test_any_text_is_read_to_its_end(parts: list[str], encoding: str) -> None:
    """Whatever a file contains, each of its games is taken or skipped, and the game after it is found."""
    text = "".join(parts) + '\n\n[Event "last"]\n\n1. d4 {the last} 1-0\n'
    with TemporaryDirectory() as folder:
        path = Path(folder) / "games.pgn"
        path.write_bytes(text.encode(encoding, "replace"))
        games = list(Source(path, EVERY))
        for game in games:
            if isinstance(game, Archived):
                with suppress(ValueError):
                    position_of(Chess().notation, game)
    last = games[-1]
    if isinstance(last, Skipped):  # the tags before it belong to it
        assert last.why == "start position"
        assert "FEN" in text or "4k3" in text
    else:
        assert last.moves == ["d4"]
        assert last.outcome == 1
