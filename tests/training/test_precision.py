"""The fastest precision on a device, and those that training refuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.selfplay.opponents import OpponentPool
from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import PolicyGradient
from chesspg.training.precision import fastest_precision


@pytest.mark.parametrize(
    ("units", "precision"),
    [
        ({"amx_bf16": True}, "bf16-mixed"),  # Sapphire Rapids
        ({"avx512_bf16": True, "amx_bf16": False}, "bf16-mixed"),  # Zen 4, Zen 5, Cooper Lake
        ({"amx_int8": True, "amx_bf16": False, "avx512_bf16": False}, "32-true"),
        ({}, "32-true"),
    ],
)
def test_the_fastest_precision_is_bf16_only_where_there_are_units_for_it(
    units: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units, raising=False)
    assert fastest_precision() == fastest_precision("cpu") == precision
    assert fastest_precision("mps") == "32-true"
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert fastest_precision() == "32-true"


@pytest.mark.parametrize("precision", ["16-true", "bf16-true", "64-true"])
def test_a_precision_in_which_the_log_probabilities_differ_is_refused(
    precision: str, trainer: Callable[..., pl.Trainer], module: Callable[..., PolicyGradient]
) -> None:
    games = SelfPlay(TicTacToe(), games=4)
    with pytest.raises(ValueError, match=f"trainer.precision must be 32-true or bf16-mixed, got {precision}"):
        trainer(precision=precision).fit(module(), games)
    assert games.rollouts == 0


def test_weights_are_cast_once_per_rollout(
    trainer: Callable[..., pl.Trainer], module: Callable[..., PolicyGradient]
) -> None:
    """This holds for the learner and an earlier policy; Lightning's own context would cast weights at every call."""
    learned, pool = module(), OpponentPool(share=0.5, every=1, size=1)
    casts: Counter[int] = Counter()
    seen: list[dict[str, int]] = []

    class Casts(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.ops.aten._to_copy.default and (kwargs or {}).get("dtype") is torch.bfloat16:
                casts[args[0].data_ptr()] += 1
            return func(*args, **(kwargs or {}))

    class Watch(pl.Callback):
        def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Any) -> None:
            policies = {"learner": learned.policy, "earlier": pool.members[0].policy}
            seen.append({f"{who} {name}": casts[p.data_ptr()] for who, policy in policies.items()
                         for name, p in policy.named_parameters()})  # fmt: skip

    games = SelfPlay(TicTacToe(), games=16, opponents=pool)
    with Casts():
        trainer(precision="bf16-mixed", max_epochs=1, callbacks=[Watch()]).fit(learned, games)
    assert seen == [dict.fromkeys(seen[0], 1)]
