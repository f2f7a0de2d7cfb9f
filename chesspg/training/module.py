"""The LightningModule: a policy, and the loss whose gradient is that of the expected reward."""

from __future__ import annotations

import contextvars
import copy
import json
import shlex
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Literal, Self

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from chesspg.games.game import Game
from chesspg.learning import estimators
from chesspg.policy import files
from chesspg.policy.networks import Network
from chesspg.policy.policy import Policy, to_tensors
from chesspg.selfplay.rollout import Rollout
from chesspg.training import settings
from chesspg.training.counters import Counters
from chesspg.training.datamodule import Batch, SelfPlay, announce, named_as_in, self_play_of
from chesspg.training.packages import check_package
from chesspg.training.ranges import require, require_choices

# float16 needs a scaler, whose infinite gradients are no mistake; a half precision of everything rounds the sampled
# log-probabilities and the returns; policy files hold single precision.
PRECISIONS = ("32-true", "bf16-mixed")
BF16_UNITS = ("amx_bf16", "avx512_bf16")  # of a CPU: Sapphire Rapids and later; Cooper Lake, Zen 4 and later
Baseline = Literal["none", "running_mean", "leave_one_out", "value"]


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
    """Maximises the expected outcome of games by the log-likelihood-weighted reward, Williams (1992).

    The defaults are the formula itself: each game's reward weighs its log-likelihood, summed over its plies, averaged
    over games. In self-play each ply is weighed by the reward of its own mover (docs/derivation.md, two seats).

    Args:
        game: the rules, from which the network takes its sizes.
        network: builds the network from the game.
        optimizer: builds the optimiser from the parameters.
        lr_scheduler: builds a schedule from the optimiser; it advances once a rollout.
        temperature: of the policy, in sampling and in learning alike.
        baseline: subtracted from the reward without bias. running_mean: of player 0's reward over earlier rollouts,
            signed by mover; leave_one_out: the mean of the other games of the same start; value: the network's, as
            sampled.
        gae_lambda: generalised advantages with the value baseline; biased below 1.
        entropy_weight: of the entropy bonus, a ply; biased.
        value_weight: of the value head's squared error, a ply.
        average: games (unbiased), or plies (biased: a long game then weighs less a ply).
        standardise: advantages to mean 0 and deviation 1 over the rollout; biased.
        clip: ε of the clipped ratio, for rollouts used more than once; biased.
        init: a policy file to start from, or what stands for one, of the same game and network.
        kl_weight: of KL(π‖π_init), a ply, in nats: what keeps the policy near the one it started from; biased.
    """

    def __init__(
        self,
        game: Game,
        network: Callable[[Game], Network],
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] = torch.optim.Adam,
        lr_scheduler: Callable[[Optimizer], LRScheduler] | None = None,
        temperature: float = 1.0,
        baseline: Baseline = "none",
        gae_lambda: float | None = None,
        entropy_weight: float = 0.0,
        value_weight: float = 0.5,
        average: Literal["games", "plies"] = "games",
        standardise: bool = False,
        clip: float | None = None,
        init: str | None = None,
        kl_weight: float = 0.0,
    ) -> None:
        super().__init__()
        check_package()
        numbers = {"temperature": temperature, "gae_lambda": gae_lambda, "clip": clip}
        weights = {"entropy_weight": entropy_weight, "value_weight": value_weight, "kl_weight": kl_weight}
        require(PolicyGradient, {**numbers, **weights})
        require_choices(PolicyGradient, {"baseline": baseline, "average": average, "standardise": standardise})
        self.policy = Policy(game, network(game), temperature)
        if init is not None:
            _load(self.policy, init, baseline)
        elif kl_weight:
            raise ValueError(f"kl_weight is {kl_weight}, but there is no init: name the policy to stay near")
        if baseline == "value" and not self.policy.network.value:
            raise ValueError("the value baseline needs a network with a value head; set value: true")
        if gae_lambda is not None and baseline != "value":
            raise ValueError(f"gae_lambda needs the value baseline, not {baseline}")
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler
        self.baseline = str(baseline)  # a sweep's may be numpy's
        self.gae_lambda = gae_lambda
        self.entropy_weight = float(entropy_weight)  # a sweep's may be numpy's
        self.value_weight = float(value_weight)
        self.average = str(average)
        self.standardise = bool(standardise)
        self.clip = clip
        self.kl_weight = float(kl_weight)
        # In a list, so that it is no part of the module: not of its parameters, its state, its checkpoints.
        self._start = [copy.deepcopy(self.policy).eval().requires_grad_(False)] if kl_weight else []
        # Over the whole training, all ranks: how much was played, and the running mean's sum of rewards.
        self._counters = Counters(rollouts=0, games=0, plies=0, seconds=0.0, reward_sum=0.0, updates=0)
        self._pending: dict[str, tuple[float, str]] = {}
        self._means: dict[str, tuple[Tensor | float, int]] = {}  # of what is noted per update: weighted sum and weight
        self._clock = time.perf_counter()
        self._learned = [0, 0.0]  # plies and seconds since the rollout, each pass counted
        self._gradients = _Gradients()
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
                "baseline": self.baseline,
                "gae_lambda": gae_lambda,
                "entropy_weight": entropy_weight,
                "value_weight": value_weight,
                "average": self.average,
                "standardise": self.standardise,
                "clip": clip,
                "init": None if init is None else str(init),
                "kl_weight": kl_weight,
            },
        )

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **arguments: Any) -> Self:
        """The module as it was saved, with its game, its network, its optimizer and all other settings.

        Args:
            checkpoint_path: A checkpoint file of this class, or of a subclass that is called the same way.
            *args: As for `LightningModule.load_from_checkpoint`.
            **arguments: Settings that replace those in the file, such as `entropy_weight=0.0`.

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
        """`forward` of a batch that begins with planes, scalars and legal actions, as a `Batch` does."""
        return self(*batch[:3])

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
        if data.updates * data.passes > 1 and self.clip is None:
            raise ValueError(
                f"SelfPlay(updates={data.updates}, passes={data.passes}) learns from plies that other weights played; "
                "set PolicyGradient(clip=0.2), which is model.clip in a recipe, or leave both at 1"
            )
        if self.baseline == "leave_one_out":
            estimators.leave_one_out(torch.zeros(data.games), torch.from_numpy(data.groups()))

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
        n = len(batch.choice)
        if n == 0:  # a rollout with fewer plies than parts; no network need know what to do with nothing
            return 0 * torch.stack([p.sum() for p in self.parameters()]).sum()
        distribution = self.policy(batch.planes, batch.scalars, batch.legal)
        log_prob, entropy = distribution.log_prob(batch.choice), distribution.entropy().sum()
        if self.clip is None:
            # No ratio: each rollout is used once, by the weights that played it.
            loss = estimators.log_likelihood_loss(log_prob, batch.advantage)
        else:
            loss = estimators.clipped_ratio_loss(log_prob, batch.log_prob, batch.advantage, self.clip)
        weight = batch.parts / (batch.games if self.average == "games" else batch.plies)
        total = loss - self.entropy_weight * entropy
        if distribution.value is not None:
            error = estimators.value_loss(distribution.value, batch.return_)
            total = total + self.value_weight * error
            self._note("value_error", error, n)
        for start in self._start:
            with torch.no_grad():
                reference = start(batch.planes, batch.scalars, batch.legal)
            kl = (distribution.probs * (distribution.log_probs - reference.log_probs)).sum()
            total = total + self.kl_weight * kl
            self._note("kl_to_init", kl, n)
        self._note("loss", weight * loss)
        self._note("entropy", entropy, n)
        self._note("log_prob_difference", (log_prob - batch.log_prob).detach().abs().sum(), n)
        return weight * total

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Nothing: the validation loop is where `EvaluationMatch` plays. A subclass may validate here."""

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        if not gradients:
            return  # a training_step that returned None
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
        if not torch.isfinite(norm):
            raise NotFinite(f"the gradient is {norm.item()} in rollout {self.played['rollouts']}; nothing was stepped")
        self._note("gradient_norm", norm)
        self._gradients.add(gradients)

    def on_rollout(self, rollout: Rollout) -> None:
        """Weigh the plies of a rollout just played, and note what is to be logged of it."""
        rewards = self._gather(torch.from_numpy(rollout.reward))  # of all ranks
        advantage = self._advantage(rollout, rewards)
        moments = torch.stack((torch.ones_like(advantage), advantage, advantage.square())).double().sum(dim=1)
        count, total, squares = self._gather(moments[None]).sum(dim=0)
        mean, variance = total / count, squares / count - (total / count).square()
        if self.standardise:
            advantage = estimators.standardised(advantage.double(), mean, variance.clamp(min=0).sqrt()).float()
        rollout.advantage = advantage.numpy()

        counters = self._counters.latest()
        counters["reward_sum"] += float(rewards.double().sum())
        counters["rollouts"] += 1
        counters["games"] += len(rewards)
        counters["plies"] += int(self._gather(torch.from_numpy(rollout.length)).sum())
        self._pending = _facts(rollout, self.policy.game.reasons)
        self._pending["advantage_variance"] = (float(variance), "mean")
        counters["seconds"] += rollout.seconds
        self._clock, self._learned = time.perf_counter(), [0, 0.0]

    def _advantage(self, rollout: Rollout, rewards: Tensor) -> Tensor:
        """[N] the return of each ply less its baseline; rewards [ranks · games] of all ranks, in their order."""
        game, player = torch.from_numpy(rollout.game), torch.from_numpy(rollout.player)
        reward = torch.from_numpy(rollout.reward)
        if self.baseline == "value":
            assert rollout.value is not None
            value, lambda_ = torch.from_numpy(rollout.value), 1.0 if self.gae_lambda is None else self.gae_lambda
            return estimators.generalised_advantages(value, reward, game, player, lambda_)
        expected = torch.zeros_like(reward)  # for player 0
        counters = self._counters.latest()
        if self.baseline == "running_mean" and counters["games"]:
            expected += counters["reward_sum"] / counters["games"]
        elif self.baseline == "leave_one_out":
            groups = self._gather(torch.from_numpy(rollout.group))
            mine = slice(self.global_rank * len(reward), (self.global_rank + 1) * len(reward))
            expected = estimators.leave_one_out(rewards, groups)[mine]
        return estimators.returns(reward - expected, game, player)

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
            ratio = self._gradients.signal_to_noise()
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
            "gradients": vars(self._gradients),
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
        vars(self._gradients).update(state["gradients"])
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


