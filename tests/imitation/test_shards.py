"""Shards: what they hold, that games are parsed once, and what a full disk, a kill or a broken game leaves."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path
from typing import Any

import chess.pgn
import numpy as np
import pytest
from numpy.typing import NDArray

from chesspg.arena.generation import append, generate, varied_openings
from chesspg.games.chess import Chess, encoding
from chesspg.imitation import shards
from chesspg.imitation.recorded import Recorded
from chesspg.imitation.shards import Shards
from chesspg.imitation.tally import Tally
from chesspg.pgn.archive import Source, Wanted
from chesspg.players.player import Greedy, Random
from chesspg.storage import atomic
from chesspg.storage.lock import only_one

ILLEGAL = '[Event "?"]\n[Result "1-0"]\n\n1. e4 e5 2. Ke3 1-0'
CUT_OFF = '[Event "?"]\n[Result "1-0"]\n\n1. e4 e5 2. Nf'


@pytest.fixture(scope="session")
def games() -> list[str]:
    players = [("greedy", Greedy()), ("random", Random())]
    [texts] = generate(Chess(), players, varied_openings(Chess(), 16, 8, seed=1), seed=1)
    return texts


@pytest.fixture
def pgn(games: list[str], tmp_path: Path) -> Path:
    append(tmp_path / "games.pgn", games)
    return tmp_path / "games.pgn"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_PLIES", 500)


def everything(made: Shards) -> Recorded[NDArray[Any]]:
    return Recorded.concatenate([Recorded.load(path) for path in made.paths])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.npz")}


def test_shards_hold_every_ply_of_every_game(games: list[str], pgn: Path, tmp_path: Path) -> None:
    made = Shards([pgn], tmp_path / "shards")
    made.parse()
    recorded = everything(made)
    plies = recorded.plies
    assert len(made.paths) > 2
    assert (len(plies), sum(made.sizes)) == (made.tally.plies, made.tally.plies)
    assert made.tally.used == len(games)
    assert sum(path.stat().st_size for path in made.paths) / len(plies) < 210
    for number, text in enumerate(games):
        game = chess.pgn.read_game(io.StringIO(text))
        assert game is not None
        own, result = plies[plies.game == number], recorded.result[plies.game == number]
        board = game.board()
        outcome = {"1-0": 1, "0-1": -1, "1/2-1/2": 0}[game.headers["Result"]]
        for row, move in enumerate(game.mainline_moves()):
            assert own.player[row] == (0 if board.turn else 1)
            assert result[row] == (outcome if board.turn else -outcome)
            assert own.legal.take(own.choice)[row] == encoding.move_to_action(move, board.turn)
            assert sorted(encoding.move_to_action(legal, board.turn) for legal in board.legal_moves) == (
                own.legal[[row]].actions.tolist()
            )
            expected = encoding.encode_planes([board], [0])[0, :12]
            assert np.array_equal(own.planes[row, :12], expected)
            board.push(move)
        assert len(own) == board.ply() - game.board().ply()


def test_the_same_files_and_filters_are_parsed_once(pgn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Shards([pgn], tmp_path / "shards")
    first.parse()
    other = Shards([pgn], tmp_path / "shards", Wanted(results=("1-0",)))
    assert other.folder != first.folder

    def read(*arguments: Any) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(Source, "read", read)
    again = Shards([pgn], tmp_path / "shards")
    again.parse()
    assert (again.folder, again.sizes, again.tally) == (first.folder, first.sizes, first.tally)


def test_a_file_that_changed_is_parsed_again(pgn: Path, tmp_path: Path) -> None:
    first = Shards([pgn], tmp_path / "shards")
    append(pgn, ["more"])
    assert Shards([pgn], tmp_path / "shards").folder != first.folder


def test_a_full_disk_leaves_the_shards_before_and_the_same_command_goes_on(
    pgn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Shards([pgn], tmp_path / "whole")
    whole.parse()
    stopped = Shards([pgn], tmp_path / "shards")
    written = 0

    def full(path: Path, fill: Any) -> None:
        nonlocal written
        written += path.suffix == ".npz"
        if written == 3:
            (path.parent / ".00002.npz.1.tmp").write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")
        atomic.write_atomically(path, fill)

    monkeypatch.setattr("chesspg.selfplay.plies.write_atomically", full)
    with pytest.raises(
        OSError, match="No space left on device; the same command continues after the 2 shards that are written"
    ) as caught:
        stopped.parse()
    assert caught.value.filename == str(stopped.folder / "00002.npz")
    monkeypatch.undo()
    monkeypatch.setattr(shards, "SHARD_PLIES", 500)
    kept = contents(stopped.folder)
    assert len(kept) == 2
    after = Shards([pgn], tmp_path / "shards")
    assert len(after.sizes) == 2
    after.parse()
    assert contents(after.folder) == contents(whole.folder)
    assert kept.items() <= contents(after.folder).items()
    assert after.tally == whole.tally
    assert list(after.folder.glob(".*")) == [after.folder / ".lock"]


def test_two_at_once_do_not_parse_the_same(pgn: Path, tmp_path: Path) -> None:
    one, other = (Shards([pgn], tmp_path / "shards") for _ in range(2))
    one.folder.mkdir(parents=True)
    with only_one(one.folder / ".lock"), pytest.raises(ValueError, match="another process is parsing these files"):
        one.parse()
    assert not one.sizes
    other.parse()
    before = {path: path.stat().st_mtime_ns for path in other.paths}
    one.parse()  # it finds what the other has written since
    assert one.complete
    assert (one.sizes, one.tally) == (other.sizes, other.tally)
    assert {path: path.stat().st_mtime_ns for path in one.paths} == before


@pytest.mark.parametrize("stop", [1, 9])
def test_a_parse_that_was_stopped_anywhere_ends_with_the_same(
    games: list[str], tmp_path: Path, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [tmp_path / "a.pgn", tmp_path / "b.pgn"]
    append(parts[0], [*games[:8], ILLEGAL, *games[8:12], CUT_OFF])
    append(parts[1], [ILLEGAL, *games[12:]])
    whole = Shards(parts, tmp_path / "whole")
    whole.parse()

    def interrupt(done: int, tally: Tally) -> None:
        if tally.used >= stop:
            raise KeyboardInterrupt

    monkeypatch.setattr(shards, "EVERY", 1)
    stopped = Shards(parts, tmp_path / "shards")
    with pytest.raises(KeyboardInterrupt):
        stopped.parse(interrupt)
    after = Shards(parts, tmp_path / "shards")
    after.parse()
    assert contents(after.folder) == contents(whole.folder)
    assert after.tally == whole.tally
    assert whole.tally.skipped == {"illegal move": 2, "cut off": 1}
    illegal = "illegal move, Ke3 is illegal after 2 plies"
    assert sorted(line.partition(": ")[2] for line in whole.tally.lines[1:]) == [
        "cut off, no result after 2 plies",
        illegal,
        illegal,
    ]
    assert f"  b.pgn, line 1: {illegal}" in whole.tally.lines


def test_only_so_many_games_are_taken_and_only_so_many_named(games: list[str], tmp_path: Path) -> None:
    path = tmp_path / "games.pgn"
    append(path, [CUT_OFF] * 15 + games)
    made = Shards([path], tmp_path / "shards", games=5)
    made.parse()
    assert made.tally.used == 5
    assert len(np.unique(everything(made).plies.game)) == 5
    assert len(made.tally.lines) == 12
    assert "15 skipped (15 cut off)" in made.tally.lines[0]
    assert made.tally.lines[-1] == "  and 5 more"


def test_a_file_whose_name_is_no_text(pgn: Path, tmp_path: Path) -> None:
    odd = pgn.rename(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.pgn")))
    first = Shards([odd], tmp_path / "shards", Wanted())
    first.parse()
    again = Shards([odd], tmp_path / "shards", Wanted())
    assert again.complete
    assert again.folder == first.folder


def test_what_became_of_each_game_is_counted(games: list[str], tmp_path: Path) -> None:
    """A game without a result is not one that a filter left out, nor one that is broken."""
    path = tmp_path / "games.pgn"
    rated = '[Event "?"]\n[WhiteElo "2000"]\n[BlackElo "2000"]\n'
    append(
        path,
        [
            f"{rated}\n1. e4 e5 1-0",
            f'{rated}[Result "1-0"]\n\n1. e4 e5 0-1',
            f'{rated}[Result "*"]\n\n1. e4 e5 *',
            f'{rated}[Result "0-1"]\n\n1. e4 e5 0-1',
            f'{rated}[FEN ""]\n[Result "1-0"]\n\n1. e4 e5 1-0',
            games[0],
        ],
    )
    made = Shards([path], tmp_path / "shards", Wanted(min_rating=2000, results=("1-0", "1/2-1/2")))
    made.parse()
    assert made.tally.lines == [
        "2 games used, 4 plies; 2 left out by the filters; 1 without a result; 1 skipped (1 start position); "
        "1 used with contradictory results",
        "  games.pgn, line 28: start position, the FEN tag is ''; expected a FEN",
        "  games.pgn, line 7: used, though the Result tag is '1-0' and the moves end with 0-1",
    ]
    assert everything(made).result.tolist() == [1, 1, -1, -1]
    assert Shards([path], tmp_path / "shards", made.wanted).tally == made.tally


def test_files_without_a_game_to_learn_from(tmp_path: Path) -> None:
    path = tmp_path / "games.pgn"
    path.touch()
    with pytest.raises(ValueError, match="is empty"):
        Shards([path], tmp_path / "shards")
    append(path, [ILLEGAL])
    with pytest.raises(ValueError, match=r"no game to learn from .* \(1 illegal move\)"):
        Shards([path], tmp_path / "shards").parse()
    with pytest.raises(OSError, match="No such file"):
        Shards([tmp_path / "nowhere.pgn"], tmp_path / "shards")


def test_the_folder_of_the_shards_stands_for_files_that_are_gone(pgn: Path, tmp_path: Path) -> None:
    wanted = Wanted(results=("1-0",))
    made = Shards([pgn], tmp_path / "shards", wanted, games=3)
    made.parse()
    pgn.unlink()
    again = Shards([pgn], made.folder, wanted, games=3)
    assert (again.folder, again.complete, again.paths, again.tally) == (made.folder, True, made.paths, made.tally)
    with pytest.raises(ValueError, match=r"^games must be 3, as for the shards in .*, got 4$"):
        Shards([pgn], made.folder, wanted, games=4)
    with pytest.raises(ValueError, match=r"^wanted must be .*'results': \['1-0'\].*, got .*'0-1'"):
        Shards([pgn], made.folder, games=3)
    with pytest.raises(ValueError, match=r"^files must be .*games\.pgn, as for the shards in .*, got "):
        Shards([tmp_path / "other.pgn"], made.folder, wanted, games=3)
    (made.folder / "manifest.json").write_text("{}")
    with pytest.raises(ValueError, match="are damaged; remove that folder"):
        Shards([pgn], made.folder, wanted, games=3)


@pytest.mark.parametrize("damage", ["manifest", "shard", "missing"])
def test_damaged_shards_are_reported(pgn: Path, tmp_path: Path, damage: str) -> None:
    made = Shards([pgn], tmp_path / "shards")
    made.parse()
    manifest = made.folder / "manifest.json"
    if damage == "manifest":
        manifest.write_text(manifest.read_text()[:-50])
    elif damage == "shard":
        made.paths[1].write_bytes(made.paths[1].read_bytes()[:-100])
    else:
        made.paths[1].unlink()
    with pytest.raises(ValueError, match="are damaged; remove that folder"):
        Shards([pgn], tmp_path / "shards")


def test_the_manifest_says_what_the_shards_are_from(pgn: Path, tmp_path: Path) -> None:
    made = Shards([pgn], tmp_path / "shards", Wanted(min_rating=0, results=("1-0", "0-1")))
    made.parse()
    manifest = json.loads((made.folder / "manifest.json").read_text())
    assert manifest["sources"][0]["file"] == str(pgn)
    assert manifest["wanted"]["results"] == ["1-0", "0-1"]
    assert manifest["complete"] is True
    assert sum(manifest["sizes"]) == manifest["tally"]["plies"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: "[" * 100_000,
        lambda manifest: "[]",
        lambda manifest: manifest | {"sizes": ["many"]},
        lambda manifest: manifest | {"sizes": 3},
        lambda manifest: manifest | {"sizes": []},
        lambda manifest: manifest | {"read": [0]},
        lambda manifest: manifest | {"read": [0, -1]},
        lambda manifest: manifest | {"complete": "yes"},
        lambda manifest: manifest | {"tally": manifest["tally"] | {"used": "many"}},
        lambda manifest: manifest | {"tally": manifest["tally"] | {"skipped": {"cut off": None}}},
        lambda manifest: manifest | {"tally": manifest["tally"] | {"skipped": []}},
        lambda manifest: manifest | {"tally": manifest["tally"] | {"noted": -1}},
        lambda manifest: manifest | {"tally": manifest["tally"] | {"unfinished": None}},
        lambda manifest: manifest | {"tally": manifest["tally"] | {"named": [3]}},
    ],
)
def test_manifests_of_wrong_types(change: Any, pgn: Path, tmp_path: Path) -> None:
    made = Shards([pgn], tmp_path / "shards")
    made.parse()
    manifest = made.folder / "manifest.json"
    changed = change(json.loads(manifest.read_text()))
    manifest.write_text(changed if isinstance(changed, str) else json.dumps(changed))
    with pytest.raises(ValueError, match="are damaged; remove that folder"):
        Shards([pgn], tmp_path / "shards")


def test_the_board_counts_where_it_contradicts_the_result(tmp_path: Path) -> None:
    path = tmp_path / "games.pgn"
    append(path, ['[Event "?"]\n[Result "1-0"]\n\n1. f3 e5 2. g4 Qh4# 1-0'])
    made = Shards([path], tmp_path / "shards")
    made.parse()
    assert everything(made).result.tolist() == [-1, 1, -1, 1]
    assert made.tally.noted == 1
    assert "the result is 1-0 and the game ends on the board with 0-1" in made.tally.lines[1]
