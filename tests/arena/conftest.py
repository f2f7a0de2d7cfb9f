"""Policy files small enough to make for every test."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs: `chess`, `tic_tac_toe` and, newest of all, a `half` one without a policy file."""
    import torch

    from chesspg.games.chess import Chess
    from chesspg.games.tic_tac_toe import TicTacToe
    from chesspg.policy import files
    from chesspg.policy.networks import MLP
    from chesspg.policy.policy import Policy

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("runs")
    for name, game in (("tic_tac_toe", TicTacToe()), ("chess", Chess())):
        (folder / name).mkdir()
        files.save(folder / name / "last.safetensors", Policy(game, MLP(game, hidden=(8,)), temperature=1.5))
        (folder / name / "last.ckpt").touch()
    (folder / "half").mkdir()
    return folder
