"""Lightning callbacks that play: evaluation matches, and sample games of the rollouts."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from chesspg.arena import ratings, roster
from chesspg.arena.ladder import rating as ladder
from chesspg.arena.matches import MatchResult, play_in_parts
from chesspg.arena.openings import default_plies, random_openings
from chesspg.arena.records.pgn import save_pgn, to_pgn
from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.players.player import Player
from chesspg.players.policy_player import PolicyPlayer
from chesspg.players.rollout import Rollout
from chesspg.policy.policy import Policy
from chesspg.training.datamodule import cores

PREVIOUS, BEST = "previous", "best"
PART = 50  # pairs of games after which a match may end early; fewer at once would make poor batches


class EvaluationMatch(Callback):
    """Plays matches against `opponents` before training, every so many rollouts and at the end.

    Each match is logged as `score/OPPONENT` in [0, 1] with `score_low` and `score_high`, its 95% interval, and told in
    one line; with a temperature of its own, as `score/OPPONENT@TEMPERATURE`. From the opponents whose rating is known
    (random's is 0; in chess also those of the ladder that ships) follows the policy's own, logged as `rating` with
    `rating_low` and `rating_high`. Works with any module that has a `policy`.

    An opponent that fails, such as an engine that crashes, is named in a warning; its match is left out.

    opponents: player strings, or `previous`: the policy as it was at the evaluation before.
    games: a match at most, even: each opening is played with both colours.
    every_n_rollouts: between evaluations.
    temperature: of the policy evaluated; its own if not given, 0 for its likeliest action.
    folder: where the games are saved as PGN, if given.
    within: a match ends early, after a multiple of 100 games, once its score is known to ± this; 0 plays them all.
    gate: [elo0, elo1]. The policy then also meets the best so far, at first the one before training, and replaces it if
        an SPRT accepts elo1 against elo0; `gate` is logged then, the number of times it happened, and is the monitor.
    """

    def __init__(
        self,
        opponents: Sequence[str] = ("random", PREVIOUS),
        games: int = 100,
        every_n_rollouts: int = 10,
        temperature: float | None = None,
        seed: int = 0,
        folder: str | Path | None = None,
        within: float = 0.02,
        gate: tuple[float, float] | None = None,
    ) -> None:
        if games < 2 or games % 2:
            raise ValueError(f"games is {games}; a match needs an even number, each opening with both colours")
        if every_n_rollouts < 1:
            raise ValueError(f"every_n_rollouts is {every_n_rollouts}; it must be 1 or more")
        if not 0 <= within < 0.5:
            raise ValueError(f"within is {within}; it must be from 0 to 0.5, a score's distance")
        if gate is not None:
            ratings.sprt([0.5], *gate)  # elo0 < elo1
        self.opponents = list(opponents)
        self.games = games
        self.every_n_rollouts = every_n_rollouts
        self.temperature = temperature
        self.seed = seed
        self.folder = folder
        self.within = within
        self.gate = gate
        self.beaten = 0  # how often the best so far was
        self.earlier: dict[str, dict[str, torch.Tensor]] = {}  # the previous policy and the best so far

    @property
    def monitor(self) -> str:
        """The metric that chooses the best checkpoint: the gate, or else the score against the first opponent."""
        return "gate" if self.gate else f"score/{self._named(self.opponents[0])}"

    @property
    def state_key(self) -> str:
        return self._generate_state_key(opponents=self.opponents, temperature=self.temperature)

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        with roster.players(self._known(), _policy(module).game):
            pass  # they can all be had, now at least

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if not self.earlier:  # else a run goes on that was evaluated before
            metrics = self.evaluate(trainer, module)
            for logger in trainer.loggers:
                logger.log_metrics(metrics, step=trainer.global_step)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        done = trainer.current_epoch + 1
        last = trainer.should_stop or done == trainer.max_epochs or trainer.global_step == trainer.max_steps
        if last or done % self.every_n_rollouts == 0:
            for name, value in self.evaluate(trainer, module).items():
                module.log(name, value)

    def evaluate(self, trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, float]:
        """Play all matches, on rank 0, tell how they went, and return what is to be logged of them."""
        policy = _policy(module)
        results = {}
        for name in [*self.opponents, *([BEST] if self.gate else [])]:
            if name in (PREVIOUS, BEST) and name not in self.earlier:
                continue
            # Rank 0 plays; everybody gets the result, so that what monitors it decides alike on every rank.
            result = trainer.strategy.broadcast(self._match(trainer, policy, name) if trainer.is_global_zero else "")
            if isinstance(result, MatchResult):
                results[name] = result
            else:
                module.print(f"warning: no match against {name}: {result}")
        weights = {name: tensor.detach().clone() for name, tensor in policy.state_dict().items()}
        self.earlier[PREVIOUS] = weights
        passed = self.gate and BEST in results and results[BEST].sprt(*self.gate).decision == "accept"
        if passed or (self.gate and BEST not in self.earlier):
            self.earlier[BEST] = weights
            self.beaten += bool(passed)
        if not results:
            return {}
        rating = _rating(policy.game, results)
        module.print(_line(module, results, rating) + (" · new best" if passed else ""))
        if self.folder is not None and trainer.is_global_zero:
            self._save(policy.game, trainer.global_step, results)
        return self._metrics(results, rating) | ({"gate": float(self.beaten)} if passed else {})

    def _match(self, trainer: pl.Trainer, policy: Policy, name: str) -> MatchResult | str:
        """How the match against `name` went, or why there was none."""
        game, context = policy.game, trainer.precision_plugin.forward_context
        a = PolicyPlayer(policy, self.temperature, context)
        openings = random_openings(game, self.games // 2, default_plies(game), self.seed)
        try:
            with ExitStack() as stack:
                b: Player
                if name in (PREVIOUS, BEST):
                    earlier = copy.deepcopy(policy)
                    earlier.load_state_dict(self.earlier[name])
                    b = PolicyPlayer(earlier, self.temperature, context)
                else:
                    (b,) = stack.enter_context(roster.players([name], game, concurrency=cores(trainer)))
                for result in play_in_parts(game, a, b, openings, seed=self.seed, part=PART):
                    if result.forfeits:  # won for nothing
                        why = next(iter(result.forfeits.values()))
                        return f"it gave up {len(result.forfeits)} of {result.games} games ({why})"
                    if self._is_clear(name, result):
                        break
        except (ValueError, OSError) as error:  # an engine that is gone, a file that another run replaced
            return str(error)
        return result

    def _is_clear(self, name: str, result: MatchResult) -> bool:
        """Whether more games would tell nothing that matters."""
        if name == BEST and self.gate:
            return result.sprt(*self.gate).decision is not None
        low, high = result.score_interval
        return high - low <= 2 * self.within

    def _known(self) -> list[str]:
        return [name for name in self.opponents if name != PREVIOUS]

    def _save(self, game: Game, updates: int, results: dict[str, MatchResult]) -> None:
        folder = Path(self.folder or ".")
        folder.mkdir(parents=True, exist_ok=True)
        for opponent, result in results.items():
            names = ("policy", opponent)
            texts = [
                to_pgn(game, position, {"Event": f"evaluation after {updates} updates", "Round": str(i + 1),
                                        "White": names[i % 2], "Black": names[1 - i % 2]})
                for i, position in enumerate(result.positions)
            ]  # fmt: skip
            save_pgn(folder / f"against-{_slug(self._named(opponent))}-{updates:06}.pgn", texts)

    def _metrics(self, results: dict[str, MatchResult], rating: ladder.Rating | None) -> dict[str, float]:
        metrics: dict[str, float] = {}
        for opponent, result in results.items():
            low, high = result.score_interval
            values = {"score": result.score, "score_low": low, "score_high": high}
            metrics |= {f"{name}/{self._named(opponent)}": value for name, value in values.items()}
        if rating:
            own = zip(("rating", "rating_low", "rating_high"), rating, strict=True)
            metrics |= {self._named(name): value for name, value in own}
        return metrics

    def _named(self, opponent: str) -> str:
        return opponent if self.temperature is None else f"{opponent}@{self.temperature:g}"

    def state_dict(self) -> dict[str, Any]:
        return {"earlier": self.earlier, "beaten": self.beaten}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.earlier, self.beaten = state_dict["earlier"], state_dict["beaten"]


class SampleGames(Callback):
    """Saves the first games of every so many rollouts as PGN.

    folder: where; one file a rollout.
    games: a file.
    """

    def __init__(self, folder: str | Path, games: int = 4, every_n_rollouts: int = 10) -> None:
        self.folder = Path(folder)
        self.games = games
        self.every_n_rollouts = every_n_rollouts
        self._trainer: pl.Trainer | None = None

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        self._trainer = trainer

    def on_rollout(self, rollout: Rollout) -> None:
        trainer = self._trainer
        assert trainer is not None
        number = trainer.current_epoch
        if not trainer.is_global_zero or number % self.every_n_rollouts:
            return
        game = _policy(trainer.lightning_module).game
        self.folder.mkdir(parents=True, exist_ok=True)
        save_pgn(
            self.folder / f"rollout-{number:06}.pgn",
            [
                to_pgn(game, rollout.position(i), {"Event": f"rollout {number}", "Round": str(i + 1)})
                for i in range(min(self.games, rollout.games))
            ],
        )


def _policy(module: pl.LightningModule) -> Policy:
    policy = getattr(module, "policy", None)
    if not isinstance(policy, Policy):
        raise TypeError(f"{type(module).__name__} has no `policy`; a chesspg Policy is needed there")
    return policy


def _rating(game: Game, results: Mapping[str, MatchResult]) -> ladder.Rating | None:
    """The policy's rating by these matches, if any opponent has one."""
    known = {"random": 0.0} | (ladder.shipped() if game.name == Chess().name else {})
    meetings = [
        ladder.Meeting("policy", name, result.pairs, result.distinct_games / result.games)
        for name, result in results.items()
        if name in known
    ]
    return ladder.performance(meetings, known) if meetings else None


def _line(module: pl.LightningModule, results: dict[str, MatchResult], rating: ladder.Rating | None) -> str:
    """What one evaluation tells a person, in one line."""
    played = getattr(module, "played", {})
    parts = [f"update {module.global_step:>4}"]
    if "games" in played:
        parts.append(f"{played['games']:,} games")
    for opponent, result in results.items():
        low, high = result.score_interval
        parts.append(
            f"{opponent} {result.score:.2f} ({low:.2f}–{high:.2f}) W{result.wins} D{result.draws} L{result.losses}"
        )
    if rating:
        parts.append("rating {:.0f} ({:.0f}–{:.0f})".format(*rating))
    plies = sum(sum(result.lengths) for result in results.values())
    parts.append(f"{plies / sum(result.games for result in results.values()):.0f} plies a game")
    entropy = module.trainer.callback_metrics.get("entropy")
    if entropy is not None:
        parts.append(f"entropy {float(entropy):.2f}")
    return " · ".join(parts)


def _slug(opponent: str) -> str:
    return re.sub(r"[^A-Za-z0-9.=-]+", "-", opponent).strip("-")  # with signs: Level=5 is not Level=-5
