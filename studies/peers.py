"""Other libraries, measured as `rules.random_plies` measures chesspg: random legal moves, observed at each ply."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from chesspg.bench.rules import PLIES

SECONDS = 2.0  # for each measure


def _one_by_one(begin: Callable[[], Any], ply: Callable[[Any], bool]) -> float:
    """Plies per second of one game after another: `ply` plays one, and returns whether the game goes on."""
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        game = begin()
        for _ in range(PLIES):
            done += 1
            if not ply(game):
                break
    return done / (time.perf_counter() - began)


def _open_spiel(look: Callable[[Any], Any]) -> float:
    rules, uniform = import_module("pyspiel").load_game("chess"), random.Random(1).random

    def ply(state: Any) -> bool:
        look(state)
        actions = state.legal_actions()
        state.apply_action(actions[int(uniform() * len(actions))])
        return not state.is_terminal()

    return _one_by_one(rules.new_initial_state, ply)


def _open_spiel_array() -> float:
    """With the observation written into one array that is used again, instead of a list of a thousand numbers."""
    rules = import_module("pyspiel").load_game("chess")
    observation = import_module("open_spiel.python.observation").make_observation(rules)
    return _open_spiel(lambda state: observation.set_from(state, state.current_player()))


def _pettingzoo() -> float:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # PettingZoo imports pygame, which prints a greeting
    environment, rng = import_module("pettingzoo.classic.chess_v6").env(), np.random.default_rng(1)

    def ply(_: Any) -> bool:
        observation, _, over, cut, _ = environment.last()
        if not over and not cut:
            environment.step(rng.choice(np.flatnonzero(observation["action_mask"])))
        return not over and not cut

    return _one_by_one(lambda: environment.reset(seed=1), ply)


def _torchrl() -> float:
    environment = import_module("torchrl.envs").ChessEnv(include_fen=True, mask_actions=True)
    state = None

    def begin() -> None:
        nonlocal state
        state = environment.reset()

    def ply(_: Any) -> bool:
        nonlocal state
        stepped, state = environment.step_and_maybe_reset(environment.rand_action(state))
        return not bool(stepped["next", "done"])

    return _one_by_one(begin, ply)


def _pgx(games: int = 256) -> float:
    """Compiled by JAX for all cores, many games at once; plies of games that are over are not counted."""
    jax, environment = import_module("jax"), import_module("pgx").make("chess")

    @jax.jit  # type: ignore[untyped-decorator]
    def ply(state: Any, key: Any) -> Any:
        logits = jax.numpy.where(state.legal_action_mask, 0.0, -jax.numpy.inf)
        return jax.vmap(environment.step)(state, jax.random.categorical(key, logits, axis=-1))

    keys = jax.random.split(jax.random.key(1), games)
    state = ply(jax.jit(jax.vmap(environment.init))(keys), keys[0])
    done, began, played = 0.0, time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS and played < PLIES:
        done += float((~state.terminated).sum())
        state = ply(state, keys[played])
        state.observation.block_until_ready()
        played += 1
    return done / (time.perf_counter() - began)


# Each returns plies per second. It raises ModuleNotFoundError if the library is not installed, and may raise anything
# with another version of it.
MEASURES: dict[str, Callable[[], float]] = {
    "open_spiel": lambda: _open_spiel(lambda state: None),  # rules only
    "open_spiel_with_observation": lambda: _open_spiel(lambda state: state.observation_tensor()),
    "open_spiel_with_observation_array": _open_spiel_array,
    "pettingzoo": _pettingzoo,
    "torchrl": _torchrl,
    "pgx": _pgx,
}
