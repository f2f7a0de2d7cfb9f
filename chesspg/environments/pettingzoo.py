"""Any game as an AEC environment of PettingZoo, with two agents that take turns."""

from __future__ import annotations

import re
from typing import Any, TypedDict

import numpy as np
from gymnasium import logger
from gymnasium.spaces import Box, Dict, Discrete, Space
from numpy.typing import NDArray
from pettingzoo import AECEnv
from pettingzoo.utils.wrappers import AssertOutOfBoundsWrapper, OrderEnforcingWrapper, TerminateIllegalWrapper

from chesspg.environments.arrays import action_masks, board_arrays, board_space
from chesspg.games.game import Game

RENDER_MODES = ("ansi", "human")


class Seen(TypedDict):
    """What an agent observes."""

    observation: NDArray[np.float32]  # [P + S, rows, columns] see `board_arrays`
    action_mask: NDArray[np.int8]  # [A] 1 for each action that the agent may take now


def aec_env(game: Game, render_mode: str | None = None) -> AECEnv:
    """A game as PettingZoo's classic environments play it: `BoardGameAECEnv` in their usual wrappers.

    An illegal action ends the game with a warning; the agent that chose it gets −1 and the other one 0. An action that
    is outside the action space is an AssertionError, and so is a call before `reset`.

    Args:
        game: The game.
        render_mode: As for `BoardGameAECEnv`.

    Raises:
        ValueError: The render mode is unknown.
    """
    environment = TerminateIllegalWrapper(BoardGameAECEnv(game, render_mode), illegal_reward=-1)
    return OrderEnforcingWrapper(AssertOutOfBoundsWrapper(environment))


class BoardGameAECEnv(AECEnv):  # type: ignore[misc]  # PettingZoo publishes no type hints
    """A game as an AEC environment without wrappers; `aec_env` adds them.

    The agent `player_0` is player 0, who moves first in most games. At the end the winner gets the reward 1 and the
    loser −1; after a draw, and before the end, both get 0. The agent to move is `agent_selection`; in some games an
    agent moves several times in a row.

    The observation is always the board as the agent to move sees it, whichever agent is given to `observe`, because a
    game of chesspg shows its state from no other side. Only the agent to move has legal actions. After the end, the
    mask of both agents is empty.

    The games have no chance, so `reset` ignores its seed, and it has no options.

    Args:
        game: The game.
        render_mode: `ansi`: `render` returns the board as text. `human`: the board is printed after each move. None:
            nothing is drawn.

    Raises:
        ValueError: The render mode is unknown.
    """

    def __init__(self, game: Game, render_mode: str | None = None) -> None:
        super().__init__()
        if render_mode not in (None, *RENDER_MODES):
            raise ValueError(f"render_mode must be one of {', '.join(RENDER_MODES)} or None, got {render_mode!r}")
        self.game = game
        self.render_mode = render_mode
        self.metadata: dict[str, Any] = {
            "name": f"{re.sub(r'[^a-z0-9]+', '_', game.name.lower())}_v{game.encoding_version}",
            "render_modes": list(RENDER_MODES),
            "render_fps": 1,
            "is_parallelizable": False,
        }
        self.possible_agents = ["player_0", "player_1"]
        mask = Box(0, 1, (game.num_actions,), np.int8)
        self.observation_spaces: dict[str, Space[Any]] = {
            agent: Dict({"observation": board_space(game), "action_mask": mask}) for agent in self.possible_agents
        }
        self.action_spaces: dict[str, Space[Any]] = {
            agent: Discrete(game.num_actions) for agent in self.possible_agents
        }

    def observation_space(self, agent: str) -> Space[Any]:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Space[Any]:
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        self.agents: list[str] = self.possible_agents.copy()
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.agents}
        self._games = self.game.start(1)
        self._look()

    def step(self, action: int) -> None:
        """Play the action of `agent_selection`, or drop this agent if the game is over and the action None.

        Raises:
            IllegalAction: The action is not legal. The game is not changed.
        """
        mover = self.agent_selection
        if self.terminations[mover] or self.truncations[mover]:
            self._was_dead_step(action)
            return
        self._games.play(np.array([action]))
        self._cumulative_rewards[mover] = 0.0
        outcomes = self._games.outcomes()
        if outcomes.over[0]:
            won = float(outcomes.outcome[0])
            self.rewards = dict(zip(self.agents, (won, -won), strict=True))
            self.terminations = dict.fromkeys(self.agents, True)
            self._accumulate_rewards()
        self._look()

    def observe(self, agent: str) -> Seen:
        masks = action_masks(self.game, self._seen.legal)
        mask = masks[0] if agent == self.agent_selection else np.zeros_like(masks[0])
        return {"observation": board_arrays(self.game, self._seen)[0], "action_mask": mask}

    def render(self) -> str | None:
        """The board as text in the mode `ansi`; prints it in the mode `human`."""
        if self.render_mode is None:
            logger.warn("render() needs a render mode: give render_mode='ansi' or 'human' to the environment")
            return None
        board = self.game.render(self._games.position(0))
        if self.render_mode == "ansi":
            return board
        print(board, end="\n\n", flush=True)
        return None

    def close(self) -> None:
        pass

    def _look(self) -> None:
        self._seen = self._games.observe()
        self.agent_selection = self.possible_agents[self._seen.player[0]]
        if self.render_mode == "human":
            self.render()
