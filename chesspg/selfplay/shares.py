"""Games shared between a device and the host: each is played where its players can choose.

This module imports torch only when there is a device, because a match without a policy needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import Game, Games, NotOnDevice
from chesspg.games.randomness import Randomness
from chesspg.learning import rewards
from chesspg.players.player import Player
from chesspg.selfplay.loop import Seats, play
from chesspg.selfplay.plies import Plies
from chesspg.selfplay.rollout import Rollout


def place(game: Game, players: Sequence[Player]) -> str | None:
    """Find where to play the games of these players: on the GPU that computes their policies, or on the host.

    Args:
        game: The rules.
        players: All players of the games.

    Returns:
        The GPU as torch names it. None for the host, if the policies are not all on one GPU of CUDA, if the game has no
        rules there, or if a player, such as an engine, can't choose there.
    """
    devices = {str(found) for player in players if (found := getattr(player, "device", None)) is not None}
    device = devices.pop() if len(devices) == 1 else ""
    if not device.startswith("cuda"):
        return None
    from chesspg.games.contract.device import require_device
    from chesspg.players.on_device import chooser

    if not all(map(chooser, players)):
        return None
    try:
        require_device(game, device)
    except NotOnDevice:
        return None
    return device


def play_on(
    device: str | None,
    game: Game,
    starts: Games,
    seats: Seats | Sequence[Seats],
    rng: Randomness,
    *,
    learner: Player | None = None,
    max_plies: int | None = None,
    reward: rewards.Reward = rewards.by_outcome,
    index: NDArray[np.integer[Any]] | None = None,
    on_ply: Callable[[int, int], None] | None = None,
    slots: int | None = None,
) -> Rollout:
    """Play on a device the games whose players can choose there, and then the others by the host's loop.

    Args:
        device: The device as torch names it; None for the host's loop alone.
        game: The rules.
        starts: The games, at their starts.
        seats: As for `play`.
        rng: As for `play`.
        learner: As for `play`.
        max_plies: As for `play`.
        reward: As for `play`.
        index: As for `play`.
        on_ply: As for `play`.
        slots: As for `play_on_device`.

    Returns:
        The rollout. If any game was played on the device, all its plies are there.

    Raises:
        NotOnDevice: The game has no rules for this device.
        BrokenContract, BadReward, ValueError: As for `play`.
    """
    total = len(starts)
    index = np.arange(total) if index is None else index
    common: dict[str, Any] = {"learner": learner, "max_plies": max_plies, "reward": reward}
    on_host: Callable[..., Rollout] = partial(play, **common)
    if device is None:
        return on_host(starts, seats, rng, index=index, on_ply=on_ply)
    from chesspg.players.on_device import chooser
    from chesspg.selfplay.device_loop import play_on_device

    on_device: Callable[..., Rollout] = partial(play_on_device, game=game, device=device, slots=slots, **common)
    pairs = [seats] * total if isinstance(seats, tuple) else list(seats)
    able = {
        id(player): chooser(player) is not None and str(getattr(player, "device", None) or device) == device
        for pair in pairs
        for player in pair
    }
    there = np.array([able[id(a)] and able[id(b)] for a, b in pairs], dtype=bool)
    if there.all() or len(there) != total:  # the latter is reported there
        return on_device(starts, seats, rng, index=index, on_ply=on_ply)
    if not there.any():
        return on_host(starts, seats, rng, index=index, on_ply=on_ply)
    first, second = np.flatnonzero(there), np.flatnonzero(~there)
    ours = on_device(starts[first], [pairs[row] for row in first], rng, index=index[first], on_ply=on_ply)
    on_ply = added(on_ply, len(first), int(ours.length.sum()))
    theirs = on_host(starts[second], [pairs[row] for row in second], rng, index=index[second], on_ply=on_ply)
    return _together(ours, first, theirs, second)


def added(on_ply: Callable[[int, int], None] | None, over: int, plies: int) -> Callable[[int, int], None] | None:
    """The same `on_ply`, called with the games over and the plies played before added to the numbers that it gets."""
    if on_ply is None:
        return None
    call = on_ply
    return lambda more_over, more_plies: call(over + more_over, plies + more_plies)


def _together(ours: Rollout, first: NDArray[np.int64], theirs: Rollout, second: NDArray[np.int64]) -> Rollout:
    """One rollout of two, whose games get these numbers in it. The plies are where those of `ours` are."""
    both = (ours, first), (theirs, second)
    order = np.argsort(np.concatenate((first, second)))
    names = "outcome", "reason", "reward", "length", "group"
    per_game: dict[str, Any] = {
        name: np.concatenate((getattr(ours, name), getattr(theirs, name)))[order] for name in names
    }
    recorded = theirs.recorded  # without a learner neither has any
    if len(ours.recorded):
        import torch

        device = ours.recorded.planes.device
        parts = []
        for rollout, rows in both:
            plies = rollout.recorded.to(device)
            parts.append(replace(plies, game=torch.from_numpy(rows).to(device)[plies.game.long()].int()))
        recorded = Plies.concatenate(parts)
    return Rollout(
        recorded=recorded,
        **per_game,
        finished=[(rows[at], games) for rollout, rows in both for at, games in rollout.finished],
        forfeits={int(second[game]): why for game, why in theirs.forfeits.items()},
        values={int(rows[game]): values for rollout, rows in both for game, values in rollout.values.items()},
        seconds=ours.seconds + theirs.seconds,
        occupancy=ours.occupancy,
    )
