"""Checkpoints: whole at any moment, a policy file beside each, last and best, and no code in any."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from safetensors.torch import load_file

from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.training import checkpoints
from chesspg.training.checkpoints import AtomicCheckpointIO, RolloutCheckpoint, read_checkpoint
from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import PolicyGradient

MakeTrainer = Callable[..., pl.Trainer]
MakeModule = Callable[..., PolicyGradient]


class Scores(pl.Callback):
    """Logs one score after each rollout, as long as there are scores."""

    def __init__(self, *scores: float | None) -> None:
        self.scores = scores
        self.best: list[int] = []  # the rollouts before best.ckpt, as each rollout begins
        self.last: list[int] = []  # the same for last.ckpt

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        for name, counts in (("best", self.best), ("last", self.last)):
            path = Path(trainer.default_root_dir) / f"{name}.ckpt"
            counts.append(rollouts(path) if path.exists() else 0)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        score = self.scores[trainer.current_epoch]
        if score is not None:
            module.log("score", score)


def rollouts(path: Path) -> int:
    return int(read_checkpoint(path)["chesspg"]["played"]["rollouts"])


def data() -> SelfPlay:
    return SelfPlay(TicTacToe(), games=8)


@pytest.fixture
def fit(trainer: MakeTrainer, module: MakeModule, tmp_path: Path) -> Callable[..., tuple[pl.Trainer, PolicyGradient]]:
    """Trains with RolloutCheckpoint in tmp_path for as many rollouts as there are scores."""

    def run(*scores: float | None, resume: bool = False, monitor: str = "score") -> tuple[pl.Trainer, PolicyGradient]:
        made = trainer(
            max_epochs=len(scores),
            default_root_dir=tmp_path,
            enable_checkpointing=True,
            plugins=[AtomicCheckpointIO()],
            callbacks=[Scores(*scores), RolloutCheckpoint(tmp_path, monitor)],
        )
        learned = module()
        made.fit(learned, data(), ckpt_path=tmp_path / "last.ckpt" if resume else None)
        return made, learned

    return run


Fit = Callable[..., tuple[pl.Trainer, PolicyGradient]]


# --- Last and best ---------------------------------------------------------------------------------------------------


def test_best_is_kept_when_the_score_rises(fit: Fit, tmp_path: Path) -> None:
    trainer, _ = fit(0.2, 0.6, None, 0.6, 0.5, 0.7, 0.1)
    scores = next(callback for callback in trainer.callbacks if isinstance(callback, Scores))  # type: ignore[attr-defined]
    # Before rollouts 1, 2, … 7: a rollout without a score and an equal score leave the best as it is.
    assert scores.best == [0, 1, 2, 2, 2, 2, 6]
    assert rollouts(tmp_path / "best.ckpt") == 6
    assert rollouts(tmp_path / "last.ckpt") == 7
    assert files.read_header(tmp_path / "best.ckpt").facts["updates"] == 6


def test_large_checkpoints_of_short_epochs_are_left_out(
    fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "SMALL", 0)
    monkeypatch.setattr(checkpoints, "SHARE", 1e-9)
    trainer, _ = fit(None, None, 0.5, 0.4, None)
    scores = next(callback for callback in trainer.callbacks if isinstance(callback, Scores))  # type: ignore[attr-defined]
    # Before rollouts 1, 2, … 5: after the one of the first rollout, only that of the best rollout.
    assert scores.last == [0, 1, 1, 3, 3]
    assert rollouts(tmp_path / "last.ckpt") == 5
    fit(None, None, 0.5, 0.4, None, None, resume=True)
    assert rollouts(tmp_path / "last.ckpt") == 6


def test_a_resumed_run_knows_its_best(fit: Fit, tmp_path: Path) -> None:
    fit(0.2, 0.6)
    fit(0.2, 0.6, 0.5, resume=True)
    assert rollouts(tmp_path / "best.ckpt") == 2
    assert rollouts(tmp_path / "last.ckpt") == 3


def test_a_best_of_another_metric_is_none(fit: Fit, tmp_path: Path) -> None:
    fit(0.2, 0.6)
    fit(0.2, 0.6, 0.5, resume=True, monitor="total_games")
    assert rollouts(tmp_path / "best.ckpt") == 3


def test_without_a_monitor_there_is_no_best(trainer: MakeTrainer, module: MakeModule, tmp_path: Path) -> None:
    trainer(enable_checkpointing=True, callbacks=[RolloutCheckpoint(tmp_path)]).fit(module(), data())
    assert sorted(path.name for path in tmp_path.glob("*.ckpt")) == ["last.ckpt"]


def test_a_checkpoint_before_the_first_update(fit: Fit, module: MakeModule, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    class StopAtOnce(pl.Callback):
        def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
            raise Stop

    made = pl.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        plugins=[AtomicCheckpointIO()], callbacks=[StopAtOnce(), RolloutCheckpoint(tmp_path)], max_epochs=1,
    )  # fmt: skip
    with pytest.raises(Stop):
        made.fit(module(), data())
    assert rollouts(tmp_path / "last.ckpt") == 0
    for name, tensor in module().state_dict().items():
        assert torch.equal(read_checkpoint(tmp_path / "last.ckpt")["state_dict"][name], tensor)


# --- Atomic ----------------------------------------------------------------------------------------------------------


def test_a_failure_in_mid_writing_leaves_the_old_file(
    fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, learned = fit(0.1)
    before = (tmp_path / "last.ckpt").read_bytes()
    with torch.no_grad():
        next(learned.parameters()).zero_()

    write_bytes = Path.write_bytes

    def disk_full(path: Path, content: Any) -> int:
        if ".ckpt" in path.name:
            write_bytes(path, bytes(content)[:100])
            assert (tmp_path / "last.ckpt").read_bytes() == before  # the old file is there until it is replaced
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_bytes(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", disk_full)
        with pytest.raises(OSError, match=r"No space left on device: '.*last\.ckpt'"):
            trainer.save_checkpoint(tmp_path / "last.ckpt")
    assert (tmp_path / "last.ckpt").read_bytes() == before
    names = {"best.ckpt", "best.safetensors", "last.ckpt", "last.safetensors"}
    assert {path.name for path in tmp_path.iterdir()} == names  # no temporary file
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    assert (tmp_path / "last.ckpt").read_bytes() != before


def test_the_policy_file_beside_a_checkpoint(fit: Fit, tmp_path: Path) -> None:
    _, learned = fit(0.1, 0.2)
    policy = files.load(tmp_path / "last.ckpt")
    assert policy.game.name == "tic-tac-toe"
    for name, tensor in learned.policy.network.state_dict().items():
        assert torch.equal(policy.network.state_dict()[name], tensor)
    facts = files.read_header(tmp_path / "last.ckpt").facts
    assert (facts["updates"], facts["rollouts"], facts["games"]) == (2, 2, 16)


def test_another_modules_checkpoint_has_no_policy_file(tmp_path: Path) -> None:
    io = AtomicCheckpointIO()
    io.save_checkpoint({"state_dict": {"weight": torch.ones(2)}}, tmp_path / "deep" / "other.ckpt")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["other.ckpt"]
    assert io.load_checkpoint(tmp_path / "deep" / "other.ckpt")["state_dict"]["weight"].tolist() == [1, 1]


def test_both_files_are_removed(fit: Fit, tmp_path: Path) -> None:
    fit(0.1)
    assert load_file(tmp_path / "best.safetensors")
    AtomicCheckpointIO().remove_checkpoint(tmp_path / "best.ckpt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "last.safetensors"]


# --- No code ---------------------------------------------------------------------------------------------------------


class Code:
    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.folder,)


def test_a_checkpoint_with_code_is_refused_whatever_the_caller_says(tmp_path: Path) -> None:
    path, hacked = tmp_path / "last.ckpt", tmp_path / "hacked"
    torch.save({"state_dict": {}, "loops": {}, "chesspg": Code(hacked)}, path)
    with pytest.raises(Exception, match=r"weights_only|Weights only"):
        AtomicCheckpointIO().load_checkpoint(path, weights_only=False)
    with pytest.raises(ValueError, match=r"last\.ckpt is damaged or not a checkpoint"):
        read_checkpoint(path)
    assert not hacked.exists()
    torch.load(path, weights_only=False)  # without weights_only, the code in it runs
    assert hacked.exists()


def test_a_checkpoint_of_something_else(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match=r"other\.ckpt is not a checkpoint of a run"):
        read_checkpoint(tmp_path / "other.ckpt")


def test_a_flipped_bit_is_found_before_a_run_goes_on(fit: Fit, tmp_path: Path) -> None:
    fit(0.1)
    path = tmp_path / "last.ckpt"
    whole = path.read_bytes()
    weights = read_checkpoint(path)["state_dict"]["policy.network.policy_head.weight"]
    at = whole.index(weights.numpy().tobytes())
    path.write_bytes(whole[: at + 2] + bytes([whole[at + 2] ^ 8]) + whole[at + 3 :])
    for read in (read_checkpoint, AtomicCheckpointIO().load_checkpoint):
        with pytest.raises(
            ValueError, match=r"last\.ckpt is damaged or not a checkpoint: .* does not match its checksum"
        ):
            read(path)
    assert files.load(tmp_path).temperature == 1.0  # from the policy file beside it


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\0" * 1000, b"PK\x03\x04" + b"x" * 100])
def test_what_is_no_checkpoint_at_all(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").write_bytes(content)
    for read in (read_checkpoint, AtomicCheckpointIO().load_checkpoint):
        with pytest.raises(ValueError, match=r"last\.ckpt is damaged or not a checkpoint"):
            read(tmp_path / "last.ckpt")
