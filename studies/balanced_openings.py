"""How the shipped openings, chesspg/games/chess/openings.pgn, were made: 8 sensible plies, balanced by Stockfish.

python -m studies.balanced_openings stockfish > openings.pgn    (Stockfish 15.1, a few minutes on one core)
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from functools import cache

import chess
import chess.engine

COUNT, PLIES, SEED = 600, 8, 1
# A sensible move is one of the best CHOICES, at most WITHIN centipawns worse than the best.
CHOICE = chess.engine.Limit(nodes=8_000)
CHOICES = 16
WITHIN = 40
# A balanced position has a score of at most BALANCED centipawns for either side.
VERDICT = chess.engine.Limit(nodes=20_000)
BALANCED = 50
MATE = 10_000  # centipawns of a mate


def balanced(engine: chess.engine.SimpleEngine, count: int = COUNT, seed: int = SEED) -> Iterator[chess.Board]:
    """Find balanced positions.

    Args:
        engine: The engine that judges.
        count: The number of positions.
        seed: Seed of the choice among sensible moves.

    Yields:
        Different positions, with the moves on their stacks.
    """

    def search(board: chess.Board, limit: chess.engine.Limit, lines: int) -> list[chess.engine.InfoDict]:
        # A new game for each search clears the engine's memory, so that its answer does not depend on earlier searches.
        return engine.analyse(board, limit, multipv=lines, game=object())

    @cache
    def sensible(fen: str) -> list[chess.Move]:
        found = search(chess.Board(fen), CHOICE, CHOICES)
        scores = [info["score"].relative.score(mate_score=MATE) for info in found]
        best = max(scores)
        return [info["pv"][0] for info, score in zip(found, scores, strict=True) if score >= best - WITHIN]

    rng = random.Random(seed)
    seen: set[str] = set()
    while len(seen) < count:
        board = chess.Board()
        while board.ply() < PLIES and not board.is_game_over():
            board.push(rng.choice(sensible(board.fen())))
        (verdict,) = search(board, VERDICT, 1)
        if abs(verdict["score"].white().score(mate_score=MATE)) <= BALANCED and board.epd() not in seen:
            seen.add(board.epd())
            yield board


def as_pgn(board: chess.Board) -> str:
    """The moves of a position as a game of PGN. It has a tag, because CuteChess and fastchess find games by tags."""
    return f'[Result "*"]\n\n{chess.Board().variation_san(board.move_stack)} *\n'


def main() -> None:
    """Print the openings as PGN."""
    with chess.engine.SimpleEngine.popen_uci(sys.argv[1]) as engine:
        engine.configure({"Threads": 1, "Hash": 1})
        name = engine.id["name"]
        print(f"; {COUNT} openings of {PLIES} plies, each within ±{BALANCED} centipawns by {name},")
        print(f"; {VERDICT.nodes:,} nodes. Made by studies/balanced_openings.py from seed {SEED}.\n")
        for board in balanced(engine):
            print(as_pgn(board), flush=True)


if __name__ == "__main__":
    main()
