"""Estimators of your own: a baseline, and a module that weighs plies in another way.

In the folder of this file:

    python own_estimator.py
    python -m chesspg.train --config tic_tac_toe_plain --model.advantages.baseline own_estimator.other_half
    python -m chesspg.train --config tic_tac_toe_plain --model own_estimator.SelfImitation

A configuration names both by their import path; modules are searched in the current folder.
"""

from __future__ import annotations

from functools import partial

import pytorch_lightning as pl
import torch
from torch import Tensor

from chesspg import MLP, Advantages, EvaluationMatch, PolicyGradient, Rollout, SelfPlay, TicTacToe
from chesspg.learning.advantages import Sample, returns


def other_half(sample: Sample) -> Tensor:
    """[N] the mean reward of the games with even numbers for those with odd numbers and vice versa, for the mover.

    It is unbiased, since no game is part of its own baseline.
    """
    even = torch.arange(len(sample.reward)) % 2 == 0
    expected = torch.where(even, sample.reward[~even].mean(), sample.reward[even].mean())  # [games] for player 0
    return returns(expected, sample.game, sample.player)


class SelfImitation(PolicyGradient):
    """Learns only from plies whose game ended better than expected, Oh et al. (2018). It is biased."""

    def weigh(self, rollout: Rollout) -> Tensor:
        """[N] max(Âₜ, 0)."""
        return super().weigh(rollout).clamp(min=0)


def main() -> None:
    """Train tic-tac-toe by self-play with the baseline above, first by the plain formula and then by self-imitation."""
    pl.seed_everything(1)
    game = TicTacToe()
    for kind in (PolicyGradient, SelfImitation):
        print(kind.__name__)
        module = kind(game, MLP, partial(torch.optim.Adam, lr=0.01), advantages=Advantages(baseline=other_half))
        match = EvaluationMatch(opponents=["random"])
        trainer = pl.Trainer(
            max_epochs=20,
            check_val_every_n_epoch=20,
            callbacks=[match],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, SelfPlay(game, games=128))


if __name__ == "__main__":
    main()
