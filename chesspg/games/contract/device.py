"""A check of the contract in `chesspg.games.device`: the same games on the host and on a device, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray

from chesspg.games.capabilities import heuristic_or_zero
from chesspg.games.contract.sample import BrokenContract, refuses, require, require_same
from chesspg.games.device import BUFFERS, DeviceGames
from chesspg.games.game import Game, Games, Legal, NotOnDevice, Observation, Outcomes, words_of

GROUPS = 5  # slots i, i + GROUPS, … are stepped and reset together, because games on the host all play at once
RESET = 0.03  # probability with which a group begins new games at a ply before its games are over
REST = 0.2  # probability with which a group does not play at a ply
TRIAL = 1_000  # plies of a trial before games are first played on a device
REFUSED = 0.03  # probability with which a group plays illegal actions at a ply
_TRIED: WeakKeyDictionary[Game, dict[str, str]] = WeakKeyDictionary()  # by game and device: what failed, or ''
WRAPPED = 1 << 16  # an action plus this number is the same action in sixteen bits


def check_device(
    game: Game, device: str = "cpu", *, starts: Sequence[str] = (), slots: int = 40, plies: int = 10_000, seed: int = 0
) -> int:
    """Play random games on the host and on a device, and compare every buffer bit for bit after each ply.

    The host's games are the reference, so check them first with `chesspg.games.contract.check`. Also checked are resets
    in the middle of games, slots that rest, illegal actions, copies, parts, the state, and the children of a position.

    Args:
        game: The game.
        device: The device as torch names it.
        starts: Further positions from which games begin, besides the initial one. Moves may lead to them, and they may
            be over.
        slots: The number of slots, at least 2.
        plies: The least number of plies to play.
        seed: Seed of the games.

    Returns:
        The number of plies played.

    Raises:
        BrokenContract: The games differ. The message says what, where, what is expected, and what was found.
        NotOnDevice: The game can't be played on the device.
    """
    run = _SideBySide(game, device, [game.start(1).position(0), *starts], slots, np.random.default_rng(seed))
    try:
        run.check_sizes()
        run.begin(range(GROUPS))
        turn = 0
        while run.played < plies:
            run.turn()
            if turn % 50 == 7:
                run.check_copies()
                run.check_state()
                run.check_children()
            turn += 1
    except BrokenContract as error:
        raise BrokenContract(f"{game.name} on {device}: {error}") from None
    return run.played


def require_device(game: Game, device: str) -> None:
    """Play a trial on a device, once per game and device: random games there must be the same as on the host.

    Args:
        game: The game.
        device: The device as torch names it.

    Raises:
        NotOnDevice: The game can't be played there, or the trial has failed.
    """
    found = _TRIED.setdefault(game, {})
    if device not in found:
        try:
            check_device(game, device, plies=TRIAL)
            found[device] = ""
        except (BrokenContract, NotOnDevice) as error:
            found[device] = str(error)
    if found[device]:
        raise NotOnDevice(found[device])


class SlotsAsGames:
    """Games on a device, with the methods of games on the host that a comparison needs.

    Args:
        games: The games on the device.
    """

    def __init__(self, games: DeviceGames) -> None:
        self.games = games

    @classmethod
    def begun(cls, game: Game, starts: Games, device: str) -> SlotsAsGames:
        """Slots that go on with the games of the host, one for each."""
        games = game.on_device(starts, len(starts), device)
        numbers = torch.arange(len(games), device=games.device)
        games.reset(torch.ones_like(numbers, dtype=torch.bool), numbers)
        return cls(games)

    def observe(self) -> Observation:
        planes, scalars, player, table = (
            getattr(self.games, name).cpu().numpy() for name in ("planes", "scalars", "player", "legal")
        )
        listed = table >= 0
        legal = Legal(table[listed], np.concatenate(([0], listed.sum(axis=1).cumsum())))
        return Observation(planes.view(np.uint64).copy(), scalars.copy(), player.copy(), legal)

    def outcomes(self) -> Outcomes:
        return Outcomes(self.games.outcome.cpu().numpy().copy(), self.games.reason.cpu().numpy().copy())

    def play(self, actions: NDArray[np.integer[Any]]) -> None:
        chosen = torch.from_numpy(actions.astype(np.int64)).to(self.games.device)
        self.games.step(chosen, torch.ones_like(chosen, dtype=torch.bool))
        require(not self.games.illegal.any(), "legal actions must be accepted")

    def __getitem__(self, rows: NDArray[np.integer[Any]]) -> SlotsAsGames:
        return SlotsAsGames(self.games.take(torch.from_numpy(rows).to(self.games.device)))


class _SideBySide:
    """The games of the host in groups, the games of the device in slots, and what the device should show."""

    def __init__(self, game: Game, device: str, starts: list[str], slots: int, rng: np.random.Generator) -> None:
        self.game, self.rng, self.played = game, rng, 0
        self.begun = game.start(starts)
        self.device_games = game.on_device(self.begun, slots, device)
        self.slots = np.arange(slots)
        self.host: list[Games] = [self.begun[[]]] * GROUPS  # by group: the games that are not over
        self.live: list[NDArray[np.int64]] = [self.slots[:0]] * GROUPS  # by group: their slots
        self.expected: dict[str, NDArray[Any]] = {
            "planes": np.zeros((slots, len(game.planes), words_of(game.board)), np.int64),
            "scalars": np.zeros((slots, len(game.scalars)), np.uint8),
            "player": np.zeros(slots, np.int8),
            "legal": np.full((slots, game.max_legal), -1, np.int16),
            "outcome": np.zeros(slots, np.int8),
            "reason": np.zeros(slots, np.uint8),
            "illegal": np.zeros(slots, np.bool_),
            "heuristic": np.zeros(slots, np.float32),
        }

    def check_sizes(self) -> None:
        """The buffers have the sizes and types of the contract and are on the device."""
        games = self.device_games
        require(isinstance(games, DeviceGames), "on_device must return DeviceGames", type(games).__name__)
        require(len(games) == len(self.slots), f"there must be {len(self.slots)} slots", len(games))
        for name, expected in self.expected.items():
            tensor = games.heuristic() if name == "heuristic" else getattr(games, name)
            kind = torch.from_numpy(expected).dtype
            require(
                tensor.shape == expected.shape and tensor.dtype == kind and tensor.device == games.player.device,
                f"{name} must be {list(expected.shape)} {kind} on {games.player.device}",
                f"{list(tensor.shape)} {tensor.dtype} on {tensor.device}",
            )

    def begin(self, groups: Sequence[int]) -> None:
        """Begin new games in some groups of slots."""
        rows = np.isin(self.slots % GROUPS, groups)
        starts = self.rng.integers(len(self.begun), size=len(self.slots))
        for group in groups:
            slots = self.slots[self.slots % GROUPS == group]
            self.host[group], self.live[group] = self.begun[starts[slots]], slots
            self.expected["illegal"][slots] = False
            self.look(group)
        starts[~rows] = self.rng.choice([-1, len(self.begun), 2**40])  # ignored
        self.device_games.reset(self.tensor(rows), self.tensor(starts))
        self.compare("after reset")

    def turn(self) -> None:
        """A reset of some groups, then one ply in some groups."""
        over = [group for group in range(GROUPS) if not len(self.live[group])]
        wrong = [group for group in range(GROUPS) if self.expected["illegal"][group::GROUPS].any()]
        some = np.flatnonzero(self.rng.random(GROUPS) < RESET).tolist()
        if groups := sorted({*over, *wrong, *some}):
            self.begin(groups)
        actions = self.rng.integers(-5, self.game.num_actions + 5, size=len(self.slots))  # ignored in slots that rest
        alive = np.zeros(len(self.slots), np.bool_)
        for group in range(GROUPS):
            luck = self.rng.random()
            if luck < REST:
                continue
            if luck < REST + REFUSED:
                slots = self.slots[group::GROUPS]  # any action in a game that is over is illegal too
                actions[slots], alive[slots] = [self.illegal(slot) for slot in slots], True
                self.expected["illegal"][slots] = True
            elif len(slots := self.live[group]):
                legal = self.host[group].observe().legal
                chosen = legal.take((self.rng.random(len(slots)) * legal.counts).astype(np.int64))
                self.host[group].play(chosen)
                actions[slots], alive[slots] = chosen, True
                self.played += len(slots)
                self.look(group)
        self.device_games.step(self.tensor(actions), self.tensor(alive))
        self.compare("after step")

    def illegal(self, slot: int) -> int:
        """An action that is not legal in a slot."""
        legal = self.expected["legal"][slot]
        legal = legal[legal >= 0]
        inside = self.rng.integers(self.game.num_actions, size=3)
        outside = [-1, self.game.num_actions, -(2**40), *(WRAPPED + legal[:1].astype(np.int64))]
        return int(self.rng.choice([*inside[~np.isin(inside, legal)], *outside]))

    def look(self, group: int) -> None:
        """Set what the device should show of a group, and drop the host's games that are over."""
        host, slots = self.host[group], self.live[group]
        for name, array in shown(self.game, host).items():
            self.expected[name][slots] = array
        going_on = ~host.outcomes().over
        if not going_on.all():
            self.host[group], self.live[group] = host[going_on], slots[going_on]

    def tensor(self, array: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device_games.device)

    def compare(self, when: str) -> None:
        self.require_same(self.expected, self.device_games, when)

    def require_same(self, expected: dict[str, NDArray[Any]], games: DeviceGames, what: str) -> None:
        """Require that games on the device show what is expected."""
        got = {name: (games.heuristic() if name == "heuristic" else getattr(games, name)) for name in expected}
        require_same(
            expected, {name: tensor.cpu().numpy() for name, tensor in got.items()}, f"{what}, {self.played} plies"
        )

    def check_copies(self) -> None:
        """take() copies slots in any order; part() is the same memory."""
        n = len(self.slots)
        rows = self.rng.integers(n, size=2 * n)
        taken = self.device_games.take(self.tensor(rows))
        self.require_same({name: array[rows] for name, array in self.expected.items()}, taken, "take(rows)")
        first, last = n // 4, n - n // 4
        part = self.device_games.part(first, last)
        self.require_same({name: array[first:last] for name, array in self.expected.items()}, part, "part()")
        starts = self.tensor(self.rng.integers(len(self.begun), size=2 * n))
        taken.reset(torch.ones_like(starts, dtype=torch.bool), starts)
        self.compare("after a reset of games that take() copied")

        kept = kept_state(self.device_games)
        part.reset(torch.ones_like(starts[: last - first], dtype=torch.bool), starts[: last - first])
        changed = {name: array.copy() for name, array in self.expected.items()}
        for name, array in shown(self.game, self.begun[starts[: last - first].cpu().numpy()]).items():
            changed[name][first:last] = array
        changed["illegal"][first:last] = False
        self.require_same(changed, self.device_games, "after a reset of a part()")
        self.device_games.load_state(kept)
        self.compare("after load_state")

    def check_state(self) -> None:
        """state() has all that games need to go on in other slots; load_state() refuses another number of slots."""
        games = self.device_games
        other = games.take(torch.zeros(len(games), dtype=torch.int64, device=games.device))
        other.load_state(games.state())
        self.require_same(self.expected, other, "other slots after load_state")
        kept = kept_state(games)
        actions = self.tensor(self.expected["legal"][:, 0])
        for one in (games, other):
            one.step(actions, actions >= 0)
        for name in BUFFERS:
            same = torch.equal(getattr(games, name), getattr(other, name))
            require(same, f"{name} must be the same if games go on in other slots after load_state")
        games.load_state(kept)
        self.compare("after load_state")
        refuses(ValueError, "the state of fewer slots: load_state", games.load_state, games.part(0, 1).state())

    def check_children(self) -> None:
        """children() has every game after each of its legal actions, and the game itself where there is no action."""
        width = self.game.max_legal
        expected = {name: array.repeat(width, axis=0) for name, array in self.expected.items()}
        for host, slots in zip(self.host, self.live, strict=True):
            legal = host.observe().legal
            parents = np.arange(len(slots)).repeat(legal.counts)
            after = host[parents]
            after.play(legal.actions)
            rows = slots[parents] * width + np.arange(len(parents)) - legal.offsets[parents]
            for name, array in shown(self.game, after).items():
                expected[name][rows] = array
        self.require_same(expected, self.device_games.children(), "children()")


def kept_state(games: DeviceGames) -> dict[str, torch.Tensor]:
    """A copy of all that the slots remember."""
    return {name: tensor.clone() for name, tensor in games.state().items()}


def shown(game: Game, games: Games) -> dict[str, NDArray[Any]]:
    """What slots with the games of a host should show, except `illegal`."""
    seen, outcomes = games.observe(), games.outcomes()
    legal = np.full((len(games), game.max_legal), -1, np.int16)
    padded = seen.legal.padded()
    require(padded.shape[1] <= game.max_legal, f"max_legal must be at least {padded.shape[1]}", game.max_legal)
    legal[:, : padded.shape[1]] = padded
    return {
        "planes": seen.planes.view(np.int64),
        "scalars": seen.scalars,
        "player": seen.player,
        "legal": legal,
        "outcome": outcomes.outcome,
        "reason": outcomes.reason,
        "heuristic": np.zeros(len(games), np.float32) + heuristic_or_zero(games),
    }
