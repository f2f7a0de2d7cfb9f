"""Random plies in the slots of a device: their speed is measured, and games that end are replaced."""

from __future__ import annotations

import pytest

from chesspg.bench.device_rules import device_rules, random_plies
from chesspg.games.chess import Chess
from chesspg.games.game import NotOnDevice
from chesspg.games.tic_tac_toe import TicTacToe


def test_games_that_end_are_replaced() -> None:
    assert random_plies(TicTacToe(), slots=8, plies=30, device="cpu") > 0  # no game has that many plies


def test_chess_is_measured_where_it_has_compiled_rules() -> None:
    pytest.importorskip("numba")
    assert float(device_rules(4)["device_rules_plies_per_s"]) > 0


def test_rules_that_a_device_does_not_have_are_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NotOnDevice("no rules here")

    monkeypatch.setattr(Chess, "on_device", refuse)
    assert device_rules(4)["device_rules"] == "skipped: no rules here"
