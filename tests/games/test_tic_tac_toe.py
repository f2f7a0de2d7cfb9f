"""Every possible game of tic-tac-toe, played through the contract, against the known totals."""

from __future__ import annotations

import numpy as np
import pytest

from chesspg.games.tic_tac_toe import TicTacToe


@pytest.mark.slow
def test_every_game_there_is() -> None:
    """255,168 games: 131,184 won by x, 77,904 by o, 46,080 drawn; and the number of games that end at each ply."""
    games = TicTacToe().start(1)
    ended: dict[int, int] = {}
    won = {1: 0, -1: 0, 0: 0}
    reasons = np.zeros(3, dtype=np.int64)
    for ply in range(10):
        outcomes = games.outcomes()
        ended[ply] = int(outcomes.over.sum())
        for verdict in won:
            won[verdict] += int((outcomes.outcome[outcomes.over] == verdict).sum())
        reasons += np.bincount(outcomes.reason[outcomes.over], minlength=3)
        games = games[~outcomes.over]
        legal = games.observe().legal
        games = games[np.repeat(np.arange(len(games)), legal.counts)]  # one copy per action
        games.play(legal.actions)
    assert won == {1: 131_184, -1: 77_904, 0: 46_080}
    assert [ended[ply] for ply in range(5, 10)] == [1_440, 5_328, 47_952, 72_576, 127_872]
    assert sum(ended.values()) == 255_168
    assert reasons.tolist() == [0, 131_184 + 77_904, 46_080]
    assert len(games) == 0


def test_positions_are_read_rank_three_first() -> None:
    games = TicTacToe().start(["o2/1x1/2x o"])
    seen = games.observe()
    assert seen.player[0] == 1
    np.testing.assert_array_equal(
        seen.planes[0, :, 0], [1 << 6, (1 << 4) | (1 << 2)]
    )  # own stone on a3; the opponent's on b2 and c1
    np.testing.assert_array_equal(seen.legal.actions, [0, 1, 3, 5, 7, 8])
    assert games.position(0) == "o2/1x1/2x o"


def test_a_win_with_the_last_stone_is_no_draw() -> None:
    games = TicTacToe().start(["xox/oxo/ox1 x"])
    games.play(np.array([2]))
    outcomes = games.outcomes()
    assert (outcomes.outcome[0], outcomes.reason[0]) == (1, 1)


def test_moves_after_the_end_are_refused() -> None:
    with pytest.raises(ValueError, match="illegal"):
        TicTacToe().start(["3/3/3 x moves a1 b1 a2 b2 a3 b3"])


def test_render() -> None:
    assert TicTacToe().render("3/3/3 x moves b2 c1") == "3  ·  ·  · \n2  ·  x  · \n1  ·  · (o)\n   a  b  c"
