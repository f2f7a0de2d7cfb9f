"""Games and networks by the names that files have for them. A file never causes an import of anybody else's code."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from typing import Any

# The package's own classes and the modules that they lie in. The name is what files hold and stays as it is for good;
# when a class moves, only its module here changes.
OWN = {
    "chesspg.games.chess.Chess": "chesspg.games.chess.game",
    "chesspg.games.tic_tac_toe.TicTacToe": "chesspg.games.tic_tac_toe",
    "chesspg.policy.networks.MLP": "chesspg.policy.networks",
    "chesspg.policy.networks.ResidualNet": "chesspg.policy.networks",
}
_BARE = {_name.rpartition(".")[2]: _name for _name in OWN}


class Unknown(ValueError):
    """A class that a file names and this program does not know."""


def describe(thing: Any) -> dict[str, Any]:
    """{class_path, init_args} of a game or network, as in a YAML recipe; a compiled network is described as itself."""
    thing = getattr(thing, "_orig_mod", thing)
    return {"class_path": _name_of(type(thing)), "init_args": plain(thing.init_args)}


def plain(value: Any) -> Any:
    """A value with Python's own numbers in place of numpy's and torch's scalars, as sweeps give them."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return value.item()
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def is_spec(thing: Any) -> bool:
    """Whether it has the form of what `describe` gives."""
    return (
        isinstance(thing, dict)
        and thing.keys() == {"class_path", "init_args"}
        and isinstance(thing["class_path"], str)
        and isinstance(thing["init_args"], dict)
    )


def build(spec: Any, base: type, *args: Any) -> Any:
    """What the class_path and init_args of a file stand for, called with `args` before them.

    The class is one of the package's own, or a subclass of `base` that the running program has defined or imported.
    Raises Unknown for any other, and ValueError if the class does not accept the init_args.
    """
    if not is_spec(spec):
        raise ValueError(f"{spec!r:.80} is not a class_path with init_args")
    path, init_args = spec["class_path"], spec["init_args"]
    found = find(path, base)
    try:
        inspect.signature(found).bind(*args, **init_args)
        built = found(*args, **init_args)
    except Exception as error:  # whatever a user's class raises for arguments that come from a stranger
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} can't be built from {init_args!r:.120}: {' '.join(reason.split()):.200}") from error
    surplus = sorted(init_args.keys() - built.init_args.keys())
    if surplus:  # such as how many threads the rules may use, which is not for a file to say
        raise ValueError(f"{path} can't be built from a file with {', '.join(surplus)}")
    return built


def own_name(path: str) -> str:
    """The name under which the package has this class of its own; empty if it has none."""
    return _BARE.get(path.rpartition(".")[2], "") if path.startswith("chesspg.") else ""


def find(path: str, base: type) -> Any:
    """The class of this name. Of several with one name, as after a notebook's cell ran twice, the latest counts.

    Raises Unknown if there is none.
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
    """Whether its module still has it under its name."""
    thing: Any = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        thing = getattr(thing, part, None)
    return thing is cls
