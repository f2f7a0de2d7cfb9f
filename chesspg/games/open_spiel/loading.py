"""Loading a game of OpenSpiel by its name, and the reasons for which one can't be played.

A name may come from a stranger's file, and with some parameters OpenSpiel crashes or never returns. So everything about
a name is checked before OpenSpiel sees it, then the sizes of the game, and then a random game is played.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import MOST_ACTIONS, Game

INSTALL = 'OpenSpiel is not installed; install it with `pip install "chesspg[open_spiel]"`'
MOST_NUMBERS = 2**16  # the largest observation
MOST = 1000  # the largest whole number that a parameter may have
TRIAL = 100  # plies of the random game
_NAME = re.compile(r"(\w{1,80})(?:\((.{0,200})\))?", re.ASCII)
_PILES = re.compile(r"\d{1,3}(;\d{1,3}){0,20}", re.ASCII)
_PLACE = re.compile(r"^\S+\.(?:cc|h):\d+ ")  # the place in OpenSpiel's source at the beginning of its messages


def pyspiel() -> Any:
    """The module pyspiel. Raises ValueError, which says how to install it, if there is none."""
    try:
        import pyspiel as module  # type: ignore[import-not-found]
    except ImportError:
        raise ValueError(INSTALL) from None
    return module


def load(text: str) -> tuple[str, Any]:
    """Load a game of OpenSpiel that fits the contract.

    Args:
        text: Its name, such as `breakthrough` or `breakthrough(rows=6,columns=6)`.

    Returns:
        The name, with those parameters alone that are not at their defaults, in alphabetical order; and the game as a
        pyspiel.Game.

    Raises:
        ValueError: OpenSpiel is not installed; there is no such game, it does not fit, or it does not take the
            parameters. The message is one line.
    """
    kinds = {kind.short_name: kind for kind in pyspiel().registered_games()}
    found = _NAME.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(
            "name must be a game of OpenSpiel, such as 'breakthrough' or 'breakthrough(rows=6,columns=6)', "
            f"got {text!r:.80}"
        )
    short, given = found[1], found[2] or ""
    if short not in kinds:
        fitting = [name for name, kind in kinds.items() if not misfits(kind)]
        near = get_close_matches(short, fitting, 3) or fitting
        raise ValueError(f"unknown game of OpenSpiel {short!r}; expected one of {', '.join(near)}")
    if reasons := misfits(kinds[short]):
        raise ValueError(
            f"{short} can't be played: {' and '.join(reasons)}; expected a game of two players who move in turn, "
            "without chance and hidden information"
        )
    parameters = _parameters(short, given, kinds[short].parameter_specification)
    name = f"{short}({','.join(f'{key}={value}' for key, value in parameters.items())})" if parameters else short
    filled = {**kinds[short].parameter_specification, **parameters}
    # Only these sizes multiply like this: squares, and the directions of lines through each.
    if short == "gomoku" and max(filled["size"], 3) ** min(filled["dims"], 99) > MOST_ACTIONS:
        raise ValueError(f"{name} has more than {MOST_ACTIONS:,} actions or directions")
    with _silent():  # it prints each of its exceptions, and a warning for some games
        try:
            game = pyspiel().load_game(name)
            _check_sizes(name, game)
            _try(name, game)
        except UnicodeDecodeError:  # letters after z
            raise ValueError(
                f"OpenSpiel can't play {name}: it has no letters for the squares of so large a board"
            ) from None
        except (RuntimeError, MemoryError) as error:  # SpielError is a RuntimeError
            reason = _PLACE.sub("", str(error)).partition("\n")[0].strip()
            raise ValueError(f"OpenSpiel can't play {name}: {reason:.200}") from None
    return name, game


def counterpart(game: Game) -> tuple[NDArray[np.integer[Any]], Any]:
    """How OpenSpiel plays a game: [2, A] its action for each action, by player; and the game as a pyspiel.Game.

    Raises:
        ValueError: OpenSpiel does not have the game, or is not installed.
    """
    if game.open_spiel is None:
        raise ValueError(
            f"OpenSpiel plays {game.name} by other rules or not at all; expected a game that it plays too, such as "
            "ConnectFour"
        )
    return game.open_spiel.actions, load(game.open_spiel.name)[1]


def misfits(kind: Any) -> list[str]:
    """The reasons for which games of a kind (pyspiel.GameType) can't be played; none if they can."""
    if not kind.default_loadable:
        return ["it is made from another game or from a file"]
    types = type(kind)
    fewest, most = kind.min_num_players, kind.max_num_players
    players = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    reasons = {
        "its players move at the same time": kind.dynamics == types.Dynamics.SIMULTANEOUS,
        "it has crowds of players": kind.dynamics == types.Dynamics.MEAN_FIELD,
        "it has chance": kind.chance_mode != types.ChanceMode.DETERMINISTIC,
        "it has hidden information": kind.information != types.Information.PERFECT_INFORMATION,
        f"it has {players} player{'' if players == '1' else 's'}": not fewest <= 2 <= most,
        "it is not a zero-sum game": kind.utility != types.Utility.ZERO_SUM,
        "it has rewards before the end of the game": kind.reward_model != types.RewardModel.TERMINAL,
        "it has no observation tensor": not kind.provides_observation_tensor,
    }
    return [reason for reason, true in reasons.items() if true]


