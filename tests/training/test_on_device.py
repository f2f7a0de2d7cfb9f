"""Training with self-play on a device: the same learning as from games on the host, and what is refused.

Torch's CPU takes the place of a GPU; only `place` is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pretend_gpu import PretendGPU, on_pretended_gpu
from torch import Tensor

from chesspg.games.chess import Chess
from chesspg.games.game import Game, NotOnDevice
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.learning.advantages import Advantages
from chesspg.learning.losses import Loss
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import MLP
from chesspg.selfplay.opponents import OpponentPool
from chesspg.selfplay.rollout import Rollout
from chesspg.training.batches import StoredRollout
from chesspg.training.datamodule import SelfPlay
from chesspg.training.evaluation import EvaluationMatch
from chesspg.training.module import PolicyGradient

MakeTrainer = Callable[..., pl.Trainer]
CUDA = torch.device("cuda", 0)


class OnTorch(SelfPlay):
    """Plays through the device loop on torch's CPU."""

    def place(self, device: torch.device) -> str | None:
        return "cpu"


class Kept(pl.Callback):
    def __init__(self) -> None:
        self.rollouts: list[Rollout] = []

    def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Rollout) -> None:
        self.rollouts.append(rollout)


def learned(
    trainer: MakeTrainer,
    data: SelfPlay,
    epochs: int = 3,
    more: dict[str, Any] | None = None,
    matches: Sequence[pl.Callback] = (),
    **options: Any,
) -> tuple[dict[str, Tensor], list[Rollout], dict[str, Tensor]]:
    torch.manual_seed(0)
    kept = Kept()
    fit = trainer(max_epochs=epochs, callbacks=[kept, *matches], **(more or {}))
    module = PolicyGradient(TicTacToe(), partial(MLP, hidden=(16,), value=True), **options)
    fit.fit(module, data)
    return module.policy.state_dict(), kept.rollouts, fit.callback_metrics


