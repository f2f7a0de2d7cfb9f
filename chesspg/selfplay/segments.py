"""Segments: a rollout is a number of plies in each of a fixed number of slots, where game follows game without end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chesspg.games.device import DeviceGames
from chesspg.games.game import Game, Games
from chesspg.learning import rewards
from chesspg.players.player import Player
from chesspg.selfplay.device_log import DeviceLog
from chesspg.selfplay.device_table import EVERY, Table, keys, turns
from chesspg.selfplay.loop import Seats, seating
from chesspg.selfplay.plies import Plies
from chesspg.selfplay.rollout import UNFINISHED, Replay, Rollout, rewarded

Positions = Callable[[NDArray[np.int64], NDArray[np.int64]], list[str]]


@dataclass(frozen=True)
class Slots:
    """The games of n slots between two rollouts. The games of a slot are numbered from 0."""

    index: NDArray[np.int64]  # [n] the numbers of the slots among those of all ranks
    begun: NDArray[np.int64]  # [n] how many games have begun in each
    ply: NDArray[np.int64]  # [n] the plies played in the newest of them
    alive: NDArray[np.bool_]  # [n] whether that game goes on
    starts: Sequence[str]  # [n] the position from which it began; '' for the initial one
    moves: Mapping[str, NDArray[Any]]  # slot [M] from 0 to n − 1, ply [M] and action [M] of the games that go on
    games: Mapping[str, Tensor]  # `DeviceGames.state` of the games; empty before the first rollout
    waiting: Mapping[str, Tensor]  # the same of the next game of each slot; empty if there is none yet
    ready: NDArray[np.bool_]  # [n] whether there is one
    next_starts: Sequence[str]  # [n] the position from which it begins

    def __len__(self) -> int:
        return len(self.index)

    @staticmethod
    def empty(index: NDArray[np.int64], first: int = 0) -> Slots:
        """Slots with these numbers [n], in which no game has begun; `first` is the number of their first game."""
        n, no = len(index), np.zeros(len(index), bool)
        none: dict[str, NDArray[Any]] = {name: np.zeros(0, np.int32) for name in ("slot", "ply", "action")}
        blank = [""] * n
        return Slots(index, np.full(n, first), np.zeros(n, np.int64), no, blank, none, {}, {}, no, blank)

    def state_dict(self) -> dict[str, Any]:
        """The state as primitives and tensors on the CPU. The games that wait are left out: they are prepared again."""
        moves = {**self.moves, "slot": self.index[self.moves["slot"]].astype(np.int32)}
        return {
            **{name: torch.from_numpy(getattr(self, name)) for name in ("index", "begun", "ply", "alive")},
            "starts": list(self.starts),
            "moves": {name: torch.from_numpy(column) for name, column in moves.items()},
            "games": {name: tensor.cpu() for name, tensor in self.games.items()},
        }

    @staticmethod
    def together(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The states of all ranks as one, in the order of the slots' numbers."""
        order = torch.cat([part["index"] for part in parts]).argsort()
        starts = [start for part in parts for start in part["starts"]]
        return {
            **{name: torch.cat([part[name] for part in parts])[order] for name in ("index", "begun", "ply", "alive")},
            "starts": [starts[row] for row in order.tolist()],
            "moves": {name: torch.cat([part["moves"][name] for part in parts]) for name in parts[0]["moves"]},
            "games": {name: torch.cat([part["games"][name] for part in parts])[order] for name in parts[0]["games"]},
        }

    @staticmethod
    def of_state(state: Mapping[str, Any], rank: int = 0, ranks: int = 1) -> Slots:
        """One rank's part of what `together` returned: the slots rank, rank + ranks, …"""
        mine = slice(rank, None, ranks)
        empty = Slots.empty(state["index"].numpy()[mine])
        moves = {name: column.numpy() for name, column in state["moves"].items()}
        here = moves["slot"] % ranks == rank
        return replace(
            empty,
            **{name: state[name].numpy()[mine] for name in ("begun", "ply", "alive")},
            starts=state["starts"][mine],
            moves={name: column[here] for name, column in {**moves, "slot": moves["slot"] // ranks}.items()},
            games={name: tensor[mine] for name, tensor in state["games"].items()},
        )


def play_segment(
    slots: Slots,
    plies: int,
    seats: Sequence[Seats],
    seed: int,
    *,
    game: Game,
    device: str,
    learner: Player,
    start: Callable[[list[str]], Games],
    positions: Positions | None = None,
    max_plies: int | None = None,
    reward: rewards.Reward = rewards.by_outcome,
    on_ply: Callable[[int, int], None] | None = None,
) -> tuple[Rollout, Slots]:
    """Go on with the games in slots on a device for a number of iterations.

    In each iteration every player moves once in all slots in which it is its turn, the learner before the others. Where
    a game has ended the next game of the slot begins. Its start, its seats and its random numbers depend on the slot
    and on the number of the game there: the k-th game of slot i has the random numbers of game i of rollout k. So
    several ranks play the games of one process.

    A game that goes on after the last iteration is cut: its reward in the rollout is the value that the learner's
    network expects of its last position, so that returns and advantages are bootstrapped there.

    Args:
        slots: The games so far. They are not changed, so that an interrupted rollout can be played again.
        plies: The number of iterations.
        seats: [n] the pair of players of each slot. All must be able to choose on a device.
        seed: The seed of the random numbers.
        game: The rules.
        device: The device as torch names it.
        learner: The player whose plies are stored; it must give the values that it expects.
        start: Starts games from texts of positions.
        positions: From the numbers of slots [m] and the numbers of their games [m] to the positions from which these
            begin. Without it, all begin from the initial position.
        max_plies: As for `play`.
        reward: As for `play`; of the games that have ended.
        on_ply: Called every few plies with the number of iterations and of plies played so far.

    Returns:
        The rollout, whose plies stay on the device, and the slots after it. A game of the rollout is the part of a game
        that was played in it; `Rollout.group` is its slot's number.

    Raises:
        NotOnDevice: The game has no rules for this device.
        BrokenContract: The game leaves no action to choose, or refuses one that it called legal.
        BadReward: The reward is not one finite number for each game.
        ValueError: A player needs the host, the learner gives no values, a start is over, or the slots are of another
            game.
    """
    began = time.perf_counter()
    # With itself first, the learner is player 0, which moves first.
    players, seated = seating([(learner, learner), *seats], len(slots) + 1)
    pairs, which = np.unique(np.sort(seated[1:], axis=1), axis=0, return_inverse=True)
    which = which.reshape(-1)
    log = DeviceLog(0)
    table = Table(game.on_device(game.start(1), len(slots), device), players, log, max_plies)
    table.lay_out(turns([(a, b) for a, b in pairs.tolist()], np.bincount(which, minlength=len(pairs)).tolist()))
    run = _Endless(table, slots, seated[1:], np.argsort(which, kind="stable"), seed, game, start, positions)
    run.play(plies, on_ply)
    value = table.choosers[0](table.games, torch.zeros(len(slots), dtype=torch.float64, device=device)).value
    if value is None:
        raise ValueError("segments need a network with a value head; set value: true")
    after = run.slots()
    moves = log.moves()
    # [games] the numbers of the games of this rollout, as the table has them; [numbers] their places in the rollout.
    present = np.zeros(max(len(slots), int(moves["game"].max()) + 1), bool)
    present[moves["game"]] = True
    number, place = np.flatnonzero(present), present.cumsum() - 1
    slot, carried = number % len(slots), np.where(number < len(slots), slots.ply[number % len(slots)], 0)
    played = place[moves["game"]]
    length = (np.bincount(played) + carried).astype(np.int32)
    outcome, reason = np.zeros(len(number), np.int8), np.full(len(number), UNFINISHED, np.uint8)
    ends = {name: column[moves["ended"]] for name, column in {**moves, "game": played}.items()}
    outcome[ends["game"]], reason[ends["game"]] = ends["outcome"], ends["reason"]
    f = run.by_slot(value.float() * (1 - 2 * table.games.player))[slot]  # of player 0
    ended = reason != UNFINISHED
    if ended.any():
        ahead = np.zeros(len(number), np.float32)
        if max_plies is not None:
            ahead[ends["game"]] = np.where(ends["reason"] == 0, ends["ahead"], 0)
        f[ended] = rewarded(reward, outcome[ended], reason[ended], ahead[ended])
    earlier = {**slots.moves, "game": place[slots.moves["slot"]]}
    every = {
        name: np.concatenate((earlier[name], {**moves, "game": played}[name])) for name in ("game", "ply", "action")
    }
    goes_on = ~ended[every["game"]]
    left = {name: column[goes_on] for name, column in every.items()}
    left["slot"] = slot[left.pop("game")].astype(np.int32)
    kept: Plies[Any] = log.kept()
    rollout = Rollout(
        recorded=replace(kept, game=torch.from_numpy(place).to(device)[kept.game.long()].int()),
        outcome=outcome,
        reason=reason,
        reward=f,
        length=length,
        finished=[(np.arange(len(number)), Replay(run.starts(start, number), len(number), *every.values()))],
        group=slots.index[slot].astype(np.int32),
        seconds=time.perf_counter() - began,
        occupancy=log.occupancy,
        carried=int(carried.sum()),
    )
    return rollout, replace(after, moves=left)


class _Endless:
    """A table in whose slots the next game begins as soon as one has ended.

    Each slot has a game that waits. Between two questions to the device a slot can begin one game, or any number if all
    start from the initial position. In a rollout the games of slot i of n have the numbers i, i + n, …; i is that which
    an earlier rollout began.

    Args:
        table: The table, without any game. A row of it is a slot; the rows are in the order of the partitions.
        before: The slots before the rollout.
        seated: [n] which player sits on each seat of a slot.
        order: [n] the slot in each row of the table.
        seed: As for `play_segment`.
        game: The rules.
        start: As for `play_segment`.
        positions: As for `play_segment`.
    """

    def __init__(
        self,
        table: Table,
        before: Slots,
        seated: NDArray[np.int64],
        order: NDArray[np.int64],
        seed: int,
        game: Game,
        start: Callable[[list[str]], Games],
        positions: Positions | None,
    ) -> None:
        self.table, self.before, self.order, self.seed = table, before, order, seed
        self.game, self.start, self.positions = game, start, positions
        self.device = device = str(table.games.device)
        self.back = np.argsort(order)  # [n] the row of each slot

        def here(array: NDArray[Any]) -> Tensor:
            return torch.from_numpy(array[order]).to(device)

        rows = torch.from_numpy(order).to(device)
        table.seats, table.ply, table.alive = here(seated), here(before.ply), here(before.alive)
        self.index, self.begun, self.ready = here(before.index), here(before.begun), here(before.ready)
        self.first = self.begun
        self.slot = rows
        if before.games:
            table.games.load_state({name: tensor.to(device)[rows] for name, tensor in before.games.items()})
        self.waiting = game.on_device(game.start(1), len(before), device)
        if positions is None:
            self.ready = torch.ones_like(self.ready)
            self.waiting.reset(self.ready, torch.zeros_like(self.begun))
        elif before.waiting:
            self.waiting.load_state({name: tensor[rows] for name, tensor in before.waiting.items()})
        n = len(before)
        self.texts = dict(enumerate(before.starts)) | dict(enumerate(before.next_starts, n))  # by number of the game

    def play(self, plies: int, on_ply: Callable[[int, int], None] | None) -> None:
        """Play this number of iterations. The device is asked for facts every EVERY iterations and never in between."""
        table, ready, begun = self.table, self.before.ready[self.order], self.before.begun[self.order]
        for done in range(0, plies, EVERY):
            if self.positions:
                self._prepare(self.positions, np.flatnonzero(~ready), begun)
            for _ in range(min(EVERY, plies - done)):
                self._fill()
                table.play()
            table.log.cut()
            facts = torch.stack((table.games.illegal.long(), self.ready.long(), self.begun)).numpy(force=True)
            table.require_legal(facts[0].any())
            ready, begun = facts[1].astype(bool), facts[2]
            if on_ply:
                on_ply(min(done + EVERY, plies), table.log.plies)

    def _prepare(self, positions: Positions, rows: NDArray[np.int64], begun: NDArray[np.int64]) -> None:
        """Let the next game wait in these rows [m], in which none does; `begun` [n] games have begun in each row."""
        if not len(rows):
            return
        slot = self.order[rows]
        texts = positions(self.before.index[slot], begun[rows])
        games = self.start(texts)
        over = games.outcomes().over
        if over.any():
            raise ValueError(f"starts must be positions from which the game goes on, got {texts[int(over.argmax())]!r}")
        fresh = self.game.on_device(games, len(rows), self.device)
        at = torch.from_numpy(rows).to(self.device)
        fresh.reset(
            torch.ones(len(rows), dtype=torch.bool, device=self.device), torch.arange(len(rows), device=self.device)
        )
        waiting = self.waiting.state()
        for name, tensor in fresh.state().items():
            waiting[name].index_copy_(0, at, tensor)
        self.ready = torch.ones_like(self.ready)
        number = (begun[rows] - self.before.begun[slot] + 1) * len(self.before) + slot
        self.texts |= dict(zip(number.tolist(), texts, strict=True))

    def _fill(self) -> None:
        """Begin the game that waits in each slot that is free."""
        table = self.table
        begins = ~(table.alive | table.games.illegal) & self.ready
        if self.positions:
            self.ready = self.ready & ~begins
        self.begun = self.begun + begins
        _put(table.games, self.waiting, begins)
        table.number = (self.begun - self.first) * len(self.before) + self.slot
        table.key = keys(self.seed, self.begun - 1, self.index)
        table.ply = torch.where(begins, 0, table.ply)
        table.alive = table.alive | begins

    def by_slot(self, tensor: Tensor) -> NDArray[Any]:
        """A tensor [n, …] with a row for each row of the table, as an array with one for each slot."""
        return tensor.numpy(force=True)[self.back]

    def slots(self) -> Slots:
        """The slots now, but for the moves."""
        table, back, n = self.table, torch.from_numpy(self.back).to(self.device), len(self.before)
        begun = self.by_slot(self.begun)
        number = ((begun - self.before.begun) * n + np.arange(n)).tolist()
        return replace(
            self.before,
            begun=begun,
            ply=self.by_slot(table.ply),
            alive=self.by_slot(table.alive),
            ready=self.by_slot(self.ready),
            games={name: tensor[back] for name, tensor in table.games.state().items()},
            waiting={name: tensor[back] for name, tensor in self.waiting.state().items()} if self.positions else {},
            starts=[self.texts.get(k, "") for k in number],
            next_starts=[self.texts.get(k + n, "") for k in number],
        )

    def starts(
        self, start: Callable[[list[str]], Games], number: NDArray[np.int64]
    ) -> Callable[[NDArray[np.int64]], Games]:
        """Starts the games of the rollout again, which have these numbers [games]."""
        texts = self.texts
        return lambda rows: start([texts.get(k, "") for k in number[rows].tolist()])


def _put(games: DeviceGames, others: DeviceGames, rows: Tensor) -> None:
    """Replace the games in some slots, rows [n] bool, by those of others."""
    others_state = others.state()
    for name, tensor in games.state().items():
        chosen = rows.view(-1, *(1 for _ in tensor.shape[1:]))
        tensor.copy_(torch.where(chosen, others_state[name], tensor))
