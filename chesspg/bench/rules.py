"""The speed of the rules of a game, on one core."""

from __future__ import annotations

import time

import chess
import numpy as np

from chesspg.bench.timing import median, seconds
from chesspg.games.chess import Chess
from chesspg.games.game import Game

PLIES = 150  # most plies of a random game, after which new games start
KIWIPETE = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"
DEPTH = 5  # plies of perft from there, 194 million nodes


def rules(games: int) -> dict[str, float]:
    """Measure random plies through the public contract, and perft.

    Args:
        games: Number of games at once.

    Returns:
        Figures by name, as in bench.json.
    """
    backend = Chess()
    results = {"games": float(games), "rules_plies_per_s": median(lambda: random_plies(backend, games, PLIES))}
    few = max(2, games // 32)
    reference = Chess(backend="python-chess")
    results["python_chess_plies_per_s"] = median(lambda: random_plies(reference, few, 60))
    batch = backend.start([KIWIPETE] * games)
    results["observe_positions_per_s"] = games / seconds(batch.observe)
    try:
        from chesspg.games.chess.bitboards import perft
    except ImportError:
        return results  # numba is optional
    board = chess.Board(KIWIPETE)
    results["perft_nodes_per_s"] = perft(board, DEPTH) / seconds(lambda: perft(board, DEPTH))
    return results


def random_plies(game: Game, count: int, plies: int) -> float:
    """Plies per second of processor time in random play: drop the games that are over, observe, choose, play.

    Args:
        game: The rules to measure.
        count: Number of games at the start.
        plies: The most plies of each game.
    """
    rng = np.random.default_rng(1)
    games = game.start(count)
    done, began = 0, time.process_time()
    for _ in range(plies):
        over = games.outcomes().over
        if over.any():
            games = games[~over]
            if not len(games):
                break
        legal = games.observe().legal
        games.play(legal.take((rng.random(len(legal)) * legal.counts).astype(np.int64)))
        done += len(legal)
    return done / (time.process_time() - began)
