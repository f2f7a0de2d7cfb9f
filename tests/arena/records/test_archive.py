"""Games out of PGN files: every kind of damage, compressed, cut off, filtered."""

from __future__ import annotations

import bz2
import gzip
import random
import sys
import tracemalloc
from functools import partial
from pathlib import Path

import pytest

from chesspg.arena.records.archive import EVERY, UNFINISHED, Archived, Skipped, Source, Wanted, seconds

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


def test_a_start_of_its_own(tmp_path: Path) -> None:
    fen = "4k3/8/8/8/8/8/8/R3K3 w Q - 0 1"
    [game] = taken(tmp_path, pgn("1. O-O-O+ 1-0\n\n", SetUp="1", FEN=fen, Variant="From Position"))
    assert isinstance(game, Archived)
    assert (game.start, game.moves) == (fen, ["O-O-O"])


@pytest.mark.parametrize(
    ("wanted", "games"),
    [
        (Wanted(), [0, 1, 2, 3]),
        (Wanted(min_rating=2000), [0, 1]),
        (Wanted(min_rating=2001), [0]),
        (Wanted(results=("1/2-1/2",)), [1]),
        (Wanted(min_seconds=600), [0, 2]),
        (Wanted(min_seconds=300), [0, 1, 2]),
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
    ("control", "expected"),
    [("600+5", 800), ("180", 180), ("40/7200:3600", 10800), ("-", float("inf")), ("?", 0), ("", 0), ("60+0.5", 80)],
)
def test_time_controls(control: str, expected: float) -> None:
    assert seconds(control) == expected


COMPRESS = {".gz": gzip.compress, ".bz2": partial(bz2.compress, compresslevel=1), ".zst": zstd.compress, ".PGN": bytes}


@pytest.mark.parametrize("suffix", COMPRESS)
def test_compressed_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"games{suffix}"
    path.write_bytes(COMPRESS[suffix](pgn().encode()) + COMPRESS[suffix](pgn().encode() * 2))  # of two parts
    read = Source(path)
    assert [type(game) for game in read] == [Archived] * 3
    assert (read.damage, read.position) == ("", path.stat().st_size)


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


@pytest.mark.parametrize("part", ["x", "1. e4 ", "[", " ", "(", '[Event "?"]', "\0"])
def test_an_archive_that_grows_takes_little_memory(tmp_path: Path, part: str) -> None:
    """20 MB of one thing in a file of some KB, and a game behind it."""
    path = tmp_path / "games.pgn.gz"
    path.write_bytes(gzip.compress((part * (20_000_000 // len(part)) + "\n\n" + pgn()).encode()))
    tracemalloc.start()
    games = list(Source(path))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16_000_000
    assert isinstance(games[-1], Archived)
