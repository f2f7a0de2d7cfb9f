"""Game strings, such as `Othello`, `Hex?size=6` or `my_module.MyGame`, which name the game that is played."""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.policy.names import OWN, find
from chesspg.terminal.command import search_here

KINDS = {kind: kind for kind in (bool, int)} | {"bool": bool, "int": int}  # by annotations, which may be texts


def add_game_option(parser: argparse.ArgumentParser) -> None:
    """Add --game to the options of a command that plays games."""
    parser.add_argument(
        "--game",
        metavar="GAME",
        help="the game to play if no player is a policy: a game of chesspg, such as TicTacToe, or your own, such as "
        "my_module.MyGame, with options as in 'Chess?variant=atomic' (default: that of the policies, else chess)",
    )


def game_from_string(text: str) -> Game:
    """Build a game from its string: the name of its class, then `?option=value&option=value`.

    The name is that of a game of chesspg, in which case, `_` and `-` do not matter, or an import path. The options are
    the arguments of the class; a value is a whole number, true, false or a text.

    Args:
        text: The game string, from the user: its module is imported.

    Returns:
        The game.

    Raises:
        ValueError: There is no such game, it does not take these options, or it can't be built.
    """
    name, _, tail = text.partition("?")
    options = {option: _value(value) for option, value in parse_qsl(tail.replace("+", "%2B"), keep_blank_values=True)}
    own = {path.rpartition(".")[2]: path for path in OWN if path.startswith("chesspg.games.")}
    plain = {_folded(bare): path for bare, path in own.items()}
    kind = find(plain[_folded(name)], Game) if _folded(name) in plain else _imported(name, text, own)
    accepted = inspect.signature(kind).parameters
    for option, value in options.items():
        if option not in accepted:
            expected = f"expected one of {', '.join(accepted)}" if accepted else f"{name} has no options"
            raise ValueError(f"--game: unknown option {option!r} in {text[:80]!r}; {expected}")
        wanted = accepted[option].annotation
        if KINDS.get(wanted, type(value)) is not type(value):
            what = "true or false" if KINDS[wanted] is bool else "a whole number"
            raise ValueError(f"--game: {option} in {text[:80]!r} must be {what}")
    return _built(kind, f"--game {text[:80]}", options)


def game_of_modules(modules: Sequence[str]) -> Game:
    """The only game that these imported modules define or have imported; chess if there is none.

    Args:
        modules: The names of the modules.

    Raises:
        ValueError: The modules define several games, or one that can't be built without arguments.
    """
    kinds: list[type[Game]] = []
    for module in modules:
        games = _games(vars(sys.modules[module]).values())
        own = [one for one in games if one.__module__ == module]
        kinds += own or [one for one in games if not one.__module__.startswith("chesspg.")]
    kinds = list(dict.fromkeys(kinds))
    if not kinds:
        return Chess()
    where = f"--import {' --import '.join(modules)}"
    if len(kinds) > 1:
        names = ", ".join(one.__name__ for one in kinds)
        raise ValueError(f"{where} defines several games, {names}; name one of them with --game")
    return _built(kinds[0], where, {})


def _games(things: Iterable[Any]) -> list[type[Game]]:
    classes = [thing for thing in things if inspect.isclass(thing)]
    return [one for one in classes if issubclass(one, Game) and not inspect.isabstract(one)]


def _imported(name: str, text: str, own: Iterable[str]) -> type[Game]:
    """The class with this import path."""
    module, _, bare = name.rpartition(".")
    accepted = f"expected one of {', '.join(own)}, or your own such as my_module.MyGame"
    if not module:
        raise ValueError(f"--game: unknown game {text[:80]!r}; {accepted}")
    search_here()
    try:
        found = getattr(importlib.import_module(module), bare, None)
    except ModuleNotFoundError as error:
        raise ValueError(f"--game {text[:80]}: {error}; {accepted}") from None
    except Exception as error:  # a user's module may raise anything
        raise ValueError(f"--game {text[:80]}: the module raised {type(error).__name__}: {error}") from error
    if not _games([found]):
        raise ValueError(f"--game: unknown game {text[:80]!r}; {accepted}")
    return found  # type: ignore[return-value]  # `_games` has checked it


def _built(kind: type[Game], where: str, options: dict[str, Any]) -> Game:
    """Build a game. Raises ValueError that begins with `where`, the option of the command line that names the game."""
    try:
        inspect.signature(kind).bind(**options)
    except TypeError as error:
        raise ValueError(
            f"{where}: {kind.__name__} can't be built without arguments ({error}); give them as in --game "
            f"'{kind.__module__}.{kind.__qualname__}?name=value', or name a policy, which has them"
        ) from None
    try:
        return kind(**options)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    except Exception as error:  # a user's class may raise anything
        raise ValueError(f"{where}: {kind.__name__}() raised {type(error).__name__}: {error}") from error


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _value(text: str) -> int | bool | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return int(text) if text.removeprefix("-").isdecimal() else text
