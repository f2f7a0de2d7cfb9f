"""The one loop: who is asked when, what is recorded, and that no game depends on the other games."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from others import Placing, SlowGames, Twice

from chesspg.games.chess import Chess
from chesspg.games.contract import BrokenContract
from chesspg.games.game import Game, IllegalAction, Outcomes, split_position
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import SQUARES, TicTacToe
from chesspg.learning.advantages import returns
from chesspg.learning.rewards import BadReward, adjudicated
from chesspg.players.player import Choice, Random, Turn
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import MLP, ResidualNet
from chesspg.policy.policy import Policy
from chesspg.selfplay.loop import play
from chesspg.selfplay.rollout import FORFEIT, Rollout


@dataclass
class First:
    """Takes the first legal move, or the last; remembers how often and for how many games it was asked."""

    last: bool = False
    reports: bool = True
    asked: list[int] = field(default_factory=list)

    def choose(self, turn: Turn) -> Choice:
        self.asked.append(len(turn.rows))
        counts = turn.observation.legal.counts
        index = counts - 1 if self.last else np.zeros_like(counts)
        return Choice(index, np.zeros(len(index), np.float32) if self.reports else None)


def moves(position: str) -> list[str]:
    return split_position(position)[1]


def test_first_takes_a_row_and_last_loses_it() -> None:
    rollout = play(TicTacToe().start(1), (First(), First(last=True)), Randomness(0))
    assert moves(rollout.position(0)) == ["a1", "c3", "b1", "b3", "c1"]  # the lowest row, by hand
    assert (rollout.outcome[0], rollout.reason[0], rollout.length[0], rollout.reward[0]) == (1, 1, 5, 1.0)
    rollout = play(TicTacToe().start(["3/3/3 x moves a1"]), (First(last=True), First()), Randomness(0))
    assert moves(rollout.position(0)) == ["a1", "b1", "c3", "c1", "b3", "a2", "a3"]
    assert rollout.length[0] == 6  # plies of the loop, not those it started with


def test_without_partial_play_each_player_is_called_once_per_ply() -> None:
    a, b = First(), First()
    play(Placing().start(5), [(a, b)] * 3 + [(b, a)] * 2, Randomness(0), max_plies=3)
    assert a.asked == [3, 2, 3]
    assert b.asked == [2, 3, 2]
    both = First()
    play(Placing().start(5), (both, both), Randomness(0), max_plies=3)
    assert both.asked == [5, 5, 5]


class InPart(SlowGames):
    """Games of which some can advance while the others wait."""

    def play_some(self, rows: NDArray[Any], actions: NDArray[Any]) -> None:
        some = self[rows]
        some.play(actions)
        for k, row in enumerate(rows):
            self.states[row], self.history[row] = some.states[k], some.history[k]

    def __getitem__(self, indices: Any) -> InPart:
        return in_part(super().__getitem__(indices))


def in_part(games: SlowGames) -> InPart:
    return InPart(games.rules, games.states, games.starts, games.history)


def test_learner_and_opponents_take_turns_in_all_their_games() -> None:
    """With `PartialPlay`, counted by hand: three games have two plies of the first player, two games have one."""
    pytest.importorskip("numba")
    for second_learns, asked in [(False, ([3, 5], [5, 2])), (True, ([5, 3], [2, 5]))]:
        a, b = First(), First()
        seats = [(a, b)] * 3 + [(b, a)] * 2
        play(Chess().start(5), seats, Randomness(0), max_plies=3, learner=b if second_learns else None)
        assert (a.asked, b.asked) == asked


@pytest.mark.parametrize("parts", [1, 2])
def test_turns_change_no_game_and_no_order_of_plies(parts: int) -> None:
    """The loop by turns plays as the loop ply by ply, in a game where a move to an odd square gives another move."""

    def rollout(start: Callable[[SlowGames], SlowGames], learns: bool, in_flight: int = 1) -> Rollout:
        hopes, random, quits = Hopes(), Random(), Quits(at=("a1", "c1", "b1 a2", "b1 a1"))
        seats = [(hopes, hopes), (hopes, random), (random, hopes), (hopes, quits), (quits, hopes), (quits, random)] * 5
        seats = [*seats[:-1], (random, random)]
        return play(
            start(Twice().start(["0", "1"] * 15)), seats, Randomness(4), learner=hopes if learns else None,
            max_plies=7, reward=partial(adjudicated, weight=0.5), in_flight=in_flight,
        )  # fmt: skip

    for learns in (True, False):
        one, other = rollout(in_part, learns, parts), rollout(lambda games: games, learns)
        assert one.positions() == other.positions()
        assert one.forfeits == other.forfeits
        assert 0 < len(one.forfeits) < 15
        assert one.values == other.values
        assert bool(one.values) == (not learns)
        for name in ("outcome", "reason", "reward", "length"):
            assert (getattr(one, name) == getattr(other, name)).all(), name
        ours, theirs = one.plies, other.plies
        assert (len(ours) > 0) == learns
        for name in ("planes", "scalars", "player", "choice", "game", "log_prob", *(["value"] if learns else [])):
            assert (getattr(ours, name) == getattr(theirs, name)).all(), name
        assert (ours.legal.actions == theirs.legal.actions).all()
        assert (ours.legal.offsets == theirs.legal.offsets).all()


def test_finished_games_are_asked_nothing() -> None:
    player = First()
    won, fresh = "3/3/3 x moves a1 b1 a2 b2 a3", "3/3/3 x"
    rollout = play(TicTacToe().start([won, fresh, won]), (player, player), Randomness(0))
    assert set(player.asked) == {1}
    assert rollout.length.tolist() == [0, 7, 0]  # a1 b1 c1 a2 b2 c2 a3: x has a1, c1, b2, a3
    assert rollout.outcome.tolist() == [1, 1, 1]


def test_the_side_to_move_is_the_games_not_the_parity_of_the_ply() -> None:
    """Starts in which player 1 moves: seat 1 is asked first."""
    white, black = First(), First(last=True)
    start = "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1"
    rollout = play(Chess().start([start]), (white, black), Randomness(0), max_plies=1, learner=black)
    assert white.asked == []
    assert black.asked == [1]
    assert rollout.plies.player.tolist() == [1]


def test_only_the_learners_plies_are_stored_and_they_replay_its_games() -> None:
    a, b, count = Random(), Random(), 40
    seats = [(a, b), (b, a)] * (count // 2)
    rollout = play(TicTacToe().start(count), seats, Randomness(3), learner=a)
    plies = rollout.plies
    for index, position in enumerate(rollout.positions()):
        mine = np.flatnonzero(plies.game == index)
        assert (plies.player[mine] == index % 2).all()
        played = plies.legal.take(plies.choice)[mine]
        assert [SQUARES[action] for action in played] == moves(position)[index % 2 :: 2]
        # What was stored is what was seen: the squares not taken are the legal ones.
        for k, row in enumerate(mine):
            free = set(SQUARES) - set(moves(position)[: 2 * k + index % 2])
            assert {SQUARES[action] for action in plies.legal[[row]].actions} == free
    assert len(plies) < rollout.length.sum()
    assert (plies.log_prob == -np.log(plies.legal.counts).astype(np.float32)).all()
    everybody = play(TicTacToe().start(count), (a, a), Randomness(3), learner=a)
    assert len(everybody.plies) == everybody.length.sum()
    assert len(play(TicTacToe().start(count), seats, Randomness(3)).plies) == 0


def test_returns_are_the_rewards_of_the_movers() -> None:
    player = Random()
    rollout = play(TicTacToe().start(200), (player, player), Randomness(1), learner=player)
    assert set(rollout.outcome.tolist()) == {-1, 0, 1}
    game, mover = rollout.plies.game, rollout.plies.player
    expected = [(1 if p == 0 else -1) * rollout.outcome[g] for p, g in zip(mover, game, strict=True)]
    assert returns(*map(torch.from_numpy, (rollout.reward, game, mover))).tolist() == expected


def test_a_learner_must_tell_its_log_probability() -> None:
    silent = First(reports=False)
    play(TicTacToe().start(1), (silent, silent), Randomness(0))
    with pytest.raises(ValueError, match="log-probability"):
        play(TicTacToe().start(1), (silent, silent), Randomness(0), learner=silent)


def test_wrong_number_of_seats() -> None:
    with pytest.raises(ValueError, match=r"seats must be one pair of players, or one for each of 3 games, got 2 pairs"):
        play(TicTacToe().start(3), [(Random(), Random())] * 2, Randomness(0))


def test_ply_cap_without_material_weight_is_no_result() -> None:
    rollout = play(TicTacToe().start(10), (Random(), Random()), Randomness(0), max_plies=4)
    assert rollout.truncated.all()
    assert rollout.length.tolist() == [4] * 10
    assert not rollout.outcome.any()
    assert not rollout.reward.any()


def test_material_weight_rewards_the_side_ahead_only_at_the_cap() -> None:
    ahead, behind, equal = (
        f"{side} w - - 0 1" for side in ("k7/8/8/8/8/8/8/KQ6", "kr6/8/8/8/8/8/8/KN6", "kn6/8/8/8/8/8/8/KN6")
    )
    mated = "R5k1/5ppp/8/8/8/8/5PPP/6K1 b - - 0 1"
    player = First()
    games, reward = Chess().start([ahead, behind, equal, mated]), partial(adjudicated, weight=0.25)
    rollout = play(games, (player, player), Randomness(0), max_plies=0, reward=reward)
    assert rollout.reward.tolist() == [0.25, -0.25, 0.0, 1.0]
    assert rollout.outcome.tolist() == [0, 0, 0, 1]  # the rules' verdict is not touched
    assert rollout.truncated.tolist() == [True, True, True, False]
    assert not player.asked


def test_the_reward_is_what_the_function_makes_of_the_ends() -> None:
    ahead, behind = (f"{side} w - - 0 1" for side in ("k7/8/8/8/8/8/8/KQ6", "kr6/8/8/8/8/8/8/KN6"))
    mated = "R5k1/5ppp/8/8/8/8/5PPP/6K1 b - - 0 1"  # and a rook ahead

    def reward(outcome: Any, truncated: Any, ahead: Any) -> Any:
        assert outcome.tolist() == [0, 0, 1]
        assert truncated.tolist() == [True, True, False]
        assert ahead.tolist() == [9, -2, 0]  # a queen; a knight against a rook; nothing where the rules ended the game
        return outcome * 2 + truncated * 0.5

    games = Chess().start([ahead, behind, mated])
    rollout = play(games, (First(), First()), Randomness(0), max_plies=0, reward=reward)
    assert rollout.reward.tolist() == [0.5, 0.5, 2.0]
    assert rollout.reward.dtype == np.float32
    assert rollout.outcome.tolist() == [0, 0, 1]  # the rules' verdict is not touched


def test_a_game_won_on_the_last_ply_before_the_cap_is_won() -> None:
    start = TicTacToe().start(["3/3/3 x moves a1 b1 a2 b2"])
    rollout = play(start, (First(last=False), First()), Randomness(0), max_plies=1)
    assert rollout.outcome[0] == 0  # c1: not the row
    start = TicTacToe().start(["3/3/3 x moves a1 a2 b1 b2"])
    rollout = play(start, (First(), First()), Randomness(0), max_plies=1)
    assert rollout.outcome[0] == 1
    assert not rollout.truncated[0]


def test_draws_do_not_depend_on_the_company() -> None:
    """One seed, the same games: all at once, in two halves, in another order, or with a player for each seat."""
    one, other = Random(), Random()
    whole = play(TicTacToe().start(30), (one, one), Randomness(8)).positions()
    assert len(set(whole)) > 20
    assert play(TicTacToe().start(30), [(one, other), (other, one)] * 15, Randomness(8)).positions() == whole
    halves = [
        play(TicTacToe().start(15), (one, one), Randomness(8), index=np.arange(k, k + 15)).positions() for k in (0, 15)
    ]
    assert halves[0] + halves[1] == whole
    order = np.random.default_rng(0).permutation(30)
    assert play(TicTacToe().start(30), (one, one), Randomness(8), index=order).positions() == [whole[k] for k in order]
    assert play(TicTacToe().start(30), (one, one), Randomness(9)).positions() != whole
    assert play(TicTacToe().start(30), (one, one), Randomness(8, 1)).positions() != whole


def test_random_games_come_out_as_counted() -> None:
    """x wins 0.585, o 0.288, draws 0.127 of uniformly random games; 4 standard errors of 4000 games are 0.031."""
    rollout = play(TicTacToe().start(4000), (Random(), Random()), Randomness(0))
    shares = [(rollout.outcome == outcome).mean() for outcome in (1, -1, 0)]
    assert shares == pytest.approx([0.585, 0.288, 0.127], abs=0.031)


def test_games_keep_their_places_and_plies_their_order() -> None:
    positions = ["3/3/3 x moves a1 b1 a2 b2", "3/3/3 x", "3/3/3 x moves b2", "3/3/3 x moves a1 a2 b1 b2"]
    player = First()
    rollout = play(TicTacToe().start(positions), (player, player), Randomness(0), learner=player)
    for index, start in enumerate(positions):
        assert rollout.position(index).startswith(start)
        assert len(moves(rollout.position(index))) == len(moves(start)) + rollout.length[index]
        assert rollout.position(index) == rollout.positions()[index]
    assert rollout.length[3] == 1
    assert rollout.plies.game[:4].tolist() == [0, 1, 2, 3]  # ply by ply
    assert rollout.plies.game[4:7].tolist() == [0, 1, 2]  # without the one that is over
    with pytest.raises(IndexError):
        rollout.position(4)


def test_all_games_are_of_one_group() -> None:
    """The caller sets the groups, since only it knows which games start alike."""
    rollout = play(TicTacToe().start(4), (Random(), Random()), Randomness(0))
    assert rollout.group.tolist() == [0] * 4


def test_on_ply_counts_games_and_plies() -> None:
    seen: list[tuple[int, int]] = []
    rollout = play(TicTacToe().start(20), (Random(), Random()), Randomness(0), on_ply=lambda *at: seen.append(at))
    assert seen[0] == (0, 0)
    assert seen[1] == (0, 20)
    assert seen[-1] == (20, rollout.length.sum())
    assert seen == sorted(seen)


def test_no_games_at_all() -> None:
    rollout = play(TicTacToe().start(0), (Random(), Random()), Randomness(0))
    assert (rollout.games, len(rollout.plies), rollout.positions()) == (0, 0, [])


@dataclass
class Elsewhere(Random):
    """Answers later, as an engine does, and logs when it is asked and when its answer is read."""

    is_async: bool = True
    log: list[tuple[str, int]] = field(default_factory=list)

    def launch(self, turn: Turn) -> Callable[[], Choice]:
        first = int(turn.observation.legal.actions[0])
        self.log.append(("asked", first))

        def answer() -> Choice:
            self.log.append(("read", first))
            return self.choose(turn)

        return answer


def test_while_one_half_is_thought_about_the_other_is_played() -> None:
    """The halves differ by their first free square: a1 (0), or b1 (1) where a1 is taken."""
    player = Elsewhere()
    starts = ["3/3/3 x"] * 2 + ["3/3/3 x moves a1"] * 2
    play(TicTacToe().start(starts), (player, player), Randomness(0), max_plies=1)
    assert player.log == [("asked", 0), ("asked", 1), ("read", 0), ("read", 1)]
    player = Elsewhere()
    play(TicTacToe().start(starts), (player, Random()), Randomness(0), max_plies=1, in_flight=1)
    assert player.log == [("asked", 0), ("read", 0)]  # one batch; the other player moves in its second half
    player = Elsewhere()
    play(TicTacToe().start(2), (player, player), Randomness(0), max_plies=3)
    assert [what for what, _ in player.log] == ["asked", "asked", *["read", "asked"] * 4, "read", "read"]


def test_one_part_unless_a_player_is_elsewhere() -> None:
    for is_async, calls in [(True, 2), (False, 1)]:
        player = Elsewhere(is_async=is_async)
        play(TicTacToe().start(4), (Random(), player), Randomness(0), max_plies=2)
        assert len(player.log) == 2 * calls
    with pytest.raises(ValueError, match="in_flight must be at least 1, got 0"):
        play(TicTacToe().start(4), (Random(), Random()), Randomness(0), in_flight=0)


@pytest.mark.parametrize("parts", [2, 3, 50])
@pytest.mark.parametrize(("game", "games", "cap"), [(TicTacToe(), 31, None), (Chess(), 11, 24)])
def test_games_and_plies_do_not_depend_on_the_parts(game: Game, games: int, cap: int | None, parts: int) -> None:
    """The same games, and the same plies in the same order: a learner sees no difference."""
    torch.manual_seed(0)
    network = MLP(game, value=True) if isinstance(game, TicTacToe) else ResidualNet(game, 8, 1, value=True)
    learner, opponent = PolicyPlayer(Policy(game, network)), Random()
    seats = [(learner, learner), (learner, opponent), (opponent, learner)] * games
    seen: dict[int, list[tuple[int, int]]] = {1: [], parts: []}

    def rollout(in_flight: int) -> Rollout:
        return play(
            game.start(games),
            seats[:games],
            Randomness(5),
            learner=learner,
            max_plies=cap,
            reward=partial(adjudicated, weight=0.5),
            in_flight=in_flight,
            on_ply=lambda *at: seen[in_flight].append(at),
        )

    whole, split = rollout(1), rollout(parts)
    assert split.positions() == whole.positions()
    for name in ("outcome", "reason", "reward", "length"):
        assert (getattr(split, name) == getattr(whole, name)).all(), name
    ours, theirs = split.plies, whole.plies
    for name in ("planes", "scalars", "player", "choice", "game"):
        assert (getattr(ours, name) == getattr(theirs, name)).all(), name
    assert (ours.legal.actions == theirs.legal.actions).all()
    assert (ours.legal.offsets == theirs.legal.offsets).all()
    assert ours.log_prob == pytest.approx(theirs.log_prob, abs=1e-5)
    assert ours.value == pytest.approx(theirs.value, abs=1e-5)
    assert seen[parts] == seen[1]


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_every_game_that_starts_is_finished_and_counted_once(parts: int) -> None:
    """Otherwise short games, of which more fit into the same time, would have too much weight."""
    player, count = Random(), 40
    rollout = play(
        Chess().start(count), (player, player), Randomness(2), learner=player, max_plies=250, in_flight=parts
    )
    assert ((rollout.length == 250) == rollout.truncated).all()
    assert 0 < rollout.truncated.sum() < count
    assert sorted(np.concatenate([games for games, _ in rollout.finished]).tolist()) == list(range(count))
    assert np.bincount(rollout.plies.game, minlength=count).tolist() == rollout.length.tolist()
    for games, batch in rollout.finished:
        assert (batch.outcomes().over == ~rollout.truncated[games]).all()
        assert (batch.outcomes().outcome == rollout.outcome[games]).all()


@dataclass
class Quits(First):
    """Gives up the games named by their moves so far, when it is its turn."""

    at: tuple[str, ...] = ()

    def choose(self, turn: Turn) -> Choice:
        choice = First.choose(self, turn)
        played = [" ".join(turn.games.moves(int(row))) for row in turn.rows]
        return replace(choice, forfeits={k: f"quit at {p}" for k, p in enumerate(played) if p in self.at})


@pytest.mark.parametrize("parts", [1, 2])
def test_who_gives_a_game_up_loses_it_and_the_others_go_on(parts: int) -> None:
    first, quits = First(), Quits(at=("", "a1", "a1 b1 c1"))
    seats = [(quits, first), (first, quits), (first, quits), (first, first)]
    starts = ["3/3/3 x", "3/3/3 x", "3/3/3 x moves b2", "3/3/3 x"]
    rollout = play(TicTacToe().start(starts), seats, Randomness(0), learner=first, in_flight=parts)
    assert rollout.forfeits == {0: "quit at ", 1: "quit at a1"}
    assert rollout.reason.tolist()[:2] == [FORFEIT, FORFEIT]
    assert FORFEIT not in rollout.reason[2:]
    assert rollout.outcome.tolist()[:2] == [-1, 1]
    assert rollout.reward.tolist()[:2] == [-1.0, 1.0]
    assert rollout.length.tolist()[:2] == [0, 1]
    assert not rollout.truncated.any()
    assert [moves(position) for position in rollout.positions()[:2]] == [[], ["a1"]]
    alone = play(TicTacToe().start(starts[2:]), [(first, first)] * 2, Randomness(0))
    assert rollout.positions()[2:] == alone.positions()
    assert np.bincount(rollout.plies.game, minlength=4)[:2].tolist() == [0, 1]  # what the winner learns from: a1


def test_the_last_game_given_up_ends_the_rollout() -> None:
    quits = Quits(at=("a1 b1",))
    rollout = play(Chess().start(1), (Quits(at=("",)), First()), Randomness(0))
    assert (rollout.reason[0], rollout.outcome[0]) == (FORFEIT, -1)
    rollout = play(TicTacToe().start(2), (quits, quits), Randomness(0))
    assert rollout.forfeits == dict.fromkeys((0, 1), "quit at a1 b1")


class Hopes(Random):
    """Moves at random, and expects a return that it makes up."""

    def choose(self, turn: Turn) -> Choice:
        return replace(Random.choose(self, turn), value=turn.uniforms.astype(np.float32))


class Broken:
    """One game of tic-tac-toe that is not over when its board is full, or refuses the action b1."""

    def __init__(self, inner: Any, fault: str) -> None:
        self.inner, self.fault = inner, fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, indices: Any) -> Broken:
        return Broken(self.inner[indices], self.fault)

    def outcomes(self) -> Outcomes:
        true: Outcomes = self.inner.outcomes()
        return replace(true, reason=np.zeros_like(true.reason)) if self.fault == "endless" else true

    def play(self, actions: NDArray[Any]) -> None:
        if self.fault == "refuses" and 1 in actions:
            raise IllegalAction("game 0: b1 is illegal")
        self.inner.play(actions)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("endless", "the game goes on at '3/3/3 x moves a1 c3 b1 b3 c1' but has no legal action there"),
        ("refuses", "the game refuses an action that it called legal: game 0: b1 is illegal"),
    ],
)
def test_a_game_that_leaves_nothing_to_play_breaks_the_contract(fault: str, said: str) -> None:
    with pytest.raises(BrokenContract, match=said):
        play(Broken(TicTacToe().start(1), fault), (First(), First(last=True)), Randomness(0))


def test_a_player_that_plays_what_it_was_not_offered_is_not_the_games_fault() -> None:
    class Beside(First):
        def choose(self, turn: Turn) -> Choice:
            return replace(super().choose(turn), index=np.full(len(turn.rows), -1))  # of the game before, or the last

    with pytest.raises(IllegalAction):
        play(TicTacToe().start(["3/3/3 x moves a1 c3", "3/3/3 x moves a1 b1"]), (Beside(), Beside()), Randomness(0))


def test_a_reason_that_its_game_does_not_name() -> None:
    class Short(TicTacToe):
        reasons = ("ongoing",)

    rollout = play(TicTacToe().start(1), (First(), First(last=True)), Randomness(0))
    rollout.require_reasons(TicTacToe())
    said = "ends '3/3/3 x moves a1 c3 b1 b3 c1' with reason 1, but its reasons have numbers from 0 to 0: ongoing"
    with pytest.raises(BrokenContract, match=f"^tic-tac-toe {said}$"):
        rollout.require_reasons(Short())
    given_up = play(TicTacToe().start(1), (Quits(at=("",)), First()), Randomness(0))
    given_up.require_reasons(Short())  # giving up needs no reason in the rules


def test_a_learner_can_not_give_up() -> None:
    quits = Quits(at=("",))
    with pytest.raises(ValueError, match="can't give games up"):
        play(TicTacToe().start(1), (quits, First()), Randomness(0), learner=quits)


@pytest.mark.parametrize(
    ("reward", "got"),
    [
        (lambda outcome, truncated, ahead: 0.0, r"got shape \[\]"),
        (lambda outcome, truncated, ahead: outcome[:1], r"got shape \[1\]"),
        (lambda outcome, truncated, ahead: np.where(outcome == 1, np.nan, outcome), "got nan for one of them"),
    ],
)
def test_a_reward_is_one_finite_number_for_each_game(reward: Any, got: str) -> None:
    with pytest.raises(BadReward, match=f"^a reward must be one finite number for each of 20 games, {got}$"):
        play(TicTacToe().start(20), (Random(), Random()), Randomness(3), reward=reward)
