"""Which policy looks at the games of a PGN file. Imports no torch, so that mistakes are reported at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from chesspg.arena import default_player
from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.pgn.movetext import begins_with_moves
from chesspg.pgn.split import GameText, headers_of, split
from chesspg.pgn.text import NotText, TextFile
from chesspg.pgn.variant import NAMES, game_name
from chesspg.players import roster
from chesspg.policy import files, names
from chesspg.report.runs import is_run
from chesspg.storage import runs

IMPORTED = re.compile(r"(?!(chesspg|__main__)(\.|\Z))[A-Za-z_][\w.]{0,79}", re.ASCII)  # a module, as for --import


def policy_for(path: Path, named: str = "") -> tuple[str, str]:
    """The policy that looks at the games of a file, and why that one; the reason is empty for one that was named.

    By default it is the one that `play` takes, of those that play the game of the file's first game.
    Raises ValueError if there is none, or if what was named is not a policy; OSError if the file can't be read.
    """
    if named:
        _, options = roster.policy_of(named)
        if "random" in options:
            raise ValueError(f"--policy must be a policy without random moves, got {named[:80]!r}")
        roster.game_of([named])
        return named, ""
    first = _first_game(path)
    wanted = game_name(headers_of(first.tags) if first else {})
    default = default_player.default_player(lambda game: game.name == wanted, wanted)
    if default is None:
        raise ValueError(f"no policy that plays {wanted[:80]}, the game of {path}; {_remedy(wanted)}")
    return default


def check_is_pgn(path: Path) -> None:
    """Raise ValueError, saying what a report can show, for a file that is not a text file or has no games in it."""
    try:
        if _first_game(path) is None:
            raise ValueError(f"{path} has no games in it; {_expected(path)}")
    except NotText as error:
        raise ValueError(f"{path} is {error.kind}; {_expected(path)}") from None


def _first_game(path: Path) -> GameText | None:
    """The first game of a file, None if there is nothing that looks like one."""
    return next((text for text in split(TextFile(path)) if text.tags or begins_with_moves(text.moves)), None)


def _expected(path: Path) -> str:
    """What a report can show, in place of a file that it can't."""
    folder = f", here {path.parent}," if is_run(path.parent) else ""
    return f"report takes a run folder{folder} or a PGN file"


def _remedy(wanted: str) -> str:
    """What a person can do who has no policy that plays a game."""
    if wanted in (TicTacToe.name, *NAMES) or any(getattr(kind, "name", "") == wanted for kind in _kinds(Game)):
        return "name one with --policy"
    if modules := _modules_to_import():
        imports = " or ".join(f"--import {module}" for module in modules)
        return f"runs under ./{runs.RUNS} are of games that this command does not know; add {imports}"
    return "name one with --policy, and with --import the module that defines the game"


def _kinds(base: Any) -> list[Any]:
    """All classes of games that this process has."""
    return [base, *(kind for below in base.__subclasses__() for kind in _kinds(below))]


def _modules_to_import() -> list[str]:
    """The modules of the games that runs are of and this process does not know, that of the newest run first."""
    saved = [path for path in runs.RUNS.glob(f"*/last{files.SUFFIX}") if path.is_file()]
    modules = []
    for path in sorted(saved, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            name = files.read_header(path).game["class_path"]
            names.find(name, Game)
        except names.Unknown:
            modules.append(name.rpartition(".")[0])
        except files.PolicyFileError:  # a damaged file says nothing
            continue
    # They come out of files: only what can be the name of a module to import is shown.
    return [module for module in dict.fromkeys(modules) if IMPORTED.fullmatch(module)]
