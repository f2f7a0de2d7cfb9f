"""Player strings: every kind of player and every mistake."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chesspg.arena.default_player import default_player, newest_run
from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.minimax import Minimax
from chesspg.players.player import Greedy, Mixture, Random
from chesspg.players.policy_player import PolicyPlayer
from chesspg.players.roster import KINDS, game_of, player_from_string, players, policy_of
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy


def test_players_without_a_file() -> None:
    assert isinstance(player_from_string("random", Chess()), Random)
    assert isinstance(player_from_string("greedy"), Greedy)
    for text, depth in (("minimax", 2), ("minimax?depth=1", 1)):
        player = player_from_string(text, TicTacToe())
        assert isinstance(player, Minimax)
        assert player.depth == depth


def test_every_kind_takes_a_share_of_random_moves(runs: Path) -> None:
    for text in ("random", "greedy", "minimax?depth=1", f"{runs / 'chess'}?temperature=2"):
        player = player_from_string(f"{text}{'&' if '?' in text else '?'}random=0.25", Chess())
        assert isinstance(player, Mixture)
        assert player.random == 0.25
    assert isinstance(player.player, PolicyPlayer)
    assert player.player.policy.temperature == 2


def test_players_that_can_be_closed_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are closed too if the block raises, and if a later player can't be built."""
    closed: list[str] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    class Closed(Random):
        def __init__(self, target: str, concurrency: int) -> None:
            self.name = f"{target}{concurrency}"

        def close(self) -> None:
            closed.append(self.name)

    kind = replace(KINDS["uci"], build=lambda target, game, settings, concurrency: Closed(target, concurrency))
    monkeypatch.setitem(KINDS, "uci", kind)
    with pytest.raises(KeyboardInterrupt), players(["uci:a", "random", "uci:b?random=0.5"], Chess()) as made:
        interrupt()
    assert [type(player) for player in made] == [Closed, Random, Mixture]
    assert closed == ["b1", "a1"]
    with pytest.raises(ValueError, match="randm"), players(["uci:c", "randm"], Chess(), concurrency=3):
        pass
    assert closed[2:] == ["c3"]


@pytest.mark.parametrize("name", ["chess", "chess/last.safetensors", "chess/last.ckpt"])
def test_a_file_a_checkpoint_and_a_run_folder(runs: Path, name: str) -> None:
    for text in (str(runs / name), f"file:{runs / name}"):
        player = player_from_string(text, Chess())
        assert isinstance(player, PolicyPlayer)
        assert player.policy.temperature == 1.5


def test_a_policy_that_ships(ships: Path, runs: Path) -> None:
    shutil.copy(runs / "chess" / "last.safetensors", ships / "checkpoints" / "ours.safetensors")
    for text in ("ours?temperature=0.3", "file:ours?temperature=0.3"):
        player = player_from_string(text)
        assert isinstance(player, PolicyPlayer)
        assert player.policy.temperature == 0.3
    with pytest.raises(ValueError, match=r"no file 'our'; expected one of random, greedy.*; policies that ship: ours"):
        game_of(["our"])


