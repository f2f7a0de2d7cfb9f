"""The page as text: its content, and that nothing from a run folder can be more than text."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from chesspg.games.chess import Chess
from chesspg.pgn.writing import save_pgn, to_pgn
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.report import page
from chesspg.report.runs import read_run

FOOL = "startpos moves f2f3 e7e5 g2g4 d8h4"
METRICS = "total_plies,score/random,length\n0,0.5,\n123456.789,0.25,7\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run with one sample game."""
    folder = tmp_path / "run"
    (folder / "games").mkdir(parents=True)
    (folder / "config.yaml").write_text("seed: 1\nclip: 0.2\n")
    (folder / "metrics.csv").write_text(METRICS)
    save_pgn(folder / "games" / "rollout-000000.pgn", [to_pgn(Chess(), FOOL, {"Event": "self-play, rollout 0"})])
    torch.manual_seed(0)
    files.save(folder / "last.safetensors", Policy(Chess(), MLP(Chess(), hidden=(8,), value=True)))
    return folder


def page_of(*folders: Path) -> tuple[str, dict[str, Any]]:
    """The page of these runs, and the data in it."""
    html = page.page([read_run(folder) for folder in folders])
    [block] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    return html, json.loads(block)


def test_what_stands_in_it(folder: Path) -> None:
    _, data = page_of(folder)
    [run], [game] = data["runs"], data["games"]
    assert run["name"] == "run"
    assert run["game"] == "chess"
    assert run["network"].startswith("MLP of ")
    assert run["config"] == "seed: 1\nclip: 0.2\n"
    assert run["last"] == {"total_plies": 123456.789}
    tables = {tuple(table["columns"]): table for table in run["tables"]}
    assert tables["score/random",] == {"clocks": {"plies": [0, 123460]}, "columns": {"score/random": [0.5, 0.25]}}
    assert game["names"] == ["f3", "e5", "g4", "Qh4#"]
    assert game["changes"] == ["13.21P", "36p52.", "14.30P", "31q59."]
    assert game["board"] == "RNBQKBNR" + "P" * 8 + "." * 32 + "p" * 8 + "rnbqkbnr"
    assert (game["event"], game["result"], game["termination"]) == ("self-play, rollout 0", "0-1", "checkmate")
    assert "players" not in game  # ? is not a name


def test_nothing_comes_from_elsewhere_and_only_its_own_script_runs(folder: Path) -> None:
    html, _ = page_of(folder)
    urls = set(re.findall(r"\w+://[^\s\"'<>]+", html))
    assert urls == {"http://www.w3.org/2000/svg"}  # an XML namespace, which no browser fetches
    assert not re.search(r"(src|href)=[\"']?(?!#)|@import|url\(", html.partition("<script type")[0])
    [script] = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in html


def test_hostile_text_stays_text(folder: Path) -> None:
    hostile = "</script><script>alert(1)</script><!--<script>{{data}}\u2028"
    harmless, _ = page_of(folder)
    (folder / "config.yaml").write_text(f'a: "{hostile}"', encoding="utf-8")
    (folder / "metrics.csv").write_text(f'total_plies,"score/{hostile}"\n1,2\n', encoding="utf-8")
    headers = dict.fromkeys(("Event", "White", "Black", "Termination"), hostile)
    save_pgn(folder / "games" / "rollout-000000.pgn", [to_pgn(Chess(), FOOL, headers)])
    name = folder.with_name("<script>alert(1)<")
    folder.rename(name)
    html, data = page_of(name)
    assert html.count("<script") == harmless.count("<script") == 2
    assert html.count("<!--") == harmless.count("<!--")
    assert data["runs"][0]["name"] == name.name
    assert data["runs"][0]["config"] == f'a: "{hostile}"'
    assert data["games"][0]["players"] == f"{hostile} – {hostile}"


def test_runs_of_the_same_name_and_the_settings_in_which_they_differ(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "more" / "run"
    other.mkdir(parents=True)
    (other / "config.yaml").write_text("seed: 2\nclip: 0.2\n")
    _, data = page_of(folder, other)
    assert [run["name"] for run in data["runs"]] == [str(folder), str(other)]
    assert data["settings"] == {"seed": ["1", "2"]}


def test_what_is_missing_is_said(folder: Path) -> None:
    def notes() -> str:
        return " · ".join(page_of(folder)[1]["runs"][0]["notes"])

    assert "in progress, or stopped a moment ago" in notes()
    assert "its metrics do not count seconds" in notes()
    os.utime(folder / "metrics.csv", (1e9, 1e9))
    assert "in progress" not in notes()
    (folder / "metrics.csv").write_text("total_plies,length\n1,2\n")
    assert "no evaluations yet" in notes()
    (folder / "metrics.csv").unlink()
    assert "nothing logged yet" in notes()
    with (folder / "games" / "rollout-000000.pgn").open("a") as file:
        file.write('[Event "of another game"]\n\n1. a9 *\n')
    (folder / "games" / "rollout-000010.pgn").write_text('[Event "of another game"]\n\n1. a9 *\n')
    assert "1 sample games are left out" in notes()
    (folder / "last.safetensors").write_bytes(b"damaged")
    assert "no sample games: " in notes()
    assert "is not a policy file" in notes()


def test_runs_share_the_room_for_games(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (10, 20):
        pgn = folder / "games" / f"against-greedy{number}-000100.pgn"
        save_pgn(pgn, [to_pgn(Chess(), FOOL, {"White": white, "Black": "x"}) for white in ("policy", "x")])
    monkeypatch.setattr(page, "GAMES", 6)
    _, data = page_of(folder, folder)
    assert [game["run"] for game in data["games"]] == [0, 0, 0, 1, 1, 1]
