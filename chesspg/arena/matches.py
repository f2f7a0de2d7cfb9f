"""A match: two players, paired openings, colours swapped, all games in progress at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from chesspg.arena import ratings
from chesspg.arena.openings import Unplayable, default_plies, random_openings
from chesspg.games.game import Game, split_position
from chesspg.players.draws import Draws
from chesspg.players.lockstep import play
from chesspg.players.player import Player

__all__ = ["TRUNCATED", "MatchResult", "Record", "Unplayable", "play_match"]


TRUNCATED = "truncated"  # the reason of a game at the ply cap


class Record(NamedTuple):
    """So many games won, drawn and lost."""

    wins: int
    draws: int
    losses: int


@dataclass(frozen=True)
class MatchResult:
    """What came of a match of A against B. Games 2k and 2k + 1 are a pair: one opening, A first on seat 0."""

    results: tuple[float, ...]  # [games] for A: 1 won, 0.5 drawn or truncated, 0 lost
    positions: tuple[str, ...]  # [games] each game as text, its opening included
    reasons: tuple[str, ...]  # [games] how the rules ended it; 'truncated' at the ply cap
    seconds: float  # wall time of the games

    @property
    def games(self) -> int:
        return len(self.results)

    @property
    def record(self) -> Record:
        """A's record over all games."""
        return _record(self.results)

    @property
    def wins(self) -> int:
        return self.record.wins

    @property
    def draws(self) -> int:
        """Truncated games among them."""
        return self.record.draws

    @property
    def losses(self) -> int:
        return self.record.losses

    @property
    def as_white(self) -> Record:
        """A's record on seat 0, which is White in chess."""
        return _record(self.results[::2])

    @property
    def as_black(self) -> Record:
        """A's record on seat 1."""
        return _record(self.results[1::2])

    @cached_property
    def distinct_games(self) -> int:
        """How many games differ in start or moves from all before them."""
        return len(set(self.positions))

    @property
    def score(self) -> float:
        """(wins + draws / 2) / games."""
        return sum(self.results) / self.games

    @property
    def pairs(self) -> tuple[float, ...]:
        """[games / 2] A's mean score in each pair."""
        return tuple((a + b) / 2 for a, b in zip(self.results[::2], self.results[1::2], strict=True))

    @property
    def score_interval(self) -> ratings.Interval:
        """95 %, from the pairs."""
        return ratings.score_interval(self.pairs, self.distinct_games / self.games)

    @property
    def elo(self) -> float:
        """How much stronger A is, in Elo."""
        return ratings.elo(self.score)

    @property
    def elo_interval(self) -> ratings.Interval:
        """95 %: the Elo of the score's interval."""
        return ratings.Interval(*map(ratings.elo, self.score_interval))

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """[games] plies, the opening's included."""
        return tuple(len(split_position(position)[1]) for position in self.positions)

    @property
    def mean_length(self) -> float:
        return sum(self.lengths) / self.games

    @property
    def reason_counts(self) -> dict[str, int]:
        """How games ended, the commonest first."""
        return dict(Counter(self.reasons).most_common())

    @property
    def truncated(self) -> int:
        """Games stopped at the ply cap: counted as draws, because nobody adjudicates a match."""
        return self.reasons.count(TRUNCATED)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, from A's side."""
        return {
            **self.record._asdict(),
            "games": self.games,
            "distinct_games": self.distinct_games,
            "truncated": self.truncated,
            "score": self.score,
            "score_low": self.score_interval.low,
            "score_high": self.score_interval.high,
            "elo": self.elo,
            "elo_low": self.elo_interval.low,
            "elo_high": self.elo_interval.high,
            "as_white": self.as_white._asdict(),
            "as_black": self.as_black._asdict(),
            "mean_length": self.mean_length,
            "reasons": self.reason_counts,
            "seconds": self.seconds,
        }


def play_match(
    game: Game,
    a: Player,
    b: Player,
    games: int,
    *,
    opening_plies: int | None = None,
    seed: int = 0,
    max_plies: int | None = None,
    on_ply: Callable[[int, int], None] | None = None,
) -> MatchResult:
    """Play `games` games, an even number, half with each colour, on games / 2 random openings.

    opening_plies: random plies at the start; an eighth of the board's squares if not given, 8 for chess.
    max_plies: a longer game, its opening included, is stopped and counted as a draw and as truncated. None: never,
        and random players may take hundreds of plies a game.
    on_ply: called after each ply with the number of games over and of plies played so far.
    Raises Unplayable for numbers that make no match, before the first move.
    """
    plies = default_plies(game) if opening_plies is None else opening_plies
    if games <= 0 or games % 2:
        raise Unplayable(f"{games} games; an even number above 0 would do, as each opening is played twice")
    if plies < 0:
        raise Unplayable(f"{plies} opening plies; 0 or more would do")
    if max_plies is not None and max_plies <= plies:
        raise Unplayable(f"at most {max_plies} plies a game, {plies} of them opening; more than {plies} would do")
    openings = random_openings(game, games // 2, plies, seed)
    rollout = play(
        game.start([opening for opening in openings for _ in range(2)]),
        [(a, b), (b, a)] * (games // 2),
        Draws(seed),
        max_plies=None if max_plies is None else max_plies - plies,
        on_ply=on_ply,
    )
    signs = (1, -1) * (games // 2)
    names = (TRUNCATED, *game.reasons[1:])
    return MatchResult(
        results=tuple((1 + sign * outcome) / 2 for sign, outcome in zip(signs, rollout.outcome.tolist(), strict=True)),
        positions=tuple(rollout.positions()),
        reasons=tuple(names[reason] for reason in rollout.reason.tolist()),
        seconds=rollout.seconds,
    )


def _record(results: tuple[float, ...]) -> Record:
    return Record(results.count(1.0), results.count(0.5), results.count(0.0))