def test_a_player_that_must_be_a_policy(runs: Path) -> None:
    path = str(runs / "chess")
    assert policy_of(f"{path}?temperature=0.3&random=0.1") == (path, {"temperature": 0.3, "random": 0.1})
    assert policy_of(f"file:{path}") == (path, {})
    for text in ("greedy", "random?random=0.1", "uci:stockfish", "minimax"):
        with pytest.raises(ValueError, match=r"is a player without a policy; expected a policy file, \.ckpt"):
            policy_of(text)
    with pytest.raises(ValueError, match="unknown policy 'nowhere': there is no file 'nowhere'; expected a policy"):
        policy_of("nowhere")
    with pytest.raises(ValueError, match="unknown option 'heat'"):
        policy_of(f"{path}?heat=1")


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
        ("", ("unknown player ''",)),
        ("file:", ("unknown player 'file:'",)),
        ("nowhere/last.ckpt?temperature=1", ("nowhere/last.ckpt", "random, greedy")),
        ("random?temperature=1", ("unknown option 'temperature'", "expected one of random")),
        ("random?random=2", ("random in 'random?random=2' must be a number from 0 to 1, got '2'",)),
        ("greedy?random=nan", ("'nan'", "from 0 to 1")),
        ("greedy?random=0.1&random=0.2", ("'random' is given twice",)),
        ("greedy?&random=0.1", ("unknown option ''",)),
        ("greedy?random=0.1&", ("unknown option ''",)),
        ("minimax?depth=0", ("depth in 'minimax?depth=0' must be a whole number from 1 to 3, got '0'",)),
        ("minimax?depth=4", ("from 1 to 3",)),
        ("minimax?depth=+2", ("from 1 to 3, got '+2'",)),
        ("minimax?depth=٢", ("from 1 to 3",)),
        ("minimax?depth=2.5", ("'2.5'",)),
        ("minimax:2", ("minimax:2",)),
        ("uci", ("unknown player 'uci': there is no file 'uci'; expected one of random, greedy", "uci:ENGINE")),
        ("uci:stockfish?nodes=0", ("nodes in", "whole number from 1 to 1,000,000,000,000, got '0'")),
        ("uci:stockfish?nodes=1_000", ("nodes in", "got '1_000'")),
        ("uci:stockfish?nodes=" + "9" * 5000, ("nodes in", "from 1 to 1,000,000,000,000, got '9")),
        ("uci:stockfish?depth=1001", ("depth in", "from 1 to 1,000")),
        ("uci:stockfish?movetime=99999999999", ("movetime in", "from 1 to 86,400,000")),
        ("uci:stockfish?timeout=1e300", ("timeout in", "from 0.001 to 86,400")),
        ("uci:stockfish?timeout=inf", ("timeout in", "got 'inf'")),
        ("uci:stockfish?depth=1.5", ("depth in", "got '1.5'")),
        ("uci:stockfish?movetime=0.1", ("movetime in", "whole number")),
        ("uci:stockfish?timeout=0", ("timeout in", "from 0.001 to 86,400, got '0'")),
        ("uci:stockfish?Hash=1&hash=2", ("'hash' is given twice",)),
        ("uci:stockfish?=3", ("unknown option ''",)),
        ("random:3", ("random:3",)),
        ("RUN?heat=1", ("heat", "temperature")),
        ("RUN?temperature=hot", ("'hot'", "number")),
        ("RUN?temperature=", ("temperature", "number")),
        ("RUN?temperature", ("temperature", "number")),
        ("RUN?temperature=-1", ("'-1'", "0 or a number from 0.01 to 100")),
        ("RUN?temperature=nan", ("'nan'",)),
        ("RUN?temperature=inf", ("'inf'",)),
        ("RUN?temperature=1&heat=2", ("heat",)),
        ("RUN/../half", ("no policy file",)),
    ],
)
def test_mistakes_are_named_in_one_line(runs: Path, text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError) as caught:  # the message is checked below
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
from chesspg.players.roster import game_of, player_from_string
game = game_of(["random", {str(runs / "tic_tac_toe")!r}])
play_match(game, player_from_string("random"), player_from_string("greedy"), 2)
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_a_network_that_is_not_known_is_reported_without_torch(runs: Path, tmp_path: Path) -> None:
    header = files.read_header(runs / "chess" / "last.safetensors")
    path = tmp_path / "theirs.safetensors"
    files.write(path, replace(header, network={"class_path": "theirs.Net", "init_args": {}}), {})
    code = f"""
import sys
from chesspg.players.roster import game_of
try:
    game_of([{str(path)!r}])
except ValueError as error:
    print(error)
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    message, torch_came = done.stdout.splitlines()
    assert message.startswith(f"{path} needs the network theirs.Net, which is not a class of chesspg")
    assert torch_came == "False"


def test_the_newest_run(tmp_path: Path) -> None:
    assert newest_run(tmp_path) is None
    assert newest_run(tmp_path / "nowhere") is None
    for age, name in enumerate(("c", "a", "b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "last.safetensors").touch()
        os.utime(tmp_path / name / "last.safetensors", (1000 - age, 1000 - age))
    (tmp_path / "unfinished").mkdir()
    assert newest_run(tmp_path) == tmp_path / "c"  # it is damaged, which is reported when it is played
    files.save(tmp_path / "c/last.safetensors", Policy(TicTacToe(), MLP(TicTacToe(), hidden=(2,))))
    assert newest_run(tmp_path) == newest_run(tmp_path, lambda game: isinstance(game, TicTacToe)) == tmp_path / "c"
    assert newest_run(tmp_path, lambda game: isinstance(game, Chess)) == tmp_path / "a"
    header = replace(files.read_header(tmp_path / "c"), game={"class_path": "my_module.Nim", "init_args": {}})
    files.write(tmp_path / "c/last.safetensors", header, {})
    assert newest_run(tmp_path) == tmp_path / "c"
    assert newest_run(tmp_path, lambda game: isinstance(game, Chess)) == tmp_path / "a"  # whatever Nim is


def test_who_plays_if_nobody_is_named(ships: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest run, else the highest rated policy that ships; one without a rating is never chosen."""
    monkeypatch.chdir(tmp_path)
    assert default_player() is None
    for name in ("a", "strong", "unrated", "weak"):
        (ships / "checkpoints" / f"{name}.safetensors").touch()
    assert default_player() is None
    ratings = {"a": 700, "weak": -3, "strong": 812.4, "strong?temperature=0": 900, "minimax?depth=2": 1373}
    rows = [{"player": name, "rating": rating, "low": rating, "high": rating} for name, rating in ratings.items()]
    (ships / "checkpoints" / "ratings.json").write_text(json.dumps({"players": rows}))
    assert default_player() == (
        "strong",
        "no run under ./checkpoints, so the strongest policy that ships, 812 Elo on the ladder",
    )
    (tmp_path / "checkpoints" / "run").mkdir(parents=True)
    (tmp_path / "checkpoints" / "run" / "last.safetensors").touch()
    assert default_player() == ("checkpoints/run", "the newest run under ./checkpoints")


