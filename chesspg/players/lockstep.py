"""The one loop: many games in lockstep, a player on each seat."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import Games, Legal, Observation
from chesspg.players.draws import Draws
from chesspg.players.player import Choice, Player, Turn
from chesspg.players.rollout import Rollout

Seats = tuple[Player, Player]  # who plays for player 0, who for player 1


def play(
    games: Games,
    seats: Seats | Sequence[Seats],
    draws: Draws,
    *,
    learner: Player | None = None,
    max_plies: int | None = None,
    material_weight: float = 0.0,
    index: NDArray[np.integer[Any]] | None = None,
    group: NDArray[np.integer[Any]] | None = None,
    on_ply: Callable[[int, int], None] | None = None,
) -> Rollout:
    """Play all games to their end; each player is called once a ply for all the games it is to move in.

    seats: one pair for all games, or a pair for each.
    learner: whose plies are stored; None stores none.
    max_plies: the ply cap. A game that reaches it has no outcome; its reward is `material_weight` for the
        side ahead in material and minus that for the other.
    index: [games] global indices, which the draws depend on; 0, 1, … if not given.
    group: [games] equal for games of the same start and the same seats, on whatever rank; all alike if not given.
    on_ply: called after each ply with the number of games over and of plies played so far.
    """
    began = time.perf_counter()
    total = len(games)
    pairs = [seats] * total if isinstance(seats, tuple) else list(seats)
    if len(pairs) != total:
        raise ValueError(f"{len(pairs)} pairs of seats for {total} games; one pair, or one for each game, is needed")
    players = list({id(player): player for pair in pairs for player in pair}.values())
    number = {id(player): k for k, player in enumerate(players)}
    seated = np.array([[number[id(player)] for player in pair] for pair in pairs], dtype=np.int64).reshape(-1, 2)
    index = np.arange(total) if index is None else index

    recorder = _Recorder()
    outcome, reason = np.zeros(total, np.int8), np.zeros(total, np.uint8)
    reward, length = np.zeros(total, np.float32), np.zeros(total, np.int32)
    finished: list[tuple[NDArray[np.int64], Games]] = []
    live = np.arange(total)  # which games the batch still holds
    ply = plies = 0
    while True:
        outcomes = games.outcomes()
        done = outcomes.over | (ply == max_plies)
        if done.any():
            ended = live[done]
            outcome[ended], reason[ended] = outcomes.outcome[done], outcomes.reason[done]
            ahead = material_weight * np.sign(games.material()[done])
            reward[ended] = np.where(outcomes.over[done], outcomes.outcome[done], ahead)
            length[ended] = ply
            finished.append((ended, games[done]))
            games, live = games[~done], live[~done]
        if on_ply:
            on_ply(total - len(live), plies)
        if not len(live):
            break
        observation = games.observe()
        uniforms = draws.uniforms(index[live], ply)
        mover = seated[live, observation.player]
        chosen = np.empty(len(live), np.int64)
        for k, player in enumerate(players):
            rows = np.flatnonzero(mover == k)
            if not len(rows):
                continue
            everyone = len(rows) == len(live)
            seen = observation if everyone else observation[rows]
            choice = player.choose(Turn(seen, uniforms[rows], games, rows))
            chosen[rows] = choice.index
            if player is learner:
                recorder.add(seen, choice, live[rows])
        games.play(observation.legal.take(chosen))
        ply += 1
        plies += len(live)

    return recorder.rollout(
        outcome=outcome, reason=reason, reward=reward, length=length,
        group=np.zeros(total, np.int32) if group is None else group.astype(np.int32),
        finished=finished, seconds=time.perf_counter() - began,
    )  # fmt: skip


class _Recorder:
    """Collects the learner's plies."""

    def __init__(self) -> None:
        self.parts: list[tuple[Observation, Choice, NDArray[np.integer[Any]]]] = []

    def add(self, seen: Observation, choice: Choice, game: NDArray[np.integer[Any]]) -> None:
        if choice.log_prob is None:
            raise ValueError("a player that learns must tell the log-probability of what it chose")
        self.parts.append((seen, choice, game))

    def rollout(self, **per_game: Any) -> Rollout:
        seen, choices, games = zip(*self.parts, strict=True) if self.parts else ((), (), ())
        values = [choice.value for choice in choices if choice.value is not None]
        return Rollout(
            planes=_join([o.planes for o in seen], np.uint64, 3),
            scalars=_join([o.scalars for o in seen], np.uint8, 2),
            player=_join([o.player for o in seen], np.int8, 1),
            legal=Legal.concatenate([o.legal for o in seen]),
            choice=_join([c.index for c in choices], np.int16, 1),
            log_prob=_join([c.log_prob for c in choices], np.float32, 1),
            value=_join(values, np.float32, 1) if values else None,
            game=_join(games, np.int32, 1),
            **per_game,
        )


def _join(parts: Sequence[Any], dtype: Any, dimensions: int) -> NDArray[Any]:
    return np.concatenate(parts).astype(dtype, copy=False) if parts else np.empty((0,) * dimensions, dtype)
