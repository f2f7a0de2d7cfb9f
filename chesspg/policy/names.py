"""Games and networks by the names they have in files. A name in a file never causes an import of foreign code."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from typing import Any

# The classes of chesspg by the names that files hold, each with its module. The names must never change;
# when a class moves, only its module changes here.
OWN = {
    "chesspg.games.chess.Chess": "chesspg.games.chess.game",
    "chesspg.games.connect_four.ConnectFour": "chesspg.games.connect_four.game",
    "chesspg.games.hex.Hex": "chesspg.games.hex.game",
    "chesspg.games.open_spiel.OpenSpiel": "chesspg.games.open_spiel.game",
    "chesspg.games.othello.Othello": "chesspg.games.othello.game",
    "chesspg.games.tic_tac_toe.TicTacToe": "chesspg.games.tic_tac_toe",
    "chesspg.policy.networks.BoardNet": "chesspg.policy.networks.board_net",
    "chesspg.policy.networks.MLP": "chesspg.policy.networks.mlp",
    "chesspg.policy.networks.ResidualNet": "chesspg.policy.networks.residual_net",
}
_BARE = {_name.rpartition(".")[2]: _name for _name in OWN}


class Unknown(ValueError):
    """A file names a class that this program does not know."""


def describe(thing: Any) -> dict[str, Any]:
    """{class_path, init_args} of a game or network, as in YAML; for a compiled network those of the original."""
    thing = getattr(thing, "_orig_mod", thing)
    return {"class_path": _name_of(type(thing)), "init_args": plain(thing.init_args)}


def plain(value: Any) -> Any:
    """A copy of the value with Python numbers in place of the scalars of numpy and torch that sweeps pass."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return value.item()
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def is_spec(thing: Any) -> bool:
    """Whether something has the form of what `describe` returns."""
    return (
        isinstance(thing, dict)
        and thing.keys() == {"class_path", "init_args"}
        and isinstance(thing["class_path"], str)
        and isinstance(thing["init_args"], dict)
    )


def build(spec: Any, base: type, *args: Any) -> Any:
    """Build the object that class_path and init_args of a file describe.

    Args:
        spec: {class_path, init_args}. The class must be one of chesspg or a subclass of `base` that the running
            program has defined or imported.
        base: The class that it must derive from.
        args: Positional arguments, before the init_args.

    Raises:
        Unknown: There is no such class in this program.
        ValueError: The spec is malformed, or the class does not accept the init_args.
    """
    if not is_spec(spec):
        raise ValueError(f"{spec!r:.80} is not a class_path with init_args")
    path, init_args = spec["class_path"], spec["init_args"]
    found = find(path, base)
    try:
        inspect.signature(found).bind(*args, **init_args)
        built = found(*args, **init_args)
    except Exception as error:  # the arguments come from a stranger, and a user's class may raise anything for them
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} can't be built from {init_args!r:.120}: {' '.join(reason.split()):.200}") from error
    surplus = sorted(init_args.keys() - built.init_args.keys())
    if surplus:  # such as the number of threads for the rules, which a file must not choose
        raise ValueError(f"{path} can't be built from a file that sets {', '.join(surplus)}")
    return built


def own_name(path: str) -> str:
    """The name of this class in OWN, given any of its names in chesspg; empty if chesspg has no such class."""
    return _BARE.get(path.rpartition(".")[2], "") if path.startswith("chesspg.") else ""


def find(path: str, base: type) -> Any:
    """The class with this name. If several have it, as after a notebook's cell ran twice, the latest one.

    Raises:
        Unknown: This program has no such subclass of `base`.
    """
    own = own_name(path)
    if own:
        found: Any = getattr(importlib.import_module(OWN[own]), own.rpartition(".")[2])
        if issubclass(found, base):
            return found
    defined = [known for known in _subclasses(base) if _name_of(known) == path]
    if not defined:
        raise Unknown(f"the {base.__name__.lower()} {path:.120}")
    return next(filter(_current, defined), defined[-1])


def _subclasses(base: type) -> Iterator[type]:
    derived: list[type] = base.__subclasses__()
    for known in derived:
        yield known
        yield from _subclasses(known)


def _name_of(cls: type) -> str:
    own = _BARE.get(cls.__qualname__, "")
    return own if OWN.get(own) == cls.__module__ else f"{cls.__module__}.{cls.__qualname__}"


def _current(cls: type) -> bool:
    """Whether the module of the class still has this class under its name."""
    thing: Any = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        thing = getattr(thing, part, None)
    return thing is cls
