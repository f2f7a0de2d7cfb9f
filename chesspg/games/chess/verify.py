"""A comparison of two implementations of the rules: the same games on both, equal after every ply to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import chess
import numpy as np
from numpy.typing import NDArray

from chesspg.games.chess import Chess
from chesspg.games.chess.bitboards import BitboardGames
from chesspg.games.chess.python_chess import PythonChessGames

if TYPE_CHECKING:
    from chesspg.games.contract.device import SlotsAsGames

    _Described = PythonChessGames | BitboardGames
    _Compared = BitboardGames | SlotsAsGames

# Positions with many promotions, pins, captures en passant, castling moves and draws.
POSITIONS = (
    "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1",
    "r3k2r/8/8/8/8/8/8/R3K2R b KQkq - 0 1",
    "n1n5/PPPk4/8/8/8/8/4Kppp/5N1N b - - 0 1",
    "8/PPPPPPPP/7k/8/8/7K/pppppppp/8 w - - 0 1",
    "r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1",
    "4k3/p1p1p1p1/8/1P1P1P1P/1p1p1p1p/8/P1P1P1P1/4K3 w - - 0 1",
    "4k3/1p1p1p1p/8/P1P1P1P1/p1p1p1p1/8/1P1P1P1P/4K3 b - - 0 1",
    "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1",
    "3r1r2/1b2q2b/8/2PPPP2/r2NKN1r/2PPPP2/1b1q3b/k2r1r2 w - - 0 1",
    "8/8/8/1k1pP2R/8/8/q2P3b/1b2K3 w - d6 0 60",
    "7k/5p1p/5P1P/8/8/p1p5/P1P5/K7 w - - 0 1",
    "8/8/4k3/8/8/3K4/5N2/1n6 w - - 80 60",
    "4k3/8/8/8/8/8/r7/4K2R w K - 60 80",
)


def verify(
    plies: int,
    seed: int = 0,
    games: int = 64,
    report: Callable[[int], None] | None = None,
    device: str | None = None,
) -> tuple[int, list[str]]:
    """Play random games on two implementations of the rules and compare all arrays after each ply.

    Without a device these are python-chess and the bitboards. With the CPU as the device, they are python-chess and the
    rules for a device; with CUDA, the bitboards and the rules for a device, because python-chess would take hours.

    Half of the games start from the initial position, the others from POSITIONS and from positions of earlier games.
    Games that differ are dropped.

    Args:
        plies: The least number of plies to play.
        seed: Seed of the games.
        games: Number of games in progress at once.
        report: Called with the number of plies played so far.
        device: The device whose rules are compared, as torch names it; None for the backends on the host.

    Returns:
        The number of plies played, and the differences found, each with its position.

    Raises:
        NotOnDevice: Chess can't be played on the device.
    """
    if device:
        from chesspg.games.contract.device import SlotsAsGames  # it imports torch
    rules, rng = Chess(), np.random.default_rng(seed)
    starts = [chess.STARTING_FEN, *POSITIONS]
    done, differences = 0, list[str]()
    while done < plies:
        positions = [starts[0] if rng.random() < 0.5 else starts[rng.integers(len(starts))] for _ in range(games)]
        boards = [rules.to_board(position) for position in positions]
        bitboards = BitboardGames.from_boards(boards)
        reference: _Described = bitboards if device and device != "cpu" else PythonChessGames.from_boards(boards)
        fast: _Compared = SlotsAsGames.begun(rules, bitboards, device) if device else bitboards
        while True:
            wrong = _differences(reference, fast)
            differences += wrong.values()
            over = reference.outcomes().over
            for game in np.flatnonzero(over).tolist():
                if isinstance(fast, BitboardGames) and _texts(reference, game) != _texts(fast, game):
                    wrong[game] = f"position: {reference.position(game)}"
                    differences.append(wrong[game])
            live = ~over
            live[list(wrong)] = False
            # A ply of few games costs almost as much as one of many, so start new ones, some where these are now.
            if done >= plies or live.sum() <= games // 8:
                starts[1 + len(POSITIONS) :] = [reference.fen(game) for game in np.flatnonzero(live).tolist()]
                break
            if not live.all():
                rows = np.flatnonzero(live)
                reference, fast = reference[rows], fast[rows]
            legal = fast.observe().legal
            actions = legal.take((rng.random(len(legal)) * legal.counts).astype(np.int64))
            reference.play(actions)
            fast.play(actions)
            done += len(actions)
            if report:
                report(done)
    return done, differences


def _texts(games: _Described, game: int) -> tuple[str, str]:
    return games.position(game), games.fen(game)


def _differences(reference: _Described, fast: _Compared) -> dict[int, str]:
    """The differences, by game: the names of the arrays that differ, and the position."""
    seen, other = reference.observe(), fast.observe()
    verdict, judged = reference.outcomes(), fast.outcomes()
    pairs: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {
        "planes": (seen.planes[:, :, 0], other.planes[:, :, 0]),
        "scalars": (seen.scalars, other.scalars),
        "player": (seen.player[:, None], other.player[:, None]),
        "outcome": (verdict.outcome[:, None], judged.outcome[:, None]),
        "reason": (verdict.reason[:, None], judged.reason[:, None]),
    }
    if np.array_equal(seen.legal.offsets, other.legal.offsets):
        same = seen.legal.actions == other.legal.actions
        if same.all() and all(np.array_equal(left, right) for left, right in pairs.values()):
            return {}
    pairs["legal actions"] = _one_width(seen.legal.padded(), other.legal.padded())
    wrong = {name: (left != right).any(axis=1) for name, (left, right) in pairs.items()}
    return {
        game: f"{', '.join(name for name, rows in wrong.items() if rows[game])}: {reference.position(game)}"
        for game in map(int, np.flatnonzero(np.any(list(wrong.values()), axis=0)))
    }


def _one_width(left: NDArray[np.int16], right: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Both tables, padded with −1 to the width of the wider one."""
    width = max(left.shape[1], right.shape[1])
    one, other = (np.pad(t, ((0, 0), (0, width - t.shape[1])), constant_values=-1) for t in (left, right))
    return one, other
