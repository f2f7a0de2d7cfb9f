"""The environments of Gymnasium: against games played one by one, and each rule that their docstrings name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import DictInfoToList, FlattenObservation, RecordEpisodeStatistics
from numpy.typing import NDArray
from others import OnePly, Othello, Twice

from chesspg.environments import duels
from chesspg.environments.arrays import action_masks, board_arrays
from chesspg.environments.gymnasium import BoardGameEnv, BoardGameVectorEnv
from chesspg.games.chess import Chess
from chesspg.games.game import Game, Games
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import SQUARES, TicTacToe
from chesspg.players.player import Choice, Greedy, Random, Turn
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy

NO_SPEC = "ignore:.*Not able to test alternative render modes"  # check_env wants an environment from gymnasium.make


def any_legal(masks: NDArray[np.int8], rng: np.random.Generator) -> NDArray[np.int64]:
    """[N] a random action of each mask [N, A]."""
    return (rng.random(masks.shape) * masks).argmax(axis=1)


class OneByOne:
    """One slot of the environment, by plain loops over one game, against random moves."""

    def __init__(self, game: Game, slot: int, count: int, seat: int | None, seed: int) -> None:
        self.game, self.slot, self.count, self.seat = game, slot, count, seat
        self.rng = Randomness(int(np_random(seed)[0].integers(2**63)))
        self.number = -1
        self.begin()

    def begin(self) -> None:
        self.number += 1
        self.learner = (self.slot + self.number) % 2 if self.seat is None else self.seat
        self.ply, self.games = 0, self.game.start(1)
        self.reply()

    def reply(self) -> None:
        while not self.games.outcomes().over[0] and self.games.observe().player[0] != self.learner:
            uniform = self.rng.uniforms(np.array([self.number * self.count + self.slot]), self.ply)[0]
            legal = self.games.observe().legal.actions
            self.play(legal[int(uniform * len(legal))])

    def play(self, action: int) -> None:
        self.games.play(np.array([action]))
        self.ply += 1

    def step(self, action: int) -> float:
        self.play(action)
        self.reply()
        return float(self.games.outcomes().outcome[0] * (1 - 2 * self.learner))


def same(game: Game, games: Games, board: NDArray[np.float32], mask: NDArray[np.int8] | None) -> bool:
    seen = games.observe()
    return np.array_equal(board_arrays(game, seen)[0], board) and (
        mask is None or np.array_equal(action_masks(game, seen.legal)[0], mask)
    )


@pytest.mark.parametrize(
    ("game", "seat", "steps"),
    [(TicTacToe(), None, 30), (TicTacToe(), 1, 20), (Twice(), None, 12), (Othello(), 0, 14), (Chess(), None, 8)],
    ids=lambda value: getattr(value, "name", value),
)
def test_the_same_games_as_one_by_one(game: Game, seat: int | None, steps: int) -> None:
    """Twice and Othello lack PartialPlay; in Twice players move several times in a row."""
    count, rng, ended = 5, np.random.default_rng(4), 0
    environment = BoardGameVectorEnv(game, count, "random", seat)
    boards, infos = environment.reset(seed=11)
    slots = [OneByOne(game, slot, count, seat, 11) for slot in range(count)]
    for _ in range(steps):
        assert environment.observation_space.contains(boards)
        assert all(
            same(game, one.games, board, mask)
            for one, board, mask in zip(slots, boards, infos["action_mask"], strict=True)
        )
        np.testing.assert_array_equal(environment.action_masks(), infos["action_mask"] == 1)
        actions = any_legal(infos["action_mask"], rng)
        assert environment.action_space.contains(actions)
        boards, rewards, terminated, truncated, infos = environment.step(actions)
        assert not truncated.any()
        for i, one in enumerate(slots):
            assert rewards[i] == one.step(actions[i])
            outcomes = one.games.outcomes()
            assert terminated[i] == outcomes.over[0]
            if terminated[i]:
                assert infos["_final_obs"][i]
                assert same(game, one.games, infos["final_obs"][i], None)
                assert infos["final_info"]["reason"][i] == game.reasons[outcomes.reason[0]]
                one.begin()
                ended += 1
        if terminated.any():
            np.testing.assert_array_equal(infos["_final_obs"], terminated)
            np.testing.assert_array_equal(infos["_final_info"], terminated)
        else:
            assert "final_obs" not in infos
    assert ended or isinstance(game, Chess)


def test_both_modes_of_resetting_play_the_same_games() -> None:
    """With NEXT_STEP, each game is followed by one step that plays nothing."""
    count, seen = 5, dict[AutoresetMode, list[list[Any]]]()
    for mode in (AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP):
        environment = BoardGameVectorEnv(TicTacToe(), count, "random", autoreset_mode=mode.value)
        assert environment.metadata["autoreset_mode"] is mode
        slots: list[list[Any]] = [[] for _ in range(count)]
        boards, infos = environment.reset(seed=5)
        waiting = np.zeros(count, np.bool_)
        for _ in range(40):
            masks = infos["action_mask"]
            assert masks[waiting].all()
            before, actions = boards, masks.argmax(axis=1)
            np.testing.assert_array_equal(environment.action_masks(), masks == 1)
            boards, rewards, terminated, _, infos = environment.step(actions)
            assert not rewards[waiting].any()
            assert not terminated[waiting].any()
            for i in np.flatnonzero(~waiting):
                last = reason = None
                if terminated[i] and mode is AutoresetMode.NEXT_STEP:
                    last, reason = boards[i].tolist(), infos["reason"][i]
                elif terminated[i]:
                    last, reason = infos["final_obs"][i].tolist(), infos["final_info"]["reason"][i]
                slots[i].append((before[i].tolist(), masks[i].tolist(), rewards[i], terminated[i], last, reason))
            waiting = terminated if mode is AutoresetMode.NEXT_STEP else waiting
        seen[mode] = slots
    for same, following in zip(*seen.values(), strict=True):
        assert len(following) > 25
        assert same[: len(following)] == following


def story(environment: BoardGameVectorEnv, seed: int | None, steps: int = 12) -> list[Any]:
    """What some steps with fixed choices of actions led to."""
    rng, found = np.random.default_rng(0), []
    _, infos = environment.reset(seed=seed)
    for _ in range(steps):
        boards, rewards, *_, infos = environment.step(any_legal(infos["action_mask"], rng))
        found.append((boards.tolist(), rewards.tolist()))
    return found


def test_a_seed_fixes_the_games() -> None:
    environment = BoardGameVectorEnv(TicTacToe(), 6, "greedy?random=0.5")
    first = story(environment, 1)
    second = story(environment, None)  # goes on from the seed
    assert first != second
    assert story(environment, 2) != first
    assert story(environment, 1) == first
    assert story(environment, None) == second
    assert story(BoardGameVectorEnv(TicTacToe(), 6, "greedy?random=0.5"), 1) == first


@pytest.mark.parametrize("game", [TicTacToe(), Chess()], ids=lambda game: game.name)
@pytest.mark.filterwarnings(NO_SPEC)
@pytest.mark.filterwarnings("ignore:1 of the learner's actions were illegal")  # check_env knows no masks
def test_gymnasium_accepts_one_game(game: Game) -> None:
    check_env(BoardGameEnv(game, "random", render_mode="ansi"))


def test_one_game_is_a_vector_of_one() -> None:
    game = TicTacToe()
    one, vector = BoardGameEnv(game, "random"), BoardGameVectorEnv(game, 1, "random")
    (board, info), (boards, infos) = one.reset(seed=3), vector.reset(seed=3)
    rng, seats = np.random.default_rng(1), []
    for _ in range(25):
        assert np.array_equal(board, boards[0])
        assert np.array_equal(info["action_mask"], infos["action_mask"][0])
        np.testing.assert_array_equal(one.action_masks(), info["action_mask"] == 1)
        actions = any_legal(infos["action_mask"], rng)
        board, reward, over, cut, info = one.step(actions[0])
        boards, rewards, terminated, truncated, infos = vector.step(actions)
        assert (reward, over, cut) == (rewards[0], terminated[0], truncated[0])
        if over:
            assert np.array_equal(board, infos["final_obs"][0])
            assert info["reason"] == infos["final_info"]["reason"][0]
            with pytest.raises(ValueError, match="the game is over, or none has begun: call reset"):
                one.step(actions[0])
            board, info = one.reset()
            seats.append(int(board.sum()))  # the opponent has moved first, or nobody has moved
        else:
            assert "reason" not in info
    assert seats[:4] == [1, 0, 1, 0]


@dataclass
class GivesUp:
    """Takes the first legal move, and gives up the games in which it is asked for the n-th time, counted from 0."""

    turn: int
    asked: int = 0

    def choose(self, turn: Turn) -> Choice:
        self.asked += 1
        lost: Mapping[int, str] = {0: "lost on time"} if self.asked > self.turn else {}
        return Choice(np.zeros(len(turn.rows), np.int64), forfeits=lost)


def test_the_learner_wins_a_game_that_the_opponent_gives_up() -> None:
    environment = BoardGameVectorEnv(TicTacToe(), 3, GivesUp(1), seat=0)
    environment.reset(seed=0)
    assert environment.step(np.array([8, 8, 8]))[2].tolist() == [False] * 3
    boards, rewards, terminated, _, infos = environment.step(np.array([7, 7, 7]))
    assert rewards.tolist() == [1, 0, 0]
    assert terminated.tolist() == [True, False, False]
    assert infos["final_info"]["reason"][0] == "lost on time"
    assert boards[0].sum() == 0


def test_an_opponent_that_gives_up_before_the_learner_moves_ends_in_one_line() -> None:
    with pytest.raises(ValueError, match="tic-tac-toe ends each time before the learner has moved: lost on time"):
        BoardGameVectorEnv(TicTacToe(), 1, GivesUp(0), seat=1).reset()
    with pytest.raises(ValueError, match="one ply ends each time before the learner has moved: the game is over"):
        BoardGameVectorEnv(OnePly(), 2, "random", seat=1).reset()


def test_an_illegal_action_loses_its_game_with_a_warning() -> None:
    environment = BoardGameVectorEnv(TicTacToe(), 3, Greedy(), seat=0)
    environment.reset(seed=0)
    environment.step(np.array([0, 0, 0]))
    with pytest.warns(UserWarning, match="1 of the learner's actions were illegal, and lost their games: use the acti"):
        _, rewards, terminated, _, infos = environment.step(
            np.array([0, *environment.action_masks().argmax(axis=1)[1:]])
        )
    assert rewards[0] == -1
    assert terminated.tolist() == [True, False, False]
    assert infos["final_info"]["reason"][0] == "illegal action"
    assert infos["final_obs"][0].sum() == 2
    assert infos["action_mask"].sum(axis=1).tolist() == [9, 5, 5]  # a new game, and two that go on


def test_wrappers_of_gymnasium_work_on_it() -> None:
    environment = BoardGameVectorEnv(TicTacToe(), 4, "random", seat=0)
    assert environment.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    following = BoardGameVectorEnv(TicTacToe(), 4, "random", seat=0, autoreset_mode="NextStep")
    for recorded in (RecordEpisodeStatistics(environment), FlattenObservation(RecordEpisodeStatistics(following))):
        boards, infos = recorded.reset(seed=1)
        assert boards[0].size == 18
        rng, lengths = np.random.default_rng(0), []
        while len(lengths) < 8:
            boards, _, terminated, _, infos = recorded.step(any_legal(infos["action_mask"], rng))
            lengths += infos["episode"]["l"][terminated].tolist() if terminated.any() else []
        assert 3 <= min(lengths) <= max(lengths) <= 5  # moves of the learner, who begins
    listed = DictInfoToList(BoardGameVectorEnv(TicTacToe(), 2))
    assert listed.reset(seed=0)[1][1]["action_mask"].shape == (9,)


def test_opponents_by_string(tmp_path: Any) -> None:
    game = TicTacToe()
    files.save(tmp_path / "p.safetensors", Policy(game, MLP(game, hidden=(4,))))
    strengths = {}
    for opponent in ("random", "minimax?depth=3", f"{tmp_path}/p.safetensors?temperature=0"):
        environment, rng, scores = BoardGameVectorEnv(game, 40, opponent), np.random.default_rng(0), []
        _, infos = environment.reset(seed=1)
        for _ in range(8):
            _, rewards, terminated, _, infos = environment.step(any_legal(infos["action_mask"], rng))
            scores += rewards[terminated].tolist()
        strengths[opponent] = np.mean(scores)
        environment.close()
    assert strengths["minimax?depth=3"] < strengths["random"] - 0.5


def test_an_opponent_is_closed_by_who_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closing(Random):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    made = Closing()
    monkeypatch.setattr(duels, "player_from_string", lambda text, game: made)
    for environment in (BoardGameEnv(TicTacToe(), "engine"), BoardGameVectorEnv(TicTacToe(), 2, "engine")):
        environment.close()
    assert made.closed == 2
    own = Closing()
    BoardGameVectorEnv(TicTacToe(), 2, own).close()
    assert own.closed == 0


def test_boards_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    game = TicTacToe()
    environment = BoardGameVectorEnv(game, 2, "random", seat=0, render_mode="ansi")
    environment.reset(seed=0)
    assert environment.render() == (game.render("3/3/3 x"),) * 2
    human = BoardGameEnv(game, GivesUp(9), seat=0, render_mode="human")
    human.reset()
    human.step(np.int64(SQUARES.index("a3")))
    first, second = (game.render(text) for text in ("3/3/3 x", "3/3/3 x moves a3 a1"))
    assert capsys.readouterr().out == f"{first}\n\n{second}\n\n"
    for silent in (BoardGameEnv(game), BoardGameVectorEnv(game, 1)):
        silent.reset()
        with pytest.warns(UserWarning, match="render_mode='ansi'"):
            assert silent.render() is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_envs": 0}, "num_envs must be at least 1, got 0"),
        ({"seat": 2}, "seat must be 0, 1 or None for both in turn, got 2"),
        ({"opponent": "nobody"}, "unknown player 'nobody': there is no file 'nobody'; expected one of random, greedy"),
        ({"opponent": "minimax?depth=9"}, "depth in 'minimax?depth=9' must be a whole number from 1 to 3, got '9'"),
        (
            {"autoreset_mode": "Disabled"},
            "autoreset_mode must be AutoresetMode.SAME_STEP or AutoresetMode.NEXT",
        ),
        ({"render_mode": "human"}, "render_mode must be one of ansi or None, got 'human'"),
    ],
)
def test_a_mistake_is_one_line(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        BoardGameVectorEnv(**{"game": TicTacToe(), "num_envs": 2, **arguments})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([1], "expected one whole number for each of 2 games, got an array of shape (1,) and type int64"),
        ([0.0, 1.0], "expected one whole number for each of 2 games, got an array of shape (2,) and type float64"),
        ([0, 9], "actions must be from 0 to 8, got 9"),
        ([-1, 0], "actions must be from 0 to 8, got -1"),
    ],
)
def test_actions_that_are_none(actions: list[float], message: str) -> None:
    environment = BoardGameVectorEnv(TicTacToe(), 2)
    environment.reset(seed=0)
    with pytest.raises(ValueError) as caught:
        environment.step(np.array(actions))
    assert str(caught.value) == message
