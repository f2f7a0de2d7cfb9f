"""The LightningModule: a policy, and the loss whose gradient is that of the expected reward."""

from __future__ import annotations

import contextvars
import copy
import json
import shlex
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from chesspg.games.game import Game
from chesspg.learning.advantages import Advantages, Sample, leave_one_out, weigh
from chesspg.learning.gradients import SignalToNoise, norm
from chesspg.learning.losses import Loss, kl_divergence
from chesspg.policy import files
from chesspg.policy.names import plain
from chesspg.policy.networks import Network
from chesspg.policy.policy import Policy, to_tensors
from chesspg.selfplay.rollout import Rollout
from chesspg.training import settings
from chesspg.training.batches import Batch
from chesspg.training.counters import Counters
from chesspg.training.datamodule import SelfPlay, self_play_of
from chesspg.training.fitting import announce, named_as_in
from chesspg.training.packages import check_package
from chesspg.training.ranges import require, require_choices

# float16 needs a scaler, whose infinite gradients are no mistake; a half precision of everything rounds the sampled
# log-probabilities and the returns; policy files hold single precision.
PRECISIONS = ("32-true", "bf16-mixed")
BF16_UNITS = ("amx_bf16", "avx512_bf16")  # of a CPU: Sapphire Rapids and later; Cooper Lake, Zen 4 and later


def check_precision(trainer: pl.Trainer) -> None:
    """Raise ValueError for a precision in which sampling, loss and policy files would not agree."""
    if trainer.precision not in PRECISIONS:
        raise ValueError(
            f"trainer.precision must be {' or '.join(PRECISIONS)}, got {trainer.precision}: log-probabilities, returns "
            "and policy files are in single precision, and float16 would need a loss scaler"
        )


def fastest_precision(accelerator: Any = "auto") -> Literal["bf16-mixed", "32-true"]:
    """bf16-mixed where the device has instructions for it; elsewhere 32-true, which is then far faster."""
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        units: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of torch lack it
        fast = accelerator in ("auto", "cpu") and any(units.get(unit, False) for unit in BF16_UNITS)
    return "bf16-mixed" if fast else "32-true"


class NotFinite(FloatingPointError):
    """A loss or gradient is NaN or infinite; nothing was stepped."""


