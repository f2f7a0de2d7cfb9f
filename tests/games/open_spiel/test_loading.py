"""Which games of OpenSpiel can be played, and the one line about each that can't, whoever wrote its name."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from chesspg.games.open_spiel import OpenSpiel
from chesspg.games.open_spiel.loading import load, misfits
from chesspg.policy import files
from chesspg.policy.files import PolicyFileError
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy

pyspiel = pytest.importorskip("pyspiel")


def test_a_name_has_only_parameters_that_are_not_at_their_defaults() -> None:
    assert load("breakthrough")[0] == "breakthrough"
    assert load("breakthrough()")[0] == "breakthrough"
    assert load("breakthrough(rows=8, columns=6)")[0] == "breakthrough(columns=6)"
    assert load("breakthrough(rows=6,columns=6)")[0] == "breakthrough(columns=6,rows=6)"
    assert load("hex(swap=true)")[0] == "hex(swap=True)"
    assert load("go(board_size=9,komi=6.5)")[0] == "go(board_size=9,komi=6.5)"
    assert load("nim(pile_sizes=2;2)")[0] == "nim(pile_sizes=2;2)"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("breakthru", "unknown game of OpenSpiel 'breakthru'; expected one of breakthrough"),
        ("qqqqqqqq", "unknown game of OpenSpiel 'qqqqqqqq'; expected one of amazons, antichess, breakthrough, "),
        ("backgammon", "backgammon can't be played: it has chance; expected a game of two players who move in turn"),
        ("oh_hell", "oh_hell can't be played: it has chance and it has hidden information and it has 3 to 7 players"),
        ("phantom_ttt", "phantom_ttt can't be played: it has hidden information; expected"),
        ("goofspiel", "its players move at the same time"),
        ("mfg_crowd_modelling", "it has crowds of players"),
        ("cliff_walking", "it has 1 player and it is not a zero-sum game and it has rewards before the end"),
        ("efg_game(filename=/etc/passwd)", "it is made from another game or from a file"),
        ("misere(game=tic_tac_toe())", "misere can't be played: it is made from another game or from a file; expected"),
        ("", "name must be a game of OpenSpiel, such as 'breakthrough' or 'breakthrough(rows=6,columns=6)', got ''"),
        ("chess\n", r"got 'chess\n'"),
        ("a" * 10_000, "got 'aaaa"),
        ("hex(" + "1" * 10_000 + ")", "got 'hex(1"),
        ("tic_tac_toe(rows=4)", "tic_tac_toe takes no parameters; got 'rows=4'"),
        ("breakthrough(size=4)", "breakthrough takes columns, rows; got 'size=4'"),
        ("breakthrough(4)", "breakthrough takes columns, rows; got '4'"),
        ("breakthrough(rows=4,rows=5)", "rows is given twice in breakthrough(rows=4,rows=5)"),
        ("breakthrough(rows=x)", "rows of breakthrough must be a whole number from 1 to 1,000, got 'x'"),
        ("breakthrough(rows=1.5)", "rows of breakthrough must be a whole number"),
        ("breakthrough(rows=1)", "OpenSpiel can't play breakthrough(rows=1): rows_ > 1"),
        ("breakthrough(columns=100)", "it has no letters for the squares of so large a board"),
        ("connect_four(rows=0)", "rows of connect_four must be a whole number from 1 to 1,000, got '0'"),  # it crashes
        ("crazyhouse(insanity=2147483647)", "insanity of crazyhouse must be"),  # it never returns
        ("gomoku(dims=9)", "gomoku(dims=9) has more than 32,767 actions"),  # all memory
        ("gomoku(dims=40,size=1)", "gomoku(dims=40,size=1) has more than 32,767 actions"),  # it never returns
        ("gomoku(dims=14,size=2)", "gomoku(dims=14,size=2) has more than 32,767 actions"),
        ("hive(board_size=26)", "OpenSpiel can't play hive(board_size=26): "),  # it can't be observed
        ("breakthrough(columns=900,rows=900)", "breakthrough(columns=900,rows=900) has 9,720,000 actions; expected 1"),
        ("connect_four(columns=900,rows=900)", "has 2,430,000 numbers; expected 1 to 65,536"),
        ("go(komi=nan)", "komi of go must be a number from -1000 to 1,000, got 'nan'"),
        ("hex(swap=1)", "swap of hex must be True or False, got '1'"),
        ("antichess(fen=x)", "fen of antichess must be whole numbers below 1,000 with ; between them, got 'x'"),
        ("nim(pile_sizes=0)", "OpenSpiel can't play nim(pile_sizes=0): Wrong type for parameter pile_sizes"),
        ("nim(pile_sizes=0;0)", "nim(pile_sizes=0;0) can't be played: it is over before the first move"),
        ("hex(num_cols=9,num_rows=1)", "a position that is not over has no legal action"),
        ("chess(chess960=True)", "chess(chess960=True) can't be played: it has chance"),
        ("quoridor(players=4)", "quoridor(players=4) can't be played: it has 4 players; expected 2"),
        ("dots_and_boxes(utility_margin=True)", "its results are from -4 to 4; expected a win, a draw or a loss"),
    ],
)
def test_what_can_not_be_played_is_refused_in_one_line(
    name: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError) as caught:
        OpenSpiel(name)
    whole = str(caught.value)
    assert message in whole
    assert "\n" not in whole
    assert len(whole) < 600
    assert capfd.readouterr() == ("", "")  # OpenSpiel's own lines are not shown


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match=r"name must be a game of OpenSpiel, .*, got 5"):
        OpenSpiel(5)  # type: ignore[arg-type]


def test_without_open_spiel_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspiel", None)
    with pytest.raises(ValueError, match=r'pip install "chesspg\[open_spiel\]"'):
        OpenSpiel("tic_tac_toe")


def test_thirty_games_fit_and_all_of_them_can_be_loaded() -> None:
    fitting = [kind.short_name for kind in pyspiel.registered_games() if not misfits(kind)]
    assert len(fitting) >= 30
    for name in fitting:
        assert load(name)[0] == name


@pytest.mark.parametrize(
    "name",
    ["connect_four(rows=0)", "gomoku(dims=9)", "gomoku(dims=40,size=1)", "efg_game(filename=secret)", 5, "x" * 999],
)
def test_a_game_in_a_file_from_a_stranger_does_no_harm(tmp_path: Path, name: object) -> None:
    game = OpenSpiel("tic_tac_toe")
    torch.manual_seed(0)
    policy = Policy(game, MLP(game, hidden=[4]))
    path = tmp_path / "policy.safetensors"
    files.save(path, policy)
    assert files.load(path).game.init_args == {"name": "tic_tac_toe"}
    spec = {"class_path": "chesspg.games.open_spiel.OpenSpiel", "init_args": {"name": name}}
    files.write(path, replace(files.header_of(policy), game=spec), policy.network.state_dict())
    with pytest.raises(PolicyFileError) as caught:
        files.load(path)
    assert "\n" not in str(caught.value)
