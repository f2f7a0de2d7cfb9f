"""Players by one string each, such as `random` or `checkpoints/run?temperature=0.3`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.players.player import Greedy, Player, Random
from chesspg.policy import files


@dataclass(frozen=True)
class Kind:
    """One kind of player: how it is written and how it is made."""

    form: str  # as people write it, for messages
    build: Callable[..., Player]  # (target, game, **options), target being what stands behind `name:`
    options: Mapping[str, Callable[[str], Any]] = field(default_factory=dict)  # name -> reader, ValueError if bad
    game: Callable[[str], Game | None] = lambda target: None  # the one game it plays; None if it plays them all
    takes_target: bool = False  # written `name:target`; only `file` may leave its name out


def _temperature(text: str) -> float:
    value = float(text)
    if not (0 <= value < math.inf):
        raise ValueError(text)
    return value


def _policy(target: str, game: Game | None, temperature: float | None = None) -> Player:
    policy = files.load(target, game)  # first: a bad file is told before seconds of importing torch
    from chesspg.players.policy_player import PolicyPlayer

    return PolicyPlayer(policy, temperature)


def _policy_game(target: str) -> Game:
    return files.header_game(files.read_header(target), target)


# A kind is one entry here and nothing elsewhere.
KINDS: dict[str, Kind] = {
    "random": Kind("random", lambda target, game: Random()),
    "greedy": Kind("greedy", lambda target, game: Greedy()),
    "file": Kind(
        "a policy file, .ckpt or run folder", _policy, {"temperature": _temperature}, _policy_game, takes_target=True
    ),
}
RUNS = Path("checkpoints")  # under which training makes a folder a run
KNOWN = ", ".join(kind.form for kind in KINDS.values())


def player_from_string(text: str, game: Game | None = None) -> Player:
    """The player that `text` names: `KIND`, `KIND:TARGET` or a path, then `?option=value&option=value`.

    game: what it is to play; None lets a policy file say so itself.
    Raises ValueError, naming what came and what would do, for an unknown kind, option or value, and for a policy
    file that is missing, damaged or of another game.
    """
    kind, target, options = _parse(text)
    return kind.build(target, game, **options)


def game_of(texts: Iterable[str]) -> Game:
    """The game that all these players play: that of their policy files, or chess if they play anything.

    Reads headers only and imports no torch. Raises ValueError as `player_from_string`, and if two disagree.
    """
    first: tuple[str, Game] | None = None
    for text in texts:
        kind, target, _ = _parse(text)
        game = kind.game(target)
        if game is None:
            continue
        if first and files.describe(first[1]) != files.describe(game):
            raise ValueError(f"{first[0]} plays {first[1].name} and {text} plays {game.name}; both must play one game")
        first = first or (text, game)
    return first[1] if first else Chess()


def newest_run(folder: str | Path = RUNS) -> Path | None:
    """The run folder under `folder` whose last policy was saved last; None if there is none."""
    saved = [path for path in Path(folder).glob(f"*/last{files.SUFFIX}") if path.is_file()]
    return max(saved, key=lambda path: path.stat().st_mtime).parent if saved else None


def _parse(text: str) -> tuple[Kind, str, dict[str, Any]]:
    """The kind, target and options of a player's string."""
    head, _, tail = text.partition("?")
    name, colon, target = head.partition(":")
    kind = KINDS.get(name)
    if kind is None or kind.takes_target != bool(colon):
        kind, target = KINDS["file"], head
    if kind is KINDS["file"] and not (target and Path(target).exists()):
        raise ValueError(f"{text!r} is no player: there is no file {target!r}; known are {KNOWN}")
    options: dict[str, Any] = {}
    for part in tail.split("&") if tail else []:
        option, _, value = part.partition("=")
        if option not in kind.options:
            takes = f"known are {', '.join(kind.options)}" if kind.options else f"{name} takes none"
            raise ValueError(f"{text!r} has an unknown option {option!r}; {takes}")
        try:
            options[option] = kind.options[option](value)
        except ValueError:
            raise ValueError(f"{text!r} has a bad {option} {value!r}; a number of 0 or more would do") from None
    return kind, target, options
