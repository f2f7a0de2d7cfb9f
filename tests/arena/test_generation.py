"""Generated games: independent of how they are divided, both seats for every player, and a file that stays whole."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import chess.pgn
import numpy as np
import pytest

from chesspg.arena import generation
from chesspg.arena.generation import append, generate, varied_openings, written
from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.player import Choice, Greedy, Random, Turn


class Quitter:
    """Gives every game up."""

    def choose(self, turn: Turn) -> Choice:
        games = len(turn.rows)
        return Choice(np.zeros(games, np.int64), forfeits=dict.fromkeys(range(games), "had enough"))


def read(texts: list[str]) -> list[chess.pgn.Game]:
    games = [chess.pgn.read_game(io.StringIO(text)) for text in texts]
    assert all(game is not None and not game.errors for game in games)
    return [game for game in games if game]


def test_games_do_not_depend_on_how_many_are_played_at_once_or_before() -> None:
    players = [("random", Random()), ("greedy", Greedy())]
    openings = varied_openings(Chess(), 10, 8, seed=3)
    options: dict[str, Any] = {"max_plies": 30, "seed": 3}
    whole = [text for chunk in generate(Chess(), players, openings, **options) for text in chunk]
    parts = [len(chunk) for chunk in generate(Chess(), players, openings, at_once=4, **options)]
    assert parts == [4, 4, 2]
    rest = [text for chunk in generate(Chess(), players, openings, first=7, at_once=2, **options) for text in chunk]
    assert rest == whole[7:]
    assert len(set(whole)) == 10


def test_everybody_meets_everybody_on_both_seats() -> None:
    players = [(name, Random()) for name in "ABC"]
    [texts] = generate(TicTacToe(), players, varied_openings(TicTacToe(), 18, 1, seed=0))
    seats = [
        tuple(line.split('"')[1] for line in text.splitlines() if line[:6] in ("[First", "[Secon")) for text in texts
    ]
    assert sorted(seats) == sorted([(a, b) for a in "ABC" for b in "ABC"] * 2)


def test_chess_begins_behind_the_random_plies() -> None:
    [texts] = generate(Chess(), [("greedy", Greedy())], varied_openings(Chess(), 40, 3, seed=0), max_plies=2)
    games = read(texts)
    plies = [game.board().ply() for game in games]
    assert set(plies) == {0, 1, 2, 3}
    assert all(len(list(game.mainline_moves())) == 2 for game in games)
    assert {game.headers["Result"] for game in games} == {"*"}
    assert {game.headers["Termination"] for game in games} == {"truncated"}
    assert [game.headers["Round"] for game in games] == [str(number + 1) for number in range(40)]


def test_a_game_given_up_is_lost() -> None:
    [texts] = generate(Chess(), [("random", Random()), ("quitter", Quitter())], ["startpos"] * 4, max_plies=9)
    results = [(game.headers["Black"], game.headers["Result"], game.headers["Termination"]) for game in read(texts)]
    assert results == [
        ("random", "*", "truncated"),
        ("quitter", "1-0", "had enough"),
        ("random", "0-1", "had enough"),
        ("quitter", "0-1", "had enough"),
    ]


def test_what_is_written_is_counted_and_a_game_cut_off_is_not(tmp_path: Path) -> None:
    path = tmp_path / "games.pgn"
    assert written(path, ["random"], Chess(), ["startpos"] * 3) == (0, 0)
    [texts] = generate(Chess(), [("random", Random())], ["startpos"] * 3, max_plies=40)
    append(path, texts[:2])
    whole = path.read_bytes()
    assert written(path, ["random"], Chess(), ["startpos"] * 3) == (2, len(whole))
    append(path, texts[2:])
    for end in range(len(whole), path.stat().st_size - 1, 7):
        (tmp_path / "cut.pgn").write_bytes(path.read_bytes()[:end])
        assert written(tmp_path / "cut.pgn", ["random"], Chess(), ["startpos"] * 3) == (2, len(whole))


def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "games.pgn"
    path.write_text('[Event "World Championship"]\n\n1. e4 *\n\n')
    with pytest.raises(ValueError, match="not written by this command"):
        written(path, ["random"], Chess(), [])


@pytest.mark.parametrize("others", [["greedy"], ["random", "greedy"]])
def test_games_of_other_players_are_not_gone_on_with(others: list[str], tmp_path: Path) -> None:
    path = tmp_path / "games.pgn"
    [texts] = generate(Chess(), [("random", Random())], ["startpos"] * 2, max_plies=4)
    append(path, texts)
    with pytest.raises(
        ValueError, match=r"game \d of .*random.*; expected 'greedy'.* continue with --player random, or"
    ):
        written(path, others, Chess(), ["startpos"] * 2)


@pytest.mark.parametrize("game", [Chess(), TicTacToe()])
@pytest.mark.parametrize("name", ['my "best"', "C:\\runs", "caf\udce9"])
def test_a_file_of_players_with_odd_names_is_gone_on_with(name: str, game: Game, tmp_path: Path) -> None:
    openings = varied_openings(game, 2, 1, seed=1)
    [texts] = generate(game, [(name, Random())], openings, seed=1)
    append(tmp_path / "odd.pgn", texts)
    assert written(tmp_path / "odd.pgn", [name], game, openings)[0] == 2


@pytest.mark.parametrize("game", [Chess(), Chess("chess960"), TicTacToe()])
def test_games_of_another_seed_are_not_gone_on_with(game: Game, tmp_path: Path) -> None:
    path, openings = tmp_path / "games.pgn", varied_openings(game, 30, 2, seed=1)
    [texts] = generate(game, [("random", Random())], openings[:20], seed=1, max_plies=4)
    append(path, texts)
    assert written(path, ["random"], game, openings)[0] == 20
    assert written(path, ["random"], game, varied_openings(game, 7, 2, seed=1))[0] == 20  # fewer than the file has
    for seed in range(2, 12):
        with pytest.raises(ValueError, match=r"game \d+ of .* does not begin with the opening .* this seed"):
            written(path, ["random"], game, varied_openings(game, 20, 2, seed))


def test_a_game_whose_tags_and_moves_are_not_apart_is_refused_for_its_opening(tmp_path: Path) -> None:
    path, openings = tmp_path / "games.pgn", varied_openings(TicTacToe(), 1, 2, seed=1)
    [[text]] = generate(TicTacToe(), [("random", Random())], openings, seed=1)
    append(path, [text.replace("\n\n", "\n")])
    with pytest.raises(ValueError, match=r"game 1 of .* does not begin with the opening"):
        written(path, ["random"], TicTacToe(), ["3/3/3 x moves b2"])


def test_a_full_disk_leaves_the_games_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "games.pgn"
    append(path, ["one"])

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(generation.os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        append(path, ["two"])
    assert caught.value.filename == str(path)
    assert path.read_text() == "one\n\n"
