"""The slots of a device, the players who choose there, and one turn of each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from chesspg.games.contract import BrokenContract
from chesspg.games.device import DeviceGames
from chesspg.games.randomness import mix
from chesspg.players.on_device import Choose, chooser
from chesspg.players.player import Player
from chesspg.selfplay.device_log import DeviceLog

PERIOD = 16  # iterations after which the host reads from the device how many games go on and what was played


class Interval(NamedTuple):
    """Neighboring slots, from `first` to `last` − 1, in all of which a player sits."""

    player: int
    first: int
    last: int


def intervals(pairs: Sequence[tuple[int, int]], sizes: Sequence[int]) -> list[Interval]:
    """The intervals of slots in which each player sits, by player; neighboring partitions are joined.

    Args:
        pairs: [P] the two players of each partition, in either order of seats.
        sizes: [P] the number of slots of each partition; the partitions follow one another.
    """
    edges = [sum(sizes[:k]) for k in range(len(sizes) + 1)]
    found: list[Interval] = []
    for player in sorted({player for pair in pairs for player in pair}):
        for k, pair in enumerate(pairs):
            if player not in pair or not sizes[k]:
                continue
            if found and found[-1].player == player and found[-1].last == edges[k]:
                found[-1] = found[-1]._replace(last=edges[k + 1])
            else:
                found.append(Interval(player, edges[k], edges[k + 1]))
    return found


class Table:
    """The slots, and the players who choose in them. The loop that owns a table begins the games.

    Args:
        games: The games in the slots.
        players: The players, by number.
        log: What has been played.
        max_plies: The ply cap.

    Raises:
        ValueError: A player needs the host.
    """

    def __init__(self, games: DeviceGames, players: Sequence[Player], log: DeviceLog, max_plies: int | None) -> None:
        self.games, self.log, self.max_plies = games, log, max_plies
        self.choosers = [_chooser(player) for player in players]
        slots, device = len(games), games.device
        self.number = torch.zeros(slots, dtype=torch.int64, device=device)  # of the game in each slot
        self.key = torch.zeros(slots, dtype=torch.int64, device=device)  # its `Randomness.keys`
        self.seats = torch.zeros(slots, 2, dtype=torch.int64, device=device)  # which player sits on each of its seats
        self.ply = torch.zeros(slots, dtype=torch.int64, device=device)  # of that game
        self.alive = torch.zeros(slots, dtype=torch.bool, device=device)  # whether it goes on
        self._laid_out: list[tuple[Interval, DeviceGames]] = []

    def lay_out(self, intervals: Sequence[Interval]) -> None:
        """Set the slots in which each player sits; they move in this order."""
        self._laid_out = [(interval, self.games.part(interval.first, interval.last)) for interval in intervals]

    def play(self) -> None:
        """Let every player move once in all slots in which it is its turn."""
        for interval, games in self._laid_out:
            self._move(interval, games)

    def require_legal(self, illegal: object) -> None:
        """Raise BrokenContract for a game that goes on without a legal action, or refuses a legal one.

        Args:
            illegal: Whether there is one; the loop reads this from the device together with other facts.
        """
        if not illegal:
            return
        slot = int(self.games.illegal.byte().argmax())
        raise BrokenContract(
            f"game {int(self.number[slot])} on {self.games.device} goes on after {int(self.ply[slot])} plies but has "
            "no legal action there, or refuses one that it called legal"
        )

    def _move(self, interval: Interval, games: DeviceGames) -> None:
        """Let a player move in all slots of an interval in which it is its turn."""
        at = slice(interval.first, interval.last)
        number, ply, player = self.number[at], self.ply[at].clone(), games.player
        mine = self.alive[at] & (self.seats[at].gather(1, player.long()[:, None])[:, 0] == interval.player)
        choice = self.choosers[interval.player](games, uniforms(self.key[at], ply))
        action = games.legal.gather(1, choice.index[:, None])[:, 0]
        value = torch.full_like(ply, torch.nan, dtype=torch.float32) if choice.value is None else choice.value
        entry = {"mine": mine, "game": number.int(), "ply": ply.int(), "action": action, "value": value}
        if interval.player == self.log.learner:
            if choice.log_prob is None:
                raise ValueError("a player that learns must give the log-probability of what it chose")
            own = {"game": number.int(), "ply": ply, "choice": choice.index.short(), "log_prob": choice.log_prob}
            own |= {name: getattr(games, name).clone() for name in ("planes", "scalars", "player", "legal")}
            self.log.learned({"mine": mine, **own} | ({} if choice.value is None else {"value": choice.value}))
        games.step(action, mine)
        ended = mine & (games.reason != 0)
        if self.max_plies is not None:
            ended = ended | (mine & (ply + 1 == self.max_plies))
            entry["ahead"] = games.heuristic()
        self.log.played({**entry, "ended": ended, "outcome": games.outcome.clone(), "reason": games.reason.clone()})
        self.ply[at] = ply + (mine & ~games.illegal)
        self.alive[at] = self.alive[at] & ~(ended | games.illegal)


def _chooser(player: Player) -> Choose:
    choose = chooser(player)
    if choose is None:
        raise ValueError(f"{type(player).__name__} can't choose on a device")
    return choose


def keys(seed: int, rollout: Tensor, game: Tensor) -> Tensor:
    """[N] int64 `Randomness(seed, rollout).keys(game)`, for rollouts [N] and games [N]."""
    of_seed = int(mix(np.array([seed % 2**64], np.uint64)).view(np.int64)[0])
    return _mix(_mix(rollout ^ of_seed) ^ game)


def uniforms(keys: Tensor, ply: Tensor) -> Tensor:
    """[N] float64 `Randomness.uniforms`.

    Args:
        keys: [N] `Randomness.keys` of the games, as int64.
        ply: [N] the ply of each game.
    """
    return _shifted(_mix(keys ^ ply), 11).double() * 2.0**-53


def _mix(x: Tensor) -> Tensor:
    """As `randomness.mix`, on words with the same bits; torch's int64 wraps around as uint64 does."""
    x = x + (0x9E3779B97F4A7C15 - 2**64)
    x = (x ^ _shifted(x, 30)) * (0xBF58476D1CE4E5B9 - 2**64)
    x = (x ^ _shifted(x, 27)) * (0x94D049BB133111EB - 2**64)
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """`x >> bits` as if x were unsigned."""
    return x >> bits & (1 << 64 - bits) - 1