class PolicyGradient(pl.LightningModule):
    """Maximizes the expected reward of games by the log-likelihood-weighted reward, Williams (1992).

    The defaults are the formula itself: each game's reward weighs its log-likelihood, summed over its plies, averaged
    over games. In self-play each ply is weighed by the reward of its own mover (docs/derivation.md, two seats). What
    departs from the formula is an option of `Advantages` or `Loss`, which say of each whether it is biased.

    The module is wiring: the mathematics is in `chesspg.learning`. A subclass may override `weigh` or `training_step`.

    Args:
        game: The rules, from which the network takes its sizes.
        network: Builds the network from the game.
        optimizer: Builds the optimizer from the parameters.
        lr_scheduler: Builds a schedule from the optimizer; it advances once per rollout.
        temperature: Temperature of the policy, in sampling and in learning alike.
        advantages: What weighs each ply: `Advantages`, or a function of one's own from a `Sample` to [N] numbers, in a
            configuration by its import path.
        loss: The terms of the loss and their weights.
        init: A policy file to start from, or what stands for one, with the same game and network.

    Raises:
        ValueError: An argument is out of its range, or does not go with another one.
    """

    def __init__(
        self,
        game: Game,
        network: Callable[[Game], Network],
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] = torch.optim.Adam,
        lr_scheduler: Callable[[Optimizer], LRScheduler] | None = None,
        temperature: float = 1.0,
        advantages: Advantages | Callable[[Sample], Tensor] = Advantages(),  # noqa: B008  # it is frozen
        loss: Loss = Loss(),  # noqa: B008
        init: str | None = None,
    ) -> None:
        super().__init__()
        check_package()
        require(PolicyGradient, {"temperature": temperature})
        self.advantages, self.loss = _checked(advantages), _checked(loss)
        self.policy = Policy(game, network(game), temperature)
        if init is not None:
            _load(self.policy, init, self._needs_value)
        elif loss.kl_weight:
            raise ValueError(f"kl_weight is {loss.kl_weight}, but there is no init: name the policy to stay near")
        if self._needs_value and not self.policy.network.value:
            raise ValueError("the value baseline needs a network with a value head; set value: true")
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler
        # In a list, so that it is no part of the module: not of its parameters, its state, its checkpoints.
        self._start = [copy.deepcopy(self.policy).eval().requires_grad_(False)] if loss.kl_weight else []
        # Over the whole training, all ranks: how much was played, and the running mean's sum of rewards.
        self._counters = Counters(rollouts=0, games=0, plies=0, seconds=0.0, reward_sum=0.0, updates=0)
        self._pending: dict[str, tuple[float, str]] = {}
        self._means: dict[str, tuple[Tensor | float, int]] = {}  # of what is noted per update: weighted sum and weight
        self._clock = time.perf_counter()
        self._learned = [0, 0.0]  # plies and seconds since the rollout, each pass counted
        self._signal = SignalToNoise()
        self._reported: set[str] = set()  # the names of the metrics of the last rollout
        self._self_play: dict[str, Any] = {}  # from a checkpoint, of a SelfPlay that is not the Trainer's data module
        self.example_input_array = to_tensors(game.start(1).observe())
        # In an empty context, since in that of LightningCLI Lightning would take the whole configuration in its place.
        contextvars.Context().run(
            self.save_hyperparameters,
            {
                "game": files.describe(game),
                "network": files.describe(self.policy.network),
                "optimizer": settings.describe(optimizer),
                "lr_scheduler": settings.describe(lr_scheduler),
                "temperature": temperature,
                "advantages": settings.describe(self.advantages),
                "loss": settings.describe(self.loss),
                "init": None if init is None else str(init),
            },
        )

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **arguments: Any) -> Self:
        """The module as it was saved, with its game, its network, its optimizer and all other settings.

        Args:
            checkpoint_path: A checkpoint file of this class, or of a subclass that is called the same way.
            *args: As for `LightningModule.load_from_checkpoint`.
            **arguments: Settings that replace those in the file, such as `loss=Loss(entropy_weight=0.0)`.

        Raises:
            ValueError: The file is not such a checkpoint, or names a class that must be given: a game, a network or an
                optimizer of the user's own, which a file can't be trusted with.
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
    def _needs_value(self) -> bool:
        """Whether the advantages need a value head."""
        return getattr(self.advantages, "baseline", None) == "value"

    @property
    def played(self) -> dict[str, float]:
        """What was played so far, on all ranks: rollouts, games, plies; and the seconds of playing and learning."""
        counters = self._counters.latest()
        return {name: counters[name] for name in ("rollouts", "games", "plies", "seconds")}

    @property
    def updates(self) -> int:
        """How many optimizer steps made the weights what they are, those before a checkpoint included."""
        return int(self._counters.latest()["updates"])

    def check(self, data: SelfPlay) -> None:
        """Raise ValueError if from rollouts as `data` plays and uses them the loss would not be what it says."""
        if data.updates * data.passes > 1 and self.loss.clip is None:
            raise ValueError(
                f"SelfPlay(updates={data.updates}, passes={data.passes}) learns from plies that other weights played; "
                "set PolicyGradient(loss=Loss(clip=0.2)), which is model.loss.clip in a recipe, or leave both at 1"
            )
        if getattr(self.advantages, "baseline", None) == "leave_one_out":
            leave_one_out(torch.zeros(data.games), torch.from_numpy(data.groups()))

    def meet(self, data: SelfPlay) -> None:
        """Let the games go on where those of a checkpoint ended; Lightning does so for its own data module alone."""
        state, self._self_play = self._self_play, {}
        if state and data.rollouts != state["rollouts"]:
            data.load_state_dict(state)

    @property
    def hparams_initial(self) -> Any:
        """The hyperparameters as loggers get them: a subclass may have saved objects among them."""
        initial = super().hparams_initial
        initial.update({name: settings.describe(value) for name, value in initial.items()})
        return initial

    def setup(self, stage: str) -> None:
        check_precision(self.trainer)
        if stage == "fit":
            announce(self.trainer)
            data = self.trainer.datamodule  # type: ignore[attr-defined]  # Trainer.datamodule is untyped
            if isinstance(data, SelfPlay):
                data.check(self.trainer, self)  # else as soon as its loader is known

    def teardown(self, stage: str) -> None:
        self._counters.publish(self.trainer)
        if stage == "fit" and (data := self_play_of(self.trainer)):
            data.teardown(stage)  # Lightning does so for its own data module alone

    def on_fit_start(self) -> None:
        for policy in self._start:
            policy.to(self.device)

    def configure_optimizers(self) -> Any:
        optimizer = self.optimizer(self.parameters())
        for group in (optimizer.defaults, *optimizer.param_groups):  # a sweep's numbers may be numpy's
            group.update({name: value.item() for name, value in group.items() if isinstance(value, np.generic)})
        if self.lr_scheduler is None:
            return optimizer
        scheduler = self.lr_scheduler(optimizer)
        if isinstance(scheduler, ReduceLROnPlateau):
            raise ValueError(
                "lr_scheduler can't be ReduceLROnPlateau, which needs a metric to monitor; use another one"
            )
        return {"optimizer": optimizer, "lr_scheduler": scheduler}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """K·Σ loss / games: Lightning divides by the K micro-batches of an update, and averages over ranks."""
        _check_batch(batch)
        if self._trainer and (data := self_play_of(self.trainer)) and data.rollout:
            data.check_factor(self.trainer)
        plies, n = batch.plies, len(batch.plies)
        if n == 0:  # a rollout with fewer plies than parts; no network need know what to do with nothing
            return 0 * torch.stack([p.sum() for p in self.parameters()]).sum()
        assert isinstance(plies.legal, Tensor)
        assert plies.log_prob is not None
        distribution = self.policy(plies.planes, plies.scalars, plies.legal)
        log_prob, kl = distribution.log_prob(plies.choice), None
        for start in self._start:
            with torch.no_grad():
                reference = start(plies.planes, plies.scalars, plies.legal)
            kl = kl_divergence(distribution.probs, distribution.log_probs, reference.log_probs)
        terms = self.loss(
            log_prob, plies.log_prob, batch.advantage, distribution.entropy(), distribution.value, batch.return_, kl
        )
        weight = self.loss.weight(batch.games, batch.stored, batch.parts)
        self._note("loss", weight * terms.policy)
        self._note("entropy", terms.entropy, n)
        self._note("log_prob_difference", (log_prob - plies.log_prob).detach().abs().sum(), n)
        for name, term in {"value_error": terms.value_error, "kl_to_init": terms.kl}.items():
            if term is not None:
                self._note(name, term, n)
        total: Tensor = weight * terms.total
        return total

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Nothing: the validation loop is where `EvaluationMatch` plays. A subclass may validate here."""

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        if not gradients:
            return  # a training_step that returned None
        length = norm(gradients)
        if not torch.isfinite(length):
            rollout = self.played["rollouts"]
            raise NotFinite(f"the gradient is {length.item()} in rollout {rollout}; nothing was stepped")
        self._note("gradient_norm", length)
        self._signal.add(gradients)

    def weigh(self, rollout: Rollout) -> Tensor:
        """[N] what weighs each ply of a rollout just played; what is to be logged of it is noted.

        A subclass that weighs otherwise calls this first, so that the rollout is counted and logged.
        """
        plies, counters = rollout.plies, self._counters.latest()
        sample = Sample(
            reward=torch.from_numpy(rollout.reward),
            group=torch.from_numpy(rollout.group),
            game=torch.from_numpy(plies.game),
            player=torch.from_numpy(plies.player),
            value=None if plies.value is None else torch.from_numpy(plies.value),
            past_reward=counters["reward_sum"] / counters["games"] if counters["games"] else 0.0,
            gather=self._gather,
            rank=self.global_rank,
        )
        advantage, variance = weigh(sample, self.advantages)
        rewards = self._gather(sample.reward)  # of all ranks
        counters["reward_sum"] += float(rewards.double().sum())
        counters["rollouts"] += 1
        counters["games"] += len(rewards)
        counters["plies"] += int(self._gather(torch.from_numpy(rollout.length)).sum())
        self._pending = _facts(rollout, self.policy.game.reasons)
        self._pending["advantage_variance"] = (variance, "mean")
        counters["seconds"] += rollout.seconds
        self._clock, self._learned = time.perf_counter(), [0, 0.0]
        return advantage

    def on_train_epoch_start(self) -> None:
        self._means, self._pending = {}, {}

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        seconds = time.perf_counter() - self._clock
        self._clock += seconds
        self._learned[0] += _plies(batch)
        self._learned[1] += seconds
        self._counters["seconds"] += seconds
        self._counters["updates"] = self.trainer.global_step
        # Before validation and the epoch's end, so that whoever reads the metrics there finds those of this rollout.
        if self.trainer.is_last_batch or self.trainer.global_step == self.trainer.max_steps:
            self._report()

    def on_train_epoch_end(self) -> None:
        if self._pending and not self.trainer.should_stop:
            taken = self.trainer.fit_loop.epoch_loop.batch_progress.current.ready
            raise ValueError(
                f"the epoch ended after {taken} of the {self.trainer.num_training_batches} batches of a rollout, so "
                "the gradient is not that of its games; whatever hands out the batches must hand out all of them"
            )
        self._report()  # of a Trainer that was stopped inside a rollout

    def _report(self) -> None:
        """Log what there is to say of a rollout and of what was learned from it, once, of all ranks together."""
        ranks = self.trainer.world_size
        weighted = {name: (float(total), float(count)) for name, (total, count) in self._means.items()}
        for name, (value, reduce) in self._pending.items():
            weighted[name] = (value, 1.0 if reduce == "mean" else 1 / ranks)
        if self._pending:
            plies, seconds = self._learned
            weighted["learned_plies_per_s"] = (plies / max(seconds, 1e-9), 1 / ranks)
        if not weighted:
            return  # other data than rollouts
        exact = torch.float32 if self.device.type == "mps" else torch.float64
        totals, counts = self._gather(torch.tensor([list(weighted.values())], dtype=exact)).sum(dim=0).T
        metrics = dict(zip(weighted, (totals / counts).tolist(), strict=True))
        if self._pending:
            metrics |= {f"total_{name}": float(self.played[name]) for name in ("games", "plies", "seconds")}
            ratio = self._signal.take()
            if ratio is not None:
                metrics["gradient_signal_to_noise"] = ratio
            data = self_play_of(self.trainer)
            if data and data.opponents:
                metrics |= {f"pool/{name}": score for name, score in data.opponents.scores().items()}
                if data.opponents.reward is not None:
                    metrics["learner_reward"] = data.opponents.reward
        # The ranks agree already; without sync_dist Lightning would advise it.
        self.log_dict(metrics, on_step=False, on_epoch=True, batch_size=1, sync_dist=True)
        # By itself Lightning has them there after validation only.
        self.trainer.callback_metrics.update({name: torch.tensor(value) for name, value in metrics.items()})
        for name in self._reported - metrics.keys():
            self.trainer.callback_metrics.pop(name, None)  # of an earlier rollout
        self._reported = set(metrics)
        self._means, self._pending = {}, {}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # Primitives and tensors only, so that `weights_only=True` reads it; the header is the policy file's.
        checkpoint["chesspg"] = {
            "played": self.played,
            "reward_sum": self._counters["reward_sum"],
            "gradients": vars(self._signal),
        }
        if data := self_play_of(self.trainer):  # again, since it need not be the Trainer's data module
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
                "the checkpoint is not of a PolicyGradient; PolicyGradient(…, init=FILE) starts from its policy"
            )
        self._counters.latest().update(
            state["played"], reward_sum=state["reward_sum"], updates=checkpoint.get("global_step", 0)
        )
        if self._trainer:  # a run goes on
            self._self_play = state.get("self_play", {"rollouts": state["played"]["rollouts"]})
        vars(self._signal).update(state["gradients"])
        checkpoint["state_dict"] = named_as_in(self, checkpoint["state_dict"])

    def facts(self) -> dict[str, Any]:
        """What a policy file says about this training."""
        return {"updates": self.updates, **self.played}

    def _gather(self, tensor: Tensor) -> Tensor:
        """[n, …] of each rank to [ranks · n, …]."""
        if self._trainer is None or self.trainer.world_size == 1:
            return tensor
        gathered = self.all_gather(tensor.to(self.device))
        assert isinstance(gathered, Tensor)
        return gathered.flatten(0, 1).cpu()

    def _note(self, name: str, total: Tensor, count: int = 1) -> None:
        """Add to a mean over the rollout's updates. Lightning's own would take a tenth of a small network's update."""
        before, counted = self._means.get(name, (0.0, 0))
        self._means[name] = before + total.detach(), counted + count