def test_every_kind_says_how_it_is_written() -> None:
    assert all(kind.form and callable(kind.build) for kind in KINDS.values())


GAME = """
from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe

class {name}(TicTacToe):
    {body}
"""


def test_the_game_of_an_imported_module(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Players without a policy play it; the game of a policy has priority, and a module without a game is ignored."""
    monkeypatch.syspath_prepend(tmp_path)

    def imported(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        __import__(name)
        return name

    one = imported("roster_one", GAME.format(name="One", body='name = "one"'))
    two = imported("roster_two", GAME.format(name="Two", body='name = "two"'))
    none = imported("roster_none", "from chesspg.games.tic_tac_toe import TicTacToe\nx = 1\n")
    again = imported("roster_again", "from roster_one import One\n")
    sized = imported("roster_sized", GAME.format(name="Sized", body="def __init__(self, rows): pass"))
    broken = imported("roster_broken", GAME.format(name="Broken", body="def __init__(self): 1 / 0"))
    for modules in ([one], [again], [none, one], [one, again]):
        assert game_of(["random", "greedy"], modules).name == "one"
    assert game_of(["random", "greedy"], [none]).name == "chess"
    assert game_of(["random"], ["chesspg.games.tic_tac_toe"]).name == "tic-tac-toe"
    assert game_of(["random", str(runs / "chess")], [one]).name == "chess"
    for modules, message in (
        ([one, two], "--import roster_one --import roster_two defines several games, One, Two; name one of them"),
        (
            [sized],
            r"--import roster_sized: Sized can't be built without arguments \(missing .*'rows'\); give them as in "
            r"--game 'roster_sized.Sized\?name=value', or name a policy",
        ),
        ([broken], r"--import roster_broken: Broken\(\) raised ZeroDivisionError"),
    ):
        with pytest.raises(ValueError, match=message):
            game_of(["random"], modules)
