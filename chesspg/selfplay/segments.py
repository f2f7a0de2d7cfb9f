"""Segments: rollouts of a fixed number of plies in each slot, in which the next game begins where one has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chesspg.games.device import DeviceGames
from chesspg.games.game import Game, Games
from chesspg.learning import rewards
from chesspg.players.player import Player
from chesspg.selfplay.device_log import DeviceLog, enter_ends
from chesspg.selfplay.device_table import PERIOD, Table, intervals, keys
from chesspg.selfplay.loop import Seats, seating
from chesspg.selfplay.plies import Plies
from chesspg.selfplay.rollout import UNFINISHED, Replay, Rollout, rewarded
from chesspg.selfplay.slots import Slots

Positions = Callable[[NDArray[np.int64], NDArray[np.int64]], list[str]]


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
    a game has ended, the next game of the slot begins. Its start, its seats and its random numbers depend on the slot
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
        reward: As for `play`; it is called for the games that have ended.
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
    # A game of the learner against itself is put first, so that the learner is player 0, which moves first.
    players, seated = seating([(learner, learner), *seats], len(slots) + 1)
    pairs, which = np.unique(np.sort(seated[1:], axis=1), axis=0, return_inverse=True)
    which = which.reshape(-1)
    log = DeviceLog(0)
    table = Table(game.on_device(game.start(1), len(slots), device), players, log, max_plies)
    table.lay_out(intervals([(a, b) for a, b in pairs.tolist()], np.bincount(which, minlength=len(pairs)).tolist()))
    run = _Endless(table, slots, seated[1:], np.argsort(which, kind="stable"), seed, game, start, positions)
    run.play(plies, on_ply)
    value = table.choosers[0](table.games, torch.zeros(len(slots), dtype=torch.float64, device=device)).value
    if value is None:
        raise ValueError("segments need a network with a value head; set value: true")
    to_move = run.by_slot(table.games.player)
    rollout, moves = _rollout(run, run.by_slot(value.float()) * (1 - 2 * to_move), to_move, reward)
    return replace(rollout, seconds=time.perf_counter() - began), replace(run.slots(), moves=moves)


def _rollout(
    run: _Endless, value: NDArray[np.float32], to_move: NDArray[np.integer[Any]], reward: rewards.Reward
) -> tuple[Rollout, dict[str, NDArray[Any]]]:
    """The rollout that was played, and the moves of the games that go on, as `Slots.moves`.

    Args:
        run: What was played.
        value: [n] the value of the last position of each slot, for player 0.
        to_move: [n] whose turn it is there.
        reward: As for `play_segment`.
    """
    before, log = run.before, run.table.log
    moves, n = log.moves(), len(before)
    # Numbers of games as the table has them become their places in the rollout.
    present = np.zeros(max(n, int(moves["game"].max()) + 1), bool)
    present[moves["game"]] = True
    number, place = np.flatnonzero(present), present.cumsum() - 1  # [games], [numbers]
    slot, carried = number % n, np.where(number < n, before.ply[number % n], 0)  # [games]
    moves["game"] = place[moves["game"]]
    outcome, reason = np.zeros(len(number), np.int8), np.full(len(number), UNFINISHED, np.uint8)
    ahead = enter_ends(moves, outcome, reason)
    f, ended = value[slot], reason != UNFINISHED
    if ended.any():
        f[ended] = rewarded(reward, outcome[ended], reason[ended], ahead[ended])
    earlier = {**before.moves, "game": place[before.moves["slot"]]}
    game, ply, action = (np.concatenate((earlier[name], moves[name])) for name in ("game", "ply", "action"))
    goes_on = ~ended[game]
    left = {"slot": slot[game[goes_on]].astype(np.int32), "ply": ply[goes_on], "action": action[goes_on]}
    kept: Plies[Any] = log.kept()
    rollout = Rollout(
        recorded=replace(kept, game=torch.from_numpy(place).to(run.device)[kept.game.long()].int()),
        outcome=outcome,
        reason=reason,
        reward=f,
        length=(np.bincount(moves["game"]) + carried).astype(np.int32),
        finished=[(np.arange(len(number)), Replay(run.starts(number), len(number), game, ply, action))],
        group=before.index[slot].astype(np.int32),
        occupancy=log.occupancy,
        carried=int(carried.sum()),
        to_move=None if ended.all() else np.where(ended, -1, to_move[slot]).astype(np.int8),
    )
    return rollout, left


class _Endless:
    """A table in whose slots the next game begins as soon as one has ended.

    Each slot has a game that waits. Within PERIOD iterations it begins at most once; the host prepares the next one
    while the device plays the PERIOD iterations after that. Games that all start from the initial position need no
    preparation. In a rollout with n slots, the games of slot i have the numbers i, i + n, i + 2n and so on; number i
    is the game that an earlier rollout began.

    Args:
        table: The table, without any game. A row of it is a slot; the rows are in the order of the partitions.
        before: The slots before the rollout, n of them.
        seated: [n, 2] which player sits on each seat of a slot.
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
        """Play this number of iterations. The host waits for the device only once in PERIOD iterations."""
        table, before = self.table, self.before
        alive, ready, begun = before.alive[self.order], before.ready[self.order], before.begun[self.order]
        if not before.waiting:
            self._prepare(ready, begun)
        for done in range(0, plies, PERIOD):
            self._prepare(~(ready | alive), begun)
            for _ in range(min(PERIOD, plies - done)):
                self._fill()
                table.play()
            self._prepare(alive & ~ready, begun)  # now, so that the device does not wait for the host
            table.log.cut()
            facts = torch.stack((table.games.illegal, table.alive, self.ready, self.begun)).numpy(force=True)
            table.require_legal(facts[0].any())
            alive, ready, begun = facts[1].astype(bool), facts[2].astype(bool), facts[3]
            if on_ply:
                on_ply(min(done + PERIOD, plies), table.log.plies)

    def _prepare(self, lacks: NDArray[np.bool_], begun: NDArray[np.int64]) -> None:
        """Prepare the next game where it `lacks` [n] one that waits; `begun` [n] games have begun in each row."""
        if self.positions is None or not lacks.any():
            return
        rows = np.flatnonzero(lacks)
        slot = self.order[rows]
        texts = self.positions(self.before.index[slot], begun[rows])
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
        self.ready = self.ready.index_fill(0, at, True)
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
        """The slots as they are now, except the moves."""
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

    def starts(self, number: NDArray[np.int64]) -> Callable[[NDArray[np.int64]], Games]:
        """A function that starts games of the rollout again; `number` [games] has their numbers in the table."""
        start, texts = self.start, self.texts
        return lambda rows: start([texts.get(k, "") for k in number[rows].tolist()])


def _put(games: DeviceGames, others: DeviceGames, rows: Tensor) -> None:
    """Replace the games in the slots where `rows` [n] bool is set by those of `others`."""
    others_state = others.state()
    for name, tensor in games.state().items():
        chosen = rows.view(-1, *(1 for _ in tensor.shape[1:]))
        tensor.copy_(torch.where(chosen, others_state[name], tensor))