def _plies(batch: Any) -> int:
    """How many plies of rollouts are in a batch, or in the batches that CombinedLoader puts together."""
    if isinstance(batch, Batch):
        return len(batch.plies)
    parts = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, list | tuple) else ()
    return sum(map(_plies, parts))


def _check_batch(batch: Any) -> None:
    """Raise TypeError unless the batch is one of a rollout."""
    if not isinstance(batch, Batch):
        raise TypeError(
            f"PolicyGradient learns from batches of SelfPlay, got a {type(batch).__name__} as training data"
        )
    if not isinstance(batch.games, int):
        raise TypeError(
            "PolicyGradient got batches of SelfPlay that a DataLoader has stacked; DataLoader(batch_size=None) leaves "
            "them as they are"
        )


def _checked(options: Any) -> Any:
    """Advantages or a loss, their numbers those of Python, as a sweep's may be numpy's. Raises ValueError if bad."""
    if not is_dataclass(options) or isinstance(options, type):
        return options  # a function of the user's own
    given = {field.name: plain(getattr(options, field.name)) for field in fields(options)}
    require(type(options), given)
    choices = {"baseline", "normalize", "average"} & given.keys()
    require_choices(type(options), {name: given[name] for name in choices})
    if isinstance(options, Advantages) and options.gae_lambda is not None and options.baseline != "value":
        raise ValueError(f"gae_lambda needs the value baseline, not {options.baseline}")
    return replace(options, **given)


