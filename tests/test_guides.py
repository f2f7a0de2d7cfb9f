"""The guides in docs/: code that they show is that of the examples, and what other programs get is what they read.

The blocks with `>>>` run as doctests (pyproject.toml names the pages).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from chesspg.uci.options import OPTIONS

ROOT = Path(__file__).parent.parent
GUIDES = ("distributed", "own_game", "own_network", "own_estimator", "own_trainer")
EXAMPLE = {"own_game": "nim", "distributed": "ray_two_workers"}  # the others have the name of their guide


def blocks(guide: str, language: str) -> list[str]:
    """The code blocks of a page in a language."""
    text = (ROOT / f"docs/{guide}.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("guide", GUIDES)
def test_code_that_a_guide_shows_is_that_of_its_example(guide: str) -> None:
    example = (ROOT / f"examples/{EXAMPLE.get(guide, guide)}.py").read_text()
    shown = [block for block in blocks(guide, "python") if not block.startswith(">>>")]
    assert shown
    for block in shown:
        assert block in example, block


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_names_the_commands_that_its_example_names(guide: str) -> None:
    """The tests of the examples run them."""
    docstring = (ROOT / f"examples/{EXAMPLE.get(guide, guide)}.py").read_text().split('"""')[1]
    named = [re.split("  +", line)[0] for line in re.findall(r"^    (python .*)", docstring, re.MULTILINE)]
    shown = [re.split("  +", line)[0] for block in blocks(guide, "sh") for line in block.splitlines()]
    assert named
    assert set(named) <= set(shown)


def test_what_the_page_of_engines_shows_is_valid_and_sets_options_of_the_engine() -> None:
    (cute,), nibbler = map(json.loads, blocks("engines", "json"))
    (lichess,) = map(yaml.safe_load, blocks("engines", "yaml"))
    set_there = {
        "cutechess": {option["name"]: option["value"] for option in cute["options"]},
        "nibbler": nibbler["/path/to/.venv/bin/chesspg-uci"]["options"],
        "lichess-bot": lichess["engine"]["uci_options"],
    }
    for program, options in set_there.items():
        assert "WeightsFile" in options, program
        for name, value in options.items():
            OPTIONS[name].read(str(value))  # raises if the engine would refuse it
    assert {"dir", "name", "protocol", "ponder", "uci_options"} == set(lichess["engine"])
