"""The policy file: weights as safetensors with, as JSON in the header, everything that is needed to use them.

A policy file contains no code and no pickle, and reading it imports no class because the file names it. The header is
read without torch, in a millisecond.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from chesspg.games.game import Game
from chesspg.policy import checkpoint, container
from chesspg.policy.building import build_network, build_part, unknown
from chesspg.policy.container import PolicyFileError as PolicyFileError
from chesspg.policy.names import Unknown, find, is_spec, own_name
from chesspg.policy.names import describe as describe
from chesspg.storage.atomic import write_atomically
from chesspg.storage.shipped import shipped_names, shipped_policies

if TYPE_CHECKING:  # torch takes seconds to import, so it is imported when weights are read
    from torch import Tensor

    from chesspg.policy.policy import Policy

INIT = "init.safetensors"  # in a run folder: the policy that the run started from
SUFFIX, CHECKPOINT = ".safetensors", ".ckpt"
NETWORK = "policy.network."  # prefix of the network's weights in the state_dict of a module that has a policy
HEADER = "policy_header"  # key of the header's fields in a checkpoint of such a module
COMPILED = "_orig_mod."  # inserted into the names of weights by torch.compile


@dataclass(frozen=True)
class Header:
    """The fields in the header of a policy file."""

    game: dict[str, Any]  # class_path, init_args
    encoding_version: int
    network: dict[str, Any]  # class_path, init_args (its sizes)
    temperature: float  # the temperature it was trained at
    facts: dict[str, Any]  # about its training: updates, games, plies, seed, …


def resolve(path: str | Path) -> Path:
    """The file to read for the path that a user gave.

    A run folder stands for its last checkpoint. A checkpoint stands for the policy file beside it, or for itself if
    that file is missing or damaged and the checkpoint is not.

    Args:
        path: A policy file, a checkpoint, a run folder, or the bare name of a policy that ships.

    Returns:
        A policy file or a checkpoint.

    Raises:
        PolicyFileError: There is no such file.
    """
    path = named = Path(path)
    if named.is_dir() or named.suffix == CHECKPOINT:
        saved = named / f"last{CHECKPOINT}" if named.is_dir() else named
        path = saved.with_suffix(SUFFIX)
        if not _whole(path) and (named == saved or _whole(saved)):
            path = saved
    if path.is_file():
        return path
    if named.exists() or len(named.parts) != 1:
        raise PolicyFileError(f"no policy file at {path}")
    ships = shipped_policies()
    if named.name not in ships:
        raise PolicyFileError(f"no policy file at {path}; {shipped_names()}")
    return ships[named.name]


def read_header(path: str | Path) -> Header:
    """The header of a policy file or checkpoint. Raises PolicyFileError if it is damaged or is something else."""
    path = resolve(path)
    return _in_checkpoint(path)[0] if path.suffix == CHECKPOINT else _header(container.read_fields(path), path)


def read(path: str | Path) -> tuple[Header, Mapping[str, Tensor]]:
    """The header and the weights of a policy file or checkpoint. Raises PolicyFileError if it is damaged."""
    path = resolve(path)
    if path.suffix == CHECKPOINT:
        header, saved, stored = _in_checkpoint(path)
        return header, saved.tensors(stored)
    header = read_header(path)

    from safetensors.torch import (
        load,
    )  # imports torch, which takes seconds, so only once the header is known to be good

    try:
        return header, own_names(load(path.read_bytes()))
    except (SafetensorError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise PolicyFileError(f"{path} is damaged: {error}") from None


def load(path: str | Path, game: Game | None = None) -> Policy:
    """Load a policy.

    Args:
        path: A policy file, a checkpoint, a run folder, or the bare name of a policy that ships.
        game: The game to play, with the backend to use; by default the game is built from the file.

    Returns:
        The policy in evaluation mode, on the CPU.

    Raises:
        PolicyFileError: The file is missing or damaged, is for another game or encoding, or names a game or network
            that neither chesspg nor the running program has.
    """
    path = resolve(path)
    own = header_game(read_header(path), path)  # before the weights, for which torch is imported
    if game is not None and describe(own) != describe(game):
        raise PolicyFileError(f"{path} plays {distinguished(own, game)}, not {distinguished(game, own)}")
    header, weights = read(path)

    from chesspg.policy.policy import Policy

    return Policy(game or own, build_network(header.network, weights, game or own, path), header.temperature).eval()


def header_game(header: Header, path: str | Path) -> Game:
    """The game that a policy file plays.

    Raises:
        PolicyFileError: The game is unknown to this program, or this version encodes it differently.
    """
    game: Game = build_part(header.game, path, Game)
    if game.encoding_version != header.encoding_version:
        raise PolicyFileError(
            f"{path} has encoding version {header.encoding_version} of {game.name}; "
            f"this chesspg reads version {game.encoding_version}"
        )
    return game


def distinguished(game: Game, other: Game) -> str:
    """The name of a game; if the other game has the same name, with its class or arguments to tell them apart."""
    if game.name != other.name:
        return game.name
    spec = describe(game)
    with_ = ", ".join(f"{name} {value}" for name, value in spec["init_args"].items())
    of = f" of {spec['class_path']}" if type(game) is not type(other) else ""
    return f"{game.name}{of}{f' with {with_}' if with_ else ''}"


def check_network(header: Header, path: str | Path) -> None:
    """Raise PolicyFileError if the class of the network is unknown to this program. Does not import torch."""
    name = header.network["class_path"]
    networks = sys.modules.get("chesspg.policy.networks")
    try:
        if networks:
            find(name, networks.Network)
        elif not own_name(name):  # no network can have been defined before that module was imported
            raise Unknown(f"the network {name:.120}")
    except Unknown as error:
        raise unknown(path, error) from None


def save(path: str | Path, policy: Policy, facts: Mapping[str, Any] | None = None) -> None:
    """Write a policy file atomically: a reader finds either the old file or the new one, complete.

    Args:
        path: The file.
        policy: Its game, network and temperature are stored.
        facts: Anything that JSON can hold about its training.

    Raises:
        OSError: The file can't be written.
    """
    write(path, header_of(policy, facts), policy.network.state_dict())


def header_of(policy: Policy, facts: Mapping[str, Any] | None = None) -> Header:
    """The header of a file of this policy."""
    game = policy.game
    return Header(
        describe(game), game.encoding_version, describe(policy.network), policy.temperature, _valid(facts or {})
    )


def write(path: str | Path, header: Header, weights: Mapping[str, Tensor]) -> None:
    """Write a policy file atomically. Raises OSError if it can't be written."""
    from safetensors.torch import save  # save_file ignores the umask: only the owner could read its file

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in own_names(weights).items()}
    whole = container.with_fields(save(tensors), asdict(header))
    write_atomically(path, lambda temporary: temporary.write_bytes(whole))


