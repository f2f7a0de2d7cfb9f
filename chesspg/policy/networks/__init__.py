"""Networks from a game's planes and scalars to a logit for every legal action and, if configured, a value."""

from __future__ import annotations

from chesspg.policy.networks.board_net import BoardNet as BoardNet
from chesspg.policy.networks.mlp import MLP as MLP
from chesspg.policy.networks.network import Network as Network
from chesspg.policy.networks.network import NetworkOutput as NetworkOutput
from chesspg.policy.networks.residual_net import ResidualNet as ResidualNet
