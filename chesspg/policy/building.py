"""From what a policy file says of a game or network to the thing itself, without trusting the file."""

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


def build_part(spec: Any, path: str | Path, base: type, *args: Any) -> Any:
    """The game or network of a file's header. Raises PolicyFileError if it is not known here or can't be built."""
    try:
        return build(spec, base, *args)
    except Unknown as error:
        raise unknown(path, error) from None
    except ValueError as error:
        raise PolicyFileError(f"{path} has a header this version can't use: {error}") from None


def unknown(path: str | Path, error: Unknown) -> PolicyFileError:
    """What to raise for a class that a file names and this program does not know."""
    return PolicyFileError(
        f"{path} needs {error}, which is not a class of chesspg, and a file imports no code; add --import with the "
        "module that defines it (in Python, import it first)"
    )


def build_network(spec: dict[str, Any], weights: Mapping[str, Tensor], game: Game, path: Path) -> Network:
    """The network of a header with these weights. A header's sizes take no memory unless the weights have them."""
    import torch

    from chesspg.policy.networks import Network

    with _limited(1000 + 20 * len(weights)):
        try:
            with torch.device("meta"):  # shapes without numbers
                sketch: Network = build_part(spec, path, Network, game)
        except PolicyFileError:
            if spec["class_path"].startswith("chesspg."):
                raise  # anybody else's constructor may ask for a tensor's numbers
            sketch = build_part(spec, path, Network, game)
        wanted = sketch.state_dict()
        for what, names in ("lacks", wanted.keys() - weights.keys()), ("has in excess", weights.keys() - wanted.keys()):
            if names:
                raise PolicyFileError(f"{path} does not fit its network: it {what} {', '.join(sorted(names)):.200}")
        for name, tensor in weights.items():
            shape = wanted[name].shape
            if tensor.shape != shape:
                reason = f"size mismatch for {name}: {list(tensor.shape)}, and the network has {list(shape)}"
                raise PolicyFileError(f"{path} does not fit its network: {reason}")
            if tensor.dtype != wanted[name].dtype:
                reason = f"{name} is {tensor.dtype}, and the network has {wanted[name].dtype}"
                raise PolicyFileError(f"{path} does not fit its network: {reason}")
            if not torch.isfinite(tensor).all():
                raise PolicyFileError(f"{path} has weights that are not finite numbers, in {name}")
        network: Network = build_part(spec, path, Network, game)
    network.load_state_dict(weights)
    return network


@contextmanager
def _limited(most: int) -> Iterator[None]:
    """Raise ValueError as soon as networks have more than `most` modules, parameters and buffers in all."""
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
