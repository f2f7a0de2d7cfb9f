"""Learning from action values in place of the policy gradient: KLENT, on any game and with any network.

python -m chesspg.train --config connect_four --model studies.q_head.ActionValueLearning \
    --model.network studies.q_head.QHead

studies/q_head.md has the commands and the results of the comparison with PPO.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from chesspg import PolicyGradient, Rollout, SelfPlay
from chesspg.games.game import Game
from chesspg.learning.losses import value_loss
from chesspg.policy import names
from chesspg.policy.networks import Network, NetworkOutput
from chesspg.training.batches import Batch
from studies.improvement import cross_entropy_loss, expected_value, improved_logits

BOARD_NET = {"class_path": "chesspg.BoardNet", "init_args": {}}


class QHead(Network):
    """A policy π and action values Q from one body; it plays π′, and its value is Σₐ π′(a|s) Q(s, a).

    The body is a network for a game with twice as many actions: the first half are the logits of π, and the hyperbolic
    tangent of the second half is Q. So sampling, the stored probabilities and the λ-returns are those of π′, as in any
    other training. With alpha=0 and a huge beta it plays π.

    Args:
        game: The game that the network is for.
        body: class_path and init_args of the body, which has no value head. Its actions must follow from the game's
            num_actions and action_layout, as in `MLP` and `BoardNet`.
        alpha: α, the weight of the entropy of π′.
        beta: β, the weight of its divergence from π.
        value: True; it always has a value.
    """

    def __init__(
        self,
        game: Game,
        body: Mapping[str, Any] = BOARD_NET,
        alpha: float = 0.03,
        beta: float = 0.1,
        value: bool = True,
    ) -> None:
        super().__init__(game, body=dict(body), alpha=alpha, beta=beta, value=value)
        twice = copy.copy(game)
        twice.num_actions, twice.action_layout = 2 * game.num_actions, 2 * game.action_layout
        self.body: Network = names.build(dict(body), Network, twice)
        self.actions, self.alpha, self.beta = game.num_actions, alpha, beta

    def heads(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> tuple[Tensor, Tensor]:
        """[N, M] the logits of π, and [N, M] Q(s, a), both finite after a position's last action."""
        both = torch.cat((legal, legal + self.actions), dim=1)
        logits, action_value = self.body(planes, scalars, both).logits.float().chunk(2, dim=1)
        return logits, torch.tanh(action_value)

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> NetworkOutput:
        logits, action_value = self.heads(planes, scalars, legal)
        better = improved_logits(logits, action_value, self.alpha, self.beta)
        probs = better.masked_fill(legal < 0, -torch.inf).softmax(dim=1)
        return NetworkOutput(better, expected_value(probs, action_value))


class ActionValueLearning(PolicyGradient):
    """Learns a `QHead`: π learns the π′ that has played the rollout, Q the return of the action that was played.

    The return is `Advantages(baseline="value", value_lambda=λ)`. Of the loss, `average` and `value_weight`, the weight
    of Q's squared error, count.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # In a list, so that torch does not register it among the module's parameters.
        self._player = [copy.deepcopy(self.policy).requires_grad_(False)]

    def check(self, data: SelfPlay) -> None:
        """Several updates per rollout are right: neither target depends on the weights that learn."""

    def weigh(self, rollout: Rollout) -> Tensor:
        """The weights of the plies, which are not used; keeps the policy that has played the rollout."""
        self._player[0].to(self.device).load_state_dict(self.policy.state_dict())
        return super().weigh(rollout)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """K·Σ loss / games or plies, Ota et al. (2026), eq. 4."""
        plies, network = batch.plies, self.policy.network
        assert isinstance(network, QHead)
        assert isinstance(plies.legal, Tensor)
        with torch.no_grad():
            target = self._player[0](plies.planes, plies.scalars, plies.legal)
        logits, action_value = network.heads(plies.planes, plies.scalars, plies.legal)
        log_probs = logits.masked_fill(~target.mask, -1e9).log_softmax(dim=1)
        played = action_value.gather(1, plies.choice.long()[:, None]).squeeze(1)
        error = value_loss(played, batch.return_)
        total = cross_entropy_loss(target.probs, log_probs) + self.loss.value_weight * error
        weighted: Tensor = self.loss.weight(batch.games, batch.stored, batch.parts) * total
        return weighted
