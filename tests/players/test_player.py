"""Random, greedy and mixed players: what they choose, how often, and the log_prob that they return."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.player import Choice, Greedy, Launching, Mixture, Player, Random, Turn, launcher

GRID = (np.arange(2520) + 0.5) / 2520  # 2520 is divisible by 1 to 10, so equal shares have equal counts


def ask(player: Player, game: Game, position: str, uniforms: np.ndarray = GRID) -> tuple[Counter[str], Choice]:
    """The moves of the player in one position, over many uniforms."""
    games = game.start([position] * len(uniforms))
    seen = games.observe()
    choice = player.choose(Turn(seen, uniforms, games, np.arange(len(uniforms))))
    return Counter(game.move_name(position, int(a)) for a in seen.legal.take(choice.index)), choice


def test_random_plays_every_move_alike() -> None:
    moves, choice = ask(Random(), TicTacToe(), "3/3/3 x moves a1 b2")
    assert moves == dict.fromkeys(("b1", "c1", "a2", "c2", "a3", "b3", "c3"), 2520 // 7)
    assert choice.log_prob == pytest.approx(np.full(2520, -math.log(7)))


def test_random_at_both_ends_of_the_draw() -> None:
    moves, _ = ask(Random(), TicTacToe(), "3/3/3 x", np.array([0.0, np.nextafter(1.0, 0.0)]))
    assert moves == {"a1": 1, "c3": 1}


@pytest.mark.parametrize(
    ("position", "best"),
    [
        ("6k1/q4ppp/8/8/8/8/5PPP/R3R1K1 w - - 0 1", ["Re8#"]),  # mate, although a queen can be captured
        ("r3r1k1/5ppp/8/8/8/8/Q4PPP/6K1 b - - 0 1", ["Re1#"]),  # the same as Black
        ("3q3k/8/8/1p6/P7/8/3R4/7K w - - 0 1", ["Rxd8+"]),  # the queen before the pawn
        ("7k/8/8/q1q5/1P6/8/8/7K w - - 0 1", ["bxa5", "bxc5"]),  # one queen is as good as the other
        ("7k/1p6/Q1Q5/8/8/8/8/7K b - - 0 1", ["bxa6", "bxc6"]),  # for Black, material counts with the opposite sign
        ("8/P6k/8/8/8/8/8/K7 w - - 0 1", ["a8=Q"]),  # a promotion is material
    ],
)
def test_greedy_mates_or_takes_the_most_equals_alike(position: str, best: list[str]) -> None:
    moves, choice = ask(Greedy(), Chess(), position, GRID[::60])
    assert moves == dict.fromkeys(best, 42 // len(best))
    assert choice.log_prob == pytest.approx(np.full(42, -math.log(len(best))))


def test_greedy_without_anything_to_take_plays_all_alike() -> None:
    moves, _ = ask(Greedy(), TicTacToe(), "3/3/3 x moves a1 b2")
    assert moves == dict.fromkeys(("b1", "c1", "a2", "c2", "a3", "b3", "c3"), 360)


def test_greedy_wins_as_either_player() -> None:
    assert ask(Greedy(), TicTacToe(), "3/3/3 x moves a1 b1 a2 b2")[0] == {"a3": 2520}
    assert ask(Greedy(), TicTacToe(), "3/3/3 x moves a1 b1 a2 b2 c3")[0] == {"b3": 2520}


def test_greedy_answers_each_game_of_a_mixed_batch_by_itself() -> None:
    positions = ["3/3/3 x moves a1 b1 a2 b2 c3", "3/3/3 x", "3/3/3 x moves a1 b1 a2 b2", "3/3/3 x moves a1 b2"]
    uniforms = np.array([0.3, 0.99, 0.7, 0.2])
    games = TicTacToe().start(positions)
    rows = np.array([2, 0, 3])  # not all of them, and not in order
    seen = games.observe()[rows]
    choice = Greedy().choose(Turn(seen, uniforms[rows], games, rows))
    alone = [ask(Greedy(), TicTacToe(), positions[row], uniforms[[row]])[0] for row in rows]
    actions = seen.legal.take(choice.index).tolist()
    assert [TicTacToe().move_name(positions[row], a) for row, a in zip(rows, actions, strict=True)] == [
        next(iter(move)) for move in alone
    ]
    assert games.moves(0) == ["a1", "b1", "a2", "b2", "c3"]  # looking ahead played nothing


POSITION = "3q3k/8/8/1p6/P7/8/3R4/7K w - - 0 1"  # the greedy player takes the queen


def test_a_mixture_moves_at_random_as_often_as_it_says() -> None:
    legal = 19  # 14 of the rook, 2 of the pawn, 3 of the king
    moves, choice = ask(Mixture(Greedy(), 0.3), Chess(), POSITION, (np.arange(1900) + 0.5) / 1900)
    assert len(moves) == legal
    assert moves.pop("Rxd8+") == pytest.approx(30 + 0.7 * 1900, abs=1)
    assert set(moves.values()) == {30}
    assert choice.log_prob is None
    assert choice.value is None


def test_a_mixtures_two_decisions_are_independent() -> None:
    """Given which of the two moves, all moves keep their probabilities, for uniforms up to both ends of [0, 1)."""
    grid = (np.arange(700) + 0.5) / 700
    for share in (0.3, 0.5, 1 / 3):
        player = Mixture(Random(), share)
        for part in (grid[grid < share], grid[grid >= share]):
            moves, _ = ask(player, TicTacToe(), "3/3/3 x moves a1 b2", part)
            assert len(moves) == 7
            assert max(moves.values()) - min(moves.values()) <= 1
        edges = np.array([0.0, np.nextafter(share, 0), share, np.nextafter(1.0, 0.0)])
        moves, _ = ask(player, TicTacToe(), "3/3/3 x moves a1 b2", edges)
        assert moves == {"b1": 2, "c3": 2}


def test_mixtures_of_nothing_and_of_everything() -> None:
    assert ask(Mixture(Greedy(), 0), Chess(), POSITION, GRID[::60])[0] == {"Rxd8+": 42}
    assert ask(Mixture(Greedy(), 1), TicTacToe(), "3/3/3 x")[0] == ask(Random(), TicTacToe(), "3/3/3 x")[0]
    for share in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="from 0 to 1"):
            Mixture(Greedy(), share)


class Elsewhere(Random):
    """An async player that forfeits every second game and can be closed."""

    is_async = True
    asked = closed = 0

    def launch(self, turn: Turn) -> Callable[[], Choice]:
        self.asked += len(turn.rows)
        why = {row: f"row {int(turn.rows[row])}" for row in range(0, len(turn.rows), 2)}
        return lambda: replace(self.choose(turn), forfeits=why)

    def close(self) -> None:
        self.closed += 1


def test_a_mixture_passes_on_what_its_player_is_and_says() -> None:
    inner = Elsewhere()
    player = Mixture(inner, 0.5)
    assert isinstance(player, Launching)
    assert player.is_async
    assert not Mixture(Greedy(), 0.5).is_async
    games = TicTacToe().start(6)
    rows, uniforms = np.array([5, 4, 2, 1]), np.array([0.6, 0.1, 0.7, 0.8])
    answer = launcher(player)(Turn(games.observe()[rows], uniforms, games, rows))
    assert inner.asked == 3
    assert answer().forfeits == {0: "row 5", 3: "row 1"}  # the rows of the turn
    player.close()
    Mixture(Greedy(), 0.5).close()
    assert inner.closed == 1
