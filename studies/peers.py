"""chesspg beside other libraries: random legal moves, observed at each ply, in games of at most PLIES plies.

A measure first prepares everything. It returns a function that measures plies per second of processor time, so that
other processes on the machine matter little. It raises ModuleNotFoundError if the library is not installed, and may
raise anything with another version of it.
"""

from __future__ import annotations

import os
import random
import statistics
from collections.abc import Callable, Mapping
from importlib import import_module
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chesspg.bench.rules import PLIES, random_plies
from chesspg.games.chess import Chess
from chesspg.games.connect_four import ConnectFour
from chesspg.games.game import Game
from chesspg.games.hex import Hex
from chesspg.games.othello import Othello
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.player import Choice, Random, Turn

SECONDS = 0.4  # for each measurement
GAMES = (TicTacToe(), ConnectFour(), Othello(), Hex())  # besides chess
AT_ONCE = 4096  # games in a batch of chesspg's rules
ENVIRONMENTS = 256  # games in its vector environment

Measure = Callable[[], Callable[[], float]]


class Comparison(NamedTuple):
    """The same work in chesspg and in other libraries."""

    title: str
    ours: Measure
    peers: Mapping[str, Measure]  # by library


def comparisons() -> list[Comparison]:
    """All comparisons."""
    for_chess = {"torchrl": _torchrl, "pgx": _pgx, "pettingzoo": _pettingzoo}
    return [
        Comparison("rules of chess", _rules(Chess()), open_spiel("chess") | for_chess),
        *(
            Comparison(f"rules of {game.name}", _rules(game), open_spiel(game.open_spiel.name))
            for game in GAMES
            if game.open_spiel
        ),
        Comparison("chess as an environment of PettingZoo", _aec, {"pettingzoo": _pettingzoo}),
        Comparison("chess as a vector environment", _vector, {"pettingzoo": _pettingzoo}),
    ]


def open_spiel(name: str) -> dict[str, Measure]:
    """Measures of a game of OpenSpiel: its rules alone, with an observation as a list, and with one in a kept array."""
    return {
        "open_spiel": lambda: _open_spiel(name, lambda _: lambda state: None),
        "open_spiel_with_observation": lambda: _open_spiel(
            name, lambda rules: lambda state: state.observation_tensor()
        ),
        "open_spiel_with_observation_array": lambda: _open_spiel(name, _into_an_array),
    }


def _rules(game: Game) -> Measure:
    def measured() -> float:  # the median of as many batches of games as there is time for
        speeds, began = [], process_time()
        while process_time() - began < SECONDS:
            speeds.append(random_plies(game, AT_ONCE, PLIES))
        return statistics.median(speeds)

    return lambda: measured


def _one_by_one(begin: Callable[[], Any], ply: Callable[[Any], bool]) -> float:
    """Plies per second of one game after another: `ply` plays one, and returns whether the game goes on."""
    done, began = 0, process_time()
    while process_time() - began < SECONDS:
        game = begin()
        for _ in range(PLIES):
            done += 1
            if not ply(game):
                break
    return done / (process_time() - began)


def _open_spiel(name: str, looking: Callable[[Any], Callable[[Any], Any]]) -> Callable[[], float]:
    rules, uniform = import_module("pyspiel").load_game(name), random.Random(1).random
    look = looking(rules)

    def ply(state: Any) -> bool:
        look(state)
        actions = state.legal_actions()
        state.apply_action(actions[int(uniform() * len(actions))])
        return not state.is_terminal()

    return lambda: _one_by_one(rules.new_initial_state, ply)


def _into_an_array(rules: Any) -> Callable[[Any], Any]:
    """Writes the observation into one array that is used again, instead of a list of numbers."""
    observation = import_module("open_spiel.python.observation").make_observation(rules)
    return lambda state: observation.set_from(state, state.current_player())


def _agents(environment: Any) -> Callable[[], float]:
    """An AEC environment, as PettingZoo's documentation plays it."""
    rng = np.random.default_rng(1)

    def ply(_: Any) -> bool:
        observation, _, over, cut, _ = environment.last()
        if not over and not cut:
            environment.step(rng.choice(np.flatnonzero(observation["action_mask"])))
        return not over and not cut

    return lambda: _one_by_one(lambda: environment.reset(seed=1), ply)


def _aec() -> Callable[[], float]:
    return _agents(import_module("chesspg.environments.pettingzoo").aec_env(Chess()))


def _pettingzoo() -> Callable[[], float]:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # PettingZoo imports pygame, which prints a greeting
    return _agents(import_module("pettingzoo.classic.chess_v6").env())


class _Counting(Random):
    """Moves at random and counts its moves."""

    moves = 0

    def choose(self, turn: Turn) -> Choice:
        self.moves += len(turn.rows)
        return super().choose(turn)


def _vector() -> Callable[[], float]:
    """Both players move at random; the learner finds its moves in the masks."""
    opponent, rng, games = _Counting(), np.random.default_rng(1), ENVIRONMENTS
    environment = import_module("chesspg.environments.gymnasium").BoardGameVectorEnv(Chess(), games, opponent)

    def learner(masks: NDArray[np.int8]) -> NDArray[np.int64]:
        game, action = np.divmod(np.flatnonzero(masks.view(np.bool_)), masks.shape[1])
        first = np.searchsorted(game, np.arange(games + 1))
        chosen: NDArray[np.int64] = action[first[:-1] + (rng.random(games) * np.diff(first)).astype(np.int64)]
        return chosen

    def measured() -> float:
        opponent.moves, moves = 0, 0
        _, infos = environment.reset(seed=1)
        began = process_time()
        while process_time() - began < SECONDS:
            *_, infos = environment.step(learner(infos["action_mask"]))
            moves += games
        return (moves + opponent.moves) / (process_time() - began)

    return measured


def _torchrl() -> Callable[[], float]:
    environment = import_module("torchrl.envs").ChessEnv(include_fen=True, mask_actions=True)
    state = None

    def begin() -> None:
        nonlocal state
        state = environment.reset()

    def ply(_: Any) -> bool:
        nonlocal state
        stepped, state = environment.step_and_maybe_reset(environment.rand_action(state))
        return not bool(stepped["next", "done"])

    return lambda: _one_by_one(begin, ply)


def _pgx(games: int = 256) -> Callable[[], float]:
    """Compiled by JAX for all cores, many games at once; plies of games that are over are not counted."""
    jax, environment = import_module("jax"), import_module("pgx").make("chess")

    @jax.jit  # type: ignore[untyped-decorator]
    def ply(state: Any, key: Any) -> Any:
        logits = jax.numpy.where(state.legal_action_mask, 0.0, -jax.numpy.inf)
        return jax.vmap(environment.step)(state, jax.random.categorical(key, logits, axis=-1))

    begin = jax.jit(jax.vmap(environment.init))
    keys = jax.random.split(jax.random.key(1), games)

    def measured() -> float:
        state = ply(begin(keys), keys[0])
        done, began, played = 0.0, process_time(), 0
        while process_time() - began < SECONDS and played < PLIES:
            done += float((~state.terminated).sum())
            state = ply(state, keys[played])
            state.observation.block_until_ready()
            played += 1
        return done / (process_time() - began)

    return measured