def _parameters(short: str, given: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that are not at their defaults. Raises ValueError if the game does not take what is given."""
    found: dict[str, Any] = {}
    for part in filter(None, given.split(",")):
        key, equals, value = (word.strip() for word in part.partition("="))
        if key not in defaults or not equals:
            takes = ", ".join(sorted(defaults)) or "no parameters"
            raise ValueError(f"{short} takes {takes}; got {part.strip()!r:.80}")
        if key in found:
            raise ValueError(f"{key} is given twice in {short}({given})")
        found[key] = _value(f"{key} of {short}", value, defaults[key])
    return {key: found[key] for key in sorted(found) if found[key] != defaults[key]}


def _value(what: str, text: str, default: Any) -> Any:
    """A parameter of the same type as its default."""
    if isinstance(default, bool):
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{what} must be True or False, got {text!r:.80}")
        return text.lower() == "true"
    if isinstance(default, str):
        if not _PILES.fullmatch(text):
            raise ValueError(f"{what} must be whole numbers below 1,000 with ; between them, got {text!r:.80}")
        return text
    low, kind = (min(1, default), int) if isinstance(default, int) else (-float(MOST), float)
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not low <= value <= MOST:
        number = "a whole number" if kind is int else "a number"
        raise ValueError(f"{what} must be {number} from {low:g} to {MOST:,}, got {text!r:.80}")
    return value


def _check_sizes(name: str, game: Any) -> None:
    """Raise ValueError if a game does not fit, or is larger than the arrays of the contract."""
    if game.num_players() != 2:
        raise ValueError(f"{name} can't be played: it has {game.num_players()} players; expected 2")
    lowest, highest = game.min_utility(), game.max_utility()
    if (lowest, highest) != (-1, 1):
        raise ValueError(
            f"{name} can't be played: its results are from {lowest:g} to {highest:g}; expected a win, a draw or a loss"
        )
    if not 1 <= game.num_distinct_actions() <= MOST_ACTIONS:
        raise ValueError(f"{name} has {game.num_distinct_actions():,} actions; expected 1 to {MOST_ACTIONS:,}")
    numbers = 1
    for size in game.observation_tensor_shape():
        numbers *= size if size > 0 else 0
    if not 1 <= numbers <= MOST_NUMBERS:
        raise ValueError(f"the observation of {name} has {numbers:,} numbers; expected 1 to {MOST_NUMBERS:,}")


def _try(name: str, game: Any) -> None:
    """Play the beginning of a random game, since OpenSpiel finds some bad parameters only then."""
    state, rng = game.new_initial_state(), random.Random(0)
    for _ in range(TRIAL):
        if state.is_chance_node():
            raise ValueError(f"{name} can't be played: it has chance")
        if state.is_terminal():
            break
        state.observation_tensor(0)
        if not (legal := state.legal_actions()):
            raise ValueError(f"{name} can't be played: a position that is not over has no legal action")
        action = rng.choice(legal)
        state.action_to_string(state.current_player(), action)
        state.apply_action(action)
        str(state)
    if not state.move_number():
        raise ValueError(f"{name} can't be played: it is over before the first move")


@contextmanager
def _silent() -> Iterator[None]:
    """Drop what OpenSpiel's compiled code prints on standard error. The errors are raised too."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
