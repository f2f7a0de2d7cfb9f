"""The result of a match: scores, Elo with intervals, sequential tests and counts, computed from its games."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from chesspg.arena.elo import (
    Interval,
    Sprt,
    elo,
    likelihood_of_superiority,
    normalized_elo,
    pentanomial,
    score_interval,
    sprt,
)
from chesspg.games.game import split_position
from chesspg.selfplay.rollout import Values

TRUNCATED = "truncated"  # reason of a game that was stopped at the ply cap
FORFEITED = "forfeit"  # reason of a game that a player gave up, for example because an engine crashed


class Record(NamedTuple):
    """Numbers of games won, drawn and lost."""

    wins: int
    draws: int
    losses: int


@dataclass(frozen=True)
class MatchResult:
    """The result of a match of A against B.

    Games 2k and 2k + 1 are a pair with the same opening. A has seat 0 in the first of them.
    """

    results: tuple[float, ...]  # [games] points of A: 1 won, 0.5 drawn or truncated, 0 lost
    positions: tuple[str, ...]  # [games] each game as text, including its opening
    reasons: tuple[str, ...]  # [games] how the rules ended the game, or TRUNCATED, or FORFEITED
    seconds: float  # wall-clock time
    forfeits: Mapping[int, str] = field(default_factory=dict)  # game -> why its loser gave up
    # game -> [plies after the opening] what the mover expected; only of games in which a player evaluates positions
    values: Mapping[int, Values] = field(default_factory=dict)

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
        """Draws, including truncated games."""
        return self.record.draws

    @property
    def losses(self) -> int:
        return self.record.losses

    @property
    def as_first(self) -> Record:
        """A's record on seat 0 (White in chess)."""
        return _record(self.results[::2])

    @property
    def as_second(self) -> Record:
        """A's record on seat 1 (Black in chess)."""
        return _record(self.results[1::2])

    @cached_property
    def distinct_games(self) -> int:
        """Number of different games; games with the same start and the same moves are equal."""
        return len(set(self.positions))

    @property
    def score(self) -> float:
        """(wins + draws / 2) / games."""
        return sum(self.results) / self.games

    @property
    def pairs(self) -> tuple[float, ...]:
        """shape [games / 2] A's mean score in each pair."""
        return tuple((a + b) / 2 for a, b in zip(self.results[::2], self.results[1::2], strict=True))

    @property
    def score_interval(self) -> Interval:
        """95% interval of the score, from the pairs."""
        return score_interval(self.pairs, self._distinct)

    @property
    def elo(self) -> float:
        """How much stronger A is than B, in Elo."""
        return elo(self.score)

    @property
    def elo_interval(self) -> Interval:
        """95% interval: the ends of the score's interval in Elo."""
        return Interval(*map(elo, self.score_interval))

    @property
    def normalized_elo(self) -> float:
        """Distance of the score from ½ in units of one game's standard deviation; see `elo.normalized_elo`."""
        return normalized_elo(self.pairs)

    @property
    def los(self) -> float:
        """Likelihood of superiority: the probability that A is the stronger player."""
        return likelihood_of_superiority(self.pairs, self._distinct)

    def sprt(self, elo0: float, elo1: float) -> Sprt:
        """Test whether A is elo1 stronger than B or only elo0; see `elo.sprt`."""
        return sprt(self.pairs, elo0, elo1, distinct=self._distinct)

    @property
    def draw_rate(self) -> float:
        """Fraction of the games that the rules ended in a draw; truncated games don't count."""
        drawn = zip(self.results, self.reasons, strict=True)
        return sum(result == 0.5 and reason != TRUNCATED for result, reason in drawn) / self.games

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """shape [games] plies of each game, including the opening."""
        return tuple(len(split_position(position)[1]) for position in self.positions)

    @property
    def mean_length(self) -> float:
        return sum(self.lengths) / self.games

    @property
    def reason_counts(self) -> dict[str, int]:
        """Number of games by reason, the most frequent first."""
        return dict(Counter(self.reasons).most_common())

    @property
    def truncated(self) -> int:
        """Number of games stopped at the ply cap; they count as draws, because matches are not adjudicated."""
        return self.reasons.count(TRUNCATED)

    @property
    def forfeited(self) -> tuple[int, int]:
        """Number of games that A gave up, and that B gave up; they count as losses."""
        by_a = sum(self.results[game] == 0 for game in self.forfeits)
        return by_a, len(self.forfeits) - by_a

    @property
    def _distinct(self) -> float:
        return self.distinct_games / self.games

    def __add__(self, other: MatchResult) -> MatchResult:
        """Return this match continued with the games of `other`."""
        return MatchResult(
            self.results + other.results,
            self.positions + other.positions,
            self.reasons + other.reasons,
            self.seconds + other.seconds,
            {**self.forfeits, **{self.games + game: why for game, why in other.forfeits.items()}},
            {**self.values, **{self.games + game: some for game, some in other.values.items()}},
        )

    def part(self, first: int, last: int) -> MatchResult:
        """The games from `first` to `last` − 1 as a match of their own, with their share of the time."""
        return MatchResult(
            self.results[first:last],
            self.positions[first:last],
            self.reasons[first:last],
            self.seconds * len(self.results[first:last]) / self.games,
            {game - first: why for game, why in self.forfeits.items() if first <= game < last},
            {game - first: some for game, some in self.values.items() if first <= game < last},
        )

    def as_dict(self) -> dict[str, Any]:
        """All figures, seen from A's side, as JSON values."""
        return {
            **self.record._asdict(),
            "games": self.games,
            "distinct_games": self.distinct_games,
            "truncated": self.truncated,
            "forfeits": dict(zip("ab", self.forfeited, strict=True)),
            "score": self.score,
            "score_low": self.score_interval.low,
            "score_high": self.score_interval.high,
            "elo": self.elo,
            "elo_low": self.elo_interval.low,
            "elo_high": self.elo_interval.high,
            "normalized_elo": self.normalized_elo,
            "los": self.los,
            "draw_rate": self.draw_rate,
            "pentanomial": pentanomial(self.pairs),
            "as_first": self.as_first._asdict(),
            "as_second": self.as_second._asdict(),
            "mean_length": self.mean_length,
            "reasons": self.reason_counts,
            "seconds": self.seconds,
        }


def _record(results: tuple[float, ...]) -> Record:
    return Record(results.count(1.0), results.count(0.5), results.count(0.0))
