"""The policy file: weights as safetensors and, in its header as JSON, all that is needed to use them.

Nothing in it is code and it is read without any pickle. The header is read without torch, in a millisecond.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from chesspg.games.game import Game
from chesspg.policy.shipped import names_told, shipped_policies

if TYPE_CHECKING:  # torch takes seconds to import; it waits until weights are asked for
    from torch import Tensor

    from chesspg.policy.policy import Policy

INIT = "init.safetensors"  # in a run folder: the policy that the run started from
SUFFIX, CHECKPOINT = ".safetensors", ".ckpt"
NETWORK = "policy.network."  # where the state of a module with a policy has what a policy file holds
HEADER = "policy_header"  # where its checkpoints have the rest


class PolicyFileError(ValueError):
    """A policy file that is missing, damaged, or of another game or encoding."""


@dataclass(frozen=True)
class Header:
    """What a policy file says of itself."""

    game: dict[str, Any]  # class_path, init_args
    encoding_version: int
    network: dict[str, Any]  # class_path, init_args (its sizes)
    temperature: float  # at which it was trained
    facts: dict[str, Any]  # of its training: updates, games, plies, seed, …


def resolve(path: str | Path) -> Path:
    """The file that a policy file, a checkpoint, a run folder or the bare name of one that ships stands for.

    A checkpoint stands for the policy file beside it, or else for itself; a run folder for its last one.
    """
    path = named = Path(path)
    if named.is_dir():
        path = named / f"last{SUFFIX}"
    elif named.suffix == CHECKPOINT:
        beside = named.with_suffix(SUFFIX)
        path = beside if beside.is_file() else named
    if path.is_file():
        return path
    if named.exists() or len(named.parts) != 1:
        raise PolicyFileError(f"no policy file at {path}")
    ships = shipped_policies()
    if named.name not in ships:
        raise PolicyFileError(f"no policy file at {path}; {names_told()}")
    return ships[named.name]


def read_header(path: str | Path) -> Header:
    """What the file says of itself. Raises PolicyFileError if it is no whole policy file."""
    path = resolve(path)
    if path.suffix == CHECKPOINT:
        return _in_checkpoint(path)[0]
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        try:
            header = json.loads(file.read(length)) if 0 < length <= size - 8 else {}
        except (UnicodeDecodeError, json.JSONDecodeError):
            header = {}
    try:
        own = header["__metadata__"]["chesspg"]
        ends = [int(entry["data_offsets"][1]) for name, entry in header.items() if name != "__metadata__"]
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        raise PolicyFileError(f"{path} is not a policy file" + (" (it is empty)" if size == 0 else "")) from None
    if size != 8 + length + max(ends, default=0):
        raise PolicyFileError(f"{path} is truncated: {size} bytes of {8 + length + max(ends, default=0)}")
    try:
        return _header(json.loads(own), path)
    except json.JSONDecodeError as error:
        raise PolicyFileError(f"{path} has a header this version can't read: {error}") from None


def read(path: str | Path) -> tuple[Header, Mapping[str, Tensor]]:
    """What the file says of itself, and its weights. Raises PolicyFileError if it is damaged."""
    path = resolve(path)
    if path.suffix == CHECKPOINT:
        return _in_checkpoint(path)
    header = read_header(path)

    from safetensors.torch import load_file  # not before the header is known to be good: torch takes seconds

    try:
        return header, load_file(path)
    except SafetensorError as error:
        raise PolicyFileError(f"{path} is damaged: {error}") from None


def load(path: str | Path, game: Game | None = None) -> Policy:
    """The policy in the file, for `game` if given (whose backend it then uses) or else its own game.

    Raises PolicyFileError if the file is damaged or was trained for another game or encoding.
    """
    path = resolve(path)
    own = header_game(read_header(path), path)  # before the weights, which take torch's seconds to be read
    if game is not None and describe(own) != describe(game):
        raise PolicyFileError(f"{path} plays {own.name}, not {game.name}")
    game = game or own
    header, weights = read(path)

    from chesspg.policy.networks import Network
    from chesspg.policy.policy import Policy

    network = _build(header.network, path, Network, game)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise PolicyFileError(f"{path} does not fit its network: {str(error).splitlines()[-1].strip()}") from None
    return Policy(game, network, header.temperature).eval()


def header_game(header: Header, path: str | Path) -> Game:
    """The game a policy file plays. Raises PolicyFileError if this version encodes that game otherwise."""
    game: Game = _build(header.game, path, Game)
    if game.encoding_version != header.encoding_version:
        raise PolicyFileError(
            f"{path} has encoding version {header.encoding_version} of {game.name}; "
            f"this chesspg reads version {game.encoding_version}"
        )
    return game


def save(path: str | Path, policy: Policy, facts: Mapping[str, Any] | None = None) -> None:
    """Write the policy file atomically: whoever looks finds the old file or the new one, whole."""
    write(path, header_of(policy, facts), policy.network.state_dict())


def header_of(policy: Policy, facts: Mapping[str, Any] | None = None) -> Header:
    game = policy.game
    return Header(
        describe(game), game.encoding_version, describe(policy.network), policy.temperature, dict(facts or {})
    )


def write(path: str | Path, header: Header, weights: Mapping[str, Tensor]) -> None:
    from safetensors.torch import save  # save_file's is for its owner's eyes alone, whatever the umask

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    metadata = {"chesspg": json.dumps(asdict(header))}
    write_atomically(path, lambda temporary: temporary.write_bytes(save(tensors, metadata)))


def of_checkpoint(checkpoint: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a checkpoint that Lightning wrote holds of a policy file: the header's fields, the weights."""
    state = checkpoint["state_dict"].items()
    return checkpoint[HEADER], {name.removeprefix(NETWORK): at for name, at in state if name.startswith(NETWORK)}


