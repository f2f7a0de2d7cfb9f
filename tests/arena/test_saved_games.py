"""Saved games: several to one file, and no file of anybody else's is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from chesspg.arena.saved_games import SavedGames


def test_games_of_one_session_share_a_file(tmp_path: Path) -> None:
    path, saved = tmp_path / "games.pgn", SavedGames()
    assert saved.save(str(path), 0, "first") == 1
    assert saved.save(str(path), 1, "second") == 2
    assert saved.save(str(path), 0, "first, played on") == 2
    assert path.read_text() == "first, played on\n\nsecond\n\n"


def test_nothing_else_is_overwritten(tmp_path: Path) -> None:
    path, saved = tmp_path / "games.pgn", SavedGames()
    path.write_text("precious")
    with pytest.raises(ValueError, match=r"games.pgn exists and is not overwritten; choose another name"):
        saved.save(str(path), 0, "game")
    assert path.read_text() == "precious"
    other = tmp_path / "other.pgn"
    saved.save(str(other), 0, "game")
    other.write_text("edited")
    with pytest.raises(ValueError, match=r"is not overwritten \(it has changed since it was saved here\)"):
        saved.save(str(other), 1, "game")


def test_names_that_can_t_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="save needs the name of a file, as in save game"):
        SavedGames().save("", 0, "game")
    with pytest.raises(ValueError, match="can't be written: "):
        SavedGames().save(str(tmp_path / "none" / "game.pgn"), 0, "game")
