"""The loop on a device plays the games of the host's loop, ply for ply, whatever the number of slots."""

from __future__ import annotations

from functools import partial
from typing import Any

import chess
import numpy as np
import pytest
import torch
from device_parts import BrokenGame, Waits
from table import table

from chesspg.games.chess import Chess
from chesspg.games.chess.starts import UnevenArmies
from chesspg.games.contract import BrokenContract
from chesspg.games.device import DeviceGames
from chesspg.games.game import Game, Games
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.learning.rewards import adjudicated
from chesspg.players.minimax import Minimax
from chesspg.players.on_device import DeviceChoice
from chesspg.players.player import Choice, Greedy, Mixture, Player, Random, Turn
from chesspg.selfplay.device_loop import play_on_device
from chesspg.selfplay.device_table import uniforms
from chesspg.selfplay.loop import Seats, play
from chesspg.selfplay.plies import Plies
from chesspg.selfplay.rollout import Rollout
from chesspg.selfplay.shares import play_on

GAMES = 150


def compare(host: Rollout, device: Rollout) -> None:
    assert device.positions() == host.positions()
    for name in ("outcome", "reason", "reward", "length"):
        assert getattr(device, name).tolist() == getattr(host, name).tolist(), name
    ours, theirs = device.plies.arrays(), host.plies.arrays()
    assert ours.keys() == theirs.keys()
    for name, column in theirs.items():
        assert ours[name].dtype == column.dtype, name
        if name == "log_prob":  # sums over lists that are padded to another length round differently
            np.testing.assert_allclose(ours[name], column, atol=1e-6)
        else:
            np.testing.assert_array_equal(ours[name], column, err_msg=name)


def in_both(
    seats: Seats | list[Seats],
    starts: Games,
    learner: Player,
    slots: int,
    max_plies: int | None = None,
    game: Game | None = None,
) -> None:
    rng, index = Randomness(3, 5), 7 * np.arange(len(starts)) + 2
    reward = partial(adjudicated, weight=0.3)
    more = {"learner": learner, "max_plies": max_plies, "reward": reward, "index": index}
    host = play(starts[slice(None)], seats, rng, **more)  # type: ignore[arg-type]
    device = play_on_device(starts, seats, rng, game=game or TicTacToe(), device="cpu", slots=slots, **more)  # type: ignore[arg-type]
    compare(host, device)
    assert isinstance(device.recorded.planes, torch.Tensor)


@pytest.mark.parametrize("slots", [1, 7, 64, GAMES])
def test_games_do_not_depend_on_the_slots(slots: int) -> None:
    learner = table()
    in_both((learner, learner), TicTacToe().start(GAMES), learner, slots)


@pytest.mark.parametrize("max_plies", [None, 1, 4, 6])
@pytest.mark.parametrize("slots", [3, 40, GAMES])
def test_opponents_seats_starts_and_the_ply_cap(slots: int, max_plies: int | None) -> None:
    learner, earlier = table(), table(temperature=2.0)
    others = [Random(), Greedy(), earlier, Mixture(Greedy(), 0.4), table(temperature=0)]
    seats: list[Seats] = [(learner, learner)] * 50
    for other in others:
        seats += [(learner, other), (other, learner)] * 10
    texts = ["3/3/3 x", "3/3/3 x moves b2", "x2/1o1/3 x", "3/3/3 x moves a1 b1 a2 b2 a3", "3/3/x2 o"]
    in_both(seats, TicTacToe().start([texts[i % 5] for i in range(GAMES)]), learner, slots, max_plies)


@pytest.mark.slow
@pytest.mark.parametrize("slots", [20, 96])
def test_chess_with_uneven_armies_opponents_and_the_ply_cap(slots: int) -> None:
    pytest.importorskip("numba")
    game = Chess()
    positions = UnevenArmies(0.4, alike=2).positions(game, np.arange(96), Randomness(4))
    starts = game.start([position or chess.STARTING_FEN for position in positions])
    learner = table(game=game)
    others = [Random(), Greedy(), Mixture(Greedy(), 0.4), table(0.5, game)]
    seats: list[Seats] = [(learner, learner)] * 56
    for other in others:
        seats += [(learner, other), (other, learner)] * 5
    in_both(seats, starts, learner, slots, max_plies=70, game=game)


def test_players_of_matches_meet_in_any_order() -> None:
    a, b, c = table(), table(2.0), Random()
    seats: list[Seats] = [(c, a), (a, b), (b, c), (c, c), (b, a), (a, a)] * 10
    host = play(TicTacToe().start(60), seats, Randomness(1))
    for slots in (6, 25, 60):
        device = play_on_device(
            TicTacToe().start(60), seats, Randomness(1), game=TicTacToe(), device="cpu", slots=slots
        )
        compare(host, device)
        assert device.values == host.values


def test_uniforms_are_those_of_the_host() -> None:
    rng, games = Randomness(2**63 + 5, 3), np.arange(1000) * 2**40
    plies = np.arange(1000) % 77
    keys = torch.from_numpy(rng.keys(games).view(np.int64))
    assert uniforms(keys, torch.from_numpy(plies)).tolist() == rng.uniforms(games, plies).tolist()


def test_a_player_that_needs_the_host_is_refused() -> None:
    class Other(Random):
        def choose(self, turn: Turn) -> Choice:
            return Choice(np.zeros(len(turn.rows), np.int64))

    for player in (Minimax(TicTacToe()), Other(), Mixture(Minimax(TicTacToe()), 0.5)):
        with pytest.raises(ValueError, match=f"{type(player).__name__} can't choose on a device"):
            play_on_device(TicTacToe().start(2), (Random(), player), Randomness(0), game=TicTacToe(), device="cpu")


