"""How players of a ladder are identified, and which players a folder stands for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from chesspg.arena.ladder.entries import Entry, entry, expand, policy_path
from chesspg.players.player import Greedy, Random


def test_a_policy_is_known_by_its_content(runs: Path, tmp_path: Path) -> None:
    path = runs / "chess" / "last.safetensors"
    copied = Path(shutil.copy(path, tmp_path / "copy.safetensors"))
    keys = [entry(text, Random()).key for text in (str(path), str(path.with_suffix(".ckpt")), f"file:{copied}")]
    assert len(set(keys)) == 1
    assert entry(f"{path}?temperature=0", Random()).key not in keys
    copied.write_bytes((runs / "tic_tac_toe" / "last.safetensors").read_bytes())
    assert entry(str(copied), Random()).key not in keys
    assert entry("greedy?random=0.5", Greedy()) == Entry("greedy?random=0.5", "greedy?random=0.5")
    assert policy_path("random") is policy_path("nowhere") is policy_path("uci:stockfish?nodes=1") is None


def test_an_engine_is_known_by_its_version() -> None:
    class Engine(Random):
        version = "Fish 15.1"

    class Mixed(Random):
        player = Engine()

    assert entry("uci:fish", Engine()).key == "uci:fish (Fish 15.1)"
    assert entry("uci:fish?random=0.5", Mixed()).key == "uci:fish?random=0.5 (Fish 15.1)"


def test_a_folder_of_a_player_s_name_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "random").mkdir()
    assert expand(["random", "greedy"]) == ["random", "greedy"]


def test_a_folder_stands_for_its_policy_files(runs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "pool").mkdir(parents=True)
    shutil.copy(runs / "chess" / "last.safetensors", run / "best.safetensors")
    shutil.copy(runs / "chess" / "last.safetensors", run / "last.safetensors")
    with pytest.raises(ValueError, match=r"needs at least 2 players, got 1: .*best.safetensors"):
        expand([str(run)])
    shutil.copy(runs / "tic_tac_toe" / "last.safetensors", run / "pool" / "000010.safetensors")
    files = [str(run / "best.safetensors"), str(run / "pool" / "000010.safetensors")]
    assert expand(["random", str(run)]) == ["random", *files]
    assert expand([f"{run}?temperature=0.5"]) == [f"{file}?temperature=0.5" for file in files]
    (run / "last.ckpt").write_text("beside its policy file")
    (run / "epoch=4.ckpt").write_text("as a Trainer of one's own leaves it")
    assert expand([str(run)]) == [files[0], str(run / "epoch=4.ckpt"), files[1]]
    assert len(expand([str(run), f"{run}?temperature=0.5"])) == 6
    with pytest.raises(ValueError, match=r"last.safetensors is the same player as .*best.safetensors; each"):
        expand(["random", str(run), str(run / "last.safetensors")])
    again = shutil.copy(run / "best.safetensors", tmp_path / "copy.safetensors")
    with pytest.raises(ValueError, match=r"copy.safetensors is the same player as .*best.safetensors; each player"):
        expand(["random", str(run / "best.safetensors"), str(again)])
    with pytest.raises(ValueError, match="random is given twice"):
        expand(["random", "greedy", "random"])
    with pytest.raises(ValueError, match="half has no policy file"):
        expand(["random", str(runs / "half")])
