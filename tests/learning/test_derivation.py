"""The tests that docs/derivation.md names exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
DERIVATION = HERE.parents[1] / "docs" / "derivation.md"


def test_the_derivation_names_tests_that_exist() -> None:
    named = set(re.findall(r"(test_\w+\.py)::(test_\w+)", DERIVATION.read_text(encoding="utf-8")))
    assert len(named) > 20
    there = {
        (file.name, name)
        for file in HERE.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), flags=re.M)
    }
    assert named <= there, named - there
