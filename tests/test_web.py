"""The pages that are committed are those that their sources make."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PACKAGES = ROOT / "web/node_modules"
BUILT = ("chesspg/browser/page", "docs/learn")


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a built page by name, without those that the site's build adds."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_committed_pages_are_built_from_their_sources(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not PACKAGES.is_dir():
        pytest.skip("needs npm and its packages: cd web && npm ci")
    shutil.copytree(ROOT / "web", tmp_path / "web", ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "web/node_modules").symlink_to(PACKAGES)
    subprocess.run([node, "build.mjs"], cwd=tmp_path / "web", check=True, timeout=120)
    for folder in BUILT:
        built, committed = contents(tmp_path / folder), contents(ROOT / folder)
        assert built.keys() == committed.keys(), folder
        changed = [name for name in built if built[name] != committed[name]]
        assert not changed, f"{changed} in {folder}: cd web && npm ci && npm run build"
