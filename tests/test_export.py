"""`python -m chesspg.export`: what it writes, and what it refuses."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import onnx
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


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports an empty ONNX file, at once."""
    model = onnx.helper.make_model(onnx.helper.make_graph([], "x", [], []), producer_name=exporting.PRODUCER)
    monkeypatch.setattr(exporting, "to_onnx", lambda *_: (model.SerializeToString(), 0.0))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
    exec(code.replace("...", "0, 4, 8"), names)
    assert names["probabilities"].shape == (3,)
    assert names["probabilities"].sum() == pytest.approx(1)
    assert names["value"].shape == (1,)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("full", ["mine.onnx", "mine.md"])
@pytest.mark.parametrize("before", [True, False])
def test_on_a_full_disk_both_files_stay_as_they_were(
    before: bool, full: str, policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    synced = ["mine.md", "mine.onnx"]

    def fsync(_: int) -> None:
        if synced.pop() == full:
            raise OSError(errno.ENOSPC, "No space left on device")

    arguments = [str(policy), "--onnx", str(tmp_path / "mine.onnx")]
    if before:
        assert export.main(arguments) == 0
        files.save(policy, files.load(policy), {"games": 13})
        capsys.readouterr()
    earlier = contents(tmp_path)
    monkeypatch.setattr(os, "fsync", fsync)
    assert refused([*arguments], capsys) == f"error: {tmp_path / full}: No space left on device\n"
    assert contents(tmp_path) == earlier


@pytest.mark.usefixtures("quick")
def test_the_card_of_an_earlier_export_is_no_note_for_the_next(policy: Path) -> None:
    texts = []
    for _ in range(2):
        assert export.main([str(policy), "--onnx", str(policy.with_suffix(".onnx"))]) == 0
        texts.append(policy.with_suffix(".md").read_text())
    assert texts[0] == texts[1]


@pytest.mark.parametrize("name", ["config.yaml", "last.md"])
def test_a_card_takes_only_texts_that_lie_beside_the_policy(
    name: str, policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "private").write_text("secret")
    beside = policy.with_name(name)
    arguments = [policy, "--onnx", tmp_path / "mine.onnx"]
    beside.symlink_to(tmp_path / "private")
    assert f"{beside} is a symbolic link, so its text is not shown" in refused(arguments, capsys)
    beside.unlink()
    for content in (b"\xff", b"a\0", b"\x1b[31m", b"a" * 2_000_000):
        beside.write_bytes(content)
        assert f"{beside}, which the card would have, must be a text in UTF-8" in refused(arguments, capsys)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["private", "run"]


ABOUT = exporting.metadata(Policy(TicTacToe(), MLP(TicTacToe())), {}, "1.2.3")
ROW = {
    "player": "me", "rating": 811.6, "low": 780.2, "high": 844.9, "games": 440, "wins": 300, "draws": 40, "losses": 100,
    "truncated": 0, "forfeits": 0, "score": 0.72, "facts": {}, "key": "", "against": {"greedy": 400, "random": 40},
}  # fmt: skip


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


def test_texts_of_a_stranger_stay_within_their_cell() -> None:
    facts = {"\x1b[31m\n---\n": "a\u202eb`\n---\nlicense: mit", "long": "x" * 100_000, "score": float("nan")}
    about = exporting.metadata(Policy(TicTacToe(), MLP(TicTacToe())), facts, "1")
    assert json.loads(json.dumps(about, allow_nan=False))["policy"]["facts"]["score"] == "NaN"
    rating = {**ROW, "anchor": "<b>x</b>"}
    text = card.card("m.onnx", about, parameters=9, value=False, rating=rating, notes="", configuration="")
    assert header(text)["license"] == "unknown"
    assert "| \\\\x1b\\[31m --- | `a\\u202eb' --- license: mit` |\n" in text
    assert "on which `<b>x</b>` has 0 Elo" in text
    assert len(text) < 5000


@pytest.mark.parametrize(
    "change",
    [{"low": None}, {"rating": "x"}, {"games": 0.5}, {"against": {"x": "y"}}, {"against": []}, {"high": 1e400}],
)
def test_a_damaged_ladder_is_one_line(change: dict[str, Any], policy: Path, tmp_path: Path) -> None:
    ladder = tmp_path / "ladder.json"
    empty = dict.fromkeys(("game", "conditions", "meetings", "cycles"))
    for players in ([{**ROW, "key": policy_key(policy), **change}], [change], change, 1):
        ladder.write_text(json.dumps({"anchor": "random", "players": players, **empty}))
        with pytest.raises(ValueError, match=r"--ratings .*ladder\.json is damaged; chesspg ladder writes such a file"):
            export.rating_of(policy, ladder)


def test_the_rating_is_that_of_the_same_file(policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shipped = files.resolve("chess_quick")
    found = export.rating_of(shipped, None)
    assert found is not None
    assert found["player"] == "chess_quick"
    assert export.rating_of(policy, None) is None
    ladder = tmp_path / "ladder.json"
    rows = [{**ROW, "key": policy_key(policy)}]
    empty = dict.fromkeys(("game", "conditions", "meetings", "cycles"))
    ladder.write_text(json.dumps({"anchor": "random", "players": rows, **empty}))
    assert export.rating_of(policy, ladder) == {"anchor": "random", **rows[0]}
    said = refused(["chess_quick", "--onnx", tmp_path / "x.onnx", "--ratings", ladder], capsys)
    assert f"--ratings {ladder} has no rating of {shipped}; chesspg ladder {shipped} random --json FILE" in said


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
        ([policy, "--onnx", tmp_path / "out"], "--onnx must be a file name of printable characters that ends with"),
        ([policy, "--onnx", tmp_path / "a\nb.onnx"], "of printable characters that ends with .onnx, got"),
        ([policy, "--onnx", tmp_path / "a\0.onnx"], r"a\x00.onnx"),
        ([policy, "--onnx", tmp_path / "\udcff.onnx"], r"\udcff.onnx"),
        ([policy, "--onnx", tmp_path / "none" / "out.onnx"], f"there is no folder {tmp_path / 'none'}"),
        ([policy, "--onnx", tmp_path / "folder.onnx"], "is a folder; expected the name of a file"),
        ([policy, "--onnx", tmp_path / "other.onnx"], "holds something other than what --onnx writes"),
        ([policy, "--onnx", tmp_path / "noted.onnx"], "noted.md holds something other than what --onnx writes"),
        ([policy, "--onnx", out, "--ratings", tmp_path / "none"], "is not a file that chesspg ladder wrote"),
    ):
        assert reason in refused(arguments, capsys)
    monkeypatch.setattr(exporting, "NEEDED", ("onnx", "not_installed"))
    assert "export needs not_installed; install it with `pip install" in refused([policy, "--onnx", out], capsys)
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
