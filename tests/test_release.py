"""What is published: the wheel and the sdist, built from the files of the repository and used far from it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import chesspg

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
GIT = ("git", "-c", "safe.directory=*", "ls-files", "-z")
REPOSITORY = "https://github.com/owner/chesspg"
ON_GITHUB = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "owner/chesspg",
    "GITHUB_REF_NAME": f"v{chesspg.__version__}",
}


def run(*command: str, cwd: Path, stdin: str = "", **environment: str) -> str:
    """Standard output of a command that must succeed."""
    ended = subprocess.run(
        command, cwd=cwd, env={**os.environ, "OMP_NUM_THREADS": "1", **environment}, input=stdin,
        capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the sdist; `python -m build` makes the wheel from the sdist."""
    pytest.importorskip("build", reason="needs the package build")
    clean = tmp_path_factory.mktemp("clean")
    files = run(
        "git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT
    )
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file():  # one that was deleted is listed until that is committed
            (clean / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clean / name)
    run(sys.executable, "-m", "build", "--outdir", "dist", cwd=clean, **ON_GITHUB)
    [wheel], [sdist] = (clean / "dist").glob("*.whl"), (clean / "dist").glob("*.tar.gz")
    return wheel, sdist


def test_the_release_refuses_a_tag_of_another_version(built: tuple[Path, Path]) -> None:
    workflow = (ROOT / ".github/workflows/release.yml").read_text()
    [check] = re.findall(r"run: (test -f .*)", workflow)
    folder = built[0].parent.parent
    for tag, code in ((f"v{chesspg.__version__}", 0), ("v0.0.1", 1), (chesspg.__version__ + "1", 1)):
        environment = {**os.environ, "GITHUB_REF_NAME": tag}
        assert subprocess.run(["sh", "-c", check], cwd=folder, env=environment, check=False).returncode == code


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the installed wheel."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(folder)]
    run(*pip, str(built[0]), cwd=folder)
    return folder


def test_nothing_that_is_made_here_is_committed() -> None:
    assert run(*GIT, "--cached", "--ignored", "--exclude-standard", cwd=ROOT) == ""


def test_pypi_would_show_them(built: tuple[Path, Path]) -> None:
    pytest.importorskip("twine", reason="needs the package twine")
    run(sys.executable, "-m", "twine", "check", "--strict", *map(str, built), cwd=ROOT)
    with zipfile.ZipFile(built[0]) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith("/METADATA")]
        metadata = Parser().parsestr(wheel.read(name).decode())
    assert f"Repository, {REPOSITORY}" in metadata.get_all("Project-URL", [])
    links = re.findall(r"\]\(([^)]*)\)", str(metadata.get_payload()))
    for link in links:
        assert link.startswith(("https://", "#")), f"{link} leads nowhere on PyPI"
        if link.startswith(REPOSITORY):
            kind, ref, path = link.removeprefix(f"{REPOSITORY}/").partition("#")[0].split("/", 2)
            assert (kind, ref) == ("raw" if path.endswith(".png") else "blob", f"v{chesspg.__version__}")
            assert (ROOT / path).exists(), link
    assert len(links) > 20


def test_the_wheel_has_what_a_user_needs_and_nothing_else(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        names = [name for name in wheel.namelist() if ".dist-info/" not in name]
        assert any(name.endswith("/licenses/LICENSE") for name in wheel.namelist())
    assert {name.split("/")[0] for name in names} == {"chesspg"}
    source = {path.relative_to(ROOT).as_posix() for path in (ROOT / "chesspg").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == source
    for folder in ("configs", "checkpoints"):
        shipped = {path.name for path in (ROOT / folder).glob("*.*") if path.suffix in (".yaml", ".safetensors")}
        assert shipped <= {Path(name).name for name in names if name.startswith(f"chesspg/{folder}/")}
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "chesspg/browser/page").iterdir()}
    assert pages | {"chesspg/report/page.html", "chesspg/py.typed"} <= set(names)


def test_the_sdist_has_the_sources_of_everything(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "mkdocs.yml", "web/build.mjs", "web/package-lock.json"} <= names
    assert {"tests/conftest.py", "docs/derivation.md", "examples/nim.py", "studies/gpu.py"} <= names
    assert not [name for name in names if "node_modules" in name or name.startswith("site/")]


def test_it_is_used_from_a_clean_folder(installed: Path, tmp_path: Path) -> None:
    def command(*arguments: str, stdin: str = "") -> str:
        script = str(installed / "bin/chesspg")
        return run(sys.executable, script, *arguments, cwd=tmp_path, stdin=stdin, PYTHONPATH=str(installed))

    where = "import chesspg; print(chesspg.__file__)"
    assert run(sys.executable, "-c", where, cwd=tmp_path, PYTHONPATH=str(installed)).startswith(str(installed))
    assert command("--version") == f"chesspg {chesspg.__version__}\n"
    assert "\n  train " in command("--help")
    recipes = command("train", "--help")
    assert all(f"\n  {path.stem} " in recipes for path in (ROOT / "configs").glob("*.yaml"))
    assert "chess_quick plays 1... " in command("play", "chess_quick", "--color", "white", stdin="e4\nquit\n")
