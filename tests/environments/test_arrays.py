"""Observations and masks as arrays, against bits taken one by one."""

from __future__ import annotations

import numpy as np
import pytest
from others import Placing

from chesspg.environments.arrays import action_masks, board_arrays, board_space
from chesspg.games.chess import Chess
from chesspg.games.contract.sample import random_actions
from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe

GAMES = [TicTacToe(), Placing(9, 8), Chess()]  # one word without scalars, two words and scalars, scalars above 1


@pytest.mark.parametrize("game", GAMES, ids=lambda game: game.name)
def test_every_square_scalar_and_action(game: Game) -> None:
    games, rng = game.start(3), np.random.default_rng(2)
    for _ in range(4):
        games.play(random_actions(games, rng))
    seen, columns = games.observe(), game.board[1]
    boards, masks = board_arrays(game, seen), action_masks(game, seen.legal)
    assert (boards.dtype, masks.dtype) == (np.float32, np.int8)
    assert masks.shape == (3, game.num_actions)
    for i in range(3):
        assert board_space(game).contains(boards[i])
        for plane in range(len(game.planes)):
            for square in range(game.board[0] * columns):
                bit = int(seen.planes[i, plane, square // 64]) >> (square % 64) & 1
                assert boards[i, plane, square // columns, square % columns] == bit
        for k, limit in enumerate(game.scalars.values()):
            assert (boards[i, len(game.planes) + k] == np.float32(seen.scalars[i, k] / np.float32(limit))).all()
        legal = seen.legal.actions[seen.legal.offsets[i] : seen.legal.offsets[i + 1]]
        assert np.flatnonzero(masks[i]).tolist() == legal.tolist()


def test_no_games() -> None:
    seen = TicTacToe().start(0).observe()
    assert board_arrays(TicTacToe(), seen).shape == (0, 2, 3, 3)
    assert action_masks(TicTacToe(), seen.legal).shape == (0, 9)
