"""The positions of any game that OpenSpiel plays too, as states of OpenSpiel."""

from __future__ import annotations

from typing import Any

import numpy as np

from chesspg.games.game import Game, Games, join_position, split_position
from chesspg.games.open_spiel.game import OpenSpielGames
from chesspg.games.open_spiel.loading import counterpart

KEPT = 4096  # states that are kept, so that the next position of a game is one or two moves from one of them


class States:
    """Translates positions into states of OpenSpiel.

    Args:
        game: The game.

    Raises:
        ValueError: OpenSpiel does not have the game, or is not installed.
    """

    def __init__(self, game: Game) -> None:
        self.actions, self.rules = counterpart(game)  # [2, A] by player
        self.game = game.for_few_games()
        self._initial = game.start(1).position(0)
        self._kept = {self._initial: self.rules.new_initial_state()}

    def state(self, games: Games, row: int) -> Any:
        """The state (pyspiel.State) of one of the games; a copy of it may be played on.

        Raises:
            ValueError: The game has begun from a position of its own, or OpenSpiel has other rules.
        """
        if isinstance(games, OpenSpielGames):
            return games.states[row]
        position = games.position(row)
        if position not in self._kept:
            self._keep(position)
        return self._kept[position]

    def _keep(self, position: str) -> None:
        start, moves = split_position(position)
        if start != self._initial:
            raise ValueError(f"OpenSpiel plays {self.game.name} from {self._initial!r} alone, not from {start!r}")
        known = next(k for k in reversed(range(len(moves))) if join_position(start, moves[:k]) in self._kept)
        begun = join_position(start, moves[:known])
        games, state = self.game.start([begun]), self._kept[begun].clone()
        for move in moves[known:]:
            action = self.game.parse_move(games.position(0), move)
            theirs = int(self.actions[games.observe().player[0], action])
            if theirs not in state.legal_actions():
                raise ValueError(f"{move} is illegal in OpenSpiel's {self.game.name} after {games.position(0)!r}")
            games.play(np.array([action]))
            state.apply_action(theirs)
        self._kept[position] = state
        if len(self._kept) > KEPT:
            del self._kept[next(old for old in self._kept if old != self._initial)]
