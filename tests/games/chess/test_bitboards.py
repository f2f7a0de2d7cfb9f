"""The compiled rules: the same games as on python-chess, known totals, and failures of the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import chess
import numpy as np
import pytest

pytest.importorskip("numba")

from chesspg.games.chess import Chess, bitboards, kernels
from chesspg.games.chess.bitboards import BitboardGames, perft
from chesspg.games.chess.python_chess import PythonChessGames
from chesspg.games.chess.verify import POSITIONS, verify

# Totals of the chess programming wiki (the first seven) and of Martin Sedlak's and Roce's suites.
PERFT = [
    (chess.STARTING_FEN, 5, 4_865_609),
    ("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1", 4, 4_085_603),
    ("8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", 6, 11_030_083),
    ("r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1", 5, 15_833_292),
    ("r2q1rk1/pP1p2pp/Q4n2/bbp1p3/Np6/1B3NBn/pPPP1PPP/R3K2R b KQ - 0 1", 5, 15_833_292),
    ("rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8", 4, 2_103_487),
    ("r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10", 4, 3_894_594),
    # en passant: pinned along the rank, along a diagonal; giving and blocking check
    ("3k4/3p4/8/K1P4r/8/8/8/8 b - - 0 1", 6, 1_134_888),
    ("8/8/8/8/k1p4R/8/3P4/3K4 w - - 0 1", 6, 1_134_888),
    ("8/5bk1/8/2Pp4/8/1K6/8/8 w - d6 0 1", 6, 824_064),
    ("8/8/1k6/8/2pP4/8/5BK1/8 b - d3 0 1", 6, 824_064),
    ("8/8/1k6/2b5/2pP4/8/5K2/8 b - d3 0 1", 6, 1_440_467),
    # castling: gives check, prevented, rights lost by a capture
    ("5k2/8/8/8/8/8/8/4K2R w K - 0 1", 6, 661_072),
    ("3k4/8/8/8/8/8/8/R3K3 w Q - 0 1", 6, 803_711),
    ("r3k2r/1b4bq/8/8/8/8/7B/R3K2R w KQkq - 0 1", 4, 1_274_206),
    ("r3k2r/8/3Q4/8/8/5q2/8/R3K2R b KQkq - 0 1", 4, 1_720_476),
    ("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1", 5, 7_594_526),
    ("r3k2r/8/8/8/8/8/8/1R2K2R w Kkq - 0 1", 5, 8_153_719),
    ("4k3/8/8/8/8/8/8/R3K2R w KQ - 0 1", 6, 2_788_982),
    ("r3k2r/8/8/8/8/8/8/4K3 w kq - 0 1", 6, 3_517_770),
    ("4k3/8/8/8/8/8/8/4K2R w K - 0 1", 6, 764_643),
    ("4k3/8/8/8/8/8/8/R3K3 w Q - 0 1", 6, 846_648),
    ("4k2r/8/8/8/8/8/8/4K3 w k - 0 1", 6, 899_442),
    ("r3k3/8/8/8/8/8/8/4K3 w q - 0 1", 6, 1_001_523),
    ("8/8/8/8/8/8/6k1/4K2R w K - 0 1", 6, 185_867),
    ("8/8/8/8/8/8/1k6/R3K3 w Q - 0 1", 6, 413_018),
    # promotions: out of check, giving check, to each piece
    ("2K2r2/4P3/8/8/8/8/8/3k4 w - - 0 1", 6, 3_821_001),
    ("4k3/1P6/8/8/8/8/K7/8 w - - 0 1", 6, 217_342),
    ("8/P1k5/K7/8/8/8/8/8 w - - 0 1", 6, 92_683),
    ("n1n5/PPPk4/8/8/8/8/4Kppp/5N1N b - - 0 1", 5, 3_605_103),
    ("8/Pk6/8/8/8/8/6Kp/8 w - - 0 1", 6, 1_030_499),
    # discovered and double check, stalemate and mate, blocked pawns
    ("8/8/1P2K3/8/2n5/1q6/8/5k2 b - - 0 1", 5, 1_004_658),
    ("K1k5/8/P7/8/8/8/8/8 w - - 0 1", 6, 2_217),
    ("8/k1P5/8/1K6/8/8/8/8 w - - 0 1", 7, 567_584),
    ("8/8/2k5/5q2/5n2/8/5K2/8 b - - 0 1", 4, 23_527),
    ("3k4/3pp3/8/8/8/8/3PP3/3K4 w - - 0 1", 6, 199_002),
]


@pytest.mark.slow
@pytest.mark.parametrize(("fen", "depth", "total"), PERFT)
def test_perft(fen: str, depth: int, total: int) -> None:
    assert perft(chess.Board(fen), depth) == total


def test_perft_refuses_what_is_no_position() -> None:
    with pytest.raises(ValueError, match="not a legal position"):
        perft(chess.Board(None), 3)


@pytest.mark.slow
def test_perft_agrees_with_python_chess() -> None:
    def count(board: chess.Board, depth: int) -> int:
        if depth == 0:
            return 1
        total = 0
        for move in board.legal_moves:
            board.push(move)
            total += count(board, depth - 1)
            board.pop()
        return total

    for fen in POSITIONS:
        for depth in (0, 1, 2):
            assert perft(chess.Board(fen), depth) == count(chess.Board(fen), depth), fen


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_game_as_python_chess(seed: int) -> None:
    plies, differences = verify(10_000, seed=seed)
    assert plies >= 10_000
    assert differences == []


def test_a_difference_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    observe = BitboardGames.observe

    def blind(self: BitboardGames) -> object:
        seen = observe(self)
        seen.planes[seen.planes[:, 13, 0] != 0, 13] = 0  # as if no capture en passant were legal
        return seen

    monkeypatch.setattr(BitboardGames, "observe", blind)
    _, differences = verify(3_000)
    assert differences
    assert all(line.startswith("planes: ") for line in differences)
    name, position = differences[0].split(": ", 1)
    seen = Chess(backend="python-chess").start([position]).observe()
    assert seen.planes[0, 13, 0] != 0, name


def test_random_fens() -> None:
    """Positions that no game reaches: pieces anywhere on the board, if python-chess calls the position legal."""
    rng = np.random.default_rng(5)
    fens = []
    while len(fens) < 400:
        board = chess.Board(None)
        squares = rng.permutation(64)
        pieces = [chess.Piece(chess.KING, color) for color in chess.COLORS]
        pieces += [chess.Piece(int(rng.integers(1, 6)), bool(rng.integers(2))) for _ in range(int(rng.integers(0, 24)))]
        for square, piece in zip(squares.tolist(), pieces, strict=False):
            if piece.piece_type != chess.PAWN or 0 < chess.square_rank(square) < 7:
                board.set_piece_at(square, piece)
        board.turn = bool(rng.integers(2))
        board.castling_rights = board.rooks
        board.castling_rights = board.clean_castling_rights()
        behind = [square for square in range(16, 48) if _could_be_passed(board, square)]
        board.ep_square = behind[0] if behind else None
        board.halfmove_clock, board.fullmove_number = int(rng.integers(0, 99)), int(rng.integers(1, 200))
        if board.is_valid():
            fens.append(board.fen(en_passant="fen"))
    reference, fast = (Chess(backend=backend).start(fens) for backend in ("python-chess", "bitboards"))
    met = set()
    for _ in range(3):
        for left, right in zip(_numbers(reference), _numbers(fast), strict=True):
            np.testing.assert_array_equal(left, right)
        met |= set(fast.outcomes().reason.tolist())
        assert [fast.fen(i) for i in range(len(fast))] == [reference.fen(i) for i in range(len(fast))]
        live = ~fast.outcomes().over
        reference, fast = reference[live], fast[live]
        legal = fast.observe().legal
        actions = legal.take((rng.random(len(legal)) * legal.counts).astype(np.int64))
        reference.play(actions)
        fast.play(actions)
    assert {0, 1, 3} <= met


def _could_be_passed(board: chess.Board, square: int) -> bool:
    board.ep_square = square
    return board._valid_ep_square() == square


def _numbers(games: BitboardGames | PythonChessGames) -> list[np.ndarray[Any, Any]]:
    seen, outcomes = games.observe(), games.outcomes()
    return [
        seen.planes, seen.scalars, seen.player, seen.legal.actions, seen.legal.offsets,
        outcomes.outcome, outcomes.reason, games.heuristic(),
    ]  # fmt: skip


def test_more_moves_than_any_game_has() -> None:
    """With 15 queens 236 moves are legal; in positions that a game can reach there are at most 218."""
    fen = "2Q3Q1/Q6Q/3Q1Q1K/QQ5Q/4Q3/1Q5Q/pp3Q2/kbQ3Q1 w - - 0 1"
    reference, fast = (Chess(backend=backend).start([fen]).observe() for backend in ("python-chess", "bitboards"))
    assert len(fast.legal.actions) == 236
    np.testing.assert_array_equal(fast.legal.actions, reference.legal.actions)


def test_boards_and_fens_come_out() -> None:
    rng = np.random.default_rng(9)
    starts = [chess.STARTING_FEN, "8/PPPPPPPP/7k/8/8/7K/pppppppp/8 b - - 3 40 moves a2a1n"]
    reference, fast = (Chess(backend=backend).start(starts) for backend in ("python-chess", "bitboards"))
    for _ in range(12):
        actions = fast.observe().legal.take((rng.random(2) * fast.observe().legal.counts).astype(np.int64))
        reference.play(actions)
        fast.play(actions)
    twins = fast[[1, 0, 1]]
    for games, rows in ((fast, (0, 1)), (twins, (1, 0))):
        for index, row in enumerate(rows):
            expected = reference.board(row)
            assert games.board(index) == expected
            assert games.board(index).move_stack == expected.move_stack
            assert games.board(index).root() == expected.root()
            assert games.fen(index) == expected.fen() == reference.fen(row)
            assert games.moves(index) == reference.moves(row)
    assert fast.moves(-1) == fast.moves(1)
    with pytest.raises(IndexError):
        fast.moves(2)


@pytest.mark.slow
def test_a_long_history_is_let_go_of() -> None:
    games = BitboardGames.fresh(1)
    for _ in range(100_000):
        games = games[[0]]
    assert games.moves(0) == []
    del games  # freed link by link in C, a chain of this length would overflow the stack


def test_threads_play_the_same_games(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(threads: int) -> Any:
        monkeypatch.setattr(bitboards, "GAMES_PER_THREAD", 7)
        return Chess(backend="bitboards", threads=threads).start([*POSITIONS] * 2)

    one, three = start(1), start(3)
    rng = np.random.default_rng(3)
    while True:
        goes_on = ~one.outcomes().over
        assert (goes_on == ~three.outcomes().over).all()
        one, three = one[goes_on], three[goes_on]
        if len(one) < 14:  # from here on there is one thread
            break
        seen, twin = one.observe(), three.observe()
        for name in ("planes", "scalars", "player"):
            assert (getattr(seen, name) == getattr(twin, name)).all()
        assert (seen.legal.actions == twin.legal.actions).all()
        assert (seen.legal.offsets == twin.legal.offsets).all()
        actions = seen.legal.take((rng.random(len(one)) * seen.legal.counts).astype(np.int64))
        one.play(actions)
        three.play(actions)
    assert [one.position(row) for row in range(len(one))] == [three.position(row) for row in range(len(three))]
    assert one.moves(0)


def test_threads_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread gets an equal share of the games, and there are only threads for which there is enough work."""
    shares: list[int] = []
    advance = kernels.advance

    def counted(*arguments: Any) -> Any:
        *_, first, last = arguments
        shares.append(last - first)
        return advance(*arguments)

    games = Chess(threads=3).start(2 * bitboards.GAMES_PER_THREAD + 2)
    monkeypatch.setattr(kernels, "advance", counted)
    games.play(games.observe().legal.take(np.zeros(len(games), np.int64)))
    assert shares == [bitboards.GAMES_PER_THREAD + 1] * 2
    games[:5].play(games[:5].observe().legal.take(np.zeros(5, np.int64)))
    assert shares[2:] == [5]


