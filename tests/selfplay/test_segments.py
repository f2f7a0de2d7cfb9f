"""Segments are whole games in pieces: joined, they are the games of the host's loop, ply for ply."""

from __future__ import annotations

from collections import defaultdict
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
from chesspg.games.game import Game, Games
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.learning.rewards import adjudicated
from chesspg.players.minimax import Minimax
from chesspg.players.player import Greedy, Player, Random
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.selfplay.device_table import keys
from chesspg.selfplay.loop import Seats, play
from chesspg.selfplay.plies import Plies
from chesspg.selfplay.rollout import Rollout
from chesspg.selfplay.segments import Positions, play_segment
from chesspg.selfplay.slots import Slots

SEED = 11
REWARD = partial(adjudicated, weight=0.3)
STARTS = ["3/3/3 x", "3/3/3 x moves b2", "x2/1o1/3 x", "3/3/3 x moves a1 b1 a2 b2", "3/3/x2 o"]


def in_turn(slot: np.ndarray[Any, Any], number: np.ndarray[Any, Any]) -> list[str]:
    return [STARTS[k % len(STARTS)] for k in (slot + number).tolist()]


class Series:
    """Rollouts of segments, one after the other."""

    def __init__(
        self,
        plies: int,
        seats: list[Seats],
        learner: Player,
        game: Game | None = None,
        positions: Positions | None = None,
        max_plies: int | None = None,
    ) -> None:
        self.plies, self.seats, self.game = plies, seats, game or TicTacToe()
        self.more: dict[str, Any] = {
            "game": self.game, "device": "cpu", "learner": learner, "start": self.start, "positions": positions,
            "max_plies": max_plies, "reward": REWARD,
        }  # fmt: skip
        self.slots = Slots.empty(np.arange(len(seats)))

    def start(self, texts: list[str]) -> Games:
        initial = self.game.start(1).position(0)
        return self.game.start([text or initial for text in texts])

    def next(self, **more: Any) -> Rollout:
        rollout, self.slots = play_segment(self.slots, self.plies, self.seats, SEED, **{**self.more, **more})
        return rollout


def rows_by_game(plies: Plies[Any], games: int) -> list[list[tuple[Any, ...]]]:
    """[games] all that is stored of each of the learner's plies, game by game."""
    rows: list[list[tuple[Any, ...]]] = [[] for _ in range(games)]
    for i in range(len(plies)):
        actions = plies.legal.actions[plies.legal.offsets[i] : plies.legal.offsets[i + 1]]
        stored = (plies.planes[i].tolist(), plies.scalars[i].tolist(), int(plies.player[i]), actions.tolist(),
                  int(plies.choice[i]), float(plies.value[i]), float(plies.log_prob[i]))  # fmt: skip
        rows[int(plies.game[i])].append(stored)
    return rows


def assert_alike(ours: list[tuple[Any, ...]], theirs: list[tuple[Any, ...]]) -> None:
    assert [row[:-1] for row in ours] == [row[:-1] for row in theirs]
    # Sums over lists that are padded to another length round differently.
    np.testing.assert_allclose([row[-1] for row in ours], [row[-1] for row in theirs], atol=1e-6)


