"""The option --device of match, ladder and generate: where policies compute, and what is refused."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from chesspg.arena.devices import device_of_policies
from chesspg.games.chess import Chess
from chesspg.games.device import DeviceGames
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy


@pytest.fixture
def run(tmp_path: Path) -> str:
    files.save(tmp_path / "a.safetensors", Policy(TicTacToe(), MLP(TicTacToe(), hidden=(4,))))
    return str(tmp_path / "a.safetensors")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    real = TicTacToe.on_device

    def on_device(self: TicTacToe, starts: Any, slots: int, device: str) -> DeviceGames:
        assert device == "cuda:0"
        return real(self, starts, slots, "cpu")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(TicTacToe, "on_device", on_device)


@pytest.mark.parametrize(("option", "device"), [("auto", "cuda:0"), ("cuda", "cuda:0"), ("cpu", "cpu")])
def test_with_a_gpu(run: str, gpu: None, option: str, device: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert device_of_policies(option, ["random", f"{run}?random=0.5"], TicTacToe()) == device
    assert capsys.readouterr().err == ""


def test_without_a_gpu(run: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of_policies("auto", [run], TicTacToe()) == "cpu"
    assert capsys.readouterr().err == ""
    with pytest.raises(ValueError, match=r"^--device must be auto or cpu here, got cuda: torch finds no CUDA GPU$"):
        device_of_policies("cuda", [run], TicTacToe())


def test_a_driver_that_is_too_old(
    run: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def is_available() -> bool:
        warnings.warn(
            "CUDA initialization: The NVIDIA driver is too old (found 11040). Please update it.", stacklevel=2
        )
        return False

    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    why = "CUDA initialization: The NVIDIA driver is too old (found 11040)"
    assert device_of_policies("auto", [run], TicTacToe()) == "cpu"
    assert capsys.readouterr().err == f"note: the games are played on the CPU, since {why}\n"
    with pytest.raises(ValueError) as caught:
        device_of_policies("cuda", [run], TicTacToe())
    assert str(caught.value) == f"--device must be auto or cpu here, got cuda: {why}"


def test_a_game_without_rules_there(run: str, gpu: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert device_of_policies("auto", [run], Chess("atomic")) == "cpu"
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("note: the games are played on the CPU, since atomic has no rules for a device")
    with pytest.raises(ValueError, match=r"^--device must be auto or cpu here, got cuda: atomic has no rules"):
        device_of_policies("cuda", [run], Chess("atomic"))
    assert capsys.readouterr().err == ""


def test_players_without_a_policy(gpu: None) -> None:
    assert device_of_policies("auto", ["random", "greedy"], TicTacToe()) == "cpu"
    with pytest.raises(ValueError, match=r"got cuda: no player is a policy, got random, greedy$"):
        device_of_policies("cuda", ["random", "greedy"], TicTacToe())


def test_players_without_a_policy_need_no_torch() -> None:
    code = """
import sys
import chesspg.match, chesspg.ladder, chesspg.generate
from chesspg.arena.devices import device_of_policies
from chesspg.games.tic_tac_toe import TicTacToe
print(device_of_policies("auto", ["random", "greedy"], TicTacToe()), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cpu", "False"]
