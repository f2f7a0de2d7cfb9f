"""The check of games on a device: tic-tac-toe keeps the contract, and every planted fault is reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import pytest
import torch
from torch import Tensor

from chesspg.games.contract import BrokenContract
from chesspg.games.contract.device import check_device, require_device
from chesspg.games.device import DeviceGames
from chesspg.games.game import Game, Games, NotOnDevice
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.games.tic_tac_toe_device import TicTacToeOnDevice

# Games that are won, drawn, nearly full, and begun by the second player.
STARTS = ("xxx/oo1/3 o", "xox/oxo/oxo x", "xox/oxo/ox1 x", "3/1x1/3 o", "3/3/3 x moves a1 b2 c3")


def test_tic_tac_toe() -> None:
    assert check_device(TicTacToe(), starts=STARTS, plies=3_000) >= 3_000


@pytest.mark.cuda
def test_tic_tac_toe_on_cuda() -> None:
    assert check_device(TicTacToe(), "cuda", starts=STARTS, slots=500, plies=50_000) >= 50_000


def test_a_game_without_rules_for_a_device() -> None:
    class Hosted(TicTacToe):
        def on_device(self, starts: Games, slots: int, device: str) -> DeviceGames:
            return super(TicTacToe, self).on_device(starts, slots, device)

    with pytest.raises(NotOnDevice, match=r"^tic-tac-toe has no rules for a device$"):
        check_device(Hosted())
    with pytest.raises(NotOnDevice, match=r"^tic-tac-toe has no rules for a device$"):
        require_device(Hosted(), "cpu")


def test_a_game_must_have_max_legal() -> None:
    class Unbounded(TicTacToe):
        max_legal = Game.max_legal

    for check in (check_device, require_device):
        with pytest.raises(NotOnDevice, match=r"^tic-tac-toe has no max_legal, the most legal actions of a position$"):
            check(Unbounded(), "cpu")


class IgnoresRows(TicTacToeOnDevice):
    def reset(self, rows: Tensor, starts: Tensor) -> None:
        super().reset(torch.ones_like(rows), starts)


class IgnoresStarts(TicTacToeOnDevice):
    def reset(self, rows: Tensor, starts: Tensor) -> None:
        super().reset(rows, torch.zeros_like(starts))


class KeepsIllegal(TicTacToeOnDevice):
    def reset(self, rows: Tensor, starts: Tensor) -> None:
        illegal = self.illegal.clone()
        super().reset(rows, starts)
        self.illegal.copy_(illegal)


class IgnoresAlive(TicTacToeOnDevice):
    def step(self, actions: Tensor, alive: Tensor) -> None:
        super().step(actions, torch.ones_like(alive))


class ForgivesIllegal(TicTacToeOnDevice):
    def step(self, actions: Tensor, alive: Tensor) -> None:
        super().step(actions, alive)
        self.illegal.zero_()


class CutsActions(TicTacToeOnDevice):
    """Mistakes an action plus 65,536 for the action."""

    def step(self, actions: Tensor, alive: Tensor) -> None:
        super().step(actions.to(torch.int16), alive)


class PlaysBeforeItRefuses(TicTacToeOnDevice):
    def step(self, actions: Tensor, alive: Tensor) -> None:
        super().step(actions, alive)
        self.player.copy_(torch.where(self.illegal & alive, 1 - self.player, self.player))


class SeesOutcomeAsMover(TicTacToeOnDevice):
    def step(self, actions: Tensor, alive: Tensor) -> None:
        super().step(actions, alive)
        self.outcome.mul_(1 - 2 * self.player)


class LeavesOldActions(TicTacToeOnDevice):
    """Writes the legal actions without −1 after the last."""

    def step(self, actions: Tensor, alive: Tensor) -> None:
        before = self.legal.clone()
        super().step(actions, alive)
        self.legal.copy_(torch.where(self.legal < 0, before, self.legal))


class Weighs(TicTacToeOnDevice):
    def heuristic(self) -> Tensor:
        return super().heuristic() + 1


class OtherType(TicTacToeOnDevice):
    def heuristic(self) -> Tensor:
        return super().heuristic().double()


class TakesInOrder(TicTacToeOnDevice):
    def take(self, rows: Tensor) -> Self:
        return super().take(rows.sort().values)


class CopiesParts(TicTacToeOnDevice):
    def part(self, first: int, last: int) -> Self:
        return self.take(torch.arange(first, last))


class LoadsNothing(TicTacToeOnDevice):
    def load_state(self, state: Mapping[str, Tensor]) -> None:
        pass


class LoadsAnyNumber(TicTacToeOnDevice):
    def load_state(self, state: Mapping[str, Tensor]) -> None:
        if len(state["player"]) == len(self):
            super().load_state(state)


class HidesState(TicTacToeOnDevice):
    """Forgets the planes, which are all that a slot of tic-tac-toe remembers."""

    def state(self) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in super().state().items() if name != "planes"}


class HasNoChildren(TicTacToeOnDevice):
    def children(self) -> DeviceGames:
        return self.take(torch.arange(len(self)).repeat_interleave(self.legal.shape[1]))


FAULTS: list[tuple[type[TicTacToeOnDevice], str]] = [
    (IgnoresRows, "after reset"),
    (IgnoresStarts, "after reset"),
    (KeepsIllegal, "after reset, .* illegal"),
    (IgnoresAlive, "after step"),
    (ForgivesIllegal, "after step, .* illegal"),
    (CutsActions, "after step"),
    (PlaysBeforeItRefuses, "after step, .* player"),
    (SeesOutcomeAsMover, "after step, .* outcome"),
    (LeavesOldActions, "after step, .* legal"),
    (Weighs, "after reset, .* heuristic"),
    (OtherType, r"heuristic must be \[40\] torch.float32 on cpu, got \[40\] torch.float64 on cpu"),
    (TakesInOrder, r"take\(rows\)"),
    (CopiesParts, r"after a reset of a part\(\)"),
    (LoadsNothing, "after load_state"),
    (LoadsAnyNumber, "the state of fewer slots: load_state must raise ValueError"),
    (HidesState, r"take\(rows\)"),
    (HasNoChildren, r"children\(\)"),
]


@pytest.mark.parametrize(("faulty", "message"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_planted_fault_is_reported(
    faulty: type[TicTacToeOnDevice], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chesspg.games.tic_tac_toe_device.TicTacToeOnDevice", faulty)
    with pytest.raises(BrokenContract, match=rf"^tic-tac-toe on cpu: {message}"):
        check_device(TicTacToe(), starts=STARTS)


def test_a_trial_is_played_once_per_game_and_device(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def check(game: Game, device: str, plies: int) -> int:
        asked.append((device, plies))
        if device != "cpu":
            raise BrokenContract("planes differ")
        return plies

    monkeypatch.setattr("chesspg.games.contract.device.check_device", check)
    game = TicTacToe()
    for _ in range(2):
        require_device(game, "cpu")
        with pytest.raises(NotOnDevice, match="planes differ"):
            require_device(game, "cuda:1")
    require_device(TicTacToe(), "cpu")
    assert [device for device, _ in asked] == ["cpu", "cuda:1", "cpu"]
