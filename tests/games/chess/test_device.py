"""Chess in slots on a device: the same games as on the host, bit for bit, and what the kernels need of a GPU."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chess
import pytest
import torch
from ptx import needs

pytest.importorskip("numba")

from chesspg.games.chess import Chess, encoding, kernels
from chesspg.games.chess.verify import POSITIONS, verify
from chesspg.games.contract.device import check_device
from chesspg.games.game import NotOnDevice

# Fifteen queens side by side, and far apart with 227 moves after the next one.
QUEENS = ("QQQ5/QQQ5/QQQ5/QQQ5/QQQ5/8/pp5K/kn6 b - - 0 1", "3Q1Q2/QQ4K1/4Q3/1Q5Q/5Q2/Q6Q/ppQ5/knQQQ1Q1 b - - 0 1")
SHUFFLE = "g1f3 g8f6 f3g1 f6g8"  # returns to the position before
STARTS = (
    *POSITIONS,
    *QUEENS,
    f"{chess.STARTING_FEN} moves {SHUFFLE}",
    f"{chess.STARTING_FEN} moves {SHUFFLE} g1f3 g8f6 f3g1",  # the next move may be the third repetition
    f"{chess.STARTING_FEN} moves {SHUFFLE} {SHUFFLE}",  # is over
    f"{chess.STARTING_FEN} moves e2e4 a7a6 e4e5 d7d5",  # a capture en passant
    "4k3/8/8/8/8/8/r7/4K2R w K - 98 80 moves h1h2",
    "4k3/8/8/8/8/8/r7/4K2R w K - 99 80 moves h1h2",  # is over by the fifty-move rule
    "7k/5Q2/6K1/8/8/8/8/8 b - - 0 1",  # stalemate
    "7k/6Q1/6K1/8/8/8/8/8 b - - 0 1",  # checkmate
)


def test_the_same_games_as_on_the_host() -> None:
    assert check_device(Chess(), starts=STARTS, plies=6_000) >= 6_000


@pytest.mark.cuda
def test_the_same_games_as_on_the_host_on_cuda() -> None:
    assert check_device(Chess(), "cuda", starts=STARTS, slots=500, plies=200_000) >= 200_000


@pytest.mark.slow
def test_the_same_games_as_python_chess() -> None:
    plies, differences = verify(20_000, device="cpu")
    assert plies >= 20_000
    assert differences == []


def test_a_bound_for_the_legal_actions_of_a_position() -> None:
    """The bound is that of the comment on MAX_LEGAL, and emit() stays inside a row."""

    def most(lines: list[int]) -> list[int]:
        """The most moves that each of fifteen pieces adds that slide along these lines."""
        return sorted((n - added for n in lines for added in (1, 3)), reverse=True)[:15]

    diagonals = [*range(1, 9), *range(1, 8)]
    families = [most([8] * 8), most([8] * 8), most(diagonals), most(diagonals)]
    assert [sum(family) for family in families] == [91, 91, 64, 64]
    assert sum(family[-1] for family in families) > 3 * 4  # more than a pawn that promotes
    assert sum(map(sum, families)) + 8 + 7 <= encoding.MAX_LEGAL == Chess.max_legal == kernels.ACTIONS


def test_fifteen_queens_have_fewer_moves_than_there_is_room_for() -> None:
    most = []
    for fen in QUEENS:
        board = chess.Board(fen)
        assert board.is_valid()
        assert len(board.pieces(chess.QUEEN, chess.WHITE)) == 15
        children = Chess().start([f"{fen} moves {move}" for move in board.legal_moves])
        most.append(children.observe().legal.counts.max())
    assert most == [76, 227]


def test_constants_that_kernels_have_of_their_own() -> None:
    """Compiled code is cached by the file that it is in, so kernels.py imports no value that may change."""
    assert kernels.VALUES.tolist() == encoding.PIECE_VALUES.tolist()
    names = ("ongoing", "checkmate", "stalemate", "insufficient material", "threefold repetition", "fifty-move rule")
    numbers = (
        kernels.ONGOING,
        kernels.CHECKMATE,
        kernels.STALEMATE,
        kernels.MATERIAL,
        kernels.THREEFOLD,
        kernels.FIFTY,
    )
    assert tuple(Chess.reasons[number] for number in numbers) == names


def test_slots_do_not_write_into_each_other() -> None:
    """A slot between two others stays as it is when they are played."""
    game = Chess()
    games = game.on_device(game.start([QUEENS[1], POSITIONS[0]]), 3, "cpu")
    games.reset(torch.ones(3, dtype=torch.bool), torch.tensor([0, 1, 0]))
    middle = {name: tensor[1].clone() for name, tensor in games.state().items()}
    for alive in ([True, False, False], [False, False, True]):
        games.step(games.legal[:, 0].clone(), torch.tensor(alive))
    assert all(torch.equal(tensor[1], middle[name]) for name, tensor in games.state().items())
    assert (games.legal[[0, 2]] >= 0).sum(dim=1).tolist() == [227, 227]


@pytest.mark.parametrize(
    ("game", "device", "message"),
    [
        (Chess("atomic"), "cpu", "^atomic has no rules for a device; standard chess has$"),
        (Chess(backend="python-chess"), "cpu", "^backend 'python-chess' does not play on a device"),
        (Chess(), "mps", "^chess can't be played on mps: chess has rules for cpu and cuda$"),
    ],
)
def test_where_chess_is_not_played(game: Chess, device: str, message: str) -> None:
    with pytest.raises(NotOnDevice, match=message):
        game.on_device(game.start(1), 2, device)


def test_no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    def old() -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040). Please update it.\nOr …")

    monkeypatch.setattr(torch.cuda, "init", old)
    expected = r"^chess can't be played on cuda: The NVIDIA driver on your system is too old \(found version 11040\)$"
    with pytest.raises(NotOnDevice, match=expected):
        Chess().on_device(Chess().start(1), 2, "cuda")


def test_cuda_without_the_extra_and_without_such_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr("chesspg.games.compiled_device.find_spec", lambda name: None)
    for device, message in (
        ("cuda:1", r'numba-cuda is not installed; install it with `pip install "chesspg\[gpu\]"`$'),
        ("cuda:2", "the number of CUDA devices is 2$"),
    ):
        with pytest.raises(NotOnDevice, match=message):
            Chess().on_device(Chess().start(1), 2, device)


def test_a_launch_for_few_slots_gives_no_warning() -> None:
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    assert kernels.grid().reset_slots[1, 64, 0]  # it is configured, not launched; warnings are errors


@pytest.mark.slow
def test_numba_cuda_is_imported_with_a_numpy_that_has_dropped_row_stack() -> None:
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    code = """
import numpy as np
if hasattr(np, "row_stack"):
    del np.row_stack
from chesspg.games.chess import kernels
print(kernels.numba_cuda().__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "numba.cuda\n"


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Any, ...]]:
    """The arguments with which each kernel is launched."""
    found: dict[str, tuple[Any, ...]] = {}

    def noted(name: str, kernel: Callable[..., Any]) -> Callable[..., None]:
        def launch(*arguments: Any) -> None:
            found[name] = arguments
            kernel(*arguments)

        return launch

    for name in kernels.Grid._fields:
        monkeypatch.setattr(kernels, name, noted(name, getattr(kernels, name)))
    Chess().on_device(Chess().start(1), 4, "cpu").children()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", kernels.Grid._fields)
def test_what_the_kernels_need_of_a_gpu(
    name: str, launched: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No spills, constants that fit, and registers for 512 threads on each multiprocessor."""
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    kernel = getattr(kernels.grid(), name)
    arguments = launched[name][: kernel.py_func.__code__.co_argcount]  # without the scratch space of a loop
    found = needs(kernel, arguments, tmp_path, monkeypatch)
    assert found.spills == 0
    assert found.constants < 32_768
    assert found.registers <= 128
    assert found.stack <= 512  # the 64 words in which generate() leaves its targets
