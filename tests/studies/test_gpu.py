"""The script for a machine with a GPU, tried on the CPU with tiny sizes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from preloaded import Started, python

from studies import gpu


def test_without_a_gpu_it_says_so_in_one_line(
    folder: Path, refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    refused(gpu.main, [], ("needs a GPU with CUDA", "--device cpu"))


def test_parts_for_which_there_is_no_time_are_in_the_results(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--device", "cpu", "--seconds", "1"]) == 1
    results = json.loads(Path("gpu.json").read_text())
    assert list(results["parts"]) == list(gpu.PARTS)
    assert {part["error"] for part in results["parts"].values()} == {"skipped: no time was left"}
    assert results["versions"]["torch"] == torch.__version__
    assert capsys.readouterr().out.count("skipped") == len(gpu.PARTS)


def test_a_command_that_fails_is_an_error_with_its_last_line(
    refused: Callable[..., None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 3, "some progress\n", "a warning\nthe driver is too old\n")

    monkeypatch.setattr(subprocess, "run", fails)
    refused(gpu.main, ["--part", "96x6", "--device", "cpu"], ("exit code 3: the driver is too old",))


def test_the_rules_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("numba")
    assert gpu.main(["--part", "rules", "--device", "cpu", "--seconds", "1"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["differences"] == 0
    assert figures["plies"] >= 1000


@pytest.mark.slow
def test_tests_are_run_from_any_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("numba")
    assert gpu.main(["--part", "tests", "--device", "cpu", "--seconds", "300"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]


@pytest.mark.slow
def test_a_run_is_killed_and_resumed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("numba")
    preloaded = SimpleNamespace(
        run=lambda command, **_: python(folder, *command[1:]),
        Popen=lambda command, **_: Started(folder, *command[1:]),
        DEVNULL=subprocess.DEVNULL,
    )
    monkeypatch.setattr(gpu, "subprocess", preloaded)
    assert gpu.main(["--part", "resume", "--device", "cpu", "--seconds", "300"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["equal_tensors"]
    assert 0 < figures["killed_after_rollouts"] < gpu.ROLLOUTS
