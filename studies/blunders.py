"""How much material a policy's moves lose, which moves lose it, and whether its value head sees it coming.

    python -m studies.blunders chess_quick chess_from_pgn

Each policy plays itself at its own temperature from the initial position. In some positions of each game, every legal
move is worth the material that is left after the best captures, where each side may stop capturing at any time
(quiescence, chessprogramming.org/Quiescence_Search). What a move loses is the difference to the best move.

A row shows what the sampled move and the likeliest one lose on average, and how often the likeliest loses a pawn or
more. Then the likeliest moves that lose as much by their kind: those that win nothing where another would (missed),
those after which the opponent takes what it could have taken before (ignored), takes the piece that moved (moved), or
takes something else (opened). Last, how much the value head expects for a pawn on the board, and how much less it
expects after a move for each pawn that the move loses: the closer to the former, the better it sees what hangs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import chess
import numpy as np
from numpy.typing import NDArray

from chesspg.arena.elo import wilson
from chesspg.games.chess import Chess
from chesspg.games.game import join_position, split_position
from chesspg.games.randomness import Randomness
from chesspg.players import roster
from chesspg.players.policy_player import PolicyPlayer
from chesspg.selfplay.loop import play
from chesspg.terminal import numbers
from chesspg.terminal.command import Parser, fail, one_line_errors, run

KINDS = ("missed", "ignored", "moved", "opened")
MATE = 100  # what a move that mates is worth, in pawns
EVERY = 12  # plies between two positions of a game
_WORTH = {chess.PAWN: 1, chess.KNIGHT: 3, chess.BISHOP: 3, chess.ROOK: 5, chess.QUEEN: 9, chess.KING: 0}


class Studied(NamedTuple):
    """A position of the policy's own games."""

    probs: NDArray[np.float64]  # [moves] how likely each is
    loses: NDArray[np.float64]  # [moves] pawns, compared with the best move
    kind: str | None  # of KINDS, if the likeliest move loses a pawn or more
    material: int  # of the mover minus that of the opponent, in pawns
    value: float  # what the mover expects; NaN without a value head
    next_values: NDArray[np.float64]  # [moves] what the mover expects after each move, NaN where the game is over


def material(board: chess.Board) -> int:
    """The mover's material minus the opponent's, in pawns."""
    return sum(
        worth * (len(board.pieces(piece, board.turn)) - len(board.pieces(piece, not board.turn)))
        for piece, worth in _WORTH.items()
    )


def settled(board: chess.Board, low: int = -MATE, high: int = MATE) -> int:
    """The mover's material minus the opponent's after the best captures; exact between `low` and `high`."""
    best = material(board)
    for capture in sorted(board.generate_legal_captures(), key=lambda one: -_taken(board, one)):
        low = max(low, best)
        if low >= high:
            break
        board.push(capture)
        best = max(best, -settled(board, -high, -low))
        board.pop()
    return best


def after(board: chess.Board, move: chess.Move) -> int:
    """What a move is worth for its mover: the settled material, 0 for a draw by the rules, MATE for mate."""
    board.push(move)
    outcome = board.outcome()
    worth = -settled(board) if outcome is None else MATE * (outcome.winner is not None)
    board.pop()
    return worth


def kind(board: chess.Board, move: chess.Move) -> str:
    """Why a move that is not the best one loses material, one of KINDS."""
    if after(board, move) >= material(board):
        return "missed"
    board.push(move)
    captures = list(board.generate_legal_captures())
    reply = max(captures, key=lambda capture: after(board, capture), default=chess.Move.null())
    board.pop()
    if reply.to_square == move.to_square:
        return "moved"
    before = board.copy(stack=False)
    before.turn = not board.turn
    return "ignored" if before.is_capture(reply) and before.is_pseudo_legal(reply) else "opened"


def _taken(board: chess.Board, capture: chess.Move) -> int:
    return _WORTH[board.piece_type_at(capture.to_square) or chess.PAWN]  # en passant takes from another square