def of_checkpoint(checkpoint: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of the policy header and the weights of the network, from a checkpoint of Lightning."""
    state = own_names(checkpoint["state_dict"])
    return checkpoint[HEADER], {
        name.removeprefix(NETWORK): at for name, at in state.items() if name.startswith(NETWORK)
    }


def read_checkpoint(path: str | Path) -> Any:
    """The content of a checkpoint: tensors and primitives, no code. Raises PolicyFileError if it is damaged."""
    path = Path(path)
    with checkpoint.verified(path):
        pass

    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about some files before it refuses them
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a malformed pickle can make the unpickler raise anything
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise PolicyFileError(f"{path} is damaged or not a checkpoint: {reason}") from None


def _in_checkpoint(path: Path) -> tuple[Header, checkpoint.Checkpoint, dict[str, checkpoint.Stored]]:
    """The header, the checkpoint, and where its weights are. Other objects, such as hyperparameters, are skipped."""
    saved = checkpoint.Checkpoint(path)
    try:
        header, state = of_checkpoint(saved.content)
        fields = checkpoint.plain(header)
    except (AttributeError, LookupError, TypeError, ValueError):
        raise PolicyFileError(f"{path} is not a checkpoint of a policy") from None
    stored = {name: at for name, at in state.items() if isinstance(at, checkpoint.Stored)}
    return _header(fields, path), saved, stored


def _whole(path: Path) -> bool:
    """Whether a policy file or checkpoint exists and is undamaged."""
    if not path.is_file():  # to open a pipe could take forever
        return False
    try:
        read_header(path) if path.suffix == CHECKPOINT else container.read_fields(path)
    except (OSError, PolicyFileError):
        return False
    return True


def own_names(state: Mapping[str, Any]) -> dict[str, Any]:
    """The weights under the names that they have in a network that is not compiled."""
    return {name.replace(COMPILED, ""): at for name, at in state.items()}


def _valid(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with NaN and infinities, which JSON does not have, as texts, so that every file with them is JSON."""
    valid: dict[str, Any] = json.loads(json.dumps(facts), parse_constant=str)
    return valid


def _header(fields: Any, path: Path) -> Header:
    try:
        header = Header(**fields)
    except TypeError as error:
        raise PolicyFileError(f"{path} has a header this version can't read: {error}") from None
    for name in ("game", "network"):
        spec = getattr(header, name)
        if not is_spec(spec):
            reason = f"its {name} {spec!r:.80} is not a class_path with init_args"
            raise PolicyFileError(f"{path} has a header this version can't read: {reason}")
    if not isinstance(header.facts, dict):
        raise PolicyFileError(f"{path} has a header this version can't read: its facts are not an object")
    if type(header.temperature) not in (int, float) or not 0 < header.temperature <= sys.float_info.max:
        raise PolicyFileError(
            f"{path} has a temperature that must be above 0 and finite, got {header.temperature!r:.40}"
        )
    return replace(header, facts=_valid(header.facts))
