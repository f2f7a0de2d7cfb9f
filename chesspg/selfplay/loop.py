"""The one loop: many games in lockstep, a player on each seat."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.capabilities import heuristic_of
from chesspg.games.contract import BrokenContract
from chesspg.games.game import Games, IllegalAction
from chesspg.games.randomness import Randomness
from chesspg.players.player import Launching, Player, Turn, launcher
from chesspg.selfplay.rollout import FORFEIT, Recorder, Rollout

Seats = tuple[Player, Player]  # who plays for player 0, who for player 1


def play(
    games: Games,
    seats: Seats | Sequence[Seats],
    rng: Randomness,
    *,
    learner: Player | None = None,
    max_plies: int | None = None,
    material_weight: float = 0.0,
    index: NDArray[np.integer[Any]] | None = None,
    group: NDArray[np.integer[Any]] | None = None,
    on_ply: Callable[[int, int], None] | None = None,
    in_flight: int | None = None,
) -> Rollout:
    """Play all games to their end; each player is called once a ply for all the games of a part it is to move in.

    A game that its mover gives up (Choice.forfeits) ends as lost for it, with the reason in Rollout.forfeits.

    Raises BrokenContract where the game leaves no action to choose, or refuses one that it called legal.

    seats: one pair for all games, or a pair for each.
    learner: whose plies are stored; None stores none.
    max_plies: the ply cap. A game that reaches it has no outcome; its reward is `material_weight` for the
        side ahead in material and minus that for the other.
    index: [games] global indices, which the random numbers depend on; 0, 1, … if not given.
    group: [games] equal for games of the same start and the same seats, on whatever rank; all alike if not given.
    on_ply: called after each ply with the number of games over and of plies played so far.
    in_flight: into how many parts the games are split, so that the rules of one part run while an engine thinks
        about another. If not given, 2 with a player that is `is_async`, else 1. Neither the games nor the order of
        the stored plies depend on it, except that a network may round otherwise in a batch of another size.
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

    if in_flight is None:
        in_flight = 2 if any(isinstance(player, Launching) and player.is_async for player in players) else 1
    if in_flight < 1:
        raise ValueError(f"in_flight is {in_flight}; it must be 1 or more")
    launch = [launcher(player) for player in players]

    recorder = Recorder()
    outcome, reason = np.zeros(total, np.int8), np.zeros(total, np.uint8)
    reward, length = np.zeros(total, np.float32), np.zeros(total, np.int32)
    finished: list[tuple[NDArray[np.int64], Games]] = []
    forfeits: dict[int, str] = {}
    over = plies = 0

    def part(games: Games, live: NDArray[np.int64]) -> Iterator[None]:
        """Play some games, which `live` names, to their end; at each ply, pause between question and answer."""
        nonlocal over, plies
        ply = 0
        while True:
            outcomes = games.outcomes()
            done = outcomes.over | (ply == max_plies)
            if done.any():
                ended = live[done]
                outcome[ended], reason[ended] = outcomes.outcome[done], outcomes.reason[done]
                ahead = material_weight * np.sign(heuristic_of(games)[done]) if material_weight else 0.0
                reward[ended] = np.where(outcomes.over[done], outcomes.outcome[done], ahead)
                length[ended] = ply
                finished.append((ended, games[done]))
                over += len(ended)
                # No new game takes the place of one that is over: each that starts is finished and counted. A quota of
                # finished games, or of plies, would have more of the short ones than the policy plays.
                games, live = games[~done], live[~done]
            if not len(live):
                return
            observation = games.observe()
            stuck = observation.legal.counts == 0
            if stuck.any():
                raise BrokenContract(
                    f"the game goes on at {games.position(int(stuck.argmax()))!r} but has no legal action there; it "
                    "must be over, or have a pass as an action"
                )
            uniforms = rng.uniforms(index[live], ply)
            mover = seated[live, observation.player]
            asked = []
            for k, player in enumerate(players):
                rows = np.flatnonzero(mover == k)
                if not len(rows):
                    continue
                seen = observation if len(rows) == len(live) else observation[rows]
                turn = Turn(seen, uniforms[rows], games, rows)
                asked.append((player, turn, launch[k](turn)))
            yield
            chosen = np.empty(len(live), np.int64)
            given_up: dict[int, str] = {}  # row -> why
            for player, turn, answer in asked:
                choice = answer()
                chosen[turn.rows] = choice.index
                if player is learner:
                    recorder.add(turn.observation, choice, live[turn.rows])
                given_up |= {int(turn.rows[row]): why for row, why in choice.forfeits.items()}
            actions = observation.legal.take(chosen)
            if given_up:
                rows = np.array(sorted(given_up))
                ended = live[rows]
                outcome[ended], reason[ended] = 2 * observation.player[rows] - 1, FORFEIT
                reward[ended], length[ended] = outcome[ended], ply
                finished.append((ended, games[rows]))
                over += len(ended)
                forfeits.update({int(live[row]): why for row, why in given_up.items()})
                stay = np.setdiff1d(np.arange(len(live)), rows)
                games, live, actions = games[stay], live[stay], actions[stay]
            try:
                games.play(actions)
            except IllegalAction as error:
                if ((chosen < 0) | (chosen >= observation.legal.counts)).any():
                    raise  # a player that chose what it was not offered
                raise BrokenContract(f"the game refuses an action that it called legal: {error}") from None
            ply += 1
            plies += len(live)

    shares = np.array_split(np.arange(total), in_flight)
    running = [part(games if len(share) == total else games[share], share) for share in shares]
    while running:
        running = [one for one in running if next(one, "over") is None]
        if on_ply:
            on_ply(over, plies)

    return recorder.rollout(
        outcome=outcome, reason=reason, reward=reward, length=length,
        group=np.zeros(total, np.int32) if group is None else group.astype(np.int32),
        finished=finished, forfeits=forfeits, seconds=time.perf_counter() - began,
    )  # fmt: skip
