"""YAML and JSON of unknown origin: what is out of bounds or damaged is refused at once, with the name of its file."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml

from chesspg.storage.parsing import BYTES, DEPTH, LENGTH, NODES, parse_json, parse_yaml, read_mapping

NINE = "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))
BAD = {
    "nine of nine": (f"a0: &a0 [{','.join('x' * 9)}]\n{NINE}", "at most 100,000 values"),
    "nine of nine merged": (
        "a0: &a0 {x: 1}\n" + NINE.replace("[", "{<<: [").replace("]", "]}"),
        "at most 100,000 values",
    ),
    "a list of itself": ("z: &z [*z]", r"alias \*z stands for nothing before it, or for itself"),
    "a mapping of itself": ("&z {a: *z}", r"alias \*z"),
    "an anchor used anew around itself": ("a: &z 1\nb: &z [*z]", r"alias \*z"),
    "brackets": ("[" * 100_000, "at most 50 deep"),
    "pairs of brackets": ("[" * 100_000 + "]" * 100_000, "at most 50 deep"),
    "braces": ("{a: " * 100_000, "at most 50 deep"),
    "dashes": ("- " * 100_000, "at most 50 deep"),
    "questions": ("? " * 100_000, "at most 50 deep"),
    "one too deep": ("[" * DEPTH + "]" * DEPTH, "at most 50 deep"),
    "one too many": (f"a: [{'1,' * NODES}]", "at most 100,000 values"),
    "a large file": ("#" * (BYTES + 1), "at most 1,048,576 bytes"),
    "a long number": ("a: 1" + ":59" * LENGTH, "at most 10,000 characters"),
    "a long integer": ("a: " + "1" * 5000, "not valid"),
    "no such day": ("z: 2001-99-99", "month must be in 1..12"),
    "no such number": ("z: 0b_", "not valid"),
    "an empty number": ("z: !!int ''", "not valid"),
    "no time at all": ("z: !!timestamp 99", "not valid"),
    "a name of Python": ("z: !!python/name:os.system", "python/name:os.system"),
    "a call in Python": ("z: !!python/object/apply:os.system [touch x]", "os.system"),
    "an unhashable key": ("{[a]: 1}", "unhashable key"),
    "two documents": ("a: 1\n---\nb: 2", "single document"),
    "NUL": ("a: \0", "it is not a text file"),
    "Latin-1": (b"a: \xe9", "UTF-8"),
    "half of UTF-16": (b"\xff\xfea", "UTF-16"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_out_of_bounds_is_refused_at_once(case: str, tmp_path: Path) -> None:
    content, message = BAD[case]
    path = tmp_path / "config.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    begun = time.process_time()
    with pytest.raises(ValueError, match=rf"config\.yaml can't be read as YAML: .*{message}") as caught:
        read_mapping(path)
    assert time.process_time() - begun < 5
    assert "\n" not in str(caught.value)
    with pytest.raises(yaml.YAMLError):
        parse_yaml(content)


@pytest.mark.parametrize(("text", "name"), [("just words", "str"), ("[1]", "list"), ("7", "int")])
def test_what_is_no_mapping_is_refused(text: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ValueError, match=f"must hold a mapping of settings, got {name}"):
        read_mapping(tmp_path / "config.yaml")


def test_what_is_within_bounds_is_read_as_ever(tmp_path: Path) -> None:
    deep = "[" * (DEPTH - 1) + "]" * (DEPTH - 1)
    for text in (
        "",
        "# nothing",
        "a: &x {b: 1, c: [2.5, null, yes]}\nd: *x\ne: {<<: *x, b: 3}",
        f"{{a: {deep[1:-1]}}}",
    ):
        (tmp_path / "config.yaml").write_text(text)
        assert read_mapping(tmp_path / "config.yaml") == (yaml.safe_load(text) or {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("[" * (DEPTH + 1) + "]" * (DEPTH + 1), "at most 50 deep"),
        ('{"a":' * (DEPTH + 1) + "1" + "}" * (DEPTH + 1), "at most 50 deep"),
        (r'["\ud800"]', "half of a surrogate pair"),
        (r'{"a": {"\udfff": 1}}', "half of a surrogate pair"),
        (b"[\xff]", "can't decode"),
    ],
)
def test_json_out_of_bounds_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(text)


def test_json_within_bounds_is_read() -> None:
    deep = "[" * DEPTH + "]" * DEPTH
    for text in (deep, r'{"\ud83d\ude00": "\\ud800"}', "NaN", '"x"', "[{}, [1e400]]"):
        assert str(parse_json(text)) == str(json.loads(text))


def test_recipes_that_ship_are_within_bounds() -> None:
    recipes = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
    assert recipes
    for path in recipes:
        assert read_mapping(path) == yaml.safe_load(path.read_text())