@pytest.mark.parametrize("slots", [0, -1])
def test_there_must_be_a_slot(slots: int) -> None:
    with pytest.raises(ValueError, match=f"^slots must be at least 1, got {slots}$"):
        play_on_device(
            TicTacToe().start(2), (Random(), Random()), Randomness(1), game=TicTacToe(), device="cpu", slots=slots
        )


def test_a_player_of_your_own_may_choose_on_a_device() -> None:
    class First:
        def choose(self, turn: Turn) -> Choice:
            return Choice(np.zeros(len(turn.rows), np.int64))

        def choose_on_device(self, games: DeviceGames, uniforms: torch.Tensor) -> DeviceChoice:
            return DeviceChoice(torch.zeros(len(games), dtype=torch.int64))

    rollout = play_on_device(TicTacToe().start(3), (First(), First()), Randomness(0), game=TicTacToe(), device="cpu")
    assert rollout.positions() == ["3/3/3 x moves a1 b1 c1 a2 b2 c2 a3"] * 3


def test_occupancy_is_the_share_of_positions_that_were_played() -> None:
    seats = (Random(), Random())
    one = play_on_device(TicTacToe().start(1), seats, Randomness(0), game=TicTacToe(), device="cpu", max_plies=4)
    assert one.occupancy == 4 / 32  # two players with two moves each, in 16 iterations of one slot
    many = play_on_device(TicTacToe().start(600), seats, Randomness(0), game=TicTacToe(), device="cpu", slots=30)
    assert many.occupancy is not None
    assert 0.8 < many.occupancy < 1


def test_a_refused_action_is_reported() -> None:
    start, seats = TicTacToe().start(["3/3/3 x moves a1"] * 3), (Random(), Random())
    with pytest.raises(BrokenContract, match="game 0 on cpu goes on after 0 plies"):
        play_on_device(start, seats, Randomness(0), game=BrokenGame(), device="cpu")


def test_the_host_waits_for_the_device_only_every_few_plies() -> None:
    cuts: list[int] = []
    learner = table()
    with Waits() as waits:
        play_on_device(
            TicTacToe().start(400), [(learner, learner), (learner, Greedy())] * 200, Randomness(0),
            game=TicTacToe(), device="cpu", learner=learner, slots=16, max_plies=8,
            on_ply=lambda over, plies: cuts.append(waits.count),
        )  # fmt: skip
    per_cut = np.diff(cuts)
    assert len(per_cut) > 4
    assert per_cut.max() <= 12  # in sixteen iterations with two players each


def test_progress_counts_games_and_plies() -> None:
    seen: list[tuple[int, int]] = []
    rollout = play_on_device(
        TicTacToe().start(90), (Random(), Random()), Randomness(0),
        game=TicTacToe(), device="cpu", slots=10, on_ply=lambda *at: seen.append(at),
    )  # fmt: skip
    assert seen == sorted(seen)
    assert seen[-1] == (90, rollout.length.sum())
    assert len(seen) > 2


def test_plies_return_to_numpy_as_they_were() -> None:
    learner = table()
    host = play(TicTacToe().start(20), (learner, learner), Randomness(0), learner=learner)
    for name, column in host.plies.to("cpu").numpy().arrays().items():
        np.testing.assert_array_equal(column, host.plies.arrays()[name], err_msg=name)
    assert isinstance(host.plies, Plies)
    assert host.plies.numpy() is host.plies


def test_games_are_shared_between_device_and_host() -> None:
    learner, host_only = table(), Minimax(TicTacToe(), depth=1)
    seats: list[Seats] = [(learner, learner), (learner, host_only), (Random(), learner), (host_only, learner)] * 8
    starts = TicTacToe().start(32)
    seen: list[tuple[int, int]] = []
    more: dict[str, Any] = {"learner": learner, "index": np.arange(32) + 100}
    host = play(starts[slice(None)], seats, Randomness(2), **more)
    both = play_on("cpu", TicTacToe(), starts, seats, Randomness(2), **more, on_ply=lambda *at: seen.append(at))
    assert both.positions() == host.positions()
    assert [both.position(i) for i in range(32)] == host.positions()
    assert both.reward.tolist() == host.reward.tolist()
    assert seen[-1] == (32, host.length.sum())
    ours, theirs = (
        sorted(zip(plies.game.tolist(), plies.planes.tolist(), plies.choice.tolist(), strict=True))
        for plies in (both.plies, host.plies)
    )
    assert ours == theirs
    assert both.occupancy is not None


@pytest.mark.parametrize("player", [Random(), Minimax(TicTacToe(), depth=1)])
def test_a_share_may_be_empty(player: Player) -> None:
    host = play(TicTacToe().start(4), (player, player), Randomness(2))
    for device in (None, "cpu"):
        rollout = play_on(device, TicTacToe(), TicTacToe().start(4), (player, player), Randomness(2))
        assert rollout.positions() == host.positions()


def test_values_and_games_given_up_keep_their_numbers() -> None:
    class Quits(Minimax):
        def choose(self, turn: Turn) -> Choice:
            return Choice(np.zeros(len(turn.rows), np.int64), forfeits={0: "it is tired"})

    a, quits = table(), Quits(TicTacToe())
    seats: list[Seats] = [(a, a), (quits, a), (a, a)]
    starts = TicTacToe().start(3)
    host = play(starts[slice(None)], seats, Randomness(2))
    both = play_on("cpu", TicTacToe(), starts, seats, Randomness(2))
    assert (both.forfeits, both.values) == (host.forfeits, host.values)
    assert both.forfeits == {1: "it is tired"}
    assert both.outcome.tolist() == host.outcome.tolist()
