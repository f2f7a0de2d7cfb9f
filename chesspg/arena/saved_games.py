"""Save games one by one, several to one file, without ever overwriting another file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from chesspg.pgn.writing import save_pgn


class _File(NamedTuple):
    games: dict[int, str]  # game number -> PGN
    content: bytes


class SavedGames:
    """The files written so far, each with its games."""

    def __init__(self) -> None:
        self._files: dict[Path, _File] = {}

    def save(self, name: str, number: int, pgn: str) -> int:
        """Write a game to a file, together with the games that were saved there before.

        Args:
            name: The file.
            number: The number of the game; it replaces a game that was saved under the same number.
            pgn: The game as PGN.

        Returns:
            The number of games that the file has now.

        Raises:
            ValueError: The name is empty, the file can't be written, or it exists and was not written here.
        """
        if not name:
            raise ValueError("save needs the name of a file, as in save game.pgn")
        path = Path(os.path.expanduser(name)).absolute()
        earlier = self._files.get(path)
        games = {**(earlier.games if earlier else {}), number: pgn}
        try:
            ours = earlier is not None and path.exists() and path.read_bytes() == earlier.content
            save_pgn(path, games.values(), replace=ours)
            self._files[path] = _File(games, path.read_bytes())
        except FileExistsError:
            changed = " (it has changed since it was saved here)" if earlier else ""
            raise ValueError(f"{name} exists and is not overwritten{changed}; choose another name") from None
        except OSError as error:
            raise ValueError(f"{name} can't be written: {error.strerror}") from None
        return len(games)
