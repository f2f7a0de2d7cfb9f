"""Any game as an environment of Gymnasium: one learner, and an opponent that is part of the environment."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from chesspg.environments.arrays import action_masks, board_arrays, board_space
from chesspg.environments.duels import ILLEGAL, Duels
from chesspg.games.game import Game
from chesspg.players.player import Player

Boards = NDArray[np.float32]
Actions = NDArray[np.integer[Any]]

RESETS = (AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP)


class BoardGameVectorEnv(VectorEnv[Boards, Actions, NDArray[Any]]):
    """N games at once of a learner against an opponent, in one batch.

    A step is one action of the learner in each game and the moves of the opponent up to the learner's next turn. The
    reward is 1 for a game that the learner has won, −1 for one that it has lost, and otherwise 0. Games end by their
    rules, so nothing is truncated.

    * The observation is the board as the learner sees it, [N, P + S, rows, columns] float32, see `board_arrays`.
    * `infos["action_mask"]` is [N, A] int8, 1 for each legal action. `action_masks()` returns the same as bool.
    * An illegal action loses the game, with a warning.
    * By default a game that ends is restarted in the same step (`AutoresetMode.SAME_STEP`), so that each action counts.
      As in Gymnasium, `infos["final_obs"]` then has its last observation, as the player to move sees the board, and
      `infos["final_info"]["reason"]` says why it ended. With `AutoresetMode.NEXT_STEP` it is restarted in the next
      step, in which the learner's action is ignored: the mask is 1 for all actions there, and the reason is in
      `infos["reason"]`. Each key has a mask [N] with `_` before its name, as in Gymnasium.
    * The same seed and the same actions give the same games.

    Args:
        game: The game.
        num_envs: N.
        opponent: A player string, such as `random`, `minimax?depth=2` or a policy file; or a `Player`.
        seat: The player that the learner is, 0 or 1. With None both seats take turns: in game k of slot i, the learner
            is player (i + k) mod 2.
        autoreset_mode: When a game that has ended is restarted: in the same step or in the next one.
        render_mode: `ansi`: `render` returns the boards as text. None: nothing is drawn.

    Raises:
        ValueError: An argument is not accepted; the message says which, and what is accepted.
    """

    def __init__(
        self,
        game: Game,
        num_envs: int,
        opponent: str | Player = "random",
        seat: int | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.SAME_STEP,
        render_mode: str | None = None,
    ) -> None:
        super().__init__()
        resets = [mode for mode in RESETS if autoreset_mode in (mode, mode.value)]
        if not resets:
            accepted = " or ".join(str(mode) for mode in RESETS)
            raise ValueError(f"autoreset_mode must be {accepted}, got {autoreset_mode!r}")
        self.metadata = {"render_modes": ["ansi"], "autoreset_mode": resets[0]}
        _check_render_mode(render_mode, self.metadata)
        self._duels = Duels(game, num_envs, opponent, seat)
        self.game, self.num_envs, self.render_mode = game, num_envs, render_mode
        self.single_observation_space = board_space(game)
        self.single_action_space = Discrete(game.num_actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Boards, dict[str, Any]]:
        """Begin N games. Without a seed, they differ from those of the last reset. No options."""
        super().reset(seed=seed)
        self._duels.begin(_next_seed(self.np_random))
        self._waiting = np.zeros(self.num_envs, np.bool_)  # [N] which games are over and restarted in the next step
        return self._look()

    def step(
        self, actions: Actions
    ) -> tuple[Boards, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Play one action of the learner in each game.

        Args:
            actions: [N] the actions.

        Raises:
            ValueError: There are more or fewer actions than games, or one is outside the action space.
        """
        step = self._duels.step(actions, self._waiting)
        if self._waiting.any():
            self._duels.renew(np.flatnonzero(self._waiting))
        ended = np.flatnonzero(step.over)
        last: dict[str, Any] = {}
        if len(ended):
            _warn_of_illegal(step.reason[ended])
            last = {"reason": step.reason, "_reason": step.over.copy()}
        if self.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP:
            self._waiting = step.over.copy()
        elif len(ended):
            boards = np.full(self.num_envs, None, dtype=object)  # [N] an array where a game has ended, else None
            for slot, board in zip(ended, board_arrays(self.game, self._duels.observe()[ended]), strict=True):
                boards[slot] = board
            last = {"final_obs": boards, "_final_obs": step.over.copy(), "final_info": last}
            last["_final_info"] = step.over.copy()
            self._duels.renew(ended)
        seen, infos = self._look()
        return seen, step.reward, step.over, np.zeros(self.num_envs, np.bool_), infos | last

    def action_masks(self) -> NDArray[np.bool_]:
        """[N, A] whether each action is legal."""
        return self._masks().view(np.bool_)

    def render(self) -> tuple[str, ...] | None:
        """The boards as N texts in the mode `ansi`."""
        if not _may_render(self.render_mode):
            return None
        return tuple(self.game.render(self._duels.position(slot)) for slot in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """End the processes of an opponent that was given as a string."""
        if hasattr(self, "_duels"):  # Gymnasium also closes what raised an error in its __init__
            self._duels.close()

    def _look(self) -> tuple[Boards, dict[str, Any]]:
        infos = {"action_mask": self._masks(), "_action_mask": np.ones(self.num_envs, np.bool_)}
        return board_arrays(self.game, self._duels.observe()), infos

    def _masks(self) -> NDArray[np.int8]:
        masks = action_masks(self.game, self._duels.observe().legal)
        masks[self._waiting] = 1
        return masks


class BoardGameEnv(gymnasium.Env[Boards, np.integer[Any]]):
    """One game of a learner against an opponent, for tools without vector environments.

    It is `BoardGameVectorEnv` with one game, but a game that is over stays as it is until `reset`. `info` holds the
    `action_mask`, and at the end of a game the `reason`.

    Args:
        game: The game.
        opponent: A player string, or a `Player`.
        seat: The player that the learner is, 0 or 1. With None it is 0 in the first game after a seed, 1 in the next,
            and so on.
        render_mode: `ansi`: `render` returns the board as text. `human`: the board is printed before each action of the
            learner, and at the end. None: nothing is drawn.

    Raises:
        ValueError: An argument is not accepted; the message says which, and what is accepted.
    """

    def __init__(
        self,
        game: Game,
        opponent: str | Player = "random",
        seat: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        self.metadata = {"render_modes": ["ansi", "human"], "render_fps": 1}
        _check_render_mode(render_mode, self.metadata)
        self._duels = Duels(game, 1, opponent, seat)
        self.game, self.render_mode = game, render_mode
        self.observation_space: Any = board_space(game)
        self.action_space = Discrete(game.num_actions)
        self._over = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Boards, dict[str, Any]]:
        """Begin a game. Without a seed, it is the next of the series that the last seed began. No options."""
        super().reset(seed=seed)
        if seed is not None or not self._duels.begun:
            self._duels.begin(_next_seed(self.np_random))
        else:
            self._duels.renew(np.zeros(1, np.int64))
        self._over = False
        return self._look({})

    def step(self, action: np.integer[Any]) -> tuple[Boards, float, bool, bool, dict[str, Any]]:
        """Play one action of the learner.

        Raises:
            ValueError: The action is outside the action space, or the game is over.
        """
        if self._over:
            raise ValueError("the game is over, or none has begun: call reset() before step()")
        step = self._duels.step(np.array([action]), np.zeros(1, np.bool_))
        self._over = bool(step.over[0])
        _warn_of_illegal(step.reason)
        board, info = self._look({"reason": step.reason[0]} if self._over else {})
        return board, float(step.reward[0]), self._over, False, info

    def action_masks(self) -> NDArray[np.bool_]:
        """[A] whether each action is legal; the method that sb3-contrib's MaskablePPO calls."""
        mask: NDArray[np.bool_] = action_masks(self.game, self._duels.observe().legal).view(np.bool_)[0]
        return mask

    def render(self) -> Any:
        """The board as text in the mode `ansi`; prints it in the mode `human`."""
        if not _may_render(self.render_mode):
            return None
        board = self.game.render(self._duels.position(0))
        if self.render_mode == "ansi":
            return board
        print(board, end="\n\n", flush=True)
        return None

    def close(self) -> None:
        self._duels.close()

    def _look(self, info: dict[str, Any]) -> tuple[Boards, dict[str, Any]]:
        if self.render_mode == "human":
            self.render()
        seen = self._duels.observe()
        return board_arrays(self.game, seen)[0], {"action_mask": action_masks(self.game, seen.legal)[0], **info}


def _next_seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**63))


def _warn_of_illegal(reasons: NDArray[np.object_]) -> None:
    count = int((reasons == ILLEGAL).sum())
    if count:
        warnings.warn(
            f"{count} of the learner's actions were illegal, and lost their games: use the action mask", stacklevel=3
        )


def _check_render_mode(mode: str | None, metadata: dict[str, Any]) -> None:
    accepted = metadata["render_modes"]
    if mode not in (None, *accepted):
        raise ValueError(f"render_mode must be one of {', '.join(accepted)} or None, got {mode!r}")


def _may_render(mode: str | None) -> bool:
    """Whether there is a render mode; otherwise warns, as Gymnasium's environments do."""
    if mode is None:
        gymnasium.logger.warn("render() needs a render mode: give render_mode='ansi' to the environment")
    return mode is not None
