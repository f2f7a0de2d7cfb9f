"""chesspg with kinds of games that it does not ship: a player moves twice in a row, passes, boards of any size."""

from __future__ import annotations

import numpy as np
import pytest
from others import ConnectFour, Hex, Othello, Placing, Twice

from chesspg.games.game import Game, Games
from chesspg.games.randomness import Randomness
from chesspg.players.minimax import MATE, Minimax
from chesspg.players.player import Greedy, Random, Turn
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.selfplay.loop import play


def value(games: Games, player: int, depth: int, ply: int) -> float:
    """The value of a game for a player who looks `depth` plies ahead, by plain recursion over the mover."""
    sign, outcomes = 1 - 2 * player, games.outcomes()
    if outcomes.over[0]:
        return float(sign * (MATE - ply + 1) * outcomes.outcome[0])
    if not depth:
        return float(sign * games.heuristic()[0])
    seen = games.observe()
    children = []
    for action in seen.legal.actions:
        child = games[[0]]
        child.play(np.array([action]))
        children.append(value(child, player, depth - 1, ply + 1))
    return max(children) if seen.player[0] == player else min(children)


def best(games: Games, depth: int) -> set[int]:
    """The best actions of one game, by plain recursion."""
    seen = games.observe()
    worth = {}
    for action in seen.legal.actions.tolist():
        child = games[[0]]
        child.play(np.array([action]))
        worth[action] = value(child, int(seen.player[0]), depth - 1, 1)
    return {action for action, one in worth.items() if one == max(worth.values())}


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("game", [Twice(), Othello()], ids=["twice", "othello"])
def test_minimax_knows_who_moves_next(game: Game, depth: int) -> None:
    rng = np.random.default_rng(0)
    games = game.start(1)
    for _ in range(5):
        seen = games.observe()
        chosen = set()
        for uniform in np.arange(0.01, 1, 0.05):
            turn = Turn(seen, np.array([uniform]), games, np.array([0]))
            chosen.add(int(seen.legal.actions[Minimax(game, depth).choose(turn).index[0]]))
        assert chosen == best(games, depth)
        games.play(np.array([rng.choice(seen.legal.actions)]))


@pytest.mark.parametrize(
    "game", [ConnectFour(), Hex(9), Placing(3, 25), Placing(), Twice(), Othello()], ids=lambda g: g.name
)
def test_a_policy_plays_on_any_board(game: Game) -> None:
    player = PolicyPlayer(Policy(game, MLP(game, hidden=(8,), value=True)))
    for opponent in (Random(), Greedy()):
        rollout = play(game.start(6), (player, opponent), Randomness(0), learner=player, max_plies=300)
        assert not rollout.truncated.any()
        assert (rollout.plies.player == 0).all()
        assert rollout.plies.planes.shape[1:] == (2, -(-game.board[0] * game.board[1] // 64))
