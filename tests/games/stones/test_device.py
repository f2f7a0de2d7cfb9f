"""Games of stones on a device: in a loop on the CPU, and as kernels that are compiled for CUDA without a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ptx import needs

from chesspg.games.connect_four import ConnectFour
from chesspg.games.contract.device import check_device
from chesspg.games.game import NotOnDevice
from chesspg.games.hex import Hex
from chesspg.games.othello import Othello
from chesspg.games.stones.game import StoneGame
from chesspg.games.tic_tac_toe import TicTacToe

pytest.importorskip("numba", reason="numba is not installed")
from chesspg.games.stones.batch import State
from chesspg.games.stones.compiled import Grid, Slots

HEX = f"{'/'.join(['11'] * 11)} x"
GAMES: list[tuple[StoneGame, list[str]]] = [
    (ConnectFour(), ["7/7/7/7/2ox3/2xo3 o", "7/7/7/7/7/7 x moves a b a b a b a", "7/7/7/7/7/7 x moves d d d"]),
    (Othello(), ["oox5/8/8/8/8/8/8/8 x", "8/8/8/8/8/8/8/ox6 o moves c8", "8/8/8/3ox3/3xo3/8/8/8 x moves d3 c3"]),
    (Hex(swap=True), [f"{HEX} moves c2", f"{HEX} moves a1 swap b4", f"{'x4o5/' * 10}x10 o"]),
]  # each with further starts


@pytest.mark.parametrize(("game", "starts"), GAMES, ids=lambda value: getattr(value, "name", ""))
def test_the_same_games_as_on_the_host(game: StoneGame, starts: list[str]) -> None:
    assert check_device(game, starts=starts, plies=3_000) >= 3_000


@pytest.mark.cuda
@pytest.mark.parametrize(("game", "starts"), GAMES, ids=lambda value: getattr(value, "name", ""))
def test_the_same_games_on_cuda(game: StoneGame, starts: list[str]) -> None:
    assert check_device(game, "cuda", starts=starts, slots=500, plies=50_000) >= 50_000


def test_where_a_game_is_not_played(monkeypatch: pytest.MonkeyPatch) -> None:
    game = ConnectFour()
    with pytest.raises(NotOnDevice, match=r"^connect four must start from StoneGames, got TicTacToeGames$"):
        game.on_device(TicTacToe().start(1), 4, "cpu")
    with pytest.raises(
        NotOnDevice, match=r"^connect four can't be played on mps: connect four has rules for cpu and c"
    ):
        game.on_device(game.start(1), 4, "mps")

    def broken(_: ConnectFour) -> None:
        raise OSError("no libllvm here")

    monkeypatch.setattr(ConnectFour, "kernels", broken)
    with (
        pytest.warns(UserWarning, match="so games of stones are slower"),
        pytest.raises(
            NotOnDevice, match=r"^connect four on a device needs numba, but numba can't be used \(OSError: no"
        ),
    ):
        ConnectFour().on_device(game.start(1), 4, "cpu")


@pytest.mark.slow
@pytest.mark.parametrize("name", Grid._fields)
@pytest.mark.parametrize("game", [game for game, _ in GAMES], ids=lambda game: game.name)
def test_what_the_kernels_need_of_a_gpu(
    game: StoneGame, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No spills, and registers for 512 threads on each multiprocessor."""
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    state, kernels = game.start(2).state, game.kernels()
    count, words = len(state.player), len(game.planes) * -(-game.board[0] * game.board[1] // 64)
    slots = Slots(
        words=state.words,
        planes=np.empty((count, words), np.uint64),
        actions=np.empty(count * game.max_legal, np.int16),
        outcome=state.outcome,
        reason=state.reason,
        player=state.player,
        illegal=np.empty(count, np.bool_),
    )
    chosen, rows = np.empty(count, np.int64), np.empty(count, np.bool_)
    arguments = {
        "weigh_rows": (state.words, state.player, np.empty(count, np.float32)),
        "reset_slots": (slots, State(*state), chosen, rows),
        "step_slots": (slots, chosen, rows),
    }
    found = needs(getattr(kernels.grid(), name), arguments[name], tmp_path, monkeypatch)
    assert found.spills == 0
    assert found.registers <= 128
