"""The Lightning callback that plays evaluation matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, Checkpoint, EarlyStopping, WeightAveraging
from pytorch_lightning.trainer.states import TrainerFn
from pytorch_lightning.utilities import rank_zero_info

from chesspg.arena import elo
from chesspg.arena.ladder.model import Rating
from chesspg.arena.match_result import MatchResult
from chesspg.games.game import Game
from chesspg.players import roster
from chesspg.policy import files
from chesspg.policy.policy import Policy
from chesspg.training.fitting import policy_of
from chesspg.training.monitors import callbacks_of, refuse_stale_monitors, slow_down_schedulers
from chesspg.training.packages import check_package
from chesspg.training.policy_matches import BEST, PREVIOUS, PolicyMatches, known_ratings, rating_of
from chesspg.training.ranges import MOST
from chesspg.training.sample_games import save_match_games
from chesspg.training.table import REPEAT, ScoreTable


class EvaluationMatch(Callback):
    """Plays matches against `opponents` before training, in each validation loop, and at the end of training.

    Each match is logged as `score/OPPONENT`, in [0, 1], with `score_low/OPPONENT` and `score_high/OPPONENT`, its 95%
    interval; if `temperature` is given, the names end with `@TEMPERATURE`. The games against opponents of known rating
    (random moves, which count as 0; in chess also the players of the ladder that ships) give the rating of the policy,
    logged as `rating`, with the sampling error of these games against these opponents as `rating_low` and
    `rating_high`. If a Trainer has several such callbacks, the first one logs the rating. Each evaluation prints one
    row of a table. Works with any module that has a `policy`.

    `Trainer(check_val_every_n_epoch=…)` sets how often matches are played; `SelfPlay` and `PolicyGradient` have a
    validation loop for this. So EarlyStopping, ModelCheckpoint and schedulers see each score when it is new, averaged
    weights play where averages are saved, and `trainer.validate(module, data, ckpt_path="best")` plays a match. Only
    the loggers get the match before training. The match at the end is skipped if the same weights have just played.
    Without a validation loop (a data module without `val_dataloader`, or a module without `validation_step`) matches
    are played at the ends of epochs.

    If the policy is on a GPU that has the game's rules, its matches are played there (docs/gpu.md).

    If an opponent fails, such as an engine that crashes, a warning names it and its match is left out.

    Args:
        opponents: Player strings, or `previous`: the policy as it was at the previous evaluation.
        games: The most games per match, an even number, since each opening is played with both colors. Two under
            `fast_dev_run`.
        every_n_rollouts: Play only in the validation loops after a multiple of this number of rollouts, for data that
            are validated more often than matches are played.
        temperature: Temperature of the policy that is evaluated; by default its own. 0 plays its most likely action.
        seed: Seed of the openings and of the moves.
        folder: The folder in which the games are saved as PGN, if given.
        within: A match ends early, after a multiple of 100 games, if the 95% interval of its score is at most ± this.
            0 plays all games.
        gate: [elo0, elo1]. If given, the policy also plays against the best one so far (at first the one before
            training), and replaces it if an SPRT accepts elo1 against elo0. `gate`, the number of replacements, is then
            logged and is the monitor.

    Raises:
        ValueError: An argument is out of its range; or, at the start of a run, EarlyStopping, ModelCheckpoint or
            ReduceLROnPlateau monitors a score that is not new each time they look.
    """

    def __init__(
        self,
        opponents: Sequence[str] = ("random", PREVIOUS),
        games: int = 100,
        every_n_rollouts: int = 1,
        temperature: float | None = None,
        seed: int = 0,
        folder: str | Path | None = None,
        within: float = 0.02,
        gate: tuple[float, float] | None = None,
    ) -> None:
        check_package()
        if not 2 <= games <= MOST or games % 2:
            raise ValueError(f"games must be an even number between 2 and {MOST:,}, got {games}")
        if not opponents and gate is None:
            raise ValueError("opponents must name at least one player, such as random, got none")
        if every_n_rollouts < 1:
            raise ValueError(f"every_n_rollouts must be at least 1, got {every_n_rollouts}")
        if not 0 <= within < 0.5:
            raise ValueError(f"within must be at least 0 and below 0.5, got {within}")
        if gate is not None:
            elo.sprt([0.5], *gate)  # elo0 < elo1
        self.matches = PolicyMatches(list(opponents), games, temperature, seed, within, gate)
        self.every_n_rollouts = every_n_rollouts
        self.folder = folder
        self.beaten = 0  # number of times the best policy so far has been beaten
        self.earlier: dict[str, dict[str, torch.Tensor]] = {}  # weights of the previous policy and the best so far
        self._stage: str | None = None
        self._rates = True  # whether this one logs the rating: of several, only the first does
        self._table: ScoreTable | None = None
        self._played_at = -1  # the number of updates at the last evaluation
        self._interval: int | None = None  # the Trainer's own, while the last epoch is validated regardless of it

    @property
    def monitor(self) -> str:
        """The metric that chooses the best checkpoint: the gate if there is one, else the first opponent's score."""
        return "gate" if self.matches.gate else f"score/{self.matches.logged(self.matches.opponents[0])}"

    @property
    def state_key(self) -> str:
        return self._generate_state_key(opponents=self.matches.opponents, temperature=self.matches.temperature)

    def find_opponents(self, game: Game) -> None:
        """Raise ValueError if an opponent is not available, such as an engine that does not start."""
        with roster.players([name for name in self.matches.opponents if name != PREVIOUS], game):
            pass

    def refuse_others(self, trainer: pl.Trainer, alone: bool = False) -> None:
        """Raise ValueError for another callback of the Trainer that can't work together with this one.

        Args:
            trainer: The Trainer that is to fit.
            alone: Whether there is no validation loop, so that matches are played at the ends of epochs.
        """
        self._refuse_doubles(trainer)
        interval = (trainer.check_val_every_n_epoch or 1) * self.every_n_rollouts
        stale = self.every_n_rollouts > 1 or (alone and interval > 1)
        refuse_stale_monitors(trainer, self.matches.metric_names(), stale, interval)

    def _refuse_doubles(self, trainer: pl.Trainer) -> None:
        """Raise ValueError if another EvaluationMatch of the Trainer logs what this one does."""
        own = self.matches.metric_names(ratings=False)
        for other in callbacks_of(trainer):
            theirs = other.matches.metric_names(ratings=False) if isinstance(other, EvaluationMatch) else set()
            if other is not self and (shared := sorted(own & theirs)):
                raise ValueError(
                    f"two EvaluationMatch callbacks would both log {shared[0]}; give them different opponents, or one "
                    "of them a temperature"
                )

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        self.find_opponents(policy_of(module).game)
        self._stage, self._table = stage, None
        self._refuse_doubles(trainer)
        if stage != "fit":
            return
        self._played_at = -1
        alone = not trainer.enable_validation and trainer.limit_val_batches != 0
        interval = (trainer.check_val_every_n_epoch or 1) * self.every_n_rollouts
        if alone and any(isinstance(callback, WeightAveraging) for callback in callbacks_of(trainer)):
            raise ValueError(
                "EvaluationMatch needs a validation loop to play with averaged weights; "
                f"{type(module).__name__} must have a validation_step and its data a val_dataloader"
            )
        self.refuse_others(trainer, alone)
        before = callbacks_of(trainer)[: callbacks_of(trainer).index(self)] if self in callbacks_of(trainer) else []
        alike = (
            isinstance(one, EvaluationMatch) and one.matches.temperature == self.matches.temperature for one in before
        )
        self._rates = not any(alike)
        # Without a validation loop, this callback comes before those that read its score. With one, the last match is
        # played after the callbacks that may end the run and before those that save.
        others = [one for one in callbacks_of(trainer) if self not in (one, getattr(one, "match", None))]
        saving = [one for one in others if isinstance(one, Checkpoint)]
        others = [one for one in others if one not in saving]
        ordered = [self, *others] if alone and interval == 1 else [*others, self, _AfterEarlyStopping(self)]
        trainer.callbacks = [*ordered, *saving]  # type: ignore[attr-defined]  # Trainer.callbacks is untyped

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if self.folder is not None and trainer.is_global_zero:
            Path(self.folder).parent.mkdir(parents=True, exist_ok=True)
        slow_down_schedulers(trainer, self.matches.metric_names(), stale=self.every_n_rollouts > 1)
        if trainer.limit_val_batches == 0:
            rank_zero_info("EvaluationMatch plays no match: Trainer(limit_val_batches=0) switches validation off")
        elif not trainer.enable_validation:
            rank_zero_info(
                "EvaluationMatch plays at the ends of epochs: there is no validation loop, for which the module needs "
                "a validation_step and the data need a val_dataloader"
            )
        if trainer.global_step == 0 and not trainer.ckpt_path:  # a new run forgets the weights of another one
            self.earlier, self.beaten = {}, 0
        if not self.earlier and trainer.limit_val_batches != 0:  # else a resumed run, which was evaluated before
            metrics = self.evaluate(trainer, module)
            for logger in trainer.loggers:
                logger.log_metrics(metrics, step=trainer.global_step)

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._forget_scores(trainer)
        if trainer.enable_validation and self._is_last_epoch(trainer) and (trainer.check_val_every_n_epoch or 1) > 1:
            self._interval, trainer.check_val_every_n_epoch = trainer.check_val_every_n_epoch, 1

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if batch_idx or dataloader_idx or trainer.sanity_checking:
            return
        fitting = trainer.state.fn == TrainerFn.FITTING
        if not fitting or self._is_due(trainer) or self._is_last_epoch(trainer):
            self._log(trainer, module, remember=fitting)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        due = (
            not trainer.enable_validation and (trainer.current_epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0
        )
        if (due and self._is_due(trainer)) or self._is_over(trainer):
            self._final(trainer, module, log=True)

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._final(trainer, module, log=False)  # if something stopped the run after this callback's epoch end
        self._restore_interval(trainer)

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        self._restore_interval(trainer)

    def evaluate(self, trainer: pl.Trainer, module: pl.LightningModule, remember: bool = True) -> dict[str, float]:
        """Play all matches on rank 0 and print their results.

        Args:
            trainer: The Trainer whose precision and ranks are used.
            module: The module whose policy plays.
            remember: Whether `previous` and `gate` of the next evaluation refer to this one.

        Returns:
            The metrics to log.
        """
        # Within validation Lightning may be in inference mode, whose tensors can't be used in training afterwards.
        policy = policy_of(module)
        modes = {part: part.training for part in policy.modules()}
        policy.eval()
        try:
            with torch.inference_mode(False), torch.no_grad():
                return self._evaluate(trainer, policy, module, remember)
        finally:
            for part, training in modes.items():
                part.training = training

    def _evaluate(
        self, trainer: pl.Trainer, policy: Policy, module: pl.LightningModule, remember: bool
    ) -> dict[str, float]:
        results = {}
        for name in self.matches.names:
            if name in (PREVIOUS, BEST) and name not in self.earlier:
                continue
            # Rank 0 plays; all ranks get the result, so that callbacks that monitor it decide alike on every rank.
            mine = self.matches.play(trainer, policy, name, self.earlier) if trainer.is_global_zero else ""
            result = trainer.strategy.broadcast(mine)
            if isinstance(result, MatchResult):
                results[name] = result
            else:
                _print(trainer, f"warning: no match against {name}: {result}")
        passed = self.matches.passes(results)
        if remember:
            self._remember(policy, passed)
            self._played_at = trainer.global_step
        if not results:
            return {}
        rating = rating_of(policy.game, results)
        self._show(trainer, module, results, rating, "new best" if passed and remember else "")
        metrics = self.matches.metrics(results, rating if self._rates else None)
        return metrics | ({"gate": float(self.beaten)} if passed and remember else {})

    def _remember(self, policy: Policy, passed: bool) -> None:
        """Keep the weights for the next evaluation, and as the best so far if they have passed the gate."""
        state = files.own_names(policy.state_dict())
        weights = {name: tensor.detach().clone() for name, tensor in state.items()}
        self.earlier[PREVIOUS] = weights
        if passed or (self.matches.gate and BEST not in self.earlier):
            self.earlier[BEST] = weights
            self.beaten += passed

    def _show(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        results: Mapping[str, MatchResult],
        rating: Rating | None,
        note: str,
    ) -> None:
        """Print a row of the table, and save the games if there is a folder for them."""
        game, logged = policy_of(module).game, self.matches.logged
        if self._table is None:
            self._table = self._new_table(trainer, game)
        played = getattr(module, "played", {})
        games = int(played["games"]) if "games" in played else None
        fitting = trainer.state.fn == TrainerFn.FITTING
        # A Trainer that validates a checkpoint knows only its own steps.
        updates = trainer.global_step if fitting else getattr(module, "updates", trainer.global_step)
        for line in self._table.row(updates, games, {logged(name): one for name, one in results.items()}, rating, note):
            _print(trainer, line)
        if self.folder is not None and trainer.is_global_zero:
            save_match_games(Path(self.folder), game, updates, results, logged)

    def _new_table(self, trainer: pl.Trainer, game: Game) -> ScoreTable:
        names, known = self.matches.names, known_ratings(game)
        several = sum(isinstance(callback, EvaluationMatch) for callback in callbacks_of(trainer)) > 1
        return ScoreTable(
            [self.matches.logged(name) for name in names],
            [name for name in names if name in known],
            repeat=1 if several else REPEAT,  # the rows of the other callbacks' tables are in between
        )

    def _log(self, trainer: pl.Trainer, module: pl.LightningModule, remember: bool) -> None:
        for name, value in self.evaluate(trainer, module, remember).items():
            module.log(
                name, value, on_step=False, on_epoch=True, batch_size=1, sync_dist=True, add_dataloader_idx=False
            )

    def _final(self, trainer: pl.Trainer, module: pl.LightningModule, log: bool) -> None:
        """Play outside the validation loop, with the weights that it would use, unless these have just played."""
        if self._played_at == trainer.global_step or trainer.limit_val_batches == 0:
            return
        averages = [callback for callback in callbacks_of(trainer) if isinstance(callback, WeightAveraging)]
        with ExitStack() as stack:
            for callback in averages:
                callback.on_validation_epoch_start(trainer, module)
                stack.callback(callback.on_validation_epoch_end, trainer, module)
            if log:
                self._log(trainer, module, remember=True)
                return
            metrics = self.evaluate(trainer, module)
        trainer.callback_metrics.update({name: torch.tensor(value) for name, value in metrics.items()})
        for logger in trainer.loggers:
            logger.log_metrics(metrics, step=max(0, trainer.global_step - 1))

    def _is_due(self, trainer: pl.Trainer) -> bool:
        return (trainer.current_epoch + 1) % self.every_n_rollouts == 0

    def _is_last_epoch(self, trainer: pl.Trainer) -> bool:
        """Whether the Trainer's own limits end the run with this epoch."""
        if trainer.current_epoch + 1 == trainer.max_epochs or trainer.global_step == trainer.max_steps:
            return True
        left = trainer.max_steps - trainer.global_step
        batches = trainer.num_training_batches
        return trainer.max_steps > 0 and left * trainer.accumulate_grad_batches <= batches

    def _is_over(self, trainer: pl.Trainer) -> bool:
        """Whether the run ends with the epoch that has just ended."""
        done = trainer.current_epoch + 1
        if done == trainer.max_epochs or trainer.global_step == trainer.max_steps:
            return True
        begun = done >= (trainer.min_epochs or 0) and trainer.global_step >= (trainer.min_steps or 0)
        return trainer.should_stop and begun

    def _restore_interval(self, trainer: pl.Trainer) -> None:
        if self._interval is not None:
            trainer.check_val_every_n_epoch, self._interval = self._interval, None

    def _forget_scores(self, trainer: pl.Trainer) -> None:
        """Remove the scores of an earlier rollout, which a monitor would take for this one's."""
        for name in self.matches.metric_names():
            trainer.callback_metrics.pop(name, None)

    def on_save_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        # Not in `state_dict`: with it, Lightning would refuse two such callbacks before `_refuse_doubles` can advise.
        checkpoint["callbacks"][self.state_key] = {"earlier": self.earlier, "beaten": self.beaten}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if self._stage in (None, "fit") or not self.earlier:  # validating a checkpoint does not resume from it
            self.earlier, self.beaten = state_dict["earlier"], state_dict["beaten"]


class _AfterEarlyStopping(EarlyStopping):
    """Plays the last match of a run that EarlyStopping ends.

    Lightning calls EarlyStopping callbacks after all others except those that save. It recognizes both by their class,
    hence the base class.
    """

    def __init__(self, match: EvaluationMatch) -> None:
        super().__init__(monitor="", strict=False)
        self.match = match

    def setup(self, *arguments: Any, **more: Any) -> None:
        pass

    def on_validation_end(self, *arguments: Any) -> None:
        pass

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.match.on_train_epoch_end(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        return {}


def _print(trainer: pl.Trainer, line: str) -> None:
    """Print a line on rank 0, above the progress bar if there is one."""
    bar = trainer.progress_bar_callback
    if trainer.is_global_zero:
        (bar.print if bar and bar.is_enabled else print)(line)  # type: ignore[attr-defined]  # untyped in Lightning
