"""The LightningModule: a policy, and the loss whose gradient is that of the expected reward."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, Self

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import rank_zero_warn
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from chesspg.games.game import Game
from chesspg.learning.advantages import Advantages, Sample, leave_one_out, weigh
from chesspg.learning.gradients import SignalToNoise, norm
from chesspg.learning.losses import Loss, entropy, kl_divergence
from chesspg.policy import files
from chesspg.policy.names import plain
from chesspg.policy.networks import Network
from chesspg.policy.policy import Policy, to_tensors
from chesspg.selfplay.rollout import Rollout
from chesspg.training import settings
from chesspg.training.batches import Batch
from chesspg.training.compiling import compiled, filled_up, require_compiler
from chesspg.training.counters import Counters
from chesspg.training.datamodule import SelfPlay, self_play_of
from chesspg.training.fitting import announce, named_as_in
from chesspg.training.initial import start_from
from chesspg.training.metrics import RolloutMetrics, plies_in
from chesspg.training.packages import check_package
from chesspg.training.precision import check_precision
from chesspg.training.ranges import require, require_choices

EQUAL = 10  # rollouts whose games all have the same reward, after which a warning says so


class NotFinite(FloatingPointError):
    """A loss or a gradient is NaN or infinite."""


class PolicyGradient(pl.LightningModule):
    """Maximizes the expected reward of games: log-likelihoods are weighted by rewards, Williams (1992).

    The defaults are the formula itself: each game's reward weighs its log-likelihood, summed over its plies, averaged
    over games. In self-play each ply is weighed by the reward of its own mover (docs/derivation.md, two seats). Every
    departure from the formula is an option of `Advantages` or `Loss`, whose docstrings say which of them are biased.

    The module is wiring: the mathematics is in `chesspg.learning`. A subclass may override `weigh` or `training_step`.

    Args:
        game: The rules, from which the network takes its sizes.
        network: Builds the network from the game.
        optimizer: Builds the optimizer from the parameters.
        lr_scheduler: Builds a schedule from the optimizer; it advances once per rollout.
        temperature: Temperature of the policy, both in sampling and in learning.
        advantages: The weights of the plies: `Advantages`, or your own function from a `Sample` to [N] numbers, which
            a configuration names by its import path.
        loss: The terms of the loss and their weights.
        init: The policy to start from, with the same game and network: a policy file, a checkpoint, a run folder, or
            the name of a policy that ships. It may lack parts that `Network.neutral` names, which are then new.
        compile: Whether torch.compile compiles the policy's forward and backward pass in learning; sampling is not
            compiled. It is meant for a large GPU, where it fuses many small kernels into few; on a CPU learning gets no
            faster. It needs Triton on CUDA or a C++ compiler on the CPU, and a minute or two at the start. The result
            is the same up to rounding, and the weights have the same names in files.

    Raises:
        ValueError: An argument is out of its range, or contradicts another one.
    """

    def __init__(
        self,
        game: Game,
        network: Callable[[Game], Network],
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] = torch.optim.Adam,
        lr_scheduler: Callable[[Optimizer], LRScheduler] | None = None,
        temperature: float = 1.0,
        advantages: Advantages | Callable[[Sample], Any] = Advantages(),  # noqa: B008  # it is frozen
        loss: Loss = Loss(),  # noqa: B008
        init: str | None = None,
        compile: bool = False,  # noqa: A002  # torch's own word
    ) -> None:
        super().__init__()
        check_package()
        require(PolicyGradient, {"temperature": temperature})
        self.advantages, self.loss = _checked(advantages), _checked(loss)
        self.policy = Policy(game, network(game), temperature)
        needs_value = bool(getattr(self.advantages, "needs_value", False))
        if init is not None:
            start_from(self.policy, init, needs_value)
        elif loss.kl_weight:
            raise ValueError(f"kl_weight must be 0 unless init names the policy to stay near, got {loss.kl_weight}")
        if needs_value and not self.policy.network.value:
            raise ValueError("the value baseline needs a network with a value head; set value: true")
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler
        self.compiled = bool(compile)
        # In a list, so that torch does not register it among the module's parameters, in its state and checkpoints.
        self._start = [copy.deepcopy(self.policy).eval().requires_grad_(False)] if loss.kl_weight else []
        # Totals over the whole training and all ranks, and the sum of rewards for the running mean.
        self._counters = Counters(rollouts=0, games=0, plies=0, seconds=0.0, reward_sum=0.0, updates=0)
        self._metrics = RolloutMetrics()
        self._signal = SignalToNoise()
        self._norms: Tensor | float = 0.0  # [] the sum of the norms of this rollout's gradients
        self._before = 0  # updates that this Trainer does not count
        self._equal = 0  # rollouts in a row in which all games had the same reward
        self._skips = False  # whether the optimizer can leave out a step
        self._reported: set[str] = set()  # the names of the metrics of the last rollout
        self._self_play: dict[str, Any] = {}  # a checkpoint's, for a SelfPlay that is not the Trainer's data module
        self.example_input_array = to_tensors(game.start(1).observe())
        settings.save(
            self,
            game=game,
            network=self.policy.network,
            optimizer=optimizer,
            lr_scheduler=lr_scheduler,
            temperature=temperature,
            advantages=self.advantages,
            loss=self.loss,
            init=init,
            compile=self.compiled,
        )

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **arguments: Any) -> Self:
        """Load a module as it was saved, with its game, its network, its optimizer and all other settings.

        Args:
            checkpoint_path: A checkpoint file of this class, or of a subclass that takes the same arguments.
            *args: As for `LightningModule.load_from_checkpoint`.
            **arguments: Settings that replace those in the file, such as `loss=Loss(entropy_weight=0.0)`.

        Raises:
            ValueError: The file is not such a checkpoint; or it names your own game, network or optimizer, which must
                be passed as an argument, since a checkpoint can name code but not contain it.
        """
        given = settings.from_checkpoint(checkpoint_path, cls, arguments)
        return super().load_from_checkpoint(checkpoint_path, *args, **{"weights_only": True, **given})

    def forward(self, planes: Tensor, scalars: Tensor, legal: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """The policy for N positions, as `Games.observe` sees them; `self.policy` gives it as a distribution.

        Args:
            planes: [N, P, W] int64 words.
            scalars: [N, S] uint8.
            legal: [N, M] int16 legal actions, −1 after a position's last.

        Returns:
            [N, M] log π of each legal action, 0 after the last; with a value head also [N] the expected return.
        """
        distribution = self.policy(planes, scalars, legal)
        return distribution.log_probs if distribution.value is None else (distribution.log_probs, distribution.value)

    def predict_step(self, batch: Any, *args: Any) -> Any:
        """`forward` of a `Batch`, or of one that begins with planes, scalars and legal actions."""
        plies = getattr(batch, "plies", None)
        return self(*batch[:3]) if plies is None else self(plies.planes, plies.scalars, plies.legal)

    @property
    def played(self) -> dict[str, float]:
        """The rollouts, games and plies played so far on all ranks, and the seconds of playing and learning."""
        counters = self._counters.latest()
        return {name: counters[name] for name in ("rollouts", "games", "plies", "seconds")}

    @property
    def updates(self) -> int:
        """The number of optimizer steps that led to these weights, including those before a checkpoint."""
        return int(self._counters.latest()["updates"])

    def check(self, data: SelfPlay) -> None:
        """Raise ValueError if the loss would be wrong for rollouts as `data` plays and uses them."""
        if data.updates * data.passes > 1 and self.loss.clip is None:
            raise ValueError(
                f"SelfPlay(updates={data.updates}, passes={data.passes}) learns from plies that other weights played; "
                "set PolicyGradient(loss=Loss(clip=0.2)), which is model.loss.clip in a recipe, or leave both at 1"
            )
        if getattr(self.advantages, "baseline", None) == "leave_one_out":
            leave_one_out(torch.zeros(data.games), torch.from_numpy(data.groups()))

    def meet(self, data: SelfPlay) -> None:
        """Restore the state of `data` from a checkpoint; Lightning does so only for the Trainer's data module."""
        state, self._self_play = self._self_play, {}
        if state and data.rollouts != state["rollouts"]:
            data.load_state_dict(state)

    @property
    def hparams_initial(self) -> Any:
        """The hyperparameters as loggers get them, as primitives, since a subclass may have saved objects."""
        initial = super().hparams_initial
        initial.update({name: settings.describe(value) for name, value in initial.items()})
        return initial

    def setup(self, stage: str) -> None:
        check_precision(self.trainer)
        if stage == "fit":
            announce(self.trainer)
            data = self.trainer.datamodule  # type: ignore[attr-defined]  # Trainer.datamodule is untyped
            if isinstance(data, SelfPlay):
                data.check(self.trainer, self)  # another SelfPlay is checked as soon as its loader is known
            if self.compiled:
                require_compiler(self.trainer.strategy.root_device)

    def teardown(self, stage: str) -> None:
        self._counters.publish(self.trainer)
        if stage == "fit" and (data := self_play_of(self.trainer)):
            data.teardown(stage)  # Lightning does so only for the Trainer's data module

    def on_fit_start(self) -> None:
        for policy in self._start:
            policy.to(self.device)

    def configure_optimizers(self) -> Any:
        optimizer = self.optimizer(self.parameters())
        for group in (optimizer.defaults, *optimizer.param_groups):  # a sweep may pass numpy's numbers
            group.update({name: value.item() for name, value in group.items() if isinstance(value, np.generic)})
        # A fused optimizer reports that it can leave out a step and undo the scaling of gradients. Lightning refuses to
        # clip gradients that are scaled. But no precision that is accepted here scales them (training/precision.py).
        self._skips = bool(getattr(optimizer, "_step_supports_amp_scaling", False))
        if self._skips:
            optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
        if self.lr_scheduler is None:
            return optimizer
        scheduler = self.lr_scheduler(optimizer)
        if isinstance(scheduler, ReduceLROnPlateau):
            raise ValueError("lr_scheduler must be a schedule that needs no metric to monitor, got ReduceLROnPlateau")
        return {"optimizer": optimizer, "lr_scheduler": scheduler}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """K·Σ loss / games: Lightning divides by the K micro-batches of an update, and averages over ranks."""
        _check_batch(batch)
        if self._trainer and (data := self_play_of(self.trainer)) and data.rollout:
            data.check_factor(self.trainer)
        plies, n = batch.plies, len(batch.plies)
        if n == 0:  # the rollout has fewer plies than parts; a network need not accept an empty batch
            return 0 * torch.stack([p.sum() for p in self.parameters()]).sum()
        assert isinstance(plies.legal, Tensor)
        assert plies.log_prob is not None
        if self.compiled:
            legal = filled_up(plies.legal)
            distribution = compiled(self.policy, plies.planes, plies.scalars, legal)
        else:
            legal = plies.legal
            distribution = self.policy(plies.planes, plies.scalars, legal)
        log_prob, probs, kl = distribution.log_prob(plies.choice), distribution.probs, None
        for start in self._start:
            with torch.no_grad():
                reference = start(plies.planes, plies.scalars, legal)
            kl = kl_divergence(probs, distribution.log_probs, reference.log_probs)
        spread = entropy(probs, distribution.log_probs)
        terms = self.loss(log_prob, plies.log_prob, batch.advantage, spread, distribution.value, batch.return_, kl)
        weight = self.loss.weight(batch.games, batch.stored, batch.parts)
        self._metrics.note("loss", weight * terms.policy)
        self._metrics.note("entropy", terms.entropy, n)
        difference = (log_prob - plies.log_prob).detach().abs()
        self._metrics.note("log_prob_difference", difference.sum(), n)
        self._metrics.note_maximum("log_prob_difference_max", difference)
        for name, term in {"value_error": terms.value_error, "kl_to_init": terms.kl}.items():
            if term is not None:
                self._metrics.note(name, term, n)
        total: Tensor = weight * terms.total
        return total

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Do nothing: `EvaluationMatch` plays in the validation loop. A subclass may validate here."""

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        if not gradients:
            return  # a subclass's training_step returned None
        length = norm(gradients)
        self._norms = self._norms + length
        self._metrics.note("gradient_norm", length)
        self._signal.add(gradients)
        if self._skips:  # so that no update waits for a GPU, the optimizer itself leaves these steps out
            optimizer.found_inf = (~torch.isfinite(self._norms)).float()  # type: ignore[attr-defined]
        else:
            self._require_finite()

    def _require_finite(self) -> None:
        """Raise NotFinite if a gradient of this rollout was not. Then no step has been taken since."""
        norms = float(self._norms)
        if not math.isfinite(norms):
            raise NotFinite(
                f"the gradient is {norms} in rollout {self.played['rollouts']}; the weights were not changed"
            )

    def weigh(self, rollout: Rollout) -> Tensor:
        """Count a rollout that was just played, record its metrics, and weigh its plies.

        A subclass that weighs plies differently must call this first, so that the rollout is counted and logged.

        Args:
            rollout: This rank's games.

        Returns:
            [N] float32 the weight of each ply.
        """
        counters = self._counters.latest()
        advantage, variance = weigh(self._sample(rollout), self.advantages)
        reward = rollout.reward[rollout.ended].astype(np.float64)
        extremes = reward.min(initial=math.inf), reward.max(initial=-math.inf)
        counts = torch.tensor([[reward.sum(), len(reward), rollout.played, *extremes]], dtype=torch.float64)
        counts = self._gather(counts)  # [ranks, 5]
        rewards, games, played = counts[:, :3].sum(dim=0).tolist()
        self._warn_if_equal(float(counts[:, 3].min()), float(counts[:, 4].max()))
        counters["reward_sum"] += rewards
        counters["rollouts"] += 1
        counters["games"] += int(games)
        counters["plies"] += int(played)
        counters["seconds"] += rollout.seconds
        self._metrics.begin(rollout, self.policy.game.reasons, variance)
        return advantage

    def _warn_if_equal(self, low: float, high: float) -> None:
        """Warn once if all games of EQUAL rollouts in a row had one reward; the newest had rewards from low to high."""
        if low > high:
            return  # no game has ended
        self._equal = self._equal + 1 if low == high else 0
        if self._equal == EQUAL:
            rank_zero_warn(
                f"every game of the last {EQUAL} rollouts had the reward {low:g}, so the gradient of the expected "
                "reward is zero; to reach other outcomes, set the model's loss.entropy_weight, or starts, opponents or "
                "material_weight of the data"
            )

    def value_targets(self, rollout: Rollout) -> Tensor:
        """[N] float32 what the value head learns from each ply of this rank's games; a subclass may override it."""
        sample = self._sample(rollout)
        targets = getattr(self.advantages, "value_targets", None)  # not of the user's own function
        return sample.return_ if targets is None else targets(sample)

    def _sample(self, rollout: Rollout) -> Sample:
        """A rollout as advantages are computed from it."""
        plies, counters = rollout.recorded, self._counters.latest()
        game = torch.as_tensor(plies.game)  # where it was played, on the host or on a device
        return Sample(
            reward=torch.from_numpy(rollout.reward).to(game.device),
            group=torch.from_numpy(rollout.group).to(game.device),
            game=game,
            player=torch.as_tensor(plies.player),
            value=None if plies.value is None else torch.as_tensor(plies.value),
            past_reward=counters["reward_sum"] / counters["games"] if counters["games"] else 0.0,
            gather=self._gather,
            rank=self.global_rank,
            to_move=None if rollout.to_move is None else torch.from_numpy(rollout.to_move).to(game.device),
        )

    def on_train_start(self) -> None:
        self._before = self.updates - self.trainer.global_step

    def on_train_epoch_start(self) -> None:
        self._metrics.clear()
        self._norms = 0.0

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._counters["seconds"] += self._metrics.learned(plies_in(batch))
        self._counters["updates"] = self._before + self.trainer.global_step
        # Before validation and the end of the epoch, so that callbacks there read the metrics of this rollout.
        if self.trainer.is_last_batch or self.trainer.global_step == self.trainer.max_steps:
            self._report()

    def on_train_epoch_end(self) -> None:
        if self._metrics.pending and not self.trainer.should_stop:
            taken = self.trainer.fit_loop.epoch_loop.batch_progress.current.ready
            raise ValueError(
                f"the epoch ended after {taken} of the {self.trainer.num_training_batches} batches of a rollout, so "
                "the gradient is not that of its games; the data must hand out all batches of a rollout"
            )
        self._report()  # if the Trainer was stopped within a rollout

    def _report(self) -> None:
        """Log the metrics of a rollout and of its updates, once, over all ranks."""
        self._require_finite()
        exact = torch.float32 if self.device.type == "mps" else torch.float64
        metrics = self._metrics.take(self._gather, self.trainer.world_size, exact)
        if not metrics:
            return  # the data are no rollouts
        if self._metrics.pending:
            metrics |= {f"total_{name}": float(self.played[name]) for name in ("games", "plies", "seconds")}
            ratio = self._signal.take()
            if ratio is not None:
                metrics["gradient_signal_to_noise"] = ratio
            data = self_play_of(self.trainer)
            if data and data.opponents:
                metrics |= {f"pool/{name}": score for name, score in data.opponents.scores().items()}
                if data.opponents.reward is not None:
                    metrics["learner_reward"] = data.opponents.reward
        # The values are the same on all ranks; without sync_dist Lightning would advise it.
        self.log_dict(metrics, on_step=False, on_epoch=True, batch_size=1, sync_dist=True)
        # Lightning itself puts them there only after validation.
        self.trainer.callback_metrics.update({name: torch.tensor(value) for name, value in metrics.items()})
        for name in self._reported - metrics.keys():
            self.trainer.callback_metrics.pop(name, None)  # from an earlier rollout
        self._reported = set(metrics)
        self._metrics.clear()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # Primitives and tensors only, so that `weights_only=True` reads it; the header is the policy file's.
        checkpoint["chesspg"] = {
            "played": self.played,
            "updates": self.updates,
            "reward_sum": self._counters["reward_sum"],
            "gradients": vars(self._signal),
        }
        if data := self_play_of(self.trainer):  # Lightning saves this only for the Trainer's data module
            checkpoint["chesspg"]["self_play"] = data.state_dict()
        checkpoint[files.HEADER] = asdict(files.header_of(self.policy, self.facts()))
        hyperparameters = checkpoint.get(self.CHECKPOINT_HYPER_PARAMS_KEY, {})
        checkpoint[self.CHECKPOINT_HYPER_PARAMS_KEY] = {
            name: settings.describe(value) for name, value in hyperparameters.items()
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        state = checkpoint.get("chesspg", {})
        if "reward_sum" not in state:
            raise ValueError(
                "the checkpoint must be of a PolicyGradient, got another one; PolicyGradient(…, init=FILE) starts from "
                "its policy"
            )
        updates = state.get("updates", checkpoint.get("global_step", 0))  # version 0.4 has only the latter
        self._counters.latest().update(state["played"], reward_sum=state["reward_sum"], updates=updates)
        if self._trainer:  # a run is resumed
            self._self_play = state.get("self_play", {"rollouts": state["played"]["rollouts"]})
        vars(self._signal).update(state["gradients"])
        checkpoint["state_dict"] = named_as_in(self, checkpoint["state_dict"])

    def facts(self) -> dict[str, Any]:
        """The facts about this training that its policy files hold."""
        return {"updates": self.updates, **self.played}

    def _gather(self, tensor: Tensor) -> Tensor:
        """[n, …] of each rank to [ranks · n, …]."""
        if self._trainer is None or self.trainer.world_size == 1:
            return tensor
        gathered = self.all_gather(tensor.to(self.device))
        assert isinstance(gathered, Tensor)
        return gathered.flatten(0, 1).to(tensor.device)


def _check_batch(batch: Any) -> None:
    """Raise TypeError unless the batch is one of a rollout."""
    if not isinstance(batch, Batch):
        raise TypeError(
            f"PolicyGradient learns from batches of SelfPlay, got a {type(batch).__name__} as training data"
        )


def _checked(options: Any) -> Any:
    """Advantages or a loss with Python's numbers, since a sweep may pass numpy's. Raises ValueError if not valid."""
    if not is_dataclass(options) or isinstance(options, type):
        return options  # the user's own function
    given = {field.name: plain(getattr(options, field.name)) for field in fields(options)}
    require(type(options), given)
    choices = {"baseline", "normalize", "average"} & given.keys()
    require_choices(type(options), {name: given[name] for name in choices})
    return replace(options, **given)
