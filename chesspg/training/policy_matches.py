"""Matches of a policy in training: against players, and against its earlier weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import pytorch_lightning as pl
from torch import Tensor

from chesspg.arena.ladder import model as ladder
from chesspg.arena.ladder import shipped
from chesspg.arena.match_result import MatchResult
from chesspg.arena.matches import play_in_parts
from chesspg.arena.openings import default_plies, random_openings
from chesspg.games.game import Game
from chesspg.players import roster
from chesspg.players.player import Player
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy import files
from chesspg.policy.policy import Policy
from chesspg.training.fitting import cores, named_as_in
from chesspg.training.progress import watching

PREVIOUS, BEST = "previous", "best"
SCORES = ("score", "score_low", "score_high")  # the metrics of a match
RATINGS = ("rating", "rating_low", "rating_high")  # the metrics of all matches together
PART = 50  # pairs of games after which a match may end early; fewer at once would make poor batches on a CPU


@dataclass(frozen=True)
class PolicyMatches:
    """How a policy in training is measured.

    Args:
        opponents: Player strings, and `previous`.
        games: The most games per match, an even number.
        temperature: Temperature of the policy; None for its own. 0 plays its most likely action.
        seed: Seed of the openings and of the moves.
        within: A match ends early if the 95% interval of its score is at most ± this.
        gate: [elo0, elo1] of the SPRT against the best policy so far; None for no such match.
    """

    opponents: Sequence[str]
    games: int
    temperature: float | None
    seed: int
    within: float
    gate: tuple[float, float] | None

    @property
    def names(self) -> list[str]:
        """All opponents, the best policy so far among them if there is a gate."""
        return [*self.opponents, *([BEST] if self.gate else [])]

    def logged(self, name: str) -> str:
        """The name under which an opponent, or the rating, is logged."""
        return name if self.temperature is None else f"{name}@{self.temperature:g}"

    def metric_names(self, ratings: bool = True) -> set[str]:
        """The names of all metrics that are logged, those of the rating among them if `ratings`."""
        scores = {f"{kind}/{self.logged(name)}" for name in self.names for kind in SCORES}
        return {*scores, *(map(self.logged, RATINGS) if ratings else ()), *(["gate"] if self.gate else [])}

    def play(
        self, trainer: pl.Trainer, policy: Policy, name: str, earlier: Mapping[str, Mapping[str, Tensor]]
    ) -> MatchResult | str:
        """Play one match.

        Args:
            trainer: The Trainer whose precision is used, and whose progress bar shows the games.
            policy: The policy in training.
            name: The opponent.
            earlier: The weights of `previous` and `best`.

        Returns:
            The result, or the reason why there is none.
        """
        game, context = policy.game, trainer.precision_plugin.forward_context
        a = PolicyPlayer(policy, self.temperature, context)
        games = 2 if trainer.fast_dev_run else self.games  # type: ignore[attr-defined]  # untyped in Lightning
        openings = random_openings(game, games // 2, default_plies(game), self.seed)
        try:
            with ExitStack() as stack:
                b: Player
                if name in earlier:
                    before = copy.deepcopy(policy)
                    before.load_state_dict(named_as_in(before, earlier[name]))
                    b = PolicyPlayer(before, self.temperature, context)
                else:
                    players = roster.players([name], game, concurrency=cores(trainer), device=str(policy.device))
                    (b,) = stack.enter_context(players)
                seen = watching(trainer, name, games, within="match with ")
                for result in play_in_parts(game, a, b, openings, seed=self.seed, part=PART, on_ply=seen):
                    if result.forfeits:  # such a win says nothing of the policy
                        why = next(iter(result.forfeits.values()))
                        return f"it gave up {len(result.forfeits)} of {result.games} games ({why})"
                    if self._is_decided(name, result):
                        break
        except (ValueError, OSError) as error:  # an engine that is gone, a file that another run replaced
            return str(error)
        return result

    def passes(self, results: Mapping[str, MatchResult]) -> bool:
        """Whether the policy has passed the gate."""
        return bool(self.gate and BEST in results and results[BEST].sprt(*self.gate).decision == "accept")

    def metrics(self, results: Mapping[str, MatchResult], rating: ladder.Rating | None) -> dict[str, float]:
        """The metrics of the matches, and of the rating if there is one."""
        metrics: dict[str, float] = {}
        for opponent, result in results.items():
            values = zip(SCORES, (result.score, *result.score_interval), strict=True)
            metrics |= {f"{name}/{self.logged(opponent)}": value for name, value in values}
        if rating:
            metrics |= {self.logged(name): value for name, value in zip(RATINGS, rating, strict=True)}
        return metrics

    def _is_decided(self, name: str, result: MatchResult) -> bool:
        """Whether the result is already precise enough to stop."""
        if name == BEST and self.gate:
            return result.sprt(*self.gate).decision is not None
        low, high = result.score_interval
        return high - low <= 2 * self.within


def rating_of(game: Game, results: Mapping[str, MatchResult]) -> ladder.Rating | None:
    """The policy's rating from the matches of a game, by opponent; None if no opponent has a known rating."""
    known = known_ratings(game)
    meetings = [
        ladder.Meeting("policy", name, result.pairs, result.distinct_games / result.games)
        for name, result in results.items()
        if name in known
    ]
    return ladder.performance(meetings, known) if meetings else None


def known_ratings(game: Game) -> Mapping[str, float | ladder.Rating]:
    """The known ratings of opponents: random moves and, if the ladder that ships is for this game, its players."""
    rated = files.describe(game) == shipped.shipped_table().get("game")
    return {"random": 0.0, **(shipped.shipped_ratings() if rated else {})}
