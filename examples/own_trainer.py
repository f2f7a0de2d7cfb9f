"""The parts of chesspg in a Trainer of your own, with a callback that reads each rollout.

In the folder of this file:

    python own_trainer.py

`SelfPlay`, `PolicyGradient` and `EvaluationMatch` each work without the others.
"""

from __future__ import annotations

from functools import partial

import pytorch_lightning as pl
import torch

from chesspg import MLP, EvaluationMatch, PolicyGradient, Rollout, SelfPlay, TicTacToe


class ShowGame(pl.Callback):
    """Prints the first game of every N-th rollout."""

    def __init__(self, every: int) -> None:
        self.every = every

    def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Rollout) -> None:
        """Called after a rollout is played and before it is learned from. It must not change the rollout."""
        if trainer.current_epoch % self.every == 0:
            print(f"rollout {trainer.current_epoch}, game 0: {rollout.position(0)}, reward {rollout.reward[0]:+.0f}")


def main() -> None:
    """Train tic-tac-toe by self-play for 40 rollouts of 64 games, with Lightning's own checkpoints and clipping."""
    pl.seed_everything(1)
    game = TicTacToe()
    module = PolicyGradient(game, MLP, partial(torch.optim.Adam, lr=0.01))
    trainer = pl.Trainer(
        max_epochs=40,
        gradient_clip_val=1.0,
        check_val_every_n_epoch=20,
        callbacks=[
            ShowGame(every=10),
            EvaluationMatch(opponents=["random"], games=100),
            pl.callbacks.ModelCheckpoint(dirpath="best", monitor="score/random", mode="max"),
        ],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, SelfPlay(game, games=64))
    trainer.validate(module, SelfPlay(game), ckpt_path="best", weights_only=True, verbose=False)


if __name__ == "__main__":
    main()