@pytest.mark.parametrize("slots", [5, 64])
@pytest.mark.parametrize(
    ("advantages", "loss", "updates"),
    [
        (Advantages(), Loss(), 1),
        (Advantages("leave_one_out"), Loss(), 1),
        (Advantages("running_mean", normalize=True), Loss(), 1),
        (Advantages("value", gae_lambda=0.9, normalize=True), Loss(clip=0.2, entropy_weight=0.01, average="plies"), 4),
    ],
)
def test_learning_is_that_from_games_on_the_host(
    trainer: MakeTrainer, advantages: Advantages, loss: Loss, updates: int, slots: int
) -> None:
    def data(cls: type[SelfPlay]) -> SelfPlay:
        # The plies of games on the host come last, so with several updates they would be in others.
        other = "minimax?depth=1" if updates == 1 else "greedy?random=0.5"
        pool = OpponentPool({"random": 0.25, other: 0.125, "greedy": 0.125}, share=0.25, every=1)
        starts = ["", "3/3/3 x moves b2"]
        more: dict[str, Any] = {"starts": starts, "opponents": pool, "max_plies": 7, "material_weight": 0.0}
        return cls(TicTacToe(), games=64, updates=updates, seed=3, slots=slots, **more)

    options = {"advantages": advantages, "loss": loss}
    ours, rollouts, metrics = learned(trainer, data(OnTorch), more={"accumulate_grad_batches": 2}, **options)
    theirs, on_host, host_metrics = learned(trainer, data(SelfPlay), more={"accumulate_grad_batches": 2}, **options)
    assert [one.positions() for one in rollouts] == [one.positions() for one in on_host]
    for name, weight in theirs.items():
        torch.testing.assert_close(ours[name], weight, atol=1e-5, rtol=1e-4)
    assert set(metrics) == {*host_metrics, "occupancy"}
    timed = {"sampled_plies_per_s", "learned_plies_per_s", "total_seconds", "occupancy"}
    for name in set(metrics) - timed:
        torch.testing.assert_close(metrics[name], host_metrics[name], atol=1e-4, rtol=1e-3, msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("segment", [None, 11])
def test_a_training_on_a_gpu_mixes_no_devices(
    trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, segment: int | None
) -> None:
    """With matches, a pool and updates, and the same weights as on torch's CPU."""

    def run(cls: type[SelfPlay], **more: Any) -> tuple[dict[str, Tensor], list[Rollout]]:
        players = {"random": 0.25, "greedy?random=0.5": 0.125} | ({} if segment else {"minimax?depth=1": 0.125})
        pool = OpponentPool(players, share=0.25, every=1)
        starts = ["", "3/3/3 x moves b2"]
        data = cls(TicTacToe(), 32, 4, max_plies=7, starts=starts, opponents=pool, seed=3, slots=32, segment=segment)
        match = EvaluationMatch(opponents=["random", "previous", "minimax?depth=1"], games=8)
        options: dict[str, Any] = {
            "advantages": Advantages("value", gae_lambda=0.9, normalize=True),
            "loss": Loss(clip=0.2, entropy_weight=0.01, average="plies"),
            "optimizer": partial(torch.optim.Adam, fused=True),
        }
        return learned(trainer, data, more={"gradient_clip_val": 1.0, **more}, matches=[match], **options)[:2]

    expected, on_cpu = run(OnTorch)
    with PretendGPU(monkeypatch):
        weights, rollouts = run(SelfPlay, **on_pretended_gpu())
        assert all(rollout.recorded.planes.device == CUDA for rollout in rollouts)
    assert [one.positions() for one in rollouts] == [one.positions() for one in on_cpu]
    for name, weight in expected.items():
        torch.testing.assert_close(weights[name].cpu(), weight, atol=1e-5, rtol=1e-4)


def test_an_update_on_a_gpu_does_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with PretendGPU(monkeypatch) as gpu:
        module = PolicyGradient(
            TicTacToe(),
            partial(MLP, value=True),
            optimizer=partial(torch.optim.Adam, fused=True),
            advantages=Advantages("value"),
            loss=Loss(clip=0.2, entropy_weight=0.01),
        ).to(CUDA)
        optimizer = module.configure_optimizers()
        rollout = SelfPlay(TicTacToe(), games=8).sample(PolicyPlayer(module.policy))
        assert rollout.recorded.planes.device == CUDA
        n = len(rollout.recorded)
        stored = StoredRollout(
            rollout, module.weigh(rollout), module.value_targets(rollout), module.device, games=8, stored=n, parts=2
        )
        before = gpu.waits
        for part in (slice(0, n // 2), slice(n // 2, n)):
            module.training_step(stored.batch(np.arange(n)[part]), 0).backward()
            module.on_before_optimizer_step(optimizer)
        assert gpu.waits == before
        assert optimizer.found_inf.item() == 0
        assert gpu.waits == before + 1


def test_auto_is_the_host_unless_the_network_is_on_a_gpu_that_plays_the_game(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    data = SelfPlay(TicTacToe())
    assert data.place(torch.device("cpu")) is None
    assert data.place(torch.device("mps")) is None
    asked: list[str] = []
    monkeypatch.setattr("chesspg.training.datamodule.require_device", lambda game, device: asked.append(device))
    assert data.place(CUDA) == "cuda:0"
    assert asked == ["cuda:0"]
    assert SelfPlay(TicTacToe(), device="cpu").place(CUDA) is None


def test_auto_says_once_why_the_games_are_on_the_host(capsys: pytest.CaptureFixture[str]) -> None:
    data = SelfPlay(Chess("atomic"))
    messages: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chesspg.training.datamodule.rank_zero_info", messages.append)
        assert data.place(CUDA) is None
        assert data.place(CUDA) is None
    assert len(messages) == 1
    assert messages[0].startswith("the games are played on the host, since ")


def test_cuda_is_an_error_where_it_cannot_be_had(trainer: MakeTrainer) -> None:
    data = SelfPlay(TicTacToe(), device="cuda")
    with pytest.raises(
        ValueError, match=r"^device must be auto or cpu unless the Trainer runs on a CUDA GPU, got cuda"
    ):
        trainer().fit(PolicyGradient(TicTacToe(), MLP), data)
    with pytest.raises(ValueError, match=r"^device must be auto or cpu here, got cuda: .*atomic"):
        SelfPlay(Chess("atomic"), device="cuda").place(CUDA)
    with pytest.raises(NotOnDevice, match="has no rules for a device"):
        Game.on_device(TicTacToe(), TicTacToe().start(1), 1, "cpu")
