"""`PolicyGradient(compile=True)`: the same weights up to rounding, few compilations, one line if it fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.learning.losses import Loss
from chesspg.policy import files
from chesspg.policy.networks import MLP, ResidualNet
from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import PolicyGradient

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on the CPU"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of torch's own code
]


def learned(tmp_path: Path, compiled: bool) -> tuple[PolicyGradient, Path]:
    """A module after two rollouts of chess, and its checkpoint."""
    torch.manual_seed(0)
    game = Chess(backend="python-chess")
    network = partial(ResidualNet, channels=4, blocks=1, value=True)
    sgd = partial(torch.optim.SGD, lr=0.1)
    module = PolicyGradient(game, network, optimizer=sgd, loss=Loss(clip=0.2, entropy_weight=0.01), compile=compiled)
    folder = tmp_path / str(compiled)
    fit = pl.Trainer(
        default_root_dir=folder,
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    fit.fit(module, SelfPlay(game, games=4, updates=3, max_plies=30, seed=5))
    fit.save_checkpoint(folder / "last.ckpt")
    return module, folder / "last.ckpt"


def test_compiled_learning_gives_the_same_weights_and_files(tmp_path: Path) -> None:
    plain, plain_file = learned(tmp_path, compiled=False)
    fast, fast_file = learned(tmp_path, compiled=True)
    assert fast.state_dict().keys() == plain.state_dict().keys()
    for name, weight in plain.state_dict().items():
        torch.testing.assert_close(fast.state_dict()[name], weight, atol=1e-5, rtol=1e-4)
    saved = [files.load(path).network.state_dict() for path in (plain_file, fast_file)]
    assert saved[0].keys() == saved[1].keys()
    assert PolicyGradient.load_from_checkpoint(fast_file).compiled
    assert not PolicyGradient.load_from_checkpoint(fast_file, compile=False).compiled


def test_batches_of_other_sizes_are_not_compiled_again(tmp_path: Path) -> None:
    game = TicTacToe()
    module = PolicyGradient(game, partial(MLP, hidden=(8,), value=True), compile=True)

    def fit(games: int) -> None:
        trainer = pl.Trainer(
            default_root_dir=tmp_path,
            max_epochs=1,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, SelfPlay(game, games=games))

    fit(10)
    with torch.compiler.set_stance("fail_on_recompile"):
        for games in (11, 32, 7):
            fit(games)


def test_train_refuses_it_without_a_compiler_before_it_writes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    command = "-m chesspg.train --config tic_tac_toe_plain --trainer.accelerator cpu --model.compile true --run"
    ran = subprocess.run(  # torch reads CXX when it is imported
        [sys.executable, *command.split(), str(tmp_path / "run")], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert line.startswith("error: model.compile must be false where torch.compile does not work")
    assert "C++ compiler" in line
    assert not (tmp_path / "run").exists()
