"""What every game promises, asked of every game and backend alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from chesspg.games.chess import Chess
from chesspg.games.game import ONGOING, Game, Games, IllegalAction, Legal, Observation
from chesspg.games.tic_tac_toe import TicTacToe


@dataclass(frozen=True)
class Case:
    """A game, and positions in which the answer is known."""

    name: str
    game: Game
    second_to_move: str  # a start, without moves, in which player 1 is to move
    won_by_first: str
    won_by_second: str
    drawn: str
    unreadable: tuple[str, ...]


def chess_case(name: str, won_by_first: str, won_by_second: str, **arguments: str) -> Case:
    return Case(
        name,
        Chess(**arguments),
        "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1",
        f"startpos moves {won_by_first}",
        f"startpos moves {won_by_second}",
        "4k3/8/8/8/8/8/r7/4K2R w K - 99 80 moves h1h2",  # the fiftieth move without capture or pawn move
        ("checkers", "8/8/8/8/8/8/8/8 w - - 0 1", "startpos moves e2e5", "startpos moves 0000", "startpos moves e9"),
    )


SCHOLAR = "e2e4 e7e5 d1h5 b8c6 f1c4 g8f6 h5f7"
FOOL = "f2f3 e7e5 g2g4 d8h4"
CASES = [
    Case(
        "tic-tac-toe",
        TicTacToe(),
        "3/3/x2 o",
        "3/3/3 x moves a1 b1 a2 b2 a3",
        "3/3/3 x moves a1 b1 a2 b2 c3 b3",
        "3/3/3 x moves a1 b1 c1 a2 b2 a3 b3 c3 c2",
        ("chess", "3/3/3 z", "3/3/4 x", "3/3 x", "3/3/3 x moves d1"),
    ),
    chess_case("chess", SCHOLAR, FOOL, backend="python-chess"),
    chess_case("chess on bitboards", SCHOLAR, FOOL, backend="bitboards"),
    chess_case("chess960", SCHOLAR, FOOL, variant="chess960", backend="python-chess"),
    chess_case(
        "atomic",
        "g1f3 a7a6 f3e5 a6a5 e5d7",  # the capture beside the king blows it up
        "a2a3 g8f6 a3a4 f6e4 a4a5 e4d2",
        variant="atomic",
        backend="python-chess",
    ),
    chess_case(
        "king of the hill",
        "e2e3 a7a6 e1e2 a6a5 e2d3 a5a4 d3d4",
        "a2a3 e7e6 a3a4 e8e7 a4a5 e7d6 a5a6 d6d5",
        variant="kingofthehill",
        backend="python-chess",
    ),
]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    parameter = request.param
    assert isinstance(parameter, Case)
    return parameter


def random_actions(games: Games, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    legal = games.observe().legal
    return legal.take((rng.random(len(legal)) * legal.counts).astype(np.int64))


def played(game: Game, count: int, plies: int, seed: int = 0) -> Games:
    """Games after so many random plies; those that ended sooner are dropped."""
    rng = np.random.default_rng(seed)
    games = game.start(count)
    for _ in range(plies):
        games.play(random_actions(games, rng))
        games = games[~games.outcomes().over]
    return games


def assert_same(one: Observation, other: Observation) -> None:
    for left, right in zip(contents(one), contents(other), strict=True):
        np.testing.assert_array_equal(left, right)


def contents(observation: Observation) -> list[np.ndarray[Any, Any]]:
    legal = observation.legal
    return [observation.planes, observation.scalars, observation.player, legal.actions, legal.offsets]


def test_sizes_and_types(case: Case) -> None:
    game = case.game
    assert isinstance(game, Game)
    games = played(game, 5, 4)
    n = len(games)
    assert n > 0
    seen, outcomes = games.observe(), games.outcomes()
    words = -(-game.board[0] * game.board[1] // 64)
    for array, dtype, shape in [
        (seen.planes, np.uint64, (n, len(game.planes), words)),
        (seen.scalars, np.uint8, (n, len(game.scalars))),
        (seen.player, np.int8, (n,)),
        (seen.legal.actions, np.int16, (seen.legal.offsets[-1],)),
        (seen.legal.offsets, np.int64, (n + 1,)),
        (outcomes.outcome, np.int8, (n,)),
        (outcomes.reason, np.uint8, (n,)),
        (games.material(), np.float32, (n,)),
    ]:
        assert array.dtype == dtype
        assert array.shape == shape
    assert game.reasons[ONGOING] == "ongoing"
    assert (seen.scalars <= np.array(list(game.scalars.values()), dtype=np.int64)).all()


def test_no_games(case: Case) -> None:
    for games in (case.game.start(0), case.game.start([]), case.game.start(3)[np.zeros(3, bool)]):
        seen = games.observe()
        assert len(games) == len(seen) == len(seen.legal) == 0
        assert seen.planes.shape[0] == seen.scalars.shape[0] == 0
        assert not games.outcomes().over.any()
        games.play(np.empty(0, np.int16))


def test_legal_actions_ascend_and_are_in_range(case: Case) -> None:
    rng = np.random.default_rng(1)
    games = case.game.start(8)
    for _ in range(30):
        legal = games.observe().legal
        assert legal.offsets[0] == 0
        assert (legal.counts > 0).all()
        for game in range(len(games)):
            actions = legal.actions[legal.offsets[game] : legal.offsets[game + 1]]
            assert (np.diff(actions) > 0).all()
            assert actions[0] >= 0
            assert actions[-1] < case.game.num_actions
        games.play(random_actions(games, rng))
        games = games[~games.outcomes().over]


def test_the_player_alternates_from_whoever_began(case: Case) -> None:
    rng = np.random.default_rng(2)
    first = case.game.start(1)
    games = case.game.start([first.position(0), case.second_to_move])
    for ply in range(4):
        np.testing.assert_array_equal(games.observe().player, [ply % 2, 1 - ply % 2])
        games.play(random_actions(games, rng))


def test_verdicts_are_player_0s(case: Case) -> None:
    games = case.game.start([case.won_by_first, case.won_by_second, case.drawn, case.second_to_move])
    outcomes = games.outcomes()
    np.testing.assert_array_equal(outcomes.outcome, [1, -1, 0, 0])
    np.testing.assert_array_equal(outcomes.over, [True, True, True, False])
    assert (outcomes.reason < len(case.game.reasons)).all()


def test_a_game_that_is_over_has_no_actions_and_stays_over(case: Case) -> None:
    for position in (case.won_by_first, case.won_by_second, case.drawn):
        running = case.game.start(1).position(0)
        games = case.game.start([running, position])
        assert games.observe().legal.counts[1] == 0
        before = games.observe()
        with pytest.raises(IllegalAction, match="game 1:"):
            games.play(np.array([before.legal.actions[0]] * 2))
        assert_same(games.observe(), before)


def test_an_illegal_action_changes_no_game(case: Case) -> None:
    games = played(case.game, 6, 3)
    before, positions = games.observe(), [games.position(i) for i in range(len(games))]
    fine = before.legal.take(np.zeros(len(games), dtype=np.int64)).astype(np.int64)
    illegal = next(action for action in range(case.game.num_actions) if action not in before.legal[[4]].actions)
    for action in (illegal, -1, case.game.num_actions, 40_000, -(2**40)):
        actions = fine.copy()
        actions[4] = action
        with pytest.raises(IllegalAction, match=rf"(?=.*game 4)(?=.*action {action}\b)"):
            games.play(actions)
        assert_same(games.observe(), before)
        assert [games.position(i) for i in range(len(games))] == positions
    with pytest.raises(ValueError, match="actions for"):
        games.play(fine[:-1])
    assert_same(games.observe(), before)


@pytest.mark.parametrize(
    "indices",
    [[2, 0, 2, 2], np.array([5, 1]), slice(1, 4), slice(None, None, -2), [-1, -3], [], np.arange(6) % 2 == 0],
    ids=str,
)
def test_indexing_makes_independent_copies(case: Case, indices: Any) -> None:
    games = played(case.game, 9, 3)[:6]
    rows = np.arange(6)[indices]
    before = games.observe()
    chosen = games[indices]
    assert len(chosen) == len(rows)
    for copied, row in enumerate(rows):
        assert_same(chosen.observe()[[copied]], before[[row]])
        assert chosen.position(copied) == games.position(int(row))
    twins = games[indices]
    if len(rows):
        chosen.play(random_actions(chosen, np.random.default_rng(4)))
        assert not np.array_equal(chosen.observe().planes, twins.observe().planes)
    assert_same(games.observe(), before)
    assert_same(twins.observe(), before[rows])
    games.play(random_actions(games, np.random.default_rng(5)))
    assert_same(twins.observe(), before[rows])


def test_repeats_of_one_game_go_their_own_ways(case: Case) -> None:
    games = case.game.start(1)
    first = games.observe().legal.actions
    children = games[np.zeros(len(first), dtype=np.int64)]
    children.play(first)
    assert len(np.unique(children.observe().planes, axis=0)) == len(first)
    assert len({children.position(i) for i in range(len(first))}) == len(first)
    np.testing.assert_array_equal(games.observe().legal.actions, first)


def test_an_observation_outlives_the_ply(case: Case) -> None:
    games = case.game.start(3)
    seen = games.observe()
    kept = [array.copy() for array in contents(seen)]
    games.play(random_actions(games, np.random.default_rng(0)))
    for array, copy in zip(contents(seen), kept, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("plies", [0, 1, 6, 60])
def test_a_position_brings_the_game_back(case: Case, plies: int) -> None:
    games = played(case.game, 12, plies)
    second = case.game.start([case.second_to_move])
    second.play(random_actions(second, np.random.default_rng(0)))
    for batch in (games, second, case.game.start([case.won_by_first, case.drawn])):
        positions = [batch.position(i) for i in range(len(batch))]
        again = case.game.start(positions)
        assert_same(again.observe(), batch.observe())
        np.testing.assert_array_equal(again.outcomes().outcome, batch.outcomes().outcome)
        np.testing.assert_array_equal(again.outcomes().reason, batch.outcomes().reason)
        assert [again.position(i) for i in range(len(again))] == positions
        assert [again.moves(i) for i in range(len(again))] == [batch.moves(i) for i in range(len(batch))]


def test_the_same_actions_give_the_same_games(case: Case) -> None:
    one, other = played(case.game, 10, 20, seed=7), played(case.game, 10, 20, seed=7)
    assert_same(one.observe(), other.observe())
    assert [one.position(i) for i in range(len(one))] == [other.position(i) for i in range(len(other))]


def test_an_unreadable_position_is_named(case: Case) -> None:
    for position in case.unreadable:
        with pytest.raises(ValueError) as caught:
            case.game.start([case.second_to_move, position])
        assert position in str(caught.value)


def test_move_names_are_read_back(case: Case) -> None:
    games = played(case.game, 3, 5)
    for i in range(len(games)):
        position = games.position(i)
        actions = games.observe().legal[[i]].actions.tolist()
        names = [case.game.move_name(position, action) for action in actions]
        assert len(set(names)) == len(names)
        assert [case.game.parse_move(position, name) for name in names] == actions


def test_moves_lists_what_was_played(case: Case) -> None:
    games = case.game.start(1)
    action = games.observe().legal.actions[3]
    position = games.position(0)
    assert games.moves(0) == []
    games.play(np.array([action]))
    (move,) = games.moves(0)
    assert case.game.parse_move(position, move) == action
    assert games.position(0) == f"{position} moves {move}"


def test_render_shows_the_board_and_the_last_move(case: Case) -> None:
    rows, columns = case.game.board
    games = case.game.start(1)
    before = case.game.render(games.position(0)).splitlines()
    assert len(before) == rows + 1
    assert before[-1].split() == list("abcdefgh"[:columns])
    assert [line.split()[0] for line in before[:-1]] == [str(rank) for rank in range(rows, 0, -1)]
    games.play(games.observe().legal.actions[:1])
    after = "\n".join(case.game.render(games.position(0)).splitlines())
    assert "(" not in "\n".join(before)
    assert "(" in after


def test_legal_cuts_and_joins() -> None:
    legal = Legal(np.array([3, 5, 1, 2, 9], dtype=np.int16), np.array([0, 2, 2, 5]))
    part = legal[[2, 0, 1]]
    np.testing.assert_array_equal(part.actions, [1, 2, 9, 3, 5])
    np.testing.assert_array_equal(part.offsets, [0, 3, 5, 5])
    np.testing.assert_array_equal(legal.padded(), [[3, 5, -1], [-1, -1, -1], [1, 2, 9]])
    joined = Legal.concatenate([legal[[0]], legal[[1, 2]]])
    np.testing.assert_array_equal(joined.actions, legal.actions)
    np.testing.assert_array_equal(joined.offsets, legal.offsets)
    assert joined.offsets.dtype == np.int64
    assert len(Legal.concatenate([])) == 0
