"""A kept result is computed once for the same settings, and again for other settings or if the file is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from studies.estimators.kept import kept


def test_made_once_for_the_same_settings(tmp_path: Path) -> None:
    path, made = tmp_path / "new" / "result.json", []

    def make() -> dict[str, int]:
        made.append(len(made))
        return {"number": len(made)}

    assert kept(path, {"games": 4}, make) == {"number": 1}
    assert kept(path, {"games": 4}, make) == {"number": 1}
    assert kept(path, {"games": 6}, make) == {"number": 2}
    assert kept(path, {"games": 6}, make) == {"number": 2}
    for damage in ("{", "[]", "{}", "3"):
        path.write_text(damage)
        assert kept(path, {"games": 6}, make) == {"number": len(made)}
    assert len(made) == 6


def test_nothing_is_kept_of_what_fails(tmp_path: Path) -> None:
    def fail() -> dict[str, int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path / "result.json", {}, fail)
    assert not list(tmp_path.iterdir())
