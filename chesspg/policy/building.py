"""Building the game and the network that a policy file describes, without trusting the file."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chesspg.games.game import Game
from chesspg.policy.container import PolicyFileError
from chesspg.policy.names import Unknown, build

if TYPE_CHECKING:
    from torch import Tensor

    from chesspg.policy.networks import Network

MOST_WEIGHTS = 10_000  # a header may name many more, all without numbers


def build_part(spec: Any, path: str | Path, base: type, *args: Any) -> Any:
    """Build the game or network that a file's header describes.

    Args:
        spec: Its class_path and init_args.
        path: The file, for messages.
        base: Game or Network.
        args: Positional arguments of the class, before the init_args.

    Raises:
        PolicyFileError: The class is unknown to this program or can't be built.
    """
    try:
        return build(spec, base, *args)
    except Unknown as error:
        raise unknown(path, error) from None
    except ValueError as error:
        raise PolicyFileError(f"{path} has a header this version can't use: {error}") from None


def unknown(path: str | Path, error: Unknown) -> PolicyFileError:
    """The error for a class that a file names and this program does not know."""
    return PolicyFileError(
        f"{path} needs {error}, which is not a class of chesspg, and policy files never import code; add --import with "
        "the module that defines it (in Python, import it first)"
    )


def build_network(spec: dict[str, Any], weights: Mapping[str, Tensor], game: Game, path: Path) -> Network:
    """Build the network that a header describes and load the weights.

    The network is first built without memory, so that large sizes in a header cost none unless the weights have them.

    Args:
        spec: class_path and init_args of the network.
        weights: The weights by name.
        game: The game that the network is for.
        path: The file, for messages.

    Raises:
        PolicyFileError: The network is unknown or can't be built, or the weights do not fit it or are not finite.
    """
    import torch

    from chesspg.policy.networks import Network

    with _limited(1000 + 20 * min(len(weights), MOST_WEIGHTS)):
        try:
            with torch.device("meta"):  # shapes without numbers
                sketch: Network = build_part(spec, path, Network, game)
        except PolicyFileError:
            if spec["class_path"].startswith("chesspg."):
                raise  # on "meta" a user's constructor may fail because it reads numbers of a tensor
            sketch = build_part(spec, path, Network, game)
        wanted = sketch.state_dict()
        lacking, unexpected = wanted.keys() - weights.keys(), weights.keys() - wanted.keys()
        for what, names in ("lacks", lacking), ("has the unexpected", unexpected):
            if names:
                raise PolicyFileError(f"{path} does not fit its network: it {what} {', '.join(sorted(names)):.200}")
        for name, tensor in weights.items():
            shape = wanted[name].shape
            if tensor.shape != shape:
                reason = f"size mismatch for {name}: {list(tensor.shape)}; the network has {list(shape)}"
                raise PolicyFileError(f"{path} does not fit its network: {reason}")
            if tensor.dtype != wanted[name].dtype:
                reason = f"{name} is {tensor.dtype}; the network has {wanted[name].dtype}"
                raise PolicyFileError(f"{path} does not fit its network: {reason}")
            if not torch.isfinite(tensor).all():
                raise PolicyFileError(f"{path} has weights in {name} that are not finite numbers")
        network: Network = build_part(spec, path, Network, game)
    network.load_state_dict(weights)
    return network


@contextmanager
def _limited(most: int) -> Iterator[None]:
    """Raise ValueError as soon as networks built in the block have more than `most` modules, parameters and buffers."""
    from torch.nn.modules import module

    here, count = threading.get_ident(), 0

    def check(*_: object) -> None:
        nonlocal count
        count += threading.get_ident() == here
        if count > most:
            raise ValueError("it has more parts than the file has weights for")

    hooks = [
        module.register_module_module_registration_hook(check),
        module.register_module_parameter_registration_hook(check),
        module.register_module_buffer_registration_hook(check),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