def assert_whole_games(series: Series, rollouts: list[Rollout], at_least: int) -> None:
    """The games of each slot, joined, are those of whole-game rollouts with the numbers of the games in the slot."""
    n = len(series.seats)
    texts: dict[int, list[str]] = defaultdict(list)  # by slot, of the games that have ended
    facts: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    stored: dict[int, list[list[tuple[Any, ...]]]] = defaultdict(lambda: [[]])
    played = 0
    for rollout in rollouts:
        rows, positions = rows_by_game(rollout.plies, rollout.games), rollout.positions()
        played += rollout.played
        for game in range(rollout.games):
            slot = int(rollout.group[game])
            stored[slot][-1] += rows[game]
            if rollout.ended[game]:
                texts[slot].append(positions[game])
                facts[slot].append(
                    (rollout.outcome[game], rollout.reason[game], rollout.reward[game], rollout.length[game])
                )
                stored[slot].append([])
    # Each ply is played once: those of the games that have ended, and of those that go on after the last rollout.
    ended = sum(int(fact[3]) for some in facts.values() for fact in some)
    assert played == ended + int(series.slots.ply[series.slots.alive].sum())
    most = max(len(some) for some in texts.values())
    assert min(len(texts[slot]) for slot in range(n)) >= at_least
    positions_of = series.more["positions"]
    for k in range(most):
        starts = positions_of(np.arange(n), np.full(n, k)) if positions_of else [""] * n
        more = {name: series.more[name] for name in ("learner", "max_plies", "reward")}
        whole = play(series.start(starts), series.seats, Randomness(SEED, k), **more)
        rows, positions = rows_by_game(whole.plies, n), whole.positions()
        for slot in range(n):
            if k < len(texts[slot]):
                assert texts[slot][k] == positions[slot]
                assert_alike(stored[slot][k], rows[slot])
                assert facts[slot][k] == (
                    whole.outcome[slot], whole.reason[slot], whole.reward[slot], whole.length[slot]
                )  # fmt: skip
            elif k == len(texts[slot]):  # the beginning of the game that goes on
                assert_alike(stored[slot][k], rows[slot][: len(stored[slot][k])])


def mixed(learner: Player) -> list[Seats]:
    earlier = table(temperature=2.0)
    return [(earlier, learner), (learner, learner), (learner, earlier), (Random(), learner), (learner, learner),
            (learner, Greedy()), (learner, learner), (Greedy(), learner)]  # fmt: skip


