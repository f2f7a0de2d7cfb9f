"""A policy: a network and a temperature as a distribution over the legal actions of each game."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from chesspg.games.game import Game, Observation
from chesspg.learning import losses
from chesspg.policy.networks import Network, NetworkOutput

_PADDING = -1e9  # a logit whose probability is exactly 0 in float32, yet finite
_MULTIPLES = {"cuda": 256}  # of positions in a batch, by device; elsewhere any number


@dataclass(frozen=True, slots=True)
class Distribution:
    """π(·|s) over each game's legal actions, in the order of its legal list."""

    log_probs: Tensor  # [N, M] log π, float32 at least; 0 behind a game's last action
    mask: Tensor  # [N, M] bool, True where there is an action
    value: Tensor | None  # [N] the network's expected return of the mover

    @property
    def probs(self) -> Tensor:
        """[N, M] π, 0 behind a game's last action."""
        return self.log_probs.exp() * self.mask

    def log_prob(self, choice: Tensor) -> Tensor:
        """[N] log π of the action at position choice[i] of each list."""
        return self.log_probs.gather(1, choice.long()[:, None]).squeeze(1)

    def entropy(self) -> Tensor:
        """[N] −Σ π log π, in nats."""
        return losses.entropy(self.probs, self.log_probs)

    def sample(self, uniforms: Tensor) -> Tensor:
        """[N] the choice whose share of [0, 1) holds uniforms[i]: the cumulative probabilities inverted."""
        exact = torch.float32 if uniforms.device.type == "mps" else torch.float64  # which that one lacks
        cumulative = self.probs.to(exact).cumsum(dim=1)
        choice = (cumulative <= uniforms.to(exact)[:, None] * cumulative[:, -1:]).sum(dim=1)
        return choice.minimum(self.mask.sum(dim=1) - 1)

    def mode(self) -> Tensor:
        """[N] the likeliest choice, the first of equals."""
        return self.log_probs.masked_fill(~self.mask, _PADDING).argmax(dim=1)


class Policy(nn.Module):
    """A network whose logits, over `temperature`, are turned into probabilities of the legal actions alone.

    An illegal action has no probability, no gradient and no share in the entropy.
    """

    def __init__(self, game: Game, network: Network, temperature: float = 1.0) -> None:
        super().__init__()
        if not 0 < temperature < math.inf:
            raise ValueError(f"temperature must be above 0 and finite, got {temperature}; only a player can be greedy")
        self.game = game
        self.network = network
        self.temperature = float(temperature)  # a sweep's may be numpy's

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> Distribution:
        """planes [N, P, W] int64, scalars [N, S] uint8, legal [N, M] actions, −1 behind the last."""
        output = self._ask(planes, scalars, legal)
        mask = legal >= 0
        exact = torch.promote_types(output.logits.dtype, torch.float32)
        logits = output.logits.to(exact) / self.temperature
        log_probs = logits.masked_fill(~mask, _PADDING).log_softmax(dim=1).masked_fill(~mask, 0.0)
        value = None if output.value is None else output.value.to(log_probs.dtype)
        return Distribution(log_probs, mask, value)

    def _ask(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        """The network's answer to a full batch, the last position standing in for those that lack."""
        count = len(planes)
        more = full_batch(count, planes.device) - count
        if not more:
            return self.network(planes, scalars, legal)
        full = (torch.cat((x, x[-1:].expand(more, *x.shape[1:]))) for x in (planes, scalars, legal))
        logits, value = self.network(*full)
        return NetworkOutput(logits[:count], None if value is None else value[:count])

    def __call__(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> Distribution:
        distribution: Distribution = super().__call__(planes, scalars, legal)
        return distribution

    def observe(self, observation: Observation) -> Distribution:
        """The distribution for N games as a Games.observe() sees them, on the network's device."""
        return self(*to_tensors(observation, self.device))

    @property
    def device(self) -> torch.device:
        return self.network.scalar_limits.device


def full_batch(count: int, device: torch.device) -> int:
    """How many positions a network is given for so many; cuDNN would plan anew for each size that it has not met."""
    return count + -count % _MULTIPLES.get(device.type, 1)


def to_tensors(observation: Observation, device: torch.device | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """planes [N, P, W] int64, scalars [N, S] uint8 and padded legal actions [N, M] int16."""
    return (
        words(observation.planes, device),
        send(observation.scalars, device),
        send(observation.legal.padded(), device),
    )


def send(array: NDArray[Any], device: torch.device | None = None) -> Tensor:
    """The array on the device. CUDA fetches it itself, from pinned memory, and nobody waits."""
    tensor = from_numpy(array)
    if device is not None and device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def fetch(tensor: Tensor) -> Callable[[], NDArray[Any]]:
    """Ask for what the device computes; what is returned waits until it has come, for nothing launched later."""
    if tensor.device.type != "cuda":
        return lambda: tensor.numpy(force=True)
    pinned = tensor.to("cpu", non_blocking=True)
    arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch gives it no hints
    arrived.record(torch.cuda.current_stream(tensor.device))

    def wait() -> NDArray[Any]:
        arrived.synchronize()
        return pinned.numpy().copy()  # pinned memory is scarce, a rollout is long

    return wait


def words(planes: NDArray[np.uint64], device: torch.device | None = None) -> Tensor:
    """uint64 words as int64 ones of the same bits: torch can neither shift nor gather uint64."""
    return send(planes.astype(np.uint64, copy=False).view(np.int64), device)


def from_numpy(array: NDArray[Any]) -> Tensor:
    """The array as a tensor, copied only where torch can't share it: read-only, byte-swapped, strided backwards."""
    return torch.from_numpy(np.require(array, array.dtype.newbyteorder("="), ["C", "W"]))
