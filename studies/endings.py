"""How often a policy mates a bare king, with a queen and with a rook.

    python -m studies.endings chess_gpu chess_laptop

Each ending starts from random positions, the same for every player, in which the side with the piece is to move. The
players move at temperature 0, the defender is an engine. A game counts as won only if it ends in mate, by the rules:
stalemate, the loss of the piece, the third repetition and the fifty-move rule are draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import chess
import numpy as np

from chesspg.arena.elo import wilson
from chesspg.games.chess import Chess
from chesspg.games.randomness import Randomness
from chesspg.players import roster
from chesspg.players.player import Player
from chesspg.selfplay.loop import play
from chesspg.terminal import numbers
from chesspg.terminal.command import Parser, one_line_errors, run

ENDINGS = {"queen": chess.QUEEN, "rook": chess.ROOK}
DEFENDER = "uci:stockfish?nodes=2000"


def positions(piece: chess.PieceType, count: int, seed: int) -> list[str]:
    """[count] FENs of a king and a piece against a bare king, White to move, sampled without regard to their value.

    Args:
        piece: The piece of White, as python-chess numbers it.
        count: The number of positions.
        seed: Seed of the positions.
    """
    return [board.fen() for _, board in zip(range(count), _boards(piece, seed), strict=False)]


def _boards(piece: chess.PieceType, seed: int) -> Iterator[chess.Board]:
    rng = np.random.default_rng((seed, piece))
    while True:
        board = chess.Board(None)
        white, other, black = rng.choice(64, 3, replace=False).tolist()
        board.set_piece_at(white, chess.Piece(chess.KING, chess.WHITE))
        board.set_piece_at(other, chess.Piece(piece, chess.WHITE))
        board.set_piece_at(black, chess.Piece(chess.KING, chess.BLACK))
        if board.is_valid() and not board.is_game_over():
            yield board


def mated(player: Player, defender: Player, starts: Sequence[str], seed: int = 0) -> tuple[int, dict[str, int]]:
    """Play one game from each start.

    Args:
        player: Plays White.
        defender: Plays Black.
        starts: FENs with White to move.
        seed: Seed of the games, for players that choose at random.

    Returns:
        The number of games in which the player mated, and the number of the others by the reason for their end.

    Raises:
        ValueError: A player gave a game up, as an engine that crashes does.
    """
    game = Chess()
    rollout = play(game.start(list(starts)), (player, defender), Randomness(seed))
    if rollout.forfeits:
        why = next(iter(rollout.forfeits.values()))
        raise ValueError(f"{len(rollout.forfeits)} of {len(starts)} games were given up ({why}); start again")
    reasons = [game.reasons[reason] for reason in rollout.reason[rollout.outcome != 1].tolist()]
    return int((rollout.outcome == 1).sum()), {reason: reasons.count(reason) for reason in sorted(set(reasons))}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each player and ending; returns the exit code."""
    given = _parser().parse_args(arguments)
    with one_line_errors():
        texts = [roster.with_temperature(text, 0) for text in given.players]
        with roster.players([*texts, given.defender], Chess()) as (*players, defender):
            for text, player in zip(given.players, players, strict=True):
                for name, piece in ENDINGS.items():
                    won, others = mated(player, defender, positions(piece, given.positions, given.seed), given.seed)
                    low, high = wilson(won / given.positions, given.positions)
                    rest = ", ".join(f"{reason} {count}" for reason, count in others.items())
                    print(f"{text}  {name}: {won / given.positions:.3f} ({low:.3f} to {high:.3f})  {rest}", flush=True)
    return 0


def _parser() -> Parser:
    parser = Parser("python -m studies.endings", description=__doc__)
    parser.add_argument("players", metavar="POLICY", nargs="+", help="a policy file, a run folder or a shipped policy")
    parser.add_argument("--positions", type=numbers.whole(1, 100_000), default=200, help="of each ending (200)")
    parser.add_argument("--defender", metavar="PLAYER", default=DEFENDER, help=f"(default: {DEFENDER})")
    parser.add_argument("--seed", type=numbers.seed, default=1, help="seed of the positions (default: 1)")
    return parser


if __name__ == "__main__":
    run(main)
