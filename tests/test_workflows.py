"""The workflows of GitHub Actions: they can be read, may do little, and run only what exists."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
# What a job may do beyond reading the repository.
PERMISSIONS = {("site", "build"): {"pages": "read"}, ("site", "publish"): {"pages": "write", "id-token": "write"},
               ("release", "publish"): {"id-token": "write"}}  # fmt: skip


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(path.read_text())["jobs"])


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(path).values() for step in job.get("steps", [])]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_little(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}
    for name, job in jobs(path).items():
        given = {what: how for what, how in job.get("permissions", {}).items() if (what, how) != ("contents", "read")}
        assert given == PERMISSIONS.get((path.stem, name), {})
        assert all(needed in jobs(path) for needed in [job.get("needs", name)])
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
        assert "github.event" not in str(step), "a stranger's text must not reach a command"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_uses_only_what_exists(path: Path) -> None:
    for name, job in jobs(path).items():
        if local := job.get("uses"):
            assert (ROOT / local).is_file(), name
    for step in steps(path):
        assert ("run" in step) != ("uses" in step)
        if "uses" in step:
            assert re.fullmatch(r"(actions|pypa)/[\w-]+@(v\d+|release/v\d+)", step["uses"])
            continue
        folder = ROOT / step.get("working-directory", ".")
        program, *words = step["run"].split()
        assert (folder / program).is_file() or shutil.which(program), program
        assert all((ROOT / word).is_file() for word in words if re.fullmatch(r"[\w./]+\.(txt|py|toml)", word))
        if program == "npm":
            assert (folder / "package-lock.json").is_file()
        if extras := re.search(r"\.\[([\w,]+)\]", step["run"]):
            known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            assert set(extras[1].split(",")) <= set(known)


def test_a_release_runs_the_tests_and_publishes_what_was_checked() -> None:
    release = jobs(ROOT / ".github/workflows/release.yml")
    assert release["test"]["uses"] == "./.github/workflows/ci.yml"
    assert (release["build"]["needs"], release["publish"]["needs"]) == ("test", "build")
    assert "workflow_call" in yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())[True]  # YAML's `on`
    assert any(step.get("run", "").startswith("twine check --strict") for step in release["build"]["steps"])
