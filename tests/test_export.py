"""`python -m chesspg.export`: what it writes, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import yaml

from chesspg import export
from chesspg.arena.ladder.entries import policy_key
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import card, files
from chesspg.policy import onnx as exporting
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    game = TicTacToe()
    path = tmp_path / "run" / "last.safetensors"
    path.parent.mkdir()
    files.save(path, Policy(game, MLP(game, hidden=(4,), value=True)), {"games": 12, "note": "a | b\n<b>`c`</b>"})
    return path


def refused(arguments: list[object], capsys: pytest.CaptureFixture[str]) -> str:
    """The error line of a command that must fail and write nothing."""
    with pytest.raises(SystemExit) as ended:
        export.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (2, "", 1)
    return err


def header(text: str) -> Any:
    return yaml.safe_load(text.split("---\n")[1])


@pytest.mark.slow
def test_a_policy_is_written_with_its_card_and_again_over_itself(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (policy.parent / "config.yaml").write_text("seed_everything: 3\n")
    path = tmp_path / "mine.onnx"
    for _ in range(2):
        assert export.main([str(policy.parent), "--onnx", str(path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert re.search(r"largest difference from torch on 1,000 positions: \de-0[6789]\n", out)
    assert "license `unknown`" in out
    about = json.loads(onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map["chesspg"])
    assert about["actions"] == ["a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3"]
    text = (tmp_path / "mine.md").read_text()
    assert header(text) == {
        "license": "unknown",
        "library_name": "onnx",
        "pipeline_tag": "reinforcement-learning",
        "tags": ["chesspg", "reinforcement-learning", "policy-gradient", "tic-tac-toe"],
    }
    assert "| games | `12` |" in text
    assert "| note | `a ¦ b <b>'c'</b>` |" in text
    assert "```yaml\nseed_everything: 3\n```" in text
    assert sorted(one.name for one in tmp_path.iterdir()) == ["mine.md", "mine.onnx", "run"]
    (tmp_path / "mine.md").write_text(text.replace("unknown", "mit"))
    said = refused([policy, "--onnx", path], capsys)
    assert said.startswith(f"error: {tmp_path / 'mine.md'} holds something other than what --onnx writes")


@pytest.mark.slow
def test_the_code_on_a_card_runs(policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.onnx"
    assert export.main([str(policy), "--onnx", str(path)]) == 0
    [code] = re.findall(r"```python\n(.*?)```", path.with_suffix(".md").read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code.replace("[...]", "[0, 4, 8]"), names)
    assert names["probabilities"].shape == (3,)
    assert names["probabilities"].sum() == pytest.approx(1)
    assert names["value"].shape == (1,)


ABOUT = exporting.metadata(Policy(TicTacToe(), MLP(TicTacToe())), {}, "1.2.3")
ROW = {"rating": 811.6, "low": 780.2, "high": 844.9, "games": 440, "against": {"greedy": 400, "random": 40}}


def write(**changed: Any) -> str:
    parts = {"parameters": 9, "value": False, "rating": None, "notes": "", "configuration": ""}
    return card.card("mine.onnx", ABOUT, **(parts | changed))


def test_a_card_has_the_rating_with_its_interval() -> None:
    text = write(rating={"anchor": "random", **ROW})
    [model] = header(text)["model-index"]
    assert model["name"] == "mine"
    [result] = model["results"]
    [metric] = result["metrics"]
    assert metric == {"type": "elo", "name": "Elo (95% interval 780 to 845)", "value": 812}
    assert {"task", "dataset", "metrics"} == result.keys()
    assert "812 Elo, with a 95% interval of 780 to 845" in text
    assert "440 games against `greedy` (400), `random` (40)" in text
    assert "model-index" not in header(write())


def test_a_card_has_the_notes_beside_the_policy_and_their_license() -> None:
    text = write(notes="# mine\n\nIt plays well.\n\n| license | GPL-3.0-or-later |\n")
    assert header(text)["license"] == "gpl-3.0"
    assert "\nIt plays well.\n" in text
    assert text.count("# mine\n") == 1


def test_a_card_that_was_edited_is_not_recognized(tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    for text, ours in ((write(), True), (write().replace("unknown", "mit"), False), ("", False), ("# a card", False)):
        path.write_text(text)
        assert card.is_card(path) is ours
    path.write_bytes(b"\xff\xfe")
    assert not card.is_card(path)


def test_no_text_ends_the_code_that_it_is_in() -> None:
    text = write(configuration="a: |\n  ```\n  <script>\n")
    assert "````yaml\na: |\n  ```\n  <script>\n````" in text


def test_the_rating_is_that_of_the_same_file(policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shipped = files.resolve("chess_quick")
    found = export.rating_of(shipped, None)
    assert found is not None
    assert found["player"] == "chess_quick"
    assert export.rating_of(policy, None) is None
    ladder = tmp_path / "ladder.json"
    rows = [{"player": "me", "key": policy_key(policy), **ROW}]
    empty = dict.fromkeys(("game", "conditions", "meetings", "cycles"))
    ladder.write_text(json.dumps({"anchor": "random", "players": rows, **empty}))
    assert export.rating_of(policy, ladder) == {"anchor": "random", **rows[0]}
    said = refused(["chess_quick", "--onnx", tmp_path / "x.onnx", "--ratings", ladder], capsys)
    assert f"--ratings {ladder} has no rating of {shipped}" in said


def test_bad_input_is_one_line_and_nothing_is_written(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(tmp_path.rglob("*"))
    (tmp_path / "other.onnx").write_bytes(b"somebody else's")
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "noted.md").write_text("notes")
    out = tmp_path / "out.onnx"
    for arguments, reason in (
        (["nobody", "--onnx", out], "no policy file at nobody; policies that ship: "),
        ([tmp_path / "other.onnx", "--onnx", out], f"{tmp_path / 'other.onnx'} is not a policy file"),
        ([policy, "--onnx", tmp_path / "out"], "--onnx must be a file name that ends with .onnx, got "),
        ([policy, "--onnx", tmp_path / "none" / "out.onnx"], f"there is no folder {tmp_path / 'none'}"),
        ([policy, "--onnx", tmp_path / "folder.onnx"], "is a folder; expected the name of a file"),
        ([policy, "--onnx", tmp_path / "other.onnx"], "holds something other than what --onnx writes"),
        ([policy, "--onnx", tmp_path / "noted.onnx"], "noted.md holds something other than what --onnx writes"),
        ([policy, "--onnx", out, "--ratings", tmp_path / "none"], "is not a file that chesspg ladder wrote"),
    ):
        assert reason in refused(arguments, capsys)
    monkeypatch.setattr(exporting, "NEEDED", ("onnx", "not_installed"))
    assert "export needs not_installed: pip install" in refused([policy, "--onnx", out], capsys)
    assert (tmp_path / "other.onnx").read_bytes() == b"somebody else's"
    for made in ("other.onnx", "noted.md"):
        (tmp_path / made).unlink()
    (tmp_path / "folder.onnx").rmdir()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_network_that_cannot_be_exported_writes_nothing(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("the network MLP can't be exported: it is a test")

    monkeypatch.setattr(exporting, "to_onnx", refuse)
    assert "can't be exported" in refused([policy, "--onnx", tmp_path / "out.onnx"], capsys)
    assert [one.name for one in tmp_path.iterdir()] == ["run"]
