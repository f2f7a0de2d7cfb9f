"""Runs whose files are damaged, missing or of another network are refused in one line."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from training_runs import contents, train

from chesspg.policy import files

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"),
]


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("hacked",)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "truncated checkpoint": ("last.ckpt", _truncate),
    "empty checkpoint": ("last.ckpt", lambda path: path.write_bytes(b"")),
    "noise for a checkpoint": ("last.ckpt", lambda path: path.write_bytes(b"not a checkpoint")),
    "another file of torch": ("last.ckpt", lambda path: torch.save({"state_dict": {}}, path)),
    "a pickle with code": ("last.ckpt", lambda path: path.write_bytes(pickle.dumps(_Code()))),
    "a checkpoint with code": ("last.ckpt", lambda path: torch.save({"state_dict": _Code()}, path)),
    "a checkpoint that is gone": ("last.ckpt", Path.unlink),
    "a truncated member": ("pool", lambda path: _truncate(max(path.iterdir()))),
    "a member that is gone": ("pool", lambda path: max(path.iterdir()).unlink()),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_run_is_not_resumed(
    case: str, finished: dict[str, bytes], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in finished.items():
        (folder / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "run" / name).write_bytes(content)
    name, damage = DAMAGE[case]
    damage(folder / "run" / name)
    before = contents(folder)
    assert train("--resume run --trainer.max_epochs 9") == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert name in error
    assert contents(folder) == before
    assert not (folder / "hacked").exists()


@pytest.mark.parametrize("damage", [_truncate, lambda path: path.write_bytes(b""), Path.unlink])
def test_a_run_goes_on_without_its_policy_file(
    damage: Callable[[Path], object], finished: dict[str, bytes], folder: Path
) -> None:
    """The checkpoint holds all that the policy file does, and the next checkpoint writes it again."""
    for name, content in finished.items():
        (folder / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "run" / name).write_bytes(content)
    damage(folder / "run" / "last.safetensors")
    assert train("--resume run --trainer.max_epochs 3") == 0
    assert files.read_header(folder / "run" / "last.safetensors").facts["rollouts"] == 3


def test_resume_with_another_network(
    finished: dict[str, bytes], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in finished.items():
        (folder / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "run" / name).write_bytes(content)
    assert train("--resume run --trainer.max_epochs 9 --model.network.init_args.hidden [7]") == 2
    assert capsys.readouterr().err.startswith("error: the checkpoint does not fit the model")
