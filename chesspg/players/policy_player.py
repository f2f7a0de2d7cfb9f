"""A policy as a player: one call of the network for all games in which it is to move."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch

from chesspg.games.game import Observation
from chesspg.players.player import Choice, Turn
from chesspg.policy.policy import Distribution, Policy


class PolicyPlayer:
    """Samples from a policy, at the policy's own temperature unless another is given; at 0 the likeliest action.

    forward_context: the precision the network runs under, as of Lightning's precision plugins.
    """

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
        distribution = self.distribution(turn.observation)
        if self.greedy:
            return Choice(distribution.mode().cpu().numpy(), np.zeros(len(turn.rows), np.float32))
        choice = distribution.sample(torch.from_numpy(turn.uniforms).to(self.policy.device))
        log_prob = distribution.log_prob(choice).float().cpu().numpy()
        value = None if distribution.value is None else distribution.value.float().cpu().numpy()
        return Choice(choice.cpu().numpy(), log_prob, value)

    def distribution(self, observation: Observation) -> Distribution:
        # no_grad and not inference_mode: with the latter, autocast would cache weights that can't learn.
        with torch.no_grad(), self.forward_context():
            return self.policy.observe(observation)
