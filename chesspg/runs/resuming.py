"""Checks that a run can be resumed from its checkpoint: the same weights and optimizer, and something left to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Timer


def check_optimizer_kept(config: Any, own: Any, start: str) -> None:
    """Raise ValueError for another optimizer or schedule than the run's.

    Args:
        config: The configuration with which the run is to be resumed.
        own: The run's own configuration.
        start: The end of the message: how to start another run from the policy of this one; may be empty.
    """
    for name in ("optimizer", "lr_scheduler"):
        if config.model[name] != own.model[name]:
            raise ValueError(
                f"a resumed run must keep its model.{name}, whose state the checkpoint holds; to change it, start a "
                f"new run{start}"
            )


def check_model(model: pl.LightningModule, checkpoint: Mapping[str, Any]) -> None:
    """Load the weights of a checkpoint.

    Args:
        model: The run's module.
        checkpoint: The checkpoint.

    Raises:
        ValueError: The weights or the optimizer of the checkpoint do not fit the module.
    """
    try:
        model.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        raise ValueError(f"the checkpoint does not fit the model: {error}") from None
    configured: Any = model.configure_optimizers()
    optimizer = configured["optimizer"] if isinstance(configured, dict) else configured
    groups = optimizer.param_groups[0], checkpoint["optimizer_states"][0]["param_groups"][0]
    rates = [group.get("initial_lr", group["lr"]) for group in groups]  # those from which a schedule starts
    if (set(groups[0]) ^ set(groups[1])) - {"initial_lr"} or rates[0] != rates[1]:
        raise ValueError(
            f"the checkpoint must be of the optimizer {type(optimizer).__name__} with a learning rate of {rates[0]}, "
            f"got another optimizer or the rate {rates[1]}"
        )


def epochs_done(checkpoint: Mapping[str, Any]) -> int:
    """The number of whole epochs that a checkpoint comes after."""
    return int(checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])


def check_limits(trainer: Any, limits: Mapping[str, int], done: str) -> None:
    """Raise ValueError if a limit of the Trainer is reached.

    Args:
        trainer: The configuration of the Trainer.
        limits: By argument of the Trainer, the number that it must exceed for the run to continue.
        done: What the run has done, such as `2 epochs`.
    """
    reached = [f"--trainer.{name} N, above {n}" for name, n in limits.items() if 0 < (trainer[name] or -1) <= n]
    if reached:
        raise ValueError(f"all {done} are done; to continue, add {' and '.join(reached)}")


def check_time(trainer: pl.Trainer, checkpoint: Mapping[str, Any]) -> None:
    """Raise ValueError if the time limit of the run is reached.

    Args:
        trainer: The run's Trainer.
        checkpoint: The checkpoint, which holds the time that the run has taken.
    """
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # untyped in Lightning
        if isinstance(callback, Timer) and callback.state_key in checkpoint["callbacks"]:
            callback.load_state_dict(checkpoint["callbacks"][callback.state_key])
            spent, left = int(callback.time_elapsed()), callback.time_remaining()
            if left is not None and left <= 0:
                raise ValueError(
                    f"the run's time is over; to continue, add --trainer.max_time DD:HH:MM:SS, above {spent} seconds"
                )
