"""The files that ship are found in a checkout and in a wheel, and no other file counts as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from chesspg.storage import shipped
from chesspg.storage.shipped import shipped_files, shipped_names, shipped_policies


@pytest.mark.parametrize("home", ["", "chesspg"], ids=["in a checkout", "in a wheel"])
def test_by_bare_name_beside_the_package_or_in_it(home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "chesspg")
    assert shipped_files("configs", ".yaml") == shipped_policies() == {}
    (tmp_path / home / "configs").mkdir(parents=True)
    runs = tmp_path / home / "checkpoints"
    (runs / "run").mkdir(parents=True)
    (runs / "folder.safetensors").mkdir()
    for name in ("b.10m.safetensors", "a.safetensors", "a.md", "run/last.safetensors"):
        (runs / name).touch()
    assert list(shipped_policies().items()) == [("a", runs / "a.safetensors"), ("b.10m", runs / "b.10m.safetensors")]
    assert shipped_names() == "policies that ship: a, b.10m"


def test_a_stranger_beside_an_installed_package_does_not_ship(ships: Path) -> None:
    (ships.parent / "checkpoints").mkdir()
    (ships.parent / "checkpoints" / "theirs.safetensors").touch()
    assert shipped_names() == "policies that ship: none"