def _load(policy: Policy, init: str, needs_value: bool) -> None:
    """Take the weights of a policy file. Raises ValueError, naming both, if it is of another game or network."""
    start = files.load(init, policy.game)
    ours, theirs = files.describe(policy.network), files.describe(start.network)
    if ours != theirs:
        raise ValueError(f"{init}: {_other_network(ours, theirs, needs_value)}")
    policy.network.load_state_dict(start.network.state_dict())


def _other_network(ours: Mapping[str, Any], theirs: Mapping[str, Any], needs_value: bool) -> str:
    """What differs between the networks of a training and of the policy file that it is to start from, and what to do.

    Args:
        ours: class_path and init_args of the training's network.
        theirs: The same of the file's.
        needs_value: Whether the training's advantages need a value head.
    """
    option = "--model.network"
    same = ours["class_path"] == theirs["class_path"]
    old, new = ours["init_args"], theirs["init_args"]
    names = [name for name in new if not same or new[name] != old.get(name)]
    add = [] if same else [f"{option} {theirs['class_path']}"]
    texts = {name: json.dumps(value).replace(" ", "") for name, value in new.items()}
    add += [f"{option}.init_args.{name} {shlex.quote(texts[name])}" for name in names]
    if same:
        found = ", ".join(f"{name} {texts[name]}" for name in names)
        wanted = ", ".join(json.dumps(old.get(name)) for name in names)
        differ = f"its network has {found}, the training's {wanted}"
    else:
        found, wanted = (spec["class_path"].rpartition(".")[2] for spec in (theirs, ours))
        differ = f"its network is {found}, the training's is {wanted}"
    if needs_value and not new.get("value"):
        add.append("--model.advantages.baseline running_mean")  # the value baseline needs a value head, which it lacks
    return f"{differ}; add {' '.join(add)}"


def _facts(rollout: Rollout, reasons: tuple[str, ...]) -> dict[str, tuple[float, str]]:
    """What is logged of a rollout: each value, and how ranks are combined."""
    facts = {
        "seat_0_wins": (float((rollout.outcome == 1).mean()), "mean"),
        "seat_1_wins": (float((rollout.outcome == -1).mean()), "mean"),
        "draws": (float(((rollout.outcome == 0) & ~rollout.truncated).mean()), "mean"),
        "truncated": (float(rollout.truncated.mean()), "mean"),
        "reward": (float(rollout.reward.mean()), "mean"),
        "length": (float(rollout.length.mean()), "mean"),
        "sampled_plies_per_s": (float(rollout.length.sum()) / rollout.seconds, "sum"),
    }
    for number, reason in enumerate(reasons[1:], start=1):
        facts[f"ended/{reason}"] = (float(np.mean(rollout.reason == number)), "mean")
    return facts
