"""Training on two workers of Ray Train, which learn the same weights as one process.

Install Ray with `pip install "ray[train]"`. Then, in the folder of this file:

    python ray_two_workers.py

It prints the largest difference between the weights.
"""

from __future__ import annotations

import tempfile
from functools import partial
from typing import Any

import pytorch_lightning as pl
import ray.train
import torch
from ray.train.lightning import RayDDPStrategy, RayLightningEnvironment, RayTrainReportCallback, prepare_trainer
from ray.train.torch import TorchTrainer

from chesspg import MLP, Advantages, PolicyGradient, SelfPlay, TicTacToe

WORKERS = 2
QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}


def parts() -> tuple[PolicyGradient, SelfPlay]:
    """The same module and games in every process; the seed determines all random numbers of the games."""
    torch.manual_seed(0)
    game = TicTacToe()
    optimizer = partial(torch.optim.SGD, lr=0.5)
    module = PolicyGradient(game, MLP, optimizer, advantages=Advantages(baseline="leave_one_out"))
    return module, SelfPlay(game, games=64, seed=1)


def weights(module: PolicyGradient) -> torch.Tensor:
    """All parameters as one vector."""
    return torch.nn.utils.parameters_to_vector(module.parameters()).detach()


def work(config: dict[str, Any]) -> None:
    """The training function of each Ray worker."""
    module, data = parts()
    trainer = pl.Trainer(
        max_epochs=config["rollouts"],
        accelerator="cpu",
        devices="auto",
        strategy=RayDDPStrategy(),
        plugins=[RayLightningEnvironment()],
        callbacks=[RayTrainReportCallback()],
        enable_checkpointing=False,
        **QUIET,
    )
    prepare_trainer(trainer).fit(module, data)


def main(rollouts: int = 5) -> None:
    """Train in both ways and print the largest difference between the weights."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = TorchTrainer(
            work,
            train_loop_config={"rollouts": rollouts},
            scaling_config=ray.train.ScalingConfig(num_workers=WORKERS, use_gpu=False),
            run_config=ray.train.RunConfig(storage_path=folder),
        )
        checkpoint = trainer.fit().checkpoint
        with checkpoint.as_directory() as place:
            together = PolicyGradient.load_from_checkpoint(f"{place}/{RayTrainReportCallback.CHECKPOINT_NAME}")
    alone, data = parts()
    pl.Trainer(max_epochs=rollouts, accelerator="cpu", devices=1, enable_checkpointing=False, **QUIET).fit(alone, data)
    difference = (weights(together) - weights(alone)).abs().max().item()
    print(f"{WORKERS} workers and one process differ by at most {difference:.1e}")


if __name__ == "__main__":
    main()