@pytest.mark.parametrize("plies", [1, 3, 8, 40])
@pytest.mark.parametrize(("positions", "max_plies"), [(None, None), (in_turn, None), (in_turn, 4), (None, 1)])
def test_segments_joined_are_whole_games(plies: int, positions: Positions | None, max_plies: int | None) -> None:
    learner = table()
    series = Series(plies, mixed(learner), learner, positions=positions, max_plies=max_plies)
    assert_whole_games(series, [series.next() for _ in range(2 + 24 // plies)], at_least=2)


@pytest.mark.slow
def test_segments_of_chess_joined_are_whole_games() -> None:
    pytest.importorskip("numba")
    game, armies = Chess(), UnevenArmies(0.7, alike=2)
    learner, earlier = table(game=game), table(2.0, game)

    def positions(slot: np.ndarray[Any, Any], number: np.ndarray[Any, Any]) -> list[str]:
        return [
            armies.positions(game, slot[[row]], Randomness(~SEED, int(number[row])))[0] or chess.STARTING_FEN
            for row in range(len(slot))
        ]

    seats: list[Seats] = [(learner, learner)] * 5 + [(earlier, learner), (learner, Random()), (learner, learner)]
    series = Series(23, seats, learner, game, positions, max_plies=60)
    assert_whole_games(series, [series.next() for _ in range(14)], at_least=3)


def test_a_game_that_goes_on_is_worth_the_value_of_its_last_position() -> None:
    learner = table()
    series = Series(4, mixed(learner), learner)
    cut = 0
    for _ in range(6):
        rollout = series.next()
        for game in np.flatnonzero(~rollout.ended).tolist():
            seen = series.game.start([rollout.position(game)]).observe()
            value = float(learner.policy.observe(seen).value[0])  # of the mover
            assert rollout.reward[game] == pytest.approx(value if seen.player[0] == 0 else -value)
            assert (rollout.outcome[game], rollout.truncated[game]) == (0, False)
            cut += 1
    assert cut > 20


def test_several_ranks_play_the_games_of_one_process_and_go_on_from_one_checkpoint() -> None:
    learner = table()
    seats = mixed(learner)
    one = Series(3, seats, learner, positions=in_turn)
    parts = [Series(3, seats[rank::2], learner, positions=in_turn) for rank in range(2)]
    for rank, part in enumerate(parts):
        part.slots = Slots.empty(np.arange(rank, len(seats), 2))

    def facts(rollouts: list[Rollout]) -> list[tuple[Any, ...]]:
        return sorted(
            (int(rollout.group[game]), rollout.position(game), float(rollout.reward[game]), bool(rollout.ended[game]))
            for rollout in rollouts
            for game in range(rollout.games)
        )

    for _ in range(3):
        assert facts([part.next() for part in parts]) == facts([one.next()])
    state = Slots.together([part.slots.state_dict() for part in parts])
    for name, tensor in one.slots.state_dict()["games"].items():
        assert torch.equal(state["games"][name], tensor), name
    once_more = Series(3, seats, learner, positions=in_turn)
    once_more.slots = Slots.of_state(state)
    again = [Series(3, seats[rank::2], learner, positions=in_turn) for rank in range(2)]
    for rank, part in enumerate(again):
        part.slots = Slots.of_state(one.slots.state_dict(), rank, 2)
    for _ in range(3):
        expected = facts([one.next()])
        assert facts([part.next() for part in parts]) == expected
        assert facts([part.next() for part in again]) == expected
        assert facts([once_more.next()]) == expected


def test_an_interrupted_rollout_can_be_played_again() -> None:
    class Stopped(Exception):
        pass

    def stop(iterations: int, plies: int) -> None:
        if iterations > 16:
            raise Stopped

    learner = table()
    series, straight = (Series(20, mixed(learner)[:3], learner, positions=in_turn) for _ in range(2))
    series.next()
    straight.next()
    with pytest.raises(Stopped):
        series.next(on_ply=stop)
    assert series.next().positions() == straight.next().positions()


def test_the_host_waits_for_the_device_only_every_few_plies() -> None:
    cuts: list[int] = []
    learner = table()
    series = Series(80, [(learner, learner), (learner, Greedy())] * 4, learner, positions=in_turn, max_plies=8)
    with Waits() as waits:
        series.next(on_ply=lambda iterations, plies: cuts.append(waits.count))
    per_cut = np.diff(cuts)
    assert len(per_cut) == 4
    assert per_cut.max() <= 24  # in sixteen iterations with two players each


def test_slots_that_start_alike_are_never_free() -> None:
    learner = table()
    rollout = Series(200, [(learner, learner)] * 8, learner).next()
    assert rollout.occupancy == 1
    assert rollout.played == 8 * 200


def test_progress_counts_iterations_and_plies() -> None:
    seen: list[tuple[int, int]] = []
    learner = table()
    rollout = Series(40, [(learner, learner)] * 3, learner).next(on_ply=lambda *at: seen.append(at))
    assert seen == [(16, 48), (32, 96), (40, 120)]
    assert rollout.played == 120


def test_keys_are_those_of_the_host() -> None:
    for seed in (0, 5, 2**63 + 5, 2**64 - 1, -6):
        rollout, game = torch.arange(50), torch.arange(50) * 2**33
        expected = [Randomness(seed, k).keys(np.array([k * 2**33])).view(np.int64)[0] for k in range(50)]
        assert keys(seed, rollout, game).tolist() == expected


def test_what_is_refused() -> None:
    learner = table()
    with pytest.raises(ValueError, match="Minimax can't choose on a device"):
        Series(3, [(learner, Minimax(TicTacToe()))], learner).next()
    plain = PolicyPlayer(Policy(TicTacToe(), MLP(TicTacToe())))
    with pytest.raises(ValueError, match="segments need a network with a value head; set value: true"):
        Series(3, [(plain, plain)], plain).next()
    over = "3/3/3 x moves a1 b1 a2 b2 a3"
    begins_over = Series(3, [(learner, learner)], learner, positions=lambda slot, number: [over])
    with pytest.raises(ValueError, match=f"starts must be positions from which the game goes on, got '{over}'"):
        begins_over.next()
    with pytest.raises(BrokenContract, match="on cpu goes on after 1 plies"):
        Series(3, [(learner, learner)], learner, game=BrokenGame()).next()
    series = Series(3, [(learner, learner)], learner)
    series.next()
    games = dict(series.slots.games) | {"planes": torch.zeros(1, 14, 1, dtype=torch.int64)}
    series.slots = Slots(**{**vars(series.slots), "games": games})
    with pytest.raises(ValueError, match="the games in the slots are not 1 games of tic-tac-toe"):
        series.next()