class _Gradients:
    """Of the updates since it was last asked: how much of a gradient is signal."""

    ENOUGH = 8  # updates; of fewer in a rollout, those of several count together

    def __init__(self) -> None:
        self.sum: Tensor | None = None
        self.squares = 0.0
        self.count = 0

    def add(self, gradients: list[Tensor]) -> None:
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        if self.sum is not None and len(self.sum) != len(flat):  # other parameters are learned now
            self.sum, self.squares, self.count = None, 0.0, 0
        self.sum = flat if self.sum is None else self.sum.to(flat.device) + flat  # a checkpoint's comes on the CPU
        self.squares += float(flat.square().sum())
        self.count += 1

    def signal_to_noise(self) -> float | None:
        """|E g|² / tr Cov g of one update's gradient, unbiased but for the ratio, McCandlish et al. (2018), 2.2.

        None while there are too few; then counting begins anew.
        """
        if self.sum is None or self.count < self.ENOUGH:
            return None
        mean = float(self.sum.square().sum()) / self.count
        noise = (self.squares - mean) / (self.count - 1)
        ratio = (mean / noise - 1) / self.count if noise > 0 else None
        self.sum, self.squares, self.count = None, 0.0, 0
        return ratio


def _plies(batch: Any) -> int:
    """How many plies of rollouts are in a batch, or in the batches that CombinedLoader puts together."""
    if isinstance(batch, Batch):
        return len(batch.choice)
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


def _load(policy: Policy, init: str, baseline: str) -> None:
    """Take the weights of a policy file. Raises ValueError, naming both, if it is of another game or network."""
    start = files.load(init, policy.game)
    ours, theirs = files.describe(policy.network), files.describe(start.network)
    if ours != theirs:
        raise ValueError(f"{init}: {_other_network(ours, theirs, baseline)}")
    policy.network.load_state_dict(start.network.state_dict())


def _other_network(ours: Mapping[str, Any], theirs: Mapping[str, Any], baseline: str) -> str:
    """What differs between the networks of a training and of the policy file that it is to start from, and what to do.

    Args:
        ours: class_path and init_args of the training's network.
        theirs: The same of the file's.
        baseline: Of the training.
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
    if baseline == "value" and not new.get("value"):
        add.append("--model.baseline running_mean")  # the value baseline needs a value head, which it lacks
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