def test_number_of_threads() -> None:
    assert Chess().threads is None
    assert Chess(threads=3).init_args == {"variant": "standard"}  # no policy file depends on the machine
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        Chess(threads=0)


def test_variants_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'bitboards' does not play atomic; backend 'python-chess' does"):
        Chess(variant="atomic", backend="bitboards")


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), **environment},
    )


FIRST_PLY = """
from chesspg.games.chess import Chess
games = Chess(backend="{backend}").start(4)
games.play(games.observe().legal.actions[[0, 20, 40, 60]])
print(type(games).__name__)
"""


@pytest.fixture
def unwritable(tmp_path: Path) -> str:
    """A folder that even root can't make, because its parent is a file."""
    file = tmp_path / "file"
    file.touch()
    return str(file / "folder")


@pytest.mark.slow
def test_a_read_only_cache_is_no_error(unwritable: str) -> None:
    """If a folder is not writable, numba uses another one; if none is, nothing is cached."""
    code = FIRST_PLY.format(backend="bitboards")
    assert run(code, NUMBA_CACHE_DIR=unwritable).stdout == "BitboardGames\n"
    only = {"NUMBA_CACHE_DIR": unwritable, "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    assert run(code, **only).stdout == "BitboardGames\n"


@pytest.mark.slow
def test_compiling_is_announced_once_and_cached(tmp_path: Path) -> None:
    first, second = (run(FIRST_PLY.format(backend="auto"), NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2))
    assert first.stderr.count("compiling") == 1
    assert second.stderr == ""
    assert first.stdout == second.stdout == "BitboardGames\n"


BROKEN = """
import importlib.abc, sys
class Broken(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "numba":
            raise {error}
sys.meta_path.insert(0, Broken())
"""


@pytest.mark.parametrize("error", ["ImportError('no numba here')", "OSError('no libllvm here')"])
def test_without_numba_auto_says_so_once_and_plays_on(error: str) -> None:
    done = run(BROKEN.format(error=error) + FIRST_PLY.format(backend="auto") * 2)
    assert done.stdout == "PythonChessGames\n" * 2
    assert done.stderr.count("here); python-chess plays instead, and training takes") == 1


def test_without_numba_bitboards_and_devices_say_what_to_install() -> None:
    code = """
from chesspg.games.chess import Chess
starts = Chess(backend="python-chess").start(1)
for ask in (lambda: Chess(backend="bitboards").start(1), lambda: Chess().on_device(starts, 1, "cpu")):
    try:
        ask()
    except ValueError as error:
        print(error)
"""
    for error, problem in (
        ("OSError('no libllvm here')", "numba can't be used (OSError: no libllvm here)"),
        ("ModuleNotFoundError('no scipy here')", "numba can't be used (ModuleNotFoundError: no scipy here)"),
        (
            "ModuleNotFoundError('no numba here', name='numba')",
            "numba is not installed; install it with `pip install numba`",
        ),
    ):
        assert run(BROKEN.format(error=error) + code).stdout.splitlines() == [
            f"{what} needs numba, but {problem}" for what in ("backend 'bitboards'", "chess on a device")
        ]


def test_numba_is_imported_by_who_plays_and_nobody_else() -> None:
    code = "import sys; from chesspg.games.chess import Chess; Chess(); print('numba' in sys.modules)"
    assert run(code).stdout == "False\n"
