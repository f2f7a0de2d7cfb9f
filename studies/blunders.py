"""How much material a policy's moves lose, which moves lose it, and whether its value head sees it coming.

    python -m studies.blunders chess_quick chess_from_pgn

Each policy plays itself at its own temperature from the initial position. In some positions of each game, every legal
move is worth the material that is left after the best captures of both sides, each of which may stop capturing at any
time (quiescence, chessprogramming.org/Quiescence_Search). Checks, quiet promotions and mates among these captures are
ignored. A move that mates is worth 100 pawns, one that ends the game in a draw none. What a move loses is the
difference to the best move, at most 9 pawns.

For each policy three lines say

* what the sampled move and the likeliest one lose on average, and how often the likeliest loses a pawn or more. The
  interval is that of independent positions, which those of one game are not quite;
* of what kind these likeliest moves are. Missed: the move keeps its material, but another wins more. Drawn: it ends the
  game in a draw. Moved: the opponent can take the piece that moved. Ignored: the opponent can make a capture that was
  possible before. Opened: the opponent can make another capture;
* how much the value head expects for a pawn on the board, how much more after a move for a pawn that it takes, and how
  much less for a pawn that the opponent can take next. For a head that sees what hangs, the three are about the same.
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
from chesspg.games.chess.encoding import PIECE_VALUES
from chesspg.games.game import join_position, split_position
from chesspg.games.randomness import Randomness
from chesspg.players.policy_player import PolicyPlayer
from chesspg.selfplay.loop import play
from chesspg.terminal import numbers
from chesspg.terminal.command import fail, run
from studies.policies import parser, policies

KINDS = ("missed", "drawn", "moved", "ignored", "opened")
MATE = 100  # what a move that mates is worth, in pawns
MOST = 9  # the most that a move can lose, in pawns
EVERY = 12  # plies between two positions of a game
_WORTH: dict[int, int] = dict(zip(chess.PIECE_TYPES, PIECE_VALUES.astype(int).tolist(), strict=True))


class Studied(NamedTuple):
    """A position of the policy's own games, with what its mover sees; material is the mover's minus the opponent's."""

    probs: NDArray[np.float64]  # [moves] how likely each is
    lost: NDArray[np.float64]  # [moves] pawns, compared with the best move, at most MOST
    kind: str | None  # of KINDS, if the likeliest move loses a pawn or more
    material: int  # in pawns
    taken: NDArray[np.float64]  # [moves] material that each move gains at once
    hanging: NDArray[np.float64]  # [moves] material that the opponent can then gain by captures
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


def kind(board: chess.Board, move: chess.Move) -> str:
    """Why a move that does not end the game is worth less than the best one, one of KINDS."""
    before, now = board.copy(stack=False), material(board)
    before.turn = not board.turn  # what the opponent could take already
    board.push(move)
    if -settled(board) >= now:
        reason = "missed"
    else:
        reply = max(board.generate_legal_captures(), key=lambda capture: _kept(board, capture))
        if reply.to_square == move.to_square or board.is_en_passant(reply):
            reason = "moved"
        else:
            possible = before.is_capture(reply) and before.is_pseudo_legal(reply)
            reason = "ignored" if possible else "opened"
    board.pop()
    return reason


def _kept(board: chess.Board, move: chess.Move) -> int:
    """The settled material of the mover after a move."""
    board.push(move)
    kept = -settled(board)
    board.pop()
    return kept


def _taken(board: chess.Board, capture: chess.Move) -> int:
    return _WORTH[board.piece_type_at(capture.to_square) or chess.PAWN]  # en passant takes from another square


def study(player: PolicyPlayer, games: int, seed: int = 0) -> list[Studied]:
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
    probs = distribution.probs[0, : len(moves)].double().numpy(force=True)
    now = material(board)
    children = game.start([position] * len(moves))
    children.play(seen.legal.actions)
    ends = children.outcomes()
    taken, kept = np.zeros((2, len(moves)))
    for k, move in enumerate(moves):
        board.push(move)
        taken[k], kept[k] = -material(board) - now, -settled(board)
        board.pop()
    worth = np.where(ends.over, MATE * np.abs(ends.outcome), kept)
    lost = (worth.max() - worth).clip(max=MOST)
    likeliest, why = int(probs.argmax()), None
    if lost[likeliest] >= 1:
        why = "drawn" if ends.over[likeliest] else kind(board, moves[likeliest])
    value, next_values = np.nan, np.full(len(moves), np.nan)
    if distribution.value is not None:
        value, going_on = float(distribution.value[0]), np.flatnonzero(~ends.over)
        if len(going_on):
            expected = player.distribution(children[going_on].observe()).value
            assert expected is not None
            next_values[going_on] = -expected.double().numpy(force=True)
    return Studied(probs, lost, why, now, taken, now + taken - kept, value, next_values)


def pawns(studied: Sequence[Studied]) -> tuple[float, float, float]:
    """What the value head expects for a pawn: on the board, taken by a move, and not left for the opponent to take.

    The first is a least-squares fit over positions. The others are fitted together, over the moves of each position
    after which the game goes on. Differences of more than MOST pawns count as MOST. NaN where nothing differs.
    """
    board, value = (np.array(column) for column in zip(*((one.material, one.value) for one in studied), strict=True))
    gains, expected = [np.empty((0, 2))], [np.empty(0)]
    for one in studied:
        goes_on = ~np.isnan(one.next_values)
        if goes_on.any():
            gain = np.stack((one.taken, -one.hanging), axis=1)[goes_on].clip(-MOST, MOST)
            gains.append(gain - gain.mean(axis=0))
            expected.append(one.next_values[goes_on] - one.next_values[goes_on].mean())
    on_board = _fit((board.clip(-MOST, MOST) - board.clip(-MOST, MOST).mean())[:, None], value - value.mean())
    taken, kept = _fit(np.concatenate(gains), np.concatenate(expected))
    return on_board[0], taken, kept


def _fit(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[float]:
    """[columns] least-squares coefficients; NaN for columns that do not vary."""
    return [float(one) if column.any() else np.nan for one, column in zip(np.linalg.lstsq(x, y)[0], x.T, strict=True)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print three lines for each policy; returns the exit code."""
    given = parser("python -m studies.blunders", __doc__, numbers.whole(1, 10_000), 100).parse_args(arguments)
    with policies(given.players) as named:
        for text, player in named:
            studied = study(player, given.games, given.seed)
            if not studied:
                fail(f"no game of {text} was longer than {EVERY} plies; give more --games")
            sampled = np.mean([one.probs @ one.lost for one in studied])
            likeliest = np.mean([one.lost[one.probs.argmax()] for one in studied])
            kinds = Counter(one.kind for one in studied if one.kind)
            share = kinds.total() / len(studied)
            low, high = wilson(share, len(studied))
            print(
                f"{text}  {len(studied)} positions: the sampled move loses {sampled:.2f} pawns, the likeliest "
                f"{likeliest:.2f}; it loses a pawn or more in {share:.3f} ({low:.3f} to {high:.3f})"
            )
            print("    " + ", ".join(f"{name} {kinds[name]}" for name in KINDS))
            if not np.isnan(studied[0].value):
                on_board, taken, kept = pawns(studied)
                print(
                    f"    value of a pawn on the board {on_board:.3f}, taken by the move {taken:.3f}, not left for the "
                    f"opponent to take {kept:.3f}",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    run(main)
