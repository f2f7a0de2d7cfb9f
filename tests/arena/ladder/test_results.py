"""What a ladder keeps: who is who, what was played, and files that are never lost."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chesspg.arena.ladder.results import Book, Entry, entry, expand, policy_path, results_path
from chesspg.arena.matches import MatchResult, play_match
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
    book = Book(path, TicTacToe(), CONDITIONS)
    assert not path.exists()
    played = play_match(TicTacToe(), Greedy(), Random(), 8, opening_plies=1)
    book.add(A, B, 7, played)
    book.add(B, A, 8, result(1, 0.5, 0, 0, positions=("x", "y", "x", "z")))
    again = Book(path, TicTacToe(), CONDITIONS)
    assert again.chunks == book.chunks
    assert again.entries == {"a": A, "b": B}
    assert (again.games("a"), again.games("b"), again.games("c")) == (12, 12, 0)
    [meeting] = again.meetings()
    assert meeting[:2] == ("a", "b")
    assert sorted(meeting.pairs) == sorted([*played.pairs, 0.25, 1.0])
    assert meeting.distinct == (played.distinct_games + 3) / 12
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["ladder.json"]


def test_games_that_repeat_in_another_chunk_are_found(tmp_path: Path) -> None:
    book = Book(tmp_path / "ladder.json", TicTacToe(), CONDITIONS)
    for seed in range(4):
        book.add(A, B, seed, result(1, 1))
    [meeting] = book.meetings()
    assert meeting.distinct == 2 / 8


def test_two_at_a_time_lose_nothing(tmp_path: Path) -> None:
    books = [Book(tmp_path / "ladder.json", TicTacToe(), CONDITIONS) for _ in range(2)]
    books[0].add(A, B, 1, result(1, 0))
    books[1].add(C, B, 2, result(1, 0))
    books[0].add(A, C, 3, result(1, 0))
    assert [chunk.seed for chunk in Book(tmp_path / "ladder.json", TicTacToe(), CONDITIONS).chunks] == [1, 2, 3]


def test_two_at_once_lose_nothing(tmp_path: Path) -> None:
    def add(seeds: range) -> None:
        book = Book(tmp_path / "ladder.json", TicTacToe(), CONDITIONS)
        for seed in seeds:
            book.add(A, B, seed, result(1, 0))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(add, (range(20), range(20, 40))))
    book = Book(tmp_path / "ladder.json", TicTacToe(), CONDITIONS)
    assert sorted(chunk.seed for chunk in book.chunks) == list(range(40))


def seed_of(book: Book, seed: int, a: str, b: str) -> int:
    with book.claim(seed, a, b) as claimed:
        return claimed


def test_each_chunk_has_a_seed_of_its_own(tmp_path: Path) -> None:
    book = Book(tmp_path / "ladder.json", TicTacToe(), CONDITIONS)
    first = seed_of(book, 0, "a", "b")
    assert first == seed_of(book, 0, "b", "a")
    book.add(A, B, first, result(1, 0))
    others = {seed_of(book, 0, "a", "b"), seed_of(book, 0, "a", "c"), seed_of(book, 1, "a", "c")}
    assert len({first, *others}) == 4
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["ladder.json"]
    assert not list(tmp_path.glob(f".*{first:08x}*"))


def test_two_ladders_at_once_play_other_chunks(tmp_path: Path) -> None:
    """The second finds the first at work; what is left unplayed is there for whoever comes next."""
    mine, theirs = (Book(tmp_path / "ladder.json", TicTacToe(), CONDITIONS) for _ in range(2))
    with mine.claim(0, "a", "b") as first:
        with theirs.claim(0, "a", "b") as second:
            theirs.add(A, B, second, result(1, 0))
        with pytest.raises(KeyboardInterrupt), theirs.claim(0, "a", "b") as third:
            raise KeyboardInterrupt
    assert len({first, second, third}) == 3
    with mine.claim(0, "a", "b") as again:  # the file was not read since
        assert again == first
        mine.add(A, B, again, result(1, 0))
    with theirs.claim(0, "a", "b") as last:  # nor was it here
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
        lambda text: text.replace('"wins": 1, "draws": 2', '"wins": 2, "draws": 1'),  # other points than its pairs have
        lambda text: text.replace('"truncated": 0', '"truncated": 3'),
        lambda text: text.replace('"forfeits": [0', '"forfeits": [2'),
        lambda text: text.replace('"seconds": 1.0', '"seconds": NaN'),
        lambda text: text.replace('"seconds": 1.0', '"seconds": -1.0'),
        lambda text: text.replace('"player": "a"', '"player": 7'),
        lambda text: text.replace('"facts": {}', '"facts": []', 1),
        lambda text: "[" * 100_000,
        lambda text: text.replace('"key": "a"', '"key": "z"'),
        lambda text: text.replace('"digests": "', '"digests": "0'),
        lambda text: text.replace('"seed"', '"sead"'),
        lambda text: text.replace('"pairs": [0, ', '"pairs": ['),
        lambda text: b"\xff\xfe" + text.encode(),
    ],
)
def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "ladder.json"
    book = Book(path, TicTacToe(), CONDITIONS)
    book.add(A, B, 1, result(1, 0.5, 0, 0.5))
    damaged = damage(path.read_text())
    content = damaged if isinstance(damaged, bytes) else damaged.encode()
    assert content != path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged or does not hold results of a ladder; it is left as it is"):
        Book(path, TicTacToe(), CONDITIONS)
    with pytest.raises(ValueError, match="is damaged"):  # nor by who had opened it before
        book.add(A, B, 2, result(1, 0))
    assert path.read_bytes() == content


def test_another_game_or_other_conditions_are_told(tmp_path: Path) -> None:
    path = tmp_path / "ladder.json"
    Book(path, TicTacToe(), CONDITIONS).add(A, B, 1, result(1, 0))
    before = path.read_bytes()
    with pytest.raises(
        ValueError, match=r"results of game TicTacToe\(\), not of game Chess\(variant=standard\); it is left"
    ):
        Book(path, Chess(), CONDITIONS)
    with pytest.raises(
        ValueError, match=r"of games with --openings random:1, not of games with --openings random:2; it is left"
    ):
        Book(path, TicTacToe(), {"openings": "random:2"})
    for game in ({"class_path": "x.Y", "init_args": [1]}, {"class_path": 3}, "chess", [], None):
        path.write_text(json.dumps(json.loads(before) | {"game": game}))
        with pytest.raises(ValueError, match="has results of "):
            Book(path, TicTacToe(), CONDITIONS)
    path.write_text(json.dumps(json.loads(before) | {"format": 99}))
    with pytest.raises(ValueError, match="of format 99, not of format 1"):
        Book(path, TicTacToe(), CONDITIONS)


def test_a_policy_is_known_by_its_content(runs: Path, tmp_path: Path) -> None:
    path = runs / "chess" / "last.safetensors"
    copied = Path(shutil.copy(path, tmp_path / "copy.safetensors"))
    keys = [entry(text, Random()).key for text in (str(path), str(path.with_suffix(".ckpt")), f"file:{copied}")]
    assert len(set(keys)) == 1
    assert entry(f"{path}?temperature=0", Random()).key not in keys
    copied.write_bytes((runs / "tic_tac_toe" / "last.safetensors").read_bytes())
    assert entry(str(copied), Random()).key not in keys
    assert entry("greedy?random=0.5", Greedy()) == Entry("greedy?random=0.5", "greedy?random=0.5")
    assert policy_path("random") is policy_path("nowhere") is policy_path("uci:stockfish?nodes=1") is None


def test_an_engine_is_known_by_its_version() -> None:
    class Engine(Random):
        version = "Fish 15.1"

    class Mixed(Random):
        player = Engine()

    assert entry("uci:fish", Engine()).key == "uci:fish (Fish 15.1)"
    assert entry("uci:fish?random=0.5", Mixed()).key == "uci:fish?random=0.5 (Fish 15.1)"


def test_a_folder_of_a_player_s_name_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "random").mkdir()
    assert expand(["random", "greedy"]) == ["random", "greedy"]


def test_a_folder_stands_for_its_policy_files(runs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "pool").mkdir(parents=True)
    shutil.copy(runs / "chess" / "last.safetensors", run / "best.safetensors")
    shutil.copy(runs / "chess" / "last.safetensors", run / "last.safetensors")
    with pytest.raises(ValueError, match=r"needs at least 2 players, got only .*best.safetensors"):
        expand([str(run)])
    shutil.copy(runs / "tic_tac_toe" / "last.safetensors", run / "pool" / "000010.safetensors")
    files = [str(run / "best.safetensors"), str(run / "pool" / "000010.safetensors")]
    assert expand(["random", str(run)]) == ["random", *files]
    assert expand([f"{run}?temperature=0.5"]) == [f"{file}?temperature=0.5" for file in files]
    (run / "last.ckpt").write_text("beside its policy file")
    (run / "epoch=4.ckpt").write_text("as a Trainer of one's own leaves it")
    assert expand([str(run)]) == [files[0], str(run / "epoch=4.ckpt"), files[1]]
    assert len(expand([str(run), f"{run}?temperature=0.5"])) == 6
    with pytest.raises(ValueError, match=r"last.safetensors is the same player as .*best.safetensors; each"):
        expand(["random", str(run), str(run / "last.safetensors")])
    again = shutil.copy(run / "best.safetensors", tmp_path / "copy.safetensors")
    with pytest.raises(ValueError, match=r"copy.safetensors is the same player as .*best.safetensors; each player"):
        expand(["random", str(run / "best.safetensors"), str(again)])
    with pytest.raises(ValueError, match="random is named twice"):
        expand(["random", "greedy", "random"])
    with pytest.raises(ValueError, match="half holds no policy file"):
        expand(["random", str(runs / "half")])


def test_each_game_has_a_file_of_its_own(tmp_path: Path) -> None:
    """And goes on with the one file of an earlier version, if that is of the game."""
    assert results_path(tmp_path, TicTacToe()) == tmp_path / "ladder-tic-tac-toe.json"
    assert results_path(tmp_path, Chess()) == tmp_path / "ladder-chess.json"
    assert results_path(tmp_path, Chess("atomic")) == tmp_path / "ladder-chess-atomic.json"
    earlier = tmp_path / "ladder.json"
    Book(earlier, TicTacToe(), CONDITIONS).add(A, B, 1, result(1, 0))
    assert results_path(tmp_path, TicTacToe()) == earlier
    assert results_path(tmp_path, Chess()) == tmp_path / "ladder-chess.json"
    (tmp_path / "ladder-tic-tac-toe.json").touch()
    assert results_path(tmp_path, TicTacToe()) == tmp_path / "ladder-tic-tac-toe.json"
    (tmp_path / "ladder-tic-tac-toe.json").unlink()
    for text in ("", "[]", "{}", "[" * 100_000, "3"):
        earlier.write_text(text)
        assert results_path(tmp_path, TicTacToe()) == tmp_path / "ladder-tic-tac-toe.json"
