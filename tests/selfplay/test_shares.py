"""Which games are played on a device: those whose players are there, if the game has rules there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from table import table

from chesspg.games.chess import Chess
from chesspg.games.device import DeviceGames
from chesspg.games.game import NotOnDevice
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.minimax import Minimax
from chesspg.players.on_device import DeviceChoice
from chesspg.players.player import Choice, Mixture, Random, Turn
from chesspg.selfplay.loop import play
from chesspg.selfplay.shares import place, play_on


class Elsewhere:
    """A player whose network is on some device."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def choose(self, turn: Turn) -> Choice:
        raise NotImplementedError

    def choose_on_device(self, games: DeviceGames, uniforms: torch.Tensor) -> DeviceChoice:
        raise NotImplementedError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The devices for which rules of tic-tac-toe were requested; it has rules on all."""
    devices: list[str] = []

    real = TicTacToe.on_device

    def on_device(self: TicTacToe, starts: Any, slots: int, device: str) -> DeviceGames:
        devices.append(device)
        return real(self, starts, slots, "cpu")

    monkeypatch.setattr(TicTacToe, "on_device", on_device)
    return devices


def test_games_are_played_on_the_gpu_of_the_policies(asked: list[str]) -> None:
    first, second = Elsewhere("cuda:0"), Elsewhere("cuda:1")
    game = TicTacToe()
    assert place(game, [second, Random(), Mixture(second, 0.1)]) == "cuda:1"
    assert asked == ["cuda:1"]
    assert place(TicTacToe(), [first, second]) is None
    assert place(TicTacToe(), [first, table()]) is None
    assert place(TicTacToe(), [table(), table()]) is None
    assert place(TicTacToe(), [Elsewhere("mps")]) is None
    assert place(TicTacToe(), [Random(), Random()]) is None
    assert place(TicTacToe(), [first, Minimax(TicTacToe())]) is None
    assert asked == ["cuda:1"]


def test_without_rules_there_they_stay_on_the_host() -> None:
    with pytest.raises(NotOnDevice):
        Chess("atomic").on_device(Chess("atomic").start(1), 1, "cuda:0")
    assert place(Chess("atomic"), [Elsewhere("cuda:0")]) is None


def test_a_player_on_another_device_plays_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = table(), table()
    monkeypatch.setattr(type(b), "device", property(lambda self: torch.device("meta" if self is b else "cpu")))
    seats = [(a, a), (a, b), (b, a), (b, b)]
    host = play(TicTacToe().start(4), seats, Randomness(1))
    both = play_on("cpu", TicTacToe(), TicTacToe().start(4), seats, Randomness(1))
    assert both.positions() == host.positions()
    assert len(both.finished[0][0]) == 1  # one game there, three on the host
