"""A policy as a player: one call of the network per turn, for all games in which it is to move."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chesspg.games.game import Observation
from chesspg.players.player import Choice, Turn
from chesspg.policy.policy import Distribution, Policy, fetch, send


class PolicyPlayer:
    """Samples actions from a policy, or plays the most likely action if the temperature is 0.

    The loop calls `launch`, and `choose` uses it, so a subclass overrides `launch` alone.

    Args:
        policy: The policy.
        temperature: Used in place of the policy's temperature; by default, the policy's.
        forward_context: Context for calls of the network, as from Lightning's precision plugins.
    """

    # False on a GPU too: kernel launches from this thread, not the GPU, are the bottleneck, so splitting the games only
    # doubles the launches (docs/performance.md).
    is_async = False

    def __init__(
        self,
        policy: Policy,
        temperature: float | None = None,
        forward_context: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.greedy = temperature == 0
        if temperature:
            policy = copy.copy(policy)  # shares the weights
            policy.temperature = temperature
        self.policy = policy
        self.forward_context = forward_context

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return self.policy.device

    def choose(self, turn: Turn) -> Choice:
        """See `Player`."""
        return self.launch(turn)()

    def launch(self, turn: Turn) -> Callable[[], Choice]:
        """See `Launching`. On a GPU the returned function waits for the copy of the results."""
        distribution = self.distribution(turn.observation)
        if self.greedy:
            index = distribution.mode()
            answers = [index, torch.zeros_like(index)]
        else:
            index = distribution.sample(send(self._uniforms(turn), self.policy.device))
            answers = [index, distribution.log_prob(index)]
        if distribution.value is not None:
            answers.append(distribution.value)
        arrived = fetch(torch.stack([row.float() for row in answers]))  # exact for an index, which is below 2²⁴

        def answer() -> Choice:
            index, *scores = arrived()
            return Choice(index.astype(np.int64), *scores)

        return answer

    def _uniforms(self, turn: Turn) -> NDArray[np.floating[Any]]:
        return turn.uniforms.astype(np.float32) if self.policy.device.type == "mps" else turn.uniforms

    def distribution(self, observation: Observation) -> Distribution:
        """The policy's distributions over the legal actions of N games, without gradients."""
        # Not inference_mode, under which autocast caches weights that can't be trained.
        with torch.no_grad(), self.forward_context():
            return self.policy.observe(observation)
