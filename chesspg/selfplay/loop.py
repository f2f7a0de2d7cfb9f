"""The one loop: many games at once, a player on each seat."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, cycle
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from chesspg.games.capabilities import PartialPlay, heuristic_or_zero
from chesspg.games.contract import BrokenContract
from chesspg.games.game import Games, IllegalAction, Observation
from chesspg.games.randomness import Randomness
from chesspg.learning import rewards
from chesspg.players.player import Choice, Launching, Player, Turn, launcher
from chesspg.selfplay.rollout import FORFEIT, Recorder, Rollout, Values, rewarded

Seats = tuple[Player, Player]  # who plays for player 0, who for player 1


def play(
    games: Games,
    seats: Seats | Sequence[Seats],
    rng: Randomness,
    *,
    learner: Player | None = None,
    max_plies: int | None = None,
    reward: rewards.Reward = rewards.by_outcome,
    index: NDArray[np.integer[Any]] | None = None,
    on_ply: Callable[[int, int], None] | None = None,
    in_flight: int | None = None,
) -> Rollout:
    """Play all games to their end; each player is called at once for all games in which it is to move.

    The learner and its opponents take turns: the learner moves in all games in which it is to move, then its opponents
    move in all games in which one of them is to move. So each player is called as rarely as possible, for as many games
    as possible. If the games lack `PartialPlay`, all players are called in each turn, one ply of every game at a time.

    A game that its mover gives up (`Choice.forfeits`) ends as lost for it, with the reason in `Rollout.forfeits`.

    Args:
        games: The games, at their starts.
        seats: One pair of players for all games, or a pair for each game.
        rng: The random numbers of this rollout.
        learner: The player whose plies are stored. Without one no plies are stored, and the returns that the players
            expected are kept instead; the first player then takes its place in the order of turns.
        max_plies: The ply cap of each game. A game that reaches it is truncated and has no outcome.
        reward: f(x).
        index: [games] global indices, on which the random numbers depend; 0, 1, … by default.
        on_ply: Called after each turn with the number of games over and of plies played so far.
        in_flight: The number of parts into which the games are split, so that the rules of one part run while an engine
            thinks about another. By default 2 with a player that is asynchronous, else 1. Neither the games nor the
            order of the stored plies depend on it, except that a network may round differently in a batch of another
            size.

    Returns:
        The rollout.

    Raises:
        BrokenContract: The game leaves no action to choose, or refuses one that it called legal.
        BadReward: The reward is not one finite number for each game.
        ValueError: There is not one pair of seats for each game, or in_flight is below 1.
    """
    began = time.perf_counter()
    total = len(games)
    players, seated = seating(seats, total)
    if in_flight is None:
        in_flight = 2 if any(isinstance(player, Launching) and player.is_async for player in players) else 1
    if in_flight < 1:
        raise ValueError(f"in_flight must be at least 1, got {in_flight}")
    table = _Table(players, seated, np.arange(total) if index is None else index, rng, learner, max_plies, _Ends(total))
    parts = np.array_split(np.arange(total), in_flight)
    running = [table.play(games if len(part) == total else games[part], part) for part in parts]
    while running:
        running = [one for one in running if next(one, "over") is None]
        if on_ply:
            on_ply(table.ends.over, table.plies)
    ends = table.ends
    return Rollout(
        recorded=table.recorder.plies(),
        outcome=ends.outcome,
        reason=ends.reason,
        reward=rewarded(reward, ends.outcome, ends.reason, ends.ahead),
        length=ends.length,
        finished=ends.finished,
        group=np.zeros(total, np.int32),
        forfeits=ends.forfeits,
        values=table.values(),
        seconds=time.perf_counter() - began,
    )


def seating(seats: Seats | Sequence[Seats], total: int) -> tuple[list[Player], NDArray[np.int64]]:
    """The players, and [games, 2] which of them sits on each seat. Raises ValueError if a game has no pair."""
    pairs = [seats] * total if isinstance(seats, tuple) else list(seats)
    if len(pairs) != total:
        raise ValueError(f"seats must be one pair of players, or one for each of {total} games, got {len(pairs)} pairs")
    flat = list(chain.from_iterable(pairs))
    _, first, kind = np.unique(np.fromiter(map(id, flat), np.int64), return_index=True, return_inverse=True)
    order = np.argsort(first)  # the players by their first appearance
    return [flat[k] for k in first[order].tolist()], np.argsort(order)[kind].reshape(-1, 2)


class _Ends:
    """How each of a number of games ended."""

    def __init__(self, total: int) -> None:
        self.outcome, self.reason = np.zeros(total, np.int8), np.zeros(total, np.uint8)  # [games]
        self.length = np.zeros(total, np.int32)  # [games]
        self.ahead = np.zeros(total, np.float32)  # [games] the heuristic for player 0, where truncated
        self.finished: list[tuple[NDArray[np.int64], Games]] = []
        self.forfeits: dict[int, str] = {}
        self.over = 0

    def finish(
        self, games: Games, live: NDArray[np.int64], ply: NDArray[np.int64], max_plies: int | None
    ) -> NDArray[np.bool_]:
        """Record which of the games [n] with indices `live` [n] end at their ply [n]. Returns [n] which go on."""
        outcomes = games.outcomes()
        done = outcomes.over if max_plies is None else outcomes.over | (ply == max_plies)
        if done.any():
            ended, over = live[done], outcomes.over[done]
            self.outcome[ended], self.reason[ended] = outcomes.outcome[done], outcomes.reason[done]
            self.length[ended] = ply[done]
            last = games[done]
            if not over.all():
                self.ahead[ended] = np.where(over, 0, heuristic_or_zero(last))
            self.finished.append((ended, last))
            self.over += len(ended)
        return ~done

    def give_up(self, games: Games, player: NDArray[np.int8], live: NDArray[np.int64], ply: NDArray[np.int64]) -> None:
        """Record that the movers `player` [n] of the games with indices `live` [n] give them up at their ply [n]."""
        self.outcome[live], self.reason[live], self.length[live] = 2 * player - 1, FORFEIT, ply
        self.finished.append((live, games))
        self.over += len(live)


class _Asked(NamedTuple):
    """A player, what it was asked, and a function that waits for its answer."""

    player: Player
    turn: Turn
    answer: Callable[[], Choice]


@dataclass
class _Table:
    """The players at all games, and what they have played so far."""

    players: Sequence[Player]
    seated: NDArray[np.int64]  # [games, 2] which player sits on each seat
    index: NDArray[np.integer[Any]]  # [games] global indices
    rng: Randomness
    learner: Player | None
    max_plies: int | None
    ends: _Ends
    recorder: Recorder = field(default_factory=Recorder)
    plies: int = 0  # played so far

    def __post_init__(self) -> None:
        self._launch = [launcher(player) for player in self.players]
        # Games, the ply of each, and the return expected there.
        self._expected: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []

    def play(self, games: Games, live: NDArray[np.int64]) -> Iterator[None]:
        """Play the games with indices `live` to their end; pause in each turn between the question and the answer."""
        ply = np.zeros(len(live), np.int64)  # [n] of each game that goes on
        for side in cycle(self._sides(games)):
            goes_on = self.ends.finish(games, live, ply, self.max_plies)
            if not goes_on.all():
                # No new game takes the place of one that is over: each that starts is finished and counted. A quota of
                # finished games, or of plies, would contain more short games than the policy plays.
                games, live, ply = games[goes_on], live[goes_on], ply[goes_on]
            if not len(live):
                return
            observation = games.observe()
            _require_actions(games, observation)
            asked = self._ask(side, games, observation, live, ply)
            yield
            chosen, moves, given_up = self._answers(asked, live, ply)
            actions = observation.legal.take(chosen)
            if given_up:
                rows = np.array(sorted(given_up))
                self.ends.forfeits.update({int(live[row]): given_up[row] for row in given_up})
                self.ends.give_up(games[rows], observation.player[rows], live[rows], ply[rows])
                stay = np.setdiff1d(np.arange(len(live)), rows)
                games, live, ply, actions, moves = games[stay], live[stay], ply[stay], actions[stay], moves[stay]
            try:
                if moves.all():
                    games.play(actions)
                elif moves.any():
                    cast("PartialPlay", games).play_some(np.flatnonzero(moves), actions[moves])
            except IllegalAction as error:
                if ((chosen < 0) | (chosen >= observation.legal.counts)).any():
                    raise  # the player is at fault: it chose what it was not offered
                raise BrokenContract(f"the game refuses an action that it called legal: {error}") from None
            ply = ply + moves
            self.plies += int(moves.sum())

    def values(self) -> dict[int, Values]:
        """By game, the returns that its movers expected, ply by ply; without games in which no player gave any."""
        found: dict[int, list[float | None]] = {}
        for rows in self._expected:
            for game, ply, value in zip(*(column.tolist() for column in rows), strict=True):
                found.setdefault(game, [None] * int(self.ends.length[game]))
                if ply < self.ends.length[game]:  # else the game was given up before this move was played
                    found[game][ply] = value
        return {game: tuple(values) for game, values in sorted(found.items()) if values != [None] * len(values)}

    def _sides(self, games: Games) -> list[list[int]]:
        """The players that are asked at the same time: the learner, then its opponents; or all of them."""
        first = next((k for k, player in enumerate(self.players) if player is self.learner), 0)
        others = [k for k in range(len(self.players)) if k != first]
        return [[first], others] if others and isinstance(games, PartialPlay) else [[first, *others]]

    def _ask(
        self, side: Sequence[int], games: Games, observation: Observation, live: NDArray[np.int64],
        ply: NDArray[np.int64],
    ) -> list[_Asked]:  # fmt: skip
        """Ask each player of a side for its moves, all of them before the first answer is awaited."""
        uniforms = self.rng.uniforms(self.index[live], ply)
        mover = self.seated[live, observation.player]
        asked = []
        for k in side:
            rows = np.flatnonzero(mover == k)
            if len(rows):
                seen = observation if len(rows) == len(live) else observation[rows]
                turn = Turn(seen, uniforms[rows], games, rows)
                asked.append(_Asked(self.players[k], turn, self._launch[k](turn)))
        return asked

    def _answers(
        self, asked: Sequence[_Asked], live: NDArray[np.int64], ply: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], dict[int, str]]:
        """[n] which legal action was chosen in each game, [n] whether it moves; and the reasons of those given up."""
        chosen, moves = np.zeros(len(live), np.int64), np.zeros(len(live), np.bool_)
        given_up: dict[int, str] = {}
        for player, turn, answer in asked:
            choice, rows = answer(), turn.rows
            chosen[rows], moves[rows] = choice.index, True
            if player is self.learner:
                self.recorder.add(turn.observation, choice, live[rows], ply[rows])
            elif self.learner is None and choice.value is not None:
                given = np.flatnonzero(~np.isnan(choice.value))
                self._expected.append((live[rows[given]], ply[rows[given]], choice.value[given]))
            given_up |= {int(rows[row]): why for row, why in choice.forfeits.items()}
        return chosen, moves, given_up


def _require_actions(games: Games, observation: Observation) -> None:
    """Raise BrokenContract for a game that goes on without a legal action."""
    stuck = observation.legal.counts == 0
    if stuck.any():
        raise BrokenContract(
            f"the game goes on at {games.position(int(stuck.argmax()))!r} but has no legal action there; it must be "
            "over, or have a pass as an action"
        )
