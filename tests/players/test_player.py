"""Random and greedy: what they choose, how often, and what they say of it."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.player import Choice, Greedy, Player, Random, Turn

GRID = (np.arange(2520) + 0.5) / 2520  # 2520 is divisible by 1 to 10: equal shares come out equal


def ask(player: Player, game: Game, position: str, uniforms: np.ndarray = GRID) -> tuple[Counter[str], Choice]:
    """What the player plays in one position, over many draws."""
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
        ("6k1/q4ppp/8/8/8/8/5PPP/R3R1K1 w - - 0 1", ["Re8#"]),  # mate, though a queen is to be had
        ("r3r1k1/5ppp/8/8/8/8/Q4PPP/6K1 b - - 0 1", ["Re1#"]),  # the same as Black
        ("3q3k/8/8/1p6/P7/8/3R4/7K w - - 0 1", ["Rxd8+"]),  # the queen before the pawn
        ("7k/8/8/q1q5/1P6/8/8/7K w - - 0 1", ["bxa5", "bxc5"]),  # one queen is as good as the other
        ("7k/1p6/Q1Q5/8/8/8/8/7K b - - 0 1", ["bxa6", "bxc6"]),  # as Black material counts the other way
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
