"""The results of a ladder: players, games, and files that are never lost."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chesspg.arena.ladder.entries import Entry
from chesspg.arena.ladder.results import Results, results_path
from chesspg.arena.match_result import MatchResult
from chesspg.arena.matches import play_match
from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.player import Greedy, Random

A, B, C = Entry("a", "a"), Entry("b", "b"), Entry("c", "c")
CONDITIONS = {"openings": "random:1"}


def result(*results: float, positions: tuple[str, ...] | None = None) -> MatchResult:
    texts = tuple(f"start moves {k}" for k in range(len(results))) if positions is None else positions
    return MatchResult(results, texts, ("three in a row",) * len(results), 1.0)


def test_what_was_played_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "ladder.json"
    results = Results(path, TicTacToe(), CONDITIONS)
    assert not path.exists()
    played = play_match(TicTacToe(), Greedy(), Random(), 8, opening_plies=1)
    results.add(A, B, 7, played)
    results.add(B, A, 8, result(1, 0.5, 0, 0, positions=("x", "y", "x", "z")))
    again = Results(path, TicTacToe(), CONDITIONS)
    assert again.chunks == results.chunks
    assert again.entries == {"a": A, "b": B}
    assert (again.games("a"), again.games("b"), again.games("c")) == (12, 12, 0)
    [meeting] = again.meetings()
    assert meeting[:2] == ("a", "b")
    assert sorted(meeting.pairs) == sorted([*played.pairs, 0.25, 1.0])
    assert meeting.distinct == (played.distinct_games + 3) / 12
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["ladder.json"]


def test_games_that_repeat_in_another_chunk_are_found(tmp_path: Path) -> None:
    results = Results(tmp_path / "ladder.json", TicTacToe(), CONDITIONS)
    for seed in range(4):
        results.add(A, B, seed, result(1, 1))
    [meeting] = results.meetings()
    assert meeting.distinct == 2 / 8


def test_two_at_a_time_lose_nothing(tmp_path: Path) -> None:
    both = [Results(tmp_path / "ladder.json", TicTacToe(), CONDITIONS) for _ in range(2)]
    both[0].add(A, B, 1, result(1, 0))
    both[1].add(C, B, 2, result(1, 0))
    both[0].add(A, C, 3, result(1, 0))
    assert [chunk.seed for chunk in Results(tmp_path / "ladder.json", TicTacToe(), CONDITIONS).chunks] == [1, 2, 3]


def test_two_at_once_lose_nothing(tmp_path: Path) -> None:
    def add(seeds: range) -> None:
        results = Results(tmp_path / "ladder.json", TicTacToe(), CONDITIONS)
        for seed in seeds:
            results.add(A, B, seed, result(1, 0))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(add, (range(20), range(20, 40))))
    results = Results(tmp_path / "ladder.json", TicTacToe(), CONDITIONS)
    assert sorted(chunk.seed for chunk in results.chunks) == list(range(40))


def seed_of(results: Results, seed: int, a: str, b: str) -> int:
    with results.claim(seed, a, b) as claimed:
        return claimed


def test_each_chunk_has_a_seed_of_its_own(tmp_path: Path) -> None:
    results = Results(tmp_path / "ladder.json", TicTacToe(), CONDITIONS)
    first = seed_of(results, 0, "a", "b")
    assert first == seed_of(results, 0, "b", "a")
    results.add(A, B, first, result(1, 0))
    others = {seed_of(results, 0, "a", "b"), seed_of(results, 0, "a", "c"), seed_of(results, 1, "a", "c")}
    assert len({first, *others}) == 4
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["ladder.json"]
    assert not list(tmp_path.glob(f".*{first:08x}*"))


def test_two_ladders_at_once_play_other_chunks(tmp_path: Path) -> None:
    """The second process sees the claim of the first; a claim without games is free again."""
    mine, theirs = (Results(tmp_path / "ladder.json", TicTacToe(), CONDITIONS) for _ in range(2))
    with mine.claim(0, "a", "b") as first:
        with theirs.claim(0, "a", "b") as second:
            theirs.add(A, B, second, result(1, 0))
        with pytest.raises(KeyboardInterrupt), theirs.claim(0, "a", "b") as third:
            raise KeyboardInterrupt
    assert len({first, second, third}) == 3
    with mine.claim(0, "a", "b") as again:  # the file has not been read since then
        assert again == first
        mine.add(A, B, again, result(1, 0))
    with theirs.claim(0, "a", "b") as last:  # nor has it here
        assert last == third


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-20],
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text.replace('"wins": 1', '"wins": 2'),
        lambda text: text.replace('"wins": 1', '"wins": "1"'),
        lambda text: text.replace('"wins": 1, "draws": 2', '"wins": 2, "draws": 1'),  # points that contradict its pairs
        lambda text: text.replace('"truncated": 0', '"truncated": 3'),
        lambda text: text.replace('"forfeits": [0', '"forfeits": [2'),
        lambda text: text.replace('"seconds": 1.0', '"seconds": NaN'),
        lambda text: text.replace('"seconds": 1.0', '"seconds": -1.0'),
        lambda text: text.replace('"player": "a"', '"player": 7'),
        lambda text: text.replace('"facts": {}', '"facts": []', 1),
        lambda text: "[" * 100_000,
        lambda text: text.replace('"key": "a"', '"key": "z"'),
        lambda text: text.replace('"digests": "', '"digests": "0'),
        lambda text: re.sub(r'"digests": "(\w+)"', lambda found: f'"digests": {json.dumps(list(found[1]))}', text),
        lambda text: text.replace('"seed"', '"sead"'),
        lambda text: text.replace('"pairs": [0, ', '"pairs": ['),
        lambda text: b"\xff\xfe" + text.encode(),
    ],
)
def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "ladder.json"
    results = Results(path, TicTacToe(), CONDITIONS)
    results.add(A, B, 1, result(1, 0.5, 0, 0.5))
    damaged = damage(path.read_text())
    content = damaged if isinstance(damaged, bytes) else damaged.encode()
    assert content != path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged or does not hold results of a ladder; it is left as it is"):
        Results(path, TicTacToe(), CONDITIONS)
    with pytest.raises(ValueError, match="is damaged"):  # even if it was opened before the damage
        results.add(A, B, 2, result(1, 0))
    assert path.read_bytes() == content


def test_another_game_or_other_conditions_are_told(tmp_path: Path) -> None:
    path = tmp_path / "ladder.json"
    Results(path, TicTacToe(), CONDITIONS).add(A, B, 1, result(1, 0))
    before = path.read_bytes()
    with pytest.raises(
        ValueError, match=r"results of game TicTacToe\(\), not of game Chess\(variant=standard\); it is left"
    ):
        Results(path, Chess(), CONDITIONS)
    with pytest.raises(
        ValueError, match=r"of games with --openings random:1, not of games with --openings random:2; it is left"
    ):
        Results(path, TicTacToe(), {"openings": "random:2"})
    for game in ({"class_path": "x.Y", "init_args": [1]}, {"class_path": 3}, "chess", [], None):
        path.write_text(json.dumps(json.loads(before) | {"game": game}))
        with pytest.raises(ValueError, match="has results of "):
            Results(path, TicTacToe(), CONDITIONS)
    path.write_text(json.dumps(json.loads(before) | {"format": 99}))
    with pytest.raises(ValueError, match="of format 99, not of format 1"):
        Results(path, TicTacToe(), CONDITIONS)


def test_each_game_has_a_file_of_its_own(tmp_path: Path) -> None:
    """The single file of an earlier version is used if it is of the same game."""
    assert results_path(tmp_path, TicTacToe()) == tmp_path / "ladder-tic-tac-toe.json"
    assert results_path(tmp_path, Chess()) == tmp_path / "ladder-chess.json"
    assert results_path(tmp_path, Chess("atomic")) == tmp_path / "ladder-chess-atomic.json"
    earlier = tmp_path / "ladder.json"
    Results(earlier, TicTacToe(), CONDITIONS).add(A, B, 1, result(1, 0))
    assert results_path(tmp_path, TicTacToe()) == earlier
    assert results_path(tmp_path, Chess()) == tmp_path / "ladder-chess.json"
    (tmp_path / "ladder-tic-tac-toe.json").touch()
    assert results_path(tmp_path, TicTacToe()) == tmp_path / "ladder-tic-tac-toe.json"
    (tmp_path / "ladder-tic-tac-toe.json").unlink()
    for text in ("", "[]", "{}", "[" * 100_000, "3"):
        earlier.write_text(text)
        assert results_path(tmp_path, TicTacToe()) == tmp_path / "ladder-tic-tac-toe.json"
