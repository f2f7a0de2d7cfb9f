"""Games of stones on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chesspg.games.othello import Othello


def test_a_broken_numba_is_reported_once_and_numpy_plays() -> None:
    class Broken(Othello):
        def kernels(self) -> Any:
            raise SystemError("initialization failed")

    with pytest.warns(UserWarning, match=r"^numba can't be used \(SystemError: initialization failed\)") as warned:
        starts = [Broken().start(1) for _ in range(2)]
    assert len(warned) == 1
    assert starts[1].observe().legal.actions.tolist() == [19, 26, 37, 44]


@pytest.mark.parametrize("row", [2, -3, 2**40])
def test_a_row_that_does_not_exist_changes_no_game(row: int) -> None:
    games = Othello().start(2)
    with pytest.raises(IndexError):
        games.play_some(np.array([0, row]), np.array([19, 19]))
    assert games.moves(0) == games.moves(1) == []


def test_a_negative_row_counts_from_the_end() -> None:
    games = Othello().start(2)
    games.play_some(np.array([-1]), np.array([19]))
    assert games.observe().player.tolist() == [0, 1]
