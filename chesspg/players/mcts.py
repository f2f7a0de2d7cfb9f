"""The Monte-Carlo tree search of OpenSpiel as a player."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from chesspg.games.game import Game
from chesspg.games.open_spiel.loading import pyspiel
from chesspg.games.open_spiel.states import States
from chesspg.players.player import Choice, Turn
from chesspg.terminal.numbers import CORES

UCT = 2.0  # the constant of exploration, as in OpenSpiel's examples
MEGABYTES = 1000  # most memory of a search


class MCTS:
    """Plays the move that OpenSpiel's MCTSBot finds, with random rollouts.

    The bot uses UCT (Kocsis and Szepesvári, 2006) with the constant 2, one random rollout per simulation, and proven
    wins and losses (MCTS-Solver, Winands et al., 2008): the settings of OpenSpiel's own examples. It plays the move
    with the most simulations. Each move starts a new search, whose seed is the uniform number of the turn. Several
    games are searched at the same time, on as many threads as there are cores.

    Args:
        game: The game to play.
        simulations: The number of simulations for each move.

    Raises:
        ValueError: OpenSpiel does not have the game or is not installed, or the number is below 1.
    """

    def __init__(self, game: Game, simulations: int = 1000) -> None:
        if simulations < 1:
            raise ValueError(f"simulations must be at least 1, got {simulations}")
        self.simulations = simulations
        self.states = States(game)

    def choose(self, turn: Turn) -> Choice:
        """See `Player`."""
        forfeits: dict[int, str] = {}
        states = [self._state(turn, k, forfeits) for k in range(len(turn.rows))]
        pool = ThreadPoolExecutor(CORES)  # OpenSpiel searches without Python's lock
        try:
            found = list(pool.map(self._search, states, turn.uniforms.tolist()))
        finally:
            pool.shutdown(cancel_futures=True)
        legal, players = turn.observation.legal, turn.observation.player
        theirs = self.states.actions[np.repeat(players, legal.counts), legal.actions]
        first = theirs[legal.offsets[:-1]]
        chosen = np.array([first[k] if one is None else one for k, one in enumerate(found)], np.int64)
        at = np.flatnonzero(theirs == np.repeat(chosen, legal.counts))  # one action in each game
        return Choice(at - legal.offsets[:-1], forfeits=forfeits)

    def _state(self, turn: Turn, k: int, forfeits: dict[int, str]) -> Any:
        """The state of the k-th game, or None if OpenSpiel can't play it, with the reason in `forfeits`."""
        try:
            # Copied, because a state may fill a cache while it is read, and two games may have the same state.
            return self.states.state(turn.games, int(turn.rows[k])).clone()
        except ValueError as error:
            forfeits[k] = str(error)
            return None

    def _search(self, state: Any, uniform: float) -> int | None:
        if state is None:
            return None
        seed, library = int(uniform * 2**31), pyspiel()
        rollouts = library.RandomRolloutEvaluator(1, seed)
        solve, verbose = True, False
        bot = library.MCTSBot(self.states.rules, rollouts, UCT, self.simulations, MEGABYTES, solve, seed, verbose)
        return int(bot.step(state))
