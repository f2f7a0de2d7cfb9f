"""Fine-tuning: a policy gets features of afterstates, which learn fast, while its convolutions stay as they are.

In the folder of this file:

    python -m chesspg.train --config chess_from_pgn --model.network.init_args.afterstates 32 --init chess_gpu \
        --model.network.init_args.channels 64 --model.network.init_args.blocks 4 --trainer.callbacks+=finetune.Finetune

A configuration names the callback by its import path; modules are searched in the current folder.
"""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.callbacks import BaseFinetuning
from torch.optim import Optimizer


class Finetune(BaseFinetuning):
    """Freezes the convolutions of a `ResidualNet`, and trains its afterstates at a learning rate of their own.

    Args:
        blocks: How many of the residual blocks stay as they are, from the first one on; by default all.
        factor: The learning rate of the afterstates, as a multiple of that of the other weights. They start at zero and
            have a long way to go. Both rates fall if the schedule is one like ExponentialLR, which multiplies the rate
            of each group; LambdaLR and CosineAnnealingLR change the first group alone.

    Raises:
        ValueError: The network has no afterstates.
    """

    def __init__(self, blocks: int | None = None, factor: float = 20.0) -> None:
        super().__init__()
        self.blocks = blocks
        self.factor = factor

    def freeze_before_training(self, pl_module: pl.LightningModule) -> None:
        """Called before the optimizer is made. What is frozen here gets no gradient, which also saves time."""
        network = pl_module.policy.network
        if getattr(network, "afterstates", None) is None:
            raise ValueError("Finetune needs a ResidualNet with afterstates; set its afterstates: 32")
        self.freeze([network.stem, network.body[: self.blocks]])

    def finetune_function(self, pl_module: pl.LightningModule, epoch: int, optimizer: Optimizer) -> None:
        """Called before each rollout; before the first one, the afterstates get a group of parameters of their own."""
        if len(optimizer.param_groups) > 1:
            return
        network, (rest,) = pl_module.policy.network, optimizer.param_groups
        fast = [*network.after.parameters(), network.after_weights]
        rest["params"] = [one for one in rest["params"] if all(one is not other for other in fast)]
        optimizer.add_param_group({"params": fast, "lr": self.factor * rest["lr"]})
