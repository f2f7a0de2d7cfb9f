"""What a rollout holds: no more than it must, and nothing twice."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from chesspg.games.chess import Chess
from chesspg.games.game import Legal, Observation
from chesspg.games.randomness import Randomness
from chesspg.players.player import Choice, Turn
from chesspg.selfplay.loop import play
from chesspg.selfplay.rollout import Recorder, Rollout


class Valued:
    """Moves at random, and gives a value as a learner does."""

    def choose(self, turn: Turn) -> Choice:
        counts = turn.observation.legal.counts
        return Choice((turn.uniforms * counts).astype(np.int64), -np.log(counts).astype(np.float32),
                      np.zeros(len(counts), np.float32))  # fmt: skip


def size(rollout: Rollout) -> int:
    """Bytes in arrays."""
    arrays = [array for array in vars(rollout).values() if isinstance(array, np.ndarray)]
    plies = rollout.plies
    return sum(array.nbytes for array in (*arrays, *plies.columns().values(), plies.legal.actions, plies.legal.offsets))


def test_a_million_plies_fit_in_300_megabytes() -> None:
    pytest.importorskip("numba")
    learner, games = Valued(), Chess().start(100)
    tracemalloc.start()
    try:
        rollout = play(games, (learner, learner), Randomness(1), learner=learner)
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(rollout.plies) > 30_000
    # 14 planes, 21 legal actions or so and their offset, 2 scalars, player, choice, log π, value, game:
    # 112 + 2 · 21 + 8 + 2 + 1 + 2 + 3 · 4 = 179
    assert size(rollout) / len(rollout.plies) < 200
    # The games themselves, with their histories, and room to grow.
    assert now / len(rollout.plies) < 250
    assert peak / len(rollout.plies) < 300


@pytest.mark.parametrize("in_order", [True, False])
def test_what_is_added_piece_by_piece_is_there_by_ply_and_game(in_order: bool) -> None:
    rng = np.random.default_rng(0)
    ply, game = np.divmod(np.arange(56) if in_order else rng.permutation(56), 8)  # 7 plies of 8 games
    recorder, seen, choices = Recorder(), [], []
    for rows in np.split(np.arange(56), np.cumsum((3, 0, 1, 50))):
        count = len(rows)
        counts = rng.integers(1, 5, count)
        legal = Legal(rng.integers(0, 99, counts.sum()).astype(np.int16), np.concatenate(([0], np.cumsum(counts))))
        seen.append(Observation(rng.integers(0, 2**63, (count, 14, 1)).astype(np.uint64),
                                rng.integers(0, 99, (count, 2)).astype(np.uint8),
                                rng.integers(0, 2, count).astype(np.int8), legal))  # fmt: skip
        choices.append(Choice(rng.integers(0, counts), rng.random(count).astype(np.float32)))
        recorder.add(seen[-1], choices[-1], game[rows], ply[rows])
    plies = recorder.plies()
    order = sorted(range(56), key=lambda row: (ply[row], game[row]))
    for name in ("planes", "scalars", "player"):
        assert (getattr(plies, name) == np.concatenate([getattr(part, name) for part in seen])[order]).all()
    legal = Legal.concatenate([part.legal for part in seen])[order]
    assert (plies.legal.actions == legal.actions).all()
    assert (plies.legal.offsets == legal.offsets).all()
    assert (plies.choice == np.concatenate([choice.index for choice in choices])[order]).all()
    assert (plies.log_prob == np.concatenate([choice.log_prob for choice in choices])[order]).all()
    assert (plies.game == game[order]).all()
    assert plies.value is None
    kinds = {"planes": np.uint64, "scalars": np.uint8, "player": np.int8, "choice": np.int16, "log_prob": np.float32}
    assert {name: getattr(plies, name).dtype.type for name in kinds} == kinds
