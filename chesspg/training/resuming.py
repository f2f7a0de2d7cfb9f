"""Whether a run can go on from its checkpoint: the same weights and optimizer, and something left to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Timer


def check_optimizer_kept(config: Any, own: Any, start: str) -> None:
    """Raise ValueError for another optimizer or schedule than the run's, whose configuration is `own`.

    `start` says how to start another run from this one's policy; it may be empty.
    """
    for name in ("optimizer", "lr_scheduler"):
        if config.model[name] != own.model[name]:
            raise ValueError(
                f"a resumed run keeps its model.{name}, whose state the checkpoint holds; for another, start a run"
                f"{start}"
            )


def check_model(model: pl.LightningModule, checkpoint: Mapping[str, Any]) -> None:
    """Load the weights of a checkpoint. Raises ValueError if they, or the optimizer, are not those of the model."""
    try:
        model.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        raise ValueError(f"the checkpoint does not fit the model: {error}") from None
    configured: Any = model.configure_optimizers()
    optimizer = configured["optimizer"] if isinstance(configured, dict) else configured
    groups = optimizer.param_groups[0], checkpoint["optimizer_states"][0]["param_groups"][0]
    rates = [group.get("initial_lr", group["lr"]) for group in groups]  # which a schedule starts from
    if (set(groups[0]) ^ set(groups[1])) - {"initial_lr"} or rates[0] != rates[1]:
        raise ValueError(
            f"the checkpoint is of another optimizer than {type(optimizer).__name__} at a learning rate of {rates[0]}"
        )


def epochs_done(checkpoint: Mapping[str, Any]) -> int:
    """The number of whole epochs before a checkpoint."""
    return int(checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])


def check_limits(trainer: Any, limits: Mapping[str, int], done: str) -> None:
    """Raise ValueError if a limit of the Trainer is reached.

    Args:
        trainer: The configuration of the Trainer.
        limits: By the Trainer's argument, what it must be above for the run to go on.
        done: What the run has done, such as `2 epochs`.
    """
    reached = [f"--trainer.{name} N, above {n}" for name, n in limits.items() if 0 < (trainer[name] or -1) <= n]
    if reached:
        raise ValueError(f"all {done} are done; to go on, add {' and '.join(reached)}")


def check_time(trainer: pl.Trainer, checkpoint: Mapping[str, Any]) -> None:
    """Raise ValueError if the time of the run is spent."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # untyped in Lightning
        if isinstance(callback, Timer) and callback.state_key in checkpoint["callbacks"]:
            callback.load_state_dict(checkpoint["callbacks"][callback.state_key])
            spent, left = int(callback.time_elapsed()), callback.time_remaining()
            if left is not None and left <= 0:
                raise ValueError(
                    f"its time is spent; to go on, add --trainer.max_time DD:HH:MM:SS, above {spent} seconds"
                )
