"""A policy: a network and a temperature that give a distribution over the legal actions of each game."""

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

_PADDING = -1e9  # a finite logit whose probability is exactly 0 in float32
_SHARES = 2.0**50  # the number of parts into which a probability of 1 is cut for sampling
MULTIPLES = {"cuda": 256, "cpu": 16}  # by device: the multiple to which batches are filled up


@dataclass(frozen=True, slots=True)
class Distribution:
    """π(·|s) over the legal actions of N games, in the order of each game's legal list."""

    log_probs: Tensor  # [N, M] log π, at least float32; 0 after a game's last action
    mask: Tensor  # [N, M] bool, True where there is an action
    value: Tensor | None  # [N] the expected return of the mover; None without a value head

    @property
    def probs(self) -> Tensor:
        """[N, M] π, 0 after a game's last action."""
        return self.log_probs.exp() * self.mask

    def log_prob(self, choice: Tensor) -> Tensor:
        """[N] log π of the action at position choice[i] of each list."""
        return self.log_probs.gather(1, choice.long()[:, None]).squeeze(1)

    def entropy(self) -> Tensor:
        """[N] −Σ π log π, in nats."""
        return losses.entropy(self.probs, self.log_probs)

    def sample(self, uniforms: Tensor) -> Tensor:
        """[N] sampled choices, by inverting the cumulative probabilities at uniforms[i] in [0, 1)."""
        exact = torch.float32 if uniforms.device.type == "mps" else torch.float64  # MPS has no float64
        # Whole numbers have the same sum in any order, and CUDA adds in an order that changes from call to call.
        cumulative = (self.probs.to(exact) * _SHARES).long().cumsum(dim=1)
        choice = (cumulative <= (uniforms.to(exact)[:, None] * cumulative[:, -1:])).sum(dim=1)
        return choice.minimum(self.mask.sum(dim=1) - 1)

    def mode(self) -> Tensor:
        """[N] the most likely choices; of equally likely ones the first."""
        return self.log_probs.masked_fill(~self.mask, _PADDING).argmax(dim=1)


class Policy(nn.Module):
    """A network whose logits, divided by `temperature`, become probabilities of the legal actions alone.

    An illegal action has no probability and no gradient, and does not count in the entropy.

    Args:
        game: The game that it plays.
        network: The network, built for this game.
        temperature: Divisor of the logits, above 0.

    Raises:
        ValueError: The temperature is 0 or less, or not finite.
    """

    def __init__(self, game: Game, network: Network, temperature: float = 1.0) -> None:
        super().__init__()
        if not 0 < temperature < math.inf:
            raise ValueError(f"temperature must be above 0 and finite, got {temperature}; only a player can be greedy")
        self.game = game
        self.network = network
        self.temperature = float(temperature)  # a sweep may pass a scalar of numpy

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> Distribution:
        """The distributions over the legal actions of N positions.

        Args:
            planes: [N, P, W] int64 words.
            scalars: [N, S] uint8 counters.
            legal: [N, M] legal actions of each position, padded with −1 after its last.
        """
        output = self._full_batch_output(planes, scalars, legal)
        mask = legal >= 0
        exact = torch.promote_types(output.logits.dtype, torch.float32)
        logits = output.logits.to(exact) / self.temperature
        log_probs = logits.masked_fill(~mask, _PADDING).log_softmax(dim=1).masked_fill(~mask, 0.0)
        value = None if output.value is None else output.value.to(log_probs.dtype)
        return Distribution(log_probs, mask, value)

    def _full_batch_output(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        """The output of the network for a batch that is filled up to `full_batch` by repeating the last position."""
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
        """The distributions for N games, from what Games.observe() returned, on the network's device."""
        return self(*to_tensors(observation, self.device))

    @property
    def device(self) -> torch.device:
        return self.network.scalar_limits.device


def full_batch(count: int, device: torch.device) -> int:
    """The size to which a batch of `count` positions is filled up, a multiple of `MULTIPLES`.

    The libraries that compute convolutions, cuDNN and oneDNN, make a new plan for each new size, which takes
    milliseconds, and while games end, nearly every batch has another size. On a CPU, where more positions cost more
    time, batches of up to 16 are filled up to a power of two, so that an engine's single position stays alone.
    """
    multiple = MULTIPLES.get(device.type, 1)
    if device.type == "cpu":
        if torch.compiler.is_compiling():  # for all sizes at once; the next line would fix one
            return count
        multiple = min(multiple, 1 << max(count - 1, 0).bit_length())
    return count + -count % multiple


def to_tensors(observation: Observation, device: torch.device | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Turn an observation into tensors.

    Args:
        observation: What Games.observe() returned.
        device: Where to put them; by default the CPU.

    Returns:
        planes [N, P, W] int64 words, scalars [N, S] uint8, legal actions [N, M] int16, padded with −1.
    """
    return (
        words(observation.planes, device),
        send(observation.scalars, device),
        send(observation.legal.padded(), device),
    )


def send(array: NDArray[Any], device: torch.device | None = None) -> Tensor:
    """The array on the device. To CUDA it is copied from pinned memory, without waiting for the copy."""
    tensor = from_numpy(array)
    if device is not None and device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def fetch(tensor: Tensor) -> Callable[[], NDArray[Any]]:
    """Start copying a tensor to the CPU.

    Returns:
        A function that waits for this copy, but for nothing that was launched later, and returns the array.
    """
    if tensor.device.type != "cuda":
        return lambda: tensor.numpy(force=True)
    pinned = tensor.to("cpu", non_blocking=True)
    arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch gives it no hints
    arrived.record(torch.cuda.current_stream(tensor.device))

    def wait() -> NDArray[Any]:
        arrived.synchronize()
        return pinned.numpy().copy()  # pinned memory is scarce, and a rollout keeps its arrays for long

    return wait


def words(planes: NDArray[np.uint64], device: torch.device | None = None) -> Tensor:
    """uint64 words as an int64 tensor with the same bits: torch can neither shift nor gather uint64."""
    return send(planes.astype(np.uint64, copy=False).view(np.int64), device)


def from_numpy(array: NDArray[Any]) -> Tensor:
    """The array as a tensor, copied if torch can't share it: if it is read-only, byte-swapped, or strided backwards."""
    return torch.from_numpy(np.require(array, array.dtype.newbyteorder("="), ["C", "W"]))
