"""Without the optional packages, one line says what to install."""

from __future__ import annotations

import importlib
import sys

import pytest

import chesspg.environments


@pytest.mark.parametrize("name", ["gymnasium", "pettingzoo"])
def test_a_package_that_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.reload(chesspg.environments)
    needed = {"gymnasium": "gymnasium>=1.1", "pettingzoo": "pettingzoo>=1.25"}[name]
    assert str(caught.value) == f"chesspg.environments needs {name}, which is not installed: pip install '{needed}'"
    assert caught.value.name == name
