"""A policy as a player: one call of the network for all games in which it is to move."""

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
    """Samples from a policy, at the policy's own temperature unless another is given; at 0 the likeliest action.

    The loop calls `launch`, from which `choose` follows; a subclass overrides the former.

    Args:
        policy: The policy.
        temperature: Its own temperature by default.
        forward_context: The precision the network runs under, as in Lightning's precision plugins.
    """

    # On a GPU too: kernel launches from this thread, not the GPU, are the bottleneck, so splitting the games only
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

    def choose(self, turn: Turn) -> Choice:
        return self.launch(turn)()

    def launch(self, turn: Turn) -> Callable[[], Choice]:
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
        # no_grad and not inference_mode: with the latter, autocast would cache weights that can't learn.
        with torch.no_grad(), self.forward_context():
            return self.policy.observe(observation)