def blunders(player: PolicyPlayer, games: int, seed: int = 0) -> list[Studied]:
    """Study positions of a policy's games against itself.

    Args:
        player: Plays both sides.
        games: The number of games.
        seed: Seed of the games.
    """
    game = Chess()
    rollout = play(game.start(games), (player, player), Randomness(seed), max_plies=200)
    positions = []
    for text in rollout.positions():
        start, moves = split_position(text)
        positions += [join_position(start, moves[:ply]) for ply in range(EVERY, len(moves), EVERY)]
    return [_study(player, game, position) for position in positions]


def _study(player: PolicyPlayer, game: Chess, position: str) -> Studied:
    seen = game.start([position]).observe()
    distribution = player.distribution(seen)
    board = game.to_board(position)
    moves = [game.notation.to_move(action, board) for action in seen.legal.actions.tolist()]
    worth = np.array([after(board, move) for move in moves], np.float64)
    probs = distribution.probs[0, : len(moves)].double().numpy(force=True)
    likeliest = int(probs.argmax())
    value, next_values = np.nan, np.full(len(moves), np.nan)
    if distribution.value is not None:
        children = game.start([position] * len(moves))
        children.play(seen.legal.actions)
        going_on = np.flatnonzero(~children.outcomes().over)
        expected = player.distribution(children[going_on].observe()).value
        assert expected is not None
        value, next_values[going_on] = float(distribution.value[0]), -expected.double().numpy(force=True)
    loses = worth.max() - worth
    why = kind(board, moves[likeliest]) if loses[likeliest] >= 1 else None
    return Studied(probs, loses, why, material(board), value, next_values)


def slopes(studied: Sequence[Studied]) -> tuple[float, float]:
    """By least squares, what the value head expects for a pawn on the board, and for a pawn that a move does not lose.

    Moves that lose nine pawns or more count as nine, and so does a difference of nine pawns or more on the board.
    """
    board, value = (np.array(column) for column in zip(*((one.material, one.value) for one in studied), strict=True))
    kept, expected = [], []
    for one in studied:
        goes_on = ~np.isnan(one.next_values)
        if goes_on.any():
            saved, after_it = -one.loses[goes_on].clip(max=9), one.next_values[goes_on]
            kept.append(saved - saved.mean())
            expected.append(after_it - after_it.mean())
    return _slope(board.clip(-9, 9), value), _slope(np.concatenate(kept), np.concatenate(expected))


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    x = x - x.mean()
    return float(x @ y / (x @ x))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each policy; returns the exit code."""
    given = _parser().parse_args(arguments)
    with one_line_errors(), roster.players(given.players, Chess()) as players:
        for text, player in zip(given.players, players, strict=True):
            if not isinstance(player, PolicyPlayer):
                fail(f"{text} has no probabilities; expected a policy file, a run folder or a policy that ships")
            studied = blunders(player, given.games, given.seed)
            if not studied:
                fail(f"no game of {text} was longer than {EVERY} plies; give more --games")
            sampled = np.mean([one.probs @ one.loses.clip(max=9) for one in studied])
            likeliest = np.mean([one.loses[one.probs.argmax()].clip(max=9) for one in studied])
            kinds = Counter(one.kind for one in studied if one.kind)
            share = kinds.total() / len(studied)
            low, high = wilson(share, len(studied))
            print(
                f"{text}  {len(studied)} positions: the sampled move loses {sampled:.2f} pawns, the likeliest "
                f"{likeliest:.2f}; it loses a pawn or more in {share:.3f} ({low:.3f} to {high:.3f})"
            )
            print("    " + ", ".join(f"{name} {kinds[name]}" for name in KINDS))
            if not np.isnan(studied[0].value):
                on_board, saved = slopes(studied)
                print(f"    value of a pawn on the board {on_board:.3f}, of a pawn not lost {saved:.3f}", flush=True)
    return 0


def _parser() -> Parser:
    parser = Parser("python -m studies.blunders", description=__doc__)
    parser.add_argument("players", metavar="POLICY", nargs="+", help="a policy file, a run folder or a shipped policy")
    parser.add_argument("--games", type=numbers.whole(1, 10_000), default=100, help="of each policy (100)")
    parser.add_argument("--seed", type=numbers.seed, default=1, help="seed of the games (default: 1)")
    return parser


if __name__ == "__main__":
    run(main)
