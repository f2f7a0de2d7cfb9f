"""What a run reports if the memory of its GPU is full, or if there is no GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from training_runs import train

from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import PolicyGradient

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"),
]


def test_a_full_memory_ends_with_one_line_and_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    line = f"--config tic_tac_toe --run {folder} --trainer.max_epochs 3 --data.games 64"

    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has …")

    with monkeypatch.context() as patch:
        patch.setattr(PolicyGradient, "training_step", full)
        assert train(line) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    resume = f"--resume {folder}"
    assert error.endswith(f"; go on with  python -m chesspg.train {resume}")
    assert error.startswith("error: the memory of cpu is full; --trainer.accumulate_grad_batches 2 learns from half")
    with monkeypatch.context() as patch:
        patch.setattr(SelfPlay, "sample", full)
        assert train(resume) == 2
    assert "--data.slots 32 plays half as many games at once" in capsys.readouterr().err.splitlines()[-1]
    assert train(resume) == 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, so it can be had")
def test_a_gpu_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(f"--config tic_tac_toe --run {tmp_path}/run --data.device cuda") == 2
    out, error = capsys.readouterr()
    message = "device must be auto or cpu unless the Trainer runs on a CUDA GPU, got cuda with a Trainer on cpu"
    assert (out, error) == ("", f"error: {message}\n")
    assert not (tmp_path / "run").exists()
