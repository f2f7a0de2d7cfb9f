"""Players by strings: every kind, every mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chesspg.arena.roster import KINDS, game_of, newest_run, player_from_string
from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.player import Greedy, Random
from chesspg.players.policy_player import PolicyPlayer


def test_players_without_a_file() -> None:
    assert isinstance(player_from_string("random", Chess()), Random)
    assert isinstance(player_from_string("greedy"), Greedy)


@pytest.mark.parametrize("name", ["chess", "chess/last.safetensors", "chess/last.ckpt"])
def test_a_file_a_checkpoint_and_a_run_folder(runs: Path, name: str) -> None:
    for text in (str(runs / name), f"file:{runs / name}"):
        player = player_from_string(text, Chess())
        assert isinstance(player, PolicyPlayer)
        assert player.policy.temperature == 1.5


def test_options(runs: Path) -> None:
    player = player_from_string(f"{runs / 'chess'}?temperature=0.3")
    assert isinstance(player, PolicyPlayer)
    assert player.policy.temperature == 0.3
    greedy = player_from_string(f"{runs / 'chess'}?temperature=0")
    assert isinstance(greedy, PolicyPlayer)
    assert greedy.greedy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("randm", ("randm", "random, greedy")),
        ("", ("no player",)),
        ("file:", ("no player",)),
        ("nowhere/last.ckpt?temperature=1", ("nowhere/last.ckpt", "random, greedy")),
        ("random?temperature=1", ("temperature", "takes none")),
        ("random:3", ("random:3",)),
        ("RUN?heat=1", ("heat", "temperature")),
        ("RUN?temperature=hot", ("'hot'", "number")),
        ("RUN?temperature=", ("temperature", "number")),
        ("RUN?temperature", ("temperature", "number")),
        ("RUN?temperature=-1", ("'-1'", "0 or more")),
        ("RUN?temperature=nan", ("'nan'",)),
        ("RUN?temperature=inf", ("'inf'",)),
        ("RUN?temperature=1&heat=2", ("heat",)),
        ("RUN/../half", ("no policy file",)),
    ],
)
def test_mistakes_are_named_in_one_line(runs: Path, text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError) as caught:  # the words are looked at below
        player_from_string(text.replace("RUN", str(runs / "chess")), Chess())
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_policy_of_another_game(runs: Path) -> None:
    with pytest.raises(ValueError, match="plays tic-tac-toe, not chess"):
        player_from_string(str(runs / "tic_tac_toe"), Chess())


def test_the_game_they_are_about(runs: Path) -> None:
    assert game_of(["random", "greedy"]).name == "chess"
    assert game_of([]).name == "chess"
    assert isinstance(game_of(["random", f"{runs / 'tic_tac_toe'}?temperature=2"]), TicTacToe)
    assert game_of([str(runs / "chess"), str(runs / "chess/last.ckpt")]).name == "chess"
    with pytest.raises(ValueError, match=r"chess plays chess and .*tic_tac_toe plays tic-tac-toe"):
        game_of([str(runs / "chess"), "random", str(runs / "tic_tac_toe")])
    with pytest.raises(ValueError, match="randm"):
        game_of(["randm"])


def test_neither_the_game_nor_players_without_networks_need_torch(runs: Path) -> None:
    code = f"""
import sys
from chesspg.arena.matches import play_match
from chesspg.arena.roster import game_of, player_from_string
game = game_of(["random", {str(runs / "tic_tac_toe")!r}])
play_match(game, player_from_string("random"), player_from_string("greedy"), 2)
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_the_newest_run(tmp_path: Path) -> None:
    assert newest_run(tmp_path) is None
    assert newest_run(tmp_path / "nowhere") is None
    for age, name in enumerate(("c", "a", "b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "last.safetensors").touch()
        os.utime(tmp_path / name / "last.safetensors", (1000 - age, 1000 - age))
    (tmp_path / "unfinished").mkdir()
    assert newest_run(tmp_path) == tmp_path / "c"


def test_every_kind_says_how_it_is_written() -> None:
    assert all(kind.form and callable(kind.build) for kind in KINDS.values())