def read_checkpoint(path: str | Path) -> Any:
    """What a checkpoint holds: tensors and primitives, no code. Raises PolicyFileError if it is damaged."""
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wonders aloud about some files that it then refuses
            return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise PolicyFileError(f"{path} is damaged or no checkpoint: {str(error).partition('. ')[0]}") from None


def _in_checkpoint(path: Path) -> tuple[Header, Mapping[str, Tensor]]:
    try:
        told, weights = of_checkpoint(read_checkpoint(path))
    except (KeyError, TypeError, AttributeError):
        raise PolicyFileError(f"{path} is no checkpoint of a policy") from None
    return _header(told, path), weights


def _header(told: Any, path: Path) -> Header:
    try:
        header = Header(**told)
    except TypeError as error:
        raise PolicyFileError(f"{path} has a header this version can't read: {error}") from None
    if not (isinstance(header.temperature, int | float) and header.temperature > 0):
        raise PolicyFileError(f"{path} has a temperature of {header.temperature!r}, which is not above 0")
    return header


def write_atomically(path: str | Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a temporary file beside `path`, then put it in its place in one step."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with naming(path):
        try:
            fill(temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Have an OSError in the block name this file, which it does not by itself where a disk is full."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def write_text(path: str | Path, text: str) -> None:
    """Write a text, UTF-8, as `write_atomically` does."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def describe(thing: Any) -> dict[str, Any]:
    """{class_path, init_args} of a game or network, as in a YAML recipe."""
    module = type(thing).__module__
    return {"class_path": f"{module}.{type(thing).__qualname__}", "init_args": thing.init_args}


def _build(spec: Mapping[str, Any], path: str | Path, base: type, *args: Any) -> Any:
    """What class_path and init_args name, called only if it is a subclass of `base`.

    Without that look a file could name `os.system` and have its command run.
    """
    try:
        module, _, name = spec["class_path"].rpartition(".")
        thing = getattr(importlib.import_module(module), name)
        built = thing(*args, **spec["init_args"]) if isinstance(thing, type) and issubclass(thing, base) else None
    except (ImportError, AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise PolicyFileError(f"{path} needs {_class_path(spec)}, which can't be built: {error}") from None
    if built is None:
        raise PolicyFileError(f"{path} names {_class_path(spec)}, which is no chesspg {base.__name__}")
    return built


def _class_path(spec: object) -> object:
    return spec.get("class_path") if isinstance(spec, Mapping) else spec
