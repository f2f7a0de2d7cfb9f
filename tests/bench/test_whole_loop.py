"""The loop without Lightning plays the same games and makes the same updates, so that both times can be compared."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from chesspg.bench.whole_loop import WholeLoop
from chesspg.runs.train_cli import TrainCLI

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning")


@pytest.mark.parametrize("clip", ["null", "0.01"])
def test_the_same_weights_with_and_without_the_trainer(folder: Path, clip: str) -> None:
    given = ["--data.opponents=null", "--trainer.callbacks=null", "--trainer.max_epochs=1"]
    run = TrainCLI.build(
        ["--config", "small.yaml", *given, f"--trainer.gradient_clip_val={clip}", "--run", str(folder / "run")]
    )
    loop = WholeLoop(run)

    def weights() -> torch.Tensor:
        return torch.cat([p.detach().flatten().clone() for p in run.model.parameters()])

    before = weights()
    assert loop.with_trainer() > 0
    with_trainer = weights()
    assert loop.without_trainer() > 0
    assert torch.equal(with_trainer, weights())
    assert not torch.equal(with_trainer, before)
    assert run.datamodule.rollouts == 2  # the one that warmed up, and the one that is played again and again
