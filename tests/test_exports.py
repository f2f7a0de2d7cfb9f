"""What `import chesspg` gives: every export without torch until it is named, and one version everywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import chesspg

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "numpy", "pytorch_lightning", "chess", "numba")


def test_the_package_is_imported_without_a_library() -> None:
    code = f"import sys, chesspg; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", chesspg.__all__)
def test_every_export_is_there(name: str) -> None:
    found = getattr(chesspg, name)
    assert callable(found)
    assert found.__module__.startswith("chesspg.")
    assert name in dir(chesspg)


def test_what_is_no_export() -> None:
    with pytest.raises(AttributeError, match="module 'chesspg' has no attribute 'Chesss'"):
        chesspg.Chesss  # noqa: B018


def test_one_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = next(line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## "))
    assert citation["version"] == chesspg.__version__
    assert newest.startswith(f"## [{chesspg.__version__}]")
