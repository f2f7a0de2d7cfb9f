"""Games that a person saves one by one: several may go to one file, and nothing else is ever overwritten."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from chesspg.pgn.writing import save_pgn


class _File(NamedTuple):
    games: dict[int, str]  # PGN by number of the game
    content: bytes


class SavedGames:
    """The files that were written, each with its games."""

    def __init__(self) -> None:
        self._files: dict[Path, _File] = {}

    def save(self, name: str, number: int, pgn: str) -> int:
        """Write a game to a file, with the other games that were saved there before.

        Args:
            name: The file.
            number: The game's own number; a game saved before under the same number is replaced.
            pgn: The game.

        Returns:
            How many games the file has now.

        Raises:
            ValueError: No name is given, or the file can't be written, or exists and was not written here.
        """
        if not name:
            raise ValueError("the name of a file is missing; expected one, as in save game.pgn")
        path = Path(os.path.expanduser(name)).absolute()
        earlier = self._files.get(path)
        games = {**(earlier.games if earlier else {}), number: pgn}
        try:
            ours = earlier is not None and path.exists() and path.read_bytes() == earlier.content
            save_pgn(path, games.values(), replace=ours)
            self._files[path] = _File(games, path.read_bytes())
        except FileExistsError:
            changed = " (it was changed since it was saved here)" if earlier else ""
            raise ValueError(f"{name} exists and is not overwritten{changed}; choose another name") from None
        except OSError as error:
            raise ValueError(f"{name} can't be written: {error.strerror}") from None
        return len(games)
