"""A batch of single games plays as one batch does."""

from __future__ import annotations

import numpy as np
from others import Twice

from chesspg.environments.singles import Singles
from chesspg.games.contract.sample import require_same, state_of
from chesspg.games.tic_tac_toe import TicTacToe


def test_single_games_are_the_games_of_a_batch() -> None:
    rng = np.random.default_rng(3)
    for game in (TicTacToe(), Twice()):  # without and with a heuristic
        batch = game.start(6)
        singles = Singles.of(batch)
        for _ in range(7):
            legal = batch.observe().legal
            rows = np.flatnonzero(legal.counts * (rng.random(6) < 0.8))
            actions = legal[rows].take((rng.random(len(rows)) * legal.counts[rows]).astype(np.int64))
            singles.play_some(rows, actions)
            texts = [batch.position(i) for i in range(6)]
            for row, action in zip(rows, actions, strict=True):
                one = batch[[row]]
                one.play(np.array([action]))
                texts[row] = one.position(0)
            batch = game.start(texts)
            order = rng.integers(6, size=6)
            batch, singles = batch[order], singles[order]
            state = {name: value for name, value in state_of(singles).items() if name in state_of(batch)}
            require_same(state_of(batch), state, game.name)
        before = [singles.position(i) for i in range(6)]
        singles[np.arange(6)].play_some(np.empty(0, np.int64), np.empty(0, np.int64))
        assert [singles.position(i) for i in range(6)] == before
