"""How players choose in games on a device, for all slots at once and without waiting for the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from chesspg.games.device import DeviceGames
from chesspg.players.player import WIN, Greedy, Mixture, Player, Random
from chesspg.players.policy_player import PolicyPlayer


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """What a player chooses in each slot. In a slot without a legal action, the numbers mean nothing."""

    index: Tensor  # [slots] int64 position in the slot's legal list
    log_prob: Tensor | None = None  # [slots] float32, as Choice.log_prob
    value: Tensor | None = None  # [slots] float32, as Choice.value


Choose = Callable[[DeviceGames, Tensor], DeviceChoice]


@runtime_checkable
class OnDevice(Player, Protocol):
    """A player of your own that can also choose on a device.

    A player with a network may have an attribute `device`, as `PolicyPlayer` has. It then plays only on that device.
    """

    def choose_on_device(self, games: DeviceGames, uniforms: Tensor) -> DeviceChoice:
        """Choose a legal action in every slot; it must be the one that `choose` would choose.

        Args:
            games: The games. It is this player's turn in some of the slots, and only there does its choice matter.
            uniforms: [slots] float64 numbers in [0, 1), the only randomness that it may use.
        """


def chooser(player: Player) -> Choose | None:
    """How a player chooses on a device; None for a player that needs the host, such as an engine or minimax."""
    if isinstance(player, OnDevice):
        return player.choose_on_device
    if type(player) is Mixture and not chooser(player.player):
        return None
    choose = CHOOSERS.get(type(player))  # the very class: a subclass may choose differently
    return partial(choose, player) if choose else None


def _random(player: Random, games: DeviceGames, uniforms: Tensor) -> DeviceChoice:
    counts = (games.legal >= 0).sum(dim=1)
    return DeviceChoice((uniforms * counts).long(), -counts.clamp(min=1).double().log().float())


def _greedy(player: Greedy, games: DeviceGames, uniforms: Tensor) -> DeviceChoice:
    legal = games.legal >= 0
    children = games.children()
    score = (children.heuristic() + WIN * children.outcome).view(legal.shape)
    score = ((1 - 2 * games.player)[:, None] * score).masked_fill(~legal, -torch.inf)
    equal = (score == score.amax(dim=1, keepdim=True)) & legal
    ties = equal.sum(dim=1)
    wanted = (uniforms * ties).long() + 1
    index = ((equal.cumsum(dim=1) == wanted[:, None]) & equal).byte().argmax(dim=1)
    return DeviceChoice(index, -ties.clamp(min=1).double().log().float())


def _policy(player: PolicyPlayer, games: DeviceGames, uniforms: Tensor) -> DeviceChoice:
    with torch.no_grad(), player.forward_context():
        distribution = player.policy(games.planes, games.scalars, games.legal)
    value = None if distribution.value is None else distribution.value.float()
    if player.greedy:
        return DeviceChoice(distribution.mode(), torch.zeros_like(uniforms, dtype=torch.float32), value)
    index = distribution.sample(uniforms).clamp(min=0)
    return DeviceChoice(index, distribution.log_prob(index).float(), value)


def _mixture(player: Mixture, games: DeviceGames, uniforms: Tensor) -> DeviceChoice:
    other = chooser(player.player)
    assert other
    p = player.random
    rest = ((uniforms - p) / (1 - p) if p < 1 else uniforms).clamp(0, 1 - 2**-53)
    at_random = _random(Random(), games, uniforms / p if p else uniforms).index
    return DeviceChoice(torch.where(uniforms < p, at_random, other(games, rest).index))


CHOOSERS: Mapping[type, Callable[[Any, DeviceGames, Tensor], DeviceChoice]] = {
    Random: _random,
    Greedy: _greedy,
    PolicyPlayer: _policy,
    Mixture: _mixture,
}
