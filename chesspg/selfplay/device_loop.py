"""The loop on a device: whole games from a queue, in slots that are partitioned by the players who sit there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chesspg.games.game import Game, Games
from chesspg.games.randomness import Randomness
from chesspg.learning import rewards
from chesspg.players.player import Player
from chesspg.selfplay.device_log import DeviceLog, enter_ends
from chesspg.selfplay.device_table import PERIOD, Table, intervals
from chesspg.selfplay.loop import Seats, play, seating
from chesspg.selfplay.rollout import Replay, Rollout, Values, rewarded

SLOTS = 8192  # the most slots by default: enough positions for one call of a network to fill a large GPU
SIZES = 8  # the number of sizes to which a partition shrinks while its last games are played


def play_on_device(
    starts: Games,
    seats: Seats | Sequence[Seats],
    rng: Randomness,
    *,
    game: Game,
    device: str,
    learner: Player | None = None,
    max_plies: int | None = None,
    reward: rewards.Reward = rewards.by_outcome,
    index: NDArray[np.integer[Any]] | None = None,
    on_ply: Callable[[int, int], None] | None = None,
    slots: int | None = None,
) -> Rollout:
    """Play all games to their end on a device; the same games as `play`, in the same order of plies.

    The games wait in a queue. Each that starts is played to its end and counted, and the start, the seats and the
    random numbers of a game depend on its index and never on its slot. So neither the games nor the estimate depend on
    the number of slots, except that a network may round differently in a batch of another size.

    In each iteration every player moves once in all slots in which it is its turn, so that games between two players
    advance by two plies while games of one player with itself advance by one.

    Args:
        starts: The games, at their starts, on the host.
        seats: One pair of players for all games, or a pair for each game. All must be able to choose on a device.
        rng: The random numbers of this rollout.
        game: The rules.
        device: The device as torch names it.
        learner: As for `play`.
        max_plies: As for `play`.
        reward: As for `play`.
        index: As for `play`.
        on_ply: Called every few plies with the number of games over and of plies played so far.
        slots: The largest number of games at once, at least 1; SLOTS by default. Each pair of players has a slot.

    Returns:
        The rollout, whose plies stay on the device.

    Raises:
        NotOnDevice: The game has no rules for this device.
        BrokenContract: The game leaves no action to choose, or refuses one that it called legal.
        BadReward: The reward is not one finite number for each game.
        ValueError: There is not one pair of seats for each game, a player needs the host, or slots is below 1.
    """
    began = time.perf_counter()
    total = len(starts)
    slots = SLOTS if slots is None else slots
    if slots < 1:
        raise ValueError(f"slots must be at least 1, got {slots}")
    players, seated = seating(seats, total)
    outcomes = starts.outcomes()
    if outcomes.over.all():  # there is nothing to play
        return play(starts, seats, rng, learner=learner, max_plies=max_plies, reward=reward, index=index)
    queue = _Queue.of(seated, ~outcomes.over, slots)
    log = DeviceLog(next((k for k, player in enumerate(players) if player is learner), None))
    table = Table(game.on_device(starts, queue.slots, device), players, log, max_plies)
    keys = rng.keys(np.arange(total) if index is None else index).view(np.int64)
    _WholeGames(table, queue, *(torch.from_numpy(array).to(device) for array in (seated, keys))).play(on_ply)
    moves = log.moves()
    outcome, reason, length = outcomes.outcome.copy(), outcomes.reason.copy(), np.zeros(total, np.int32)
    ahead = enter_ends(moves, outcome, reason)
    length[moves["game"][moves["ended"]]] = moves["ply"][moves["ended"]] + 1
    return Rollout(
        recorded=log.kept(),
        outcome=outcome,
        reason=reason,
        reward=rewarded(reward, outcome, reason, ahead),
        length=length,
        finished=[(np.arange(total), Replay(starts.__getitem__, total, moves["game"], moves["ply"], moves["action"]))],
        group=np.zeros(total, np.int32),
        values=_values(moves, length) if learner is None else {},
        seconds=time.perf_counter() - began,
        occupancy=log.occupancy,
    )


def _values(moves: dict[str, NDArray[Any]], length: NDArray[np.int32]) -> dict[int, Values]:
    """By game, the returns that its movers expected, ply by ply; without games in which no player gave any."""
    values = np.full((len(length), int(length.max(initial=0))), np.nan, np.float32)
    values[moves["game"], moves["ply"]] = moves["value"]
    given = np.flatnonzero(~np.isnan(values).all(axis=1)) if values.size else np.zeros(0, np.int64)
    rows = (values[game, : length[game]].tolist() for game in given.tolist())
    return {
        game: tuple(None if np.isnan(value) else value for value in row)
        for game, row in zip(given.tolist(), rows, strict=True)
    }


@dataclass
class _Queue:
    """The games that wait, by their pair of players, and how many slots each pair has."""

    pairs: list[tuple[int, int]]  # [P] the two players of each partition, in either order of seats
    order: list[NDArray[np.int64]]  # [P] the numbers of the games of each
    sizes: list[int]  # [P] the slots of each

    @staticmethod
    def of(seated: NDArray[np.int64], goes_on: NDArray[np.bool_], slots: int) -> _Queue:
        """Share slots among the pairs in proportion to the time that their games take.

        Args:
            seated: [games, 2] which player sits on each seat.
            goes_on: [games] whether the game is to be played at all.
            slots: The largest number of slots; each pair has at least one nevertheless.
        """
        waiting = np.flatnonzero(goes_on)
        pairs, which = np.unique(np.sort(seated[waiting], axis=1), axis=0, return_inverse=True)
        order = [waiting[which.reshape(-1) == k] for k in range(len(pairs))]
        # A game between two players advances by two plies per iteration, so it takes half as many iterations.
        work = [len(games) * (2 if a == b else 1) for games, (a, b) in zip(order, pairs.tolist(), strict=True)]
        sizes = [max(1, min(len(games), part * slots // sum(work))) for games, part in zip(order, work, strict=True)]
        return _Queue([(a, b) for a, b in pairs.tolist()], order, sizes)

    @property
    def slots(self) -> int:
        return sum(self.sizes)

    def shrunk(self, live: Sequence[int]) -> _Queue | None:
        """The same pairs with fewer slots, once nothing waits any more; None if that would save too little.

        Args:
            live: [P] the games that go on in each partition.
        """
        # There are only a few sizes, because cuDNN makes a plan for each new one, and each change copies the slots.
        units = [-(-len(games) // SIZES) for games in self.order]
        sizes = [min(size, -(-n // unit) * unit) for size, n, unit in zip(self.sizes, live, units, strict=True)]
        return _Queue(self.pairs, self.order, sizes) if 8 * sum(sizes) <= 7 * self.slots else None


class _WholeGames:
    """A table whose slots take whole games from a queue until none is left.

    Args:
        table: The table.
        queue: What waits for its slots.
        seated: [games, 2] which player sits on each seat.
        keys: [games] `Randomness.keys` of each game, as int64.
    """

    def __init__(self, table: Table, queue: _Queue, seated: Tensor, keys: Tensor) -> None:
        self.table, self.seated, self.keys = table, seated, keys
        device = seated.device
        self.order = torch.from_numpy(np.concatenate(queue.order)).to(device)
        lengths = torch.tensor([len(games) for games in queue.order], device=device)
        self.end = lengths.cumsum(0)  # [P] where each partition's part of `order` ends
        self.next = self.end - lengths  # [P] the next game
        self._lay_out(queue)

    def _lay_out(self, queue: _Queue) -> None:
        """Cut the slots into partitions."""
        self.queue = queue
        self.table.lay_out(intervals(queue.pairs, queue.sizes))
        sizes = torch.tensor(queue.sizes, device=self.seated.device)
        self.partition = torch.arange(len(sizes), device=sizes.device).repeat_interleave(sizes)  # [slots]
        self.edges = torch.cat((sizes.new_zeros(1), sizes.cumsum(0)))  # [P + 1] the first slot of each; their number

    def play(self, on_ply: Callable[[int, int], None] | None) -> None:
        """Play until no game is left. The host waits for the device only once in PERIOD iterations."""
        table = self.table
        while True:
            for _ in range(PERIOD):
                self._fill()
                table.play()
            table.log.cut()
            waiting, illegal, *live = torch.cat(
                (
                    (self.end - self.next).sum()[None],
                    table.games.illegal.any().long()[None],
                    self._per_partition(table.alive),
                )
            ).tolist()
            table.require_legal(illegal)
            if on_ply:
                on_ply(table.log.over, table.log.plies)
            if not waiting:
                if not any(live):
                    return
                if fewer := self.queue.shrunk(live):
                    self._shrink(fewer)

    def _per_partition(self, flags: Tensor) -> Tensor:
        """[P] how many slots of each partition are flagged [slots]."""
        running = torch.cat((self.edges.new_zeros(1), flags.cumsum(0)))
        return running[self.edges[1:]] - running[self.edges[:-1]]

    def _fill(self) -> None:
        """Begin the next games of the queue in the slots that are free, in the order of the slots."""
        table = self.table
        free = ~(table.alive | table.games.illegal)
        running = free.cumsum(0)
        before = torch.cat((running.new_zeros(1), running))[self.edges[:-1]]  # [P] free slots in the partitions before
        place = self.next[self.partition] + running - 1 - before[self.partition]
        begins = free & (place < self.end[self.partition])
        number = self.order[place.clamp(0, len(self.order) - 1)]
        table.number = torch.where(begins, number, table.number)
        table.key, table.seats = self.keys[table.number], self.seated[table.number]
        table.ply = torch.where(begins, 0, table.ply)
        table.alive = table.alive | begins
        self.next = torch.minimum(self.next + self._per_partition(free), self.end)
        table.games.reset(begins, table.number)

    def _shrink(self, queue: _Queue) -> None:
        """Keep only the slots that a smaller queue needs: those whose games go on, and some that are free."""
        table, edges, rows = self.table, np.cumsum([0, *self.queue.sizes]).tolist(), []
        for first, last, size in zip(edges, edges[1:], queue.sizes, strict=False):
            rows.append(first + torch.argsort((~table.alive[first:last]).byte(), stable=True)[:size])
        kept = torch.cat(rows)
        table.games = table.games.take(kept)
        table.number, table.ply, table.alive = (state[kept] for state in (table.number, table.ply, table.alive))
        self._lay_out(queue)
