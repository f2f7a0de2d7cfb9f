"""Choose the policy that evaluates the games of a file, without importing torch, which takes seconds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from chesspg.arena import default_player
from chesspg.games.game import Game
from chesspg.pgn.movetext import begins_with_moves
from chesspg.pgn.sgf import SgfGame, described, is_sgf, plays, read_sgf
from chesspg.pgn.split import GameText, headers_of, split
from chesspg.pgn.text import NotText, TextFile
from chesspg.pgn.variant import NAMES, game_name
from chesspg.players import roster
from chesspg.policy import files, names
from chesspg.policy.names import OWN
from chesspg.report.runs import is_run
from chesspg.storage.run_folder import RUNS

IMPORTED = re.compile(r"(?!(chesspg|__main__)(\.|\Z))[A-Za-z_][\w.]{0,79}", re.ASCII)  # a module name for --import


def policy_for(path: Path, named: str = "") -> tuple[str, str]:
    """Choose the policy that evaluates the games of a file.

    By default it is the policy that `play` takes among those that play the same game as the first game in the file.

    Args:
        path: The file.
        named: The string of the policy that the user named; empty if there is none.

    Returns:
        The policy's string and the reason for the choice, which is empty for a named policy.

    Raises:
        OSError: The file can't be read.
        ValueError: No policy plays the game, or the named player is not a policy without random moves.
    """
    if named:
        _, options = roster.policy_of(named)
        if "random" in options:
            raise ValueError(f"--policy must be a policy without random moves, got {named[:80]!r}")
        roster.game_of([named])
        return named, ""
    if is_sgf(TextFile(path)):
        one = next(read_sgf(TextFile(path)), None)
        found = default_player.default_player(lambda game: one is not None and plays(game, one), "the same game")
        if one is None or found is None:
            what = described(one) if one else "a game"
            raise ValueError(f"no policy that plays {what}, the game of {path}; {_remedy_sgf(one)}")
        return found
    first = _first_game(path)
    wanted = game_name(headers_of(first.tags) if first else {})
    default = default_player.default_player(lambda game: game.name == wanted, wanted)
    if default is None:
        raise ValueError(f"no policy that plays {wanted[:80]}, the game of {path}; {_remedy(wanted)}")
    return default


def check_is_pgn(path: Path) -> None:
    """Check that a file can be shown in a report.

    Args:
        path: The file.

    Raises:
        OSError: The file can't be read.
        ValueError: The file is not a text file or has no games in it.
    """
    try:
        if is_sgf(TextFile(path)):
            if next(read_sgf(TextFile(path)), None) is None:
                raise ValueError(f"{path} has no whole game in it; {_expected(path)}")
        elif _first_game(path) is None:
            raise ValueError(f"{path} has no games in it; {_expected(path)}")
    except NotText as error:
        raise ValueError(f"{path} is {error.kind}; {_expected(path)}") from None


def _first_game(path: Path) -> GameText | None:
    """The first game of a file; None if nothing in it looks like a game."""
    return next((text for text in split(TextFile(path)) if text.tags or begins_with_moves(text.moves)), None)


def _expected(path: Path) -> str:
    """What the command accepts instead of a file that it can't show."""
    folder = f", such as {path.parent}," if is_run(path.parent) else ""
    return f"expected a run folder{folder} or a file of games"


def _remedy_sgf(one: SgfGame | None) -> str:
    """What the user can do if no policy plays the game of a file in SGF."""
    number = one.root.get("GM", ["1"])[0].strip() if one else ""
    forms: dict[str, str] = {}
    for kind in _known_games():
        if getattr(kind, "sgf", None):
            forms.setdefault(str(kind.sgf.game), kind.__name__)  # a game comes before those that are made of it
    if number in forms:
        return "name one with --policy"
    accepted = " and ".join(f"{name} (GM[{number}])" for number, name in sorted(forms.items(), key=lambda one: one[1]))
    return f"of the games in SGF, {accepted} are known here"


def _remedy(wanted: str) -> str:
    """What the user can do if no policy plays a game."""
    if wanted in NAMES or any(getattr(kind, "name", "") == wanted for kind in _known_games()):
        return "name one with --policy"
    if modules := _modules_to_import():
        imports = " or ".join(f"--import {module}" for module in modules)
        return f"the games of some runs under ./{RUNS} must be imported; add {imports}"
    return "name one with --policy, and with --import the module of the game if it is your own"


def _known_games() -> list[Any]:
    """The classes of the games of chesspg, and of those that this process has imported."""
    for name in OWN:
        if name.startswith("chesspg.games."):
            names.find(name, Game)  # imports it
    return _kinds(Game)


def _kinds(base: Any) -> list[Any]:
    """A class and all its subclasses in this process."""
    return [base, *(kind for below in base.__subclasses__() for kind in _kinds(below))]


def _modules_to_import() -> list[str]:
    """Modules with the games of runs that this process does not know, that of the newest run first."""
    saved = [path for path in RUNS.glob(f"*/last{files.SUFFIX}") if path.is_file()]
    modules = []
    for path in sorted(saved, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            name = files.read_header(path).game["class_path"]
            names.find(name, Game)
        except names.Unknown:
            modules.append(name.rpartition(".")[0])
        except files.PolicyFileError:  # a damaged file has no usable game
            continue
    # The names are from files that anybody may have written: only valid names of modules are shown.
    return [module for module in dict.fromkeys(modules) if IMPORTED.fullmatch(module)]
